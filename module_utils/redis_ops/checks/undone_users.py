"""ACL users that a restart would take away, bring back or change: what runs is compared with what the next start reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..base.errors import AccessDenied, CommandRefused, FileRefused, told
from ..base.text import printable
from ..catalog.kinds import Value
from ..model import acl, conffile, load_user
from ..view.instance import InstanceView
from ..view.users import listed, of_aclfile

_SHOWN = 5  # names of users in one text
_OPENED = ("acl-pubsub-default", "allchannels")
_PASSWORDS = ("enabled", "nopass", "passwords")  # what a declared requirepass decides


def undone(view: InstanceView, lines: conffile.ConfFile, values: Mapping[str, Value]) -> Iterator[tuple[str, str, str]]:
    """Option, what a restart does to it, and the remedy. lines, values: of the file that the next start reads."""
    remedy = f"let the server write its file ({'ACL SAVE' if values.get('aclfile') else 'CONFIG REWRITE'})"
    try:
        live = acl.listed(listed(view))
        written = _written(view, lines, values)
    except AccessDenied as error:
        yield "users", f"whether its next start has its users can't be told: {error}", "allow its user ACL LIST"
        return
    except (FileRefused, OSError) as error:
        yield "aclfile", f"whether it has the users of the running server can't be told: {told(error)}", remedy
        return
    except CommandRefused:
        return  # before 6.0, or taken away with rename-command: nobody makes one
    names = sorted(name for name in live.keys() | written.keys() if not name.startswith(load_user.PREFIX))
    both = [name for name in names if name in live and name in written]
    if (
        "default" in both
        and live["default"].enabled
        and not live["default"].nopass
        and _opens(view, written["default"])
    ):
        yield "users", "the default user needs a password now, and none after its next start", remedy
        both.remove("default")
    changed = {name: _changed(view, name, live[name], written[name], values) for name in both}
    for what, found in {
        "only the running server has": [name for name in names if name not in written],
        "its next start brings back": [name for name in names if name not in live],
        "its next start has other rules for": [
            f"{name} ({', '.join(differs)})" for name, differs in changed.items() if differs
        ],
    }.items():
        if found:
            yield "users", f"{what} {', '.join(map(printable, found[:_SHOWN]))}", remedy


def _opens(view: InstanceView, written: acl.User) -> bool:
    return written.enabled and written.nopass and "requirepass" not in view.plan.decided


def _changed(
    view: InstanceView, name: str, live: acl.User, written: acl.User, values: Mapping[str, Value]
) -> list[str]:
    """The names of what differs, without what a declared requirepass decides, or what the option itself says."""
    differs = live.differences(written, view.plan.desired.engine)
    runs, boot = view.plan.compare.live.get("requirepass") or "", values.get("requirepass") or ""
    if name == "default" and ("requirepass" in view.plan.decided or runs != boot):
        return [part for part in differs if part not in _PASSWORDS]
    return differs


def _written(view: InstanceView, lines: conffile.ConfFile, values: Mapping[str, Value]) -> dict[str, acl.User]:
    """Users of the files that the next start reads. Raises FileRefused, OSError."""
    path = str(values.get("aclfile") or "")
    stored: Sequence[Sequence[str]] = [line.arguments for line in lines.directives if line.name == "user"]
    if path:
        stored = of_aclfile(view, path) or ()
    option, opened = _OPENED
    found = acl.users(stored, opened=str(values.get(option, view.plan.compare.live.get(option))) == opened)
    # a file of users resets the default one
    found.setdefault("default", acl.default_user("" if path else str(values.get("requirepass") or "")))
    return found
