"""What is other about a systemd unit than provision has left it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.module_utils.redis_ops.base.statefile import digest, keep_private, text_of
from ansible.module_utils.redis_ops.base.states import State
from ansible.module_utils.redis_ops.checks import process, start
from ansible.module_utils.redis_ops.checks.registry import Suite, of_instance
from ansible.module_utils.redis_ops.drift import unit as drift
from ansible.module_utils.redis_ops.drift.look import Look
from ansible.module_utils.redis_ops.plan.contact import Contact
from ansible.module_utils.redis_ops.platform import host, units
from ansible.module_utils.redis_ops.platform.units import FileLimit, Unit
from ansible.module_utils.redis_ops.view.facts import Facts
from views import several, unit_of, view_of

OURS = "/etc/systemd/system/redis-server.service.d/50-ansible.conf"
OVERRIDE = "/etc/systemd/system/redis-server.service.d/override.conf"
[ONE] = several({"name": "default"})
GOOD = unit_of(ONE, drop_ins=(OURS,), open_files=11024)


def off(**changes: Any) -> dict[str, str]:
    """Name of each deviation of the unit -> what it is."""
    found = drift.deviations(replace(GOOD, **changes), "redis-server")
    return {deviation.name: deviation.actual for deviation in found if deviation.actual}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"drop_ins": ()},
        {"fragment": "/lib/systemd/system/redis-server.service"},
        {"drop_ins": (OURS, "/usr/lib/systemd/system/service.d/10-timeout.conf")},
    ],
    ids=repr,
)
def test_the_package_s_unit_with_our_drop_in_is_as_expected(changes):
    assert off(**changes) == {}


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"fragment": "/etc/systemd/system/redis-server.service"}, "file", "stands before it"),
        ({"fragment": "/run/systemd/system/redis-server.service"}, "file", "stands before it"),
        ({"fragment": ""}, "file", "none stands"),
        ({"drop_ins": (OURS, OVERRIDE)}, "drop_ins", OVERRIDE),
        ({"drop_ins": ("/run/systemd/system/redis-server.service.d/x.conf",)}, "drop_ins", "/run/"),
        ({"needs_reload": True}, "reload", "changed since"),
    ],
)
def test_what_somebody_did_to_it(changes, name, words):
    found = off(**changes)
    assert list(found) == [name]
    assert words in found[name]


def test_only_a_drop_in_is_what_somebody_added():
    found = drift.deviations(replace(GOOD, drop_ins=(OVERRIDE,)), "redis-server")
    assert [deviation.name for deviation in found if deviation.added] == ["drop_ins"]


def test_a_packaged_unit_that_was_edited(tmp_path, monkeypatch):
    path = tmp_path / "redis-server.service"
    path.write_text("[Service]\n")
    rows = f"{hashlib.md5(b'[Service]' + bytes([10]), usedforsecurity=False).hexdigest()}  {str(path).lstrip('/')}\n"
    monkeypatch.setattr(host, "read", lambda asked: rows if asked == "/var/lib/dpkg/info/redis-server.md5sums" else "")
    monkeypatch.setattr(units, "VENDOR", (str(tmp_path),))
    assert off(fragment=str(path)) == {}
    path.write_text("[Service]\nNice=5\n")
    assert off(fragment=str(path)) == {"text": f"{path} was edited"}


# --- findings of an instance --------------------------------------------------------------------------------------------


class Service:
    """The service of the instance, with its drop-in in a directory."""

    name = "redis-server"

    def __init__(self, path: str) -> None:
        self.path = path

    def drop_in_path(self) -> str:
        return self.path


@pytest.fixture
def found(tmp_path):
    """Id of each finding -> the finding, from a unit and what else was seen."""

    def found(
        unit: Unit = GOOD, *, written: str | None = "", drop_in: str = "", masked: bool = False, **view: Any
    ) -> dict:
        path = tmp_path / "50-ansible.conf"
        if drop_in:
            path.write_text(drop_in)
        state = str(tmp_path / "redis-default.json")
        if written is not None:
            keep_private(state, text_of(settings={}, files={str(path): digest(written)}))
        service = Service(str(path))
        seen = view_of(ONE, unit=unit, live={}, service=service, state=state, drop_in="wanted\n", **view)
        seen = replace(seen, info={**seen.info, "config_file": ONE.layout.config})
        if masked:
            seen.record.note_mask()
        shared = of_instance((start.start, start.later_limit, process.boot), Suite.DRIFT, Facts(seen))
        off = [finding for finding in shared if finding.state != State.IN_SYNC]
        return {finding.id: finding for finding in [*drift.findings(Look(seen.instance, unit, seen)), *off]}

    return found


def test_nothing_is_off(found):
    assert found(drop_in="wanted\n") == {}


@pytest.mark.parametrize(
    ("drop_in", "written", "state", "actual"),
    [
        ("", "wanted\n", "file_changed_outside", "no such file"),
        ("", None, "declared_not_applied", "no such file, of an earlier run"),
        ("other\n", "wanted\n", "file_changed_outside", "another text"),
        ("other\n", "other\n", "declared_not_applied", "another text, of an earlier run"),
    ],
)
def test_the_drop_in(found, drop_in, written, state, actual):
    finding = found(drop_in=drop_in, written=written)["unit.limits"]
    assert finding.state == state
    assert finding.actual.startswith(actual.partition(",")[0])


def test_a_unit_that_does_not_start_at_boot(found):
    finding = found(replace(GOOD, enabled=False), drop_in="wanted\n")["unit.boot"]
    assert (finding.state, finding.actual) == ("file_changed_outside", "not enabled")


@pytest.mark.parametrize(
    ("ours", "state", "actual"),
    [
        (True, "declared_not_applied", "a run of this project keeps it stopped, because its first start failed"),
        (False, "file_changed_outside", "not enabled"),
    ],
)
def test_our_own_mask_is_known_as_ours(found, ours, state, actual):
    """Field case A30."""
    unit = replace(GOOD, loaded=False, masked=True, enabled=False, command=(), fragment="")
    finding = found(unit, drop_in="wanted\n", masked=ours)["unit.boot"]
    assert (finding.state, finding.actual) == (state, actual)
    if ours:
        assert "remove it and start" not in finding.remedy


def test_a_drop_in_that_starts_the_server_with_another_file(found):
    """Field case A7."""
    unit = replace(GOOD, drop_ins=(OURS, OVERRIDE), command=("/usr/bin/redis-server", "/srv/redis/my.conf"))
    seen = found(unit, drop_in="wanted\n", unit_files={OVERRIDE: ["ExecStart"]})
    assert seen["unit.start"].state == "file_changed_outside"
    assert (
        f"its next start reads /srv/redis/my.conf (see {OVERRIDE}), not /etc/redis/redis.conf"
        in seen["unit.start"].actual
    )
    assert "unit.drop_ins" in seen


def test_a_later_drop_in_with_a_lower_limit_is_named(found):
    """Field case A29."""
    finding = found(drop_in="wanted\n", later_limit=FileLimit(OVERRIDE, 4096))["unit.open_files"]
    assert finding.actual == f"{OVERRIDE} grants 4096 at the next start"
    assert finding.remedy.startswith(f"remove LimitNOFILE from {OVERRIDE}")
    assert "unit.open_files" not in found(drop_in="wanted\n", later_limit=FileLimit(OVERRIDE, 11024))


def test_the_unit_of_a_server_that_is_kept_is_somebody_else_s(found):
    unit = replace(GOOD, fragment="/etc/systemd/system/redis-server.service", drop_ins=(OVERRIDE,), needs_reload=True)
    assert set(found(unit, drop_in="wanted\n")) == {"unit.file", "unit.drop_ins", "unit.reload"}
    assert set(found(unit, drop_in="wanted\n", contact=Contact.KEPT)) == {"unit.reload"}


def test_a_script_has_no_unit(found):
    unit = replace(GOOD, fragment="/etc/init.d/redis-server", drop_ins=(), is_script=True)
    assert found(unit, drop_in="wanted\n") == {}


def test_an_instance_without_a_service_has_none():
    seen = view_of(ONE, live={})
    assert list(drift.findings(Look(seen.instance, None, seen))) == []
    assert (
        list(
            drift.findings(
                Look(SimpleNamespace(service=None, where="", state="", layout=None, config=None), None, None)
            )
        )
        == []
    )
