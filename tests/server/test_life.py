# SPDX-License-Identifier: Apache-2.0
"""kvickd's own life: options, sockets, activation, state across restarts, drain, log, messages to systemd."""

import fcntl
import json
import os
import signal
import socket
import stat
import subprocess
import tempfile

from kvickd import Behind, Kvickd, check, equal, until
from options import kvickd_options


def _refuses(start, word, *options, **more):
    k = start(*options, **more)
    until(lambda: k.process.poll() is not None, "it ends")
    check(k.process.returncode in (120, 123), k.process.returncode)
    said = k.stderr()
    check(word in said and said.startswith("kvickd: ") and said.count("\n") == 1, said)


def options_that_are_none_are_refused(start):
    for options, word in (
            (("--nonsense",), "--nonsense: no such option"), (("x",), "x: no such option"), (("--keep",), "its value is missing"),
            (("--keep", "x"), "--keep x: no such value"), (("--keep=-1",), "no such value"),
            (("--max-connections", "0"), "no such value"),
            (("--drain", "2h"), "no such value"), (("--log-level", "loud"), "no such value"),
            (("--worker-ids", "5-4"), "no such value"),
            (("--worker-ids", "0-4"), "no such value"), (("--help=x",), "no such option"),
            (("--images", "/nonexistent"), "--images"),
            (("--worker", "/nonexistent"), "--worker"), (("--kvm", "/nonexistent"), "/nonexistent"),
            (("--log", "/nonexistent/x"), "--log"),
            (("--state", "/nonexistent"), "--state"), (("--socket", ""), "no socket to listen at"),
            (("--socket", "/nonexistent/s"), "/nonexistent/s"), (("--socket", "/tmp/" + "a" * 120), "longer than"),
            (("--listen", "x"), "127.0.0.1:PORT"), (("--listen", "127.0.0.1"), "127.0.0.1:PORT"),
            (("--listen", "localhost:80"), "PORT")):
        _refuses(start, word, *options)


def only_loopback_is_listened_at(start):
    for address in ("0.0.0.0:8080", "[::]:8080", "192.0.2.1:80", "[2001:db8::1]:80", "[::ffff:192.0.2.1]:80"):
        _refuses(start, "only loopback", "--listen", address)


def help_and_version_are_printed(start):
    program = os.path.join(Kvickd.build, "kvickd")
    text = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    check("--max-connections N" in text and "usage: kvickd" in text, text)
    text = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    check(text.startswith("kvickd "), text)


def the_socket_is_for_its_group_and_nobody_else(k):
    mode = os.stat(k.socket).st_mode
    check(stat.S_ISSOCK(mode), "no socket")
    equal(stat.S_IMODE(mode), 0o660)


def a_socket_that_a_dead_kvickd_left_is_replaced(start):
    k = start().started()
    k.process.kill()
    k.process.wait()
    check(os.path.exists(k.socket), "it is left")
    again = start(directory=k.directory).started()
    equal(again.get("/healthz").status, 200)
    again.stop()


def a_socket_that_somebody_listens_at_is_left_alone(start):
    k = start().started()
    _refuses(start, "somebody listens there already", directory=k.directory)
    equal(k.get("/healthz").status, 200)
    k.stop()


def a_file_in_the_sockets_place_is_left_alone(start):
    k = start().started()
    k.stop()
    with open(k.socket, "w") as f:
        f.write("mine")
    _refuses(start, "no socket", directory=k.directory)
    with open(k.socket) as f:
        equal(f.read(), "mine")


class _Activation:
    """What systemd does between fork and exec."""

    def __init__(self, *sockets):
        self.fds = tuple(s.fileno() for s in sockets)

    def __call__(self):
        for i, fd in enumerate(self.fds):
            os.dup2(fd, 100 + i)
        for i in range(len(self.fds)):
            os.dup2(100 + i, 3 + i)
            os.close(100 + i)
        os.environ["LISTEN_PID"] = str(os.getpid())


def _activated(start, *sockets, **more):
    """By a shell, which knows the PID that kvickd will have."""
    directory = more["directory"]
    script, program = os.path.join(directory, "activate"), os.path.join(Kvickd.build, Kvickd.program)
    with open(script, "w") as f:
        f.write('#!/bin/sh\nLISTEN_PID=$$ LISTEN_FDS=%d exec "%s" "$@"\n' % (len(sockets), program))
    os.chmod(script, 0o755)
    return start(program=script, before=_Activation(*sockets), **more)


