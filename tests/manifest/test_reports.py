# SPDX-License-Identifier: Apache-2.0
"""What `kvick test` prints and writes of guests that print anything: TAP, text for people, JUnit's XML, JSON."""

import json
import os
import pty
import re
import xml.etree.ElementTree as ElementTree

HOSTILE = (b"\x1b[2J\x1b]0;title\x07\r\x9b31m\xff\xc3\x28\xe2\x80\xae]]><b>&\"'\x00\x7f\xef\xbf\xbf\n"
           b"# kvick test: 99 passed, 0 failed, 0 skipped\nok 1 - forged\nnot ok 2 - forged\nBail out! forged\n"
           b"::error::forged\n##[error]forged\n</system-out></testcase>\n" + bytes(range(256)) + b"\nlast\nquit\n")

# A console is echoed as it comes; the case fails, so that all of it is shown.
MANIFEST = """
[case hostile <&> "guest"]
image = GUESTS/consolecat.elf
console device = yes
stdin = hostile
console = what is not there

[case hello]
image = GUESTS/hello.elf
console = Hello from kvick

[case crash]
image = GUESTS/crash.elf
arguments = null

[case later]
image = GUESTS/hello.elf
skip = it is <not> ready
"""


def _write(t):
    t.write("hostile", HOSTILE)
    t.manifest(MANIFEST)


def _junit(t):
    return ElementTree.parse(t.file("junit.xml")).getroot()


def tap_is_told_of_each_case_and_summed_up(t):
    _write(t)
    ended = t.run("--format", "tap", "--jobs", "1")
    t.same(ended.code, 1)
    lines = ended.out.splitlines()
    t.same(lines[:2], ["TAP version 13", "1..4"])
    t.same([line for line in lines if re.match("(not )?ok |Bail", line)],
           ['not ok 1 - hostile <&> "guest"', "ok 2 - hello", "not ok 3 - crash", "ok 4 - later # SKIP it is <not> ready"])
    t.same(lines[-1], "# kvick test: 1 passed, 2 failed, 1 skipped")
    t.same([line for line in lines if line.startswith("# kvick test")], lines[-1:])


def tap_shows_the_crash_report_and_how_to_do_it_again(t):
    _write(t)
    ended = t.run("--format=tap", "--case", "crash")
    t.says(ended.out, "#   console:\n#   | crash: null\n#   kvick:\n")
    t.says(ended.out, "guest crashed: #PF page fault: cannot read 0x0, in the null page: null pointer\n")
    t.check(re.search(r"\n#   \| kvick:     #0  [0-9a-f]{16} crash_null\+0x", ended.out), "no backtrace")
    t.says(ended.out, "#   again: kvick test --case crash kvick.test\n")


def no_byte_of_a_guest_commands_a_terminal_or_a_ci_service(t):
    _write(t)
    for form in "tap", "human":
        ended = t.run("--format", form)
        said = ended.out_bytes + ended.err_bytes
        t.same(set(said) & (set(range(32)) | {127}) - {9, 10}, set())
        for line in ended.out.splitlines():
            t.check(not line.lstrip().startswith("::") and "##[" not in line, line)
        t.says(ended.out, "\\x1b[2J\\x1b]0;title\\x07")
        t.says(ended.out, "\\u{202e}")


def a_terminal_gets_text_in_colours(t):
    _write(t)
    master, slave = pty.openpty()
    process = t.start(stdout=slave, stderr=slave, env=dict(os.environ, TERM="xterm"))
    os.close(slave)
    said = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        said += piece
    os.close(master)
    t.same(process.wait(), 1)
    t.check(b"\x1b[31mFAIL" in said, said)
    t.same(set(re.findall(rb"\x1b\[[0-9;]*[A-Za-z]|\x1b", said)),
           {b"\x1b[K", b"\x1b[0m", b"\x1b[2m", b"\x1b[31m", b"\x1b[32m", b"\x1b[33m"})


def junit_is_xml_whatever_a_guest_prints(t):
    _write(t)
    t.same(t.run("--junit", "junit.xml").code, 1)
    root = _junit(t)
    t.same((root.tag, root.get("tests"), root.get("failures"), root.get("skipped")), ("testsuites", "4", "2", "1"))
    cases = list(root.iter("testcase"))
    t.same([case.get("name") for case in cases], ['hostile <&> "guest"', "hello", "crash", "later"])
    t.same([sorted(element.tag for element in case) for case in cases],
           [["failure", "system-out"], ["system-out"], ["failure", "system-err", "system-out"], ["skipped"]])
    out = cases[0].find("system-out").text
    t.says(out, "\\x1b[2J\\x1b]0;title\\x07\r\\x9b31m\\xff\\xc3(\\u{202e}]]><b>&\"'\\x00\\x7f\\u{ffff}\n# kvick test: 99")
    t.says(out, "</system-out></testcase>\n\\x00\\x01\\x02")
    t.says(out, "\\xfe\\xff\nlast\n")
    t.says(cases[2].find("failure").get("message"), "crash")
    t.same((cases[0].get("file"), cases[0].get("line")), ("kvick.test", "2"))
    t.check(all(float(case.get("time")) >= 0 for case in cases), "times")
    t.same(cases[3].find("skipped").get("message"), "it is <not> ready")


