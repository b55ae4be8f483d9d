"""The files of one report, by the end of their names. Every kind of report has all of them."""

from __future__ import annotations

from collections.abc import Sequence

from . import html, junit, prometheus, record
from .model import Document


def texts(document: Document, lines: Sequence[str]) -> dict[str, str]:
    """End of a name -> text. lines: what the terminal shows. JSON is the last one, as the next run takes it for whole."""
    return {
        "html": html.render(document),
        "xml": junit.render(document),
        "prom": prometheus.render(document),
        "txt": "\n".join(lines) + "\n",
        "json": record.text(document.record),
    }
