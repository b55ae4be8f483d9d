"""What an instance is asked to be: parsed, typed, normalised, with every error reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import catalog
from ..base.engine import Engine
from ..base.errors import InvalidInput, InvalidValue, Problem
from ..catalog.kinds import Value
from ..catalog.option import Option, Origin

MASK = "********"


@dataclass(frozen=True)
class DesiredState:
    """Settings of one instance. values: canonical option name -> value of the option's kind."""

    engine: Engine
    values: Mapping[str, Value]

    @classmethod
    def parse(cls, settings: Mapping[str, Any], engine: Engine, where: str) -> DesiredState:
        """settings: Redis' own option names -> what a person typed. where: e.g. 'web1, instance cache'.

        Raises InvalidInput with one Problem for each setting that cannot be.
        """
        values: dict[str, Value] = {}
        problems: list[Problem] = []
        typed_as: dict[str, str] = {}
        for name, raw in settings.items():
            place = f"{where}: {name}"
            option = catalog.find(str(name))
            if option is None:
                problems.append(unknown_option(place, str(name)))
                continue
            problem = _unmanageable(place, option, engine)
            if problem is not None:
                problems.append(problem)
            elif option.name in values:
                problems.append(
                    Problem(
                        place,
                        f"{typed_as[option.name]} is the same option",
                        "each option once",
                        "remove one of the two",
                    )
                )
            else:
                try:
                    values[option.name] = option.parse(raw, engine)
                    typed_as[option.name] = str(name)
                except InvalidValue as error:
                    problems.append(_invalid(place, option, raw, error.expected))
        if problems:
            raise InvalidInput(problems)
        return cls(engine, {option.name: values[option.name] for option in catalog.OPTIONS if option.name in values})

    def get(self, name: str) -> Value:
        """The declared value, else the engine's default; None where the default depends on the host."""
        if name in self.values:
            return self.values[name]
        return default_value(known(name), self.engine)


def known(name: str) -> Option:
    """The option of this canonical name. Raises KeyError: our own code named an option that is not there."""
    option = catalog.find(name)
    if option is None:
        raise KeyError(name)
    return option


def default_value(option: Option, engine: Engine) -> Value:
    """What a server without configuration has; None where that depends on the host."""
    default = option.default_at(engine)
    return None if default is None else option.parse(default, engine)


def unknown_option(place: str, name: str) -> Problem:
    """A name that no version of any server knows."""
    near = catalog.suggest(name)
    hint = f"did you mean {' or '.join(near)}?" if near else "docs/settings.md lists them all"
    return Problem(place, "no such Redis option", "a name that redis.conf knows", hint)


def _invalid(place: str, option: Option, raw: Any, expected: str) -> Problem:
    if raw is None:  # what YAML makes of a line that ends after its colon
        otherwise = "'' to remove it" if option.secret else "take the line out"
        return Problem(place, "has no value", expected, f"type one after the colon, or {otherwise}")
    shown = MASK if option.secret else repr(raw)
    return Problem(place, f"{shown} is not valid", expected, "correct the value")


def _unmanageable(place: str, option: Option, engine: Engine) -> Problem | None:
    if option.file_only:
        return Problem(place, "is not a setting", "an option that CONFIG GET can verify", option.note)
    if option.origin is Origin.RUNTIME:
        return Problem(place, "belongs to the running server", "no declaration", option.note or "remove it")
    if any(map(engine.reached, option.removed)):
        return Problem(place, f"{engine} no longer has it", "an option that this server has", "remove it")
    if not option.exists_at(engine):
        milestones = ", ".join(option.since)
        return Problem(
            place, f"{engine} does not have it", f"a server that does (since {milestones})", "remove it or upgrade"
        )
    return None
