"""What ends a program of the load."""

from __future__ import annotations


class Problem(Exception):
    """It cannot run, or not go on. One line for each reason: where, what, what was expected."""


class Stopped(Exception):
    """Somebody ends this run."""
