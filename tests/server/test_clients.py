# SPDX-License-Identifier: Apache-2.0
"""Clients that want harm, or have little time: slow ones, ones that leave, floods, what is no HTTP."""

import errno
import json
import os
import resource
import select
import socket
import time

from kvickd import Behind, check, equal, until
from tap import Failed
from options import kvickd_options

INVOKE = b"POST /v1/functions/f/invocations HTTP/1.1\r\nHost: k\r\nContent-Length: %d\r\n\r\n"


def _all_of(s):
    """What comes until the other side closes."""
    text = b""
    while True:
        try:
            part = s.recv(65536)
        except ConnectionResetError:
            return text
        if not part:
            return text
        text += part


def _send(s, data):
    try:
        s.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass


def _refusal(s, status, code):
    text = _all_of(s)
    check(text.startswith(b"HTTP/1.1 %d " % status), text[:200])
    equal(json.loads(text.split(b"\r\n\r\n", 1)[1])["error"]["code"], code)


@kvickd_options("--client-timeout", "1s")
def a_slow_client_is_a_408(k):
    k.function()
    for part in (b"", b"POST /v1/fun", INVOKE % 5, INVOKE % 5 + b"abc"):
        with k.raw() as s:
            s.sendall(part)
            _refusal(s, 408, "client_too_slow")
    # Byte for byte it is no quicker.
    with k.raw() as s:
        for byte in INVOKE[:60]:
            time.sleep(0.02)
            _send(s, bytes([byte]))
        _refusal(s, 408, "client_too_slow")
    equal(k.call(b"x").status, 200)
    check(k.metric("kvick_clients_timed_out_total") >= 5, "not counted")


@kvickd_options("--client-timeout", "1s")
def a_client_that_does_not_read_is_let_go(k):
    k.function()
    before = k.metric("kvick_body_bytes")
    with k.raw() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        body = b"big 6000000"
        s.sendall(INVOKE % len(body) + body)
        until(lambda: k.metric("kvick_invocations_total", status="succeeded") == 1, "the reply is there")
        until(lambda: k.metric("kvick_body_bytes") == before, "it is given up")
        check(len(_all_of(s)) < 6000000, "all of it came")


@kvickd_options("--client-timeout", "1s")
def a_connection_that_is_idle_is_closed_without_a_word(k):
    with k.raw() as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: k\r\n\r\n")
        text = _all_of(s)
        check(text.startswith(b"HTTP/1.1 200 ") and text.count(b"HTTP/1.1") == 1, text)


@kvickd_options("--client-timeout", "1s")
def who_waits_for_a_guest_has_all_the_time_that_it_takes(k):
    k.function()
    equal(k.call(b"sleep 1500").body, b"slept")


def a_client_that_leaves_cancels_its_call(k):
    k.function(concurrency=1, timeout="60s")
    id = k.call(b"x").id()
    before = k.descriptors()
    for _ in range(20):
        with k.raw() as s:
            s.sendall(INVOKE % 11 + b"sleep 60000")
            k.busy(1)
        k.warm()
    equal(k.status("%016x" % (int(id, 16) + 1))["status"], "cancelled")
    equal(k.metric("kvick_invocations_total", status="cancelled"), 20)
    until(lambda: k.descriptors() <= before, "descriptors are as before")


def a_client_that_leaves_the_queue_makes_room_in_it(k):
    k.function(concurrency=1, queue=1, timeout="60s")
    first = Behind(k.call, k.held)
    k.busy(1)
    with k.raw() as s:
        s.sendall(INVOKE % 1 + b"x")
        k.queued(1)
    k.queued(0)
    k.release()
    equal(k.call(b"y").status, 200)
    equal(first.answer().status, 200)


def a_client_that_leaves_in_its_body_leaves_nothing(k):
    k.function()
    k.warm()
    before = k.descriptors()
    for bytes_sent in (0, 1, 65536, 1000000, 5999999):
        with k.raw() as s:
            s.sendall(INVOKE % 6000000 + b"x" * bytes_sent)
    until(lambda: k.metric("kvick_body_bytes") == 0, "its memory is given back")
    until(lambda: k.descriptors() <= before, "descriptors are as before")
    equal(k.metric("kvick_starts_total"), 0)


def a_client_that_leaves_before_its_reply_is_no_loss(k):
    k.function(concurrency=2)
    for _ in range(200):
        s = k.raw()
        s.sendall(INVOKE % 1 + b"x")
        s.close()
    equal(k.call(b"y").status, 200)
    until(lambda: k.metric("kvick_active_invocations") == 0 == k.metric("kvick_body_bytes"), "all are over")


