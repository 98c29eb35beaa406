# SPDX-License-Identifier: Apache-2.0
"""Presets of other VMMs: QEMU for real where it is there; for the others programs in their place, which look at what they are
given."""

import contextlib
import json
import os
import shutil
import sys

from tap import Skipped

FEW = ("--runs", "3", "--warm-up", "1", "--quiet")
PEERS = {"solo5-hvt": "solo5-hvt", "qemu-microvm": "qemu-system-x86_64", "firecracker": "firecracker", "kvmtool": "lkvm"}


@contextlib.contextmanager
def _path(folder):
    """Programs are looked for there alone."""
    before = os.environ["PATH"]
    os.environ["PATH"] = folder
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _stand_in(bench, program, body):
    """A program of that name, which keeps its arguments, and then does what `body` says (Python)."""
    os.makedirs(bench.path("bin"), exist_ok=True)
    start = "#!%s -I\nimport json, sys\njson.dump(sys.argv[1:], open(%r, 'w'))\n" % (sys.executable, bench.path("arguments"))
    bench.write("bin/" + program, start + body, 0o755)


def _measure(bench, *words):
    with _path(bench.path("bin")):
        return bench.measure(*FEW, *words)


def _arguments(bench):
    return json.loads(bench.read("arguments"))


def peers_that_are_not_installed_are_named_with_what_to_install(bench):
    os.mkdir(bench.path("bin"))
    vs = [word for name in PEERS for word in ("--vs", name)]
    results = _measure(bench, *vs, bench.guest("hello.elf"))
    for name, program in PEERS.items():
        failure = results[name]["failure"]
        assert results[name]["given_up"] and not results.samples(name)
        assert "--vs %s: no %s along PATH: " % (name, program) in failure and failure[-1] != " ", failure
    assert results.good("cold") == results.good("floor") == 3


def people_are_told_of_such_a_peer_in_a_line(bench):
    os.mkdir(bench.path("bin"))
    with _path(bench.path("bin")):
        text = " ".join(bench.run(*FEW, "--vs", "kvmtool", bench.guest("hello.elf")).stdout.split())
    assert "kvmtool was not measured: --vs kvmtool: no lkvm along PATH" in text, text
    assert "launches failed" not in text, text


def solo5_gets_the_same_image_memory_and_arguments(bench):
    _stand_in(bench, "solo5-hvt", "")
    image = bench.guest("hello.hvt")
    results = _measure(bench, "--options", "--mem 16M", "--vs", "solo5-hvt", image, "--", "0", "two words")
    assert results.good("cold") == results.good("solo5-hvt") == 3
    assert _arguments(bench) == ["--mem=16", "--", image, "0", "two words"], _arguments(bench)


def a_preset_may_have_an_image_of_its_own(bench):
    _stand_in(bench, "solo5-hvt", "")
    other = bench.guest("puts.hvt")
    _measure(bench, "--vs", "solo5-hvt %s one" % other, bench.guest("hello.hvt"), "--", "0")
    assert _arguments(bench)[1:] == ["--", other, "one"], _arguments(bench)


def an_image_that_a_preset_does_not_find_is_named(bench):
    _stand_in(bench, "solo5-hvt", "")
    results = _measure(bench, "--vs", "solo5-hvt /no/image", bench.guest("hello.hvt"))
    assert "/no/image: No such file" in results["solo5-hvt"]["failure"], results["solo5-hvt"]["failure"]
    assert results.good("cold") == 3


def kvmtool_gets_one_line_and_nothing_of_its_own(bench):
    _stand_in(bench, "lkvm", "")
    image = bench.guest("abi.bzImage")
    _measure(bench, "--vs", "kvmtool", image, "--", "power_off", "two")
    given = _arguments(bench)
    assert given[0] == "run" and "--nodefaults" in given
    assert given[given.index("--params") + 1] == "power_off two"
    assert given[given.index("--kernel") + 1] == image and given[given.index("--mem") + 1] == "256"


def firecracker_gets_a_configuration_of_the_same_machine(bench):
    """Of its keys, those that its documentation has for boot source, drives and machine."""
    _stand_in(bench, "firecracker", """
no_api, option, path = sys.argv[1:]
assert (no_api, option) == ("--no-api", "--config-file")
config = json.load(open(path))
assert set(config) == {"boot-source", "drives", "machine-config"}, config
assert set(config["boot-source"]) == {"kernel_image_path", "boot_args"}, config
assert set(config["machine-config"]) == {"vcpu_count", "mem_size_mib"}, config
open(config["boot-source"]["kernel_image_path"]).close()
json.dump(config, open(%r, "w"))
""" % bench.path("config"))
    image = bench.guest("abi-pvh.kernel")
    results = _measure(bench, "--options", "--mem 64M", "--exit", "125", "--vs", "firecracker", image, "--", "reset", 'a "b"')
    assert results.good("firecracker") == 3, results["firecracker"]["failure"]
    config = json.loads(bench.read("config"))
    assert config["boot-source"] == {"kernel_image_path": image, "boot_args": 'reset a "b"'}
    assert config["drives"] == [] and config["machine-config"] == {"vcpu_count": 1, "mem_size_mib": 64}


def a_preset_that_fails_is_given_up_with_its_own_words(bench):
    _stand_in(bench, "firecracker", "sys.exit('no such thing as KVM')")
    results = _measure(bench, "--vs", "firecracker", bench.guest("abi-pvh.kernel"), "--", "power_off")
    assert results["firecracker"]["failure"] == "exit status 1: no such thing as KVM", results["firecracker"]["failure"]
    assert results["firecracker"]["given_up"] and results.good("cold") == 3


def _needs_qemu():
    if not shutil.which("qemu-system-x86_64"):
        raise Skipped("no qemu-system-x86_64: tests/packages.sh nested")


def qemu_boots_the_same_kernel_to_the_same_end(bench):
    _needs_qemu()
    results = bench.measure(*FEW, "--options", "--machine debug-exit=0xf4", "--exit", "33", "--vs", "qemu-microvm",
                            bench.guest("legacy-pvh.kernel"), "--", "ends_by_debug_exit", "16")
    assert results.good("cold") == 3
    assert results.good("qemu-microvm") == 3, results["qemu-microvm"]["failure"]


def qemu_boots_a_bzimage_from_real_mode_on(bench):
    _needs_qemu()
    results = bench.measure(*FEW, "--options", "--machine debug-exit=0xf4", "--exit", "33", "--vs", "qemu-microvm",
                            bench.guest("legacy.bzImage"), "--", "ends_by_debug_exit", "16")
    assert results.good("cold") == results.good("qemu-microvm") == 3, results["qemu-microvm"]["failure"]


def a_triple_fault_in_qemu_is_a_failure(bench):
    """Which QEMU has exit status 0 for."""
    _needs_qemu()
    results = bench.measure(*FEW, "--options", "--machine triple-fault=exit", "--vs", "qemu-microvm",
                            bench.guest("abi-pvh.kernel"), "--", "triple_fault")
    assert results.good("cold") == 3
    assert results["qemu-microvm"]["given_up"]
    assert results["qemu-microvm"]["failure"].startswith("exit status 0"), results["qemu-microvm"]["failure"]
