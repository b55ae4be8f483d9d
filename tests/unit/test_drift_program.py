"""A package's program that tells no version says nothing of a server that runs another one."""

from __future__ import annotations

import pytest
from ansible.module_utils.redis_ops.drift import machine
from ansible.module_utils.redis_ops.drift.check import check
from ansible.module_utils.redis_ops.drift.states import Scope
from ansible.module_utils.redis_ops.platform import kernel
from ansible.module_utils.redis_ops.view.attempt import Attempt
from views import REDIS_7, host_of, seen_of, several, view_of

WANTED = kernel.parse_wanted({}, "unmanaged", 1)


@pytest.fixture(autouse=True)
def _no_machine(monkeypatch):
    monkeypatch.setattr(machine, "check", lambda *_: Scope("", 0, []))


def scopes(engine, *, live):
    [one] = several({"name": "cache"})
    view = None if live is None else view_of(one, live=live or None)
    instance = (view or seen_of(one).view).instance
    view = host_of(attempts=[Attempt(instance, None, view)], engine=engine)
    return check(view, WANTED, "")[1:]


@pytest.mark.parametrize(
    ("engine", "live", "looked_at"),
    [
        pytest.param(REDIS_7, {"port": "6379"}, True, id="installed and running"),
        pytest.param(REDIS_7, {}, True, id="installed and stopped"),
        pytest.param(None, {"port": "6379"}, True, id="a program of its own runs"),
        pytest.param(None, {}, False, id="not installed, nothing runs"),
        pytest.param(None, None, False, id="not installed, nothing could be looked at"),
    ],
)
def test_what_runs_was_looked_at_whatever_is_installed(engine, live, looked_at):
    [scope] = scopes(engine, live=live)
    assert ("program" in {finding.id for finding in scope.findings}) is not looked_at
