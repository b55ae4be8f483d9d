"""Put molecule/_lab on the path, for oracle.py and load.py, and begin every test without reports and temporary files."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "_lab"))
pytest.register_assert_rewrite("oracle", "load")

import oracle  # noqa: E402

oracle.share_connections()

import load  # noqa: E402


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    load.fresh()
    monkeypatch.setenv("TMPDIR", str(load.TEMPORARY))
