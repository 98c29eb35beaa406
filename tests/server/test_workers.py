# SPDX-License-Identifier: Apache-2.0
"""Workers that die, or say what they should not: their calls are answered, they are replaced, and nobody else notices."""

import os
import signal

from kvickd import Behind, check, equal, until
from options import kvickd_options


def _dies(k, body, word):
    answer = k.call(body)
    equal((answer.status, answer.error()[0]), (502, "worker_died"), repr(body))
    message = answer.json()["error"]["message"]
    check(word in message, "%r: %s" % (body, message))
    until(lambda: k.call(b"x").status == 200, "it was replaced")


def a_worker_that_dies_is_replaced_and_its_call_a_502_with_the_reason(k):
    k.function()
    _dies(k, b"die 9", "signal 9 (Killed)")
    _dies(k, b"die 11", "signal 11 (Segmentation fault)")
    _dies(k, b"leave 3", "exit status 3")
    _dies(k, b"leave 0", "exit status 0")
    equal(k.metric("kvick_worker_deaths_total"), 4)
    equal(k.get("/v1/functions/f").json()["state"], "ready")


def what_a_worker_should_not_say_costs_it_its_life(k):
    k.function()
    for what, word in (("noise", "slot 0: "), ("outcome", "no such outcome"), ("invocation", "another request"),
                       ("body", "too long"),
                       ("log", "too long"), ("reason", "too long"), ("warm", "warm when it cannot be"),
                       ("crash-body", "a body without a reply"), ("control", "type 1234"), ("configured", "configured twice"),
                       ("slot", "cannot have failed"), ("short", "3 bytes")):
        _dies(k, b"garbage " + what.encode(), word)


def a_socket_that_closes_is_no_reply(k):
    k.function(timeout="60s")
    _dies(k, b"garbage half", "did not come back")
    _dies(k, b"garbage close", "exit status 0")
    k.delete("/v1/functions/f")
    k.function(fake="stays")
    _dies(k, b"garbage close", "closed its control socket, and did not end")


def a_reply_that_is_complete_counts_although_the_worker_dies(k):
    k.function()
    for _ in range(10):
        answer = k.call(b"reply and die")
        equal((answer.status, answer.body), (200, b"reply and die"))
        until(lambda: k.call(b"x").status == 200, "it was replaced")


def all_that_a_dead_worker_ran_is_answered_and_what_waited_runs(k):
    k.function(concurrency=4)
    running = [Behind(k.call, k.held) for _ in range(4)]
    k.busy(4)
    waiting = Behind(k.call, b"x")
    k.queued(1)
    os.kill(k.workers()[0], signal.SIGKILL)
    equal([call.answer().status for call in running], [502] * 4)
    equal(waiting.answer().status, 200)


def no_other_function_notices(k):
    k.function("a", timeout="60s")
    k.function("b", timeout="60s")
    other = Behind(k.call, k.held, "b")
    k.busy(1, "b")
    for _ in range(3):
        equal(k.call(b"die 9", "a").status, 502)
        equal(k.call(b"x", "b").status, 200)
    k.release()
    equal(other.answer().status, 200)
    equal(k.metric("kvick_worker_deaths_total", function="b"), 0)
    equal(k.metric("kvick_worker_starts_total", function="b"), 1)


def a_worker_that_dies_again_and_again_is_started_ever_later(k):
    k.function()
    for _ in range(4):
        equal(k.call(b"die 9").status, 502)
    until(lambda: len(k.log("worker_gone")) == 4, "four are told")  # who called hears of it first
    equal([line["next_in_ms"] for line in k.log("worker_gone")], [0, 100, 200, 400])


def an_image_that_is_gone_makes_its_function_unavailable_until_it_is_back(k):
    k.function()
    image = os.path.join(k.images, "f.elf")
    os.rename(image, image + ".away")
    equal(k.call(b"die 9").status, 502)
    until(lambda: k.get("/v1/functions/f").json()["state"] == "refused", "it is refused")
    answer = k.call(b"x")
    equal((answer.status, answer.error()[0]), (503, "unavailable"))
    check("No such file" in answer.json()["error"]["message"], answer.body)
    id = k.call_async(b"x")
    equal(k.get("/v1/invocations/%s/result" % id).status, 503)
    os.rename(image + ".away", image)
    until(lambda: k.call(b"x").status == 200, "it is back")


def slots_that_cannot_be_made_are_told_to_who_waits(k):
    k.function(fake="no slots")
    answer = k.call(b"x")
    equal((answer.status, answer.error()[0]), (503, "unavailable"))
    check("Too many open files" in answer.json()["error"]["message"], answer.body)
    check(k.metric("kvick_slots_failed_total") >= 1, "not counted")
    equal(k.metric("kvick_worker_deaths_total"), 0)


