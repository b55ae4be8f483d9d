"""The answer to a yes-or-no question about a host: yes, no, or it could not be determined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Answer:
    """holds: True for yes, False for no, None where it could not be determined. reason: empty for yes."""

    holds: Optional[bool]
    reason: str = ""


YES = Answer(holds=True)


def no(reason: str) -> Answer:
    """No, for this reason."""
    return Answer(holds=False, reason=reason)


def unknown(reason: str) -> Answer:
    """Could not be determined, for this reason."""
    return Answer(holds=None, reason=reason)
