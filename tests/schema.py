# SPDX-License-Identifier: Apache-2.0
"""What our documents use of JSON Schema. A keyword that is not known here is an error: it would be promised and not looked at."""

import re

TYPES = {"string": str, "boolean": bool, "object": dict, "array": list, "null": type(None)}
NO_RULES = {"$schema", "$defs", "title", "description", "default", "example", "format"}
RULES = {"$ref", "nullable", "oneOf", "type", "const", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength",
         "required", "properties", "additionalProperties", "items"}


def resolve(schema, document):
    while "$ref" in schema:
        node = document
        for part in schema["$ref"].lstrip("#/").split("/"):
            node = node[part]
        schema = node
    return schema


def has_type(value, names):
    for name in [names] if isinstance(names, str) else names:
        if name in ("integer", "number"):
            if isinstance(value, int if name == "integer" else (int, float)) and not isinstance(value, bool):
                return True
        elif isinstance(value, TYPES[name]):
            return True
    return False


def faults_of_object(value, schema, document, where):
    properties, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    found = ["%s: %s is missing" % (where, name) for name in schema.get("required", []) if name not in value]
    for name, each in value.items():
        if name in properties:
            found += faults(each, properties[name], document, where + "." + name)
        elif more is False:
            found.append("%s: %s is not documented" % (where, name))
        elif isinstance(more, dict):
            found += faults(each, more, document, where + "." + name)
    return found


def faults(value, schema, document, where="body"):
    """What of `value` is not as `schema` of `document` has it, a line each."""
    schema = resolve(schema, document)
    unknown = schema.keys() - RULES - NO_RULES
    if unknown:
        raise ValueError("%s: the schema has %s, of which nothing is known here" % (where, ", ".join(sorted(unknown))))
    if value is None and schema.get("nullable"):
        return []
    if "oneOf" in schema:
        return [] if any(not faults(value, one, document, where) for one in schema["oneOf"]) else [where + ": none of oneOf"]
    if "type" in schema and not has_type(value, schema["type"]):
        return ["%s: %r is no %s" % (where, value, schema["type"])]
    found = []
    if "const" in schema and value != schema["const"] or "enum" in schema and value not in schema["enum"]:
        found.append("%s: %r is not %r" % (where, value, schema.get("enum", schema.get("const"))))
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            found.append("%s: %r is not as %s" % (where, value, schema["pattern"]))
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            found.append("%s: %r is too short or too long" % (where, value))
    if has_type(value, "number") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        found.append("%s: %r is out of range" % (where, value))
    if isinstance(value, dict):
        found += faults_of_object(value, schema, document, where)
    if isinstance(value, list) and "items" in schema:
        for i, each in enumerate(value):
            found += faults(each, schema["items"], document, "%s[%d]" % (where, i))
    return found
