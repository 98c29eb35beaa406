#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
drive.py BUILD [WORKER [OPTIONS...]]: drives kvick-worker, or another build of it, by its protocol (control/worker/protocol.h) as
kvickd does. Prints TAP. ONLY=EXPRESSION: the tests whose names it matches.
"""

import errno
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

BUILD = sys.argv[1]
WORKER = sys.argv[2:] or [BUILD + "/kvick-worker"]

CONTROL_FD = 3
os.dup2(os.open(os.devnull, os.O_RDONLY), CONTROL_FD)  # so that nothing else of ours has it

CONFIGURE, ADD_SLOT, CANCEL = 1, 2, 3
CONFIGURED, REFUSED, SLOT_FAILED = 1, 2, 3
WARM, REPLIED, EXITED, CRASHED, BROKE_OFF, CANCELLED, FAILED = range(7)

HEADER = struct.Struct("IIQ")
CONFIG = struct.Struct("QIIIIII64s")
REQUEST = struct.Struct("QII")
REPLY = struct.Struct("Q8I4Q")
MIB = 1 << 20
BODY_MAX = 6 * MIB
LOG_MAX = 64 << 10
USER = 20000 + os.getpid() % 20000 * 2  # nothing belongs to it; nor is it another run's, whose threads would count
PATIENCE_S = 60  # nobody waits so long but where something hangs


class Reply:
    def __init__(self, words, reason, log, body):
        (self.invocation, self.outcome, self.status, _, _, _, self.log_cut, self.pages, self.exits,
         self.received, self.entered, self.taken, self.replied) = words
        self.reason, self.log, self.body = reason, log, body


def get(sock, bytes_wanted):
    data = bytearray()
    while len(data) < bytes_wanted:
        more = sock.recv(bytes_wanted - len(data))
        if not more:
            raise EOFError(f"{len(data)} bytes of {bytes_wanted}")
        data += more
    return bytes(data)


class Slot:
    def __init__(self, worker, number):
        self.worker, self.number = worker, number
        self.sock, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE_S)
        worker.tell(ADD_SLOT, number, fds=[other.fileno()])
        other.close()

    def get(self):
        words = REPLY.unpack(get(self.sock, REPLY.size))
        return Reply(words, get(self.sock, words[3]).decode(), get(self.sock, words[4]), get(self.sock, words[5]))

    def warm(self):
        reply = self.get()
        check(reply.outcome == WARM and reply.invocation == 0, f"outcome {reply.outcome} instead of warm: {reply.reason}")
        return self

    def ask(self, body, invocation=0):
        invocation = invocation or self.worker.next_invocation()
        self.sock.sendall(REQUEST.pack(invocation, len(body), 0) + body)
        return invocation

    def invoke(self, body):
        invocation = self.ask(body)
        reply = self.get()
        check(reply.invocation == invocation, "another invocation's reply")
        self.warm()
        return reply

    def cancel(self, invocation):
        self.worker.tell(CANCEL, self.number, invocation)

    def close(self):
        self.sock.close()


class Worker:
    def __init__(self, image, concurrency=4, memory=0, name=b"test", arguments=(), environment=(), uid=0, snapshot=0,
                 configure=True):
        self.control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(PATIENCE_S)
        self.invocations = 0
        self.process = subprocess.Popen(WORKER + [name.decode()], pass_fds=[CONTROL_FD], stdin=subprocess.DEVNULL,
                                        stderr=open(BUILD + "/worker/stderr.log", "ab"),
                                        preexec_fn=lambda: os.dup2(other.fileno(), CONTROL_FD))
        other.close()
        if configure:
            self.configure(image, concurrency, memory, name, arguments, environment, uid, snapshot=snapshot)
            kind, self.text = self.event()[0::2]
            check(kind == CONFIGURED, f"event {kind}: {self.text}")

    def configure(self, image, concurrency=4, memory=0, name=b"test", arguments=(), environment=(), uid=0, extra=b"", snapshot=0):
        strings = b"".join(s + b"\0" for s in [*arguments, *environment])
        body = CONFIG.pack(memory, snapshot, uid, uid, concurrency, len(arguments), len(environment), name) + strings + extra
        kvm, file = os.open("/dev/kvm", os.O_RDWR), os.open(image, os.O_RDONLY)
        self.tell(CONFIGURE, body=body, fds=[kvm, file])
        os.close(kvm)
        os.close(file)

    def tell(self, kind, slot=0, invocation=0, body=b"", fds=()):
        socket.send_fds(self.control, [HEADER.pack(kind, slot, invocation) + body], list(fds))

    def event(self):
        """What it is, of which slot, and its text."""
        data = self.control.recv(65536)
        if not data:
            raise EOFError("the worker has gone")
        kind, slot, _ = HEADER.unpack_from(data)
        return kind, slot, data[HEADER.size:].decode()

    def next_invocation(self):
        self.invocations += 1
        return self.invocations

    def slot(self, number=0):
        return Slot(self, number).warm()

    def end(self):
        """Its exit status, after kvickd has gone."""
        self.control.close()
        return self.wait()

    def wait(self):
        return self.process.wait(PATIENCE_S)

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        self.control.close()
        try:
            self.process.wait(PATIENCE_S)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        if not failure:
            check(self.process.returncode in (0, 1, -signal.SIGKILL), f"the worker ended with {self.process.returncode}")


class Failure(Exception):
    pass


class Skip(Exception):
    pass


def check(holds, what):
    if not holds:
        raise Failure(what)


def equal(got, wanted, what):
    check(got == wanted, f"{what}: {got!r} instead of {wanted!r}")


def guest(name):
    return f"{BUILD}/guests/{name}.elf"


MISREPLY = BUILD + "/hostile/misreply.elf"
tests = []


def test(function):
    tests.append(function)
    return function


# ---- what it is for ----

@test
def echo_echoes():
    with Worker(guest("echo")) as w:
        slot = w.slot()
        for body in [b"", b"x", b"hello\n", bytes(range(256)), os.urandom(65535)]:
            reply = slot.invoke(body)
            equal((reply.outcome, reply.status), (REPLIED, 0), "outcome")
            equal(reply.body, body, "body")
            equal((reply.reason, reply.log, reply.log_cut), ("", b"", 0), "nothing else")


@test
def six_mib_go_both_ways_again_and_again():
    body = os.urandom(BODY_MAX)
    with Worker(guest("echo"), memory=64 * MIB) as w:
        slot = w.slot()
        for _ in range(3):
            reply = slot.invoke(body)
            equal(reply.outcome, REPLIED, "outcome")
            check(reply.body == body, "another body")
        equal(slot.invoke(b"small").body, b"small", "a small one afterwards")


@test
def a_request_in_small_pieces_is_one():
    with Worker(guest("echo")) as w:
        slot = w.slot()
        for byte in REQUEST.pack(9, 5, 0) + b"piece":
            slot.sock.sendall(bytes([byte]))
            time.sleep(0.001)
        equal(slot.get().body, b"piece", "body")


@test
def times_are_in_their_order():
    with Worker(guest("echo")) as w:
        slot = w.slot()
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        reply = slot.invoke(b"x")
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        times = [before, reply.received, reply.entered, reply.taken, reply.replied, after]
        check(times == sorted(times), f"out of order: {times}")
        check(reply.exits > 0, "no exits")


@test
def nothing_of_one_call_is_left_for_the_next():
    with Worker(guest("counter")) as w:
        slot = w.slot()
        for _ in range(20):
            equal(slot.invoke(b"").body, b"1\n", "count")


@test
def nothing_of_what_a_guest_can_soil_is_left_for_the_next():
    with Worker(guest("soiler")) as w:
        slot = w.slot()
        for request in [b"soil", b"look", b"soil", b"soil", b"look"]:
            check(slot.invoke(request).body.startswith(b"clean"), f"something is left before {request!r}")


@test
def no_two_calls_have_the_same_random_numbers():
    with Worker(guest("random")) as w:
        slots = [w.slot(i) for i in range(4)]
        seen = [slot.invoke(b"").body for slot in slots for _ in range(10)]
        equal(len(set(seen)), len(seen), "different replies")


@test
def arguments_and_environment_reach_the_guest():
    with Worker(guest("args"), arguments=[b"one", b"", b"two words"], environment=[b"A=B"]) as w:
        reply = w.slot().invoke(b"")
        for part in [b"test", b"one", b"two words", b"A=B"]:
            check(part in reply.log, f"no {part} in {reply.log!r}")


@test
def what_a_guest_prints_is_the_log_of_its_call_alone():
    with Worker(MISREPLY) as w:
        slot = w.slot()
        for _ in range(3):
            reply = slot.invoke(b"say")
            equal((reply.outcome, reply.status, reply.body, reply.log), (REPLIED, 5, b"said", b"hello\n"), "reply")
        equal(slot.invoke(b"everywhere").log, b"", "log of a call that prints nothing")


@test
def slots_serve_beside_each_other():
    with Worker(guest("sleeper"), concurrency=8) as w:
        slots = [w.slot(i) for i in range(8)]
        for slot in slots:
            slot.ask(b"500")
        replies = [slot.get() for slot in slots]
        equal([reply.body for reply in replies], [b"slept 500 ms\n"] * 8, "bodies")
        times = sorted((reply.entered, reply.replied) for reply in replies)
        check(any(next_entered < replied for (_, replied), (next_entered, _) in zip(times, times[1:])), "one after another")


@test
def deprivileged_functions_are_served():
    with Worker(guest("echo-ring0")) as w:
        slot = w.slot()
        for body in [b"one", b"two", os.urandom(100000)]:
            reply = slot.invoke(body)
            equal((reply.outcome, reply.body), (REPLIED, body), "outcome")
    with Worker(guest("counter-ring0")) as w:
        slot = w.slot()
        for _ in range(5):
            equal(slot.invoke(b"").body, b"1\n", "count")


@test
def what_a_deprivileged_guest_gathers_is_in_its_log():
    """Also where it does not end by itself."""
    with Worker(guest("spin-ring0"), arguments=[b"loop"]) as w:
        slot, logs = w.slot(), []
        for pause in [0.1, 0.1, 1, 10]:  # longer where it has not come so far
            invocation = slot.ask(b"")
            time.sleep(pause)
            slot.cancel(invocation)
            reply = slot.get()
            check(reply.outcome == CANCELLED and reply.log in (b"", b"spin: loop"), f"{reply.outcome}: {reply.log}")
            slot.warm()
            logs.append(reply.log)
            if logs.count(b"spin: loop") == 2:
                return
        raise Failure(f"logs: {logs}")


# ---- snapshots ----

class Snapshot:
    """A directory that `kvick snapshot` has written: the guest is ready in it."""
    def __init__(self, image):
        self.folder = tempfile.TemporaryDirectory()
        self.path = self.folder.name + "/snapshot"
        done = subprocess.run([BUILD + "/kvick", "snapshot", image, "-o", self.path], capture_output=True, text=True,
                              timeout=PATIENCE_S)
        check(done.returncode == 0, f"kvick snapshot: {done.returncode}: {done.stderr}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()


@test
def a_snapshots_guest_is_ready_each_time():
    with Snapshot(guest("counter")) as s, Worker(s.path, snapshot=1) as w:
        slots = [w.slot(i) for i in range(2)]
        for slot in slots * 3:
            equal(slot.invoke(b"").body, b"1\n", "count")


@test
def no_two_calls_of_a_snapshot_have_the_same_random_numbers():
    with Snapshot(guest("random")) as s, Worker(s.path, snapshot=1) as w:
        slots = [w.slot(i) for i in range(4)]
        seen = [slot.invoke(b"").body for slot in slots for _ in range(10)]
        equal(len(set(seen)), len(seen), "different replies")


@test
def a_snapshot_is_served_that_the_functions_user_could_not_read():
    if os.geteuid() != 0:
        raise Skip("needs root")
    with Snapshot(guest("echo")) as s:
        for name in os.listdir(s.path):
            os.chmod(f"{s.path}/{name}", 0o600)
        with Worker(s.path, snapshot=1, uid=USER) as w:
            equal(w.slot().invoke(b"x").body, b"x", "body")


@test
def snapshots_that_are_none_are_refused():
    with Snapshot(guest("echo")) as s:
        refused("memory", image=s.path, snapshot=1, memory=4 * MIB)
        with open(s.path + "/state", "r+b") as state:
            state.write(b"damage")
        refused("damaged", image=s.path, snapshot=1)
        os.truncate(s.path + "/memory", 4096)
        refused("test/", image=s.path, snapshot=1)
        os.remove(s.path + "/manifest.json")
        refused("manifest.json", image=s.path, snapshot=1)
        os.symlink("/etc/passwd", s.path + "/manifest.json")
        refused("symbolic link", image=s.path, snapshot=1)
    refused("manifest.json", image="/etc", snapshot=1)


# ---- guests that do what they should not ----

@test
def an_answer_given_twice_is_none():
    with Worker(MISREPLY) as w:
        slot = w.slot()
        for _ in range(2):
            reply = slot.invoke(b"twice")
            equal((reply.outcome, reply.body), (BROKE_OFF, b""), "outcome")
            check("twice" in reply.reason, reply.reason)
        equal(slot.invoke(b"say").body, b"said", "the next one")


@test
def an_answer_that_is_too_long_is_none():
    with Worker(MISREPLY, memory=16 * MIB) as w:
        reply = w.slot().invoke(b"too-long")
        equal((reply.outcome, reply.body), (BROKE_OFF, b""), "outcome")
        check(str(BODY_MAX + 1) in reply.reason, reply.reason)


@test
def answers_from_nowhere_are_refused():
    with Worker(MISREPLY) as w:
        equal(w.slot().invoke(b"everywhere").body, b"survived", "body")


@test
def a_guest_that_never_answers_has_exited():
    with Worker(MISREPLY) as w:
        reply = w.slot().invoke(b"never")
        equal((reply.outcome, reply.status, reply.body), (EXITED, 7, b""), "outcome")


@test
def a_guest_that_is_no_function_has_exited():
    with Worker(guest("hello")) as w:
        slot = w.slot()
        for _ in range(3):
            reply = slot.invoke(b"x")
            equal(reply.outcome, EXITED, "outcome")
            check(b"ello" in reply.log, repr(reply.log))


@test
def crashes_are_told_and_the_slot_is_used_again():
    with Worker(guest("crasher")) as w:
        slot = w.slot()
        for way in [b"null", b"divide", b"invalid-opcode", b"stack-smash", b"assert", b"abort"]:
            reply = slot.invoke(way)
            equal((reply.outcome, reply.body), (CRASHED, b""), way)
            check("crashed" in reply.reason and "\n" not in reply.reason, reply.reason)
            check(b"rip" in reply.log and b"guest crashed" in reply.log, repr(reply.log))
        check(b"say how" in slot.invoke(b"?").body, "the next one")


@test
def a_crash_after_the_reply_is_a_crash():
    with Worker(MISREPLY) as w:
        reply = w.slot().invoke(b"die-afterwards")
        equal((reply.outcome, reply.body), (CRASHED, b""), "outcome")


@test
def a_flood_of_output_is_cut_and_that_is_said():
    with Worker(MISREPLY) as w:
        slot = w.slot()
        reply = slot.invoke(b"flood")
        equal((reply.outcome, reply.body, reply.log_cut), (REPLIED, b"flooded", 1), "outcome")
        check(LOG_MAX // 2 < len(reply.log) <= LOG_MAX, f"{len(reply.log)} bytes")
        equal(slot.invoke(b"say").log, b"hello\n", "the next one's")


@test
def memory_that_a_guest_has_not_got_is_its_own_affair():
    with Worker(guest("hog")) as w:
        slot = w.slot()
        for _ in range(3):
            check(slot.invoke(b"64").outcome in (REPLIED, EXITED, CRASHED), "outcome")


# ---- cancelling ----

def cancelled(way, pause):
    with Worker(MISREPLY) as w:
        slot = w.slot()
        for _ in range(3):
            invocation = slot.ask(way)
            time.sleep(pause)
            slot.cancel(invocation)
            reply = slot.get()
            equal((reply.outcome, reply.invocation, reply.body), (CANCELLED, invocation, b""), "outcome")
            slot.warm()
        equal(slot.invoke(b"say").body, b"said", "the next one")


@test
def a_guest_that_spins_is_cancelled():
    cancelled(b"spin", 0.05)


@test
def a_guest_that_spins_in_calls_is_cancelled():
    cancelled(b"spin-in-calls", 0.05)


@test
def a_guest_that_sleeps_is_cancelled():
    cancelled(b"sleep", 0.05)


@test
def a_guest_that_has_answered_and_stays_is_cancelled():
    cancelled(b"stay", 0.05)


def cancelled_at_any_moment(way):
    """Before it came, when it begins, while it runs."""
    with Worker(MISREPLY) as w:
        slot = w.slot()
        for i in range(200):
            invocation = slot.ask(way)
            time.sleep(i % 20 * 0.0001)
            slot.cancel(invocation)
            equal(slot.get().outcome, CANCELLED, "outcome")
            slot.warm()


@test
def a_guest_that_spins_is_cancelled_at_any_moment():
    cancelled_at_any_moment(b"spin")


@test
def a_guest_that_spins_in_calls_is_cancelled_at_any_moment():
    cancelled_at_any_moment(b"spin-in-calls")


@test
def what_is_cancelled_before_it_comes_does_not_run():
    with Worker(guest("crasher")) as w:
        slot = w.slot()
        slot.cancel(77)
        w.slot(1)  # by now it has heard
        slot.ask(b"null", 77)
        equal(slot.get().outcome, CANCELLED, "outcome")
        slot.warm()
        equal(slot.invoke(b"null").outcome, CRASHED, "another one")


@test
def what_is_over_is_not_cancelled():
    with Worker(MISREPLY) as w:
        slot = w.slot()
        done = slot.ask(b"say")
        slot.get()
        slot.warm()
        slot.cancel(done)
        equal(slot.invoke(b"say").outcome, REPLIED, "the next one")


# ---- kvickd ----

@test
def the_end_of_its_socket_ends_a_slot():
    with Worker(guest("echo")) as w:
        for _ in range(3):
            slot = w.slot(2)
            equal(slot.invoke(b"x").body, b"x", "body")
            slot.close()


@test
def a_slots_number_is_given_again_at_once():
    with Worker(guest("echo")) as w:
        slot = w.slot()
        for _ in range(300):
            equal(slot.invoke(b"x").outcome, REPLIED, "outcome")
            slot.cancel(1)  # of long ago: the worker has something to read, before and after the socket's end
            slot.close()
            slot = w.slot()


@test
def the_end_of_its_socket_ends_a_guest_that_runs():
    with Worker(MISREPLY, concurrency=1) as w:
        for _ in range(3):
            slot = w.slot()
            slot.ask(b"spin")
            time.sleep(0.02)
            slot.close()


@test
def a_slot_whose_other_end_does_not_read_harms_nobody():
    with Worker(guest("echo"), memory=64 * MIB) as w:
        stuck, other = w.slot(0), w.slot(1)
        stuck.ask(bytes(BODY_MAX))
        equal(other.invoke(b"x").body, b"x", "the other's body")
        stuck.close()
        equal(w.slot(0).invoke(b"y").body, b"y", "its successor's")


@test
def kvickds_end_ends_the_worker():
    with Worker(guest("echo")) as w:
        slot = w.slot()
        equal(w.end(), 0, "exit status")
        equal(slot.sock.recv(1), b"", "the slot's socket")


@test
def kvickds_end_ends_the_worker_whatever_its_guests_do():
    with Worker(MISREPLY) as w:
        w.slot().ask(b"spin")
        w.slot(1).ask(b"sleep")
        equal(w.end(), 0, "exit status")


def ends_badly(send):
    with Worker(guest("echo")) as w:
        slot = w.slot()
        send(w, slot)
        check(w.wait() == 1, f"exit status {w.process.returncode}")


@test
def control_messages_that_are_none_end_the_worker():
    ends_badly(lambda w, s: w.control.send(b"short"))
    ends_badly(lambda w, s: w.tell(99))
    ends_badly(lambda w, s: w.tell(0))
    ends_badly(lambda w, s: w.tell(CONFIGURE))
    ends_badly(lambda w, s: w.tell(ADD_SLOT, 1))
    ends_badly(lambda w, s: w.tell(ADD_SLOT, 0, fds=[1]))
    ends_badly(lambda w, s: w.tell(ADD_SLOT, 4, fds=[1]))
    ends_badly(lambda w, s: w.tell(ADD_SLOT, 1, fds=[1, 1]))
    ends_badly(lambda w, s: w.tell(CANCEL, 0xffffffff, 1))
    ends_badly(lambda w, s: w.tell(CANCEL, 0, 0))
    ends_badly(lambda w, s: w.tell(CANCEL, 0, 1, fds=[1]))
    ends_badly(lambda w, s: w.tell(CANCEL, 0, 1, fds=[1] * 9))
    ends_badly(lambda w, s: w.control.send(bytes(60000)))


@test
def requests_that_are_none_end_the_worker():
    ends_badly(lambda w, s: s.sock.sendall(REQUEST.pack(1, BODY_MAX + 1, 0)))
    ends_badly(lambda w, s: s.sock.sendall(REQUEST.pack(1, 0xffffffff, 0)))
    ends_badly(lambda w, s: s.sock.sendall(REQUEST.pack(0, 0, 0)))
    ends_badly(lambda w, s: s.sock.sendall(REQUEST.pack(1, 0, 1)))
    ends_badly(lambda w, s: s.sock.sendall(REQUEST.pack(1, 1, 0) + b"more than one"))


def refused(what, **words):
    with Worker(None, configure=False) as w:
        w.configure(**words)
        kind, _, text = w.event()
        equal(kind, REFUSED, "event")
        check(what in text, text)
        check(w.wait() == 1, f"exit status {w.process.returncode}")


@test
def configurations_that_cannot_be_are_refused():
    image = guest("echo")
    refused("memory", image=image, memory=4096)
    refused("memory", image=image, memory=(64 << 30) + 4096)
    refused("memory", image=image, memory=3 * MIB + 1)
    refused("concurrency", image=image, concurrency=0)
    refused("concurrency", image=image, concurrency=1 << 31)
    refused("name", image=image, name=b"")
    refused("name", image=image, name=b"x" * 64)
    refused("strings", image=image, extra=b"more\0")
    refused("strings", image=image, extra=b"no NUL")
    refused("neither", image=image, snapshot=2)


@test
def images_that_are_none_are_refused():
    refused("test", image="/etc/passwd")
    refused("test", image=guest("echo").replace("guests/echo.elf", "guests/abi.bzImage"))


# ---- a host that fails ----

def one_call_fails(number, errnum):
    """Of each machine's calls: of the first, which sees that there can be any, and of each slot's, which is then made anew."""
    os.environ["KVICK_FAULT"] = f"{number}:{errnum}"
    try:
        w = Worker(guest("echo"), configure=False)
    finally:
        del os.environ["KVICK_FAULT"]
    with w:
        w.configure(guest("echo"))
        kind, _, text = w.event()
        if kind == REFUSED:
            check(text, "refused without a reason")
            return
        slot = Slot(w, 0)
        try:
            slot.warm()
            slot.ask(b"x")
            reply = slot.get()
            check(reply.outcome == FAILED and reply.reason or reply.outcome in (REPLIED, EXITED, CRASHED), f"{reply.outcome}")
            slot.warm()
        except (EOFError, ConnectionError):
            equal(w.event()[0], SLOT_FAILED, "event")


@test
def whatever_call_of_the_hosts_fails_is_told():
    if "asan" not in WORKER[0]:
        raise Skip("only builds for tests can fail on purpose")
    for number in range(1, 130):
        try:
            one_call_fails(number, [errno.ENOMEM, errno.EIO, errno.EINTR][number % 3])
        except (Failure, OSError) as why:
            raise Failure(f"call {number}: {why}")


# ---- many ----

def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def jailed(process):
    """The worker proper: the process that waits for it has one child."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        children = file.read().split()
    return int(children[0]) if children else process.pid


