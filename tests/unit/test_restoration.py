"""Back to the first configuration: what there must be to go back to, and what is told before anything is touched."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.apply import aside, converge, restoration
from ansible.module_utils.redis_ops.base.errors import ApplyFailed, InvalidInput
from ansible.module_utils.redis_ops.base.files import FileSpec
from ansible.module_utils.redis_ops.model.conffile import HEADER_START
from ansible.module_utils.redis_ops.plan.contact import Contact
from ansible.module_utils.redis_ops.view.instance import record_of
from ansible.module_utils.redis_ops.view.observe import look
from ansible.module_utils.redis_ops.view.record import Record
from placed import Placed, stopped

ENTRY = {"name": "default", "port": 7001, "adopt": "replace"}
FIRST = "# by hand\nport 7001\nhz 33\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    return stopped(tmp_path, monkeypatch)


def taken_over(here: Placed, *copies: str) -> list[Path]:
    """A server that this project made what the inventory says. copies: the texts of first configurations, oldest first."""
    config = here.config("default")
    config.write_text(f"{HEADER_START}\nport 7001\n")
    here.state.mkdir(exist_ok=True)
    settings = {"schema": 1, "settings": {"port": "7001"}, "files": {}, "origin": "replaced"}
    Path(here.layout("default").state).write_text(json.dumps(settings))
    found = []
    for day, text in enumerate(copies, start=1):
        found.append(Path(f"{config}.2026010{day}T000000Z.{aside.MARK}"))
        found[-1].write_text(text)
    return found


def everything(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def refused(here: Placed, name: str = "default", *, check: bool = False) -> str:
    before = everything(here.root)
    with pytest.raises(InvalidInput) as raised:
        here.restore(name, ENTRY, check=check)
    assert everything(here.root) == before
    assert here.service("default").said == []
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("check", [True, False])
def test_without_a_copy_there_is_nothing_to_go_back_to(here, check):
    taken_over(here)
    line = refused(here, check=check)
    assert line.startswith("instance default: has no copy of a first configuration; expected ")
    assert f"{here.config('default')}.DATE.before-ansible" in line


@pytest.mark.parametrize("kind", ["another user's", "a link", "a directory", "another file's"])
def test_what_nobody_but_us_can_have_made_counts_alone(here, kind):
    """The account of the server can put any file beside its configuration, and root would write what is in it."""
    taken_over(here)
    copy = Path(f"{here.config('default')}.20260101T000000Z.{aside.MARK}")
    if kind == "a directory":
        copy.mkdir()
    elif kind == "another file's":
        copy.with_name(f"redis-cache.conf.20260101T000000Z.{aside.MARK}").write_text(FIRST)
    elif os.geteuid() != 0:
        pytest.skip("only root gives files away")
    else:
        (here.root / "evil").write_text(FIRST)
        copy.symlink_to(here.root / "evil") if kind == "a link" else copy.write_text(FIRST)
        os.chown(copy, 12345, 12345, follow_symlinks=False)
    assert "has no copy of a first configuration" in refused(here)


def test_an_instance_that_nobody_declares(here):
    taken_over(here, FIRST)
    assert refused(here, "cahce") == "instance cahce: is not declared; expected one of default; correct the name"


def test_check_mode_tells_what_comes_back_and_touches_nothing(here):
    [copy] = taken_over(here, FIRST)
    limits = Path(here.service("default").drop_in_path())
    limits.parent.mkdir(parents=True)
    limits.write_text("[Service]\n")
    drop_in = here.root / "etc/local.conf"
    moved = here.state / "aside/redis-server/20260101T000000Z" / str(drop_in).lstrip("/")
    moved.parent.mkdir(parents=True)
    moved.write_text("[Service]\nLimitNOFILE=9000\n")
    before = everything(here.root)
    result = here.restore("default", ENTRY, check=True)
    assert everything(here.root) == before
    assert here.service("default").said == []
    assert result["converged"][0]["actions"] == [
        f"write {drop_in}, as it was",
        f"remove {limits}",
        f"write {here.config('default')}, as it was ({copy})",
        "restart redis-server",
    ]


def test_the_newest_copy_is_the_one_before_this_project_came(here, monkeypatch):
    """An older one is of a take-over that a person ended by hand."""
    _, newest = taken_over(here, "hz 1\n", FIRST)
    monkeypatch.setattr(converge.trial, "foresee_refusal", lambda _: None)  # there is no server to ask
    [one] = here.restore("default", ENTRY, check=True)["converged"]
    assert f"write {here.config('default')}, as it was ({newest})" in one["actions"]


def test_the_unit_files_go_away_again_when_the_server_does_not_take_the_file(here):
    """And the instance is still this project's."""
    taken_over(here, "port 7001\nno-such-option yes\n")
    drop_in = here.root / "etc/local.conf"
    moved = here.state / "aside/redis-server/20260101T000000Z" / str(drop_in).lstrip("/")
    moved.parent.mkdir(parents=True)
    moved.write_text("[Service]\nLimitNOFILE=9000\n")
    before = everything(here.root)
    with pytest.raises(ApplyFailed, match="the files are as they were"):
        here.restore("default", ENTRY)
    assert everything(here.root) == before
    assert here.service("default").said == ["prepare", "prepare"]


