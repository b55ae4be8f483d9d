#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Documents the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_load_follow
short_description: Show a load while it runs
description:
  - Shows the last line of every program's progress on the first load generator, on a terminal as one line that rewrites
    itself, elsewhere every ten seconds. Ends when all programs on all generators have ended, at the first Ctrl-C, or when
    the time is over; none of these is a failure.
  - A generator that does not answer is told once, and asked again until the time is over.
  - Writes the file C(watched) in each run's directory at each look; the programs stop when it is no longer written. Writes
    C(stop) at Ctrl-C, and where the run of Ansible ends or is ended meanwhile.
options:
  runs:
    description:
      - The programs, as M(redis_load_plan) returns them. Used of each are its C(generator), its C(directory), and the files
        C(progress), which it writes, and C(ended), which is there as soon as it has ended.
      - Delegate the task to the first one's generator.
    type: list
    elements: dict
    required: true
  seconds:
    description: How long it may take at most.
    type: int
    required: true
attributes:
  check_mode:
    support: full
    description: It changes nothing but its own files in any mode.
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Watch it run
  redis_load_follow:
    runs:
      - {generator: load1, directory: /tmp/load, progress: /tmp/load/users.progress, ended: /tmp/load/users.ended}
    seconds: 600
"""

RETURN = r"""
stopped:
  description: Whether it ended because of Ctrl-C, and the programs were told to stop.
  returned: always
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_control import arguments
from ansible.module_utils.redis_ops.edge import run


def main() -> None:
    run.only_on_control_node(
        AnsibleModule(argument_spec=dict(arguments.LOAD_FOLLOW_ARGUMENTS), supports_check_mode=True)
    )


if __name__ == "__main__":
    main()
