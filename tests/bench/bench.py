# SPDX-License-Identifier: Apache-2.0
"""kvick bench under test: run in a folder of its own, its results read."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

LIMIT_S = 120  # for what comes by itself; nothing is timed by it

USAGE, IMAGE, HOST = 120, 122, 123
GOOD, FAILED, TIMED_OUT = "good", "failed", "timed_out"


class Results:
    """Of --json."""

    def __init__(self, text):
        self.all = json.loads(text)
        self.subjects = {each["name"]: each for each in self.all["subjects"]}

    def __getitem__(self, name):
        return self.subjects[name]

    def names(self):
        return list(self.subjects)

    def samples(self, name):
        """A dictionary each, in the order in which they were begun."""
        columns = self.subjects[name]["samples"]
        return [dict(zip(columns, row)) for row in zip(*columns.values())]

    def good(self, name):
        return sum(1 for sample in self.samples(name) if sample["result"] == 0)


class Bench:
    def __init__(self, build):
        self.build = build
        self.folder = tempfile.mkdtemp(prefix="kvick-test-bench.")
        self.temporary = self.path("tmp")
        os.mkdir(self.temporary)
        self.started = []
        self.last = None

    def path(self, name):
        return os.path.join(self.folder, name)

    def guest(self, name):
        return os.path.join(self.build, "guests", name)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(self.path(name), mode)
        return self.path(name)

    def read(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def start(self, *words, around=(), **more):
        """`kvick bench WORD…`, a process that runs; `around`: words of a program that executes it."""
        more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
        env = dict(os.environ, TMPDIR=self.temporary)
        command = [*around, os.path.join(self.build, "kvick"), "bench", *map(str, words)]
        self.started.append(subprocess.Popen(command, cwd=self.folder, env=env, **more))
        return self.started[-1]

    def end(self, process):
        out, err = process.communicate(timeout=LIMIT_S)
        self.last = subprocess.CompletedProcess(process.args, process.returncode, out, err)
        return self.last

    def run(self, *words, **more):
        """To its end: with returncode, stdout, stderr."""
        return self.end(self.start(*words, **more))

    def measure(self, *words, code=0, **more):
        """With --json, whose results these are."""
        done = self.run("--json", "-", *words, **more)
        assert done.returncode == code, "exit status %d, and should be %d: %s" % (done.returncode, code, done.stderr)
        return Results(done.stdout)

    def refuse(self, part, *words, code=USAGE):
        done = self.run(*words)
        assert done.returncode == code, "exit status %d, and should be %d: %s" % (done.returncode, code, done.stderr)
        assert part in done.stderr, "%r is not in %r" % (part, done.stderr)
        assert done.stdout == "", done.stdout
        assert done.stderr.startswith("kvick: ") and done.stderr.count("\n") == 1, done.stderr

    def interrupt(self, number, *words, when):
        """With --json; sends a signal when a file of that name is there."""
        process = self.start("--json", "-", *words)
        until(lambda: os.path.exists(self.path(when)) or process.poll() is not None, when)
        process.send_signal(number)
        done = self.end(process)
        assert done.returncode == 128 + number, "exit status %d: %s" % (done.returncode, done.stderr)
        return Results(done.stdout)

    def check_tidy(self):
        assert all(process.poll() is not None for process in self.started), "kvick bench runs on"
        assert os.listdir(self.temporary) == [], "left behind: %s" % os.listdir(self.temporary)

    def last_words(self):
        if self.last is None:
            return ""
        return "\n".join((str(self.last.args), (self.last.stdout or "")[-1500:], (self.last.stderr or "")[-1500:]))

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()
        shutil.rmtree(self.folder)


def until(holds, what):
    """Waits until something holds that comes by itself."""
    end = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < end, "not in time: " + what
        time.sleep(0.005)


def is_there(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:  # a zombie has ended
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
