# SPDX-License-Identifier: Apache-2.0
"""The examples for CI services, run as the services would: each step by bash -e, in a copy of the tree in which kvick is built. And
what docs/TEST.md begins with.

What cannot be tried here: actions and images that the services fetch, their rights to /dev/kvm, and a kvick that is cloned.
"""

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

from tap import Failed, Skipped

try:
    import yaml
except ImportError:
    yaml = None

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
BUILT = ("kvick", "kvick-test", "kvick-floor", "obj", "measure", "gen", "guests", "perf")
REPORT = "kvick-junit.xml"
TIMEOUT = 400
# For as long as the command runs, what is at /dev/kvm is none.
WITHOUT_KVM = ["unshare", "-rm", "sh", "-c", 'mount --bind /dev/null /dev/kvm && exec "$@"', "sh"]


def _copy(t):
    """A tree as a service would check it out, and what `make` has made in it."""
    if yaml is None:
        raise Skipped("no python3-yaml")
    copy = t.file("tree")
    shutil.copytree(TREE, copy, symlinks=True, ignore=shutil.ignore_patterns(".git", os.path.basename(t.build)))
    os.mkdir(os.path.join(copy, "build"))
    for name in BUILT:
        at = os.path.join(t.build, name)
        t.check(os.path.exists(at), "%s: not built" % at)
        if os.path.isdir(at):
            shutil.copytree(at, os.path.join(copy, "build", name), symlinks=True)
        else:
            shutil.copy2(at, os.path.join(copy, "build", name))
    return copy


def _example(name):
    with open(os.path.join(TREE, "docs", "examples", name), encoding="utf-8") as file:
        return yaml.safe_load(file)


