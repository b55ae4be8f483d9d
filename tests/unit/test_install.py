"""Packages come without their server starting, whatever was there and whenever the run before was killed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.errors import ApplyFailed
from ansible.module_utils.redis_ops.platform import host
from ansible.module_utils.redis_ops.platform.debian import install, packages
from ansible.module_utils.redis_ops.platform.debian.packages import DebianPackage
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS
from ansible.module_utils.redis_ops.platform.service import Systemd

REDIS, ENGINE = PRODUCTS["redis"], Engine("redis", (7, 0, 15))
ALL = ("redis-server", "redis-tools")
HOSTS_OWN = '#!/bin/sh\n# of the host: nothing starts here but cron\n[ "$1" = cron ] || exit 101\n'


def package(**facts: object) -> DebianPackage:
    return DebianPackage(**{"product": REDIS, "installed": "", "engine": ENGINE, "missing": ALL, **facts})


@pytest.fixture
def policy(tmp_path, monkeypatch) -> Path:
    """/usr/sbin/policy-rc.d of a host that has none."""
    path = tmp_path / "policy-rc.d"
    for module in (packages, install):
        monkeypatch.setattr(module, "POLICY", str(path))
        monkeypatch.setattr(module, "HOSTS_POLICY", f"{path}.host")
    return path


@pytest.fixture(params=["none", "a file", "a link"])
def found(request, policy) -> str:
    """A host's own policy. What it looks like must never change for good."""
    if request.param == "a file":
        policy.write_text(HOSTS_OWN)
        policy.chmod(0o755)
    elif request.param == "a link":
        (policy.parent / "alternative").write_text(HOSTS_OWN)
        (policy.parent / "alternative").chmod(0o755)
        policy.symlink_to("alternative")
    return request.param


def as_it_was(found: str, policy: Path) -> bool:
    expected = {"none": [], "a file": ["policy-rc.d"], "a link": ["alternative", "policy-rc.d"]}[found]
    # a draft of a killed run is swept by the next one that installs
    assert sorted(path.name for path in policy.parent.iterdir() if path.suffix != ".draft") == expected
    assert policy.is_symlink() == (found == "a link")
    return found == "none" or (policy.read_text() == HOSTS_OWN and os.access(policy, os.X_OK))


def verdict(policy: Path, *words: str) -> int:
    """What invoke-rc.d learns; 0 is yes, 101 is no."""
    return subprocess.run([policy, *words], check=False).returncode


# --- the inhibitor ----------------------------------------------------------------------------------------------------


def test_only_the_server_is_inhibited(found, policy):
    with install.start_inhibited("redis-server"):
        assert verdict(policy, "redis-server", "restart", "2") == 101
        assert verdict(policy, "redis-server@queue.service", "start") == 101
        assert verdict(policy, "cron", "start") == 0
        assert verdict(policy, "nginx.service", "start") == (0 if found == "none" else 101)
    assert as_it_was(found, policy)


def test_the_inhibitor_goes_with_an_error(found, policy):
    with pytest.raises(ApplyFailed), install.start_inhibited("redis-server"):
        raise ApplyFailed("no network")
    assert as_it_was(found, policy)


def killed(owner: object, name: str) -> None:
    """An inhibitor in a process that ends without a word when it comes to this function, at the latest in its middle."""
    child = os.fork()
    if child == 0:
        setattr(owner, name, lambda *_, **__: os._exit(9))
        with install.start_inhibited("redis-server"):
            os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize(
    ("owner", "name"),
    [(os, "link"), (os, "fchmod"), (os, "fsync"), (os, "rename"), (install, "nothing")],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_killed_at_any_point(owner, name, found, policy, monkeypatch):
    monkeypatch.setattr(install, "nothing", None, raising=False)
    killed(owner, name)
    # what the next run does: it installs, or there is nothing left to install
    with install.start_inhibited("redis-server"):
        assert verdict(policy, "redis-server", "start") == 101
    assert as_it_was(found, policy)
    assert not list(policy.parent.glob(".*"))
    killed(owner, name)
    install.allow_starts()
    assert as_it_was(found, policy)


def test_a_policy_of_the_host_is_no_leftover(found, policy):
    assert not packages.inhibitor_is_left()
    install.allow_starts()
    assert as_it_was(found, policy)


def test_a_policy_that_came_after_a_killed_run_is_the_newer_one(policy):
    policy.write_text("old\n")
    killed(install, "POLL")
    policy.write_text("new\n")
    assert packages.inhibitor_is_left()
    install.allow_starts()
    assert policy.read_text() == "new\n"
    assert not packages.inhibitor_is_left()


# --- what is to do ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "todo"),
    [
        pytest.param({"missing": ()}, [], id="nothing"),
        pytest.param({"missing": (), "interrupted": True}, [], id="others are broken, and it is theirs"),
        pytest.param({"missing": ALL[1:]}, ["install redis-tools"], id="in part"),
        pytest.param(
            {"missing": ALL[:1], "interrupted": True},
            ["finish what an interrupted dpkg left half done", "install redis-server"],
            id="interrupted",
        ),
        pytest.param(
            {"missing": (), "inhibited": True},
            ["remove the inhibitor on starting redis-server that a killed run left in /usr/sbin/policy-rc.d"],
            id="inhibited",
        ),
    ],
)
def test_todo(facts, todo):
    assert package(**facts).todo == todo


