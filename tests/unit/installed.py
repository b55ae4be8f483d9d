"""Programs of Ansible as somebody else runs them, in a project of their own; and the collection, built."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

from specs import ROOT

PROGRAM = ROOT / "scripts" / "build-collection"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
ENVIRONMENT["ANSIBLE_NOCOLOR"] = "1"


def ansible(project: Path, program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program of Ansible in a project, with nothing but the project's own ansible.cfg."""
    command = [sys.executable, "-m", "ansible", program, *words]
    return subprocess.run(
        command, cwd=project, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120
    )


def built(directory: Path) -> Path:
    """The artifact, built anew into a directory."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(directory)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return Path(done.stdout.strip())


def checksums(artifact: Path) -> dict[str, str]:
    """What ansible-galaxy says of each file in an artifact."""
    with tarfile.open(artifact) as opened:
        files = json.load(opened.extractfile("FILES.json"))["files"]
        assert sorted(opened.getnames()) == sorted(
            ["MANIFEST.json", "FILES.json", *(one["name"] for one in files if one["name"] != ".")]
        )
    return {one["name"]: one["chksum_sha256"] for one in files if one["ftype"] == "file"}
