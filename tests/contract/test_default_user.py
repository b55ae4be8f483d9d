"""The default user of somebody else's server: its restrictions stay, and a password that was taken away does not come back."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base.errors import InvalidInput
from ansible.module_utils.redis_ops.server.connection import Credentials
from instances import Lab, lab, some
from servers import Refused
from test_first_contact import ANSWERS

__all__ = ["lab"]

OLD_AND_NEW = some("redis 6.2.14", "redis 7.0.15", "valkey 9.1.2")


def everything(lab: Lab) -> str:
    return "~* &* +@all" if lab.multi else "~* +@all"


def gets_in(lab: Lab, password: str) -> bool:
    try:
        lab.client(password)("PING")
    except Refused:
        return False
    return True


@OLD_AND_NEW
@ANSWERS
@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_what_it_must_not_run_is_refused_after_the_next_start(lab, adopt, stopped):
    lab.begin(f"user default on nopass {everything(lab)} -flushall -flushdb")
    if stopped:
        lab.service.stop()
    for _ in range(2):
        outcome = lab.converge({"timeout": 5}, adopt=adopt)
        lab.bounce()
        for command in ("FLUSHALL", "FLUSHDB"):
            with pytest.raises(Refused, match="NOPERM"):
                lab.ask(command)
    assert not outcome.changed


@OLD_AND_NEW
@ANSWERS
@pytest.mark.parametrize("new", ["one", "two"], ids=["as it was", "another"])
def test_with_a_declared_password_as_well(lab, adopt, new):
    lab.password = "one"
    lab.begin(f"user default on >one {everything(lab)} -flushall")
    outcome = lab.converge({"requirepass": new}, adopt=adopt, credentials=[Credentials("", "one")])
    lab.password = new
    for _ in range(2):
        assert gets_in(lab, new)
        assert not gets_in(lab, "")
        assert gets_in(lab, "one") is (new == "one")
        with pytest.raises(Refused, match="NOPERM"):
            lab.ask("FLUSHALL")
        lab.bounce()
    outcome = lab.converge({"requirepass": new}, adopt=adopt)
    assert not outcome.changed, outcome.actions


@OLD_AND_NEW
@ANSWERS
@pytest.mark.parametrize("rewritten", [False, True], ids=["by hand", "CONFIG REWRITE"])
def test_the_next_start_accepts_the_passwords_that_the_running_server_accepts(lab, adopt, rewritten):
    lab.password = "new"
    lab.begin(f"user default on >old >new {everything(lab)}")
    if rewritten:
        lab.ask("CONFIG", "REWRITE")
    lab.converge({"requirepass": "new"}, adopt=adopt, credentials=[Credentials("", "new")])
    found = [gets_in(lab, password) for password in ("old", "new", "")]
    assert found == [False, True, False]
    lab.bounce()
    assert found == [gets_in(lab, password) for password in ("old", "new", "")]
    outcome = lab.converge({"requirepass": "new"}, adopt=adopt)
    assert not outcome.changed, outcome.actions


def with_users(lab: Lab, password: str, *lines: str) -> Path:
    users = lab.directory / "users.acl"
    users.write_text(f"user default on >{password} {everything(lab)}\n")
    lab.password = password
    lab.begin(f"aclfile {users}", *lines)
    return users


@OLD_AND_NEW
@ANSWERS
def test_a_password_beside_an_aclfile_is_refused_until_the_aclfile_has_it(lab, adopt):
    """Redis gave it to the running server, and the next start had the old one."""
    with_users(lab, "one")
    way_in = [Credentials("", "one")]
    before = lab.everything()
    with pytest.raises(InvalidInput, match="requirepass: the default user of the aclfile has another password"):
        lab.converge({"requirepass": "two"}, adopt=adopt, credentials=way_in)
    assert lab.everything() == before
    assert (gets_in(lab, "one"), gets_in(lab, "two")) == (True, False)
    lab.ask("ACL", "SETUSER", "default", "resetpass", ">two")
    lab.client("two")("ACL", "SAVE")
    lab.converge({"requirepass": "two"}, adopt=adopt, credentials=[Credentials("", "two")])
    lab.password = "two"
    for _ in range(2):
        assert [gets_in(lab, password) for password in ("one", "two", "")] == [False, True, False]
        lab.bounce()
    assert not lab.converge({"requirepass": "two"}, adopt=adopt).changed


@OLD_AND_NEW
@ANSWERS
def test_no_password_beside_an_aclfile_opens_nothing(lab, adopt):
    """`requirepass: ''` made the default user of the running server one without a password."""
    with_users(lab, "one", "requirepass one")
    outcome = lab.converge({"requirepass": ""}, adopt=adopt, credentials=[Credentials("", "one")])
    assert [item["option"] for item in outcome.pending_restart] == ["requirepass"]
    for _ in range(2):
        assert [gets_in(lab, password) for password in ("one", "")] == [True, False]
        lab.bounce()
    assert not lab.converge({"requirepass": ""}, adopt=adopt, credentials=[Credentials("", "one")]).pending_restart