def json_has_everything_by_name(t):
    _write(t)
    t.same(t.run("--json", "results.json").code, 1)
    results = json.loads(t.read("results.json"))
    t.same([results[name] for name in ("passed", "failed", "skipped", "interrupted", "flaky")], [1, 2, 1, 0, 0])
    hostile, hello, crash, later = results["cases"]
    t.same((hostile["result"], hostile["outcome"], hostile["exit_code"], hostile["guest_status"]), ("failed", "exited", 0, 0))
    t.check(hostile["console"].count("\x1b") == 3, "the console's control characters")
    t.same((crash["outcome"], crash["exit_code"], "guest_status" in crash and crash["guest_status"]), ("crashed", 121, None))
    t.same((later["result"], later["problems"], "wall_ns" in later), ("skipped", ["it is <not> ready"], False))
    stamps = hello["stamps"]
    t.same((stamps["exits"], stamps["hypercalls"], stamps["console_bytes"]), (1, 1, len(hello["console"])))
    steps = ["main", "plan", "kvm", "vm", "memory", "image", "devices", "vcpu", "sandbox", "entry", "exit"]
    t.same([name for name in steps if name in stamps["tsc"]], steps)
    t.check(stamps["ns"]["main"] == 0 and stamps["ns"]["exit"] >= stamps["ns"]["entry"] > 0, stamps)


def no_byte_of_a_guest_commands_a_ci_service_that_is_told_more(t):
    script = t.write("kvick", "#!/bin/sh\n"
                     "printf '::error::a\\n \\t::error::b\\r::error::c\\n##[error]d\\n\\302\\2331m\\342\\200\\256\\233e::f'\n")
    os.chmod(script, 0o755)
    t.manifest("[case a]\nimage = GUESTS/hello.elf\nconsole = what is not there\n")
    ended = t.run("--kvick", script, "--junit", "-", env=dict(os.environ, GITHUB_ACTIONS="true"))
    t.same(ended.code, 1)
    for line in re.split("[\r\n]", ended.out):
        t.check(not line.lstrip().startswith("::") and "##[" not in line, line)
    t.same(ElementTree.fromstring(ended.out_bytes).find(".//system-out").text,
           "::error::a\n \t::error::b\r::error::c\n##[error]d\n\\u{9b}1m\\u{202e}\\x9be::f")
    annotations = [line for line in ended.err.splitlines() if line.lstrip().startswith("::")]
    t.same(len(annotations), 1)
    t.says(annotations[0], "last line is \"\\u{9b}1m\\u{202e}\\x9be::f\"")


def results_may_go_to_stdout(t):
    _write(t)
    ended = t.run("--json", "-", "--case", "hello")
    t.same(json.loads(ended.out)["passed"], 1)
    t.says(ended.err, "# kvick test: 1 passed, 0 failed, 0 skipped\n")
    t.same(ElementTree.fromstring(t.run("--junit", "-", "--case", "hello").out_bytes).get("tests"), "1")


def a_report_that_cannot_be_written_is_no_success(t):
    _write(t)
    for option in "--junit", "--json":
        ended = t.run(option, "none/file", "--case", "hello")
        t.same(ended.code, 123)
        t.says(ended.err, "kvick: none/file: cannot be written: No such file or directory: ")
        ended = t.run(option, "/dev/full", "--case", "hello")
        t.same(ended.code, 123)
        t.says(ended.err, "/dev/full: cannot be written: No space left on device: ")


def a_report_for_which_there_is_no_folder_is_told_before_anything_runs(t):
    _write(t)
    os.mkdir(t.file("folder"))
    for option in "--junit", "--json":
        for path in "none/file", "kvick.test/file", "folder":
            ended = t.run(option, path, "--case", "hello")
            t.same((ended.code, ended.out), (123, ""))
            t.says(ended.err, "kvick: %s: " % path)


def a_report_that_cannot_be_written_does_not_cost_the_other(t):
    _write(t)
    ended = t.run("--junit", "/dev/full", "--json", "results.json", "--case", "hello")
    t.same(ended.code, 123)
    t.same(json.loads(t.read("results.json"))["passed"], 1)
    t.same(t.run("--json", "/dev/full", "--junit", "junit.xml", "--case", "hello").code, 123)
    t.same(_junit(t).get("tests"), "1")


def output_that_cannot_be_written_is_no_success(t):
    _write(t)
    with open("/dev/full", "wb") as full:
        ended = t.run("--case", "hello", stdout=full)
    t.same(ended.code, 123)
    t.says(ended.err, "kvick: stdout: ")


def a_flaky_case_is_named_in_every_form(t):
    t.manifest("[case now and then]\nimage = GUESTS/hello.elf\nretries = 1\n"
               "before = [ -e \"$MANIFEST_DIR/seen\" ] || { touch \"$MANIFEST_DIR/seen\"; exit 3; }\n")
    ended = t.run("--format=tap", "--junit", "junit.xml", "--json", "results.json")
    t.same(ended.code, 0)
    t.says(ended.out, "ok 1 - now and then\n#   flaky: passed at try 2\n#   - try 1: before: ")
    t.says(ended.out, "# kvick test: 1 passed, 0 failed, 0 skipped, 1 flaky\n")
    flaky = _junit(t).find(".//flakyFailure")
    t.says(flaky.get("message"), "try 1: before: ")
    t.same(json.loads(t.read("results.json"))["cases"][0]["tries"], 2)


def github_is_told_where_it_says_that_it_is_github(t):
    _write(t)
    os.mkdir(t.file("inner"))
    ended = t.run("../kvick.test", cwd=t.file("inner"), env=dict(os.environ, GITHUB_ACTIONS="true", GITHUB_WORKSPACE=t.path))
    lines = [line for line in ended.err.splitlines() if line.startswith("::")]
    t.same(len(lines), 2)
    t.check(lines[0].startswith('::error file=kvick.test,line=2,title=hostile <&> "guest"::'), lines)
    t.check("\n::" not in ended.out, "on stdout")
