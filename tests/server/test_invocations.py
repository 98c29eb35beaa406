# SPDX-License-Identifier: Apache-2.0
"""Invocations: replies and failures, the queue, time-outs, those that nobody waits for, cancelling, logs."""

import os
import re

from kvickd import Behind, check, equal, until
from options import kvickd_options


def _fails(k, body, status, code, **more):
    answer = k.call(body, **more)
    equal((answer.status, answer.error()[0]), (status, code), repr(body))
    check("Kvick-Invocation" in answer.headers, "no Kvick-Invocation")
    return answer


def body_in_is_body_out_whatever_is_in_it(k):
    k.function()
    for body in (b"", b"x", bytes(range(256)) * 7, b"\0" * 100000, os.urandom(6 << 20)):
        answer = k.call(body)
        equal((answer.status, answer.headers["Content-Type"]), (200, "application/octet-stream"))
        check(answer.body == body, "another body of %d bytes for one of %d" % (len(answer.body), len(body)))


def a_body_in_chunks_is_one_body(k):
    k.function()
    body = os.urandom(1400000)
    answer = k.call(body, headers={"Transfer-Encoding": "chunked"})
    equal(answer.status, 200)
    check(answer.body == body, "another body")


def one_connection_serves_many_requests(k):
    k.function()
    connection = k.connect()
    for i in range(100):
        equal(k.call(b"%d" % i, connection=connection).body, b"%d" % i)
        equal(k.call(b"crash", connection=connection).status, 502)
    equal(k.metric("kvick_connections_total") < 20, True)
    connection.close()


def a_body_of_more_than_6_mib_is_refused(k):
    k.function()
    for headers, body in (({}, b"x" * ((6 << 20) + 1)), ({"Expect": "100-continue"}, b"")):
        connection = k.connect()
        connection.putrequest("POST", "/v1/functions/f/invocations")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body) or (1 << 40)))
        connection.endheaders()
        answer = connection.getresponse()  # before any of the body
        equal(answer.status, 413)
        check(b"body_too_large" in answer.read(), "no JSON")
        connection.close()
    equal(k.call(b"x").status, 200)
    answer = k.call(b"x" * ((6 << 20) + 1))
    equal(answer.status, 413)


def the_header_says_where_the_time_went(k):
    k.function()
    k.warm()
    timing = k.call(b"sleep 20").headers["Server-Timing"]
    match = re.fullmatch(r"queue;dur=(\d+\.\d{3}), launch;dur=(\d+\.\d{3});desc=(hit|miss), guest;dur=(\d+\.\d{3}), "
                         r"total;dur=(\d+\.\d{3})", timing)
    check(match, timing)
    equal(match.group(3), "hit")
    check(float(match.group(4)) >= 20 and float(match.group(5)) >= float(match.group(4)), timing)


def times_that_cannot_have_been_are_not_shown(k):
    k.function()
    timing = k.call(b"times").headers["Server-Timing"]
    check(timing.startswith("queue;dur=0.000, launch;dur=0.000;"), timing)


def the_first_of_a_cold_function_is_a_miss_and_the_next_a_hit(k):
    k.function(warm=0)
    check("desc=miss" in k.call(b"x").headers["Server-Timing"], "no miss")
    k.warm()
    check("desc=hit" in k.call(b"x").headers["Server-Timing"], "no hit")
    equal((k.metric("kvick_starts_total", start="hit"), k.metric("kvick_starts_total", start="miss")), (1, 1))


def a_guest_that_does_not_reply_is_a_502_with_the_reason(k):
    k.function()
    equal(_fails(k, b"crash", 502, "crashed").json()["error"]["message"], "page fault at 0x10 ??")
    check("status 7" in _fails(k, b"exit 7", 502, "no_reply").json()["error"]["message"], "no status")
    equal(_fails(k, b"twice", 502, "broke_off").json()["error"]["message"], "the guest answered twice")
    _fails(k, b"fail", 500, "host_failed")
    equal(k.call(b"x").status, 200)


