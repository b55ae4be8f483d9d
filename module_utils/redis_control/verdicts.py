"""How the verdicts of parts make the verdict of the whole, for every kind of report. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """The verdicts of one kind of report.

    codes: verdict -> exit code, in the order in which they decide, such as the worst first. doubt: the verdict of what
    could not be judged.
    """

    codes: Mapping[str, int]
    doubt: str

    def whole(self, parts: Iterable[str], doubts: Collection[str] = ()) -> str:
        """The first of the verdicts that a part has. Without parts, or with doubts about the whole, it is the doubt."""
        found = set(parts)
        return self.doubt if doubts or not found else next(word for word in self.codes if word in found)

    def part(self, verdict: str, doubts: Collection[str] = ()) -> str:
        """The verdict of a part of a whole that has these doubts: no part is surer than its whole."""
        return self.doubt if doubts else verdict


PASS, FAIL, INVALID = "PASS", "FAIL", "INVALID"
LOAD_TEST = Scale({INVALID: 3, FAIL: 2, PASS: 0}, doubt=INVALID)

READY, NOT_READY = "READY", "NOT READY"
READINESS = Scale({NOT_READY: 2, READY: 0}, doubt=NOT_READY)

CLEAN, DRIFT, FAILED = "clean", "drift", "failed"
DRIFT_CHECK = Scale({FAILED: 1, DRIFT: 2, CLEAN: 0}, doubt=FAILED)

BETTER, WORSE, NOT_WORSE, CANNOT_TELL = "better", "worse", "not worse", "cannot tell"
COMPARISON = Scale({WORSE: 2, BETTER: 0, NOT_WORSE: 0, CANNOT_TELL: 3}, doubt=CANNOT_TELL)
