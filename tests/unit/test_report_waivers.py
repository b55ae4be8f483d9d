"""Waivers are added to a file without losing a word of it, and only to a file that is understood."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pytest
from ansible.module_utils.redis_control.report import waivers
from ansible.module_utils.redis_ops.base.errors import InvalidInput
from checked import TODAY, build, finding, looked
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "action_plugins"))
from redis_drift_waive import extended, read

UNTIL = date(2026, 12, 23)
NEW = waivers.propose([(host, "default", "option.hz", "running 50") for host in ("redis1", "redis2")], "OPS-417", UNTIL)
ADDED = """\
- id: !unsafe 'option.hz'
  hosts: [!unsafe 'redis1', !unsafe 'redis2']
  instances: [!unsafe 'default']
  actual: !unsafe 'running 50'
  reason: !unsafe 'OPS-417'
  expires: 2026-12-23
"""
OLD = "{id: acl.*, hosts: '*', reason: OPS-1, expires: 2027-01-31}"


def indented(by: int) -> str:
    return "".join(" " * by + line for line in ADDED.splitlines(keepends=True))


@pytest.mark.parametrize("before", [None, "", "\n"])
def test_a_new_file(before):
    after = extended(before, NEW, "f")
    assert after.startswith("---\n# Drift that is accepted")
    assert after.endswith("redis_drift_waivers:\n" + indented(2))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("redis_drift_waivers: []\n", "redis_drift_waivers:\n" + indented(2)),
        ("redis_drift_waivers:  # why\n", "redis_drift_waivers:  # why\n" + indented(2)),
        (f"# a\nredis_drift_waivers:\n- {OLD}  # b\n# c\n", f"# a\nredis_drift_waivers:\n- {OLD}  # b\n# c\n{ADDED}"),
        (
            f"x: 1\n\nredis_drift_waivers:\n\n    # a\n    - {OLD}",
            f"x: 1\n\nredis_drift_waivers:\n\n    # a\n    - {OLD}\n{indented(4)}",
        ),
    ],
)
def test_what_is_there_stays(before, after):
    assert extended(before, NEW, "f") == after


@pytest.mark.parametrize(
    "before",
    [
        f"redis_drift_waivers: [{OLD}]\n",
        f"redis_drift_waivers:\n  - {OLD}\nlater: 1\n",
        f"redis_drift_waivers:\n  - {OLD}\n...\n",
        "later: 1\n",
        "redis_drift_waivers: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  61\n",
        "$ANSIBLE_VAULT;1.1;AES256\n6162\n",
        "redis_drift_waivers: '{{ others }}'\n",
        "redis_drift_waivers: [\n",
        "- a list\n",
        "redis_drift_waivers:\n  - {id: x}\n",
    ],
)
def test_what_is_not_understood_is_left_alone(before):
    with pytest.raises(InvalidInput):
        _ = read(before, "f"), extended(before, NEW, "f")


def test_a_file_from_before_is_extended_and_keeps_its_texts():
    """`make waivers` wrote texts without a tag once."""
    before = extended(None, NEW, "f").replace("!unsafe ", "")
    after = extended(before, NEW, "f")
    assert after.startswith(before)
    assert read(before, "f") + read(before, "f") == read(after, "f")


def test_an_error_of_yaml_shows_no_line_of_the_file():
    with pytest.raises(InvalidInput, match="f:3:") as error:
        read("redis_drift_waivers:\n  - {id: sesame, sesame\n", "f")
    assert "sesame" not in str(error.value)


@quick
@given(st.text(min_size=1), st.text(), st.text(min_size=1), st.text(), st.text(min_size=1).filter(str.strip))
def test_a_proposal_waives_its_finding_and_no_other(host, instance, identity, actual, reason):
    new = waivers.propose([(host, instance, identity, actual)], reason, UNTIL)
    [waiver] = read(extended(None, new, "f"), "f")
    assert waiver.covers(host, instance, identity, "any", actual)
    assert waiver.reason == reason.strip()
    assert not waiver.covers(f"{host}x", instance, identity, "any", actual)
    assert not waiver.covers(host, f"{instance}x", identity, "any", actual)
    assert not waiver.covers(host, instance, f"{identity}x", "any", actual)
    assert not waiver.covers(host, instance, identity, "any", f"{actual}x")


def test_what_was_waived_is_clean_until_the_last_day():
    found = finding("directory./srv/a[1]*")
    new = waivers.propose([("redis1", "default", found["id"], found["actual"])], "OPS-417", TODAY)
    accepted = waivers.parse(new)
    assert build(looked("redis1", found, waivers=accepted))["exit_code"] == 0
    assert build(looked("redis1", {**found, "actual": "running 8mb"}, waivers=accepted))["exit_code"] == 2
    assert build(looked("redis1", found, waivers=accepted), today=date(2026, 11, 24))["exit_code"] == 2


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("x" * 500, "x" * waivers.NAME),
        (7, "7"),
        ({"a": 1}, "a mapping"),
        ([1, 2], "a list"),
        (True, "yes or no"),
        ("a\x1b[2J\nb", None),
    ],
)
def test_a_value_that_is_shown_is_short_and_of_one_line(value, told):
    shown = waivers._shown(value)
    assert shown.isprintable()
    assert len(shown) <= waivers.NAME + 20
    assert told is None or shown == told or shown.startswith(told)
