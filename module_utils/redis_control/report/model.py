"""The document that every output of every report is made from. A kind of report builds one; a renderer reads nothing else.

Every text in it is data that may come from a host. It holds no control character; a renderer escapes it for its format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...redis_ops.base.findings import Status
from .blocks import Page


@dataclass(frozen=True)
class Value:
    """What a setting is in one place. off: whether it is not as expected there."""

    name: str
    text: str
    off: bool = False


@dataclass(frozen=True)
class Row:
    """One thing that was judged.

    mark: the verdict in the words of its kind, such as FAIL, live_not_persisted or worse. status: what it counts as.
    what: the subject in words. name: as people type it, '' where `what` is that. told: the sentence of the terminal,
    '' for the message. columns: what the terminal aligns below one another, in place of a sentence. remedy: what to do;
    cause, command and prose: its parts on the page, which are the likely cause, a line to copy, and the rest. details:
    further lines of the page. listed: whether the terminal shows it.
    """

    id: str
    mark: str
    status: Status
    what: str
    actual: str
    expected: str
    name: str = ""
    case: str = ""
    told: str = ""
    columns: tuple[str, ...] = ()
    where: str = ""
    why: str = ""
    remedy: str = ""
    cause: str = ""
    command: str = ""
    prose: str = ""
    values: tuple[Value, ...] = ()
    details: tuple[str, ...] = ()
    new: bool = False
    listed: bool = True

    @property
    def message(self) -> str:
        return f"{self.actual}; expected {self.expected}"


@dataclass(frozen=True)
class Subject:
    """What was judged as one: an instance, a host, or the checks of a host.

    suite: its name in JUnit. heading: its first line in a terminal. before, after: lines around its rows, as label and
    text. premise: what has to hold before any row counts, a test case of its own in JUnit; '' for none. doubts: why it
    does not hold. listed: whether the terminal shows it.
    """

    suite: str
    heading: str
    rows: tuple[Row, ...] = ()
    before: tuple[tuple[str, str], ...] = ()
    after: tuple[tuple[str, str], ...] = ()
    premise: str = ""
    doubts: tuple[str, ...] = ()
    listed: bool = True


@dataclass(frozen=True)
class Sample:
    """One value of a gauge, with its labels as pairs of name and value."""

    value: float
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Gauge:
    """One metric for Prometheus. about: its help text."""

    name: str
    about: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Document:
    """One report.

    kind: such as 'drift'. time: UTC, ISO 8601. seconds: how long it took. doubt: the mark of what could not be judged.
    brief: lines before the subjects, and notes: lines after them, as label and text. summary: the verdict, in the last
    lines of the terminal. column: the width of the marks there. record: what programs read as JSON.
    """

    kind: str
    verdict: str
    exit_code: int
    time: str
    seconds: float
    doubt: str
    subjects: tuple[Subject, ...]
    summary: tuple[str, ...]
    gauges: tuple[Gauge, ...]
    page: Page
    record: Mapping[str, Any]
    brief: tuple[tuple[str, str], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    column: int = 6


def gauge(name: str, about: str, value: float) -> Gauge:
    """A gauge of one value without labels."""
    return Gauge(name, about, (Sample(value),))
