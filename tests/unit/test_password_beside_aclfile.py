"""A declared requirepass beside an aclfile: a start with one does not read it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from ansible.module_utils.redis_ops.checks import default_user
from ansible.module_utils.redis_ops.plan.contact import Contact
from views import several, view_of

TWO = f"#{hashlib.sha256(b'two').hexdigest()}"
ALL = "~* &* +@all"


def told(path: Any, settings: dict[str, str], file: str, live: dict[str, str] | None, contact: Contact) -> list[str]:
    declared = {"name": "default", "settings": {"hz": "10", **settings}, "secrets": {}}
    declared["secrets"] = {"requirepass": declared["settings"].pop("requirepass", "two")}
    [one] = several(declared)
    found = list(default_user.problems(view_of(one, file=file, live=live, contact=contact)))
    assert not any("two" in str(problem).replace(str(path), "") for problem in found)
    return [problem.what for problem in found]


@pytest.mark.parametrize("contact", [Contact.KEPT, Contact.REPLACED, Contact.MANAGED])
@pytest.mark.parametrize("declared", [False, True], ids=["stays", "declared"])
@pytest.mark.parametrize("runs", [False, True])
@pytest.mark.parametrize(
    ("users", "what"),
    [
        (f"user default on >two {ALL}\n", ""),
        (f"user app on >x\nuser default on {TWO} {ALL} -flushall\n", ""),
        (f"user default on nopass >two {ALL}\n", ""),
        (f"user default on >one {ALL}\n", "the default user of the aclfile has another password"),
        (f"user default on >one >two {ALL}\n", "the default user of the aclfile has another password"),
        (f"user default on nopass {ALL}\n", "the default user of the aclfile needs no password"),
        ("user app on >two\n", "the default user of the aclfile needs no password"),
        ("user default off\n", "the default user of the aclfile has no password that lets anybody in"),
        (None, "the aclfile "),
    ],
)
def test_it_is_refused_unless_the_aclfile_has_it_too(tmp_path, users, what, runs, declared, contact):
    path = tmp_path / "users.acl"
    if users is not None:
        path.write_text(users)
    line = f"aclfile {path}\n"
    live = {"requirepass": "one", "aclfile": "" if declared else str(path)} if runs else None
    settings = {"aclfile": str(path)} if declared else {}
    found = told(path, settings, "" if declared else line, live, contact)
    assert len(found) == bool(what)
    assert all(text.startswith(what) for text in found)


@pytest.mark.parametrize("password", ["", "two"], ids=["none", "as it is"])
def test_what_changes_nothing_is_not_refused(tmp_path, password):
    """`make adopt` describes the password that the server tells, whether or not it counts."""
    path = tmp_path / "users.acl"
    path.write_text(f"user default on >one {ALL}\n")
    file = f"requirepass two\naclfile {path}\n"
    live = {"requirepass": "two", "aclfile": str(path)}
    assert told(path, {"requirepass": password}, file, live, Contact.KEPT) == []


def test_a_file_of_users_that_is_not_to_be_read(tmp_path):
    [what] = told(tmp_path, {}, f"aclfile {tmp_path}\n", None, Contact.KEPT)
    assert what.startswith("whether the default user has it in the aclfile can't be told")
