# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Check what was typed on the control node, then run the module. library/redis_verify.py documents it."""

from __future__ import annotations

from pathlib import Path

import ansible.module_utils

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "module_utils") not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

from ansible.module_utils.redis_control.validating import ValidatingAction as ActionModule  # noqa: E402, F401 - found only now
