# SPDX-License-Identifier: Apache-2.0
"""kvick bench --compare: the same or slower, by files of launches that nobody made; files that are none; what it prints."""

import copy
import json
import os
import random

from schema import faults
from recorded import recorded, run, subject, write

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

PASSED, FAILED, USAGE = 0, 1, 120


class Compared:
    def __init__(self, process):
        self.code, self.out, self.err = process.returncode, process.stdout, process.stderr

    def line(self, name):
        return next((line for line in self.out.splitlines() if line.startswith(name + " ")), "")


def _compare(bench, old, new, *options):
    old, new = write(bench.path("old.json"), old), write(bench.path("new.json"), new)
    return Compared(bench.run("--compare", old, new, *options))


def _expect(compared, code, *words):
    said = compared.out + compared.err
    assert compared.code == code, "exit status %d, not %d: %s" % (compared.code, code, said)
    for word in words:
        assert word in said, "%r is not in: %s" % (word, said)


# --- what is slower ---

def compare_of_the_same_passes(bench):
    _expect(_compare(bench, run(1, hello=3), run(2, hello=3)), PASSED, "passed", "no difference")


def compare_fails_where_it_is_slower_beyond_the_threshold(bench):
    compared = _compare(bench, run(1, hello=3, other=2), run(2, hello=3.4, other=2))
    _expect(compared, FAILED, "FAILED: 1 slower by more than 5%")
    assert "SLOWER" in compared.line("hello") and "SLOWER" not in compared.line("other"), compared.out


def compare_passes_where_it_is_faster(bench):
    _expect(_compare(bench, run(1, hello=3), run(2, hello=2)), PASSED, "faster")


def compare_allows_what_is_within_the_threshold(bench):
    old, new = run(1, hello=3, rounds=1000), run(2, hello=3.24, rounds=1000)
    _expect(_compare(bench, old, new, "--threshold", "12"), PASSED, "slower, but allowed")
    _expect(_compare(bench, old, new, "--threshold", "4"), FAILED, "SLOWER")


def compare_is_not_misled_by_a_host_that_has_become_slower(bench):
    _expect(_compare(bench, run(1, hello=3), run(2, slow=1.3, hello=3)), PASSED)
    _expect(_compare(bench, run(1, slow=1.3, hello=3), run(2, hello=3.4)), FAILED)


def compare_by_chance_alone_does_not_fail(bench):
    # 7% apart, but of five launches.
    old = recorded(subject("hello", [300, 310, 320, 330, 340]), subject("floor", [100] * 5, kind="floor"))
    new = recorded(subject("hello", [305, 325, 343, 345, 350]), subject("floor", [100] * 5, kind="floor"))
    _expect(_compare(bench, old, new), PASSED, "only a large one shows")


def compare_takes_rounds_in_which_the_subject_and_the_floor_are_good(bench):
    old, new = run(1, hello=3), run(2, hello=3)
    times = new["subjects"][0]["samples"]
    for i in range(0, 200, 2):
        times["result"][i], times["reaped_ns"][i] = 2, 10 ** 10
        if i % 3 == 0:
            new["subjects"][1]["samples"]["result"][i + 1] = 1
    _expect(_compare(bench, old, new), PASSED)