def a_time_out_is_a_504_and_its_slot_comes_back(k):
    k.function(concurrency=1, timeout=1000)
    answer = _fails(k, b"sleep 60000", 504, "timed_out")
    k.warm()
    equal(k.status(answer.id())["status"], "timed_out")
    equal(k.get("/v1/invocations/%s/log" % answer.id()).body, b"was cancelled\n")
    equal(k.call(b"x").status, 200)
    equal(k.metric("kvick_worker_deaths_total"), 0)


def time_in_the_queue_counts(k):
    k.function(concurrency=1, timeout=300)
    first = k.call_async(b"sleep 60000")
    check(k.call(b"x").status in (200, 504), "second")
    equal(k.over(first)["status"], "timed_out")


@kvickd_options("--cancel-time", "100ms")
def a_guest_that_does_not_end_costs_its_worker_its_life(k):
    k.function(concurrency=4, timeout=100)
    k.function("other")
    _fails(k, b"hang", 504, "timed_out")
    until(lambda: k.metric("kvick_worker_deaths_total", function="f") == 1, "the worker is replaced")
    until(lambda: any("did not come back" in line["reason"] for line in k.log("worker_gone")), "the reason is in the log")
    until(lambda: k.call(b"x").status == 200, "the function serves again")
    equal(k.metric("kvick_worker_deaths_total", function="other"), 0)


def requests_wait_in_line_and_one_too_many_is_a_429(k):
    k.function(concurrency=2, queue=2)
    running = [Behind(k.call, k.held) for _ in range(2)]
    k.busy(2)
    waiting = [Behind(k.call, b"x") for _ in range(2)]
    k.queued(2)
    answer = k.call(b"y")
    equal((answer.status, answer.error()[0]), (429, "queue_full"))
    check(int(answer.headers["Retry-After"]) >= 1, "no Retry-After")
    equal(k.call(b"y", headers={"Prefer": "respond-async"}).status, 429)
    k.release()
    equal([call.answer().status for call in running + waiting], [200] * 4)
    equal(k.metric("kvick_invocations_refused_total"), 2)


def without_a_queue_there_are_as_many_as_vms(k):
    k.function(concurrency=2, warm=0, queue=0)
    running = [Behind(k.call, k.held) for _ in range(2)]
    k.busy(2)
    equal(k.call(b"x").status, 429)
    k.release()
    equal([call.answer().status for call in running], [200] * 2)


def as_many_run_at_once_as_concurrency_says(k):
    k.function(concurrency=8, warm=1)
    calls = [Behind(k.call, k.held) for _ in range(8)]
    k.busy(8)
    k.release()
    equal([call.answer().status for call in calls], [200] * 8)


@kvickd_options("--idle-time", "50ms")
def a_pool_shrinks_to_warm_when_it_is_idle(k):
    k.function(concurrency=8, warm=2)
    calls = [Behind(k.call, k.held) for _ in range(8)]
    k.busy(8)
    k.release()
    equal([call.answer().status for call in calls], [200] * 8)
    until(lambda: k.get("/v1/functions/f").json()["slots"] == {"making": 0, "warm": 2, "busy": 0, "queued": 0}, "two are left")
    equal(k.metric("kvick_slots_given_up_total"), 6)
    equal(k.call(b"x").status, 200)


def slow_slots_delay_only_who_waits_for_them(k):
    k.function(concurrency=4, warm=1, fake="slow slots")
    k.warm()
    first, second = Behind(k.call, b"sleep 100"), Behind(k.call, b"x")
    equal((first.answer().status, second.answer().status), (200, 200))


def a_slot_that_is_reset_takes_the_next_when_it_is_warm(k):
    k.function(concurrency=1, fake="slow reset")
    k.warm()
    first = Behind(k.call, k.held)
    k.busy(1)
    second = Behind(k.call, b"x")
    k.queued(1)
    k.release()
    check("desc=hit" in first.answer().headers["Server-Timing"], "no hit")
    check("desc=miss" in second.answer().headers["Server-Timing"], "no miss")


