# SPDX-License-Identifier: Apache-2.0
"""What is launched: each mode, functions and others, and what is known of each launch."""

import json
import os
import subprocess

from tap import Skipped

RUNS = 10
FEW = ("--runs", RUNS, "--warm-up", "2")
ORDER = ("vmm_main_ns", "entry_ns", "first_ns", "guest_main_ns", "exit_ns", "reaped_ns")


def _check_whole(results, name, known):
    """All of them good, their times in order, those of `known` there."""
    samples = results.samples(name)
    assert len(samples) == RUNS and results.good(name) == RUNS, results[name]["failure"]
    for sample in samples:
        times = [sample[key] for key in ORDER if sample[key]]
        assert times == sorted(times), sample
        assert all(sample[key] for key in known), sample
    assert results[name]["failed"] == results[name]["timed_out"] == 0


def each_mode_launches_an_image(bench):
    results = bench.measure(*FEW, "--mode", "cold,restored,pooled", bench.guest("hello.elf"))
    assert results.names() == ["cold", "restored", "pooled", "floor"], results.names()
    for name in ("cold", "restored"):
        _check_whole(results, name, ORDER + ("exits", "system_calls", "minor_faults"))
    _check_whole(results, "pooled", ("entry_ns", "exit_ns", "reaped_ns", "exits"))
    _check_whole(results, "floor", ("reaped_ns",))


def each_mode_asks_a_function(bench):
    ask = bench.write("ask", "what is asked")
    results = bench.measure(*FEW, "--mode", "cold,restored,pooled", "--request", ask, bench.guest("echo.elf"))
    for name in ("cold", "restored", "pooled"):
        _check_whole(results, name, ("entry_ns", "guest_main_ns", "exit_ns", "reaped_ns", "exits"))


def a_request_of_a_guest_that_takes_none_is_a_failure(bench):
    ask = bench.write("ask", "what is asked")
    done = bench.run(*FEW, "--mode", "cold,pooled,restored", "--request", ask, bench.guest("hello.elf"))
    assert done.returncode == 123 and "ended without a reply" in done.stderr, done.stderr


def a_function_that_is_not_asked_is_launched_too(bench):
    results = bench.measure(*FEW, "--mode", "cold,restored,pooled", bench.guest("echo.elf"))
    for name in ("cold", "restored", "pooled"):
        _check_whole(results, name, ("reaped_ns",))


def a_snapshot_of_the_operators_is_launched(bench):
    subprocess.run([bench.build + "/kvick", "snapshot", bench.guest("echo.elf"), "-o", bench.path("snapshot")], check=True)
    ask = bench.write("ask", "what is asked")
    results = bench.measure(*FEW, "--mode", "restored,pooled", "--request", ask, bench.path("snapshot"))
    for name in ("restored", "pooled"):
        _check_whole(results, name, ("exit_ns", "reaped_ns"))
    assert os.path.isdir(bench.path("snapshot"))


def options_and_arguments_reach_the_guest(bench):
    """It exits with the number that it is given, in all modes; that is no success unless it is said to be."""
    guest = bench.guest("exitcode.elf")
    modes = ("--mode", "cold,restored,pooled", "--options", "--mem 8M", "--no-floor")
    results = bench.measure(*FEW, *modes, "--exit", "7", guest, "--", "7")
    for name in ("cold", "restored", "pooled"):
        _check_whole(results, name, ("reaped_ns",))
    done = bench.run(*FEW, *modes, guest, "--", "7")
    assert done.returncode == 123 and done.stderr.count("given up: exit status 7") == 3, done.stderr


def the_report_of_one_launch_is_kept(bench):
    report = bench.measure(*FEW, bench.guest("hello.elf"))["cold"]["report"]
    assert report["outcome"] == "exited" and report["memory"]["peak_resident_bytes"] > 0, report


def the_floor_runs_at_kvicks_ring(bench):
    results = bench.measure(*FEW, bench.guest("hello.elf"))
    assert results["floor"]["command"][-1] == str(results["cold"]["report"]["ring"]), results["floor"]["command"]
    pooled = bench.measure(*FEW, "--mode", "pooled", bench.guest("hello.elf"))
    assert pooled["floor"]["command"] == results["floor"]["command"]


