"""What the modules of this project answer, as every reader on the control node sees it. Pure.

A host may be broken, or in somebody else's hands. What it answers is checked here once, and nothing else reads it raw:
an answer of another shape makes this host unreadable and leaves the others alone. Sizes are capped, and what was cut says
so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...redis_ops.base.findings import Finding, Status, as_records
from ...redis_ops.drift.states import State, status_of
from . import shape
from .shape import Shape, WrongShape

NAME, TEXT, ERROR = 200, 2000, 8000  # characters of an id or a name, of a text, of what a module failed with
INSTANCES, FINDINGS, OPTIONS, LINES = 100, 2000, 1000, 5000  # of one host
BYTES = 2_000_000  # of the texts of one host
# Modules that do all of their work on the control node: what they call a report is one.
REPORTERS = (
    "redis_drift_report",
    "redis_drift_waive",
    "redis_load_compare",
    "redis_load_report",
    "redis_load_validate_input",
)
VALUES = ("declared", "file", "running", "default", "applied")

_FROM_A_HOST = tuple(state.value for state in State if state not in (State.IN_SYNC, State.WAIVED))
_name, _text = shape.text(NAME), shape.text(TEXT)
_VERDICT: Mapping[str, Shape] = {
    "id": shape.text(NAME, least=1),
    "subject": _text,
    "status": shape.one_of(*(status.value for status in Status)),
    "expected": _text,
    "actual": _text,
    "why": _text,
    "remedy": _text,
}
_drifted = shape.record(
    {**_VERDICT, "state": shape.one_of(*_FROM_A_HOST)},
    {"values": shape.record({}, dict.fromkeys(VALUES, _text)), "since": shape.time},
)
_scopes = shape.items(
    shape.record(
        {
            "instance": _name,
            "server": _name,
            "checked": shape.whole(high=10**6),
            "counts": shape.record({}, {State.IN_SYNC.value: shape.whole(high=10**6)}),
            # their items are checked one by one, until there is no more room
            "findings": shape.items(shape.unchecked, 10**7),
            "unknown": shape.items(shape.unchecked, 10**7),
        }
    ),
    INSTANCES,
)
findings = shape.items(shape.record(_VERDICT), FINDINGS)
_changes = shape.record(
    {},
    {
        "actions": shape.items(_text, LINES),
        "findings": findings,
        "instance": shape.or_none(_name),
        "left": shape.items(_text, LINES),
        "pending_restart": shape.items(
            shape.record(dict.fromkeys(("option", "running", "wanted", "reason"), _text)), OPTIONS
        ),
    },
)
_first_contact = shape.items(shape.record({"instance": _name, "table": shape.items(_text, OPTIONS)}), INSTANCES)
# Of the action plugins that end a run.
report = shape.record({"report": shape.items(shape.text(10_000), 10**6), "exit_code": shape.whole(high=255)})


@dataclass(frozen=True)
class Scope:
    """What a host found in one place: an instance, or with instance '' the host itself. in_sync: how many things are.

    unknown: options that the server reports and the catalogue does not know.
    """

    instance: str
    server: str
    checked: int
    in_sync: int
    findings: tuple[Finding, ...]
    unknown: tuple[str, ...] = ()

    def as_record(self) -> dict[str, Any]:
        """As a report keeps it, see docs/drift-report.schema.json."""
        return {
            "instance": self.instance,
            "server": self.server,
            "checked": self.checked,
            "counts": {State.IN_SYNC.value: self.in_sync},
            "findings": as_records(self.findings),
            "unknown": list(self.unknown),
        }


@dataclass(frozen=True)
class Drift:
    """What one host said of itself. error: why there are no scopes, in one line or several.

    unreachable: Ansible did not get there. unreadable: it said something that no module of this project says.
    """

    scopes: tuple[Scope, ...] = ()
    error: str = ""
    unreachable: bool = False
    unreadable: bool = False


def registered(hostvars: Any, host: str, name: str) -> Any:
    """A variable of a host as it stands there; None for none.

    HostVars of ansible-core passes what is read from it through Jinja, but for its method raw_get. What a host said, and
    waivers made of it, are data: they are never a template.
    """
    read = getattr(hostvars, "raw_get", None) or hostvars.__getitem__
    found = read(host)
    return found.get(name) if isinstance(found, Mapping) else None


def drift(said: Any) -> Drift:
    """The answer of module redis_drift, as Ansible registered it."""
    if said is None:
        return Drift(error="the check did not run on it")
    if not isinstance(said, Mapping):
        return _unreadable(WrongShape("", said, "a mapping"))
    if "scopes" not in said or said.get("unreachable") is True:
        return Drift(error=failure(said), unreachable=said.get("unreachable") is True)
    try:
        scopes = _scopes(said["scopes"], "scopes")
        names = [scope["instance"] for scope in scopes]
        if len(set(names)) < len(names):
            raise WrongShape("scopes", said["scopes"], "each instance once")
        return Drift(tuple(map(_scope, _capped(scopes))))
    except WrongShape as wrong:
        return _unreadable(wrong)


def failure(said: Mapping[str, Any]) -> str:
    """Why a module failed, in its own words."""
    told = said.get("msg")
    return shape.text(ERROR, lines=True)(told, "msg") if isinstance(told, str) and told else "no reason given"


def changes(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a module that provisions or verifies: actions, findings, instance and pending_restart, where it has them.

    Raises WrongShape.
    """
    found: Mapping[str, Any] = _changes(said, "")
    return found