# --- mode and owner ---------------------------------------------------------------------------------------------------


def record(here: Placed, config: Path) -> Record:
    found = record_of(here.declared(ENTRY).instances()[0])
    return Record(found.path, config=FileSpec(str(config)))


@pytest.mark.parametrize("contact", [Contact.KEPT, Contact.REPLACED, Contact.FIRST])
def test_mode_and_owner_are_remembered_before_the_file_changes(here, contact):
    config = here.config("default")
    config.write_text(FIRST)
    config.chmod(0o604)
    if os.geteuid() == 0:
        os.chown(config, 12345, 54321)
    of_host = record(here, config)
    of_host.note_origin(contact)
    found = config.stat()
    config.chmod(0o640)
    of_host.note_origin(contact)  # the run after one that was killed
    was = of_host.first_target(FileSpec(str(config), 0o640, "redis", "redis"))
    assert (was.mode, was.owner, was.group) == (0o604, found.st_uid, found.st_gid)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "[]",
        "{}",
        '{"first": {}}',
        '{"first": {"mode": "x", "owner": "0", "group": "0"}}',
        '{"first": 1}',
    ],
)
def test_without_that_they_are_as_this_project_sets_them(here, text):
    here.state.mkdir()
    if text is not None:
        Path(here.layout("default").state).write_text(text)
    usual = FileSpec(str(here.config("default")), 0o640, "redis", "redis")
    assert record(here, here.config("default")).first_target(usual) == usual


def test_a_host_that_was_fresh_remembers_none(here):
    of_host = record(here, here.config("default"))
    of_host.note_origin(Contact.FRESH)
    assert not of_host.exists()
    of_host.note_origin(Contact.KEPT)
    assert "first" not in json.loads(Path(of_host.path).read_text())


def test_a_verdict_on_somebody_else_s_configuration_is_a_warning():
    found = {"status": "FAIL", "id": "x"}
    result = restoration.Result()
    result.as_record = lambda: {
        "failed": True,
        "msg": "x",
        "converged": [{"actions": ["set hz to 33", "write /x"], "findings": [found]}],
    }
    told = restoration._told(result, ["write /etc/x, as it was"])
    assert told["converged"][0]["findings"] == [{"status": "WARN", "id": "x"}]
    assert told["converged"][0]["actions"] == ["write /etc/x, as it was", "set hz to 33"]
    assert "failed" not in told
    assert told["changed"] is True


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("user", ["nobody", "", "root"])
def test_a_configuration_of_the_unit_s_own_user_is_read_where_root_keeps_it(here, user):
    """It was refused for not belonging to the account of the package."""
    taken_over(here, FIRST)
    here.service("default").user = user
    if user == "nobody":
        os.chown(here.config("default"), 65534, 65534)
    view = look(here.declared(ENTRY).instances()[0])
    assert view.observed.file == here.config("default").read_text()
