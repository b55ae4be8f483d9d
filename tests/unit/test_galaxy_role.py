"""ansible-galaxy takes this tree for no role."""

from __future__ import annotations

import json
import tarfile

from installed import ansible
from specs import ROOT


def test_this_tree_is_no_role_of_galaxy(tmp_path):
    """ansible-galaxy takes the first directory with a meta/main.yml for the role, whatever else is there."""
    archived = tmp_path / "redis.tar.gz"
    with tarfile.open(archived, "w:gz") as opened:
        for name in ("README.md", "playbooks", "roles"):
            opened.add(ROOT / name, f"ansible-redis/{name}")
    (tmp_path / "requirements.yml").write_text(json.dumps([{"src": f"file://{archived}", "name": "redis"}]))
    done = ansible(tmp_path, "galaxy", "role", "install", "-r", "requirements.yml", "-p", "roles")
    assert done.returncode == 1
    assert "does not appear to have a meta/main.yml file" in " ".join(done.stderr.split())
    assert not (tmp_path / "roles" / "redis").exists()