def unusable(wrong: WrongShape) -> str:
    """Why nothing of an answer counts, for the summary of a run."""
    return f"its answer cannot be read: {wrong}; look at the Python of that host"


def tables(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What either answer on first contact would change: instance and lines. Raises WrongShape."""
    found: list[dict[str, Any]] = _first_contact(said.get("first_contact") or [], "first_contact")
    return found


def _unreadable(wrong: WrongShape) -> Drift:
    return Drift(error=f"{unusable(wrong)}, and at who else works on it", unreadable=True)


def _capped(scopes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The scopes with as many findings as one host may have, and one more that says how many were left out."""
    room, left_out = _Room(FINDINGS, BYTES), 0
    for number, scope in enumerate(scopes):
        for key, form in (("findings", _drifted), ("unknown", _name)):
            kept = list(room.taken(scope[key], form, f"scopes[{number}].{key}"))
            left_out += len(scope[key]) - len(kept)
            scope[key] = kept
    if not left_out:
        return list(scopes)
    own = next((scope for scope in scopes if not scope["instance"]), None)
    own = own or {"instance": "", "server": "", "checked": 0, "counts": {}, "findings": [], "unknown": []}
    return [{**own, "findings": [*own["findings"], _cut(left_out)]}, *(scope for scope in scopes if scope["instance"])]


def _scope(said: Mapping[str, Any]) -> Scope:
    """A scope of which everything has its shape. A finding's status follows from its state, whatever the host says."""
    return Scope(
        instance=said["instance"],
        server=said["server"],
        checked=said["checked"],
        in_sync=said["counts"].get(State.IN_SYNC.value, 0),
        findings=tuple(
            Finding(**{**finding, "status": status_of(State(finding["state"]))}) for finding in said["findings"]
        ),
        unknown=tuple(said["unknown"]),
    )


class _Room:
    """How much more of one host fits."""

    def __init__(self, count: int, size: int) -> None:
        self._count, self._size = count, size

    def taken(self, values: Sequence[Any], form: Shape, place: str) -> Iterator[Any]:
        """Copies of the first values, as many as fit. Raises WrongShape for one of them that is wrong."""
        for number, value in enumerate(values):
            found = form(value, f"{place}[{number}]")
            self._count -= 1
            self._size -= len(json.dumps(found))
            if self._count < 0 or self._size < 0:
                return
            yield found


def _cut(number: int) -> dict[str, Any]:
    [told] = as_records(
        [
            Finding(
                "answer.size",
                "host: size of its answer",
                Status.FAIL,
                f"at most {FINDINGS} findings and {BYTES // 1000} KB of text",
                f"{number} findings more, which this report leaves out",
                "a report has room for every host",
                "mend what is listed, and look again",
                State.UNREADABLE.value,
            )
        ]
    )
    return told
