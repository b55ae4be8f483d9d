#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Remove Redis or Valkey instances of a host for good."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_remove
short_description: Remove Redis or Valkey instances of a host for good
description:
  - Saves what a running server holds, stops its service and keeps it from starting at boot. Then removes the files that this
    project wrote for it, with the passwords in them, and what the host remembers of it.
  - The data stays where it is, unless O(data) names it. So does the package, and every server that somebody else set up.
  - The file of a server that was adopted with C(keep) stays as well.
  - An instance that is still declared comes back with the next run of M(redis_instances). Take it out of the inventory.
attributes:
  check_mode:
    support: full
    description: Reports exactly what a run would do.
  diff_mode:
    support: none
    description: There is nothing to compare.
options:
  state:
    description: V(possible) only looks whether V(absent) would be refused, before anything else of the host is touched.
    type: str
    choices: [possible, absent]
    default: absent
  instances:
    description:
      - The names of the instances.
      - V(all) is every instance that this project manages on the host, with everything else that it has there.
    type: list
    elements: str
    required: true
  data:
    description:
      - The instances whose data is deleted, each as C(HOST/INSTANCE), such as V(web1/cache). It can't be brought back.
    type: list
    elements: str
    default: []
  host:
    description: The name of this host in the inventory.
    type: str
    required: true
extends_documentation_fragment:
  - redis_declaration
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Remove the cache of this host, and keep its data
  redis_remove:
    declaration: "{{ redis_server_declaration }}"
    instances: [cache]
    host: "{{ inventory_hostname }}"
"""

RETURN = r"""
removed:
  description: One record for each instance.
  returned: O(state=absent)
  type: list
  elements: dict
  contains:
    instance: {description: Name of the instance., type: str, sample: cache}
    actions: {description: "What was done, or in check mode would be, one line each.", type: list, elements: str}
    left: {description: "The paths of data that stays.", type: list, elements: str}
actions:
  description: What was done of the host itself, one line each.
  returned: O(state=absent)
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_ops.apply.removal import Request, remove
from ansible.module_utils.redis_ops.edge import arguments, run


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **arguments.ARGUMENTS,
            "state": {"type": "str", "choices": ["possible", "absent"], "default": "absent"},
            "instances": {"type": "list", "elements": "str", "required": True},
            "data": {"type": "list", "elements": "str", "default": []},
            "host": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    request = Request(given["instances"], given["data"], given["host"])

    only_looks = module.check_mode or given["state"] == "possible"

    def work() -> dict:
        found = remove(arguments.declared_of(given), request, check=only_looks)
        return {"changed": False} if given["state"] == "possible" else found

    run.answer(module, lambda: run.in_turn(work, given, "" if only_looks else "remove"))


if __name__ == "__main__":
    main()
