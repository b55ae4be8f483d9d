"""What is other about a systemd unit, from what systemd shows of it."""

from __future__ import annotations

import hashlib
import subprocess

import pytest
from ansible.module_utils.redis_ops.drift import unit
from ansible.module_utils.redis_ops.platform import host
from ansible.module_utils.redis_ops.platform.service import SysV

OURS = "/etc/systemd/system/redis-server.service.d/50-ansible.conf"
GOOD = {
    "Id": "redis-server.service",
    "MainPID": "42",
    "UnitFileState": "enabled",
    "FragmentPath": "/lib/systemd/system/redis-server.service",
    "DropInPaths": OURS,
    "NeedDaemonReload": "no",
    "LimitNOFILE": "11024",
}


def off(**changes: str) -> dict[str, str]:
    seen = unit.SeenUnit("redis-server", {**GOOD, **changes}, "redis-server")
    return {deviation.name: deviation.actual for deviation in unit.deviations(seen) if deviation.actual}


def test_the_package_s_unit_with_our_drop_in_is_as_expected():
    assert off() == {}
    assert off(DropInPaths="") == {}
    assert off(FragmentPath="/usr/lib/systemd/system/redis-server.service") == {}
    assert off(DropInPaths=f"{OURS} /usr/lib/systemd/system/service.d/10-timeout.conf") == {}


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"FragmentPath": "/etc/systemd/system/redis-server.service"}, "file", "stands before it"),
        ({"FragmentPath": ""}, "file", "none stands"),
        ({"DropInPaths": f"{OURS} /etc/systemd/system/redis-server.service.d/override.conf"}, "drop_ins", "override"),
        ({"DropInPaths": "/run/systemd/system/redis-server.service.d/x.conf"}, "drop_ins", "/run/"),
        ({"NeedDaemonReload": "yes"}, "reload", "changed since"),
    ],
)
def test_what_somebody_did_to_it(changes, name, words):
    found = off(**changes)
    assert list(found) == [name]
    assert words in found[name]


def test_only_an_added_drop_in_is_somebody_s_own():
    seen = unit.SeenUnit("redis-server", GOOD, "redis-server")
    assert [deviation.name for deviation in unit.deviations(seen) if deviation.added] == ["drop_ins"]


def test_a_packaged_unit_that_was_edited(tmp_path, monkeypatch):
    path = tmp_path / "redis-server.service"
    path.write_text("[Service]\n")
    rows = f"{hashlib.md5(b'[Service]' + bytes([10]), usedforsecurity=False).hexdigest()}  {str(path).lstrip('/')}\n"
    monkeypatch.setattr(host, "read", lambda asked: rows if asked == "/var/lib/dpkg/info/redis-server.md5sums" else "")
    monkeypatch.setattr(unit, "_VENDOR", (str(tmp_path),))
    assert off(FragmentPath=str(path)) == {}
    path.write_text("[Service]\nNice=5\n")
    assert off(FragmentPath=str(path)) == {"text": f"{path} was edited"}


def test_all_units_are_seen_in_one_look(monkeypatch):
    shown = "\n\n".join(
        "\n".join(f"{name}={value}" for name, value in {**GOOD, "Id": f"{unit_name}.service", "MainPID": pid}.items())
        for unit_name, pid in (("redis-server", "42"), ("redis-server@cache", "43"))
    )
    asked = []

    def run(arguments):
        asked.append(arguments)
        return subprocess.CompletedProcess(arguments, 0, shown, "")

    monkeypatch.setattr(host, "run", run)
    names = {"redis-server": "", "redis-server@cache": "", "redis-server@gone": ""}
    seen = unit.see(names, "redis-server", systemd=True)
    assert {name: service.pid() for name, service in seen.items()} == dict(zip(names, (42, 43, 0)))
    assert [service.enabled() for service in seen.values()] == [True, True, False]
    assert [unit.open_files(service) for service in seen.values()] == [11024, 11024, None]
    assert len(asked) == 1


def test_without_systemd_there_is_a_script_and_no_unit():
    [service] = unit.see({"redis-server": "/run/x.pid"}, "redis-server", systemd=False).values()
    assert isinstance(service, SysV)
    assert list(unit.deviations(service)) == []
    assert unit.open_files(service) is None
