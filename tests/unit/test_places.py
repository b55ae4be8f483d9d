"""What a directory really is."""

from __future__ import annotations

import os
from pathlib import Path

from ansible.module_utils.redis_ops.platform.places import identity, working_place


def test_one_directory_of_several_paths(tmp_path: Path):
    real, link = tmp_path / "real", tmp_path / "link"
    assert identity(str(real)) == str(real)
    link.symlink_to(real)
    assert identity(str(link)) == identity(str(real)), "before it is made"
    real.mkdir()
    assert identity(str(link)) == identity(str(real)) == identity(f"{link}/../real/.")
    assert identity(str(tmp_path)) != identity(str(real))
    assert identity("") == ""


def test_where_a_process_works():
    assert working_place(os.getpid()) == identity(str(Path.cwd()))
    assert working_place(2**22 + 1) == ""