def compare_of_bursts_takes_the_median_of_each(bench):
    def bursts(document):
        for each in document["subjects"]:
            each["samples"]["round"] = [i // 10 for i in range(200)]
        return document
    old, new = bursts(run(1, hello=3, plan={"arrivals": "burst", "at_once": 10})), bursts(run(2, hello=4))
    _expect(_compare(bench, old, new), FAILED, "SLOWER", "measured differently: arrivals: \"burst\"", "at_once: 10")


def compare_finds_the_rounds_in_whatever_order_they_stand(bench):
    new = run(2, slow=1.3, hello=3)
    order = list(range(200))
    random.Random(1).shuffle(order)
    for each in new["subjects"]:
        each["samples"] = {column: [values[i] for i in order] for column, values in each["samples"].items()}
        random.Random(2).shuffle(order)
    _expect(_compare(bench, run(1, hello=3), new), PASSED)
    apart, together = (_compare(bench, run(1, hello=3), each, "--json", "-").out for each in (new, run(2, slow=1.3, hello=3)))
    assert apart == together


# --- what cannot be judged ---

def compare_fails_where_a_subject_is_no_more_measured(bench):
    _expect(_compare(bench, run(1, hello=3, other=2), run(2, hello=3)), FAILED, "other", "NOT MEASURED IN THE NEW FILE",
            "1 could not be judged")


def compare_fails_where_all_launches_of_a_subject_failed(bench):
    new = run(2, hello=3, other=2)
    new["subjects"][1]["samples"]["result"] = [1] * 200
    _expect(_compare(bench, run(1, hello=3, other=2), new), FAILED, "NOT MEASURED IN THE NEW FILE")


def compare_passes_over_a_subject_that_is_new(bench):
    compared = _compare(bench, run(1, hello=3), run(2, hello=3, other=2))
    _expect(compared, PASSED)
    assert "only in the new file" in compared.line("other"), compared.out


def compare_fails_where_there_are_too_few_launches_for_any_difference(bench):
    _expect(_compare(bench, run(1, hello=3, rounds=4), run(2, hello=3, rounds=4)), FAILED, "TOO FEW LAUNCHES TO JUDGE")


def compare_of_files_with_nothing_in_common_is_refused(bench):
    _expect(_compare(bench, run(1, hello=3), run(2, other=3)), USAGE, "no subject of the one was measured in the other")


def compare_says_when_a_difference_would_be_missed(bench):
    _expect(_compare(bench, run(1, hello=3, rounds=12), run(2, hello=3, rounds=12)), PASSED,
            "a difference of 5% would mostly be missed", "only one of")


def compare_without_a_floor_says_so_loudly(bench):
    for old, new, which in ((False, True, "old.json"), (True, False, "new.json")):
        compared = _compare(bench, run(1, floor=old, hello=3), run(2, floor=new, hello=3))
        _expect(compared, PASSED, which + " HAS NO FLOOR", "absolute times")
    # And what that is worth.
    _expect(_compare(bench, run(1, floor=False, hello=3), run(2, floor=False, slow=1.3, hello=3)), FAILED, "SLOWER")


def compare_takes_a_floor_that_always_failed_for_none(bench):
    new = run(2, hello=3)
    new["subjects"][1]["samples"]["result"] = [1] * 200
    _expect(_compare(bench, run(1, hello=3), new), PASSED, "HAS NO FLOOR")


# --- what differs around it ---

def compare_names_what_differs_between_the_hosts(bench):
    rows = {"kernel": "Linux 6.9", "date": "2026-12-24", "load": "7"}
    compared = _compare(bench, run(1, hello=3), run(2, hello=3, rows=rows))
    _expect(compared, PASSED, "measured differently: kernel: Linux 6.1.0 in", "Linux 6.9 in")
    assert "date" not in compared.out and "load" not in compared.out and "cpu:" not in compared.out, compared.out


def compare_names_what_only_one_host_says(bench):
    _expect(_compare(bench, run(1, hello=3, rows={"smt": "on"}), run(2, hello=3)), PASSED, "smt: on in", "not said in")
    _expect(_compare(bench, run(1, hello=3), run(2, hello=3, rows={"smt": "on"})), PASSED, "smt: not said in")


def compare_says_that_a_run_was_interrupted(bench):
    new = run(2, hello=3)
    new["signal"] = 15
    _expect(_compare(bench, run(1, hello=3), new), PASSED, "interrupted by signal 15")


def compare_says_that_a_subject_is_of_another_kind(bench):
    new = run(2, hello=3)
    new["subjects"][0]["kind"] = "restored"
    _expect(_compare(bench, run(1, hello=3), new), PASSED, "hello is cold in", "restored in")


def compare_says_where_in_a_launch_the_difference_lies(bench):
    def launches(guest):
        whole, part = [600000 + i + guest * 1000 for i in range(200)], [guest * 1000 + i for i in range(200)]
        return recorded(subject("hello", whole, guest_ns=part), subject("floor", [200000 + i for i in range(200)], kind="floor"))
    compared = _compare(bench, launches(100), launches(150))
    _expect(compared, FAILED)
    assert compared.line("  guest"), compared.out
    assert not compared.line("  VM exits"), compared.out


def compare_says_of_what_there_was_none_before(bench):
    def launches(faults):
        more = {"minor_faults": faults}
        return recorded(subject("hello", [600000 + i for i in range(200)], more=more),
                        subject("floor", [200000 + i for i in range(200)], kind="floor"))
    compared = _compare(bench, launches(0), launches(50))
    _expect(compared, PASSED)
    assert compared.line("  page faults").split()[:5] == ["page", "faults", "0", "50", "-"], compared.out
    assert "nan" not in compared.out, compared.out
    assert "page faults" not in _compare(bench, launches(0), launches(0)).out


def compare_reads_what_was_measured_before_there_was_a_trace(bench):
    old, new, traced = run(1, hello=3), run(2, hello=3), run(3, hello=3, plan={"trace": True})
    del old["plan"]["trace"]
    compared = _compare(bench, old, new)
    _expect(compared, PASSED)
    assert "measured differently" not in compared.out, compared.out
    _expect(_compare(bench, old, traced), PASSED, "measured differently: trace: false in", "true in")


# --- what it prints ---

def compare_has_columns_that_are_apart_whatever_the_size(bench):
    for whole, floor, shown in ((5000000, None, "5000.0 us"), (12000000, None, "12.0 ms"), (12000000000, None, "12.0 s"),
                                (10 ** 15, None, "1000000.0 s"), (10 ** 15, 10 ** 5, "10000000000.000x"), (300, 100, "3.000x")):
        subjects = [subject("a" * 27, [whole] * 20)] + ([subject("floor", [floor] * 20, kind="floor")] if floor else [])
        line = _compare(bench, recorded(*subjects), recorded(*subjects)).line("a" * 27)
        assert line.split()[1:] == [*shown.split(), *shown.split(), "+0.0%", "[+0.0%,", "+0.0%]", "1", "no", "difference"], line


def compare_as_json_says_the_same(bench):
    compared = _compare(bench, run(1, hello=3, gone=1), run(2, hello=3.6, fresh=1), "--json", "-")
    _expect(compared, FAILED)
    document = json.loads(compared.out)
    assert document["passed"] is False and document["by_floor"] is True and document["threshold"] == 0.05
    judged = {each["name"]: each["judgement"] for each in document["subjects"]}
    assert judged == {"hello": "slower", "gone": "not_run", "fresh": "new"}, judged
    whole = document["subjects"][0]["metrics"]["whole"]
    assert whole["unit"] == "floors" and whole["verdict"] == "more" and whole["p"] < 1e-6, whole
    assert 1.15 < whole["ratio"]["low"] < whole["ratio"]["value"] < whole["ratio"]["high"] < 1.25, whole
    assert document["subjects"][1]["metrics"] == {}


def compare_as_json_is_as_its_schema_says(bench):
    with open(os.path.join(ROOT, "docs/bench-compare.schema.json")) as file:
        schema = json.load(file)
    for old, new in ((run(1, hello=3, gone=1), run(2, hello=3.6)), (run(1, floor=False, hello=3), run(2, floor=False, hello=3))):
        found = faults(json.loads(_compare(bench, old, new, "--json", "-").out), schema, schema)
        assert not found, found


def compare_to_files_leaves_stdout_to_text(bench):
    compared = _compare(bench, run(1, hello=3), run(2, hello=3), "--json=" + bench.path("out.json"))
    _expect(compared, PASSED, "passed")
    with open(bench.path("out.json")) as file:
        assert json.load(file)["passed"] is True


def compare_shows_names_without_control_characters(bench):
    name = "a\x1b[31m\nb\u202e" + "c" * 60
    old, new = run(1, **{name: 3}), run(2, **{name: 3})
    compared = _compare(bench, old, new)
    _expect(compared, PASSED)
    assert "\x1b" not in compared.out and "\u202e" not in compared.out, compared.out
    assert len(compared.out.splitlines()) == 8, compared.out


# --- files that are none ---

def compare_refuses_a_file_that_is_not_there(bench):
    there = write(bench.path("there.json"), run(1, hello=3))
    for old, new in ((bench.path("none.json"), there), (there, bench.path("none.json"))):
        _expect(Compared(bench.run("--compare", old, new)), USAGE, "none.json: cannot be read: No such file")
    _expect(Compared(bench.run("--compare", there, os.path.dirname(there))), USAGE, "Is a directory")


def compare_refuses_what_is_no_json(bench):
    for text, words in (("", "line 1"), ("{", "line 1"), ("[1,]", "line 1"), ('{"a":1,"a":2}', "duplicate"), ("{}x", "line 1"),
                        ('{"a":"\\ud800"}', "line 1"), ('{"a":1e999}', "line 1"), ('{"a":99999999999999999999}', "line 1"),
                        ("[" * 100000, "line 1"), ('{"a":"\0"}', "line 1")):
        _expect(_compare(bench, run(1, hello=3), text), USAGE, "new.json", words)


def _broken(change):
    document = run(1, hello=3, rounds=20)
    change(document)
    return document


def _set(*path):
    *inner, last, value = path

    def change(document):
        for each in inner:
            document = document[each]
        document[last] = value
    return change


def _remove(*path):
    *inner, last = path

    def change(document):
        for each in inner:
            document = document[each]
        del document[last]
    return change


# What is changed, and what is said of it: the field, and its value.
REFUSED = (
    (_set("schema", 2), "schema: 2"),
    (_set("schema", "1"), 'schema: "1"'),
    (_remove("schema"), "schema: missing"),
    (_set("started_at", -1), "started_at: -1"),
    (_set("signal", "15"), 'signal: "15"'),
    (_set("plan", []), "plan: []"),
    (_remove("plan", "arrivals"), "plan.arrivals: missing"),
    (_set("plan", "request", "x" * 10000), 'plan.request: "xxx'),
    (_remove("environment"), "environment.rows: missing"),
    (_set("environment", "rows", {str(i): "" for i in range(41)}), "environment.rows: {"),
    (_set("environment", "rows", "kernel", 6), "environment.rows.kernel: 6"),
    (_set("environment", "rows", "kernel", "x" * 2000), "environment.rows.kernel: \"xxx"),
    (_set("subjects", []), "subjects: []"),
    (_set("subjects", {}), "subjects: {}"),
    (_set("subjects", [0] * 17), "subjects: [0,0"),
    (_set("subjects", 1, None), "subjects[1]: null"),
    (_set("subjects", 1, "name", "hello"), 'subjects[1].name: "hello": it is another'),
    (_set("subjects", 0, "name", ""), 'subjects[0].name: ""'),
    (_set("subjects", 0, "name", "x" * 2000), 'subjects[0].name: "xxx'),
    (_remove("subjects", 0, "name"), "subjects[0].name: missing"),
    (_set("subjects", 0, "kind", "warm"), 'subjects[0].kind: "warm"'),
    (_set("subjects", 0, "samples", [1]), "subjects[0].samples: [1]"),
    (_remove("subjects", 0, "samples", "late_ns"), "subjects[0].samples.late_ns: missing"),
    (_set("subjects", 1, "samples", "round", 5), "subjects[1].samples.round: 5"),
    (_set("subjects", 1, "samples", "exits", [1]), "subjects[1].samples.exits: 1 entries: it should have 20"),
    (_set("subjects", 0, "samples", "reaped_ns", 3, -5), "subjects[0].samples.reaped_ns[3]: -5"),
    (_set("subjects", 0, "samples", "reaped_ns", 3, 1.5), "subjects[0].samples.reaped_ns[3]: 1.5"),
    (_set("subjects", 0, "samples", "reaped_ns", 3, "9"), 'subjects[0].samples.reaped_ns[3]: "9"'),
    (_set("subjects", 0, "samples", "reaped_ns", 3, True), "subjects[0].samples.reaped_ns[3]: true"),
    (_set("subjects", 0, "samples", "round", 3, None), "subjects[0].samples.round[3]: null"),
    (_set("subjects", 0, "samples", "round", 3, 2 ** 32), "subjects[0].samples.round[3]: 4294967296"),
    (_set("subjects", 0, "samples", "result", 3, 3), "subjects[0].samples.result[3]: 3"),
)


def compare_refuses_what_is_not_as_the_schema_says(bench):
    good = run(2, hello=3, rounds=20)
    _expect(_compare(bench, _broken(lambda document: None), good), PASSED)
    for change, words in REFUSED:
        compared = _compare(bench, copy.deepcopy(good), _broken(change))
        _expect(compared, USAGE, "new.json: " + words)
        assert len(compared.err.splitlines()) == 1 and compared.out == "", compared.err


def compare_takes_members_that_it_does_not_know(bench):
    _expect(_compare(bench, run(1, hello=3), _broken(_set("subjects", 0, "mood", "fair"))), PASSED)


def compare_takes_numbers_that_make_no_sense_for_unknown(bench):
    # Ends before it begins, more CPUs' time than there is, as large as it gets.
    new = _broken(_set("subjects", 0, "samples", "exit_ns", [1] * 20))
    _set("subjects", 0, "samples", "first_ns", [2 ** 63 - 1] * 20)(new)
    _set("subjects", 0, "samples", "user_ns", [2 ** 63 - 1] * 20)(new)
    _set("subjects", 0, "samples", "system_ns", [2 ** 63 - 1] * 20)(new)
    _expect(_compare(bench, run(1, hello=3, rounds=20), new), PASSED)
