# SPDX-License-Identifier: Apache-2.0
"""What goes wrong while it runs: it is named, and the rest goes on."""

import os
import re
import shutil
import signal

from bench import HOST, is_there, until

FEW = ("--runs", "6", "--warm-up", "2")


def a_peer_that_is_missing_is_named_and_the_rest_goes_on(bench):
    results = bench.measure(*FEW, "--vs", "no-such-vmm --kernel x", "--vs-kvick", "/no/kvick", "--vs", "true",
                            bench.guest("hello.elf"))
    assert "given up: no-such-vmm: not found along PATH" in bench.last.stderr, bench.last.stderr
    for name in ("no-such-vmm", "/no/kvick"):
        assert results[name]["given_up"] and results[name]["failure"] and not results.samples(name)
    assert results.good("cold") == results.good("true") == results.good("floor") == 6


def a_peer_that_fails_is_given_up_with_its_own_words(bench):
    results = bench.measure(*FEW, "--vs", "sh -c 'echo that is why >&2; echo more >&2; exit 9'", "--vs", "sh -c 'kill -SEGV $$'",
                            bench.guest("hello.elf"))
    assert results["sh"]["failure"] == "exit status 9: that is why", results["sh"]["failure"]
    assert results["sh 2"]["failure"].startswith("ended by signal 11"), results["sh 2"]["failure"]
    assert results["sh"]["given_up"] and results["sh 2"]["given_up"]
    assert results.good("cold") == 6


def an_exit_status_that_should_be_another_is_told_with_that(bench):
    results = bench.measure(*FEW, "--vs", "true", "--vs-exit", "33", bench.guest("hello.elf"))
    assert results["true"]["failure"] == "exit status 0, not 33", results["true"]["failure"]


def what_a_peer_says_moves_no_cursor(bench):
    results = bench.measure(*FEW, "--vs", "sh -c 'printf \"a\\033[2Jb\\007\" >&2; exit 1'", bench.guest("hello.elf"))
    assert results["sh"]["failure"] == "exit status 1: a?[2Jb?", results["sh"]["failure"]


def one_that_fails_now_and_then_goes_on(bench):
    """The first time that it is run, and then every third time."""
    flaky = bench.write("flaky", "#!/bin/sh\necho >> count\n[ $(($(wc -l < count) % 3)) != 1 ]\n", 0o755)
    results = bench.measure("--runs", "30", "--warm-up", "0", "--vs", flaky, bench.guest("hello.elf"))
    assert not results["flaky"]["given_up"]
    assert results["flaky"]["failed"] == 10 and results.good("flaky") == 20
    assert results["flaky"]["failure"].startswith("exit status 1")


def one_that_mostly_fails_is_given_up(bench):
    mostly = bench.write("mostly", "#!/bin/sh\necho >> count\n[ $(($(wc -l < count) % 5)) = 1 ]\n", 0o755)
    results = bench.measure("--runs", "100", "--warm-up", "0", "--vs", mostly, bench.guest("hello.elf"))
    assert results["mostly"]["given_up"] and len(results.samples("mostly")) < 20
    assert results.good("cold") == 100


def the_first_one_given_up_is_a_failure_of_all(bench):
    results = bench.measure(*FEW, "--vs", "true", bench.guest("crash.elf"), "--", "null", code=HOST)
    assert results["cold"]["given_up"] and results.good("true") == 6


def every_preset_that_help_names_is_one(bench):
    text = bench.run("--help").stdout
    names = re.findall(r"[\w-]+", re.search(r"PEER is (.*?), where", text, re.S).group(1).replace(" or ", " "))
    assert len(names) == 4, names
    results = bench.measure(*FEW, "--timeout", "2s", *(word for name in names for word in ("--vs", name)), bench.guest("hello.elf"))
    assert [results[name]["peer"] for name in names] == names


def when_only_the_floor_is_left_it_ends(bench):
    bench.refuse("nothing could be measured: exit status 121", "--runs", "100", "--quiet", bench.guest("crash.elf"), "--", "null",
                 code=HOST)


