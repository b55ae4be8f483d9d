"""A document as lines for a terminal. The most important line comes last. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Optional

from .model import Document, Row, Subject

WIDTH = 120
_INDENT = "  "


def render(document: Document, report: str = "", width: int = WIDTH) -> list[str]:
    """Lines of at most `width` characters, but for words that are longer and for the verdict, which is one line however long.

    report: where the page for people is.
    """
    lines = [line for start, told in document.brief for line in _wrapped(start, told, width, 2)]
    for subject in document.subjects:
        if subject.listed:
            lines += _subject(subject, document.column, width)
    lines += [""] if lines else []
    for start, told in document.notes:
        lines += _wrapped(start, told, width, 2)
    if report:
        lines.append(f"report: {report}")
    return [*lines, *document.summary]


def _subject(subject: Subject, column: int, width: int) -> Iterator[str]:
    yield from _wrapped("", subject.heading, width, 2)
    for label, told in subject.before:
        yield from _wrapped(_start(label, column), told, width)
    rows = [row for row in subject.rows if row.listed]
    widths = _widths(rows)
    for row in rows:
        yield from _row(row, widths, column, width)
    for label, told in subject.after:
        yield from _wrapped(_start(label, column), told, width)


def _start(mark: str, column: int) -> str:
    return f"{_INDENT}{mark:<{column}}" if mark else _INDENT


def _widths(rows: Sequence[Row]) -> list[int]:
    """Of the columns, where all of these rows have the same number of them."""
    columns = [row.columns for row in rows if row.columns]
    return [max(map(len, texts)) for texts in zip(*columns)]


def _row(row: Row, widths: Sequence[int], column: int, width: int) -> Iterator[str]:
    start = _start(row.mark, column)
    if row.columns:
        aligned = _INDENT.join(f"{text:<{size}}" for text, size in zip(row.columns, widths)).rstrip()
        yield from [start + aligned] if len(start + aligned) <= width else _wrapped(start, " ".join(row.columns), width)
        return
    yield from _wrapped(start, f"{row.what}: {row.told or row.message}", width)
    if row.remedy:
        yield from _wrapped(f"{_INDENT}{'':<{column}}-> ", row.remedy, width)


def _wrapped(start: str, told: str, width: int, indent: Optional[int] = None) -> list[str]:
    return textwrap.wrap(
        told,
        width,
        initial_indent=start,
        subsequent_indent=" " * (len(start) if indent is None else indent),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [start.rstrip()]
