# SPDX-License-Identifier: Apache-2.0
"""When launches come: by turns, together, or when they are due."""


def _begun(results):
    """(begun_ns, name) of all, in order."""
    return sorted((sample["begun_ns"], name) for name in results.names() for sample in results.samples(name))


def _order(results):
    return [name for _, name in _begun(results)]


def subjects_take_turns(bench):
    """Each once in a round, and not in the same order in all of them; one begins when the last is over."""
    results = bench.measure("--runs", "20", "--warm-up", "1", "--vs", "true", bench.guest("hello.elf"))
    order = _order(results)
    rounds = [order[i:i + 3] for i in range(0, 60, 3)]
    assert all(sorted(each) == ["cold", "floor", "true"] for each in rounds), rounds
    assert len({tuple(each) for each in rounds}) > 1, rounds
    all_of_them = sorted((sample["begun_ns"], sample["begun_ns"] + sample["reaped_ns"]) for name in results.names()
                         for sample in results.samples(name))
    for (_, end), (begun, _) in zip(all_of_them, all_of_them[1:]):
        assert begun >= end - 1000, "begun %d ns before the last one was over" % (end - begun)  # two clocks


def the_same_seed_gives_the_same_order(bench):
    command = ("--runs", "8", "--warm-up", "0", "--vs", "true", bench.guest("hello.elf"))
    first = _order(bench.measure("--seed", "1", *command))
    assert first == _order(bench.measure("--seed", "1", *command))
    assert first != _order(bench.measure("--seed", "2", *command))


def warm_up_does_not_count(bench):
    counts = bench.write("count", "")
    results = bench.measure("--runs", "3", "--warm-up", "4", "--vs", "sh -c 'echo >> %s'" % counts, bench.guest("hello.elf"))
    assert len(results.samples("sh")) == 3
    assert len(bench.read("count")) == 7


def time_ends_it(bench):
    results = bench.measure("--time", "300ms", bench.guest("hello.elf"))
    assert results.all["rounds"] > 0 and results.all["took_ns"] >= 300e6


def a_burst_is_begun_together(bench):
    """Each says that it is there, and waits for all."""
    both = "sh -c 'echo >> there; while [ $(wc -l < there) -lt 4 ]; do sleep 0.01; done'"
    results = bench.measure("--runs", "1", "--warm-up", "0", "--at-once", "4", "--mode", "cold,pooled", "--vs", both,
                            bench.guest("hello.elf"))
    for name in results.names():
        assert results.good(name) == 4, results[name]["failure"]
        assert [sample["round"] for sample in results.samples(name)] == [0] * 4


def a_burst_of_many_has_files_enough(bench):
    results = bench.measure("--runs", "1", "--warm-up", "0", "--at-once", "300", "--mode", "cold,pooled", bench.guest("hello.elf"))
    assert results.good("cold") == results.good("pooled") == results.good("floor") == 300


def an_open_loops_launches_are_due_at_a_rate(bench):
    """Each counts from when it was due: evenly, whatever the host does meanwhile."""
    results = bench.measure("--runs", "10", "--warm-up", "1", "--rate", "200", "--mode", "cold,pooled", bench.guest("hello.elf"))
    begun = [ns for ns, _ in _begun(results)]
    assert len(begun) == 30 and begun[0] == 0
    assert all(abs(ns - i * 5000000) <= 2 for i, ns in enumerate(begun)), begun
    for name in results.names():
        assert results.good(name) == 10
        assert all(sample["reaped_ns"] > sample["late_ns"] > 0 for sample in results.samples(name))


def an_open_loop_by_poisson_is_not_even(bench):
    command = ("--runs", "10", "--warm-up", "0", "--rate", "500", "--poisson", "--seed", "5", bench.guest("hello.elf"))
    begun = [ns for ns, _ in _begun(bench.measure(*command))]
    gaps = [b - a for a, b in zip(begun, begun[1:])]
    assert max(gaps) > 2 * min(gaps), gaps
    assert begun == [ns for ns, _ in _begun(bench.measure(*command))]


def an_open_loop_that_is_too_much_is_warned_of(bench):
    results = bench.measure("--runs", "10", "--warm-up", "0", "--rate", "1000", "--at-once", "1", "--vs", "sleep 0.03",
                            "--no-floor", bench.guest("hello.elf"))
    assert "rate_not_kept" in [each["key"] for each in results.all["environment"]["warnings"]]


def an_open_loop_that_is_too_much_ends_when_time_is_up(bench):
    """49 are due in that time, and there is time for six or so. Those that have not been begun are counted, and told."""
    for more in ((), ("--poisson", "--seed", "5")):
        results = bench.measure("--time", "500ms", "--warm-up", "0", "--rate", "100", "--at-once", "1", "--vs", "sleep 0.2",
                                "--no-floor", *more, bench.guest("hello.elf"))
        begun = sum(len(results.samples(name)) for name in results.names())
        not_begun = sum(results[name]["not_begun"] for name in results.names())
        warning = [each["text"] for each in results.all["environment"]["warnings"] if each["key"] == "rate_not_kept"]
        assert 0 < begun < 10, begun
        assert more or begun + not_begun == 49, (begun, not_begun)
        assert len(warning) == 1 and "%d launches" % not_begun in warning[0] and "lower --rate" in warning[0], warning
        assert results.all["rounds"] == begun // 2, (results.all["rounds"], begun)


def all_that_is_due_in_time_is_begun_or_counted(bench):
    results = bench.measure("--time", "300ms", "--warm-up", "1", "--rate", "50", "--no-floor", bench.guest("hello.elf"))
    assert len(results.samples("cold")) + results["cold"]["not_begun"] == 14


def what_waits_for_room_in_an_open_loop_counts(bench):
    """One at a time, of which each takes longer than there is between two: the last is late by what all took before it."""
    results = bench.measure("--runs", "4", "--warm-up", "0", "--rate", "1000", "--at-once", "1", "--vs", "sleep 0.05", "--no-floor",
                            bench.guest("hello.elf"))
    late = [sample["late_ns"] for sample in results.samples("sleep")]
    assert late == sorted(late) and late[-1] > 3 * 49e6 - 8e6, late
    assert all(sample["reaped_ns"] >= sample["late_ns"] + 49e6 for sample in results.samples("sleep"))
