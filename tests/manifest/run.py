#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py BUILD [WORD…]: `kvick test` as a whole, those tests whose names have one of the words in them. Prints TAP.

A test is a function whose name says what holds, in a test_*.py. It gets a folder of its own (folder.py), in which it writes
manifests and runs `kvick test`, which has sanitizers.
"""

import os
import sys
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import tap  # noqa: E402
from folder import Folder  # noqa: E402


def run(test):
    """None, or why it failed."""
    folder = Folder()
    try:
        test(folder)
        return None
    except (tap.Failed, tap.Skipped):
        raise
    except Exception:
        return "%s\n%s" % (traceback.format_exc(), folder.said())
    finally:
        folder.remove()


if __name__ == "__main__":
    # Of a service that runs the tests themselves, and of who types them.
    for name in ("GITHUB_ACTIONS", "GITHUB_WORKSPACE", "CI_PROJECT_DIR", "NO_COLOR"):
        os.environ.pop(name, None)
    os.umask(0o022)
    Folder.build = os.path.abspath(sys.argv[1])
    sys.exit(tap.main("manifest", HERE, run))
