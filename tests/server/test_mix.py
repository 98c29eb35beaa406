# SPDX-License-Identifier: Apache-2.0
"""Everything at once, by several clients, with functions that come and go: nothing breaks, and nothing is left."""

import random

from kvickd import Behind, check, equal, until
from options import kvickd_options

CLIENTS, STEPS, SEED = 8, 120, 7
BODIES = (b"x", b"", b"y" * 70000, b"sleep 5", b"sleep 60", b"sleep 60000", b"crash", b"exit 3", b"twice", b"fail", b"big 100000",
          b"log 9", b"die 9", b"leave 1", b"reply and die", b"garbage noise", b"garbage outcome", b"slot fails now",
          b"slot fails then", b"times")
FAKES = (None, None, None, "slow slots", "slow reset", "one slot", "refuse", "die")
EXPECTED = {200, 201, 202, 204, 404, 409, 410, 422, 429, 500, 502, 503, 504}


def _leave(k, dice, name):
    body = dice.choice(BODIES)
    head = b"POST /v1/functions/%s/invocations HTTP/1.1\r\nHost: k\r\nContent-Length: %d\r\n\r\n" % (name.encode(), len(body))
    with k.raw() as s:
        part, stays = (head + body)[:dice.randrange(len(head) + len(body) + 1)], dice.random() < 0.3
        try:
            s.sendall(part)
            if stays:
                s.settimeout(0.02)
                s.recv(100)
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            pass  # it has answered before all of it came


def _register(k, dice, name):
    fake = dice.choice(FAKES)
    fields = {"name": name, "image": "f.elf", "concurrency": dice.choice((1, 2, 8)), "warm": dice.choice((0, 1)),
              "queue": dice.choice((0, 2, 100)), "timeout": dice.choice((50, 500, 2000)),
              "environment": {"FAKE": fake} if fake else {}}
    return k.register(fields).status


def _one(k, dice, ids):
    name, what = "f%d" % dice.randrange(4), dice.random()
    if what < 0.12:
        return _register(k, dice, name)
    if what < 0.18:
        return k.delete("/v1/functions/" + name).status
    if what < 0.30:
        _leave(k, dice, name)
        return 200
    if what < 0.45:
        answer = k.call(dice.choice(BODIES), name, headers={"Prefer": "respond-async"})
        if answer.status == 202:
            ids.append(answer.json()["id"])
        return answer.status
    if what < 0.60 and ids:
        path = "/v1/invocations/" + dice.choice(ids)
        return k.request(*dice.choice((("GET", path), ("DELETE", path), ("GET", path + "/result"), ("GET", path + "/log")))).status
    if what < 0.65:
        return k.get(dice.choice(("/metrics", "/healthz", "/v1/functions"))).status
    body = dice.choice(BODIES)
    return k.call(b"sleep 20" if body == b"sleep 60000" else body, name).status


def _client(k, seed):
    dice, ids, seen = random.Random(seed), [], set()
    for _ in range(STEPS):
        seen.add(_one(k, dice, ids))
    return seen


@kvickd_options("--cancel-time", "100ms", "--idle-time", "50ms", "--keep", "50")
def all_at_once_by_several_clients_leaves_nothing(k):
    before = k.descriptors()
    clients = [Behind(_client, k, SEED * CLIENTS + i) for i in range(CLIENTS)]
    seen = set()
    for client in clients:
        client.join(120)
        seen |= client.answer()
    check(seen <= EXPECTED, "statuses: %r" % sorted(seen - EXPECTED))
    for function in k.get("/v1/functions").json()["functions"]:
        k.delete("/v1/functions/" + function["name"])
    until(lambda: not k.workers(), "workers are gone")
    until(lambda: k.metric("kvick_active_invocations") == 0, "all are over")
    until(lambda: k.descriptors() <= before, "descriptors are as before")
    equal(k.metric("kvick_functions"), 0)
