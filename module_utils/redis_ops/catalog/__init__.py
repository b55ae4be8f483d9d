"""Every option of Redis 6.2 to 8.10 and Valkey 8.0 to 9.1, as data. tests/contract holds it against real servers.

What is newer than Redis 8.2 or Valkey 9.1.2 is from their documentation, not from a server.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Optional

from . import cluster, encoding, file_only, memory, network, observability, persistence, process, replication, security
from .vocabulary import Engine, Option, Trait


@dataclass(frozen=True)
class Group:
    """A heading of redis.conf. guide: sections of the tuning guide, '' for none; why: at most two lines.

    stays: whether each of its options is as if it had Trait.STAYS.
    """

    title: str
    guide: str
    why: str
    stays: bool = False


GROUPS: Mapping[str, Group] = {
    "network": Group("Network", "3.1, 9", "Listen only where clients are, with a queue that survives a burst of them."),
    "security": Group("Security", "", "Nobody gets in by default, and nobody may do more than they need.", stays=True),
    "tls": Group("TLS", "", "Encrypts clients, replicas and the cluster bus.", stays=True),
    "clients": Group(
        "Clients", "3.1, 6.1, 9", "Room for every connection of the load, and a limit on what one of them can hold."
    ),
    "memory": Group(
        "Memory and eviction",
        "1, 9",
        "The limit leaves room for the fork that saves; the policy decides what is lost first,\n"
        "which is nothing where jobs are queued.",
    ),
    "reclaim": Group(
        "Giving memory back", "", "Freeing large values in the background keeps the main thread answering."
    ),
    "persistence": Group(
        "Persistence", "2, 9", "What survives a crash: at most one second of writes with appendfsync everysec."
    ),
    "replication": Group(
        "Replication", "9", "A backlog that outlasts a short disconnection spares the primary a full copy."
    ),
    "cluster": Group("Cluster", "", "Slots, failover and how a node is announced.", stays=True),
    "performance": Group("Performance", "9", "One thread executes commands; these decide what it is spared."),
    "encoding": Group("Compact encodings", "6.2", "Small values take a fraction of the memory in compact form."),
    "observability": Group(
        "Log, slow log and latency", "5.3, 9", "What a load test or an incident is explained with afterwards."
    ),
    "process": Group("Process", "", "How the server starts and stops, and what it asks of the kernel."),
    "internal": Group("For tests of Redis itself", "", "Not for production."),
    "file-only": Group("Only in the file", "", "Directives that CONFIG does not know; recognised, not managed."),
}


def _index(options: Iterable[Option]) -> dict[str, Option]:
    index: dict[str, Option] = {}
    for option in options:
        if option.group not in GROUPS:
            raise ValueError(f"{option.name} is in no group: {option.group}")
        for name in option.names:
            if index.setdefault(_key(name), option) is not option:
                raise ValueError(f"{name} is two options: {index[_key(name)].name} and {option.name}")
    return index


def _key(name: str) -> str:
    return name.lower().replace("_", "-")


# as the tables have them, from the network inwards
_IN_TABLES: tuple[Option, ...] = (
    *network.OPTIONS,
    *security.OPTIONS,
    *observability.OPTIONS,
    *process.OPTIONS,
    *persistence.OPTIONS,
    *memory.OPTIONS,
    *replication.OPTIONS,
    *cluster.OPTIONS,
    *encoding.OPTIONS,
    *file_only.OPTIONS,
)
OPTIONS: tuple[Option, ...] = tuple(sorted(_IN_TABLES, key=lambda option: option.name))
_BY_NAME = _index(OPTIONS)


def find(name: str) -> Optional[Option]:
    """The option of this name, canonical or not, in any case, with '_' for '-' or not."""
    return _BY_NAME.get(_key(name))


def suggest(name: str) -> list[str]:
    """Up to three option names that look like this one, the nearest first."""
    near = difflib.get_close_matches(_key(name), _BY_NAME, n=9)
    return list(dict.fromkeys(_BY_NAME[name].name for name in near))[:3]


def with_trait(trait: Trait) -> tuple[str, ...]:
    """The canonical names of the options that have this trait, in the order of the tables."""
    return tuple(option.name for option in _IN_TABLES if trait in option.traits)


def has_trait(name: str, trait: Trait) -> bool:
    """Whether some option of this name has this trait."""
    option = find(name)
    return option is not None and trait in option.traits


def stays(option: Option) -> bool:
    """Whether an undeclared value in a file stays, unless this project put it there."""
    return GROUPS[option.group].stays or Trait.STAYS in option.traits


def options_at(engine: Engine) -> list[Option]:
    """The options that this server knows."""
    return [option for option in OPTIONS if option.exists_at(engine)]