@pytest.mark.parametrize(
    ("installed", "version", "missing"),
    [
        ({}, "", ["redis-server", "redis-tools"]),
        ({}, "5:7", ["redis-server=5:7", "redis-tools=5:7"]),
        ({"redis-server": "5:7"}, "", ["redis-tools"]),
        ({"redis-server": "5:7", "redis-tools": "5:6"}, "5:7", ["redis-tools=5:7"]),
        ({"redis-server": "5:7", "redis-tools": "5:7"}, "5:7", []),
    ],
)
@pytest.mark.usefixtures("policy")
def test_missing(installed, version, missing, monkeypatch):
    audits = []
    monkeypatch.setattr(packages, "installed", lambda name: installed.get(name, ""))
    monkeypatch.setattr(packages, "versions", lambda _: ["5:7"])
    monkeypatch.setattr(host, "installed_engine", lambda _: ENGINE)
    monkeypatch.setattr(packages, "is_interrupted", lambda: audits.append(1) or True)
    found = packages.package(REDIS, version)
    assert list(found.missing) == missing
    assert found.interrupted == bool(missing) == bool(audits)


# --- installing -------------------------------------------------------------------------------------------------------


@pytest.fixture
def commands(policy, monkeypatch) -> list[list[str]]:
    """What is run, without what is the same in every command; each with the inhibitor in force."""
    seen: list[list[str]] = []

    def run(arguments, **_):
        assert verdict(policy, "redis-server", "start") == 101
        assert arguments[:2] == ["env", "DEBIAN_FRONTEND=noninteractive"]
        seen.append([word for word in arguments[3:] if word.isalpha() or word in (*ALL, "dpkg", "apt-get", "-a")])
        return subprocess.CompletedProcess(arguments, 0, "", "")

    monkeypatch.setattr(host, "run", run)
    monkeypatch.setattr(host, "has_systemd", lambda: True)
    monkeypatch.setattr(Systemd, "mask", lambda unit: seen.append(["mask", unit.name]))
    return seen


UPDATE, INSTALL = ["apt-get", "update"], ["apt-get", "install", *ALL]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({}, [["mask", "redis-server"], UPDATE, INSTALL], id="bare"),
        pytest.param({"installed": "5:6"}, [UPDATE, INSTALL], id="upgrade"),
        pytest.param(
            {"interrupted": True}, [["mask", "redis-server"], ["dpkg", "-a"], UPDATE, INSTALL], id="interrupted"
        ),
        pytest.param({"missing": (), "interrupted": True}, [], id="nothing"),
    ],
)
def test_order(facts, expected, commands, policy):
    install.converge(package(**facts), check=False)
    assert commands == expected
    assert not policy.exists()


def test_check_mode_says_the_same_and_does_nothing(commands):
    foreseen = install.converge(package(interrupted=True), check=True)
    assert commands == []
    assert foreseen == install.converge(package(interrupted=True), check=False)
    assert foreseen["changed"]


def failing(monkeypatch, *errors: str) -> list[str]:
    """Commands that end with these errors, one after another, and then well. What was waited for."""
    left, waited = list(errors), []

    def run(arguments, **_):
        error = left.pop(0) if left else ""
        return subprocess.CompletedProcess(arguments, 100 if error else 0, "", error)

    monkeypatch.setattr(host, "run", run)
    monkeypatch.setattr(host, "has_systemd", lambda: False)
    monkeypatch.setattr(install.time, "sleep", waited.append)
    return waited


@pytest.mark.parametrize(
    "error",
    [
        "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 42 (apt-get)",
        "dpkg: error: dpkg frontend lock was locked by another process with pid 42",
    ],
)
def test_others_that_install_are_waited_for(error, policy, monkeypatch):
    waited = failing(monkeypatch, error, error)
    install.converge(package(), check=False)
    assert len(waited) == 2
    assert not policy.exists()


def test_what_apt_says_is_told(policy, monkeypatch):
    failing(monkeypatch, "W: a warning\nE: Unable to fetch some archives\nE: No network\n")
    with pytest.raises(ApplyFailed, match=r"apt-get .*update: Unable to fetch some archives; No network; mend"):
        install.converge(package(), check=False)
    assert not policy.exists()
