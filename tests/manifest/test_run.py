# SPDX-License-Identifier: Apache-2.0
"""The runner: what passes, what fails and why, and that nothing of a case outlives it."""

import os
import shutil
import signal
import subprocess

from tap import Skipped
from trial import Trial, check, is_running, until

HELLO = "image = GUESTS/hello.elf\n"
# A kvick that is none: it runs what stands in a case's `arguments` by a shell.
SHELL = 'while [ "$1" != -- ]; do shift; done; shift; eval "$*"\n'


def _only_failure(t, manifest, *texts, options=(), kvick=None, files=()):
    """One case, which fails and says so."""
    with Trial(t, manifest, kvick=kvick) as trial:
        for name, text in files:
            trial.file(name, text)
        trial.run(*options, codes=(1,)).says(*texts)
        trial.leaves_nothing()
        return trial.results()


def _passes(t, manifest, *options, kvick=None, files=()):
    with Trial(t, manifest, kvick=kvick) as trial:
        for name, text in files:
            trial.file(name, text)
        trial.run(*options)
        trial.leaves_nothing()
        return trial.results()


def _wants_root():
    if os.geteuid() != 0:
        raise Skipped("wants root, for a mount namespace")


# --- how it ends ---

def a_case_that_is_as_expected_passes(t):
    case = _passes(t, "[case hello]\n" + HELLO + "console = Hello\nconsole regex = at ring [03]$\nconsole not = error\n")["hello"]
    check(case["result"] == "passed" and case["tries"] == 1 and case["stamps"] and case["wall_ns"] > 0, case)
    check(case["console"].startswith("Hello from kvick"), case)


def an_exit_code_may_be_expected(t):
    _passes(t, "[case seven]\nimage = GUESTS/exitcode.elf\narguments = 7\nexit code = 7\n")


def a_wrong_exit_code_fails(t):
    _only_failure(t, "[case seven]\nimage = GUESTS/exitcode.elf\narguments = 7\n", "it exited with 7, and should exit with 0")


def an_exit_code_that_is_one_of_kvicks_is_the_guests(t):
    _passes(t, "[case code]\nimage = GUESTS/exitcode.elf\narguments = 121\nexit code = 121\n")


def a_crash_fails_with_its_report(t):
    _only_failure(t, "[case crash]\nimage = GUESTS/crash.elf\narguments = null\n", "end: it crashed, and should exit with 0",
                  "null pointer", "crash_null+")


def a_crash_may_be_expected(t):
    _passes(t, "[case crash]\nimage = GUESTS/crash.elf\narguments = null\nend = crashes\nstderr = null pointer\n")


def a_message_that_is_missing_fails(t):
    _only_failure(t, "[case crash]\nimage = GUESTS/crash.elf\narguments = null\nend = crashes\nstderr = divide\n",
                  'kvick.test:1: stderr: "divide" is not in kvick\'s messages')


def a_wedged_guest_times_out(t):
    _only_failure(t, "[case spin]\nimage = GUESTS/spin.elf\ntimeout = 200ms\n",
                  "end: it timed out (timeout = 0.2s), and should exit with 0")


def a_time_out_may_be_expected(t):
    _passes(t, "[case spin]\nimage = GUESTS/spin.elf\ntimeout = 200ms\nend = times out\n")


def a_kvick_that_does_not_end_is_killed_with_all_that_it_started(t):
    with Trial(t, "[case one]\n" + HELLO + "timeout = 200ms\n",
               kvick='trap "" TERM INT ALRM; sleep 1000 & echo $! $$ >"${0%/*}/pids"; wait; wait\n') as trial:
        trial.run(codes=(1,)).says("kvick went on after its time-out, and was killed")
        check(not [pid for pid in trial.read("pids").split() if is_running(int(pid))], "still there")


def an_image_that_is_refused_fails_with_the_reason(t):
    _only_failure(t, "[case no]\nimage = kvick.test\nprotocol = native\n",
                  "end: kvick refused it (exit code 122), and should exit with 0")


def a_refusal_may_be_expected(t):
    _passes(t, "[case no]\nimage = kvick.test\nprotocol = native\nend = is refused\n")


