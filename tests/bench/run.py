#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py BUILD [WORD…]: tests of `kvick bench` as a program, those whose names have one of the words in them. Prints TAP.

A test is a function in a test_*.py whose name says what holds. It gets a Bench (bench.py): BUILD's kvick, and a folder of its own.
An assertion that fails fails it; nothing may be left in the folder for temporary files, nor may a process be left running.
"""

import os
import sys
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import tap  # noqa: E402
from bench import Bench  # noqa: E402


def run(test):
    """Why it failed; None: it did not."""
    bench = Bench(os.path.abspath(sys.argv[1]))
    try:
        test(bench)
        bench.check_tidy()
        return None
    except tap.Skipped:
        raise
    except Exception as error:
        return "%s\n%s\n%s" % (error, traceback.format_exc(), bench.last_words())
    finally:
        bench.close()


if __name__ == "__main__":
    sys.exit(tap.main("bench", HERE, run))
