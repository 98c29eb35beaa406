# SPDX-License-Identifier: Apache-2.0
"""kvickd with its own worker and guests of the tree: what the worker without VMs only says is so here."""

import hashlib
import os
import subprocess

from kvickd import Behind, Kvickd, check, equal, until
from tap import Skipped


def _start(start, *options, **more):
    if subprocess.run([os.path.join(Kvickd.build, "kvick"), "doctor"], capture_output=True).returncode:
        raise Skipped("KVM cannot be used here")
    return start("--images", os.path.join(Kvickd.build, "guests"), "--worker", os.path.join(Kvickd.build, "kvick-worker"),
                 "--kvm", "/dev/kvm", *options, **more).started()


def a_guest_gets_the_body_and_its_reply_is_the_answer(start):
    k = _start(start)
    k.function(image="echo.elf", concurrency=2)
    for body in (b"", b"x", bytes(range(256)) * 300, os.urandom(6 << 20)):
        answer = k.call(body)
        equal(answer.status, 200)
        check(answer.body == body, "another body of %d bytes for one of %d" % (len(answer.body), len(body)))
    k.warm()
    timing = k.call(b"x").headers["Server-Timing"]
    check("desc=hit" in timing and "guest;dur=0.000" not in timing, timing)
    k.stop()


def guests_calculate(start):
    k = _start(start)
    k.function("sum", image="sum.elf")
    k.function("sha256", image="sha256.elf")
    equal(int(k.call(b"1000", "sum").body), 500500)
    body = os.urandom(100000)
    equal(k.call(body, "sha256").body.split()[0].decode(), hashlib.sha256(body).hexdigest())
    k.stop()


def no_call_sees_another(start):
    k = _start(start)
    k.function(image="counter.elf", concurrency=2, warm=2)
    for _ in range(20):
        calls = [Behind(k.call) for _ in range(4)]
        equal([call.answer().body for call in calls], [b"1\n"] * 4)
    k.stop()


def a_snapshot_is_called_like_an_image(start):
    k = _start(start)
    snapshot = os.path.join(k.directory, "taken")
    kvick, image = os.path.join(Kvickd.build, "kvick"), os.path.join(Kvickd.build, "guests", "counter.elf")
    subprocess.run([kvick, "snapshot", image, "-o", snapshot], check=True, capture_output=True)
    k.stop()
    k = _start(start, "--images", k.directory, directory=k.directory)
    k.function(image=None, snapshot="taken", concurrency=2, warm=2)
    for _ in range(20):
        calls = [Behind(k.call) for _ in range(4)]
        equal([call.answer().body for call in calls], [b"1\n"] * 4)
    k.stop()


def a_guest_that_dies_is_a_502_with_its_crash(start):
    k = _start(start)
    k.function(image="crasher.elf", concurrency=1)
    for way in ("null", "divide", "invalid-opcode"):
        answer = k.call(way.encode())
        equal((answer.status, answer.error()[0]), (502, "crashed"), way)
        check(k.get("/v1/invocations/%s/log" % answer.id()).body, "no report in the log")
    answer = k.call(b"exit")
    equal((answer.status, answer.error()[0]), (502, "no_reply"))
    check("status 3" in answer.json()["error"]["message"], answer.body)
    equal(k.metric("kvick_worker_deaths_total"), 0)
    k.stop()


def a_guest_that_loops_is_ended(start):
    k = _start(start, "--cancel-time", "10s")
    k.function(image="crasher.elf", concurrency=1, timeout=300)
    for _ in range(2):
        answer = k.call(b"loop")
        equal((answer.status, answer.error()[0]), (504, "timed_out"))
        k.warm()
    equal(k.metric("kvick_worker_deaths_total"), 0)
    k.stop()


def a_client_that_leaves_ends_its_guest(start):
    k = _start(start, "--cancel-time", "10s")
    k.function(image="sleeper.elf", concurrency=1, timeout="60s")
    with k.raw() as s:
        s.sendall(b"POST /v1/functions/f/invocations HTTP/1.1\r\nHost: k\r\nContent-Length: 5\r\n\r\n60000")
        k.busy(1)
    k.warm()
    equal(k.call(b"1").status, 200)
    equal(k.metric("kvick_worker_deaths_total"), 0)
    k.stop()


def what_is_no_image_is_refused_with_the_reason(start):
    k = _start(start)
    os.makedirs(os.path.join(Kvickd.build, "guests", "exec"), exist_ok=True)
    answer = k.register({"name": "f", "snapshot": "exec"})
    equal((answer.status, *answer.error()), (422, "refused", "snapshot"))
    check(answer.json()["error"]["message"], "no reason")
    equal(k.get("/v1/functions").json(), {"functions": []})
    k.stop()


def a_worker_that_is_killed_is_replaced(start):
    k = _start(start)
    k.function(image="sleeper.elf", concurrency=2, timeout="60s")
    call = Behind(k.call, b"60000")
    k.busy(1)
    os.kill(k.workers()[0], 9)
    answer = call.answer()
    equal((answer.status, answer.error()[0]), (502, "worker_died"))
    until(lambda: k.call(b"1").status == 200, "it was replaced")
    k.stop()
