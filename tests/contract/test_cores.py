"""Every ansible-core that is supported runs every playbook, on a Python that the lock file gives it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ansible.module_utils.redis_control.core_version import SUPPORTED
from ansible.release import __version__
from servers import MISSING, MUST_HAVE_ALL

ROOT = Path(__file__).parent.parent.parent
LOCK = ROOT / "requirements.lock"
PLAYBOOKS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "playbooks").glob("*.yml"))
INSTALL = "-m pip install -qq --disable-pip-version-check --no-input --only-binary=:all: --require-hashes -r"
OURS = ".".join(__version__.split(".")[:2])


def python_for(core: str) -> str:
    """A Python of this machine for which the lock file has this ansible-core."""
    minors = (11,) if core == "2.19" else (12, 13)
    names = [f"python3.{minor}" for minor in minors]
    places = [path for minor in minors for path in Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python3")]
    # GitHub's setup-python
    places += [
        path for minor in minors for path in Path("/opt/hostedtoolcache/Python").glob(f"3.{minor}.*/*/bin/python3")
    ]
    for candidate in filter(None, [*map(str, places), *map(shutil.which, names)]):
        works = [candidate, "-c", "import ensurepip, venv"]  # Debian's lacks it without python3-venv
        if subprocess.run(works, capture_output=True, check=False).returncode == 0:
            return candidate
    reason = f"ansible-core {core}: no {' or '.join(names)} with venv is here"
    MISSING.add(reason)
    if MUST_HAVE_ALL:
        pytest.fail(reason)
    pytest.skip(reason)


def programs(core: str) -> Path:
    """The directory of the programs of this ansible-core; installed once for a lock file."""
    if core == OURS:
        return Path(sys.executable).parent
    mark = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    place = ROOT / ".cache" / f"core-{core}-{mark}"
    place.parent.mkdir(exist_ok=True)
    with (place.parent / f".core-{core}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "made").exists():
            subprocess.run([python_for(core), "-m", "venv", "--clear", str(place)], check=True, timeout=120)
            subprocess.run([str(place / "bin" / "python"), *INSTALL.split(), str(LOCK)], check=True, timeout=300)
            (place / "made").touch()
    return place / "bin"


def play(core: str, directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
    environment |= {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_HOME": str(directory)}
    command = [str(programs(core) / "ansible-playbook"), *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize("core", SUPPORTED)
def test_it_reads_every_playbook(core, tmp_path):
    version = subprocess.run([programs(core) / "ansible", "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith(f"ansible [core {core}.")
    done = play(core, tmp_path, "--syntax-check", "provision.yml", *PLAYBOOKS)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="a run needs root")
@pytest.mark.parametrize("core", SUPPORTED)
def test_it_provisions_in_check_mode(core, tmp_path):
    done = play(core, tmp_path, "provision.yml", "--check", "--diff")
    said = done.stdout + done.stderr
    assert (done.returncode, "failed=0" in said) == (0, True), said
    assert "WARNING" not in said
    assert "localhost: " in said  # the summary, which is a callback
