# SPDX-License-Identifier: Apache-2.0
"""The command line: what is selected, listed, refused."""

import os
import re

MANIFEST = """
[defaults]
image = GUESTS/hello.elf
[case one]
ring = each
tags = quick smoke
[case two]
tags = quick
[case three]
skip = it is not ready
"""


def list_says_what_would_run_and_what_would_be_skipped(t):
    t.manifest(MANIFEST)
    ended = t.run("--list")
    t.same((ended.code, ended.err), (0, ""))
    t.same([line.split() for line in ended.out.splitlines()],
           [["one,", "ring", "0", "[quick", "smoke]"], ["one,", "ring", "3", "[quick", "smoke]"], ["two", "[quick]"],
            ["three", "skipped:", "it", "is", "not", "ready"]])


def list_with_quiet_is_names_alone(t):
    t.manifest(MANIFEST)
    t.same(t.run("--list", "--quiet").out, "one, ring 0\none, ring 3\ntwo\nthree\n")


def list_says_which_feature_is_missing(t):
    t.manifest("[case a]\nimage = GUESTS/hello.elf\nrequires = ring0 ring0_emulated\n")
    ended = t.run("--list")
    t.same(ended.code, 0)
    t.check(re.search(r"skipped: requires ring0(_emulated)?: \S", ended.out), "no reason")


def a_selection_is_by_name_and_tag(t):
    t.manifest(MANIFEST)
    t.same(t.run("--list", "--quiet", "--case", "one").out, "one, ring 0\none, ring 3\n")
    t.same(t.run("--list", "--quiet", "--case", "*, ring 3", "--case", "t?o").out, "one, ring 3\ntwo\n")
    t.same(t.run("--list", "--quiet", "--tag", "quick", "--not-tag=smoke").out, "two\n")
    t.same(t.run("--list", "--quiet", "--case", "two", "--repeat", "3").out, "two #1\ntwo #2\ntwo #3\n")


def an_empty_selection_is_an_error_that_says_what_there_is(t):
    for options in (("--list",), ()):
        t.refused(MANIFEST, "kvick: --tag slow: no case has that tag: there are quick, smoke\n",
                  options=(*options, "--tag", "slow"))
        t.refused(MANIFEST, "kvick: --case four: no case has such a name: there are one, two, three\n",
                  options=(*options, "--case", "four"))
        t.refused(MANIFEST, "kvick: --case two --tag smoke: no case is selected by all of that: there are one, two, three\n",
                  options=(*options, "--case", "two", "--tag", "smoke"))
        t.refused("[defaults]\ntimeout = 1s\n", "kvick.test: no case is in it", options=options)


def files_of_cases_that_are_not_selected_may_be_missing(t):
    t.manifest("[case here]\nimage = GUESTS/hello.elf\n[case both]\nring = each\nimage = none.elf\n"
               "[case last]\nimage = none.elf\ntags = late\n")
    t.same(t.run("--case", "here").code, 0)
    t.same(t.run("--case", "*e*", "--not-tag", "late", "--case", "last").code, 0)
    t.refused(None, "kvick.test:5: image: ", options=("--case", "*, ring 3"))
    t.refused(None, "kvick.test:7: image: ", options=("--tag", "late"))
    t.refused(None, "kvick.test:5: image: ", "kvick.test:7: image: ", options=())


def a_run_in_which_all_is_skipped_is_no_success(t):
    t.manifest("[defaults]\nimage = GUESTS/hello.elf\n[case a]\nrequires = ring0 ring0_emulated\n[case b]\nskip = not ready\n")
    ended = t.run("--junit", "junit.xml")
    t.same(ended.code, 123)
    t.says(ended.err, "kvick: kvick.test: no case was run: all 2 are skipped")
    t.says(ended.out, "ok 1 - a # SKIP requires ring0")
    t.check(b'skipped="2"' in t.read("junit.xml"), "no report")


def what_is_asked_for_reaches_no_terminal_as_control_characters(t):
    ended = t.refused(MANIFEST, options=("--case", "\x1b[2J"))
    t.check("\x1b" not in ended.err, "a control character is shown")


def options_that_are_none_are_refused(t):
    t.manifest(MANIFEST)
    for option, says in (("--jobs=0", "--jobs 0: write a number from 1 to 1024"), ("--retries=x", "--retries x: write a number"),
                         ("--repeat=0", "--repeat 0: write a number from 1"), ("--format=xml", "--format xml: write human or tap"),
                         ("--parallel", "--parallel: no such option: see `kvick test --help`"),
                         ("--list=1", "--list takes no value")):
        t.refused(None, "kvick: " + says, options=(option,))
    t.refused(None, "b: one operand too many", options=("a", "b"))
    t.refused(None, "--junit and --json: both to x", options=("--junit", "x", "--json", "x"))


def help_lists_the_options_and_the_exit_codes(t):
    ended = t.run("--help")
    t.same((ended.code, ended.err), (0, ""))
    for word in ("usage: kvick test", "--update-golden", "--not-tag", "[case hello]", "Exit codes"):
        t.says(ended.out, word)


def kvick_executes_it(t):
    t.manifest(MANIFEST)
    ended = t.run("--list", "--quiet", program=os.path.join(t.build, "kvick"))
    t.same((ended.code, ended.out), (0, "one, ring 0\none, ring 3\ntwo\nthree\n"))


def a_full_disk_is_told(t):
    t.manifest(MANIFEST)
    with open("/dev/full", "wb") as full:
        ended = t.run("--list", stdout=full)
    t.same(ended.code, 123)
    t.says(ended.err, "kvick: stdout: ")
