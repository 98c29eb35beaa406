# SPDX-License-Identifier: Apache-2.0
"""A page in headless Chromium, by its DevTools protocol over two pipes: looks, requests, complaints."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe", "about:blank"]
SECONDS = 60


class BrowserFailed(Exception):
    pass


class Browser:
    def __init__(self):
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if not program:
            raise FileNotFoundError("no chromium")
        self.profile = tempfile.TemporaryDirectory(prefix="kvick-browser-", ignore_cleanup_errors=True)
        to_read, self.to = os.pipe()
        self.back, back_write = os.pipe()

        def wire():  # it reads from 3 and writes to 4; the pipes may lie there themselves
            read, write = os.dup(to_read), os.dup(back_write)
            high = [os.dup2(read, 200), os.dup2(write, 201)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        nothing = subprocess.DEVNULL
        self.process = subprocess.Popen([program, "--user-data-dir=" + self.profile.name] + OPTIONS, preexec_fn=wire,
                                        close_fds=False, stdin=nothing, stdout=nothing, stderr=nothing)
        os.close(to_read)
        os.close(back_write)
        self.number, self.rest, self.events, self.session = 0, b"", [], None
        try:
            self.begin()
        except BrowserFailed:
            self.close()
            raise

    def begin(self):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def message(self, deadline):
        while b"\0" not in self.rest:
            ready = select.select([self.back], [], [], max(0, deadline - time.monotonic()))[0]
            got = os.read(self.back, 1 << 20) if ready else b""
            if not got:
                raise BrowserFailed("chromium says no more" if ready else "chromium does not answer")
            self.rest += got
        one, self.rest = self.rest.split(b"\0", 1)
        return json.loads(one)

    def call(self, method, **params):
        self.number += 1
        request = {"id": self.number, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        try:
            os.write(self.to, json.dumps(request).encode() + b"\0")
        except BrokenPipeError:
            raise BrowserFailed("chromium has gone")
        deadline = time.monotonic() + SECONDS
        while True:
            message = self.message(deadline)
            if message.get("id") == self.number:
                if "error" in message:
                    raise BrowserFailed("%s: %s" % (method, message["error"]))
                return message["result"]
            self.events.append(message)

    def loaded(self, loader):
        """The page before may say that it is loaded when this one is asked for."""
        deadline, wanted = time.monotonic() + SECONDS, {"name": "load", "loaderId": loader}
        while not any(event.get("method") == "Page.lifecycleEvent" and wanted.items() <= event["params"].items()
                      for event in self.events):
            self.events.append(self.message(deadline))

    def open(self, path, width, height=800, dark=False):
        """The events since: what was loaded, what was complained of."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.events.clear()
        self.loaded(self.call("Page.navigate", url="file://" + os.path.abspath(path))["loaderId"])

    def value(self, expression):
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def requests(self):
        return [event["params"]["request"]["url"] for event in self.events if event.get("method") == "Network.requestWillBeSent"]

    def complaints(self):
        said = [event["params"]["entry"]["text"] for event in self.events if event.get("method") == "Log.entryAdded"]
        said += [json.dumps(event["params"]["args"]) for event in self.events if event.get("method") == "Runtime.consoleAPICalled"]
        return said + [event["params"]["exceptionDetails"]["text"] for event in self.events
                       if event.get("method") == "Runtime.exceptionThrown"]

    def screenshot(self, path):
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(picture["data"]))

    def pdf(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.printToPDF", preferCSSPageSize=True, printBackground=False)["data"]))

    def close(self):
        os.close(self.to)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.back)
        self.profile.cleanup()
