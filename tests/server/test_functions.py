# SPDX-License-Identifier: Apache-2.0
"""Functions: registered, listed, shown, removed; and what is refused, by name of the field."""

import os

from kvickd import Behind, check, equal, until
from options import kvickd_options

GOOD = {"name": "f", "image": "f.elf"}


def _refused(k, status, code, field, fields):
    answer = k.register(fields)
    equal((answer.status, *answer.error()), (status, code, field), "%.80r" % (fields,))


def _wrong(k, code, **fields):
    """One field, which is named."""
    field = next(iter(fields))
    _refused(k, 400, code, field, dict(GOOD, **fields))


def a_function_is_registered_shown_listed_and_removed(k):
    answer = k.register({"name": "a-b_1", "image": "f.elf", "memory": "64M", "concurrency": 3, "warm": 2, "queue": 5,
                         "timeout": "2s", "environment": {"B": "2", "A": "1"}, "arguments": ["x", "y z"]})
    equal(answer.status, 201)
    equal(answer.headers["Location"], "/v1/functions/a-b_1")
    shown = k.get("/v1/functions/a-b_1").json()
    for field, value in {"name": "a-b_1", "image": "f.elf", "memory": 64 << 20, "concurrency": 3, "warm": 2, "queue": 5,
                         "timeout": 2000, "environment": {"A": "1", "B": "2"}, "arguments": ["x", "y z"], "state": "ready"}.items():
        equal(shown[field], value, field)
    equal([each["name"] for each in k.get("/v1/functions").json()["functions"]], ["a-b_1"])
    equal(k.delete("/v1/functions/a-b_1").status, 204)
    equal(k.get("/v1/functions").json(), {"functions": []})
    equal(k.get("/v1/functions/a-b_1").status, 404)
    equal(k.delete("/v1/functions/a-b_1").status, 404)
    equal(k.call(name="a-b_1").status, 404)


def numbers_and_units_mean_the_same(k):
    k.function("a", memory=2 << 20, timeout=1500)
    k.function("b", memory="2M", timeout="1.5s")
    a, b = (k.get("/v1/functions/" + name).json() for name in "ab")
    equal((a["memory"], a["timeout"]), (b["memory"], b["timeout"]))


def null_is_as_if_the_field_were_not_there(k):
    k.function(memory=None, warm=None, snapshot=None)


def a_snapshot_is_a_directory(k):
    equal(k.register({"name": "s", "snapshot": "snapshot"}).status, 201)
    answer = k.register({"name": "t", "snapshot": "f.elf"})
    equal((answer.status, *answer.error()), (422, "refused", "snapshot"))


def what_is_no_json_is_refused(k):
    for text in ("", "{", "{}x", "\xff", '{"name":', "nul", '{"name":"a","name":"b","image":"f.elf"}', "[" * 30000, '{"a":' * 8000,
                 b"\x00\x01\x02", '{"name":"\\ud800"}', '{"name": 1e999999}'):
        answer = k.register(text if isinstance(text, bytes) else text.encode("latin-1"))
        equal((answer.status, *answer.error()), (400, "invalid_json", None), "%.40r" % text)


def what_is_no_object_is_refused(k):
    for text in ("[]", "[{}]"):
        _refused(k, 400, "wrong_type", None, text)


def huge_json_is_too_large(k):
    body = b'{"name":"' + b"a" * 70000 + b'"}'
    answer = k.register(body)
    equal((answer.status, answer.error()), (413, ("body_too_large", None)))
    # In chunks its size is known only when it is too late for the daemon's answer.
    answer = k.register(body, headers={"Transfer-Encoding": "chunked"})
    equal((answer.status, answer.error()), (413, ("body_too_large", None)))


def unknown_fields_are_refused_by_name(k):
    _wrong(k, "unknown_field", colour="red")
    _wrong(k, "unknown_field", Name="g")
    # A name from outside is shown, but cut, and printable.
    answer = k.register(dict(GOOD, **{"x\n\u00e9" + "y" * 500: 1}))
    code, field = answer.error()
    check(code == "unknown_field" and field.startswith("x???y") and len(field) < 130, field)


def wrong_types_are_refused_by_name(k):
    for field in ("name", "image", "snapshot", "memory", "concurrency", "warm", "queue", "timeout", "environment", "arguments"):
        no_text = field in ("concurrency", "warm", "queue", "environment", "arguments")
        for value in (True, 1.5, {"a": 1}, [1], "" if no_text else 0.5):
            fields = dict(GOOD, **{field: value})
            answer = k.register(fields)
            equal((answer.status, *answer.error()), (400, "wrong_type", field), "%s=%r" % (field, value))


def numbers_out_of_range_are_refused_by_name(k):
    for field, values in {"memory": (0, (2 << 20) - 4096, (64 << 30) + 4096, -1, 1 << 62), "concurrency": (0, -1, 1025),
                          "warm": (-1, 1025, 17), "queue": (-1, 129), "timeout": (0, -5, 3600001, 1 << 62)}.items():
        for value in values:
            _wrong(k, "out_of_range", **{field: value})
    for value in ("64Q", "", "M", "-1", "1e3", " 1M"):
        _wrong(k, "invalid_field", memory=value)
        _wrong(k, "invalid_field", timeout=value)
    _wrong(k, "invalid_field", memory=(2 << 20) + 1)
    _refused(k, 400, "invalid_json", None, '{"name":"f","image":"f.elf","warm":99999999999999999999}')
    _refused(k, 400, "out_of_range", "warm", dict(GOOD, concurrency=2, warm=3))