def a_host_that_cannot_is_no_refusal_but_where_it_is_named(t):
    _only_failure(t, "[case no]\n" + HELLO + "options = --disk /nowhere\nend = is refused\n",
                  "only taken for a refusal where `stderr`")
    _passes(t, "[case no]\n" + HELLO + "options = --disk /nowhere\nend = is refused\nstderr = /nowhere\n")


def a_kvick_that_is_ended_by_a_signal_fails(t):
    _only_failure(t, "[case no]\n" + HELLO, "kvick was ended by signal 11", kvick="kill -SEGV $$\n")


def a_host_without_kvm_fails_with_what_kvick_says(t):
    _wants_root()
    with Trial(t, "[case hello]\n" + HELLO) as trial:
        trial.run(codes=(1,), around="exec unshare -m sh -c 'mount --bind /dev/null /dev/kvm && exec \"$@\"' sh \"$@\"")
        trial.says("kvick refused it (exit code 123)", "/dev/kvm")


def a_kvick_that_is_missing_runs_nothing(t):
    with Trial(t, "[case hello]\n" + HELLO) as trial:
        trial.run("--kvick", "/nowhere/kvick", codes=(120,)).says("/nowhere/kvick")
        check("ok 1" not in trial.out, trial.out)


# --- what it prints ---

def text_that_is_missing_is_told_with_the_last_line(t):
    _only_failure(t, "[case hello]\n" + HELLO + "console = Goodbye\n",
                  'kvick.test:3: console: "Goodbye" is not there: in 28 bytes, of which the last line is "Hello from kvick, ')


def a_guest_that_prints_for_ever_is_kept_in_bounds(t):
    case = _only_failure(t, "[case flood]\nimage = HOSTILE/loops.elf\narguments = console\ntimeout = 1s\n", "it timed out")["flood"]
    check(case["console_dropped"] > 0, "nothing was dropped")
    check(len(case["console"]) <= 1 << 20, "%d bytes" % len(case["console"]))


def all_that_is_kept_of_many_floods_is_in_bounds(t):
    flood = t.write("flood", "#!/bin/sh\necho first\nhead -c 2000000 /dev/zero | tr '\\0' a\necho\necho last\nexit 1\n")
    bounded = t.write("bounded", "#!/bin/sh\nulimit -v 650000\nexec %s \"$@\"\n" % os.path.join(t.build, "kvick-test"))
    for script in flood, bounded:
        os.chmod(script, 0o755)
    t.manifest("[case a]\n" + HELLO)
    ended = t.run("--kvick", flood, "--repeat", "420", "--format", "human", program=bounded)
    t.same((ended.code, ended.out.count("\n      | last\n")), (1, 420))


def the_last_of_a_flood_is_matched(t):
    _passes(t, "[case flood]\n" + HELLO + "arguments = 'seq 1000000; echo end'\nconsole regex = ^end$\nconsole regex = ^1$\n",
            kvick=SHELL)


def a_golden_file_that_differs_names_the_line(t):
    _only_failure(t, "[case lines]\n" + HELLO + "arguments = 'seq 5'\nconsole golden = five\n",
                  "console golden: it differs from line 3 of ", 'should be: "drei\\n"', 'there was: "3\\n"', kvick=SHELL,
                  files=(("five", "1\n2\ndrei\n4\n5\n"),))


def a_golden_file_is_updated_when_asked_for(t):
    with Trial(t, "[case lines]\n" + HELLO + "arguments = 'seq 3'\nconsole golden = golden\n", kvick=SHELL) as trial:
        trial.run(codes=(1,)).says("--update-golden")
        trial.run("--update-golden")
        check(trial.read("golden") == b"1\n2\n3\n", trial.read("golden"))
        trial.run()


def a_golden_file_is_not_updated_by_a_case_that_fails(t):
    with Trial(t, "[case lines]\n" + HELLO + "arguments = 'seq 3; exit 1'\nconsole golden = golden\n", kvick=SHELL) as trial:
        trial.file("golden", "as it was\n")
        trial.run("--update-golden", codes=(1,))
        check(trial.read("golden") == b"as it was\n", trial.read("golden"))


def a_golden_file_is_not_updated_twice_to_something_else(t):
    with Trial(t, "[case each]\n" + HELLO + "ring = each\nconsole golden = golden\n") as trial:
        trial.run("--update-golden", "--jobs", "1", codes=(1,)).says("golden: another case of this run has something else for")
        check(trial.read("golden") == b"Hello from kvick, at ring 0\n", trial.read("golden"))
    _passes(t, "[case a]\n" + HELLO + "ring = 3\nconsole golden = golden\n[case b]\n" + HELLO +
            "ring = 3\nconsole golden = golden\n", "--update-golden")


