#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Documents the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_load_run
short_description: Run the programs of a load, and show how it goes
description:
  - Starts the programs on all load generators, where they run by themselves. Shows the last line of every program's progress
    on the first generator, on a terminal as one line that rewrites itself, elsewhere every ten seconds. Ends when all
    programs on all generators have ended, at the first Ctrl-C, or when the time is over; none of these is a failure. Then
    it tells those that have not ended to stop, waits until they have cleaned up, and returns what all of them measured.
  - A generator that does not answer is told once, and asked again until the time is over. It has no result then.
  - Writes the file C(watched) in each run's directory at each look; the programs stop when it is no longer written. Writes
    C(stop) at Ctrl-C, and where the run of Ansible ends or is ended meanwhile.
  - Connects to the generators itself, as the user that connects. Nothing is delegated.
options:
  runs:
    description: The programs, as M(redis_load_plan) returns them, each with its configuration on its generator.
    type: list
    elements: dict
    required: true
  lead:
    description:
      - Seconds until all generators begin the load of users together, by their clocks; 0 where each begins at once.
    type: int
    default: 0
  seconds:
    description: How long it may take at most.
    type: int
    required: true
attributes:
  check_mode:
    support: full
    description: It starts nothing in check mode.
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Run the load
  redis_load_run:
    runs:
      - kind: users
        generator: load1
        python: /usr/bin/python3
        directory: /home/load/run
        config: /home/load/run/users.config
        result: /home/load/run/users.result
        progress: /home/load/run/users.progress
        ended: /home/load/run/users.ended
    seconds: 600
  register: load
"""

RETURN = r"""
stopped:
  description: Whether it ended because of Ctrl-C, and the programs were told to stop.
  returned: always
  type: bool
programs:
  description:
    - For each program its C(item), which is the run, and its C(stdout), which is its result as JSON, or what it said last; or
      C(unreachable), and the reason as C(msg). The generators say it, and nothing of it was checked.
  returned: unless the run of Ansible is ended meanwhile
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_control import arguments
from ansible.module_utils.redis_ops.edge import run


def main() -> None:
    run.only_on_control_node(AnsibleModule(argument_spec=dict(arguments.LOAD_RUN_ARGUMENTS), supports_check_mode=True))


if __name__ == "__main__":
    main()
