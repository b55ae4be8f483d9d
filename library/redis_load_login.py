#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Documents the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_load_login
short_description: Decide what a load logs in with, and have it made on the host of the servers
description:
  - Makes a random password for each instance and has M(redis_load_user) make the user, which gets the SHA-256 of the password
    only. Where somebody gave the load a login, that is used and nothing is made.
  - Use it with C(no_log), as RV(logins) has the passwords.
options:
  state:
    description: V(present) before the load, V(absent) after it.
    type: str
    choices: [present, absent]
    required: true
  declaration:
    description: The parameters of M(redis_load_user) that declare the instances.
    type: dict
    required: true
  run_id:
    description: Name of the run.
    type: str
    required: true
  seconds:
    description: How long the run may take at most.
    type: int
    default: 0
  runs:
    description: As M(redis_load_plan) returns them, or those of them whose users are to go.
    type: list
    elements: dict
    default: []
  comes:
    description: Whether the load follows. If not, it is only said whether the users could be made.
    type: bool
    default: false
  own:
    description: Whether somebody gave the load a login.
    type: bool
    default: false
  own_user:
    description: The user of that login.
    type: str
    default: ""
  findings:
    description: Those of the checklist. No user is made where one of them keeps the load away.
    type: list
    elements: dict
    default: []
  accept:
    description: Findings, by id, that do not keep the load away.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: It only says whether the users could be made.
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

- name: Plan the load
  redis_load_plan:
    run_id: k3x9w2ab
    host: "{{ inventory_hostname }}"
    address: 192.0.2.10
    local: false
    instances: "{{ checklist.instances }}"
    prepared: []
    users: {users: 1000, rate: 5500}
    jobs: {rate: 50, seconds: 60}
  register: plan

- name: Give the load a user of its own
  redis_load_login:
    state: present
    declaration: "{{ redis_server_declaration }}"
    run_id: k3x9w2ab
    seconds: 900
    runs: "{{ plan.runs }}"
    comes: true
  register: login
  no_log: true
"""

RETURN = r"""
logins:
  description: username and password, by instance; empty where no user was made.
  returned: with O(state=present)
  type: dict
findings:
  description: As M(redis_load_user) returns them.
  returned: always
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_control import arguments
from ansible.module_utils.redis_ops.edge import run


def main() -> None:
    run.only_on_control_node(
        AnsibleModule(argument_spec=dict(arguments.LOAD_LOGIN_ARGUMENTS), supports_check_mode=True)
    )


if __name__ == "__main__":
    main()
