"""A declared requirepass beside an aclfile: CONFIG SET gives it to the running server, and no start ever reads it (acl.c,
ACLLoadUsersAtStartup: the users of the file replace those of redis.conf, the default one among them).
"""

from __future__ import annotations

from collections.abc import Iterator

from ..base.errors import FileRefused, Problem, told
from ..base.text import printable
from ..model import default_user
from ..view.instance import InstanceView
from ..view.users import of_aclfile

_REMEDY = (
    "give the default user that password in the aclfile (ACL SETUSER default resetpass >PASSWORD, then ACL SAVE), or declare "
    "no requirepass"
)


def problems(view: InstanceView) -> Iterator[Problem]:
    """Why a run sets no requirepass: the next start would accept another password. Reads the aclfile."""
    password, path = str(view.plan.desired.get("requirepass") or ""), _aclfile(view)
    changed = {entry.option.name for entry in view.plan.entries if entry.file_differs or entry.live_differs}
    if not (password and path and "requirepass" in view.plan.decided and changed & {"requirepass", "aclfile"}):
        return
    what = _differs(view, path, password)
    if what:
        yield Problem(
            f"{view.instance.where}: requirepass",
            f"{what}, and a start with an aclfile does not read requirepass",
            f"the same password in {printable(path)}",
            _REMEDY,
        )


def _aclfile(view: InstanceView) -> str:
    """Of the next start; '' for none, and where only the running server is managed."""
    if view.config is None or view.goes_back:
        return ""
    return str(view.observed.commanded.get("aclfile") or view.plan.desired.get("aclfile") or "")


def _differs(view: InstanceView, path: str, password: str) -> str:
    """What the default user of the file has instead; '' where it has this password alone."""
    try:
        users = of_aclfile(view, path)
    except (FileRefused, OSError) as error:
        return f"whether the default user has it in the aclfile can't be told: {told(error)}"
    if users is None:
        return f"the aclfile {printable(path)} does not exist"
    rules = next((words[1:] for words in users if words[:1] == ["default"]), None)
    found = None if rules is None else default_user.passwords(rules)
    if found == default_user.wanted(password):
        return ""
    if found is None:
        return "the default user of the aclfile needs no password"
    return f"the default user of the aclfile has {'another password' if found else 'no password that lets anybody in'}"
