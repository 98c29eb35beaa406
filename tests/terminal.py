#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
terminal.py SCRIPT COMMAND…: runs a command at a terminal of 80 columns and 24 rows, and acts as SCRIPT says; each of its words is

    TEXT       typed (\\xNN and the like are understood)
    @TEXT      waits until the terminal shows this, from where the last one ended
    =COLSxROWS resizes the terminal
    -SIGNAL    sends the command a signal
    %cooked    makes the terminal what it was at the beginning, as a shell does
    %raw       waits until it is raw

Prints what the terminal shows, then whether it was raw meanwhile and is at the end what it was at the beginning. A command that
is killed may leave that to somebody else, who takes his time.
Exit code: the command's,
or 128 + the signal that ended it.
"""
import fcntl, os, select, signal, struct, sys, termios, time

LIMIT = 60
END = b"\0terminal.py\0"

shown, seen = b"", 0


def show(master, seconds):
    """What comes within a time; False at the end."""
    global shown
    if not select.select([master], [], [], seconds)[0]:
        return True
    try:
        got = os.read(master, 4096)
    except OSError:
        got = b""
    shown += got
    return got != b""


def drain(master, slave):
    """All that the command has written: what is written after it has come, too."""
    global shown
    while select.select([master], [], [], 0)[0]:
        show(master, 0)
    os.write(slave, END)
    while END not in shown and select.select([master], [], [], LIMIT)[0]:
        show(master, 0)
    shown = shown.replace(END, b"")


def resize(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def is_raw(slave):
    return not termios.tcgetattr(slave)[3] & termios.ICANON


def wait(condition, what):
    limit = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > limit:
            print("terminal.py: %s never" % what)
            return
        time.sleep(0.01)


def act(word, master, slave, before, child):
    global seen
    if word[0] == "@":
        wanted, limit = word[1:].encode(), time.monotonic() + LIMIT
        while wanted not in shown[seen:]:
            if time.monotonic() > limit or not show(master, 1):
                sys.exit("terminal.py: %r never came: %r" % (wanted, shown))
        seen = shown.index(wanted, seen) + len(wanted)
    elif word[0] == "=":
        resize(master, *map(int, word[1:].split("x")))
    elif word[0] == "-":
        os.kill(child, getattr(signal, "SIG" + word[1:]))
    elif word == "%cooked":
        termios.tcsetattr(slave, termios.TCSANOW, before)
    elif word == "%raw":
        wait(lambda: is_raw(slave), "raw")
    else:
        os.write(master, word.encode().decode("unicode_escape").encode("latin-1"))


def main():
    master, slave = os.openpty()
    resize(master, 80, 24)
    before = termios.tcgetattr(slave)
    child = os.fork()
    if child == 0:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for fd in 0, 1, 2:
            os.dup2(slave, fd)
        os.closerange(3, 32)
        os.execvp(sys.argv[2], sys.argv[2:])
    was_raw = False
    for word in sys.argv[1].split():
        act(word, master, slave, before, child)
        was_raw = was_raw or is_raw(slave)
    limit = time.monotonic() + LIMIT
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        show(master, 0.05)
        if ended:
            break
        if time.monotonic() > limit:
            os.kill(child, signal.SIGKILL)
    drain(master, slave)
    if os.WIFSIGNALED(status):
        wait(lambda: termios.tcgetattr(slave) == before, "set back")
    same = termios.tcgetattr(slave) == before
    os.close(slave)
    while show(master, 1) and time.monotonic() < limit: # nobody has it any more: to the end of what was printed
        pass
    print(shown.decode(errors="replace"))
    print("was raw" if was_raw else "was never raw")
    print("is as it was" if same else "is not as it was")
    sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))


main()