def a_pattern_that_takes_too_long_is_given_up(t):
    _only_failure(t, "[case slow]\n" + HELLO + "arguments = 'head -c 60000 /dev/zero | tr \"\\0\" a'\n"
                  "console regex = (a|aa)*[bc]$\n", "console regex: looking for it took too long", kvick=SHELL)


def a_function_is_asked_and_its_reply_compared(t):
    golden = b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n"
    manifest = "[case sha]\nimage = GUESTS/sha256.elf\nrequest = abc\nreply = golden\n"
    with Trial(t, manifest) as trial:
        trial.file("abc", "abc")
        trial.run("--update-golden")
        check(trial.read("golden") == golden, trial.read("golden"))
        trial.file("abc", "abcd")
        trial.run(codes=(1,)).says("reply: it differs from line 1 of ")


def what_a_function_prints_is_its_console(t):
    case = _only_failure(t, "[case f]\n" + HELLO + "request = kvick.test\nconsole = reply\n"
                         "arguments = 'echo reply; echo printed >&2; echo kvick: said >&2'\n", '"reply" is not there',
                         kvick=SHELL)["f"]
    check(case["console"] == "printed\n" and case["messages"] == "kvick: said\n", case)


# --- limits ---

def more_exits_than_allowed_fail(t):
    _only_failure(t, "[case mark]\nimage = GUESTS/mark.elf\nexits limit = 1\n", "exits limit: it left the guest", "and may 1 times")
    _passes(t, "[case hello]\n" + HELLO + "exits limit = 10\n")


def more_memory_than_allowed_fails(t):
    _only_failure(t, "[case hello]\n" + HELLO + "memory limit = 4K\nexits limit = 10\n",
                  "memory limit: it took", "and may take 4 KiB")
    check(_passes(t, "[case hello]\n" + HELLO + "memory limit = 64M\n")["hello"]["peak_bytes"] > 0, "no peak")


def boot_is_measured_against_the_floor(t):
    case = _passes(t, "[case hello]\n" + HELLO + "boot limit = 1000x floor\n")["hello"]
    check(case["boot_floor"] > 0 and case["tries"] == 1, case)
    _only_failure(t, "[case hello]\n" + HELLO + "boot limit = 0.001x floor\n", "boot limit: its main() begins after", "0.001 times")


def a_floor_that_is_missing_fails_the_cases_that_want_it(t):
    alone = t.write("bin/kvick-test", "")
    shutil.copy(os.path.join(t.build, "manifest", "kvick-test"), alone)
    with Trial(t, "[case boot]\n" + HELLO + "boot limit = 3x floor\n[case hello]\n" + HELLO) as trial:
        trial.run("--kvick", os.path.join(t.build, "kvick"), codes=(1,), program=alone)
        trial.says("boot limit: kvick-floor: ")
        check(trial.results()["hello"]["result"] == "passed", "hello")


def boot_of_a_case_that_fails_is_not_measured(t):
    case = _only_failure(t, "[case hello]\n" + HELLO + "boot limit = 1000x floor\nconsole = Goodbye\n", "Goodbye")["hello"]
    check(case["boot_floor"] is None, case)


def a_limit_without_a_report_fails(t):
    _only_failure(t, "[case hello]\n" + HELLO + "exits limit = 10\n", "exits limit: kvick left no report", kvick="exit 0\n")


# --- tries ---

COUNTED = 'before = echo x >>"$MANIFEST_DIR/tries"; test $(wc -l <"$MANIFEST_DIR/tries") -ge 3\n'


def a_case_that_passes_at_its_last_try_is_flaky(t):
    with Trial(t, "[case flaky]\n" + HELLO + COUNTED + "retries = 2\n") as trial:
        trial.run()
        case = trial.results()["flaky"]
        check(case["result"] == "passed" and case["tries"] == 3, case)
        check(case["problems"] == ["try 1: before: it exited with 1", "try 2: before: it exited with 1"], case["problems"])
        trial.says("1 flaky")
        trial.leaves_nothing()


