"""Field case D13: a run without root's rights says that, and nothing that it can't know. Tested as another account."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.redis_ops.edge import arguments, run
from ansible.module_utils.redis_ops.platform import packages
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS
from ansible.module_utils.redis_ops.view import host
from specs import ROOT, module_at

# What pytest-xdist runs beside a test does not matter to the child, which runs one function and ends.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
NOBODY = 65534
TOLD = "this host: the run is not root; expected root's rights; run with become: true, or --become"
DECLARATION = {"instances": [{"name": "default"}], "profiles": {}, "product": "redis", "version": ""}
PARAMS = {"declaration": {**DECLARATION, "login_user": "", "login_password": ""}, "somaxconn": 0}


def as_another_account(work: Callable[[], Any]) -> Any:
    """What `work` returns or, as text, raises in a process of an account without root's rights."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            said = work()
        except BaseException as error:  # noqa: BLE001 - a test's process must not go on as a second run of the tests
            said = str(error)
        os.write(writer, json.dumps(said).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = json.load(pipe)
    os.waitpid(child, 0)
    return said


def test_the_account_is_another_one():
    assert as_another_account(os.geteuid) not in (0, None)


def test_a_look_at_the_host_is_refused():
    package = packages.Package(PRODUCTS["redis"], "", None)
    assert (
        as_another_account(lambda: host.look_before_change(arguments.declared_of(PARAMS), package, somaxconn=0)) == TOLD
    )


def test_the_preflight_is_refused_before_it_asks_for_packages(monkeypatch):
    preflight = module_at(ROOT / "library" / "redis_preflight.py")
    monkeypatch.setattr(arguments, "package_of", lambda _: pytest.fail("asked for packages"))
    assert as_another_account(lambda: preflight.look_and_judge(PARAMS, check=False)) == TOLD


class Stand:
    """For AnsibleModule, with what it was called with."""

    def __init__(self, **_: Any) -> None:
        self.params = {"directory": "/nowhere", "login_user": "", "login_password": "", "seal": ""}

    def fail_json(self, msg: str, **_: Any) -> None:
        raise SystemExit(msg)

    def exit_json(self, **result: Any) -> None:
        raise SystemExit(f"went on: {result}")


def test_servers_are_not_described(monkeypatch):
    adopt = module_at(ROOT / "library" / "redis_adopt.py")
    monkeypatch.setattr(adopt, "AnsibleModule", Stand)
    assert as_another_account(adopt.main) == TOLD


def test_work_that_changes_the_host_is_not_begun(tmp_path):
    tmp_path.chmod(0o777)
    done = tmp_path / "done"
    assert as_another_account(lambda: run.in_turn(done.touch, PARAMS, "provision")) == TOLD
    assert not done.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_is_not_refused():
    host.must_be_root()
