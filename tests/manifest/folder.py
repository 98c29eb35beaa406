# SPDX-License-Identifier: Apache-2.0
"""A test's folder: manifests are written there, and `kvick test` runs in it."""

import os
import shutil
import signal
import subprocess
import tempfile

from tap import Failed

TIMEOUT = 120


class Ended:
    """How a run ended: `code` as a shell has it, what it printed as text, and as bytes."""

    def __init__(self, words, process, out, err):
        self.words = words
        self.code = process.returncode if process.returncode >= 0 else 128 - process.returncode
        self.out_bytes, self.err_bytes = out, err
        self.out, self.err = (text.decode("utf-8", "backslashreplace") for text in (out, err))

    def __str__(self):
        return "$ kvick test %s\nexit code %d\n--- stdout\n%s--- stderr\n%s" % (" ".join(self.words), self.code, self.out[-4000:],
                                                                               self.err[-4000:])


class Folder:
    build = None

    def __init__(self):
        self.path = os.path.realpath(tempfile.mkdtemp(prefix="kvick-manifest-"))
        self.ended = []

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)

    def said(self):
        """The last runs."""
        return "\n".join(str(each) for each in self.ended[-2:])

    def file(self, name):
        return os.path.join(self.path, name)

    def write(self, name, text):
        """Text or bytes; the folders above it are made."""
        os.makedirs(os.path.dirname(self.file(name)), exist_ok=True)
        with open(self.file(name), "wb") as to:
            to.write(text if isinstance(text, bytes) else text.encode())
        return self.file(name)

    def read(self, name):
        with open(self.file(name), "rb") as file:
            return file.read()

    def guest(self, name):
        """The path of one of our images."""
        path = os.path.join(self.build, "guests", name)
        self.check(os.path.exists(path), "%s: not built" % path)
        return path

    def manifest(self, text):
        """kvick.test; GUESTS in it is where our images are."""
        if isinstance(text, str):
            text = text.replace("GUESTS", os.path.join(self.build, "guests"))
        return self.write("kvick.test", text)

    def words(self, *options, program=None):
        return [program or os.path.join(self.build, "manifest", "kvick-test"), "test", *options]

    def start(self, *options, program=None, **more):
        """A process; what it prints is for whoever asks for it."""
        given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": self.path}
        given.update(more)
        return subprocess.Popen(self.words(*options, program=program), **given)

    def run(self, *options, program=None, **more):
        process = self.start(*options, program=program, **more)
        try:
            out, err = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            out, err = process.communicate()
            raise Failed("it does not end:\n%s" % Ended(options, process, out, err))
        ended = Ended(options, process, out or b"", err or b"")
        self.ended.append(ended)
        if "AddressSanitizer" in ended.err or "runtime error:" in ended.err or "LeakSanitizer" in ended.err:
            raise Failed("a sanitizer found something:\n%s" % ended)
        return ended

    # --- what must hold; what was run is told where it does not ---

    def check(self, holds, why):
        if not holds:
            raise Failed("%s\n%s" % (why, self.said()))

    def same(self, what, wanted):
        self.check(what == wanted, "%r, should be %r" % (what, wanted))

    def says(self, text, part):
        self.check(part in text, "not said: %r" % part)

    def refused(self, text, *parts, options=("--list",), code=120):
        """A manifest; each part is said in the one line, or one of the lines, on stderr; nothing on stdout."""
        if text is not None:
            self.manifest(text)
        ended = self.run(*options)
        self.same(ended.code, code)
        self.same(ended.out, "")
        for part in parts:
            self.says(ended.err, part)
        return ended