@test
def a_thousand_slots_fit_into_a_process():
    count = 1000
    with Worker(guest("echo"), concurrency=count, memory=64 * MIB, uid=USER if os.geteuid() == 0 else 0) as w:
        slots = [Slot(w, i) for i in range(count)]
        for slot in slots:
            slot.warm()
        for slot in slots:
            slot.ask(b"hello")
        for slot in slots:
            equal(slot.get().body, b"hello", "body")
            slot.warm()
        each = pss_kib(jailed(w.process)) / count
        print(f"#   {each:.0f} KiB each")
        if WORKER == [BUILD + "/kvick-worker"]:
            check(each <= 400, f"{each:.0f} KiB each")


@test
def large_bodies_are_not_kept():
    with Worker(guest("echo"), memory=64 * MIB) as w:
        slot = w.slot()
        slot.invoke(b"x")
        before = pss_kib(jailed(w.process))
        slot.invoke(bytes(BODY_MAX))
        after = pss_kib(jailed(w.process))
        check(after < before + 512, f"{before} KiB before, {after} KiB afterwards")


# ---- the jail ----

def jailed_status(process, name):
    with open(f"/proc/{jailed(process)}/status") as file:
        return next(line.split(":")[1].split() for line in file if line.startswith(name + ":"))


@test
def the_worker_is_jailed():
    if os.geteuid() != 0 or len(WORKER) > 1:
        raise Skip("needs root, and the sandbox")
    with Worker(guest("echo"), uid=USER) as w:
        slot = w.slot()
        slot.invoke(b"x")
        pid = jailed(w.process)
        equal(jailed_status(w.process, "Uid"), [str(USER)] * 4, "user")
        equal(jailed_status(w.process, "CapEff"), ["0" * 16], "capabilities")
        equal(jailed_status(w.process, "NoNewPrivs"), ["1"], "no new privileges")
        equal(jailed_status(w.process, "Seccomp"), ["2"], "seccomp")
        equal(os.listdir(f"/proc/{pid}/root"), [], "root")
        for kind in ["mnt", "net", "ipc", "uts", "pid"]:
            check(os.readlink(f"/proc/{pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}"), kind)
        filters = []
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/status") as file:
                status = dict(line.rstrip("\n").split(":\t") for line in file if ":\t" in line)
            if status["Name"] == "kvick-worker":  # KVM has one of its own
                filters.append(status.get("Seccomp_filters"))
        equal(sorted(filters), ["1", "2"], "filters: the process's, and the thread's that runs the guest")


