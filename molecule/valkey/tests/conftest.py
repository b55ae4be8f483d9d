"""Put molecule/_lab and the load scenario's helpers on the path, and begin every test without reports and temporary files."""

import sys
from pathlib import Path

import pytest

SCENARIOS = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(SCENARIOS / "_lab"), str(SCENARIOS / "loadtest" / "tests")]
pytest.register_assert_rewrite("oracle", "load")

import oracle  # noqa: E402

oracle.share_connections()

import load  # noqa: E402


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    load.fresh()
    monkeypatch.setenv("TMPDIR", str(load.TEMPORARY))