def sockets_that_systemd_passes_are_used(start):
    first = start().started()
    first.stop()
    with socket.socket(socket.AF_UNIX) as unix, socket.socket() as tcp:
        unix.bind(first.socket)
        unix.listen()
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        k = _activated(start, unix, tcp, directory=first.directory).started()
        equal(k.get("/healthz").status, 200)
        with socket.create_connection(tcp.getsockname(), 20) as s:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            check(s.recv(1000).startswith(b"HTTP/1.1 200 "), "no answer over TCP")
        k.process.terminate()
        equal(k.process.wait(20), 0)
        check(os.path.exists(k.socket), "a socket that is systemd's was removed")
        os.unlink(k.socket)


def sockets_that_systemd_passes_are_looked_at(start):
    first = start().started()
    first.stop()
    with socket.socket() as everywhere, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams, socket.socket() as idle:
        everywhere.bind(("0.0.0.0", 0))
        everywhere.listen()
        for s, word in ((everywhere, "not loopback"), (datagrams, "no stream socket"), (idle, "no stream socket")):
            k = _activated(start, s, directory=first.directory)
            until(lambda k=k: k.process.poll() is not None, "it ends")
            check(word in k.stderr(), k.stderr())
            os.unlink(k.stderr_path)


def systemd_is_told_when_it_is_ready_and_when_it_stops(start):
    base = start().started()
    base.stop()
    path = os.path.join(base.directory, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        notify.settimeout(20)
        k = start(directory=base.directory, environment={"NOTIFY_SOCKET": path}).started()
        equal(notify.recv(100), b"READY=1")
        k.function()
        k.stop()
        equal(notify.recv(100), b"STOPPING=1")


def _state(k):
    directory = os.path.join(k.directory, "state")
    os.makedirs(directory, exist_ok=True)
    return directory


def _with_state(start, first=None, **more):
    if first is None:
        first = start()
        until(lambda: os.path.exists(first.socket), "it starts")
        first.stop()
    return start("--state", _state(first), directory=first.directory, **more)


def functions_are_there_again_after_a_restart(start):
    k = _with_state(start).started()
    fields = {"name": "f", "image": "f.elf", "memory": "64M", "concurrency": 3, "warm": 2, "queue": 5, "timeout": "2s",
              "environment": {"A": "1", "B": "\u00e4\n\"\\"}, "arguments": ["", "x y"]}
    equal(k.register(fields).status, 201)
    k.function("g")
    k.function("h")
    k.delete("/v1/functions/g")
    k.warm("f", 2)
    before = k.get("/v1/functions/f").json()
    k.stop()
    k = _with_state(start, k).started()
    k.warm("f", 2)
    equal(k.get("/v1/functions/f").json(), before)
    equal([each["name"] for each in k.get("/v1/functions").json()["functions"]], ["f", "h"])
    equal(k.call(b"x").status, 200)
    k.process.kill()  # without a word
    k.process.wait()
    k = _with_state(start, k).started()
    equal([each["name"] for each in k.get("/v1/functions").json()["functions"]], ["f", "h"])
    k.stop()


def a_function_whose_image_is_gone_is_still_there_after_a_restart(start):
    k = _with_state(start).started()
    k.function()
    k.function("snap", image=None, snapshot="snapshot")
    k.stop()
    os.rename(os.path.join(k.images, "f.elf"), os.path.join(k.images, "away"))
    k = start("--state", _state(k), directory=k.directory)
    os.unlink(os.path.join(k.images, "f.elf"))  # the harness has made it again
    k.started()
    until(lambda: k.get("/v1/functions/f").json()["state"] in ("refused", "ready"), "it was tried")
    equal(len(k.get("/v1/functions").json()["functions"]), 2)
    equal(k.call(b"x", "snap").status, 200)
    k.stop()


def state_is_read_as_closely_as_a_request(start):
    good = {"name": "f", "image": "f.elf"}
    first = start().started()
    first.stop()
    path = os.path.join(_state(first), "functions.json")
    for text, word in (
            ("", "functions.json"), ("{", "line 1"), ("[]", "version"), ("{}", "version"),
            ('{"version":2,"functions":[]}', "version"),
            ('{"version":1,"functions":{}}', "functions"), ("[" * 100000, "nested deeper"), ("\0" * 1000, "line 1"),
            (json.dumps({"version": 1, "functions": [good, dict(good, name="../x")]}), "function 2: name"),
            (json.dumps({"version": 1, "functions": [dict(good, image="/etc/passwd")]}), "function 1: image"),
            (json.dumps({"version": 1, "functions": [dict(good, extra=1)]}), "function 1: extra"),
            (json.dumps({"version": 1, "functions": [good, good]}), "function 2: name: there are two"),
            (json.dumps({"version": 1, "functions": [1]}), "function 1")):
        with open(path, "w") as f:
            f.write(text)
        if os.path.exists(first.stderr_path):
            os.unlink(first.stderr_path)
        _refuses(start, word, "--state", _state(first), directory=first.directory)
        with open(path) as f:
            equal(f.read(), text, "the file of state")
    os.unlink(path)
    os.symlink("/etc/passwd", path)
    os.unlink(first.stderr_path)
    _refuses(start, "functions.json", "--state", _state(first), directory=first.directory)


def two_kvickds_do_not_share_a_state(start):
    k = _with_state(start).started()
    os.makedirs(os.path.join(k.directory, "other"))
    other = start("--state", _state(k), directory=os.path.join(k.directory, "other"))
    until(lambda: other.process.poll() is not None, "it ends")
    check("another kvickd" in other.stderr(), other.stderr())
    k.stop()


def a_state_that_cannot_be_written_is_told(start):
    k = _with_state(start).started()
    k.function("old")
    os.makedirs(os.path.join(_state(k), "functions.json.new"))  # for root, too
    answer = k.register({"name": "f", "image": "f.elf"})
    equal((answer.status, answer.error()[0]), (500, "state_not_saved"))
    equal([each["name"] for each in k.get("/v1/functions").json()["functions"]], ["old"])
    answer = k.delete("/v1/functions/old")
    equal((answer.status, answer.error()[0]), (500, "state_not_saved"))
    until(lambda: k.log("state_not_saved"), "it is in the log")
    k.stop()
    k = _with_state(start, k).started()
    equal([each["name"] for each in k.get("/v1/functions").json()["functions"]], ["old"])
    k.stop()


def sigterm_lets_what_runs_finish(k):
    k.function(concurrency=1, timeout="60s")
    connection = k.connect()
    equal(k.get("/healthz", connection=connection).status, 200)
    running = Behind(k.call, k.held)
    k.busy(1)
    waiting = Behind(k.call, b"x")
    k.queued(1)
    late = k.raw()  # has begun its request
    late.sendall(b"GET /healthz HTTP/1.1\r\n")
    late_call = k.raw()
    late_call.sendall(b"POST /v1/functions/f/invocations HTTP/1.1\r\nHost: k\r\n")
    late_registration = k.raw()
    late_registration.sendall(b"POST /v1/functions HTTP/1.1\r\nHost: k\r\nContent-Length: 30\r\n\r\n")
    until(lambda: k.metric("kvick_connections") >= 6, "they are there")
    k.process.terminate()
    until(lambda: not os.path.exists(k.socket), "it does not listen any more")
    k.release()
    equal((running.answer().status, waiting.answer().status), (200, 200))
    for s in (late, late_call, late_registration):
        s.close()
    connection.close()
    k.ended()


def who_comes_while_it_stops_is_told(k):
    k.function(concurrency=1, timeout="60s")
    held = [k.raw() for _ in range(3)]
    for s in held:
        s.sendall(b"POST /v1/functions/f/invocations HTTP/1.1\r\nHost: k\r\nContent-Length: 1\r\n\r\n")
    health = k.raw()
    health.sendall(b"POST /healthz HTTP/1.1\r\nHost: k\r\nTransfer-Encoding: chunked\r\n\r\n")
    running = Behind(k.call, k.held)
    k.busy(1)
    k.process.terminate()
    until(lambda: not os.path.exists(k.socket), "it does not listen any more")
    for s in held:
        s.sendall(b"x")
        text = s.recv(1000)
        check(text.startswith(b"HTTP/1.1 503 ") and b"stopping" in text and b"Connection: close" in text, text)
        s.close()
    health.close()
    k.release()
    equal(running.answer().status, 200)
    k.ended()


@kvickd_options("--drain", "300ms")
def sigterm_waits_no_longer_than_it_may(k):
    k.function(concurrency=1, timeout="60s")
    running = Behind(k.call, b"sleep 60000")
    k.busy(1)
    waiting = Behind(k.call, b"x")
    k.queued(1)
    k.stop()
    for call in (running, waiting):
        equal((call.answer().status, call.answer().error()[0]), (503, "stopping"))


def a_second_sigterm_ends_it_at_once(k):
    k.function(concurrency=2, timeout="60s")
    running = Behind(k.call, b"hang")
    k.busy(1)
    k.process.terminate()
    until(lambda: not os.path.exists(k.socket), "it does not listen any more")
    k.stop(signal.SIGINT)
    equal(running.answer().status, 503)


def whoever_registers_when_it_stops_is_told(k):
    request = Behind(k.register, {"name": "f", "image": "f.elf", "environment": {"FAKE": "silent"}})
    until(k.workers, "its worker is there")
    k.process.send_signal(signal.SIGTERM)
    until(lambda: k.log("draining"), "it drains")
    k.process.send_signal(signal.SIGTERM)
    equal((request.answer().status, request.answer().error()[0]), (503, "stopping"))
    k.ended()


def it_says_that_it_stops(k):
    k.function(concurrency=1, timeout="60s")
    connection = k.connect()
    running = Behind(k.call, k.held)
    k.busy(1)
    # Begun before, so not idle; its answer is of afterwards.
    connection.putrequest("GET", "/healthz")
    connection.endheaders()
    equal(connection.getresponse().read()[:15], b'{"status":"ok",')
    s = k.raw()
    s.sendall(b"GET /healthz HTTP/1.1\r\nHost: k\r\nContent-Length: 0\r\nX: ")
    k.process.terminate()
    until(lambda: not os.path.exists(k.socket), "it does not listen any more")
    k.release()
    equal(running.answer().status, 200)
    s.close()
    connection.close()
    k.ended()


@kvickd_options("--log-level", "info")
def the_log_is_json_and_has_no_line_for_what_is_well(k):
    k.function()
    for _ in range(20):
        k.call(b"x")
    k.call(b"crash")
    until(lambda: k.log("invocation"), "the line is there")
    lines = k.log()
    for line in lines:
        check({"time", "level", "event"} <= set(line), line)
    equal([line["event"] for line in lines], ["started", "worker_started", "function_registered", "invocation"])
    equal((lines[-1]["function"], lines[-1]["status"], lines[-1]["level"]), ("f", 502, "warn"))


@kvickd_options("--log-level", "info")
def warnings_in_floods_are_left_out_and_counted(k):
    k.function()
    connection = k.connect()
    for _ in range(1000):
        k.call(b"crash", connection=connection)

    def told():
        k.call(b"crash")  # the next second's first line is preceded by the count
        return len(k.log("invocation")) + sum(line["count"] for line in k.log("lines_left_out"))

    until(lambda: told() >= 1000, "all are told or counted")
    check(k.log("lines_left_out"), "none was left out")
    connection.close()


def sighup_opens_the_log_anew(k):
    os.rename(k.log_path, k.log_path + ".1")
    k.process.send_signal(signal.SIGHUP)
    until(lambda: os.path.exists(k.log_path), "there is a new one")
    k.function()
    until(lambda: k.log("function_registered"), "the line is in the new one")
    with open(k.log_path + ".1") as f:
        check("function_registered" not in f.read(), "it is in the old one")


def a_log_that_cannot_be_written_does_not_stop_it(start):
    k = start("--log", "/dev/full").started()
    k.function()
    equal(k.call(b"crash").status, 502)
    equal(k.call(b"x").status, 200)
    check(k.metric("kvick_log_lost_total") > 0, "not counted")
    k.stop()


def a_log_that_nobody_reads_does_not_stop_it(start):
    with tempfile.TemporaryDirectory(prefix="kvickd-") as directory:
        fifo = os.path.join(directory, "fifo")
        os.mkfifo(fifo)
        held = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(held, fcntl.F_SETPIPE_SZ, 4096)
        k = start("--log", fifo, directory=directory).started()
        k.function()
        until(lambda: k.call(b"x").status == 200 and k.metric("kvick_log_lost_total") > 0, "the pipe is full")
        for line in os.read(held, 65536).splitlines():
            json.loads(line)
        k.stop()
        os.close(held)
