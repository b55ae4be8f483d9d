#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Documents the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_load_validate_input
short_description: Check everything that was typed for a load test, before anything is touched
description:
  - Compares the variables of the role C(redis_loadtest) with their kinds in its argument_specs, with the limits of the load
    programs and with the names of the targets. Refuses names that look like a variable of a role and are none.
  - Reports every problem at once, one line each, with the exit code 1. Asks no host.
options: {}
attributes:
  check_mode:
    support: full
    description: It changes nothing in any mode.
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Check what was typed
  redis_load_validate_input:
  register: typed
"""

RETURN = r"""
numbers:
  description: The numbers and truths among the variables, as what they are; the command line makes texts of them.
  returned: success
  type: dict
  sample: {redis_loadtest_users: 1000}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_ops.edge import run


def main() -> None:
    run.only_on_control_node(AnsibleModule(argument_spec={}, supports_check_mode=True))


if __name__ == "__main__":
    main()
