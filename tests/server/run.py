#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py BUILD [NAME…]: kvickd's tests, those whose names have one of the words in them. Prints TAP.

A test is a function whose name says what holds, in a test_*.py, with the options of its kvickd as @kvickd_options(…). It gets a
kvickd that has started, and what it leaves is ended and looked at: exit status, sanitizers, workers. Those with the argument
`start` start their own.
"""

import importlib
import inspect
import os
import sys
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import openapi  # noqa: E402
from kvickd import Failed, Kvickd, Skipped  # noqa: E402


def tests():
    for name in sorted(os.listdir(HERE)):
        if name.startswith("test_") and name.endswith(".py"):
            module = importlib.import_module(name[:-3])
            for function in vars(module).values():
                own = inspect.isfunction(function) and function.__module__ == module.__name__
                if own and not function.__name__.startswith("_"):
                    yield function


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
    except Skipped:
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
        raise Failed("never seen: " + ", ".join("%s %s %s" % (method.upper(), path, status) for path, method, status in missing))


def main():
    Kvickd.build = os.path.abspath(sys.argv[1])
    words = sys.argv[2:]
    chosen = [test for test in tests() if not words or any(word in test.__name__ for word in words)]
    if not words:
        every_answer_of_the_openapi_file_was_seen.options = None
        chosen.append(every_answer_of_the_openapi_file_was_seen)
    print("1..%d" % len(chosen), flush=True)
    failed = skipped = 0
    for number, test in enumerate(chosen, 1):
        print("# begin %s" % test.__name__, flush=True)
        try:
            why = run(test) if getattr(test, "options", ()) is not None else test()
        except Skipped as error:
            print("ok %d - %s # SKIP %s" % (number, test.__name__, error), flush=True)
            skipped += 1
            continue
        except Failed as error:
            why = str(error)
        print("%sok %d - %s" % ("not " if why else "", number, test.__name__), flush=True)
        if why:
            failed += 1
            print("\n".join("#   " + line for line in why.splitlines()), flush=True)
    print("# server: %d passed, %d failed, %d skipped" % (len(chosen) - failed - skipped, failed, skipped))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
