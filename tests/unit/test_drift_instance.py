"""What drift says of one instance: where nothing runs, where a command is denied, where only half can be seen."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils.redis_ops.base.errors import AccessDenied, CommandRefused, FileUnreadable, ServerUnreachable
from ansible.module_utils.redis_ops.base.files import FileSpec
from ansible.module_utils.redis_ops.base.statefile import keep_private, text_of
from ansible.module_utils.redis_ops.drift import instance
from ansible.module_utils.redis_ops.plan.contact import Contact
from ansible.module_utils.redis_ops.server.persistence import Store
from ansible.module_utils.redis_ops.view.attempt import Attempt
from views import Server, several, view_of

[ONE] = several({"name": "default", "settings": {"hz": 10}})
ON = "user default on nopass ~* &* +@all"
OFF = "user bob off sanitize-payload resetchannels -@all"


class Acl(Server):
    """A server with these ACL users, or an error for who asks for them."""

    def __init__(self, users: object, **live: str) -> None:
        super().__init__(live=live)
        self.users = users

    def call(self, *words: str) -> object:
        if isinstance(self.users, Exception):
            raise self.users
        return list(self.users) if words == ("ACL LIST",) else super().call(*words)


FIRST = view_of(ONE)
LIVE = {entry.option.name: FIRST.plan.argument(entry) for entry in FIRST.plan.entries}
FILE = FIRST.plan.file_after


@pytest.fixture
def scope(tmp_path):
    """What drift says, from the users of the server, lines that somebody added to its file, and fields of the view."""
    state = str(tmp_path / "redis-default.json")
    keep_private(state, text_of(settings=LIVE))
    config = FileSpec(str(tmp_path / "redis.conf"), 0o640, os.geteuid(), os.getegid())
    service = SimpleNamespace(name="redis-server", drop_in_path=lambda: str(tmp_path / "limits.conf"))

    def scope(users: object = (ON,), *, lines: str = "", problems=(), runs: bool = True, **fields):
        live = {**LIVE, **fields.pop("live", {})}
        Path(config.path).write_text(FILE + lines)
        Path(config.path).chmod(0o640)
        info = {"config_file": ONE.layout.config, "process_id": os.getpid(), **fields.pop("info", {})}
        view = view_of(ONE, file=FILE + lines, live=live, state=state, service=service, info=info, **fields)
        view = replace(view, connection=Acl(users, **live) if runs else None)
        view = replace(
            view, instance=replace(view.instance, config=config), config=replace(config, path=ONE.layout.config)
        )
        return instance.check(Attempt(view.instance, view.unit, view, problems))

    return scope


def told(scope) -> dict[str, str]:
    return {finding.id: finding.state for finding in scope.findings}


def test_a_server_as_the_last_run_left_it(scope):
    found = scope()
    assert told(found) == {}
    assert found.checked > 10
    assert (found.instance, found.unknown) == ("default", [])


def test_an_option_that_the_catalogue_does_not_know_is_counted_and_judged_by_nobody(scope):
    assert scope(live={"zz-new": "1", "aa-new": "2"}).unknown == ["aa-new", "zz-new"]


def test_an_option_that_somebody_set_is_found(scope):
    [finding] = scope(live={"hz": "50"}).findings
    assert (finding.id, finding.state) == ("option.hz", "live_not_persisted")


@pytest.mark.parametrize("error", [AccessDenied("NOPERM this user may not"), CommandRefused("ERR unknown command")])
def test_users_that_cannot_be_listed_are_unreadable_and_the_rest_is_seen(scope, error):
    found = {finding.id: finding for finding in scope(error, live={"hz": "50"}).findings}
    assert set(found) == {"acl", "option.hz"}
    assert (found["acl"].state, found["acl"].actual) == ("unreadable", str(error))


def test_a_server_that_goes_away_in_the_middle_is_told_once_for_what_was_asked(scope):
    found = told(scope(ServerUnreachable("127.0.0.1:6379: Connection refused")))
    assert found == {"users": "unreadable"}


def test_a_user_that_somebody_made(scope):
    [finding] = scope((ON, OFF)).findings
    assert finding.id == "acl.bob"
    # in the file as well it is kept, and nobody is told of it twice
    assert told(scope((ON, OFF), lines=f"{OFF}\n")).keys() <= {"acl.bob", "file.user"}


@pytest.mark.parametrize("there", [True, False])
def test_an_aclfile_beside_the_data(scope, there, tmp_path):
    if there:
        (tmp_path / "users.acl").write_text(f"{ON}\n{OFF}\n")
    live = {"dir": str(tmp_path), "aclfile": "users.acl"}
    store = Store.of({"dir": str(tmp_path)}, ONE.desired.engine)
    found = {finding.id: finding for finding in scope((ON, OFF), live=live, store=store).findings}
    assert ("acl.file" in found) is not there
    assert "acl.bob" not in found
    if not there:
        assert found["acl.file"].expected == str(tmp_path / "users.acl")
        assert found["acl.file"].state == "file_changed_outside"


@pytest.mark.parametrize(
    ("field", "identity", "state"),
    [
        ({"program_replaced": True}, "process.program", "pending_restart"),
        ({"contact": Contact.FIRST}, "contact", "declared_not_applied"),
        ({"info": {"loading": 1}}, "server", "unreadable"),
    ],
)
def test_what_the_server_itself_is(scope, field, identity, state):
    assert told(scope(**field))[identity] == state


def test_a_server_that_does_not_run_cannot_be_compared(scope):
    found = {finding.id: finding for finding in scope(runs=False).findings}
    assert (found["server"].state, found["server"].actual) == (
        "unreadable",
        "it does not run; what runs cannot be compared",
    )
    assert "systemctl start redis-server" in found["server"].remedy


@pytest.mark.parametrize("text", ["", "{", "\0"])
def test_a_record_that_is_damaged_is_told(scope, text, tmp_path):
    (tmp_path / "redis-default.json").write_text(text)
    found = told(scope())
    assert found["record"] == "unreadable"


@pytest.mark.parametrize(
    ("problem", "identity"),
    [
        (AccessDenied("WRONGPASS"), "server"),
        (ServerUnreachable("no answer"), "server"),
        (FileUnreadable("instance default: /etc/redis/redis.conf: Permission denied"), "file"),
        (PermissionError(13, "Permission denied", "/etc/x"), "server"),
    ],
)
def test_where_nothing_can_be_seen_there_is_a_finding_and_no_exception(problem, identity):
    found = instance.check(Attempt(FIRST.instance, None, None, [problem]))
    assert told(found) == {identity: "unreadable"}
    [finding] = found.findings
    assert finding.actual
    assert ("redis_drift_login_user" in finding.remedy) == isinstance(problem, AccessDenied)
    assert (found.server, found.unknown) == ("", [])
