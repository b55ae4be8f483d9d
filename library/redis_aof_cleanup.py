#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Move append-only files that no server will read again out of the way."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_aof_cleanup
short_description: Move append-only files that no server will read again out of the way
description:
  - Removes only what is provably dead. Files that the AOF's manifest lists as history, or does not list and nobody has
    written for an hour; the single file of Redis 6 beside a manifest that does not refer to it; temporary files, an hour
    old, of child processes that are gone.
  - Never the manifest, a base or an increment that it lists; never a symbolic link; nothing while a rewrite, a save or the
    loading goes on; nothing when the manifest cannot be read or a file of it is missing. Of a stopped server the AOF must
    pass C(redis-check-aof) first.
  - Files are moved to C(aof-quarantine) in the data directory. It must be a directory of root's that nobody else can write,
    with nothing in it but what earlier runs have moved there; else nothing is moved or deleted. Each file is looked at
    again, with the manifest, right before and after it is moved; what a rewrite took meanwhile is put back, and told.
  - Works on running and stopped servers, on the single-file AOF of Redis 6 and the multi-part one of Redis 7 and later.
attributes:
  check_mode:
    support: full
    description: Lists the files and their sizes, and touches none.
options:
  compact:
    description:
      - Whether to let a running server write its AOF anew first, and wait for it. That is what makes an AOF small, and what
        makes one whole again of which a file is missing.
    type: bool
    default: false
  purge:
    description:
      - Whether to delete what earlier runs have put into the quarantine. That is done last, and only when the AOF is whole.
        The quarantine of a stopped server that has no AOF besides is left alone.
    type: bool
    default: false
extends_documentation_fragment:
  - redis_declaration
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Clear old AOF files of all instances of a host
  redis_aof_cleanup:
    declaration: "{{ redis_server_declaration }}"
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be, one line each.
  returned: success
  type: list
  elements: str
files:
  description: The dead files.
  returned: success
  type: list
  elements: dict
  contains:
    instance: {description: Name of the instance., type: str, sample: default}
    path: {description: Where it was., type: str, sample: /var/lib/redis/appendonlydir/appendonly.aof.3.incr.aof}
    size: {description: Bytes., type: int, sample: 4096}
    why: {description: The rule that says that it is dead., type: str, sample: the manifest does not list it}
bytes:
  description: The size of all of them.
  returned: success
  type: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_ops.apply import aof
from ansible.module_utils.redis_ops.edge import arguments, run


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **arguments.ARGUMENTS,
            "compact": {"type": "bool", "default": False},
            "purge": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    given = module.params

    def work() -> dict:
        return aof.clean_all(
            arguments.declared_of(given).instances(),
            compact=given["compact"],
            purge=given["purge"],
            check=module.check_mode,
        )

    run.answer(module, lambda: run.in_turn(work, given, "" if module.check_mode else "clear_aof"))


if __name__ == "__main__":
    main()
