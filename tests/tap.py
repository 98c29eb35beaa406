# SPDX-License-Identifier: Apache-2.0
"""Runs tests that are functions: those of the files test_*.py beside a run.py, whose names say what holds. Prints TAP.

Out: Skipped, Failed   for tests to raise
     main()            all of a run.py but how a test is called
"""

import importlib
import inspect
import os
import sys


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def _tests(folder):
    for name in sorted(os.listdir(folder)):
        if name.startswith("test_") and name.endswith(".py"):
            module = importlib.import_module(name[:-3])
            for function in vars(module).values():
                own = inspect.isfunction(function) and function.__module__ == module.__name__
                if own and not function.__name__.startswith("_"):
                    yield function


def main(stage, folder, run, at_the_end=None):
    """sys.argv: BUILD, and words of which a test's name has to have one. run(test) returns why it failed, or None, or raises one of
    the above; at_the_end is one test more, where all are run."""
    words = sys.argv[2:]
    chosen = [test for test in _tests(folder) if not words or any(word in test.__name__ for word in words)]
    if at_the_end and not words:
        chosen.append(at_the_end)
    failed = skipped = 0
    print("1..%d" % len(chosen), flush=True)
    for number, test in enumerate(chosen, 1):
        print("# begin %s" % test.__name__, flush=True)
        try:
            why = test() if test is at_the_end else run(test)
        except Skipped as reason:
            print("ok %d - %s # SKIP %s" % (number, test.__name__, reason), flush=True)
            skipped += 1
            continue
        except Failed as error:
            why = str(error)
        print("%sok %d - %s" % ("not " if why else "", number, test.__name__), flush=True)
        if why:
            failed += 1
            print("\n".join("#   " + line for line in why.splitlines()), flush=True)
    print("# %s: %d passed, %d failed, %d skipped" % (stage, len(chosen) - failed - skipped, failed, skipped))
    return 1 if failed or not chosen else 0
