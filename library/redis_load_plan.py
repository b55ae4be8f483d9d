#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Documents the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_load_plan
short_description: Decide which load program loads which Redis instance, from which machine
description:
  - Computes only. Several load generators share the users of an instance; each has keys of its own.
options:
  run_id:
    description: What the keys of this load test have in their names.
    type: str
    required: true
  host:
    description: Name of the host of the instances.
    type: str
    required: true
  address:
    description: Where a load generator elsewhere finds this host.
    type: str
    required: true
  local:
    description: Whether this host is the machine that the play runs on.
    type: bool
    required: true
  instances:
    description: As M(redis_load_preflight) returns them.
    type: list
    elements: dict
    required: true
  prepared:
    description:
      - What M(redis_load_generators) returns of each load generator, which is its name, the directory of this run, python and k6, or
        why they could not be had.
    type: list
    elements: dict
    required: true
  users:
    description: Options of C(redis_load users).
    type: dict
    required: true
  jobs:
    description: Options of C(redis_load jobs).
    type: dict
    required: true
  users_on:
    description:
      - Names of the instances for users; empty for those where keys may be evicted, or all where there is none and no
        instance has a BullMQ queue.
    type: list
    elements: str
    default: []
  jobs_on:
    description: Names of the instances for jobs; empty for those where no key may be evicted.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: It changes nothing in any mode.
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Look before a load of 1000 users
  redis_load_preflight:
    declaration: "{{ redis_server_declaration }}"
    sysctl: "{{ redis_host_sysctl }}"
    connections: 1000
  register: checklist

- name: Make the load generators ready
  redis_load_generators:
    names: [load1, load2]
  register: ready

- name: Plan the load
  redis_load_plan:
    run_id: "{{ ready.run_id }}"
    host: redis1
    address: 192.0.2.10
    local: false
    instances: "{{ checklist.instances }}"
    prepared: "{{ ready.prepared }}"
    users: {users: 1000, rate: 5500}
    jobs: {rate: 50, seconds: 60}
"""

RETURN = r"""
runs:
  description: The programs to start, each with the files that it reads and writes and its settings, without a password.
  returned: success
  type: list
  elements: dict
findings:
  description: What is left out of the load, and generators that cannot be used, as in M(redis_load_preflight).
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_control import arguments
from ansible.module_utils.redis_ops.edge import run


def main() -> None:
    run.only_on_control_node(AnsibleModule(argument_spec=dict(arguments.LOAD_PLAN_ARGUMENTS), supports_check_mode=True))


if __name__ == "__main__":
    main()