def a_case_that_fails_at_each_try_fails(t):
    case = _only_failure(t, "[case flaky]\n" + HELLO + COUNTED + "retries = 1\n", "before: it exited with 1")["flaky"]
    check(case["tries"] == 2, case)


def the_command_line_knows_better_how_often(t):
    case = _only_failure(t, "[case flaky]\n" + HELLO + COUNTED + "retries = 9\n", options=("--retries", "0"))["flaky"]
    check(case["tries"] == 1, case)


def nothing_is_begun_after_the_first_failure_where_one_is_enough(t):
    with Trial(t, "[case a]\n" + HELLO + "exit code = 3\n[case b]\n" + HELLO) as trial:
        trial.run("--fail-fast", "--jobs", "1", codes=(1,))
        check(trial.results()["b"]["result"] == "interrupted", trial.results()["b"])


# --- at once, and in order ---

def outcomes_are_told_in_the_manifests_order(t):
    with Trial(t, "[case slow]\n" + HELLO + "before = until test -e \"$MANIFEST_DIR/go\"; do sleep 0.01; done\n"
               "[case quick]\n" + HELLO + "before = touch \"$MANIFEST_DIR/go\"\n") as trial:
        trial.run("--jobs", "2")
        check(trial.out.index("- slow") < trial.out.index("- quick"), trial.out)


def as_many_run_at_once_as_there_are_jobs(t):
    wait = 'before = echo x >>"$MANIFEST_DIR/all"; until test $(wc -l <"$MANIFEST_DIR/all") -ge 5; do sleep 0.01; done\n'
    _passes(t, "".join("[case %d]\n%s%s" % (i, HELLO, wait) for i in range(5)), "--jobs", "5")


def no_more_run_at_once_than_there_are_jobs(t):
    alone = 'before = mkdir "$MANIFEST_DIR/lock" && sleep 0.05 && rmdir "$MANIFEST_DIR/lock"\n'
    _passes(t, "".join("[case %d]\n%s%s" % (i, HELLO, alone) for i in range(5)), "--jobs", "1")


def a_hundred_at_once_are_all_told(t):
    results = _passes(t, "".join("[case %d]\n%s" % (i, HELLO) for i in range(200)), "--jobs", "100")
    check(len(results) == 200 and all(case["result"] == "passed" for case in results.values()), "some did not pass")


def each_ring_is_a_run_of_its_own(t):
    results = _passes(t, "[case hello]\n" + HELLO + "ring = each\nconsole = at ring\n")
    check(sorted(results) == ["hello, ring 0", "hello, ring 3"], sorted(results))
    for ring in (0, 3):
        case = results["hello, ring %d" % ring]
        check(case["console"] == "Hello from kvick, at ring %d\n" % ring, case["console"])


# --- what a case has to itself ---

def an_empty_disk_is_made_for_each_try(t):
    _passes(t, "[case disk]\nimage = GUESTS/blkcheck.elf\ndisk = 1M\n[case again]\nimage = GUESTS/blkcheck.elf\ndisk = 1M\n")


def a_copied_disk_leaves_the_original_as_it_was(t):
    with Trial(t, "[case disk]\nimage = GUESTS/blkcheck.elf\ndisk = copy original\n"
               "after = ! cmp -s disk0 \"$MANIFEST_DIR/original\"\n") as trial:
        trial.file("original", bytes(1 << 20))
        trial.run()
        check(trial.read("original") == bytes(1 << 20), "it was written to")
        trial.leaves_nothing()


def a_copied_disk_is_the_same_and_has_the_same_holes(t):
    with Trial(t, "[case disk]\n" + HELLO + "disk = copy original\nbefore = cmp disk0 \"$MANIFEST_DIR/original\" && "
               "test $(du -k disk0 | cut -f1) -lt 4096\n") as trial:
        with open(trial.file("original", ""), "r+b") as file:
            file.truncate(100 << 20)
            file.seek(50 << 20)
            file.write(os.urandom(100001))
        trial.run()


def a_disk_is_copied_from_another_file_system(t):
    _wants_root()
    with Trial(t, "[case disk]\n" + HELLO + "disk = copy original\nbefore = cmp disk0 \"$MANIFEST_DIR/original\"\n") as trial:
        trial.file("original", os.urandom((3 << 20) + 512))
        trial.run(around="exec unshare -m sh -c 'mount -t tmpfs none $TMPDIR && exec \"$@\"' sh \"$@\"")


