# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""End a run of an ansible-core that this project does not support before its first play."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.plugins.callback import CallbackBase

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "module_utils") not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

from ansible.module_utils.redis_control import core_version, last_words  # noqa: E402 - found only now
from ansible.module_utils.redis_ops.base.text import printable  # noqa: E402 - found only now

DOCUMENTATION = r"""
name: redis_core_version
type: notification
short_description: End a run of an unsupported ansible-core before its first play
description:
  - Names the version that runs, those that this project supports, and the command that installs one of them. The run ends with 1.
"""


class CallbackModule(CallbackBase):
    """Looks at the version only."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "redis_core_version"

    def __init__(self) -> None:
        super().__init__()
        self.disabled = not last_words.is_first(self.CALLBACK_NAME)

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Raises SystemExit: of a callback, ansible-core turns every other exception into a warning."""
        del playbook
        problem = core_version.problem()
        if problem:
            self._display.error(printable(str(problem)), wrap_text=False)
            raise SystemExit(1)
