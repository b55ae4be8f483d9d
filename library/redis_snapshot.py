#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Every counter that a load moves, of all instances of a host, at one moment."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_snapshot
short_description: Every counter that a load moves, of all instances of a host, at one moment
description:
  - Reads C(INFO everything), C(CONFIG GET *), C(LATENCY HISTOGRAM), C(SLOWLOG GET) and C(CLIENT LIST) of each instance, and
    from the kernel what it counts. Two snapshots around a load are what M(redis_load_report) judges.
  - Resets nothing and changes nothing. Holds no key, no argument of a command and no secret.
options:
  queues:
    description: Whether to look, with C(SCAN), for BullMQ queues where keys may be evicted; before a load only.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: It changes nothing in any mode.
extends_documentation_fragment:
  - redis_declaration
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Before the load
  redis_snapshot:
    declaration: "{{ redis_server_declaration }}"
  register: before
"""

RETURN = r"""
snapshots:
  description: One for each instance, see docs/load-testing.md.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_ops.edge import arguments, run
from ansible.module_utils.redis_ops.load import snapshot
from ansible.module_utils.redis_ops.view.host import looking


def main() -> None:
    module = AnsibleModule(
        argument_spec={**arguments.ARGUMENTS, "queues": {"type": "bool", "default": False}},
        supports_check_mode=True,
    )

    def work() -> dict:
        with looking(arguments.declared_of(module.params)) as view:
            found = snapshot.take_all(view.attempts, look_for_queues=module.params["queues"])
        return {"changed": False, "snapshots": found}

    run.answer(module, lambda: run.in_turn(work))


if __name__ == "__main__":
    main()
