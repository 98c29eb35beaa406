# SPDX-License-Identifier: Apache-2.0
"""Manifests that are none, and how that is told."""

import os
import re
import subprocess

from tap import Skipped

CASE = "[case a]\nimage = GUESTS/hello.elf\n"


def without_a_manifest_it_says_how_to_give_one(t):
    t.refused(None, "kvick: kvick.test: No such file or directory: write the manifest's path: kvick test [OPTIONS] MANIFEST\n")


def an_error_is_one_line_of_file_line_and_key(t):
    ended = t.refused(CASE + "timeout = soon\n", "kvick: kvick.test:3: timeout: soon: no such duration: write 500ms, 5s or 2m")
    t.same(ended.err.count("\n"), 1)


def all_errors_are_told_at_once_in_the_files_order(t):
    ended = t.refused("[case a]\nrng = 1\nimgae = x\n[case b]\nimage = none.elf\nretries = many\n")
    t.same([line.split(":")[2] for line in ended.err.splitlines()], ["1", "2", "3", "5", "6"])


def of_many_errors_the_first_twenty_are_told(t):
    ended = t.refused(CASE + "colour = red\n" * 30)
    t.same(ended.err.count("colour: no such key"), 20)
    t.says(ended.err, "kvick: and 10 more\n")


def a_key_that_is_none_is_told_the_nearest(t):
    t.refused(CASE + "exitcode = 1\n", 'kvick.test:3: exitcode: no such key: is it "exit code"?')


def a_feature_that_is_none_is_told(t):
    t.refused(CASE + "requires = io-uring\n", 'kvick.test:3: requires: io-uring: no such feature: is it "io_uring"?')
    t.refused(CASE + "requires = quantum\n", "kvick.test:3: requires: quantum: no such feature: there are kvm, ring0,")


def a_missing_image_is_told_with_its_line(t):
    t.refused("[case a]\n# not built\nimage = build/none.elf\n", "kvick.test:3: image: %s/build/none.elf: No such file" % t.path)


def what_is_no_file_is_told(t):
    os.mkfifo(t.file("fifo"))
    t.refused(None, "fifo: not a file", options=("--list", "fifo"))
    t.refused(None, "%s: not a file" % t.path, options=("--list", t.path))
    t.refused(None, "/dev/zero: not a file", options=("--list", "/dev/zero"))
    t.refused("[case a]\nimage = fifo\n", "kvick.test:2: image: ", "something special, not a file")


def a_file_that_may_not_be_read_is_told(t):
    t.write("image", "")
    t.manifest("[case a]\nimage = image\n")
    os.chmod(t.file("image"), 0)
    os.chmod(t.path, 0o755)
    try:
        ended = t.run("--list", **({"user": 65534} if os.geteuid() == 0 else {}))
    except PermissionError:
        raise Skipped("nobody may not execute what is below %s" % t.build)
    t.same(ended.code, 120)
    t.says(ended.err, "image: Permission denied: let us read it")


def a_manifest_that_is_too_large_is_told(t):
    t.refused(b"#\n" * (2 << 20) + b"#", "kvick.test: more than 4 MiB: make two manifests of it")


def an_image_is_no_manifest(t):
    ended = t.run("--list", t.guest("hello.elf"))
    t.same(ended.code, 120)
    t.check(ended.err.count("\n") <= 21, "a line for each of its lines")


def control_characters_do_not_reach_the_terminal(t):
    for text in ("[case a]\nimage = \x1b[31m\n", "[case \x1b[2J]\nimage = x\n", "[case a]\n\x1b[2J = x\n", "\x1b]0;title\x07\n",
                 "[case a]\nimage = \x00\n", "[case a]\nimage = \u009b\n"):
        ended = t.refused(text, "kvick.test:")
        t.check(not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", ended.err_bytes), "a control character is shown")


def a_pattern_that_is_none_is_told_with_pcre2s_reason_and_place(t):
    t.refused(CASE + "console regex = ring [03\n",
              "kvick.test:3: console regex: ring [03: not a pattern: missing terminating ] for character class, at offset 8")


def nothing_is_run_where_one_case_is_wrong(t):
    t.refused(CASE + "before = touch %s/ran\n[case b]\nimage = none\n" % t.path, "kvick.test:5: image", options=())
    t.check(not os.path.exists(t.file("ran")), "a case ran")


def names_that_are_there_twice_are_told(t):
    t.refused(CASE + CASE, "kvick.test:3: [case a]: that name is taken at line 1: give each case its own")


def kvick_run_has_the_choices_that_a_manifest_has(t):
    """protocol, cpu and ring are checked when a manifest is read: the lists are kvick's."""
    for key, option in (("protocol", "--protocol"), ("cpu", "--cpu"), ("ring", "--ring")):
        ours = t.refused(CASE + "%s = nothing\n" % key).err.split("write ")[1]
        theirs = _kvick(t, "run", option, "nothing", t.guest("hello.elf")).split("write ")[1]
        words = [set(re.findall(r"[a-z0-9][a-z0-9-]*", text)) - {"or", "one", "of", "each"} for text in (ours, theirs)]
        t.same(words[0], words[1])


def _kvick(t, *words):
    return subprocess.run([os.path.join(t.build, "kvick"), *words], capture_output=True, text=True, timeout=60).stderr