@test
def a_worker_that_is_killed_takes_its_jail_along():
    with Worker(guest("echo")) as w:
        w.slot()
        pid = jailed(w.process)
        w.process.kill()
        w.wait()
        deadline = time.monotonic() + PATIENCE_S
        while os.path.exists(f"/proc/{pid}/root/.") and time.monotonic() < deadline:
            time.sleep(0.01)
        check(not os.path.exists(f"/proc/{pid}/root/."), "it lives on")


def main():
    only = os.environ.get("ONLY")
    chosen = [t for t in tests if not only or re.search(only, t.__name__)]
    passed = failed = skipped = 0
    print(f"1..{len(chosen)}", flush=True)
    for number, function in enumerate(chosen, 1):
        name = function.__name__.replace("_", " ")
        print(f"# begin {name}", flush=True)
        try:
            function()
            print(f"ok {number} - {name}", flush=True)
            passed += 1
        except Skip as why:
            print(f"ok {number} - {name} # SKIP {why}", flush=True)
            skipped += 1
        except (Failure, EOFError, OSError, subprocess.SubprocessError) as why:
            print(f"not ok {number} - {name}\n#   {type(why).__name__}: {why}", flush=True)
            failed += 1
    print(f"# worker, {os.path.basename(WORKER[0])}: {passed} passed, {failed} failed, {skipped} skipped")
    return failed != 0


sys.exit(main())
