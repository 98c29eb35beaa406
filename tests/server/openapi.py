# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.json against what kvickd answers: status, type and schema of each answer are there, and each of them was seen."""

import json
import os
import re

from schema import faults

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

METHODS = ("get", "post", "delete", "put", "patch", "head", "options")
# What any path may answer, before it is looked at: docs/SERVICE.md.
ANYWHERE = {(400, None), (403, "foreign_origin"), (404, "no_such_path"), (405, "method_not_allowed"), (408, "client_too_slow"),
            (413, "body_too_large"), (431, None), (503, "out_of_memory"), (503, "too_many_connections")}

# Seen only by who asks on a connection that is busy in the moment in which kvickd begins to stop.
RARE = {("/healthz", "get", "503")}

with open(os.path.join(ROOT, "docs/openapi.json")) as _file:
    DOCUMENT = json.load(_file)

seen = set()  # (path, method, status)


class Undocumented(Exception):
    pass


def documented_path(path):
    for template in DOCUMENT["paths"]:
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), path):
            return template
    return None


def check_answer(method, path, answer):
    if method == "HEAD":
        return
    template = documented_path(path.split("?")[0])
    operation = DOCUMENT["paths"].get(template, {}).get(method.lower()) if template else None
    response = operation and operation["responses"].get(str(answer.status))
    if not response:
        # Where the server has only its library's word, there is no JSON.
        code = answer.json()["error"]["code"] if answer.headers.get("Content-Type") == "application/json" else None
        if (answer.status, code) in ANYWHERE:
            return
        raise Undocumented("%s %s: %d is not documented: %r" % (method, path, answer.status, answer.body[:200]))
    seen.add((template, method.lower(), str(answer.status)))
    type_have = (answer.headers.get("Content-Type") or "").split(";")[0]
    content = response.get("content")
    if content is None:
        if answer.body:
            raise Undocumented("%s %s: %d has a body, and should have none" % (method, path, answer.status))
        return
    if type_have not in content:
        raise Undocumented("%s %s: %d is %s, and should be %s" % (method, path, answer.status, type_have, " or ".join(content)))
    if type_have == "application/json":
        found = faults(answer.json(), content[type_have]["schema"], DOCUMENT)
        if found:
            raise Undocumented("%s %s: %d: %s" % (method, path, answer.status, "; ".join(found)))


def documented():
    return {(path, method, status) for path, item in DOCUMENT["paths"].items() for method in METHODS if method in item
            for status in item[method]["responses"]}
