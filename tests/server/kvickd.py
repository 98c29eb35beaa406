# SPDX-License-Identifier: Apache-2.0
"""kvickd under test: started with a worker without VMs, talked to, held against docs/openapi.json at every answer, and ended."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import openapi
from tap import Failed

LIMIT_S = 60  # for what comes by itself; nothing is timed by it


def check(holds, what):
    if not holds:
        raise Failed(what)


def equal(have, want, what=""):
    if have != want:
        raise Failed("%s: %r, and should be %r" % (what or "value", have, want))


def until(holds, what):
    """Waits until something holds: kvickd does it by itself."""
    end = time.monotonic() + LIMIT_S
    while not holds():
        if time.monotonic() > end:
            raise Failed("not in time: " + what)
        time.sleep(0.005)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def error(self):
        """(code, field or None)"""
        error = self.json()["error"]
        return error["code"], error.get("field")

    def id(self):
        return self.headers["Kvick-Invocation"]


class Connection(http.client.HTTPConnection):
    """To a Unix socket. One request after another."""

    def __init__(self, path):
        super().__init__("kvickd", timeout=LIMIT_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(LIMIT_S)
        self.sock.connect(self.path)


class Kvickd:
    build = "build"
    program = "server/kvickd-asan"  # of the build directory

    def __init__(self, *options, program=None, directory=None, environment=None, before=None):
        self.own_directory = directory is None
        self.directory = directory or tempfile.mkdtemp(prefix="kvickd-")
        self.socket = os.path.join(self.directory, "s")
        self.images = os.path.join(self.directory, "images")
        os.makedirs(os.path.join(self.images, "snapshot"), exist_ok=True)
        with open(os.path.join(self.images, "f.elf"), "w") as image:
            image.write("image")
        self.log_path = os.path.join(self.directory, "log")
        self.stderr_path = os.path.join(self.directory, "stderr")
        self.gate = os.path.join(self.directory, "gate")
        self.held = b"wait " + self.gate.encode()  # the body of a call that goes on until release()
        command = [os.path.join(self.build, program or self.program), "--images", self.images, "--kvm", "/dev/null",
                   "--worker", os.path.join(self.build, "server/fake_worker"), "--log", self.log_path, "--log-level", "debug",
                   "--socket", self.socket]
        with open(self.stderr_path, "a") as stderr:
            self.process = subprocess.Popen(command + list(options), stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                                            env=dict(os.environ, **(environment or {})), preexec_fn=before,
                                            pass_fds=() if not before else before.fds)

    # --- its life ---

    def started(self):
        """Waits until it listens, or has ended."""
        def there():
            if self.process.poll() is not None:
                return True
            try:
                with socket.socket(socket.AF_UNIX) as s:
                    s.connect(self.socket)
                return True
            except OSError:
                return False
        until(there, "kvickd listens")
        check(self.process.poll() is None, "kvickd ended at its start: " + self.stderr())
        return self

    def stderr(self):
        with open(self.stderr_path, errors="replace") as f:
            return f.read()

    def log(self, event=None):
        with open(self.log_path, errors="replace") as f:
            lines = [json.loads(line) for line in f.read().split("\n")[:-1]]  # the last is whole, or not yet
        return [line for line in lines if event is None or line["event"] == event]

    def stop(self, how=signal.SIGTERM):
        """It ends by itself, has said nothing of memory, and leaves nobody."""
        workers = self.workers()
        self.process.send_signal(how)
        self.ended()
        until(lambda: not any(os.path.exists("/proc/%d" % pid) for pid in workers), "the workers end")

    def ended(self):
        try:
            status = self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            raise Failed("kvickd did not end")
        said = self.stderr()
        check("Sanitizer" not in said and "runtime error" not in said, "sanitizer: " + said[:3000])
        equal(status, 0, "exit status; " + said[:1000])
        check(not os.path.exists(self.socket), "the socket is still there")

    def close(self):
        """After a test, whatever became of it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    # --- what it holds ---

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def resident_kib(self):
        with open("/proc/%d/status" % self.process.pid) as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def workers(self):
        try:
            with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)) as f:
                return [int(pid) for pid in f.read().split()]
        except OSError:
            return []

    def metric(self, name, **labels):
        """The sum of the series of this name that have these labels."""
        total, found = 0.0, False
        for line in self.get("/metrics").body.decode().splitlines():
            match = re.match(r"(\w+)(?:\{(.*)\})? (\S+)$", line)
            if match and match.group(1) == name:
                have = dict(re.findall(r'(\w+)="([^"]*)"', match.group(2) or ""))
                if all(have.get(label) == value for label, value in labels.items()):
                    total, found = total + float(match.group(3)), True
        check(found, "there is no metric %s %r" % (name, labels))
        return total

    # --- requests ---

    def connect(self):
        return Connection(self.socket)

    def raw(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(LIMIT_S)
        s.connect(self.socket)
        return s

    def request(self, method, path, body=None, headers=None, connection=None):
        own = connection is None
        connection = connection or self.connect()
        try:
            try:
                chunked = "Transfer-Encoding" in (headers or {})
                connection.request(method, path, body=iter([body]) if chunked else body, headers=headers or {},
                                   encode_chunked=chunked)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it did not want all of it, and has said why
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        finally:
            if own:
                connection.close()
        openapi.check_answer(method, path, answer)
        return answer

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=b"", **more):
        return self.request("POST", path, body=body, **more)

    def delete(self, path, **more):
        return self.request("DELETE", path, **more)

    def register(self, fields, **more):
        return self.post("/v1/functions", json.dumps(fields) if not isinstance(fields, (bytes, str)) else fields, **more)

    def function(self, name="f", fake=None, **fields):
        """Registers one that works."""
        fields = dict({"name": name, "image": "f.elf"}, **fields)
        if fake:
            fields["environment"] = {"FAKE": fake}
        answer = self.register(fields)
        equal(answer.status, 201, "status of a registration: %r" % answer.body)
        return name

    def warm(self, name="f", count=1):
        until(lambda: self.get("/v1/functions/" + name).json()["slots"]["warm"] >= count, "%d slots are warm" % count)

    def call(self, body=b"", name="f", **more):
        return self.post("/v1/functions/%s/invocations" % name, body, **more)

    def call_async(self, body=b"", name="f"):
        answer = self.call(body, name, headers={"Prefer": "respond-async"})
        equal(answer.status, 202, "status of an asynchronous call")
        return answer.json()["id"]

    def status(self, id):
        return self.get("/v1/invocations/" + id).json()

    def over(self, id):
        until(lambda: self.status(id)["status"] not in ("queued", "running"), "the invocation is over")
        return self.status(id)

    def busy(self, count, name="f"):
        until(lambda: self.get("/v1/functions/" + name).json()["slots"]["busy"] >= count, "%d slots are busy" % count)

    def queued(self, count):
        until(lambda: self.get("/v1/functions/f").json()["slots"]["queued"] == count, "%d are queued" % count)

    def release(self):
        open(self.gate, "w").close()


class Behind(threading.Thread):
    """A call that goes on meanwhile."""

    def __init__(self, function, *arguments, **more):
        super().__init__(daemon=True)
        self.what, self.value, self.error = (function, arguments, more), None, None
        self.start()

    def run(self):
        function, arguments, more = self.what
        try:
            self.value = function(*arguments, **more)
        except Exception as error:  # told where it is asked for
            self.error = error

    def answer(self):
        self.join(LIMIT_S)
        check(not self.is_alive(), "no answer in time")
        if self.error:
            raise self.error
        return self.value
