"""What a host runs, on the oldest Python that a host may have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import ansible
import pytest
from oldest_python import python_3_9

ROOT = Path(__file__).parent.parent.parent
PACKAGES = Path(ansible.__file__).parent.parent
# Imports everything that a host may get, and prints how much that was.
IMPORT = """
import importlib.util, pathlib, pkgutil, sys
root = pathlib.Path(sys.argv[1])
sys.path.append(sys.argv[2])
import ansible.module_utils
ansible.module_utils.__path__.append(str(root / "module_utils"))
from ansible.module_utils import redis_ops
names = [found.name for found in pkgutil.walk_packages(redis_ops.__path__, "ansible.module_utils.redis_ops.")]
for name in names:
    importlib.import_module(name)
files = sorted((root / "library").glob("*.py"))
for file in files:
    spec = importlib.util.spec_from_file_location("of_" + file.stem, file)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
print(len(names), len(files), sys.version_info[:2])
"""


def test_everything_that_a_host_may_get_imports():
    command = [python_3_9(), "-W", "error", "-B", "-c", IMPORT, str(ROOT), str(PACKAGES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    modules, library = (ROOT / "module_utils/redis_ops").rglob("*.py"), (ROOT / "library").glob("*.py")
    # without the package itself
    assert done.stdout.strip() == f"{len(list(modules)) - 1} {len(list(library))} (3, 9)"


@pytest.mark.skipif(os.geteuid() != 0, reason="a run needs root")
@pytest.mark.parametrize("playbook", ["provision.yml", "playbooks/check_drift.yml"])
def test_ansible_runs_the_modules_with_it(playbook, tmp_path):
    """As they are sent, one file each, by the Python of the host; check mode looks at everything and changes nothing."""
    command = [
        *(str(Path(sys.executable).parent / "ansible-playbook"), playbook, "--check"),
        *("-e", f"ansible_python_interpreter={python_3_9()}", "-e", f"redis_drift_reports={tmp_path}/reports"),
    ]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    # drift ends with 2 where this machine is not provisioned
    assert done.returncode in ((0,) if playbook == "provision.yml" else (0, 2)), said
    assert "failed=0" in said or "drift" in playbook, said
    assert (tmp_path / "reports" / "latest.json").exists() == ("drift" in playbook), said
