#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Documents the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_load_compare
short_description: Tell what got better or worse between two sets of load tests
description:
  - Reads reports that M(redis_load_report) wrote, and compares the medians of every measure of every instance by an exact
    rank test.
  - What cannot be told from noise is said to be so. Runs that are V(INVALID) are left out. Runs of other loads or other
    instances are refused.
  - Writes C(compare.html), C(compare.txt), C(compare.json), C(compare.xml) (JUnit) and C(compare.prom) (Prometheus textfile).
    Run it once for a play.
options:
  directory:
    description: Where the reports are and the comparison goes, on the control node.
    type: path
    required: true
  a:
    description: The runs before; their label, or a list of files.
    type: raw
    required: true
  b:
    description: The runs after; their label, or a list of files.
    type: raw
    required: true
  effect:
    description: Percent from which a change counts. Such as 5 for by a factor of 1.05, up or down.
    type: float
    default: 5.0
attributes:
  check_mode:
    support: full
    description: It writes the comparison in any mode and changes no host.
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Compare
  redis_load_compare:
    directory: reports/loadtest
    a: before
    b: after
  run_once: true
"""

RETURN = r"""
verdict:
  description: V(worse) when anything is; else V(better) when anything is; else V(not worse), or V(cannot tell).
  returned: success
  type: str
exit_code:
  description: 2 when something got worse, 3 when nothing can be told, 1 when nothing can be compared; else 0.
  returned: always
  type: int
  sample: 0
report:
  description: The comparison as lines.
  returned: always
  type: list
  elements: str
summary:
  description: The verdict in a sentence.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_control import arguments
from ansible.module_utils.redis_ops.edge import run


def main() -> None:
    run.only_on_control_node(
        AnsibleModule(argument_spec=dict(arguments.LOAD_COMPARE_ARGUMENTS), supports_check_mode=True)
    )


if __name__ == "__main__":
    main()