def a_launch_that_takes_too_long_is_ended_with_all_that_it_started(bench):
    hangs = bench.write("hangs", "#!/bin/sh\nsleep 1000 &\necho $! >> pids\nwait\n", 0o755)
    results = bench.measure(*FEW, "--timeout", "2s", "--vs", hangs, bench.guest("hello.elf"))
    assert "not over after 2 s (--timeout)" in results["hangs"]["failure"], results["hangs"]["failure"]
    assert results["hangs"]["given_up"] and results.good("cold") == 6
    pids = [int(pid) for pid in bench.read("pids").split()]
    assert len(pids) == 2
    until(lambda: not any(is_there(pid) for pid in pids), "the end of what it started")


def what_a_peer_leaves_running_is_ended(bench):
    leaves = bench.write("leaves", "#!/bin/sh\nsleep 1000 >&- 2>&- &\necho $! >> pids\n", 0o755)
    results = bench.measure("--runs", "3", "--warm-up", "0", "--no-floor", "--vs", leaves, bench.guest("hello.elf"))
    assert results.good("leaves") == 3
    pids = [int(pid) for pid in bench.read("pids").split()]
    assert len(pids) == 3
    until(lambda: not any(is_there(pid) for pid in pids), "the end of what it left")


def why_a_peer_fails_keeps_no_other_waiting_in_an_open_loop(bench):
    """It fails at once, and takes its time when it is asked why."""
    peer = bench.write("peer", "#!/bin/sh\necho >> count\n[ $(wc -l < count) -lt 12 ] || sleep 10\nexit 9\n", 0o755)
    results = bench.measure("--runs", "30", "--warm-up", "0", "--rate", "40", "--no-floor", "--vs", peer, bench.guest("hello.elf"))
    assert results["peer"]["given_up"] and results["peer"]["failure"] == "exit status 9", results["peer"]["failure"]
    assert max(sample["late_ns"] for sample in results.samples("cold")) < 9e9


def a_guest_that_never_ends_is_ended_in_each_mode(bench):
    done = bench.run(*FEW, "--timeout", "300ms", "--mode", "cold,restored,pooled", bench.guest("spin.elf"))
    assert done.returncode == HOST and done.stderr.count("given up: not over after 0.3 s") == 3, done.stderr


def a_time_out_now_and_then_is_one_sample(bench):
    slow = bench.write("slow", "#!/bin/sh\necho >> count\n[ $(wc -l < count) != 4 ] || sleep 1000\n", 0o755)
    results = bench.measure(*FEW, "--timeout", "3s", "--vs", slow, bench.guest("hello.elf"))
    assert results["slow"]["timed_out"] == 1 and results.good("slow") == 5 and not results["slow"]["given_up"]


# --- signals ---

def an_interruption_keeps_what_was_measured(bench):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        mark = "mark%d" % number
        results = bench.interrupt(number, "--time", "100s", "--mode", "cold,pooled", "--vs",
                                  "sh -c 'echo >> count%d; [ $(wc -l < count%d) -lt 20 ] || echo > %s'" % (number, number, mark),
                                  bench.guest("hello.elf"), when=mark)
        assert results.all["signal"] == number
        assert results.all["rounds"] >= 13 and results.good("cold") >= 13 and results.good("pooled") >= 13, results.all["rounds"]
        assert not any(each["failed"] for each in results.subjects.values())


def an_interruption_ends_what_is_under_way(bench):
    hangs = "sh -c 'echo $$ > pid; mv pid there; sleep 1000'"
    process = bench.start("--warm-up", "0", "--vs", hangs, bench.guest("hello.elf"))
    until(lambda: os.path.exists(bench.path("there")), "the launch")
    process.send_signal(signal.SIGTERM)
    done = bench.end(process)
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    until(lambda: not is_there(int(bench.read("there"))), "the end of what was under way")


