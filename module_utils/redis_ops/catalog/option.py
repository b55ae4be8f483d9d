"""What is known of one Redis option. The table of all of them is `catalog`."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional, Union

from ..base.engine import By, Engine
from ..base.errors import InvalidValue
from .kinds import Bool, Kind, Octal, Secret, Value


class Apply(enum.Enum):
    """How a new value comes into force."""

    LIVE = "live"
    RESTART = "restart"
    # CONFIG SET takes it only where enable-protected-configs allows, which the guide's hosts do not
    PROTECTED = "restart, protected"
    # CONFIG SET takes it, and this project does not use that: the data stays behind, and the next save or stop writes over
    # what lies at the new place
    PLACE = "restart, by choice"


class Origin(enum.Enum):
    """Who may decide the value."""

    DECLARED = "declared"  # the inventory
    RUNTIME = "runtime"  # Redis itself, Sentinel or an operator's command; kept as found


class Trait(enum.Flag):
    """What an option means to this project beyond its value. catalog.with_trait() gives the options that have one."""

    NONE = 0
    # where the data lies; another value does not move the data, so that the server would start empty beside it
    DATA_LOCATION = enum.auto()
    # where a node of a cluster has its nodes.conf; with another value the server would start as another node
    NODE_LOCATION = enum.auto()
    # which data a start loads, what is saved and what is evicted
    KEEPS_DATA = enum.auto()
    # a client can connect there, and nowhere else
    WAY_IN = enum.auto()
    # a way in that is a TCP port
    CLIENT_PORT = enum.auto()
    # keeps people out who can reach the server
    GUARD = enum.auto()
    # a change of the running server may keep out the client that made it
    ADMITS = enum.auto()
    # two instances of a host can't both have the same value
    EXCLUSIVE = enum.auto()
    # an undeclared value in a file stays, unless this project put it there: the engine's default would open the server,
    # hide its data or take it out of its deployment. catalog.stays() knows the groups of which every option stays
    STAYS = enum.auto()
    # how the process is supervised; the unit gives it, whatever the file says
    SUPERVISION = enum.auto()
    # its lines in a file outlive a rewrite, although nobody declares them
    KEPT_LINE = enum.auto()
    # names a file or a directory that TLS needs
    TLS_FILE = enum.auto()
    # names the file of a private key
    PRIVATE_KEY = enum.auto()


@dataclass(frozen=True)
class Option:
    """One Redis option.

    name: canonical spelling, the one of the newest Redis.
    kind, default, apply: as they are, or By(...) where versions differ. `default` is the text that a server without any
    configuration reports to CONFIG GET; None where it depends on the host.
    group: key into catalog.GROUPS. unit: what a bare number counts, e.g. 'seconds'.
    since, removed: milestones such as 'redis 7.0' or 'valkey 8.1'; see Engine.reached.
    aliases: other names, old or new, that some server knows it by.
    spelling: the name to use on a server that does not know `name`.
    readable: whether CONFIG GET * shows it; By(...) where versions differ.
    file_only: a directive of the file that CONFIG does not know. The project recognises it and does not manage it; `note`
    says why. Never readable, never live.
    traits: see Trait.
    """

    name: str
    kind: Union[Kind, By[Kind]]
    group: str
    default: Union[By[Optional[str]], str, None] = None
    apply: Union[Apply, By[Apply]] = Apply.LIVE
    unit: str = ""
    since: Sequence[str] = ("redis 6.2",)
    removed: Sequence[str] = ()
    aliases: Sequence[str] = ()
    spelling: Optional[By[str]] = None
    readable: Union[bool, By[bool]] = True
    file_only: bool = False
    origin: Origin = Origin.DECLARED
    traits: Trait = Trait.NONE
    note: str = ""

    def __post_init__(self) -> None:
        for milestone in (*self.since, *self.removed):
            Engine.parse(milestone)
        self._reject(not self.name or self.name != self.name.lower(), "has no lower-case name")
        self._reject(not self.since, "was never there")
        self._reject(bool(set(self.since) & set(self.removed)), "comes and goes with the same version")
        self._reject(self.name in self.aliases, "is its own alias")
        self._reject(len(set(self.aliases)) != len(self.aliases), "has an alias twice")
        if self.spelling is not None:
            spellings = {self.spelling.first, *self.spelling.later.values()}
            self._reject(not spellings <= {self.name, *self.aliases}, "is spelled as none of its names")
        self._reject(self.secret and any(_every(self.default)), "is a secret with a default")
        self._reject(self.file_only and Apply.LIVE in _every(self.apply), "is in the file only and set live")
        self._reject(self.file_only and not self.note, "is in the file only without a reason")
        for engine in self._engines_with_facts():
            default = self.default_at(engine)
            if default is not None:
                try:
                    self.kind_at(engine).parse(default)
                except InvalidValue as error:
                    raise ValueError(f"{self.name}: default {default!r} on {engine}: {error}") from None

    def _reject(self, condition: bool, text: str) -> None:
        if condition:
            raise ValueError(f"{self.name or 'an option'} {text}")

    def _engines_with_facts(self) -> list[Engine]:
        milestones = {"redis 6.2", *self.since}
        for fact in (self.kind, self.default, self.apply, self.readable):
            if isinstance(fact, By):
                milestones |= set(fact.later)
        return [engine for engine in map(Engine.parse, sorted(milestones)) if self.exists_at(engine)]

    @property
    def names(self) -> tuple[str, ...]:
        """Every name some server knows it by, the canonical one first."""
        return (self.name, *self.aliases)

    @property
    def secret(self) -> bool:
        return any(isinstance(kind, Secret) for kind in _every(self.kind))

    def exists_at(self, engine: Engine) -> bool:
        return any(map(engine.reached, self.since)) and not any(map(engine.reached, self.removed))

    def kind_at(self, engine: Engine) -> Kind:
        return self.kind.at(engine) if isinstance(self.kind, By) else self.kind

    def apply_at(self, engine: Engine) -> Apply:
        return self.apply.at(engine) if isinstance(self.apply, By) else self.apply

    def default_at(self, engine: Engine) -> str | None:
        return self.default.at(engine) if isinstance(self.default, By) else self.default

    def readable_at(self, engine: Engine) -> bool:
        if self.file_only:
            return False
        return self.readable.at(engine) if isinstance(self.readable, By) else self.readable

    def spelled_at(self, engine: Engine) -> str:
        return self.name if self.spelling is None else self.spelling.at(engine)

    def parse(self, raw: Any, engine: Engine) -> Value:
        """What `raw` means to this server. raw: text, or what YAML made of it. Raises InvalidValue."""
        kind = self.kind_at(engine)
        if isinstance(kind, (Octal, Secret)) and not isinstance(raw, str):
            raise InvalidValue(f"{kind.describe()}, in quotes")  # YAML has already read 0770 as 504
        return kind.parse(as_text(raw, kind))


def as_text(raw: Any, kind: Kind) -> str:
    """What YAML made of a value, as the text Redis would read: True -> yes, [900, 1] -> '900 1'. Raises InvalidValue."""
    if isinstance(raw, bool):
        word = "yes" if raw else "no"
        if not (isinstance(kind, Bool) or word in getattr(kind, "words", ())):
            raise InvalidValue(kind.describe())
        return word
    if isinstance(raw, (int, float)):
        return str(raw)
    if isinstance(raw, str):
        return raw
    if isinstance(raw, (list, tuple)):
        return " ".join(as_text(item, kind) for item in raw)
    if isinstance(raw, Mapping):
        return " ".join(f"{key} {as_text(value, kind)}" for key, value in raw.items())
    raise InvalidValue(kind.describe())


def _every(fact: Any) -> list[Any]:
    return [fact.first, *fact.later.values()] if isinstance(fact, By) else [fact]
