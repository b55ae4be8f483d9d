"""The worked examples of CONTRIBUTING.md: each is carried out, and does what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.redis_control.report.blocks import Page
from ansible.module_utils.redis_control.report.model import Document, Row, Subject
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.findings import Status
from ansible.module_utils.redis_ops.base.states import State
from ansible.module_utils.redis_ops.catalog.kinds import Integer
from ansible.module_utils.redis_ops.catalog.option import Option, Trait
from ansible.module_utils.redis_ops.checks.registry import Judgement, Suite, check
from ansible.module_utils.redis_ops.view.facts import Facts
from judging import judged
from views import several, view_of

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text below a heading."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def example(title: str, **known: Any) -> dict[str, Any]:
    """What the example of a section defines. known: the names that its file has."""
    [code] = re.findall(r"^```python\n(.*?)^```", section(title), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = dict(known)
    exec(compile("from __future__ import annotations\n" + code, title, "exec"), names)
    return names


def test_an_option():
    made: list[Option] = []

    def keep(*given: Any, **more: Any) -> None:
        made.append(Option(*given, **more))

    example("Add an option to the catalogue", Option=keep, Integer=Integer, Trait=Trait)
    [option] = made
    engine = Engine.parse("redis 8.8.0")
    assert option.parse("32", engine) == 32
    assert option.exists_at(engine)
    assert not option.exists_at(Engine.parse("redis 8.0.0"))


@pytest.mark.parametrize(("now", "off"), [("10", False), ("5", True)])
def test_a_check(now, off):
    known = {"check": check, "Suite": Suite, "Status": Status, "State": State, "Judgement": Judgement, "Facts": Facts}
    made = example("Add a check", **known)["hz"]
    [one] = several({"name": "default"})
    view = view_of(one, live={"hz": now})
    [verified] = judged(made, view)
    assert (verified.id, verified.status) == ("verify.hz", Status.WARN if off else Status.PASS)
    assert [finding.state for finding in judged(made, view, Suite.DRIFT)] == ["live_not_persisted"] * off
    assert judged(made, view, Suite.READINESS) == []


def test_an_output():
    render = example("Add an output of reports", Document=Document)["render"]
    row = Row("option.hz", "drifted", Status.FAIL, "hz", "5", "10")
    subject = Subject("web1.default", "web1", rows=(row,))
    document = Document(
        "drift", "DRIFT", 2, "2026-01-01T00:00:00Z", 1.0, "", (subject,), (), (), Page("", "", (), "", (), ""), {}
    )
    assert render(document) == "drift\tDRIFT\ndrifted\tweb1.default\thz\t5; expected 10\n"


def test_a_platform():
    for word in ("current.py", "INSTALLERS", "tests/platforms.py", "PackageManager"):
        assert word in section("Add a platform")
    ops = ROOT / "module_utils/redis_ops/platform"
    assert "INSTALLERS" in (ops / "install.py").read_text(encoding="utf-8")
    assert "class PackageManager" in (ops / "packages.py").read_text(encoding="utf-8")
