"""Records of any kind of report as every renderer shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible.module_utils.redis_control.report import (
    comparison_document,
    drift_document,
    html,
    junit,
    load_document,
    prometheus,
    readiness,
    text,
)
from ansible.module_utils.redis_control.report.model import Document

KINDS = {
    "redis-drift": drift_document.of,
    "redis-loadtest": load_document.of,
    "redis-loadtest-compare": comparison_document.of,
    "redis-loadtest-readiness": readiness.of,
}


def document_of(record: Mapping[str, Any]) -> Document:
    return KINDS[record["schema"].partition("/")[0]](record)


def page(record: Mapping[str, Any]) -> str:
    return html.render(document_of(record))


def xml(record: Mapping[str, Any]) -> str:
    return junit.render(document_of(record))


def exposed(record: Mapping[str, Any]) -> str:
    return prometheus.render(document_of(record))


def lines(record: Mapping[str, Any], report: str = "", width: int = text.WIDTH) -> list[str]:
    return text.render(document_of(record), report, width)


def walk(blocks: Iterable[Any]) -> Iterator[Any]:
    """Every block, those in folds and sections too, in the order of the page."""
    for block in blocks:
        yield block
        yield from walk(getattr(block, "blocks", ()))


def blocks(record: Mapping[str, Any], kind: type) -> list[Any]:
    """Those of one kind on the page of a record."""
    return [block for block in walk(document_of(record).page.blocks) if isinstance(block, kind)]
