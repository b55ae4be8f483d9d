"""A document as JUnit XML, as CI systems read it: one suite for each subject, one case for each row, and one for what has
to hold before a row counts. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET  # written only, never parsed

from ...redis_ops.base.findings import Status
from .model import Document, Row, Subject


@dataclass(frozen=True)
class _Case:
    """outcome: failure, error, skipped or system-out; empty where there is nothing to tell."""

    name: str
    outcome: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


def render(document: Document) -> str:
    """The whole file."""
    root = ET.Element("testsuites", name=f"redis {document.kind}", time=str(document.seconds))
    for subject in document.subjects:
        cases = list(_cases(subject, document.doubt))
        suite = ET.SubElement(root, "testsuite", {"name": subject.suite, **_counted(document.time, cases)})
        for case in cases:
            element = ET.SubElement(suite, "testcase", classname=subject.suite, name=case.name)
            if case.outcome:
                ET.SubElement(element, case.outcome, dict(case.attributes)).text = case.text or None
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _counted(time: str, cases: Sequence[_Case]) -> dict[str, str]:
    outcomes = [case.outcome for case in cases]
    names = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    counts = {name: str(outcomes.count(outcome)) for name, outcome in names.items()}
    return {"timestamp": time, "tests": str(len(cases)), **counts}


def _cases(subject: Subject, doubt: str) -> Iterator[_Case]:
    if subject.doubts:
        yield _Case(subject.premise, "error", {"type": doubt, "message": subject.doubts[0]}, "\n".join(subject.doubts))
    elif subject.premise:
        yield _Case(subject.premise)
    for row in subject.rows:
        yield _judged(row, trusted=not subject.doubts)


def _judged(row: Row, *, trusted: bool) -> _Case:
    """Where the premise does not hold nothing is missed, and nothing is met."""
    name, told = row.case or row.id, row.told or row.message
    if not trusted:
        return _Case(name, "skipped", {"message": f"not to be trusted: {row.message}"})
    if row.status is Status.FAIL:
        return _Case(name, "failure", {"type": row.mark, "message": row.message}, row.remedy)
    if row.status is Status.SKIP:
        return _Case(name, "skipped", {"message": f"{row.mark}: {row.message}"})
    if row.status is Status.WARN:
        return _Case(name, "system-out", text="\n".join(filter(None, [f"{row.mark} {told}", row.remedy])))
    return _Case(name, "system-out", text=told)
