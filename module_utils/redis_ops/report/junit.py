"""The report as JUnit XML, as CI systems read it: one suite for each place, one failure for each finding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET  # written only, never parsed

from .document import is_drift


def render(document: Mapping[str, Any]) -> str:
    """The whole file."""
    root = ET.Element("testsuites", name="redis drift", time=str(document["seconds"]))
    for host in document["hosts"]:
        if host["status"] != "checked":
            suite = ET.SubElement(root, "testsuite", name=host["host"], tests="1", errors="1", failures="0")
            case = ET.SubElement(suite, "testcase", classname=host["host"], name="check")
            ET.SubElement(case, "error", message=f"{host['status']}: {host['error']}")
        for scope in host["scopes"]:
            _suite(root, document, host["host"], scope)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, document: Mapping[str, Any], host: str, scope: Mapping[str, Any]) -> None:
    name = ".".join(filter(None, (host, scope["instance"])))
    off = [finding for finding in scope["findings"] if is_drift(finding)]
    suite = ET.SubElement(
        root,
        "testsuite",
        name=name,
        timestamp=document["time"],
        tests=str(len(scope["findings"]) + 1),
        failures=str(len(off)),
        errors="0",
        skipped=str(len(scope["findings"]) - len(off)),
    )
    # what is right is one case with its number, not hundreds without news
    ET.SubElement(suite, "testcase", classname=name, name=f"{scope['counts'].get('in_sync', 0)} in sync")
    for finding in scope["findings"]:
        case = ET.SubElement(suite, "testcase", classname=name, name=finding["id"])
        told = f"{finding['actual']}; expected {finding['expected']}"
        if is_drift(finding):
            failure = ET.SubElement(case, "failure", type=finding["state"], message=told)
            failure.text = finding["remedy"]
        else:
            ET.SubElement(case, "skipped", message=f"{finding['state']}: {told}")
