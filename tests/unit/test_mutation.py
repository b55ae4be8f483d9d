"""The mutants that tests/mutation makes, and the tests that it chooses for them."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.mutation import chosen, mutants  # noqa: E402

CODE = '''\
"""About a limit."""
LIMIT = 3
NAME = "limit"


def above(count: int = 0, *, strict: bool = True) -> bool:
    """Whether it is."""
    log(count)
    if strict:
        return count > LIMIT
    return open("x", encoding="utf-8").read() in ("a", None)
'''


@pytest.fixture
def found(tmp_path):
    path = tmp_path / "module_utils" / "some" / "limit.py"
    path.parent.mkdir(parents=True)
    path.write_text(CODE)
    return [mutant for place in mutants.places(tmp_path, path) for mutant in place.mutants()]


def test_each_mutant_is_python_and_differs_in_one_line(found):
    for mutant in found:
        ast.parse(mutant.code)
        removed, added = ([line for line in mutant.diff.splitlines() if line[0] == mark] for mark in "-+")
        assert (len(removed), len(added)) == (1, 1)


@pytest.mark.parametrize(
    "line",
    [
        "LIMIT = 4",  # a number
        "    pass",  # a call left out
        "    if not (strict):",  # a condition turned round
        "        return count >= LIMIT",  # a boundary
        "        return None",
        '    return open(None, encoding="utf-8").read() in ("a", None)',  # an argument
        '    return open("x", encoding="utf-8").read() not in ("a", None)',
    ],
)
def test_the_kinds_of_faults(found, line):
    assert line in {mutant.diff.splitlines()[1][1:] for mutant in found}


def test_texts_annotations_and_what_changes_nothing_stay(found):
    lines = {mutant.diff.splitlines()[1][1:] for mutant in found}
    assert not [line for line in lines if "limit" in line]
    assert not [line for line in lines if line.startswith("def") and ": int = " not in line]
    assert not [line for line in lines if "encoding" in line and "utf-8" not in line]


def test_a_sample_is_the_same_again_and_stays_when_another_line_changes(tmp_path):
    path = tmp_path / "x.py"
    path.write_text(CODE)
    first = [mutant.diff for mutant in mutants.sampled(tmp_path, [path], 1)]
    assert first == [mutant.diff for mutant in mutants.sampled(tmp_path, [path], 1)]
    assert first != [mutant.diff for mutant in mutants.sampled(tmp_path, [path], 2)]
    path.write_text("# more\n" + CODE.replace("log(count)", "log(count, 1)"))
    assert [diff for diff in first if "log" not in diff] == [
        mutant.diff for mutant in mutants.sampled(tmp_path, [path], 1) if "log" not in mutant.diff
    ]


def test_every_module_of_the_core_has_tests_and_that_of_its_name_is_first():
    choice = chosen.Choice(ROOT)
    rooms = [ROOT / "module_utils/redis_control", *(ROOT / "module_utils/redis_ops").iterdir()]
    paths = [path for room in rooms for path in room.rglob("*.py")]
    assert len(paths) > 100
    for path in paths:
        assert any(choice.rounds(path.relative_to(ROOT).as_posix())), path
    for module, test in (("plan/order", "order"), ("view/record", "record"), ("drift/unit", "drift_unit")):
        assert choice.rounds(f"module_utils/redis_ops/{module}.py")[0][0] == f"tests/unit/test_{test}.py"
