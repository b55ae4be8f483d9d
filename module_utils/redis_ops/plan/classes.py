"""An option of which a declaration may name a part: the output buffer limits of some classes of clients. Pure.

CONFIG SET and a line of redis.conf change the classes that they name and no other. A start begins with the engine's
defaults, so that a file with other classes than the running server is another server.
"""

from __future__ import annotations

from collections.abc import Mapping

from .. import catalog
from ..base.engine import Engine
from ..catalog.kinds import BufferLimits, Value
from ..catalog.option import Option
from ..model import conffile
from ..model.desired import DesiredState, default_value, known
from .comparison import Observed


def whole(option: Option, value: Value, desired: DesiredState) -> Value:
    """What a server has that reads this value in a file: all classes."""
    kind = option.kind_at(desired.engine)
    if not isinstance(kind, BufferLimits) or isinstance(value, conffile.Unreadable):
        return value
    return kind.filled(value, default_value(option, desired.engine))


def parted(
    written: Mapping[str, Value], typed: Mapping[str, Value], observed: Observed, engine: Engine
) -> dict[str, Value]:
    """The options of a kept server of which an earlier run declared some classes and nobody declares any now, without a
    class: what the file says of the others is somebody else's.
    """
    names = (observed.applied or {}).keys() & written.keys() - typed.keys()
    kinds = {name: known(name).kind_at(engine) for name in names} if observed.contact.keeps_undeclared else {}
    return {name: () for name, kind in kinds.items() if isinstance(kind, BufferLimits)}


def asked(desired: DesiredState, written: Mapping[str, Value], observed: Observed) -> DesiredState:
    """With the default for each class that is not declared any more: an earlier run declared it, or the file names it and
    nobody keeps what the file says. written: canonical option name -> value as the file has it.
    """
    found = {}
    for name, kind, value in _partly(desired):
        default = default_value(known(name), desired.engine)
        left = _named(kind, (observed.applied or {}).get(name, ""))
        if not observed.contact.keeps_undeclared:
            left |= kind.names(limit for limit in _readable(written.get(name)) if limit not in default)
        found[name] = kind.filled(value, tuple(limit for limit in default if limit[0] in left))
    return DesiredState(desired.engine, {**desired.values, **found})


def in_file(
    desired: DesiredState, wanted: DesiredState, written: Mapping[str, Value], observed: Observed
) -> DesiredState:
    """What the new file says: where undeclared classes are kept, those that it names already; no class at its default that
    nobody declares. wanted: from asked().
    """
    found = {}
    for name, kind, value in _partly(desired):
        default = default_value(known(name), desired.engine)
        named = kind.names(value)
        full = wanted.values[name]
        if observed.contact.keeps_undeclared:
            full = kind.filled(full, _readable(written.get(name)))
        found[name] = tuple(limit for limit in full if limit[0] in named or limit not in default)
    return DesiredState(desired.engine, {**desired.values, **found})


def _partly(desired: DesiredState) -> list[tuple[str, BufferLimits, Value]]:
    """Name, kind and declared value of each such option."""
    kinds = {name: known(name).kind_at(desired.engine) for name in desired.values if catalog.find(name)}
    return [(name, kind, desired.values[name]) for name, kind in kinds.items() if isinstance(kind, BufferLimits)]


def _named(kind: BufferLimits, text: str) -> set[str]:
    return {"replica" if word == "slave" else word for word in text.split()[::4]} & set(kind.classes)


def _readable(value: Value) -> Value:
    return () if value is None or isinstance(value, conffile.Unreadable) else value
