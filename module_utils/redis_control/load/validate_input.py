"""What was typed for a load test: every variable against its kind and its limits, before anything is touched. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...redis_ops.base.errors import InvalidInput, Problem
from ...redis_ops.model.declaration import unknown_variable
from ..figures import did_you_mean, nearest

PREFIX = "redis_loadtest_"
# what one of them may be at least; the limits of the load are those of its program
LEAST = {"cool_down": 0, "keep": 1, "compare_effect": 0}
# what a role loops over; in the other lists a text with commas is as good
LOOPED = ("generators",)
TRUE, FALSE = ("true", "yes", "on", "y", "t", "1"), ("false", "no", "off", "n", "f", "0")
KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "path": "a path",
    "list": "a list, such as [one, two]",
    "dict": "a mapping, such as {name: value}",
}


def check(
    specs: Mapping[str, Mapping[str, Any]],
    values: Mapping[str, Any],
    names: Iterable[str],
    known: Sequence[str],
    others: Sequence[Problem] = (),
) -> dict[str, Any]:
    """The numbers and truths among the values, as what they are: a value from the command line is a text.

    specs: options of the role's argument_specs. values: by the same names. names: of all variables that look like a
    role's; known: those that are one's. Raises InvalidInput with every problem, `others` among them.
    """
    problems = [unknown_variable(name, known) for name in names if name not in known]
    found = {}
    for name, value in values.items():
        try:
            read = _read(name, specs[name], value)
        except ValueError as error:
            problems.append(_wrong(name, value, str(error), specs[name]))
            continue
        if specs[name]["type"] in ("int", "float", "bool"):
            found[name] = read
    problems += [*_login(values), *_digest(values), *others]
    if problems:
        raise InvalidInput(list(dict.fromkeys(problems)))
    return found


def numbers(specs: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Those of the values, by names without PREFIX, that are of their kind."""
    found = {}
    for name in names:
        try:
            found[name] = _read(PREFIX + name, specs[PREFIX + name], values[PREFIX + name])
        except (KeyError, ValueError):  # noqa: PERF203 - told by check()
            continue
    return found


def mistakes(lines: Iterable[str], variable: str, given: Mapping[str, Any]) -> Iterator[Problem]:
    """What a load program says of its options, 'NAME: what; expected ...', where they were typed: in `variable`, or as
    a variable of their own.
    """
    for line in lines:
        name, _, rest = line.partition(": ")
        what, _, expected = rest.partition("; expected ")
        where = f"{variable}: {name}" if name.split(".")[0] in given else f"{PREFIX}{name}"
        wanted, _, remedy = expected.partition("; ")
        yield Problem(where, what, wanted, remedy or "correct it")


def bullmq(known: Mapping[str, Any], given: Mapping[str, Any], where: str) -> Iterator[Problem]:
    """What is wrong with options for BullMQ, which ignores what it does not know. known: those that are given by default.

    BullMQ has more options than these, so that only a near miss of one of them is a mistake; the parts are all there are.
    """
    for part, options in given.items():
        if part not in known:
            remedy = did_you_mean(part, known, "put the options into one of these")
            yield Problem(f"{where}: {part}", "no such part", f"one of {', '.join(known)}", remedy)
        elif not isinstance(options, Mapping):
            yield Problem(f"{where}: {part}", repr(options), KINDS["dict"], "correct it")
        else:
            yield from _near_misses(known[part], options, f"{where}: {part}")


def _near_misses(known: Mapping[str, Any], given: Mapping[str, Any], where: str) -> Iterator[Problem]:
    for name, value in given.items():
        near = nearest(name, known, 0.8)
        if name not in known and near:
            yield Problem(f"{where}: {name}", "is nearly an option", near, f"did you mean {near}?")
        elif isinstance(value, Mapping) and isinstance(known.get(name), Mapping):
            yield from _near_misses(known[name], value, f"{where}.{name}")


def _read(name: str, spec: Mapping[str, Any], value: Any) -> Any:
    """Raises ValueError with what was expected."""
    kind = spec["type"]
    if kind == "raw" or (kind in ("list", "dict") and value is None):
        return value
    read = _of_kind(kind, value, name.removeprefix(PREFIX))
    if read is None:
        raise ValueError(KINDS[kind])
    least = LEAST.get(name.removeprefix(PREFIX))
    if least is not None and read < least:
        raise ValueError(f"at least {least}")
    if spec.get("choices") and read not in spec["choices"]:
        raise ValueError(f"{' or '.join(spec['choices'])}")
    return read


def _of_kind(kind: str, value: Any, name: str) -> Any:
    """None for what is not of it."""
    text = isinstance(value, str)
    if kind == "bool":
        said = str(value).lower()
        return True if said in TRUE else False if said in FALSE else None
    if kind in ("int", "float"):
        return _number(kind, value)
    if kind == "list":
        good = isinstance(value, Sequence) and all(isinstance(item, (str, int)) for item in value)
        return value if good and not (text and name in LOOPED) else None
    if kind == "dict":
        return value if isinstance(value, Mapping) else None
    return str(value) if text or (isinstance(value, (int, float)) and not isinstance(value, bool)) else None


def _number(kind: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        read = float(value)
    except ValueError:
        return None
    if not math.isfinite(read) or (kind == "int" and read != int(read)):
        return None
    return int(read) if read == int(read) else read


def _wrong(name: str, value: Any, expected: str, spec: Mapping[str, Any]) -> Problem:
    hidden = spec.get("no_log") or isinstance(value, Mapping)
    remedy = did_you_mean(value, spec.get("choices") or (), "correct it")
    if spec["type"] in ("dict", "list"):
        remedy = f"correct it; on the command line as JSON: -e '{{\"{name}\": ...}}'"
    return Problem(name, "(hidden)" if hidden else repr(value), expected, remedy)


def _login(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Both parts of it, and where they are not shown."""
    user, password = (f"{PREFIX}login_{name}" for name in ("user", "password"))
    if values.get(user) and not values.get(password):
        yield Problem(user, f"has no {password}", "both or none", f"declare {password}, in a vault")
    users, jobs = (values.get(PREFIX + name) for name in ("load", "jobs"))
    connection = jobs.get("connection") if isinstance(jobs, Mapping) else None
    for where, given in ((f"{PREFIX}load", users), (f"{PREFIX}jobs: connection", connection)):
        for name in ("username", "password"):
            if isinstance(given, Mapping) and name in given:
                remedy = f"declare {user} and {password}, in a vault"
                yield Problem(f"{where}: {name}", "(hidden)", "no login, which would be printed", remedy)


def _digest(values: Mapping[str, Any]) -> Iterator[Problem]:
    name = f"{PREFIX}k6_sha256"
    text = str(values.get(name) or "")
    if text and not re.fullmatch(r"[0-9A-Fa-f]{64}", text):
        yield Problem(name, repr(text), "64 hexadecimal digits", "take what sha256sum says of a k6 that you trust")