def the_floor_may_be_left_out(bench):
    assert bench.measure(*FEW, "--no-floor", bench.guest("hello.elf")).names() == ["cold"]


def what_is_not_the_same_is_compared(bench):
    results = bench.measure(*FEW, "--vs-options", "--no-sandbox", "--vs-image", bench.guest("echo.elf"), "--vs-kvick",
                            bench.build + "/kvick", "--name", "again", "--vs", "sh -c 'exit 3'", "--vs-exit", "3",
                            bench.guest("hello.elf"))
    assert results.names() == ["hello.elf", "hello.elf --no-sandbox", "echo.elf", "again", "sh", "floor"], results.names()
    for name in results.names():
        _check_whole(results, name, ("reaped_ns",))
    assert results["hello.elf --no-sandbox"]["command"][2:5] == ["--report", "stamps=3", "--no-sandbox"]


def launches_run_where_they_are_pinned(bench):
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        raise Skipped("one processor")
    look = "sh -c 'grep Cpus_allowed_list: /proc/self/status > allowed; grep Cpus_allowed_list: /proc/$PPID/status > own'"
    bench.measure("--runs", "1", "--warm-up", "0", "--pin", cpus[0], "--vs", look, bench.guest("hello.elf"))
    assert bench.read("allowed").split()[1] == str(cpus[0]), bench.read("allowed")
    assert bench.read("own").split()[1] != str(cpus[0]), bench.read("own")


def a_launch_inherits_nothing(bench):
    look = "sh -c 'readlink /proc/self/fd/* > files; grep ^Sig /proc/self/status > signals; cat /proc/self/timerslack_ns > slack'"
    ours = subprocess.run(["sh", "-c", "grep ^SigIgn /proc/self/status; cat /proc/self/timerslack_ns"], stdout=subprocess.PIPE,
                          text=True, check=True).stdout.split()
    bench.measure("--runs", "2", "--mode", "cold,pooled", "--at-once", "3", "--vs", look, bench.guest("hello.elf"))
    files = bench.read("files").split()
    assert [name for name in files if name != "/dev/null" and not name.endswith("/files")] == [] and len(files) == 3, files
    signals = dict(line.split() for line in bench.read("signals").splitlines())
    assert int(signals["SigBlk:"], 16) == 0, signals
    # But for two of the C library's own (32 and 33), which GNU make ignores for its children, and threads want.
    assert (int(signals["SigIgn:"], 16) ^ int(ours[1], 16)) & ~(3 << 31) == 0, (signals, ours)
    assert bench.read("slack").strip() == ours[2]


def caches_are_dropped_by_root(bench):
    if not os.access("/proc/sys/vm/drop_caches", os.W_OK):
        raise Skipped("/proc/sys/vm/drop_caches cannot be written")
    results = bench.measure("--runs", "2", "--warm-up", "0", "--drop-caches", bench.guest("hello.elf"))
    assert results.good("cold") == 2


def stamps_that_lie_are_no_times(bench):
    """A kvick that writes what is no record, and one whose record is garbage."""
    none = bench.write("none", "#!/bin/sh\nprintf garbage >&3\n", 0o755)
    lies = bench.write("lies", "#!/bin/sh\n(printf kstamps0; head -c 248 /dev/urandom) >&3\n", 0o755)
    grows = bench.write("grows", "#!/bin/sh\nhead -c 100000 /dev/zero >&3\nexit 0\n", 0o755)
    results = bench.measure(*FEW, "--vs-kvick", none, "--vs-kvick", lies, "--vs-kvick", grows, bench.guest("hello.elf"))
    assert results[results.names()[1]]["given_up"], results.names()
    assert results[results.names()[3]]["given_up"]
    for sample in results.samples(results.names()[2]):
        times = [sample[key] for key in ORDER if sample[key]]
        assert times == sorted(times), sample
    assert results.good("cold") == RUNS


def everything_is_json(bench):
    done = bench.run(*FEW, "--json=all.json", bench.guest("hello.elf"))
    assert done.returncode == 0 and "cold" in done.stdout, done.stderr
    assert json.loads(bench.read("all.json"))["rounds"] == RUNS
