# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Say which file of variables is no YAML, and where. ansible-core tells only what is wrong with it, and stops."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible import context
from ansible.errors import AnsibleParserError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.callback import CallbackBase

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "module_utils") not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

from ansible.module_utils.redis_control import last_words  # noqa: E402 - found only now
from ansible.module_utils.redis_ops.base.text import printable  # noqa: E402 - found only now

DOCUMENTATION = r"""
name: broken_yaml
type: notification
short_description: Say which file of variables is no YAML, and where
description:
  - Reads the C(group_vars) and C(host_vars) beside the inventories before the first play. What is encrypted is passed over.
"""


class CallbackModule(CallbackBase):
    """Reads, tells, and leaves it to ansible-core to stop."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "broken_yaml"

    def __init__(self) -> None:
        super().__init__()
        self.disabled = not last_words.is_first(self.CALLBACK_NAME)

    def v2_playbook_on_start(self, playbook: Any) -> None:  # noqa: ARG002 - the callback interface of ansible-core
        loader = DataLoader()
        for path in _files(context.CLIARGS.get("inventory") or ()):
            try:
                if path.read_bytes().startswith(b"$ANSIBLE_VAULT"):
                    continue
                loader.load_from_file(str(path))
            except OSError:
                continue  # Ansible itself names a file that it needs and can't read
            except AnsibleParserError as error:
                self._display.error(_told(path, error))


def _told(path: Path, error: AnsibleParserError) -> str:
    """File, line, column and problem, never the line itself: it may hold a password."""
    mark = getattr(error.__cause__, "problem_mark", None)
    name = printable(str(path))
    place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
    problem = getattr(error.__cause__, "problem", None) or "cannot be read as YAML"
    # what it quotes is an alias or a tag, such as of a password without quotes
    problem = re.sub(r"""(['"])(?=\S)[^'"]*\w.*\1""", "...", problem)
    return f"{place}: {printable(problem)}; expected YAML; correct it (the line is not shown, it may hold a secret)"


def _files(inventories: Any) -> Iterator[Path]:
    """The files of variables that belong to these inventories."""
    for inventory in map(Path, inventories):
        place = inventory if inventory.is_dir() else inventory.parent
        for path in sorted([*place.glob("group_vars/**/*"), *place.glob("host_vars/**/*")]):
            if path.suffix in (".yml", ".yaml", ".json") and path.is_file():
                yield path