def an_asynchronous_call_has_a_status_a_result_and_a_log(k):
    k.function()
    answer = k.call(k.held, headers={"Prefer": "wait=5, respond-async"})
    equal(answer.status, 202)
    id = answer.json()["id"]
    equal((answer.headers["Location"], answer.id()), ("/v1/invocations/" + id, id))
    for part in ("result", "log"):
        early = k.get("/v1/invocations/%s/%s" % (id, part))
        equal((early.status, early.error()[0]), (409, "not_over"))
    k.release()
    status = k.over(id)
    equal((status["status"], status["function"], status["result_bytes"]), ("succeeded", "f", 5))
    for _ in range(2):
        equal(k.get("/v1/invocations/%s/result" % id).body, b"slept")
    equal(k.delete("/v1/invocations/" + id).error()[0], "is_over")


def the_result_of_one_that_failed_is_its_error(k):
    k.function(timeout=1000, concurrency=1)
    for body, status in ((b"crash", 502), (b"fail", 500), (b"sleep 5000", 504)):
        id = k.call_async(body)
        shown = k.over(id)
        answer = k.get("/v1/invocations/%s/result" % id)
        equal((answer.status, answer.json()["error"]), (status, shown["error"]))


def the_result_goes_to_the_client_that_waited_for_it(k):
    k.function()
    id = k.call(b"x").id()
    equal(k.status(id)["status"], "succeeded")
    equal(k.get("/v1/invocations/%s/result" % id).error()[0], "not_kept")


def the_guests_log_is_kept_apart(k):
    k.function()
    id = k.call(b"log 65536").id()
    answer = k.get("/v1/invocations/%s/log" % id)
    equal((answer.body, answer.headers["Kvick-Log-Cut"]), (b"l" * 65536, "true"))
    equal(k.get("/v1/invocations/%s/log" % k.call(b"crash").id()).body, b"report\n")
    equal(k.get("/v1/invocations/%s/log" % k.call(b"x").id()).body, b"")


def what_runs_or_waits_can_be_cancelled(k):
    k.function(concurrency=1, timeout="60s")
    sync = Behind(k.call, b"sleep 60000")
    k.busy(1)
    waiting = k.call_async(b"sleep 60000")
    equal(k.status(waiting)["status"], "queued")
    equal(k.delete("/v1/invocations/" + waiting).status, 204)
    equal(k.status(waiting)["status"], "cancelled")
    equal(k.get("/v1/invocations/%s/result" % waiting).error()[0], "cancelled")
    waiting = k.call_async(b"sleep 60000")
    k.delete("/v1/functions/f")
    equal(sync.answer().status, 410)
    equal(k.status(waiting)["status"], "cancelled")
    equal(k.get("/v1/invocations/%s/result" % waiting).error()[0], "function_removed")


def a_call_that_somebody_else_cancels_is_a_409(k):
    k.function(concurrency=1, timeout="60s", warm=0)
    other = k.call_async(b"x")
    k.over(other)
    call = Behind(k.call, b"sleep 60000")
    k.busy(1)
    # IDs are one after another.
    equal(k.delete("/v1/invocations/%016x" % (int(other, 16) + 1)).status, 204)
    equal((call.answer().status, call.answer().error()[0]), (409, "cancelled"))
    k.warm()
    equal(k.call(b"x").status, 200)


def ids_that_are_none_are_not_found(k):
    for id in ("0" * 16, "x", "0" * 15, "0" * 17, "0" * 15 + "G", "-1", "..", "%2e%2e"):
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/result"), ("GET", "/log")):
            equal(k.request(method, "/v1/invocations/" + id + path).status, 404)


@kvickd_options("--keep", "5")
def so_many_are_kept(k):
    k.function()
    ids = [k.call(b"x").id() for _ in range(8)]
    equal([k.get("/v1/invocations/" + id).status for id in ids], [404] * 3 + [200] * 5)
    equal(k.metric("kvick_kept_invocations"), 5)


@kvickd_options("--keep-bytes", "1M")
def so_many_bytes_are_kept(k):
    k.function()
    ids = [k.call_async(b"big 400000") for _ in range(4)]
    until(lambda: k.metric("kvick_active_invocations") == 0, "all are over")
    equal([k.get("/v1/invocations/" + id).status for id in ids].count(200), 2)
    # One that is larger than all of it.
    id = k.call_async(b"big 2000000")
    until(lambda: k.get("/v1/invocations/" + id).status == 404, "it is not kept")
    until(lambda: k.metric("kvick_body_bytes") < 1 << 20, "its memory is given back")


