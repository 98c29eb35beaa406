#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py BUILD [NAME…]: kvickd's tests, those whose names have one of the words in them. Prints TAP.

A test is a function whose name says what holds, in a test_*.py, with the options of its kvickd as @kvickd_options(…). It gets a
kvickd that has started, and what it leaves is ended and looked at: exit status, sanitizers, workers. Those with the argument
`start` start their own.
"""

import inspect
import os
import sys
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import openapi  # noqa: E402
import tap  # noqa: E402
from kvickd import Kvickd  # noqa: E402


class Starter:
    """Starts kvickds of a test's own, and ends what is left of them."""

    def __init__(self):
        self.all = []

    def __call__(self, *options, **more):
        self.all.append(Kvickd(*options, **more))
        return self.all[-1]

    def close(self):
        for each in self.all:
            each.close()


def run(test):
    options, more = getattr(test, "options", ((), {}))
    start = Starter()
    try:
        if "start" in inspect.signature(test).parameters:
            test(start)
        else:
            kvickd = start(*options, **more).started()
            test(kvickd)
            if kvickd.process.poll() is None:
                kvickd.stop()
        return None
    except tap.Skipped:
        raise
    except Exception as error:
        said = "".join(each.stderr()[-2000:] for each in start.all)
        where = "" if isinstance(error, openapi.Undocumented) else traceback.format_exc()
        return "%s\n%s\n%s" % (error, where, said)
    finally:
        start.close()


def every_answer_of_the_openapi_file_was_seen():
    missing = sorted(openapi.documented() - openapi.seen - openapi.RARE)
    if missing:
        named = ("%s %s %s" % (method.upper(), path, status) for path, method, status in missing)
        raise tap.Failed("never seen: " + ", ".join(named))


if __name__ == "__main__":
    Kvickd.build = os.path.abspath(sys.argv[1])
    sys.exit(tap.main("server", HERE, run, every_answer_of_the_openapi_file_was_seen))
