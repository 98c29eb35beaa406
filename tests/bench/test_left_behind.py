# SPDX-License-Identifier: Apache-2.0
"""Processes that a launch leaves behind, in a session of their own: they end with the launch that they are of."""

import os
import signal

from bench import is_there, until

FEW = ("--runs", "4", "--warm-up", "1", "--no-floor")

# leave() starts a process that leaves the launch, and waits until it is there: $own. Those of all launches are in the file `pids`.
LEAVE = """#!/bin/sh
leave()
{
	"$@" setsid sh -c 'echo $$ >> pids; echo $$ > own.$0; exec sleep 1000' $$ &
	until [ -s own.$$ ]; do sleep 0.002; done
	own=$(cat own.$$)
}
is_there() { kill -0 $1 2> /dev/null; }
"""


def _peer(bench, script):
    bench.write("pids", "")
    return bench.write("peer", LEAVE + script, 0o755)


def _check_gone(bench, count):
    pids = [int(pid) for pid in bench.read("pids").split()]
    left = [pid for pid in pids if is_there(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert len(pids) == count and not left, "%d of %d are left" % (len(left), len(pids))


def _check_gone_before_the_next_one(bench, leave):
    """Each launch looks for what those before have left, then leaves something itself."""
    peer = _peer(bench, "for pid in $(cat pids); do is_there $pid && exit 9; done\n" + leave)
    results = bench.measure(*FEW, "--vs", peer, bench.guest("hello.elf"))
    _check_gone(bench, 5)
    assert results.good("peer") == 4, results["peer"]["failure"]


def who_leaves_its_launch_is_gone_before_the_next_one(bench):
    """So what it takes is not in the next one's time."""
    _check_gone_before_the_next_one(bench, "leave env\n")


def who_has_another_environment_is_gone_too(bench):
    _check_gone_before_the_next_one(bench, "leave env -i\n")


def children_of_who_leaves_are_gone_too(bench):
    _check_gone_before_the_next_one(
        bench, "setsid sh -c 'setsid sh -c \"echo \\$\\$ >> pids; echo > there; exec sleep 1000\" & sleep 1000' &\n"
        "until [ -e there ]; do sleep 0.002; done\nrm there\n")


def in_a_burst_who_leaves_belongs_to_its_own_launch(bench):
    """One of six is over when all are there; the others' must be there still."""
    peer = _peer(bench, "leave env\necho >> there\nuntil [ $(wc -l < there) -ge 6 ]; do sleep 0.002; done\n"
                 "mkdir first && exit 0\nsleep 0.1\nis_there $own\n")
    results = bench.measure("--runs", "1", "--warm-up", "0", "--no-floor", "--at-once", "6", "--vs", peer, bench.guest("hello.elf"))
    _check_gone(bench, 6)
    assert results.good("peer") == 6, results["peer"]["failure"]


def in_an_open_loop_it_ends_while_others_are_under_way(bench):
    """The first is over when the second is there, which is over when what the first has left has gone."""
    peer = _peer(bench, "leave env\nif mkdir first; then\n\techo $own > first/own\n"
                 "\tuntil [ -e second ]; do sleep 0.002; done\n"
                 "else\n\t> second\n\twhile is_there $(cat first/own); do sleep 0.002; done\n\tis_there $own\nfi\n")
    results = bench.measure("--runs", "2", "--warm-up", "0", "--no-floor", "--rate", "20", "--vs", peer, bench.guest("hello.elf"))
    _check_gone(bench, 2)
    assert results.good("peer") == 2, results["peer"]["failure"]


def who_leaves_a_launch_that_fails_is_gone_too(bench):
    """Also the launch that is asked why: of two."""
    peer = _peer(bench, "leave env\nexit 9\n")
    results = bench.measure("--runs", "4", "--warm-up", "1", "--no-floor", "--vs", peer, bench.guest("hello.elf"))
    _check_gone(bench, 2)
    assert results["peer"]["given_up"]


def who_leaves_a_launch_that_is_too_late_is_gone_too(bench):
    peer = _peer(bench, "leave env\nsleep 1000\n")
    results = bench.measure("--runs", "4", "--warm-up", "0", "--no-floor", "--timeout", "1s", "--vs", peer,
                            bench.guest("hello.elf"))
    _check_gone(bench, 2)
    assert results["peer"]["timed_out"] == 2


def an_interruption_ends_who_has_left(bench):
    for arrivals in ((), ("--at-once", "2"), ("--rate", "50")):
        peer = _peer(bench, "leave env\n> there\nsleep 1000\n")
        process = bench.start("--warm-up", "0", *arrivals, "--vs", peer, bench.guest("hello.elf"))
        until(lambda: os.path.exists(bench.path("there")), "the launch")
        process.send_signal(signal.SIGTERM)
        done = bench.end(process)
        assert done.returncode == 128 + signal.SIGTERM, done.stderr
        _check_gone(bench, len(bench.read("pids").split()))
        os.unlink(bench.path("there"))


def children_of_whoever_executes_it_are_left_alone(bench):
    peer = _peer(bench, "for pid in $(cat pids); do is_there $pid && exit 9; done\nleave env\n")
    before = bench.write("before", "#!/bin/sh\nsleep 1000 > /dev/null 2>&1 &\necho $! > before.pid\nexec \"$@\"\n", 0o755)
    results = bench.measure(*FEW, "--vs", peer, bench.guest("hello.elf"), around=(before,))
    pid = int(bench.read("before.pid"))
    assert is_there(pid), "it was ended"
    os.kill(pid, signal.SIGKILL)
    _check_gone(bench, 5)
    assert results.good("peer") == 4, results["peer"]["failure"]