@kvickd_options("--keep-time", "100ms")
def so_long_they_are_kept(k):
    k.function()
    id = k.call(b"x").id()
    until(lambda: k.get("/v1/invocations/" + id).status == 404, "it is forgotten")
    equal(k.metric("kvick_kept_invocations"), 0)


@kvickd_options("--keep", "0", "--keep-bytes", "0")
def nothing_is_kept_where_nothing_may_be(k):
    k.function(timeout=1000)
    equal(k.call(b"x").status, 200)
    equal(k.call(b"sleep 5000").status, 504)  # its slot comes back when nobody knows it any more
    k.call_async(b"x")
    until(lambda: k.metric("kvick_active_invocations") == 0, "all are over")
    equal(k.metric("kvick_kept_invocations"), 0)


@kvickd_options("--max-bytes", "8M")
def bodies_have_a_limit_together(k):
    k.function()
    head = b"POST /v1/functions/f/invocations HTTP/1.1\r\nHost: k\r\nContent-Length: 6000000\r\n\r\n"
    held = [k.raw() for _ in range(2)]
    for s in held:
        s.sendall(head)
    held[0].sendall(b"x" * 3500000)
    until(lambda: k.metric("kvick_body_bytes") >= 3500000, "a body is in memory")
    answer = k.call(b"x" * (6 << 20))
    equal((answer.status, answer.error()[0]), (503, "out_of_memory"))
    # It was promised room when there was some, and there is none when it comes.
    try:
        held[1].sendall(b"x" * 6000000)
    except (BrokenPipeError, ConnectionResetError):
        pass
    check(held[1].recv(1000).startswith(b"HTTP/1.1 503 "), "no 503")
    for s in held:
        s.close()
    until(lambda: k.call(b"x" * (6 << 20)).status == 200, "there is room again")
    until(lambda: k.metric("kvick_body_bytes") == 0, "its memory is given back")


def metrics_are_what_prometheus_reads(k):
    k.function("a")
    k.function("b")
    for body in (b"x", b"crash", b"y"):
        k.call(body, "a")
    text = k.get("/metrics").body.decode()
    names, types = set(), set()
    for line in text.splitlines():
        if line.startswith("# "):
            kind, name = line.split()[1:3]
            check(kind == "HELP" or name not in types, "two types of " + name)
            types |= {name} if kind == "TYPE" else set()
            continue
        match = re.fullmatch(r'([a-z_]+)(\{([a-z]+="[^"]*"(,|(?=\})))*\})? [0-9.e+-]+', line)
        check(match, line)
        check(line.split(" ")[0] not in names, "twice: " + line)
        names.add(line.split(" ")[0])
        check(match.group(1) in types or re.sub(r"_(bucket|sum|count)$", "", match.group(1)) in types, "no type: " + line)
    equal(k.metric("kvick_invocations_total", function="a", status="succeeded"), 2)
    equal(k.metric("kvick_invocations_total", function="a", status="failed"), 1)
    equal(k.metric("kvick_invocation_seconds_count", function="a"), 2)
    equal(k.metric("kvick_invocation_seconds_bucket", function="a", le="+Inf"), 2)
    equal(k.metric("kvick_request_bytes_total", function="a"), 7)


@kvickd_options("--keep", "100", program="kvickd")
def ten_thousand_calls_leave_nothing(k):
    k.function(concurrency=4, warm=4)
    k.warm(count=4)  # no more are made meanwhile
    connection = k.connect()
    for i in range(2000):
        k.call(b"x" * 100, connection=connection)
    descriptors, resident = k.descriptors(), k.resident_kib()
    for i in range(10000):
        k.call(b"x" * 100, connection=connection)
    check(k.descriptors() <= descriptors + 4, "more descriptors than slots that may have been made since")
    check(k.resident_kib() < resident + 4096, "%d KiB more" % (k.resident_kib() - resident))
    connection.close()

