"""scripts/setup on a machine whose apt-get and dpkg-query are made up: what it installs, what it says, what it leaves alone."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TOOLS = ("bash", "cat", "chmod", "dirname", "env", "grep", "mkdir", "paste", "sed", "sha256sum", "sort", "tail")
MOLECULE = {"aardvark-dns", "debian-archive-keyring", "iptables", "mmdebstrap", "netavark", "nftables"}
MOLECULE |= {"openssh-client", "podman"}
CONTRACT = {"debian-archive-keyring", "mmdebstrap", "strace"}

# Each call is a line in the file `calls`. A simulation says what the file `simulation` has.
APT_GET = """#!/bin/bash
echo "apt-get $*" >>{here}/calls
case " $* " in
  *" --simulate "*) cat {here}/simulation; exit "$(cat {here}/simulated)" ;;
  *" install "*) cat {here}/said; exit "$(cat {here}/installed)" ;;
esac
"""
# `packages` has a line for each installed package: its name, then what it provides.
DPKG_QUERY = """#!/bin/bash
if [[ $# == 3 ]]; then sed 's/^\\([^ ]*\\) */installed \\1, /; s/$/,/' {here}/packages; exit; fi
grep -qE "^${{!#}}( |$)" {here}/packages && printf installed
"""
PYTHON = """#!/bin/bash
echo "python $*" >>{here}/calls
[[ $1 == -m && $2 == venv ]] || {{ [[ $2 != *%d.%d* ]] || echo 3.11; exit 0; }}
mkdir -p .venv/bin
printf '#!/bin/bash\\necho "pip $*" >>{here}/calls\\n' >.venv/bin/python
chmod +x .venv/bin/python
"""


class Machine:
    """One without any program but a shell's, in a copy of the project that has nothing but this script."""

    def __init__(self, here: Path) -> None:
        self.here = here
        (here / "bin").mkdir()
        (here / "project" / "scripts").mkdir(parents=True)
        shutil.copy(ROOT / "scripts" / "setup", here / "project" / "scripts")
        for name in ("requirements.lock", "requirements-dev.lock"):
            (here / "project" / name).touch()
        for name in TOOLS:
            (here / "bin" / name).symlink_to(shutil.which(name))
        for name, text in {"apt-get": APT_GET, "dpkg-query": DPKG_QUERY, "python3": PYTHON}.items():
            self.program(name, text)
        self.answers(packages="", simulation="", simulated="0", said="", installed="0")

    def program(self, name: str, text: str = "#!/bin/bash\n") -> None:
        path = self.here / "bin" / name
        path.write_text(text.format(here=self.here))
        path.chmod(0o755)

    def answers(self, **files: str) -> None:
        for name, text in files.items():
            (self.here / name).write_text(text)

    def setup(self, *words: str, **variables: str) -> tuple[int, str]:
        """Its status and what it said."""
        done = subprocess.run(
            ["bash", "scripts/setup", *words],
            cwd=self.here / "project",
            env={"PATH": str(self.here / "bin"), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def calls(self, word: str = "") -> list[str]:
        path = self.here / "calls"
        return [line for line in path.read_text().splitlines() if word in line] if path.exists() else []

    def asked(self) -> list[set[str]]:
        """The packages of each installation that was not simulated."""
        installs = [line for line in self.calls("apt-get") if " install " in line and "--simulate" not in line]
        return [set(line.partition(" install ")[2].split()) for line in installs]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("target", "packages"),
    [
        ("runtime", set()),
        ("dev", set()),
        ("lint", {"shellcheck"}),
        ("contract", CONTRACT),
        ("molecule", MOLECULE | {"runc"}),
        ("test", MOLECULE | CONTRACT | {"shellcheck", "runc"}),
    ],
)
def test_a_target_gets_the_packages_that_it_needs_and_no_other(machine, target, packages):
    status, said = machine.setup(target)
    assert status == 0, said
    assert machine.asked() == ([packages] if packages else [])


def test_each_target_of_the_makefile_names_its_own():
    menu = subprocess.run(["make", "--just-print", "--always-make", *"lint types unit contract molecule".split()],  # noqa: SIM905
                          cwd=ROOT, capture_output=True, text=True, check=True).stdout  # fmt: skip
    wanted = [line.removeprefix("scripts/setup ") for line in menu.splitlines() if line.startswith("scripts/setup")]
    assert wanted == ["lint", "dev", "contract", "molecule"]


def test_what_is_there_is_not_asked_for(machine):
    machine.answers(packages="".join(f"{name}\n" for name in MOLECULE | {"runc"}))
    assert machine.setup("molecule")[0] == 0
    assert machine.calls("apt-get") == []
    machine.program("shellcheck")  # one that no package has brought
    assert machine.setup("lint")[0] == 0
    assert machine.calls("apt-get") == []


@pytest.mark.parametrize(
    ("programs", "packages"),
    [
        (["runc"], ""),
        (["crun"], ""),
        ([], "containerd.io containerd, runc\n"),
        ([], "containerd.io runc (= 1.3), containerd\ndocker-ce\n"),
        ([], "crun\n"),
        ([], "runc\n"),
        ([], "crun\n" + "".join(f"package{number}\n" for number in range(20_000))),
    ],
)
def test_no_runtime_is_asked_for_where_there_is_one(machine, programs, packages):
    for name in programs:
        machine.program(name)
    machine.answers(packages=packages)
    assert machine.setup("molecule")[0] == 0
    assert machine.asked() == [MOLECULE]


def test_what_only_sounds_like_a_runtime_is_none(machine):
    machine.answers(packages="runcible\nlibfoo crunchy\n")
    machine.setup("molecule")
    assert machine.asked() == [MOLECULE | {"runc"}]


def test_it_never_removes_a_package(machine):
    """A33."""
    machine.answers(
        simulation="Reading package lists...\nRemv docker-ce [5:29] [containerd.io:amd64 ]\nRemv containerd.io [2.1]\n"
        "Inst runc (1.1.15 Debian:13/stable [amd64])\nConf runc (1.1.15 Debian:13/stable [amd64])\n"
    )
    status, said = machine.setup("molecule")
    assert status == 1
    assert "would remove containerd.io docker-ce: nothing was changed; run this on another machine" in said
    assert said.splitlines()[-1].startswith("setup: installing ")
    assert machine.asked() == []
    assert machine.calls("venv") == []


@pytest.mark.parametrize("target", ["lint", "contract", "molecule", "test"])
def test_apt_get_is_told_so_as_well(machine, target):
    """Between the simulation and the installation somebody else may have installed something."""
    machine.setup(target)
    [install] = [line for line in machine.calls("apt-get") if " install " in line and "--simulate" not in line]
    assert " --no-remove " in install
    machine.answers(said="E: Packages need to be removed but remove is disabled.\n", installed="100")
    status, said = machine.setup(target)
    assert (status, said.splitlines()[-1].endswith("E: Packages need to be removed but remove is disabled.")) == (
        1,
        True,
    )


def test_it_says_what_it_will_install_before_it_does(machine):
    machine.answers(simulation="Inst libfoo1 (1 Debian [amd64])\nInst shellcheck (2 Debian [amd64])\n", installed="100")
    status, said = machine.setup("lint")
    assert status == 1
    assert said.splitlines() == [
        "setup: make lint needs Debian packages that are missing here: shellcheck",
        "setup: installing, with what they depend on (up to a minute): libfoo1 shellcheck",
        "setup: apt-get could not install shellcheck: no reason given",
    ]


def test_what_cannot_be_had_is_told_in_one_line(machine):
    machine.answers(simulation="Reading...\nE: Unable to locate package shellcheck\n", simulated="100")
    status, said = machine.setup("lint")
    assert status == 1
    assert said.splitlines()[-1] == "setup: apt-get cannot install shellcheck: E: Unable to locate package shellcheck"
    assert machine.asked() == []


def test_a_machine_without_apt_get(machine):
    (machine.here / "bin" / "apt-get").unlink()
    status, said = machine.setup("lint")
    assert (status, said) == (
        1,
        "setup: make lint needs shellcheck: install it yourself, this machine has no apt-get\n",
    )
    assert machine.setup("dev")[0] == 0


def test_an_unknown_target(machine):
    status, said = machine.setup("docker")
    assert status == 1
    assert said.startswith("setup: usage: scripts/setup runtime|dev|lint")


def test_the_environment_is_made_of_wheels_with_hashes(machine):
    machine.setup("dev")
    [pip] = machine.calls("pip ")
    assert {"--only-binary=:all:", "--require-hashes"} <= set(pip.split())


# --- every call of pip in the project ---------------------------------------------------------------------------------


def sources() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    kept = [ROOT / name for name in listed.splitlines() if not name.startswith(("docs/", "tests/unit/", "CHANGELOG"))]
    return [path for path in kept if path.is_file() and path.suffix not in (".png", ".lock", ".md", ".json", ".txt")]


def test_pip_installs_wheels_with_hashes_only():
    """By scripts, roles and tests alike; a line that goes on behind a backslash is one."""
    seen = 0
    for path in sources():
        for statement in path.read_text().replace("\\\n", " ").splitlines():
            words = " ".join(re.sub(r"[\"',\[]", " ", statement).split())
            if " -m pip install " in words:
                seen += 1
                assert "--only-binary=:all:" in words, f"{path}: {statement}"
                assert "--require-hashes" in words, f"{path}: {statement}"
    assert seen >= 4  # setup, lock, fetch-servers, redis_load/prepare.py


@pytest.mark.parametrize("present", [["runc"], ["crun"], ["crun", "runc"], []], ids=" ".join)
def test_test_hosts_use_the_runtime_that_is_there(tmp_path, present: Sequence[str]):
    (tmp_path / "bin").mkdir()
    for name in (*TOOLS, "bash"):
        (tmp_path / "bin" / name).unlink(missing_ok=True)
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    for name in present:
        (tmp_path / "bin" / name).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / name).chmod(0o755)
    text = (ROOT / "molecule" / "_lab" / "env.sh").read_text()
    text = text.replace("((EUID == 0))", "true").replace(":/usr/sbin:/sbin", "")  # this machine's own are not asked
    (tmp_path / "env.sh").write_text(text)
    done = subprocess.run(
        ["bash", "-euc", ". ./env.sh"],
        cwd=tmp_path,
        env={"PATH": str(tmp_path / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )
    if present:
        assert f'runtime = "{present[-1]}"' in (tmp_path / ".cache" / "containers.conf").read_text()
        return
    assert done.returncode == 1
    assert done.stderr.startswith("the test hosts need an OCI runtime, runc or crun")
    assert not (tmp_path / ".cache").exists()
