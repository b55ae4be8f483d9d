"""The rules of a `user default` line of redis.conf, which beats requirepass (acl.c, ACLLoadConfiguredUsers and ACLSetUser)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Optional

PASSWORD_MARKS = (">", "<", "#", "!")  # add, remove a password; add, remove a hash
_FORGETS = ("nopass", "resetpass", "reset")
_SYNONYMS = {"allkeys": "~*", "allchannels": "&*", "allcommands": "+@all"}
_EVERYTHING = {"on", "~*", "&*", "+@all"}


def is_unrestricted(rules: Iterable[str]) -> bool:
    """Whether they give what a default user without a line has, its passwords left out. A line without &* has no channels
    since Redis 7.0, and counts as restricted.
    """
    words = {_SYNONYMS.get(rule.lower(), rule.lower()) for rule in rules if not rule.startswith(PASSWORD_MARKS)}
    return words - {"nopass", "resetpass", "sanitize-payload"} == _EVERYTHING


def passwords(rules: Iterable[str]) -> Optional[frozenset[str]]:
    """SHA-256 of each; None where everybody gets in without one."""
    found: set[str] = set()
    nopass = False
    for rule in rules:
        if rule.lower() in _FORGETS:
            found, nopass = set(), rule.lower() == "nopass"
        elif rule.startswith((">", "#")):
            found.add(_hashed(rule))
            nopass = False
        elif rule.startswith(("<", "!")):
            found.discard(_hashed(rule))
    return None if nopass else frozenset(found)


def wanted(password: str) -> Optional[frozenset[str]]:
    """The same where requirepass has this value."""
    return frozenset({_hashed(f">{password}")}) if password else None


def with_password(rules: Sequence[str], password: str) -> tuple[str, ...]:
    """The rules with this password alone, '' for none. It stands last, because a `reset` before it would forget it."""
    others = [rule for rule in rules if not rule.startswith(PASSWORD_MARKS) and rule.lower() not in _FORGETS[:2]]
    return (*others, f"#{_hashed(f'>{password}')}" if password else "nopass")


def _hashed(rule: str) -> str:
    text = rule[1:]
    return text.lower() if rule[0] in "#!" else hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
