"""The JSON of a report: the same document, in lines that a person can read."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils.redis_control.report import record
from hypothesis import given
from hypothesis import strategies as st
from specs import ROOT
from strategies import quick

EXAMPLE = ROOT / "docs" / "loadtest-report.example.json"
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
DOCUMENTS = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@quick
@given(DOCUMENTS)
def test_it_is_the_same_document(document):
    assert json.loads(record.text(document)) == document


def test_a_record_of_a_list_is_one_line():
    samples = [{"t": number, "memory": {"used": number}, "text": "x" * 200} for number in range(3)]
    document = {"verdict": "PASS", "samples": samples}
    lines = record.text(document).splitlines()
    assert lines[:3] == ["{", ' "verdict": "PASS",', ' "samples": [']
    assert lines[3:6] == [f"  {json.dumps(sample)}{',' if sample['t'] < 2 else ''}" for sample in samples]
    assert lines[6:] == [" ]", "}"]


@pytest.mark.parametrize("document", [{}, [], {"a": 1}, {"a": [1, 2], "b": {"c": None}}])
def test_what_fits_on_a_line_is_on_one(document):
    assert record.text(document) == f"{json.dumps(document)}\n"


def test_a_long_list_of_long_texts_has_a_line_for_each():
    assert record.text(["x" * 100, "y" * 100]) == f'[\n "{"x" * 100}",\n "{"y" * 100}"\n]\n'


def test_the_example_is_laid_out_as_a_report_is():
    text = EXAMPLE.read_text(encoding="utf-8")
    assert text == record.text(json.loads(text))
    assert text.count("\n") < 1000
