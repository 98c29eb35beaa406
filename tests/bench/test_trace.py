# SPDX-License-Identifier: Apache-2.0
"""--trace: phases of what tells none, by the kernel's tracepoints."""

import os
import signal
import subprocess

from bench import HOST, USAGE
from tap import Skipped

INSTANCES = "/sys/kernel/tracing/instances"
FEW = ("--runs", "5", "--warm-up", "0", "--no-floor")


def _wanted():
    if not os.access(INSTANCES, os.W_OK):
        raise Skipped("%s cannot be written: as root, where tracefs is mounted" % INSTANCES)


def _ours():
    return [name for name in os.listdir(INSTANCES) if name.startswith("kvick-bench-")]


def _kvick(bench, *words):
    return " ".join((os.path.join(bench.build, "kvick"), "run", *words))


def phases_of_another_vmm_are_known(bench):
    """kvick itself as a command that says nothing: what the kernel saw is what kvick says of the other launches."""
    _wanted()
    results = bench.measure(*FEW, "--trace", "--vs", _kvick(bench, bench.guest("hello.elf")), bench.guest("hello.elf"))
    told, seen = (results.samples(name) for name in results.names())
    for sample in seen:
        assert 0 < sample["entry_ns"] < sample["exit_ns"] < sample["reaped_ns"], sample
        assert sample["exits"] == told[0]["exits"] and sample["hypercalls"] is None, (sample, told[0])
    against = results[results.names()[1]]["against_first"]
    assert all(against[part] for part in ("start", "guest", "end", "vmm", "exits")), against


def all_are_traced_alike(bench):
    """The kernel does not see a guest's first instruction: nobody's time counts from it."""
    _wanted()
    modes = ("--mode", "cold,restored,pooled")
    results = bench.measure(*FEW, "--trace", *modes, bench.guest("hello.elf"))
    for sample in sum(map(results.samples, results.names()), []):
        assert sample["first_ns"] is None and 0 < sample["entry_ns"] < sample["guest_main_ns"] < sample["exit_ns"], sample
    assert results.all["plan"]["trace"] is True
    results = bench.measure(*FEW, *modes, bench.guest("hello.elf"))
    assert all(results.samples(name)[0]["first_ns"] for name in results.names())


def what_is_no_vmm_has_no_phases(bench):
    _wanted()
    results = bench.measure(*FEW, "--trace", "--vs", "true", bench.guest("hello.elf"))
    for sample in results.samples("true"):
        assert [sample[key] for key in ("entry_ns", "exit_ns", "exits")] == [None] * 3 and sample["reaped_ns"] > 0, sample


def more_exits_than_a_trace_holds_are_told(bench):
    _wanted()
    chatty = _kvick(bench, "--timeout", "3s", bench.guest("spin.elf"), "--", "exits")
    results = bench.measure("--runs", "1", "--warm-up", "0", "--no-floor", "--trace", "--vs", chatty, "--vs-exit", "124",
                            bench.guest("hello.elf"))
    assert [each["key"] for each in results.all["environment"]["warnings"] if each["key"] == "traced_in_part"], results.all
    sample = results.samples(results.names()[1])[0]
    assert sample["result"] == 0 and sample["exits"] is None and sample["entry_ns"] is None, sample


def exits_before_a_launch_do_not_take_its_room(bench):
    """A machine of a pool leaves its guest more often than a trace holds; in the second round it has run before the other."""
    _wanted()
    other = _kvick(bench, bench.guest("hello.elf"))
    results = bench.measure("--runs", "2", "--warm-up", "0", "--no-floor", "--trace", "--timeout", "1s", "--mode", "pooled",
                            "--vs", other, "--vs-exit", "0", bench.guest("spin.elf"), "--", "exits", code=HOST)
    assert results["pooled"]["timed_out"] == 2, results["pooled"]
    assert [sample["exits"] for sample in results.samples("kvick")] == [1, 1], results.samples("kvick")
    assert "traced_in_part" not in [each["key"] for each in results.all["environment"]["warnings"]]


def launches_that_overlap_are_not_traced(bench):
    for option, value in (("--at-once", "2"), ("--rate", "10")):
        bench.refuse("--trace with %s" % option, "--trace", option, value, bench.guest("hello.elf"), code=USAGE)


def nothing_of_the_trace_is_left(bench):
    _wanted()
    before = _ours()
    bench.measure(*FEW, "--trace", bench.guest("hello.elf"))
    count = "sh -c 'echo >>launches; test $(wc -l <launches) -lt 20 || touch begun'"
    bench.interrupt(signal.SIGTERM, "--runs", "100000", "--trace", "--vs", count, bench.guest("hello.elf"), when="begun")
    assert _ours() == before, _ours()


def what_a_killed_bench_left_is_taken_away(bench):
    _wanted()
    gone = subprocess.Popen(["true"])
    gone.wait()
    old = os.path.join(INSTANCES, "kvick-bench-%d" % gone.pid)
    os.mkdir(old)
    bench.measure(*FEW, "--trace", bench.guest("hello.elf"))
    assert not os.path.exists(old)


def an_older_trace_of_the_same_number_is_taken_away(bench):
    _wanted()
    before = ("sh", "-c", "mkdir %s/kvick-bench-$$ && exec \"$@\"" % INSTANCES, "sh")
    assert bench.measure(*FEW, "--trace", bench.guest("hello.elf"), around=before).good("cold") == 5


def where_the_trace_sees_nothing_it_is_told(bench):
    """There the kernel's process IDs are not ours."""
    _wanted()
    elsewhere = ("unshare", "--pid", "--fork", "--kill-child")
    if subprocess.run([*elsewhere, "true"]).returncode:
        raise Skipped("no PID namespace can be had")
    done = bench.run("--trace", *FEW, bench.guest("hello.elf"), around=elsewhere)
    assert done.returncode == HOST and "PID namespace" in done.stderr, (done.returncode, done.stderr)


def who_may_not_trace_is_told_what_it_wants(bench):
    _wanted()
    os.chmod(bench.folder, 0o755)
    os.chmod(bench.temporary, 0o777)

    def be_nobody():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)

    done = bench.run("--trace", *FEW, bench.guest("hello.elf"), preexec_fn=be_nobody)
    assert done.returncode == HOST and "run as root" in done.stderr, (done.returncode, done.stderr)