def names_are_letters_digits_dash_and_underscore(k):
    for name in ("../x", "a/b", "A", "-a", "_a", ".", "..", "a b", "a\u0000b", "\u00e4", "a\n", "%2e"):
        answer = k.register(dict(GOOD, name=name))
        check(answer.status == 400 and answer.error()[0] in ("invalid_field", "invalid_json"), "%r: %r" % (name, answer.body))
    for name in ("", "a" * 64):
        _wrong(k, "out_of_range", name=name)
    equal(k.register(dict(GOOD, name="a" * 63)).status, 201)


def images_stay_below_the_images_directory(k):
    for path in ("/etc/passwd", "../s", "a/../../s", "./f.elf", "a//b", "..", "f.elf/"):
        _wrong(k, "invalid_field", image=path)
    os.symlink("/etc/passwd", os.path.join(k.images, "out"))
    os.symlink("../log", os.path.join(k.images, "up"))
    os.symlink("f.elf", os.path.join(k.images, "in"))
    os.mkfifo(os.path.join(k.images, "fifo"))
    for path in ("out", "up", "missing", "f.elf/x", "fifo", "snapshot"):
        _refused(k, 422, "refused", "image", {"name": "f", "image": path})
    equal(k.register({"name": "f", "image": "in"}).status, 201)


def one_of_image_and_snapshot_is_there(k):
    _refused(k, 400, "missing_field", "image", {"name": "f"})
    _refused(k, 400, "missing_field", "name", {"image": "f.elf"})
    _refused(k, 400, "invalid_field", "snapshot", dict(GOOD, snapshot="snapshot"))
    _refused(k, 400, "invalid_field", "memory", {"name": "f", "snapshot": "snapshot", "memory": "2M"})


def arguments_and_environment_have_limits(k):
    _wrong(k, "out_of_range", arguments=["a" * 25000])
    _wrong(k, "out_of_range", environment={"A": "a" * 25000})
    for name in ("", "1A", "A=B", "A B"):
        _wrong(k, "invalid_field", environment={name: "x"})
    _wrong(k, "wrong_type", environment={"A": 1})
    equal(k.register(dict(GOOD, arguments=["a" * 24575], environment={"A": "b" * 24573})).status, 201)
    k.warm()
    equal(k.call(b"x").status, 200)


def a_name_is_there_once(k):
    k.function()
    _refused(k, 409, "duplicate_name", "name", GOOD)
    equal(k.get("/v1/functions/f").json()["state"], "ready")


def an_image_that_the_worker_refuses_is_refused_with_its_reason(k):
    answer = k.register(dict(GOOD, environment={"FAKE": "refuse"}))
    equal((answer.status, *answer.error()), (422, "refused", "image"))
    check("it has no note" in answer.json()["error"]["message"], answer.body)
    equal(k.get("/v1/functions").json(), {"functions": []})


def a_worker_that_dies_at_its_start_refuses_the_function(k):
    for fake, word in (("die", "signal 11"), ("leave", "exit status 3"), ("noise", "type 99")):
        answer = k.register(dict(GOOD, environment={"FAKE": fake}))
        equal((answer.status, *answer.error()), (502, "worker_died", "image"), fake)
        check(word in answer.json()["error"]["message"], answer.body)
    equal(k.get("/v1/functions").json(), {"functions": []})


def a_function_that_is_being_registered_is_nobodys_yet(k):
    registration = Behind(k.register, dict(GOOD, environment={"FAKE": "silent"}))
    until(lambda: k.get("/v1/functions").json()["functions"], "it is being registered")
    equal(k.call().status, 404)
    equal(k.delete("/v1/functions/f").error()[0], "being_registered")
    _refused(k, 409, "duplicate_name", "name", GOOD)
    answer = registration.answer()  # the worker does not get ready in time
    equal((answer.status, answer.error()[0]), (502, "worker_died"))


def whoever_registers_and_leaves_leaves_nothing(k):
    connection = k.connect()
    connection.request("POST", "/v1/functions", body='{"name":"f","image":"f.elf","environment":{"FAKE":"silent"}}')
    until(lambda: k.get("/v1/functions").json()["functions"], "it is being registered")
    connection.close()
    until(lambda: not k.get("/v1/functions").json()["functions"], "it is gone")
    until(lambda: not k.workers(), "its worker is gone")


@kvickd_options("--max-functions", "2")
def no_more_functions_than_allowed(k):
    k.function("a")
    k.function("b")
    answer = k.register({"name": "c", "image": "f.elf"})
    equal((answer.status, answer.error()[0]), (503, "too_many_functions"))
    check("Retry-After" in answer.headers, "no Retry-After")
    k.delete("/v1/functions/a")
    until(lambda: k.register({"name": "c", "image": "f.elf"}).status == 201, "there is room again")


def invocations_of_a_function_that_is_removed_end(k):
    k.function(concurrency=1, timeout="60s")
    running, queued = Behind(k.call, b"sleep 60000"), None
    k.busy(1)
    queued = Behind(k.call, b"x")
    k.queued(1)
    equal(k.delete("/v1/functions/f").status, 204)
    for call in (running, queued):
        equal((call.answer().status, call.answer().error()[0]), (410, "function_removed"))
    until(lambda: not k.workers(), "its worker is gone")


def functions_that_come_and_go_leave_nothing(k):
    for i in range(3):
        k.function("warmup", warm=4)
        k.delete("/v1/functions/warmup")
    until(lambda: not k.workers(), "workers are gone")
    before = k.descriptors()
    for i in range(30):
        k.function("f%d" % i, warm=4)
        k.call(b"x", "f%d" % i)
        k.delete("/v1/functions/f%d" % i)
        k.register({"name": "g", "image": "missing"})
    until(lambda: not k.workers(), "workers are gone")
    until(lambda: k.descriptors() <= before, "descriptors are as before")
