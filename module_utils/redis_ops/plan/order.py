"""In which order a running server is changed, and what has to wait for a restart because of something else. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from .. import catalog
from ..catalog.kinds import Value
from ..catalog.option import Trait
from .comparison import Entry, How

# The ports are live; a unix socket needs a restart.
_WAYS_IN = catalog.with_trait(Trait.WAY_IN)
_PORTS = catalog.with_trait(Trait.CLIENT_PORT)
_GUARDS = catalog.with_trait(Trait.GUARD)
_ALL = {"*", "0.0.0.0", "::", "::*"}  # noqa: S104 - recognised, not bound
# The value with which a guard keeps people out; a password does whatever it is
_SHUT = {"protected-mode": True, "tls-auth-clients": "yes"}


def in_order(entries: Sequence[Entry], live: Mapping[str, Value]) -> tuple[Entry, ...]:
    """The entries as CONFIG SET takes them one at a time (Redis 6.2), with what has to wait for a restart marked.

    First what keeps people out, then room before what needs it; then fewer addresses, ways in that open, ways in that
    close and more addresses; last what lets people in.
    live: canonical option name -> value of the running server.
    """
    # a way in that waits for a protection is not open yet, so the protections come first
    return tuple(sorted(_with_last_way_in(_with_last_protection(_with_users(entries, live)), live), key=_rank))


def _with_users(entries: Sequence[Entry], live: Mapping[str, Value]) -> list[Entry]:
    """Where an aclfile has the users, CONFIG SET requirepass "" takes the password of the default user away until the next
    start reads it again.
    """
    decides = live.get("aclfile") and any(entry.option.name == "aclfile" and entry.want for entry in entries)
    reason = "the running server would let everybody in until it reads its aclfile again"
    return [
        replace(entry, how=How.RESTART, reason=reason)
        if decides and entry.how is How.LIVE and entry.option.name == "requirepass" and not entry.want
        else entry
        for entry in entries
    ]


def _with_last_protection(entries: Sequence[Entry]) -> list[Entry]:
    """Until a restart reads the users of an aclfile, a password stays and nothing is opened."""
    waits = any(entry.option.name == "aclfile" and entry.how is How.RESTART and entry.want for entry in entries)
    if not waits:
        return list(entries)
    reason = "aclfile keeps people out from the next restart on"
    return [
        replace(entry, how=How.RESTART, reason=reason) if entry.how is How.LIVE and _opens(entry) else entry
        for entry in entries
    ]


def _with_last_way_in(entries: Sequence[Entry], live: Mapping[str, Value]) -> list[Entry]:
    """A way in is not closed before another one is open, and while it stays it is not opened wider."""
    now = {name for name in _WAYS_IN if live.get(name)}
    closing = [entry for entry in entries if entry.option.name in _WAYS_IN and entry.how is How.LIVE and not entry.want]
    opening = [
        entry for entry in entries if entry.option.name in _WAYS_IN and entry.how is not How.NOTHING and entry.want
    ]
    stay = now - {entry.option.name for entry in closing}
    if not closing or stay or not opening or any(entry.how is How.LIVE for entry in opening):
        return list(entries)
    stays = ", ".join(entry.option.name for entry in closing)
    reason = f"{stays} is the last way in until a restart opens {', '.join(entry.option.name for entry in opening)}"
    return [
        replace(entry, how=How.RESTART, reason=reason)
        if entry in closing or (entry.how is How.LIVE and _opens(entry))
        else entry
        for entry in entries
    ]


def _lets_in(entry: Entry) -> bool:
    """Whether it removes what keeps people out."""
    name = entry.option.name
    return (name == "requirepass" and not entry.want) or (name in _SHUT and entry.want != _SHUT[name])


def _opens(entry: Entry) -> bool:
    """Whether more people may reach the server, or fewer are kept out."""
    name = entry.option.name
    if name == "bind":
        return not _is_narrower(entry)
    return _lets_in(entry) or (name in _PORTS and bool(entry.want))


def _rank(entry: Entry) -> int:
    """A limit that is raised goes before the policy, or writes are refused under the new policy and the old limit; one
    that is lowered goes after it. At no step is there a combination of address and port that neither state has.
    """
    name = entry.option.name
    if name == "maxmemory":
        raised = entry.want == 0 or (isinstance(entry.live, int) and 0 < entry.live < entry.want)
        return -2 if raised else 0
    if _lets_in(entry):
        return 6
    if name in _GUARDS:
        return -3
    if name == "bind":
        return 1 if _is_narrower(entry) else 5
    if name in _PORTS:
        return 4 if not entry.want else 2 if name == "tls-port" else 3
    return -1 if name == "maxmemory-policy" else 0


def _is_narrower(entry: Entry) -> bool:
    """Whether the wanted addresses are reached by nobody who does not reach the server now."""
    before = set(entry.live) if isinstance(entry.live, tuple) else set()
    now = {word.lstrip("-") for word in before}
    words = {word.lstrip("-") for word in entry.want}
    return bool(words) and (words <= now or bool(now & _ALL) or all(map(_is_local, words)))


def _is_local(word: str) -> bool:
    return word == "::1" or word.startswith("127.")