def a_disk_that_is_read_only_is_used_as_it_is(t):
    with Trial(t, "[case disk]\n" + HELLO + "disk = original,ro\narguments = 'true'\n",
               kvick='case " $* " in *" --disk ${0%/*}/original,ro "*) exit 0;; esac; exit 1\n') as trial:
        trial.file("original", bytes(1 << 20))
        trial.run()


def a_disk_that_has_become_a_fifo_holds_nobody_up(t):
    _only_failure(t, "[case a]\n" + HELLO + 'before = rm "$MANIFEST_DIR/original" && mkfifo "$MANIFEST_DIR/original"\n'
                  "[case b]\n" + HELLO + "disk = copy original\n", "disk: ", "/original: no file any more",
                  options=("--jobs", "1"), files=(("original", bytes(512)),))


def a_full_file_system_fails_the_case_that_wants_more(t):
    _wants_root()
    with Trial(t, "[case disk]\nimage = GUESTS/blkcheck.elf\ndisk = copy original\n[case hello]\n" + HELLO) as trial:
        trial.file("original", os.urandom(1 << 20))
        trial.run(codes=(1,), around="exec unshare -m sh -c 'mount -t tmpfs -o size=64k none $TMPDIR && exec \"$@\"' sh \"$@\"")
        trial.says("No space left on device", "set TMPDIR")
        check(trial.results()["hello"]["result"] == "passed", "hello")


def a_tmpdir_that_is_missing_fails_the_cases_that_want_one(t):
    with Trial(t, "[case disk]\nimage = GUESTS/blkcheck.elf\ndisk = 1M\n[case hello]\n" + HELLO) as trial:
        os.rmdir(trial.tmp)
        trial.run(codes=(1,)).says("scratch folder in ", "set TMPDIR")
        check(trial.results()["hello"]["result"] == "passed", "hello")


def scratch_in_arguments_is_the_folder(t):
    _passes(t, "[case args]\nimage = GUESTS/args.elf\narguments = {scratch}/a\n"
            "console regex = ^argv.1. = /.*/kvick-test-[^/]+/1/a$\n")


def standard_input_is_a_file_or_nothing(t):
    manifest = "[defaults]\narguments = cat\n[case in]\n" + HELLO + "console = from a file\nstdin = input\n[case none]\n" + HELLO
    _passes(t, manifest, kvick=SHELL, files=(("input", "from a file\n"),))


def a_kept_folder_is_that_of_a_failure(t):
    with Trial(t, "[case good]\n" + HELLO + "before = touch good\n"
               "[case bad]\n" + HELLO + "before = touch bad\nexit code = 3\n") as trial:
        trial.run("--keep", codes=(1,))
        cases = trial.results()
        check(cases["good"]["scratch"] is None, cases["good"]["scratch"])
        check(sorted(os.listdir(cases["bad"]["scratch"])) == ["bad", "command"], os.listdir(cases["bad"]["scratch"]))
        check(len(trial.left()) == 1, trial.left())
        with open(cases["bad"]["scratch"] + "/command") as command:
            again = subprocess.run(command.read(), shell=True, capture_output=True, check=False)
            check(again.returncode == 0 and again.stdout.startswith(b"Hello"), again)


# --- commands ---

def commands_know_where_they_are(t):
    _passes(t, "[case env]\n" + HELLO + 'before = test "$PWD" = "$SCRATCH" && test -x "$KVICK" && '
            'test -f "$MANIFEST_DIR/kvick.test" && '
            "touch here\nafter = test -f here\n")


def a_command_that_fails_is_told_with_what_it_said(t):
    _only_failure(t, "[case a]\n" + HELLO + "before = echo no such thing; exit 3\n", "before: it exited with 3", "no such thing")
    _only_failure(t, "[case a]\n" + HELLO + "after = kill -9 $$\n", "after: it was ended by signal 9")


def a_command_that_prints_no_text_is_told_in_bounds(t):
    _only_failure(t, "[case a]\n" + HELLO + "before = printf 'a\\000b\\nc\\000'; false\n", 'its commands said: "a\\x00b"',
                  'its commands said: "c\\x00"')
    case = _only_failure(t, "[case a]\n" + HELLO + "before = head -c 60000 /dev/zero; false\n", "its commands said: ")["a"]
    check(len(case["problems"]) == 2, len(case["problems"]))


