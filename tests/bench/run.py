#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py BUILD [WORD…]: tests of `kvick bench` as a program, those whose names have one of the words in them. Prints TAP.

A test is a function in a test_*.py whose name says what holds. It gets a Bench (bench.py): BUILD's kvick, and a folder of its own.
An assertion that fails fails it; nothing may be left in the folder for temporary files, nor may a process be left running.
"""

import importlib
import inspect
import os
import sys
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from bench import Bench, Skipped  # noqa: E402


def tests():
    for name in sorted(os.listdir(HERE)):
        if name.startswith("test_") and name.endswith(".py"):
            module = importlib.import_module(name[:-3])
            for function in vars(module).values():
                own = inspect.isfunction(function) and function.__module__ == module.__name__
                if own and not function.__name__.startswith("_"):
                    yield function


def run(test, build):
    """Why it failed; None: it did not."""
    bench = Bench(build)
    try:
        test(bench)
        bench.check_tidy()
        return None
    except Skipped:
        raise
    except Exception as error:
        return "%s\n%s\n%s" % (error, traceback.format_exc(), bench.last_words())
    finally:
        bench.close()


def main():
    build, words = os.path.abspath(sys.argv[1]), sys.argv[2:]
    chosen = [test for test in tests() if not words or any(word in test.__name__ for word in words)]
    failed = skipped = 0
    print("1..%d" % len(chosen), flush=True)
    for number, test in enumerate(chosen, 1):
        print("# begin %s" % test.__name__, flush=True)
        try:
            why = run(test, build)
        except Skipped as reason:
            print("ok %d - %s # SKIP %s" % (number, test.__name__, reason), flush=True)
            skipped += 1
            continue
        print("%sok %d - %s" % ("not " if why else "", number, test.__name__), flush=True)
        if why:
            failed += 1
            print("\n".join("#   " + line for line in why.splitlines()), flush=True)
    print("# bench: %d passed, %d failed, %d skipped" % (len(chosen) - failed - skipped, failed, skipped))
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
