# SPDX-License-Identifier: Apache-2.0
"""What kvick bench writes, of made-up results: JSON by its schema, CSV by Python's reader."""

import csv
import json
import os
import signal
import subprocess

from schema import faults

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

with open(os.path.join(ROOT, "docs/bench.schema.json")) as _file:
    SCHEMA = json.load(_file)


def _made_up(bench, what, subjects, runs):
    path = bench.path("made")
    subprocess.run([os.path.join(bench.build, "bench/made_up"), what, str(subjects), str(runs), path], check=True)
    with open(path, newline="", encoding="utf-8") as file:
        return file.read()


def json_is_as_its_schema_says(bench):
    for what, subjects, runs in (("json", 6, 200), ("json,hostile", 6, 20), ("json", 16, 0), ("json", 2, 1)):
        found = faults(json.loads(_made_up(bench, what, subjects, runs)), SCHEMA, SCHEMA)
        assert not found, "%s %d %d: %s" % (what, subjects, runs, "\n".join(found[:20]))


def json_schema_knows_every_member(bench):
    """What is not in it is refused: else the test before would find nothing."""
    results = json.loads(_made_up(bench, "json", 2, 20))
    results["subjects"][0]["summary"]["whole"]["new"] = 1
    results["subjects"][1]["samples"]["round"][3] = -1
    del results["plan"]["seed"]
    assert sorted(faults(results, SCHEMA, SCHEMA)) == ["body.plan: seed is missing",
                                                       "body.subjects[0].summary.whole: new is not documented",
                                                       "body.subjects[1].samples.round[3]: -1 is out of range"]


def json_of_a_real_run_is_as_its_schema_says(bench):
    results = bench.measure("--runs", "5", "--vs", "true", bench.guest("hello.elf")).all
    found = faults(results, SCHEMA, SCHEMA)
    assert not found, "\n".join(found[:20])


def files_are_written_though_nobody_reads_stdout(bench):
    """JSON comes before HTML, and what is written to a closed pipe ends kvick bench."""
    process = bench.start("--runs", "200", "--json", "-", "--html=page.html", bench.guest("hello.elf"))
    process.stdout.close()
    process.stdout = None
    bench.end(process)
    assert process.returncode == -signal.SIGPIPE, process.returncode
    assert bench.read("page.html").endswith("</html>\n")


def csv_is_read_as_it_was_meant(bench):
    rows = list(csv.reader(_made_up(bench, "csv,hostile", 4, 25).splitlines(True), strict=True))
    assert len(rows) == 1 + 4 * 25
    assert all(len(row) == len(rows[0]) for row in rows)
    assert rows[1][0] == "</title></svg><script>document.title='bad'</script>"
    assert rows[26][0] == "\"' onload='x' <img src=http://192.0.2.1/x.png>"