def what_runs_beside_is_told_of_a_case_that_fails(t):
    _only_failure(t, "[case a]\n" + HELLO + "before = mkfifo up\nbeside = echo cannot listen; echo >up\n"
                  "after = read line <up; false\n",
                  "after: it exited with 1", 'its commands said: "cannot listen"')


def a_command_that_does_not_end_is_killed(t):
    _only_failure(t, "[case a]\n" + HELLO + "timeout = 100ms\nbefore = sleep 1000\n",
                  "before: it did not end in time, and was killed")


def after_a_guest_that_failed_nothing_is_looked_at(t):
    with Trial(t, "[case a]\n" + HELLO + 'exit code = 3\nafter = touch "$MANIFEST_DIR/looked"\n') as trial:
        trial.run(codes=(1,))
        check(not os.path.exists(trial.path("looked")), "it was")


def what_runs_beside_a_guest_ends_with_it(t):
    with Trial(t, "[case a]\n" + HELLO + 'before = mkfifo up\nbeside = echo $$ >"$MANIFEST_DIR/pid"; sleep 1000 & echo $! >>'
               '"$MANIFEST_DIR/pid"; echo >up; wait\nafter = read line <up; kill -0 $(cat "$MANIFEST_DIR/pid")\n') as trial:
        trial.run()
        check(len(trial.read("pid").split()) == 2, trial.read("pid"))
        check(not [pid for pid in trial.read("pid").split() if is_running(int(pid))], "still there")
        trial.leaves_nothing()


def what_detaches_itself_ends_with_its_case(t):
    with Trial(t, "[case a]\n" + HELLO + 'before = setsid sh -c \'echo $$ >"$MANIFEST_DIR/pid"; exec sleep 1000\' & '
               'until test -s "$MANIFEST_DIR/pid"; do sleep 0.01; done\n'
               "after = kill -0 $(cat \"$MANIFEST_DIR/pid\")\n[case b]\n" + HELLO +
               'before = until test -s "$MANIFEST_DIR/pid" && ! kill -0 $(cat "$MANIFEST_DIR/pid"); do sleep 0.01; done'
               ) as trial:
        trial.run("--jobs", "2")
        check(not is_running(int(trial.read("pid"))), "still there")
        trial.leaves_nothing()


def what_is_just_being_executed_ends_with_its_case_too(t):
    crowd = "".join("[case %d]\n%sbefore = setsid sleep 1000 &\n" % (i, HELLO) for i in range(300))
    with Trial(t, crowd + "[case last]\n" + HELLO + "before = ! ps -o args --ppid $PPID | grep '^sleep 1000'\n") as trial:
        trial.run("--jobs", "1")
        trial.leaves_nothing()


def whoever_keeps_a_pipe_open_holds_nobody_up(t):
    with Trial(t, "[case a]\n" + HELLO + "console = done\n",
               kvick='setsid sleep 1000 & echo $! >"${0%/*}/pid"; echo done\n') as trial:
        trial.run()
        check(not is_running(int(trial.read("pid"))), "still there")


def a_folder_that_a_command_has_closed_is_removed(t):
    _passes(t, "[case a]\n" + HELLO + "before = mkdir -p a/b && touch a/b/c && chmod 0 a/b a\n")


def a_folder_that_is_deeper_than_a_path_is_long_is_removed(t):
    _passes(t, "[case a]\n" + HELLO + "before = mkdir -p z/y && chmod 0 z && python3 -c \"import os; "
            "[(os.mkdir('d' * 200), os.close(os.open('f', os.O_CREAT)), os.chdir('d' * 200)) for _ in range(100)]\"\n")


def a_folder_that_has_become_a_mount_point_is_left_and_told(t):
    _wants_root()
    with Trial(t, "[case a]\n" + HELLO + "before = mkdir m && mount -t tmpfs none m && touch m/x\n") as trial:
        trial.run(codes=(1,), around="exec unshare -m \"$@\"").says("scratch folder", "it could not be removed")


# --- interrupted ---

WAITS = 'before = echo $$ >"$MANIFEST_DIR/pid"; sleep 1000\n'


