"""Drift: what is other than declared, who made it so, and what to do. Looks, and changes nothing.

states (the vocabulary) <- options, acl (of a plan, of a server) <- instance, machine (what beside) <- check.
"""

from __future__ import annotations

from .check import check
from .states import Scope, State

__all__ = ["Scope", "State", "check"]
