"""The line of the default user: what it gives beside a password is never given away."""

from __future__ import annotations

import hashlib

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.model import acl, default_user
from ansible.module_utils.redis_ops.model.conffile import ConfFile
from ansible.module_utils.redis_ops.model.desired import DesiredState
from ansible.module_utils.redis_ops.plan.comparison import Observed
from ansible.module_utils.redis_ops.plan.contact import Contact
from ansible.module_utils.redis_ops.plan.plan import build
from hypothesis import given
from hypothesis import strategies as st

REDIS_7 = Engine("redis", (7, 0, 15))
OPEN = "on nopass ~* &* +@all"
RULES = st.lists(
    st.sampled_from(
        [
            *(
                "on",
                "off",
                "nopass",
                "resetpass",
                "reset",
                "~*",
                "ALLKEYS",
                "resetkeys",
                "~app:*",
                "&*",
                "resetchannels",
            ),
            *("+@all", "-@all", "-flushall", "-@dangerous", "+get", ">old", ">new", "<old", "sanitize-payload"),
            *("skip-sanitize-payload", "%R~x", f"#{hashlib.sha256(b'old').hexdigest()}"),
        ]
    )
)


def after(
    rules: str, password: str | None, live: str | None, contact: Contact = Contact.KEPT, before: str = ""
) -> str | None:
    """The rules of the default user in the new file; None for no line."""
    file = (f"requirepass {before}\n" if before else "") + f"user default {rules}\n"
    desired = DesiredState.parse({"hz": 20, **({} if password is None else {"requirepass": password})}, REDIS_7, "x")
    running = None if live is None else {"requirepass": live, "hz": "10"}
    text = build(desired, Observed(file=file, live=running, contact=contact), "x", "x").file_after
    found = [line.arguments[1:] for line in ConfFile.parse(text).directives if line.is_default_user]
    return " ".join(found[0]) if found else None


@pytest.mark.parametrize("contact", [Contact.KEPT, Contact.REPLACED, Contact.MANAGED])
@pytest.mark.parametrize("live", [None, ""], ids=["stopped", "running"])
@pytest.mark.parametrize(
    "rules",
    [
        "on nopass ~* &* +@all -flushall -flushdb",
        "on nopass +@all resetkeys ~app:* &*",
        "on nopass ~* +@all",
        "on nopass ~* &* +@all off",
        "on nopass ~* &* +@all %R~x",
        "on nopass >old ~* &* +@all",
        "on nopass ~* &* +@all (+get ~x)",
    ],
)
def test_a_line_that_restricts_stays(rules, live, contact):
    assert after(rules, None, live, contact) == rules


@pytest.mark.parametrize("contact", [Contact.KEPT, Contact.REPLACED, Contact.MANAGED])
@given(rules=RULES, live=st.sampled_from([None, "", "new", "other"]), password=st.sampled_from(["new", ""]))
def test_a_declared_password_replaces_the_password_and_nothing_else(contact, rules, live, password):
    """By the reader that drift uses: what the next start gives is what the line gave, and never a password less."""
    given_before = acl.parse(rules)
    text = after(" ".join(rules), password, live, contact)
    without = f"on {f'>{password}' if password else 'nopass'} ~* &* +@all"
    given_after = acl.parse((without if text is None else text).split())
    names = given_before.differences(given_after, REDIS_7)
    assert set(names) <= {"nopass", "passwords"}
    if password:
        assert not given_after.nopass
        if live is not None and live != password:
            assert given_after.passwords == {hashlib.sha256(b"new").hexdigest()}
    elif live == "":
        assert given_after == given_before or text is None


@pytest.mark.parametrize(("live", "kept"), [("", False), ("new", True)], ids=["is set", "is there"])
def test_two_passwords_stay_only_where_nothing_sets_one(live, kept):
    """CONFIG SET requirepass takes both away, and the next start brought the old one back."""
    rules = ">old >new on ~* &* +@all"
    assert after(rules, "new", live) == (rules if kept else None)
    limited = f"{rules} -flushall"
    new = hashlib.sha256(b"new").hexdigest()
    assert after(limited, "new", live) == (limited if kept else f"on ~* &* +@all -flushall #{new}")


def test_a_password_that_nobody_removed_stays():
    """`requirepass: ''` removes requirepass, which was not there, and not the password of the line."""
    assert after("on >old ~* &* +@all", "", "") == "on >old ~* &* +@all"
    assert after("on >old ~* &* +@all -flushall", "", "old", before="old") == "on ~* &* +@all -flushall nopass"


def test_an_open_line_beside_a_password_stays_open_where_nobody_declares_one():
    assert after(OPEN, None, "one", before="one") == OPEN
    assert after(OPEN, "one", "one", before="one") is None
    assert after(OPEN, None, "", Contact.MANAGED) is None


@given(RULES)
def test_passwords_are_those_that_the_server_has(rules):
    user = acl.parse(rules)
    assert default_user.passwords(rules) == (None if user.nopass else user.passwords)
    assert acl.parse(default_user.with_password(rules, "new")).passwords == {hashlib.sha256(b"new").hexdigest()}
    assert acl.parse(default_user.with_password(rules, "")).nopass
    if default_user.is_unrestricted(rules):
        assert not user.own.differences(acl.parse(OPEN.split()).own, REDIS_7)
        assert user.enabled
        assert user.sanitized
