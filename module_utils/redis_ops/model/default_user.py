"""The rules of a `user default` line of redis.conf, which beats requirepass (acl.c, ACLLoadConfiguredUsers and ACLSetUser)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Optional

from . import acl

PASSWORD_MARKS = (">", "<", "#", "!")  # add, remove a password; add, remove a hash
_EVERYTHING = {"on", "~*", "&*", "+@all"}


def is_unrestricted(rules: Iterable[str]) -> bool:
    """Whether they give what a default user without a line has, its passwords left out. A line without &* has no channels
    since Redis 7.0, and counts as restricted.
    """
    words = {acl.SYNONYMS.get(rule.lower(), rule.lower()) for rule in rules if not rule.startswith(PASSWORD_MARKS)}
    return words - {"nopass", "resetpass", "sanitize-payload"} == _EVERYTHING


def passwords(rules: Iterable[str]) -> Optional[frozenset[str]]:
    """SHA-256 of each; None where everybody gets in without one."""
    user = acl.parse(rules)
    return None if user.nopass else frozenset(user.passwords)


def wanted(password: str) -> Optional[frozenset[str]]:
    """The same where requirepass has this value."""
    return frozenset({acl.hashed(password)}) if password else None


def with_password(rules: Sequence[str], password: str) -> tuple[str, ...]:
    """The rules with this password alone, '' for none. It stands last, because a `reset` before it would forget it."""
    others = [
        rule for rule in rules if not rule.startswith(PASSWORD_MARKS) and rule.lower() not in ("nopass", "resetpass")
    ]
    return (*others, f"#{acl.hashed(password)}" if password else "nopass")
