"""A report as JUnit XML, as CI systems read it. Of a drift check: one suite for each place, one failure for each finding.
Of a load test: one suite for each instance and for the checks of each host before it, one case for each target or check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET  # written only, never parsed

from . import loadtest
from .document import is_drift, printable


@dataclass(frozen=True)
class _Case:
    """outcome: failure, error, skipped or system-out; empty where there is nothing to tell."""

    name: str
    outcome: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True)
class _Suite:
    name: str
    cases: Sequence[_Case]
    attributes: Mapping[str, str]


def render(document: Mapping[str, Any]) -> str:
    """The whole file. document: of a drift check or of a load test."""
    if document["schema"] == loadtest.SCHEMA:
        seconds = max((place["seconds"] for place in document["instances"]), default=0)
        root = ET.Element("testsuites", name="redis load test", time=str(seconds))
        suites = _of_load_test(printable(document))
    else:
        root = ET.Element("testsuites", name="redis drift", time=str(document["seconds"]))
        suites = _of_drift(document)
    for suite in suites:
        _write(root, suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _write(root: ET.Element, suite: _Suite) -> None:
    told = ET.SubElement(root, "testsuite", {"name": suite.name, **suite.attributes})
    for case in suite.cases:
        element = ET.SubElement(told, "testcase", classname=suite.name, name=case.name)
        if case.outcome:
            ET.SubElement(element, case.outcome, dict(case.attributes)).text = case.text or None


def _counted(time: str, cases: Sequence[_Case]) -> dict[str, str]:
    outcomes = [case.outcome for case in cases]
    names = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    counts = {name: str(outcomes.count(outcome)) for name, outcome in names.items()}
    return {"timestamp": time, "tests": str(len(cases)), **counts}


# --- drift ------------------------------------------------------------------------------------------------------------


def _of_drift(document: Mapping[str, Any]) -> Iterator[_Suite]:
    for host in document["hosts"]:
        if host["status"] != "checked":
            case = _Case("check", "error", {"message": f"{host['status']}: {host['error']}"})
            yield _Suite(host["host"], [case], {"tests": "1", "errors": "1", "failures": "0"})
        for scope in host["scopes"]:
            # what is right is one case with its number, not hundreds without news
            cases = [_Case(f"{scope['counts'].get('in_sync', 0)} in sync"), *map(_drift, scope["findings"])]
            name = ".".join(filter(None, (host["host"], scope["instance"])))
            yield _Suite(name, cases, _counted(document["time"], cases))


def _drift(finding: Mapping[str, Any]) -> _Case:
    told = f"{finding['actual']}; expected {finding['expected']}"
    if is_drift(finding):
        return _Case(finding["id"], "failure", {"type": finding["state"], "message": told}, finding["remedy"])
    return _Case(finding["id"], "skipped", {"message": f"{finding['state']}: {told}"})


# --- load test --------------------------------------------------------------------------------------------------------

TRUST = "the measurement can be trusted"


def _of_load_test(document: Mapping[str, Any]) -> Iterator[_Suite]:
    checks: dict[str, list[_Case]] = {}
    for finding in document["checklist"]:
        # one check looks at several instances
        name = f"{finding['id']}: {finding['subject']}"
        checks.setdefault(f"{finding['host']}.checklist", []).append(_judged(finding, name))
    suites = list(checks.items())
    for place in document["instances"]:
        doubts = list(dict.fromkeys([*document["distrust"], *place["distrust"]]))
        targets = [
            _judged(finding, finding["id"].removeprefix("load."), trusted=not doubts) for finding in place["findings"]
        ]
        suites.append((f"{place['host']}.{place['instance']}", [_trust(doubts), *targets]))
    if not document["instances"]:
        suites.append(("load test", [_trust(document["distrust"] or ["nothing was measured"])]))
    for name, cases in suites:
        yield _Suite(name, cases, _counted(document["time"], cases))


def _trust(doubts: Sequence[str]) -> _Case:
    if not doubts:
        return _Case(TRUST)
    return _Case(TRUST, "error", {"type": "INVALID", "message": doubts[0]}, "\n".join(doubts))


def _judged(finding: Mapping[str, Any], name: str, *, trusted: bool = True) -> _Case:
    """Of an INVALID measurement no target is missed, and none is met."""
    told = f"{finding['subject']}: {finding['actual']}; expected {finding['expected']}"
    if not trusted:
        return _Case(name, "skipped", {"message": f"not to be trusted: {told}"})
    if finding["status"] == "FAIL":
        return _Case(name, "failure", {"type": "FAIL", "message": told}, finding["remedy"])
    if finding["status"] == "SKIP":
        return _Case(name, "skipped", {"message": told})
    if finding["status"] == "WARN":
        return _Case(name, "system-out", text="\n".join(filter(None, [f"WARN {told}", finding["remedy"]])))
    return _Case(name, "system-out", text=told)
