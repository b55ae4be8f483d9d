"""A host without its server: each instance is unreadable, and says so for itself."""

from __future__ import annotations

import pytest
from ansible.module_utils.redis_ops import drift
from ansible.module_utils.redis_ops.drift import machine
from ansible.module_utils.redis_ops.drift.states import Scope
from ansible.module_utils.redis_ops.platform import kernel
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS
from ansible.module_utils.redis_ops.view.attempt import Attempt
from views import several, view_of


@pytest.mark.parametrize("product", sorted(PRODUCTS))
def test_a_host_without_the_program(product, monkeypatch):
    monkeypatch.setattr(machine, "check", lambda *_: Scope("", 1, []))
    attempts = []
    for one in several({"name": "a", "port": 7001}, {"name": "b", "port": 7002}):
        view = view_of(one)
        attempts.append(Attempt(view.instance, None, None, []))

    class View:
        engine = None

    View.attempts, View.product = attempts, PRODUCTS[product]
    host, *scopes = drift.check(View, kernel.parse_wanted({}, "unmanaged", 1), "")
    assert host.instance == ""
    assert [scope.instance for scope in scopes] == ["a", "b"]
    for scope in scopes:
        [finding] = scope.findings
        assert (finding.id, finding.state, finding.subject) == ("program", "unreadable", f"instance {scope.instance}")
        assert finding.expected == f"{PRODUCTS[product].binary} --version answers"
        assert PRODUCTS[product].package in finding.remedy
        assert scope.checked == 1
