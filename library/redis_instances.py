#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Bring all Redis or Valkey instances of a host to what is declared, and prove it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_instances
short_description: Bring all Redis or Valkey instances of a host to what is declared, and prove it
description:
  - Looks at the host and at every declared instance, and stops before anything is touched when a setting does not fit, a key
    could be lost or a server could be opened. It reports all problems at once.
  - Then changes one instance after the other, see M(redis_config), and verifies each, see M(redis_verify).
  - An instance that fails ends the run. The instances after it are left as they are.
  - Holds the lock of this host, C(/var/lib/ansible-redis/lock). A second run waits for two minutes, then names the first one.
attributes:
  check_mode:
    support: full
    description: Reports exactly what a run would do.
  diff_mode:
    support: full
    description: Shows the file and the running server before and after, with secrets masked.
options:
  restart:
    description: Whether settings that Redis reads at start only may have a restart now.
    type: bool
    default: false
  rolling:
    description: Whether to leave restarts to a later run of this module, and only to say that one is owed.
    type: bool
    default: false
  somaxconn:
    description: What the host role sets as C(net.core.somaxconn).
    type: int
    default: 0
  only:
    description: The names of the instances to change. Empty for all.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - redis_declaration
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Bring every instance of this host to its declared settings
  redis_instances:
    declaration: "{{ redis_server_declaration }}"
"""

RETURN = r"""
restart_later:
  description: Whether a restart is owed and allowed, and O(rolling) left it.
  returned: success
  type: bool
converged:
  description: One record for each instance, in the order in which they were changed.
  returned: always
  type: list
  elements: dict
  contains:
    instance: {description: Name of the instance., type: str, sample: default}
    changed: {description: Whether it was changed., type: bool, sample: true}
    actions: {description: "What was done, or in check mode would be, one line each.", type: list, elements: str}
    pending_restart: {description: "Options that wait for a restart, see M(redis_config).", type: list, elements: dict}
    restarted: {description: Whether it was restarted., type: bool, sample: false}
    findings: {description: "One record for each check, see M(redis_verify).", type: list, elements: dict}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_ops.apply.instances import converge_all
from ansible.module_utils.redis_ops.edge import arguments, run


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **arguments.ARGUMENTS,
            "restart": {"type": "bool", "default": False},
            "rolling": {"type": "bool", "default": False},
            "somaxconn": {"type": "int", "default": 0},
            "only": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    given = module.params

    def work() -> dict:
        return converge_all(
            arguments.declared_of(given),
            arguments.package_of(given),
            restart=given["restart"],
            rolling=given["rolling"],
            check=module.check_mode,
            somaxconn=given["somaxconn"],
            only=given["only"],
        ).as_record()

    run.answer(module, lambda: run.in_turn(work, given, "" if module.check_mode else "provision"))


if __name__ == "__main__":
    main()
