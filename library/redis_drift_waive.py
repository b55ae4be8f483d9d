#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Documents the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_drift_waive
short_description: Accept for a while what the last drift check found
description:
  - Adds a waiver for each finding of the last report that is about hosts of the play to a file of variables. What the file
    holds is kept with its comments; a file that cannot be extended so is left alone, and the task fails.
  - Run it once for a play.
options:
  reports:
    description: Where the reports are, on the control node.
    type: path
    required: true
  inventory:
    description: The inventory as the report names it. A report about another one is refused.
    type: str
    required: true
  file:
    description: The file of variables, on the control node.
    type: path
    required: true
  reason:
    description: Why it is accepted. Empty is refused.
    type: str
    required: true
  days:
    description: For how many days from today.
    type: int
    default: 30
  ids:
    description: Shell patterns; only findings with such an id.
    type: list
    elements: str
    default: ["*"]
attributes:
  check_mode:
    support: full
    description: Writes nothing.
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Accept
  redis_drift_waive:
    reports: reports/drift
    inventory: inventories/production
    file: "{{ inventory_dir }}/group_vars/redis/redis_drift_waivers.yml"
    reason: "OPS-417: trial of 3gb"
    ids: [option.maxmemory]
  run_once: true
"""

RETURN = r"""
report:
  description: What was written, as lines.
  returned: always
  type: list
  elements: str
exit_code:
  description: 0, or 1 when nothing could be written.
  returned: always
  type: int
  sample: 0
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_control import arguments
from ansible.module_utils.redis_ops.edge import run


def main() -> None:
    run.only_on_control_node(
        AnsibleModule(argument_spec=dict(arguments.DRIFT_WAIVE_ARGUMENTS), supports_check_mode=True)
    )


if __name__ == "__main__":
    main()
