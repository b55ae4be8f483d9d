"""Drift: what is other than declared, who made it so, and what to do. Looks, and changes nothing.

states (the vocabulary) <- options, acl, lines (of a plan, a server, a file) <- look (at one instance) <- disk, unit <- instance,
machine (the host itself) <- check.
"""

from __future__ import annotations

from .check import check
from .states import Scope, State

__all__ = ["Scope", "State", "check"]