def _run(t, copy, script, variables, wrap=()):
    """One script. Its exit code, and all that it has said."""
    path = t.write("script", script + "\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    environment.update(variables)
    ended = subprocess.run([*wrap, "bash", "--noprofile", "--norc", "-e", "-o", "pipefail", path], cwd=copy, env=environment,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT,
                           check=False)
    return ended.returncode, ended.stdout.decode("utf-8", "backslashreplace")


def _github(t, wrap=(), more=""):
    """All steps, as far as they go. more: for the end of the manifest. The exit code, what was said, and the tree."""
    copy = _copy(t)
    workflow = _example("github-actions.yml")
    said = []
    job = workflow["jobs"]["unikernels"]
    t.same(job["defaults"]["run"]["shell"], "bash")
    with open(os.path.join(copy, workflow["env"]["MANIFEST"]), "a", encoding="utf-8") as manifest:
        manifest.write(more)
    variables = dict(workflow["env"], GITHUB_ACTIONS="true", GITHUB_WORKSPACE=copy, GITHUB_ENV=t.write("env", ""))
    for step in job["steps"]:
        t.check(("run" in step) != ("uses" in step), "a step without either")
        if "run" in step:
            code, text = _run(t, copy, step["run"], variables, wrap)
            said.append("--- %s\n%s" % (step["name"], text))
            if code != 0:
                return code, "".join(said), copy
    return 0, "".join(said), copy


def _gitlab(t, wrap=()):
    copy = _copy(t)
    job = _example("gitlab-ci.yml")["kvick"]
    variables = {name: value.replace("$CI_PROJECT_DIR", copy) for name, value in job["variables"].items()}
    variables.update(CI_PROJECT_DIR=copy, GITLAB_CI="true")
    # The emulated machine's kernel is there, as out of the job's cache.
    if os.path.exists(os.path.join(t.build, "nested", "kernel")):
        os.mkdir(variables["KVICK_NESTED_DIR"])
        os.symlink(os.path.realpath(os.path.join(t.build, "nested", "kernel")), os.path.join(copy, job["cache"]["paths"][0]))
    # One shell for all of it.
    code, said = _run(t, copy, "\n".join(job["before_script"] + job["script"]), variables, wrap)
    return code, said, copy


def _report(t, copy, code, said):
    """The report that the service is given."""
    if code != 0:
        raise Failed("exit code %d\n%s" % (code, said[-4000:]))
    suites = ElementTree.parse(os.path.join(copy, REPORT)).getroot()
    t.same((suites.get("tests"), suites.get("failures"), suites.get("skipped")), ("4", "0", "0"))
    for case in suites.iter("testcase"):
        t.same(case.get("file"), "docs/examples/kvick.test")


def _needs_kvm(t):
    if subprocess.run([os.path.join(t.build, "kvick"), "doctor"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                      check=False).returncode != 0:
        raise Skipped("KVM cannot be used here")


def _needs_nested(t):
    if subprocess.run([*WITHOUT_KVM, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        raise Skipped("no user namespaces here, or no /dev/kvm to hide")
    if not shutil.which("qemu-system-x86_64") or not os.path.exists(os.path.join(t.build, "nested", "kernel")):
        raise Skipped("the nested machine is not ready")


def github_example_is_green(t):
    _needs_kvm(t)
    code, said, copy = _github(t)
    _report(t, copy, code, said)
    t.says(said, "# kvick test: 4 passed, 0 failed, 0 skipped")
    t.check("::error" not in said, said)


def github_example_annotates_the_line_of_what_fails(t):
    _needs_kvm(t)
    code, said, copy = _github(t, more="\n[case fails]\nimage = ../../build/guests/hello.elf\nconsole = Bye\n")
    t.same(code, 1)
    with open(os.path.join(copy, "docs/examples/kvick.test"), encoding="utf-8") as manifest:
        line = manifest.read().split("\n").index("[case fails]") + 1
    t.says(said, "\n::error file=docs/examples/kvick.test,line=%d,title=fails::" % line)
    t.same(ElementTree.parse(os.path.join(copy, REPORT)).getroot().get("failures"), "1")


def github_example_uploads_what_is_written(t):
    if yaml is None:
        raise Skipped("no python3-yaml")
    steps = _example("github-actions.yml")["jobs"]["unikernels"]["steps"]
    t.same((steps[-1]["if"], steps[-1]["with"]["path"]), ("always()", REPORT))


def gitlab_example_is_green(t):
    _needs_kvm(t)
    code, said, copy = _gitlab(t)
    _report(t, copy, code, said)
    job = _example("gitlab-ci.yml")["kvick"]
    t.same((job["artifacts"]["when"], job["artifacts"]["reports"]["junit"]), ("always", REPORT))


def gitlab_example_is_green_without_kvm(t):
    _needs_nested(t)
    code, said, copy = _gitlab(t, WITHOUT_KVM)
    _report(t, copy, code, said)
    t.says(said, "# kvick test: 4 passed, 0 failed, 0 skipped")


def a_case_that_fails_in_the_nested_machine_is_in_the_report(t):
    _needs_nested(t)
    t.manifest("[case fails]\nimage = GUESTS/hello.elf\nconsole = Bye\n")
    ended = subprocess.run([os.path.join(TREE, "tests/nested/test.sh"), t.build, "kvick.test", "--junit", "out.xml", "--retries=1"],
                           cwd=t.path, env=dict(os.environ, KVICK_NESTED_DIR=os.path.join(t.build, "nested")),
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False)
    said = ended.stdout.decode()
    t.check(ended.returncode == 1, said)
    t.says(said, "#   again: kvick test --case fails kvick.test\n")
    t.same(ElementTree.parse(t.file("out.xml")).getroot().get("failures"), "1")


def what_would_stay_in_the_nested_machine_is_refused(t):
    t.manifest("[case a]\nimage = GUESTS/hello.elf\n")
    for option in "--update-golden", "--keep", "--kvick=x":
        ended = subprocess.run([os.path.join(TREE, "tests/nested/test.sh"), "/nowhere", "kvick.test", option], cwd=t.path,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False)
        t.same(ended.returncode, 2)
        t.says(ended.stdout.decode(), "nested test: %s: not in the machine, which leaves nothing but the reports\n" % option)


def _blocks(section):
    """Indented blocks of a section of docs/TEST.md, without the indentation."""
    with open(os.path.join(TREE, "docs", "TEST.md"), encoding="utf-8") as file:
        text = file.read().split("\n## %s\n" % section)[1].split("\n## ")[0]
    return [re.sub(r"(?m)^    ", "", block) for block in re.findall(r"(?:^    .*\n)+", text, re.M)]


def _commands(block):
    """(command, what it prints) of each line that begins with a $."""
    return [(command.split("  #")[0], said) for command, said in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M)]


def _same_but_for_times(said):
    said = re.sub(r"(?m)^# took .*$", "# took", said)
    return re.sub(r"at ring [03]", "at ring N", said)


def the_page_begins_with_what_works(t):
    """All that section "From nothing to a green run" says, in the order in which it is there."""
    _needs_kvm(t)
    copy = _copy(t)
    seen = 0
    for block in _blocks("From nothing to a green run"):
        if block.startswith("[case "):
            shutil.copy(t.write("kvick.test", block), copy)
        for command, wanted in _commands(block):
            code, said = _run(t, copy, command, {})
            seen += 1
            if "kvick test" not in command:
                t.check(code == 0, "%s\n%s" % (command, said))
            else:
                t.same(_same_but_for_times(said), _same_but_for_times(wanted))
                t.same(code, 1 if "not ok" in wanted else 0)
    t.same(seen, 4)


def every_manifest_on_the_page_is_one(t):
    for name in ("build/db.elf", "fixtures/db.img"):
        t.write(name, "")
    section = _blocks("Fixtures")[0]
    t.manifest(section + _blocks("Limits")[0])
    ended = t.run("--list")
    t.same((ended.code, ended.err), (0, ""))
