"""Put molecule/_lab on the path, for oracle.py."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "_lab"))
pytest.register_assert_rewrite("oracle")

import oracle  # noqa: E402

oracle.share_connections()
