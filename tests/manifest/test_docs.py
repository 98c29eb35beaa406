# SPDX-License-Identifier: Apache-2.0
"""docs/manifest.md is what `kvick test` takes and refuses."""

import os
import re

DOC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "manifest.md")


def _section(title):
    with open(DOC, encoding="utf-8") as file:
        return file.read().split("\n## %s\n" % title)[1].split("\n## ")[0]


def _table(title):
    """The rows of a section's first table, their cells without ` and \\ before |."""
    rows = [line for line in _section(title).splitlines() if line.startswith("|")]
    return [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows[2:]]


def _keys(t):
    ended = t.run("--keys")
    t.same((ended.code, ended.err), (0, ""))
    return ended.out.split("\n\n")[0].splitlines(), ended.out.split("\n\n")[1].splitlines()


def _example(cell):
    return re.fullmatch(r"`(([a-z0-9 ]+?) = .*)`", cell)


def the_table_of_keys_is_that_of_the_program(t):
    keys, _ = _keys(t)
    ours = [(line[:18].strip() + (" +" if line.endswith("(may be repeated)") else ""), line[21:39].strip()) for line in keys]
    t.same([(row[0].replace("`", ""), row[1]) for row in _table("Keys")], ours)


def each_default_is_told_by_the_program_too(t):
    keys = {line.split(" = ")[0].strip(): line for line in _keys(t)[0]}
    for row in _table("Keys"):
        name = row[0].split("`")[1]
        if row[2] in ("none", "any", "nothing") or name in ("image", "skip"):
            continue
        t.check("default" in keys[name], "--keys tells no default of %s" % name)
        if re.fullmatch(r"[0-9a-z]+", row[2]):
            t.says(keys[name], "default %s" % row[2])


def each_example_is_taken(t):
    for name in ("build/hello.elf", "lines.txt", "request.json", "root.img"):
        t.write(name, "")
    for row in _table("Keys"):
        line = _example(row[3]).group(1)
        key = _example(row[3]).group(2)
        t.same(key, row[0].split("`")[1])
        more = "request = request.json\n" if key == "reply" else ""
        t.manifest("[case a]\n%s%s%s\n" % ("" if key == "image" else "image = build/hello.elf\n", more, line))
        ended = t.run("--list")
        t.check(ended.code == 0, "%s is refused" % line)


def each_wrong_value_is_refused_as_it_is_written(t):
    for name in ("build/hello.elf", "root.img"):
        t.write(name, "")
    for row in _table("Keys"):
        line, says = re.fullmatch(r"`(.*?)`: (.*)", row[4]).groups()
        key = row[0].split("`")[1]
        t.same(line.split(" =")[0], key)
        t.refused("[case a]\n%s%s\n" % ("" if key == "image" else "image = build/hello.elf\n", line),
                  "kvick.test:%d: %s: " % (2 if key == "image" else 3, key), says.replace("`", ""))


def the_example_is_a_manifest(t):
    text = "\n".join(line[4:] for line in _section("The file").splitlines() if line.startswith("    "))
    t.write("build/hello.elf", "")
    t.manifest(text)
    ended = t.run("--list", "--quiet")
    t.same((ended.code, ended.out), (0, "hello\n"))


def the_table_of_features_is_that_of_the_program(t):
    _, features = _keys(t)
    rows = [(row[0].replace("`", ""), row[1]) for row in _table("What a host must have")]
    t.same([row[0] for row in rows], [line.split()[0] for line in features[1:]])
    for row, line in zip(rows, features[1:]):
        t.says(line, row[1])


def each_end_is_there(t):
    ends = [row[0].replace("`", "") for row in _table("The end")]
    ended = t.refused("[case a]\nimage = GUESTS/hello.elf\nend = none\n")
    t.same(set(re.split(r", | or ", ended.err.strip().split("write ")[1])), set(ends))