def one_that_has_nothing_more_to_send_still_gets_its_reply(k):
    k.function()
    with k.raw() as s:
        s.sendall(INVOKE % 9 + b"sleep 100")
        s.shutdown(socket.SHUT_WR)
        check(_all_of(s).endswith(b"slept"), "no reply")


def pipelined_requests_are_answered_in_order(k):
    k.function()
    with k.raw() as s:
        for i in range(50):
            s.sendall(INVOKE % 2 + b"%02d" % i)
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: k\r\nConnection: close\r\n\r\n")
        text = _all_of(s)
    equal(text.count(b"HTTP/1.1 200 "), 51)
    at = [text.index(b"\r\n\r\n%02d" % i) for i in range(50)]
    equal(at, sorted(at))


def headers_in_floods_are_refused(k):
    for flood in (b"X: " + b"a" * 100000, b"\r\n".join(b"X-%d: a" % i for i in range(20000))):
        with k.raw() as s:
            _send(s, b"GET /healthz HTTP/1.1\r\nHost: k\r\n" + flood + b"\r\n\r\n")
            answer = _all_of(s)
            check(answer.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 413 ", b"HTTP/1.1 400 ")), answer[:100])
    with k.raw() as s:
        _send(s, b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: k\r\n\r\n")
        answer = _all_of(s)
        check(answer.startswith((b"HTTP/1.1 414 ", b"HTTP/1.1 431 ", b"HTTP/1.1 400 ")), answer[:100])
    # Without an end.
    with k.raw() as s:
        s.settimeout(20)
        sent = 0
        try:
            s.sendall(b"GET /healthz HTTP/1.1\r\n")
            while sent < 100 << 20:
                sent += s.send(b"X: " + b"a" * 1000 + b"\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        check(sent < 4 << 20, "%d bytes of headers were taken" % sent)
    equal(k.get("/healthz").status, 200)


@kvickd_options("--client-timeout", "1s")
def what_is_no_http_is_refused(k):
    for text in (b"\r\n\r\n\r\n", b"hello\r\n\r\n", b"GET\r\n\r\n", b"GET /healthz HTTP/9.9\r\n\r\n",
                 b"\x16\x03\x01\x02\x00" + b"\0" * 600, b"GET /healthz HTTP/1.1\r\n\r\n", os.urandom(5000) + b"\r\n\r\n",
                 b"POST /v1/functions HTTP/1.1\r\nHost: k\r\nContent-Length: -1\r\n\r\n",
                 b"POST /v1/functions HTTP/1.1\r\nHost: k\r\nContent-Length: 99999999999999999999\r\n\r\n",
                 b"POST /v1/functions HTTP/1.1\r\nHost: k\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
                 b"POST /v1/functions HTTP/1.1\r\nHost: k\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"):
        with k.raw() as s:
            _send(s, text)
            s.shutdown(socket.SHUT_WR)
            answer = _all_of(s)
            check(not answer.startswith(b"HTTP/1.1 2"), "%r: %r" % (text[:60], answer[:60]))
        equal(k.get("/healthz").status, 200)
    equal(k.get("/healthz").status, 200)


def paths_that_are_not_there_are_a_404_and_methods_a_405(k):
    k.function()
    for path in ("/", "/v1", "/v1/", "/v1/functions/", "/v1/functions/f/", "/v1/functions/f/x", "/v1/functions//invocations",
                 "/v1/functions/../../healthz", "/v1/functions/%66", "/v1/functions/f%00", "/v1/functions/f%2finvocations",
                 "//healthz", "/healthz/", "/v1/functions/" + "a" * 64, "/v1/functions/" + "a" * 2000, "*"):
        answer = k.get(path)
        check(answer.status == 404 and answer.error()[0] in ("no_such_path", "no_such_function"), "%s: %r" % (path, answer.body))
    for method, path, allowed in (("PUT", "/v1/functions", "GET, POST"), ("POST", "/healthz", "GET"),
                                  ("GET", "/v1/functions/f/invocations", "POST"),
                                  ("OPTIONS", "/v1/functions/f", "GET, DELETE"), ("BREW", "/v1/functions", "GET, POST")):
        answer = k.request(method, path)
        equal((answer.status, answer.headers["Allow"], answer.error()[0]), (405, allowed, "method_not_allowed"), path)
    answer = k.request("HEAD", "/healthz")
    equal((answer.status, answer.headers["Content-Type"], answer.body), (200, "application/json", b""))


def a_query_does_not_change_a_path(k):
    equal(k.get("/healthz?x=1&y=/v1").status, 200)


def a_body_where_none_may_be_is_refused(k):
    for method in ("GET", "DELETE"):
        equal(k.request(method, "/v1/functions/f", body=b"x").error()[0], "body_too_large")


@kvickd_options("--max-connections", "20")
def one_client_too_many_is_a_503_and_the_others_do_not_notice(k):
    question, held = b"GET /healthz HTTP/1.1\r\nHost: k\r\n\r\n", []
    while len(held) < 20:
        held.append(k.raw())
        _send(held[-1], question)
        if not held[-1].recv(1000).startswith(b"HTTP/1.1 200 "):
            held.pop()  # another one, before, was not gone yet
    for _ in range(50):
        with k.raw() as s:
            _send(s, question)
            _refusal(s, 503, "too_many_connections")
    held[0].sendall(question)
    check(held[0].recv(1000).startswith(b"HTTP/1.1 200 "), "no answer")
    for s in held:
        s.close()
    until(lambda: _serves(k), "there is room again")
    check(k.metric("kvick_connections_refused_total") >= 50, "not counted")


def _serves(k):
    try:
        return k.get("/healthz").status == 200
    except Exception:
        return False


@kvickd_options("--max-connections", "4000", program="kvickd")
def ten_thousand_connections_leave_nothing(k):
    k.function()
    k.call(b"x")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    k.warm()
    before, at_once = k.descriptors(), min(10000, hard - 200)
    held = []
    try:
        for i in range(10000):
            if len(held) == at_once:
                held.pop(0).close()
            s = socket.socket(socket.AF_UNIX)
            s.setblocking(False)
            try:
                s.connect(k.socket)
            except BlockingIOError:  # the backlog is full: it comes when some have been taken
                time.sleep(0.01)
                s.setblocking(True)
                s.settimeout(20)
                s.connect(k.socket)
            held.append(s)
            if i % 3 == 0:
                _send(s, INVOKE % 100)
    finally:
        for s in held:
            s.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    until(lambda: _serves(k), "it serves")
    equal(k.call(b"x").status, 200)
    check(k.metric("kvick_connections_total") > 9000, "they did not come")
    until(lambda: k.descriptors() <= before, "descriptors are as before")
    resident = k.resident_kib()
    for _ in range(3000):
        k.raw().close()
    until(lambda: k.descriptors() <= before, "descriptors are as before")
    check(k.resident_kib() < resident + 8192, "%d KiB more" % (k.resident_kib() - resident))


def _few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (220, 220))


def descriptors_that_run_out_are_waited_for(start):
    _few_descriptors.fds = ()
    k = start("--client-timeout", "1s", before=_few_descriptors).started()
    until(lambda: k.log("fewer_connections"), "the limit is told")
    k.function("a", concurrency=200, warm=180)  # most of them
    held = [k.raw() for _ in range(60)]
    until(lambda: _serves(k), "it serves")
    for s in held:
        s.close()
    until(lambda: _serves(k), "it serves")
    k.stop()


def a_web_page_cannot_use_loopback_tcp(start):
    k, port = _listening(start)
    k.function()

    def ask(*headers):
        with socket.create_connection(("127.0.0.1", port), 20) as s:
            s.sendall(b"\r\n".join((b"GET /v1/functions HTTP/1.1", b"Connection: close") + headers + (b"", b"")))
            return _all_of(s)

    for good in (b"Host: localhost", b"Host: 127.0.0.1:%d" % port, b"Host: [::1]:8080"):
        check(ask(good).startswith(b"HTTP/1.1 200 "), good)
    for bad in ((b"Host: evil.example",), (b"Host: localhost.evil.example",), (b"Host: localhost", b"Origin: http://evil.example")):
        answer = ask(*bad)
        check(answer.startswith(b"HTTP/1.1 403 ") and b"foreign_origin" in answer, "%r: %r" % (bad, answer))
    with socket.create_connection(("127.0.0.1", port), 20) as s:  # a client of TCP that leaves
        s.sendall(INVOKE.replace(b"Host: k", b"Host: localhost") % 11 + b"sleep 60000")
        k.busy(1)
    until(lambda: k.metric("kvick_invocations_total", status="cancelled") == 1, "its call is cancelled")
    k.stop()


def _listening(start):
    """At a port that was free a moment ago; another process may have taken it since."""
    while True:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        k = start("--listen", "127.0.0.1:%d" % port)
        try:
            return k.started(), port
        except Failed:
            if os.strerror(errno.EADDRINUSE) not in k.stderr():
                raise


def many_clients_at_once_each_get_their_own_reply(k):
    k.function(concurrency=16)
    clients = {}
    for i in range(100):
        s = k.raw()
        body = b"client %d" % i
        s.sendall(INVOKE % len(body) + body)
        clients[s] = body
    while clients:
        ready, _, _ = select.select(list(clients), [], [], 20)
        if not ready:
            raise Failed("%d have no reply" % len(clients))
        for s in ready:
            text = s.recv(4096)
            check(text.startswith(b"HTTP/1.1 200 ") and text.endswith(b"\r\n\r\n" + clients[s]), text)
            del clients[s]
            s.close()