def _interrupted(t, number):
    with Trial(t, "[case first]\n" + HELLO + "[case second]\n" + HELLO + WAITS + "timeout = 1000s\n[case third]\n" + HELLO +
               "[case fourth]\n" + HELLO + "skip = not today\n") as trial:
        trial.start("--jobs", "1", "--junit", trial.path("junit.xml"))
        until(lambda: os.path.exists(trial.path("pid")) and trial.read("pid"), "the second case runs")
        trial.process.send_signal(number)
        trial.end(128 + number)
        have = [case["result"] for case in trial.results().values()]
        check(have == ["passed", "interrupted", "interrupted", "skipped"], have)
        check(b"first" in trial.read("junit.xml"), "no JUnit file")
        check(not is_running(int(trial.read("pid"))), "still there")
        trial.leaves_nothing()


def sigint_ends_what_runs_and_tells_what_is_known(t):
    _interrupted(t, signal.SIGINT)


def sigterm_ends_what_runs_and_tells_what_is_known(t):
    _interrupted(t, signal.SIGTERM)


def a_guest_that_runs_is_ended_by_sigterm(t):
    with Trial(t, "[case spin]\nimage = GUESTS/spin.elf\ntimeout = 1000s\nbefore = touch \"$MANIFEST_DIR/on\"\n") as trial:
        trial.start()
        until(lambda: os.path.exists(trial.path("on")), "the case runs")
        trial.process.send_signal(signal.SIGTERM)
        trial.end(143)
        trial.leaves_nothing()


def what_the_same_signal_has_ended_has_not_failed(t):
    again = "(setsid sh -c \"sleep 0.3; kill -CONT $PPID\" &)"
    with Trial(t, "[case a]\n" + HELLO + "before = kill -STOP $PPID; kill -INT $PPID; " + again + "; kill -INT $$\n") as trial:
        trial.run(codes=(130,))
        check(trial.results()["a"]["result"] == "interrupted", trial.results()["a"])
        trial.leaves_nothing()


def sigint_that_is_ignored_stays_ignored(t):
    wait = 'before = echo >"$MANIFEST_DIR/pid"; until test -e "$MANIFEST_DIR/go"; do sleep 0.01; done\n'
    with Trial(t, "[case a]\n" + HELLO + wait) as trial:
        trial.start(preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
        until(lambda: os.path.exists(trial.path("pid")), "the case runs")
        trial.process.send_signal(signal.SIGINT)
        trial.file("go", "")
        trial.end(0)


def a_reader_that_goes_away_leaves_nothing_behind(t):
    with Trial(t, "[case a]\n" + HELLO + "before = true\n[case b]\n" + HELLO + "before = true\n") as trial:
        reader, writer = os.pipe()
        os.close(reader)  # before there is anything to read
        trial.start(preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL), stdout=writer)
        os.close(writer)
        trial.process.wait()
        check(trial.process.returncode == 123, trial.process.returncode)
        trial.leaves_nothing()


def a_run_with_closed_standard_descriptors_tests_all_the_same(t):
    with Trial(t, "[case hello]\n" + HELLO + "console = Hello\n") as trial:
        trial.start(around='exec "$@" <&- >&- 2>&-').end()
        check(trial.results()["hello"]["result"] == "passed", trial.results())


CROWD = "".join("[case %d]\n%sbefore = sleep 0.1\ndisk = 1M\n" % (i, HELLO) for i in range(20))


def no_more_run_at_once_than_there_are_descriptors_for(t):
    with Trial(t, CROWD) as trial:
        trial.run("--jobs", "20", around='ulimit -n 64; exec "$@"')
        trial.leaves_nothing()


def too_few_descriptors_are_told(t):
    with Trial(t, CROWD) as trial:
        trial.run("--jobs", "20", codes=(1,), around='ulimit -n 12; exec "$@"').says("ulimit -n")
        trial.leaves_nothing()


def children_of_whoever_executes_it_are_left_alone(t):
    with Trial(t, "[case a]\n" + HELLO + "before = true\n") as trial:
        trial.run(around='sleep 1000 >/dev/null 2>&1 & echo $! >"${0%/*}/pid"; exec "$@"')
        pid = int(trial.read("pid"))
        check(is_running(pid), "it was ended")
        os.kill(pid, signal.SIGKILL)


def whoever_executes_it_may_ignore_that_children_end(t):
    with Trial(t, "[case a]\n" + HELLO + "exit code = 9\n") as trial:
        trial.run(codes=(1,), around='exec env --ignore-signal=CHLD "$@"').says("it exited with 0")
