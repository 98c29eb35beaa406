# SPDX-License-Identifier: Apache-2.0
"""A run of `kvick test` that may be looked at while it goes on, and what it leaves: nothing, whatever the test."""

import json
import os
import time

from folder import TIMEOUT
from tap import Failed


def check(holds, what):
    if not holds:
        raise Failed(str(what))


def until(holds, what):
    end = time.monotonic() + TIMEOUT
    while not holds():
        check(time.monotonic() < end, "not in time: " + what)
        time.sleep(0.01)


def is_running(pid):
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Trial:
    """A manifest in the test's folder; TMPDIR is an empty one in there. kvick: the text of a script to be run instead of it."""

    def __init__(self, folder, manifest, kvick=None):
        self.folder = folder
        self.tmp = folder.file("tmp")
        os.makedirs(self.tmp, exist_ok=True)
        folder.manifest(manifest.replace("HOSTILE", os.path.join(folder.build, "hostile")))
        self.options = ["--json", folder.file("results.json")]
        if kvick is not None:
            self.options += ["--kvick", folder.write("kvick", "#!/bin/sh\n" + kvick)]
            os.chmod(folder.file("kvick"), 0o755)
        self.process = None
        self.code = self.out = self.err = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def path(self, name):
        return self.folder.file(name)

    def file(self, name, text):
        return self.folder.write(name, text)

    def read(self, name):
        return self.folder.read(name)

    def start(self, *options, around="", **more):
        """around: a script in which "$@" is the run."""
        environment = dict(os.environ, TMPDIR=self.tmp)
        if around:
            words = self.folder.words(*self.options, *options)
            script = self.folder.write("around", "#!/bin/sh\nset -- %s \"$@\"\n%s\n" % (words[0], around))
            os.chmod(script, 0o755)
            more["program"] = script
        self.process = self.folder.start(*self.options, *options, env=environment, **more)
        return self

    def end(self, *codes):
        """Until it has ended, with one of these codes."""
        out, err = self.process.communicate(timeout=TIMEOUT)
        self.code, self.out, self.err = self.process.returncode, (out or b"").decode(), (err or b"").decode()
        for mark in ("Sanitizer", "runtime error:"):
            check(mark not in self.err, self.err)
        said = self.out + self.err
        check(not codes or self.code in codes, "exit code %d, and should be one of %s\n%s" % (self.code, codes, said))
        return self

    def run(self, *options, codes=(0,), **more):
        return self.start(*options, **more).end(*codes)

    def results(self):
        """{name: what the JSON has of it}"""
        with open(self.path("results.json")) as file:
            return {case["name"]: case for case in json.load(file)["cases"]}

    def says(self, *texts):
        for text in texts:
            check(text in self.out + self.err, "it does not say %r:\n%s%s" % (text, self.out, self.err))

    def left(self):
        return os.listdir(self.tmp)

    def leaves_nothing(self):
        check(not self.left(), "left in TMPDIR: %s" % self.left())
