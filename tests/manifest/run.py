#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py BUILD [WORD…]: `kvick test` as a whole, those tests whose names have one of the words in them. Prints TAP.

A test is a function whose name says what holds, in a test_*.py. It gets a folder of its own (folder.py), in which it writes
manifests and runs `kvick test`, which has sanitizers.
"""

import importlib
import inspect
import os
import sys
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from folder import Failed, Folder, Skipped  # noqa: E402


def tests():
    for name in sorted(os.listdir(HERE)):
        if name.startswith("test_") and name.endswith(".py"):
            module = importlib.import_module(name[:-3])
            for function in vars(module).values():
                own = inspect.isfunction(function) and function.__module__ == module.__name__
                if own and not function.__name__.startswith("_"):
                    yield function


def run(test):
    """None, or why it failed."""
    folder = Folder()
    try:
        test(folder)
        return None
    except Skipped:
        raise
    except Failed as error:
        return str(error)
    except Exception:
        return "%s\n%s" % (traceback.format_exc(), folder.said())
    finally:
        folder.remove()


def main():
    Folder.build = os.path.abspath(sys.argv[1])
    words = sys.argv[2:]
    chosen = [test for test in tests() if not words or any(word in test.__name__ for word in words)]
    print("1..%d" % len(chosen), flush=True)
    failed = skipped = 0
    for number, test in enumerate(chosen, 1):
        print("# begin %s" % test.__name__, flush=True)
        try:
            why = run(test)
        except Skipped as error:
            print("ok %d - %s # SKIP %s" % (number, test.__name__, error), flush=True)
            skipped += 1
            continue
        print("%sok %d - %s" % ("not " if why else "", number, test.__name__), flush=True)
        if why:
            failed += 1
            print("\n".join("#   " + line for line in why.splitlines()), flush=True)
    print("# manifest: %d passed, %d failed, %d skipped" % (len(chosen) - failed - skipped, failed, skipped))
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
