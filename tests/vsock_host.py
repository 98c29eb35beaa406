#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
vsock_host.py PATH listen PORT       takes one connection of the guest's and echoes it to its end
vsock_host.py PATH connect PORT N    N connections to the guest at once, each sends 100,000 bytes, half-closes, and wants them back
vsock_host.py PATH refused PORT      the guest does not listen there: the connection ends without a word
vsock_host.py PATH nonsense          first lines that are none: each connection is closed
"""
import os, socket, sys, threading, time

LIMIT = 60
path, what = sys.argv[1], sys.argv[2]


def connect():
    limit = time.monotonic() + LIMIT
    while True:
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(LIMIT)
        try:
            s.connect(path)
            return s
        except OSError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.05)


def line(s):
    got = b""
    while not got.endswith(b"\n"):
        c = s.recv(1)
        if not c:
            break
        got += c
    return got


def echoed(seed, results):
    s = connect()
    s.sendall(b"CONN")
    time.sleep(0.01)  # the first line in two parts
    s.sendall(b"ECT %d\n" % int(sys.argv[3]))
    ok = line(s)
    assert ok.startswith(b"OK "), ok
    data = bytes((i * seed + i // 251) & 255 for i in range(100000))

    def send():
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    got = b""
    while True:
        part = s.recv(65536)
        if not part:
            break
        got += part
    sender.join()
    results.append(got == data)


if what == "listen":
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("%s_%s" % (path, sys.argv[3]))
    listener.listen()
    print("ready", flush=True)
    listener.settimeout(LIMIT)
    s = listener.accept()[0]
    while True:
        try:
            part = s.recv(5000)
        except ConnectionResetError:
            break
        if not part:
            break
        s.sendall(part)
elif what == "connect":
    results = []
    threads = [threading.Thread(target=echoed, args=(i + 1, results)) for i in range(int(sys.argv[4]))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print("host: %d of %d came back" % (results.count(True), len(threads)), flush=True)
elif what == "refused":
    s = connect()
    s.sendall(b"CONNECT %d\n" % int(sys.argv[3]))
    print("host: refused" if line(s) == b"" else "host: accepted", flush=True)
elif what == "nonsense":
    closed = 0
    for words in b"CONNECT\n", b"CONNECT 4294967296\n", b"CONNECT -1\n", b"x" * 100, b"\n", b"CONNECT 12x\n":
        s = connect()
        s.sendall(words)
        try:
            closed += s.recv(1) == b""
        except ConnectionResetError:
            closed += 1
    print("host: %d closed" % closed, flush=True)
