"""The documents point at things that exist, and name nothing that the project does not have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.redis_control.load import guide
from ansible.module_utils.redis_ops.checks.registry import Suite
from ansible.module_utils.redis_ops.load import checklist
from snippets import MADE, documents, without_fences
from specs import ROOT, load

TRACEABILITY = ROOT / "docs" / "guide-traceability.md"
OPS = ROOT / "module_utils" / "redis_ops"
every_document = pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))


def test_there_are_documents():
    assert {"guide-traceability.md", "decisions.md", "how-it-works.md", "CONTRIBUTING.md"} <= {
        path.name for path in documents()
    }


# --- links ------------------------------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """What GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", without_fences(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(path: Path, target: str) -> bool:
    if re.match(r"[a-z]+:", target):
        return False  # elsewhere
    name, _, anchor = target.partition("#")
    file = (path.parent / name) if name else path
    return not file.exists() or bool(anchor and file.suffix == ".md" and anchor not in anchors(file))


@every_document
def test_links_lead_somewhere(path):
    text = without_fences(path)
    defined = dict(re.findall(r"^\[([^\]]+)\]: (\S+)$", text, re.MULTILINE))
    targets = [*re.findall(r"\]\(([^)\s]+)\)", text), *defined.values()]
    assert [target for target in targets if broken(path, target)] == []
    assert set(re.findall(r"\]\[([^\]]+)\]", text)) == set(defined), "a link without its address, or the reverse"


# --- names ------------------------------------------------------------------------------------------------------------

FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in {".git", ".venv", ".cache"}}


def paths_in(text: str) -> set[str]:
    """What stands in backticks and begins with a directory of this repository."""
    quoted = re.findall(r"`([\w.@*-]+(?:/[\w.@*-]+)*/?)`", text)
    return {name for name in quoted if "/" in name and name.split("/")[0] in FOLDERS - MADE}


def test_a_path_is_known_when_it_is_seen():
    text = "`roles/redis_host/` `tests/unit/test_*.py` `vm.swappiness` `/etc/redis` `redis/redis.conf` `docs`"
    assert paths_in(text) == {"roles/redis_host/", "tests/unit/test_*.py"}


@every_document
def test_paths_exist(path):
    assert [name for name in sorted(paths_in(without_fences(path))) if not list(ROOT.glob(name.rstrip("/")))] == []


def variables() -> set[str]:
    files = [*ROOT.glob("roles/*/defaults/main.yml"), *ROOT.glob("roles/*/vars/**/*.yml")]
    return {name for file in files for name in load(file)}


@every_document
def test_role_variables_exist(path):
    named = set(re.findall(r"(?<!\w)redis_(?:server|host)_\w+", path.read_text(encoding="utf-8")))
    assert {name for name in named if not name.endswith("_")} <= variables()  # redis_server_* is all of them


# --- the guide --------------------------------------------------------------------------------------------------------

# The headings of the tuning guide, read by hand.
SECTIONS = ["1.1", "1.2", "1.3", "2.1", "2.2", "3.1", "3.2", "4.1", "4.2", "5.1", "5.2", "5.3", "6.1", "6.2"]
SECTIONS += ["7", "8", "9", "10"]
VERDICTS = {"as written", "corrected", "not followed"}


def statements() -> list[tuple[str, list[str]]]:
    """(section, cells) of every row about the guide."""
    found = []
    for part in re.split(r"^## ", without_fences(TRACEABILITY), flags=re.MULTILINE)[1:]:
        section = part.split(maxsplit=1)[0]
        rows = [
            line for line in part.splitlines() if line.startswith("| ") and not line.startswith("| The guide says |")
        ]
        found += [(section, [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]) for row in rows]
    return found


def test_every_section_of_the_guide_is_there_in_its_order():
    headings = re.findall(r"^## (\d+(?:\.\d+)?) ", without_fences(TRACEABILITY), re.MULTILINE)
    assert headings == SECTIONS
    assert set(SECTIONS) <= {section for section, _ in statements()}


def test_every_statement_has_a_verdict_and_a_place():
    for section, cells in statements():
        assert len(cells) == 4, (section, cells)
        says, verdict, where, why = cells
        assert verdict in VERDICTS, (section, says)
        assert where, (section, says)
        assert why or verdict == "as written", (section, says, "departs without a reason")


def test_every_target_that_the_guide_asks_for_is_traced_and_every_traced_one_exists():
    named = re.findall(r"targets? ((?:`\w+`(?:, | and )?)+)", without_fences(TRACEABILITY))
    traced = {name for names in named for name in re.findall(r"`(\w+)`", names)}
    assert traced <= {threshold.metric for threshold in guide.THRESHOLDS}
    assert {threshold.metric for threshold in guide.THRESHOLDS if "guide" in threshold.source} <= traced


def test_every_finding_of_the_checklist_that_is_traced_exists():
    source = "".join((OPS / name).read_text(encoding="utf-8") for name in ("load/checklist.py", "checks/capacity.py"))
    registered = {one.ids[Suite.READINESS] for one in checklist.CHECKS if Suite.READINESS in one.ids}
    named = set(re.findall(r"`checklist\.(\w+)(?:\.([\w-]+))?`", without_fences(TRACEABILITY)))
    assert named
    for name, setting in named:
        there = f"checklist.{name}" in registered or f'"{name}"' in source
        assert setting in checklist.SECTION_7 if name == "settings" else there, name


def test_every_setting_of_a_profile_is_traced():
    profiles = yaml.safe_load((ROOT / "roles/redis_server/vars/main/profiles.yml").read_text(encoding="utf-8"))
    options = {name for profile in profiles["__redis_server_profiles"].values() for name in profile} - {"based_on"}
    text = without_fences(TRACEABILITY)
    assert [name for name in sorted(options) if not re.search(rf"(?<![\w-]){name}(?![\w-])", text)] == []
