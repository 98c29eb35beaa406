# SPDX-License-Identifier: Apache-2.0
"""Files as kvick bench --json writes them, of launches that nobody made."""

import json
import random

COLUMNS = ("round", "result", "begun_ns", "late_ns", "vmm_main_ns", "entry_ns", "first_ns", "guest_main_ns", "exit_ns", "reaped_ns",
           "user_ns", "system_ns", "exits", "hypercalls", "system_calls", "minor_faults", "major_faults", "peak_bytes")
ROWS = {"kernel": "Linux 6.1.0", "cpu": "A processor, family 6", "kvm": "kvm_intel", "date": "2026-11-30", "load": "0.1"}


def samples(whole_ns, guest_ns=None, more=None):
    """whole_ns: of each round, None: it failed. guest_ns: of each, the guest's own part; None: it told nothing."""
    table = {column: [] for column in COLUMNS}
    for number, whole in enumerate(whole_ns):
        row = dict.fromkeys(COLUMNS)
        row.update(round=number, result=0 if whole else 1, begun_ns=number * 1000000, late_ns=0, reaped_ns=whole, user_ns=1000,
                   system_ns=1000, minor_faults=100, major_faults=0)
        if guest_ns and whole:
            end = whole // 10
            row.update(exits=3, hypercalls=2, system_calls=50, exit_ns=whole - end, first_ns=whole - end - guest_ns[number])
        row.update(more or {})
        for column in COLUMNS:
            table[column].append(row[column])
    return table


def subject(name, whole_ns, kind="cold", **more):
    return {"name": name, "kind": kind, "samples": samples(whole_ns, **more)}


def recorded(*subjects, rows=None, **plan):
    return {"schema": 1, "kvick": "1", "started_at": 1796000000, "took_ns": 1, "rounds": 1, "signal": None,
            "plan": dict({"arrivals": "one_by_one", "at_once": None, "rate": None, "poisson": None, "cpus": None, "request": None,
                          "drop_caches": False, "trace": False}, **plan),
            "environment": {"rows": dict(ROWS, **(rows or {})), "warnings": []}, "subjects": list(subjects)}


class Host:
    """Takes its time: 500 us for a launch, with 10% of noise, more and more of it from round to round."""

    def __init__(self, seed, slow=1.0, rounds=200):
        self.random = random.Random(seed)
        self.slow = [slow * (1 + 0.3 * i / rounds) for i in range(rounds)]

    def times(self, ns=500000):
        return [int(ns * slow * self.random.lognormvariate(0, 0.1)) for slow in self.slow]


def run(seed, slow=1.0, floor=True, rounds=200, rows=None, plan=None, **factors):
    """A file in which each named subject takes this many times the floor."""
    host = Host(seed, slow, rounds)
    subjects = [subject(name, host.times(200000 * factor)) for name, factor in factors.items()]
    if floor:
        subjects.append(subject("floor", host.times(200000), kind="floor"))
    return recorded(*subjects, rows=rows, **(plan or {}))


def write(path, content):
    with open(path, "w") as file:
        file.write(content if isinstance(content, str) else json.dumps(content))
    return path