def a_slot_that_cannot_be_made_again_is_replaced(k):
    k.function(concurrency=1)
    for when in (b"slot fails then", b"slot fails later"):
        answer = k.call(when)
        equal((answer.status, answer.body), (200, when))
        until(lambda: k.call(b"x").status == 200, "another was made")
    answer = k.call(b"slot fails now")
    equal((answer.status, answer.error()[0]), (500, "host_failed"))
    check("KVM_CREATE_VCPU" in answer.json()["error"]["message"], answer.body)
    until(lambda: k.call(b"x").status == 200, "another was made")
    equal((k.metric("kvick_worker_deaths_total"), k.metric("kvick_slots_failed_total")), (0, 3))


def one_slot_that_can_be_made_serves_all(k):
    k.function(fake="one slot", concurrency=4)
    k.warm()
    calls = [Behind(k.call, b"sleep 50") for _ in range(4)]
    equal([call.answer().status for call in calls], [200] * 4)


def workers_that_die_leave_nothing(k):
    k.function()
    k.call(b"die 9")
    until(lambda: k.call(b"x").status == 200, "it was replaced")
    k.warm()
    before = k.descriptors()
    for _ in range(4):
        k.call(b"garbage noise")
        until(lambda: k.call(b"x").status == 200, "it was replaced")
    k.warm()
    until(lambda: k.descriptors() <= before, "descriptors are as before")
    equal(len(k.workers()), 1)
    until(lambda: k.metric("kvick_body_bytes") == 0, "its memory is given back")


def a_worker_has_no_descriptors_but_its_own(k):
    k.function()
    k.warm()
    for pid in k.workers():
        fds = sorted(int(fd) for fd in os.listdir("/proc/%d/fd" % pid))
        links = [os.readlink("/proc/%d/fd/%d" % (pid, fd)) for fd in fds]
        equal(fds[:4], [0, 1, 2, 3])
        equal(links[0], "/dev/null")
        # The image, /dev/kvm's stand-in and a slot, which it was sent.
        check(all("socket:" in link or link in ("/dev/null", os.path.join(k.images, "f.elf")) for link in links[3:]), links)
        with open("/proc/%d/environ" % pid, "rb") as environment:
            equal(environment.read(), b"")


def what_a_workers_jail_lacks_is_in_the_log(k):
    k.function(fake="lacks")
    until(lambda: len(k.log("jail_lacks")) == 2, "two lines")
    equal([(line["function"], line["what"]) for line in k.log("jail_lacks")],
          [("f", "cgroup: none"), ("f", "own user: ? stays root")])


def a_worker_is_asked_to_end_before_it_is_killed(k):
    for fake in (None, "stays"):
        k.function(fake=fake)
        k.warm()
        pid = k.workers()[0]
        said = k.stderr().count("asked to end")
        equal(k.delete("/v1/functions/f").status, 204)
        until(lambda: pid not in k.workers(), "it has ended")
        equal(k.stderr().count("asked to end"), said + 1)


def _cancels_behind_its_back(k, count):
    """So many calls, while their worker reads nothing."""
    k.function(concurrency=count, timeout="60s")
    ids = [k.call_async(b"sleep 60000") for _ in range(count)]
    k.busy(count)
    os.kill(k.workers()[0], signal.SIGSTOP)
    for id in ids:
        equal(k.delete("/v1/invocations/" + id).status, 204)


@kvickd_options("--cancel-time", "60s")
def more_cancellations_than_its_socket_holds_cost_no_worker_its_life(k):
    _cancels_behind_its_back(k, 500)
    os.kill(k.workers()[0], signal.SIGCONT)
    until(lambda: k.get("/v1/functions/f").json()["slots"]["busy"] == 0, "all slots are back")
    equal(k.metric("kvick_worker_deaths_total"), 0)


@kvickd_options("--warm-time", "50ms")
def a_slot_that_does_not_become_warm_again_costs_its_worker_its_life(k):
    k.function(fake="slow reset")
    equal(k.call(b"x").status, 200)
    until(lambda: k.log("worker_gone"), "it was killed")
    check("did not come back in time" in k.log("worker_gone")[0]["reason"], k.log("worker_gone"))
    until(lambda: k.call(b"x").status == 200, "it was replaced")


@kvickd_options("--cancel-time", "60s")
def a_worker_that_does_not_read_its_control_socket_is_replaced(k):
    _cancels_behind_its_back(k, 500)
    until(lambda: k.log("worker_gone"), "it was killed")
    check("does not read" in k.log("worker_gone")[0]["reason"], k.log("worker_gone"))
    until(lambda: k.call(b"x").status == 200, "it was replaced")
