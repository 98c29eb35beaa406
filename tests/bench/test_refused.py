# SPDX-License-Identifier: Apache-2.0
"""What kvick bench refuses before it runs anything, and what it says then."""

import os
import re
import subprocess

from bench import HOST, IMAGE

FEW = ("--runs", "3", "--warm-up", "1", "--no-floor")


def a_bad_value_is_named_with_what_to_write(bench):
    hello = bench.guest("hello.elf")
    bench.refuse("--runs many: write a number from 1", "--runs", "many", hello)
    bench.refuse("--mode warm: \"warm\" is none: write cold, restored or pooled", "--mode", "warm", hello)
    bench.refuse("--timeout 5x: not a duration", "--timeout", "5x", hello)
    bench.refuse("--rate fast: write launches a second", "--rate", "fast", hello)
    bench.refuse("--rate 1e-300: write launches a second", "--rate", "1e-300", hello)
    bench.refuse("--time 8761h: too long: at most 8760h", "--time", "8761h", hello)
    bench.refuse("--timeout 5124095h: too long: at most 8760h", "--timeout", "5124095h", hello)
    bench.refuse("IMAGE is missing")


def what_cannot_be_together_is_refused(bench):
    hello = bench.guest("hello.elf")
    bench.refuse("--disk: not with --mode pooled", "--mode", "pooled", "--options", "--disk a.img", hello)
    bench.refuse("only with --rate", "--poisson", hello)
    bench.refuse("both to stdout", "--json", "-", "--html", "-", hello)
    bench.refuse("--runs with --compare", "--compare", "a.json", "b.json", "--runs", "5")


def a_missing_image_is_refused(bench):
    bench.refuse("nosuch.elf: No such file or directory", "nosuch.elf", code=IMAGE)
    bench.refuse("--vs-image nosuch.elf: No such file", "--vs-image", "nosuch.elf", bench.guest("hello.elf"), code=IMAGE)


def a_value_moves_no_cursor(bench):
    bench.refuse("--runs a?[2Jb?: write a number", "--runs", "a\033[2Jb\n", bench.guest("hello.elf"))


def every_option_of_kvick_run_is_known(bench):
    """The bogus one behind it is what is complained about, unless the option itself is refused with its reason."""
    refused = {"report": "its own", "request": "kvick bench itself", "timeout": "kvick bench's own"}
    text = subprocess.run([bench.build + "/kvick", "run", "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    names = re.findall(r"^  --([a-z0-9-]+:?)(NAME=|\[=| )", text, re.M)
    assert len(names) > 20, text
    for name, behind in names:
        switch = name == "no-sandbox" or behind == "[="
        option = "--" + name + ("x=y" if name.endswith(":") else "" if switch else " 1")
        part = refused.get(name, "--bogus: no option of kvick run")
        bench.refuse(part, "--options", option + " --bogus", bench.guest("hello.elf"))


def time_in_which_no_launch_is_due_is_told(bench):
    bench.refuse("cold: nothing could be measured: time was up before a launch of it was due: raise --time or --rate",
                 "--rate", "0.5", "--time", "100ms", "--warm-up", "0", "--quiet", bench.guest("hello.elf"), code=HOST)


def where_results_cannot_go_is_told_before_anything_is_measured(bench):
    for option in ("--text", "--json", "--csv", "--hgrm", "--html"):
        bench.refuse("nosuch/x: cannot be written: No such file or directory", option, "nosuch/x", "--vs", "touch launched",
                     bench.guest("hello.elf"), code=HOST)
    bench.refuse("tmp: cannot be written: Is a directory", "--html", "tmp", "--vs", "touch launched", bench.guest("hello.elf"),
                 code=HOST)
    assert not os.path.exists(bench.path("launched"))


def an_image_that_is_none_says_why(bench):
    garbage = bench.write("garbage.elf", os.urandom(5000))
    bench.refuse("garbage.elf: starts with", *FEW, "--quiet", garbage, code=HOST)


def hostile_images_end_in_a_reason(bench):
    with open(bench.guest("hello.elf"), "rb") as file:
        hello = file.read()
    images = {
        "empty.elf": b"",
        "cut.elf": hello[:200],
        "header.elf": hello[:64],
        "entry.elf": hello[:24] + b"\xff" * 8 + hello[32:],
        "segments.elf": hello[:56] + b"\xff\xff" + hello[58:],
    }
    for name, image in images.items():
        path = bench.write(name, image)
        bench.refuse("nothing could be measured: ", *FEW, "--quiet", "--mode", "cold,restored,pooled", path, code=HOST)


def a_folder_that_is_no_snapshot_says_why(bench):
    os.mkdir(bench.path("folder"))
    bench.refuse("nothing could be measured: ", *FEW, "--quiet", "--mode", "restored,pooled", "folder", code=HOST)
    bench.refuse("a directory, so a snapshot", "folder")
