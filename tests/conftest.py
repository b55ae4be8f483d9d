"""Make `ansible.module_utils.redis_ops` importable: one name for the package, the one the target knows it by."""

from __future__ import annotations

from pathlib import Path

import ansible.module_utils

ROOT = Path(__file__).parent.parent
ansible.module_utils.__path__.append(str(ROOT / "module_utils"))
