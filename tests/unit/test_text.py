"""Text from elsewhere moves no cursor, wherever it is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.redis_ops.base.errors import RedisOpsError
from ansible.module_utils.redis_ops.base.text import printable
from ansible.module_utils.redis_ops.edge import run
from attacks import EVERY
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

every_attack = pytest.mark.parametrize("attack", EVERY, ids=lambda attack: ascii(attack)[:40])


@every_attack
def test_a_text_is_one_line_or_lines(attack):
    assert printable(attack).isprintable()
    assert printable(attack, lines=True).replace("\n", "").isprintable()
    assert len(printable(attack)) == len(printable(attack, lines=True)) == len(attack)


@quick
@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_letters_signs_and_marks_stay(text):
    assert printable(text) == text


class Module:
    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self.said: dict[str, Any] = {}

    def exit_json(self, **result: Any) -> None:
        self.said = result

    def fail_json(self, msg: str, **result: Any) -> None:
        self.said = {"msg": msg, **result}


@every_attack
@pytest.mark.parametrize("kind", [RedisOpsError, lambda text: FileNotFoundError(2, "gone", text), ValueError, None])
def test_what_a_module_fails_with_moves_no_cursor(attack, kind):
    """ansible-core 2.19 writes it to the terminal as it is."""

    def work() -> dict[str, Any]:
        if kind is None:
            return {"failed": True, "msg": attack}
        raise kind(attack)

    module = Module()
    run.answer(module, work)
    assert module.said["msg"].replace("\n", "").isprintable()