def an_interruption_ends_a_hung_guest_of_the_pool(bench):
    """In an open loop: the pool's launch hangs, or is yet to come, when the other one says that it is there."""
    ask = bench.write("ask", "1000000000000000000")
    process = bench.start("--mode", "pooled", "--timeout", "1h", "--request", ask, "--warm-up", "0", "--rate", "1000", "--runs",
                          "1", "--no-floor", "--vs", "sh -c 'echo > there'", bench.guest("sum.elf"))
    until(lambda: os.path.exists(bench.path("there")), "the launch")
    process.send_signal(signal.SIGINT)
    done = bench.end(process)
    assert done.returncode == 128 + signal.SIGINT, done.stderr


def an_interruption_while_the_host_is_looked_at_leaves_no_folder(bench):
    """`kvick doctor` is asked what the host is like, for a second here."""
    shutil.copy(os.path.join(bench.build, "kvick-bench"), bench.path("kvick-bench"))
    bench.write("kvick", "#!/bin/sh\n[ $1 != bench ] || exec %s/kvick-bench \"$@\"\necho > %s\nsleep 1\n" %
                (bench.folder, bench.path("asked")), 0o755)
    image, bench.build = bench.guest("hello.elf"), bench.folder
    process = bench.start("--no-floor", "--mode", "restored", image)
    until(lambda: os.path.exists(bench.path("asked")), "the question")
    process.send_signal(signal.SIGTERM)
    assert bench.end(process).returncode == 128 + signal.SIGTERM


def a_reader_that_leaves_leaves_no_folder(bench):
    process = bench.start("--runs", "2", "--mode", "restored", bench.guest("hello.elf"))
    process.stdout.close()
    process.stdout = None
    bench.end(process)


# --- stderr ---

def progress_is_silent_where_it_should_be(bench):
    assert bench.run("--runs", "3", bench.guest("hello.elf")).stderr == ""
    done = bench.run("--time", "1500ms", "--quiet", "--vs", "nosuch", bench.guest("hello.elf"))
    assert done.returncode == 0 and done.stderr == ""


def _all_of(terminal):
    """What was written to it, until nobody has it open any more."""
    while True:
        try:
            yield os.read(terminal, 65536)
        except OSError:
            return


def progress_is_one_line_on_a_terminal(bench):
    ours, theirs = os.openpty()
    process = bench.start("--time", "2500ms", bench.guest("hello.elf"), stderr=theirs)
    os.close(theirs)
    out, _ = process.communicate(timeout=60)
    said = b"".join(_all_of(ours)).decode()
    os.close(ours)
    assert process.returncode == 0 and out, said
    assert re.match("\rkvick: bench: (warm-up, )?round ", said) and "\n" not in said and said.endswith("\r\033[K"), repr(said)


def a_peer_that_hangs_from_some_time_on_is_given_up(bench):
    peer = bench.write("peer", "#!/bin/sh\necho >> count\n[ $(wc -l < count) -lt 30 ] || sleep 1000\n", 0o755)
    results = bench.measure("--runs", "100", "--warm-up", "0", "--no-floor", "--timeout", "1s", "--vs", peer,
                            bench.guest("hello.elf"))
    assert results["peer"]["given_up"] and results["peer"]["timed_out"] == 5, results["peer"]["timed_out"]
    assert results.good("cold") == 100


def a_peer_that_floods_stderr_is_heard_in_part(bench):
    peer = bench.write("peer", "#!/bin/sh\necho first >&2\nhead -c 100000000 /dev/zero | tr '\\0' x >&2\nexit 9\n", 0o755)
    results = bench.measure("--runs", "3", "--warm-up", "0", "--no-floor", "--timeout", "60s", "--vs", peer,
                            bench.guest("hello.elf"))
    assert results["peer"]["failure"] == "exit status 9: first", results["peer"]["failure"]


def whoever_executes_it_may_ignore_that_children_end(bench):
    """Then the kernel would keep no exit status of theirs."""
    results = bench.measure(*FEW, "--vs", "sh -c 'exit 9'", bench.guest("hello.elf"), around=("env", "--ignore-signal=CHLD"))
    assert results["sh"]["failure"] == "exit status 9", results["sh"]["failure"]
    assert results.good("cold") == 6
