#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Documents the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_load_follow
short_description: Show a load while it runs
description:
  - Shows the last line of every program's progress, on a terminal as one line that rewrites itself, elsewhere every ten
    seconds. Ends when all programs have ended, at the first Ctrl-C, or when the time is over; none of these is a failure.
options:
  progress:
    description: Files on the load generator that the programs write their progress to.
    type: list
    elements: path
    required: true
  ended:
    description: Files that are there as soon as the programs have ended.
    type: list
    elements: path
    required: true
  seconds:
    description: How long it may take at most.
    type: int
    required: true
attributes:
  check_mode:
    support: full
    description: It changes nothing in any mode.
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Watch it run
  redis_load_follow:
    progress: [/tmp/load/users.progress]
    ended: [/tmp/load/users.ended]
    seconds: 600
"""

RETURN = r"""
stopped:
  description: Whether it ended because of Ctrl-C.
  returned: always
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_ops import edge


def main() -> None:
    edge.only_on_control_node(AnsibleModule(argument_spec=dict(edge.LOAD_FOLLOW_ARGUMENTS), supports_check_mode=True))


if __name__ == "__main__":
    main()
