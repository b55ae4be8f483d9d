#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Documents the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_drift_report
short_description: Make the reports of a drift check on the control node
description:
  - Takes what M(redis_drift) found on every host of the play, registered as C(__redis_drift_check), applies the waivers in each
    host's C(redis_drift_waivers), compares with the check before, and writes all outputs.
  - C(latest.html) for people, C(latest.txt), C(latest.json), C(latest.xml) (JUnit), C(latest.prom) (Prometheus textfile) and
    one dated JSON file for each check. C(docs/drift.md) describes them.
  - Run it once for a play.
options:
  directory:
    description: Where to write, on the control node.
    type: path
    required: true
  keep:
    description: How many dated files stay. V(0) keeps all.
    type: int
    default: 30
attributes:
  check_mode:
    support: full
    description: It writes reports in any mode and changes no host.
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Report
  redis_drift_report:
    directory: reports/drift
  run_once: true
"""

RETURN = r"""
verdict:
  description: V(clean), V(drift), or V(failed) when a host could not be looked at.
  returned: always
  type: str
  sample: drift
summary:
  description: The verdict in a sentence.
  returned: success
  type: str
  sample: "DRIFT: 3 findings on 2 of 4 hosts"
exit_code:
  description: What the run ends with; 0 clean, 2 drift, 1 failed.
  returned: always
  type: int
  sample: 2
counts:
  description: State and how many things are in it.
  returned: success
  type: dict
drifted:
  description: Each host that drifted, and its instances; '' among them is the host itself.
  returned: success
  type: dict
  sample: {redis1.example.com: ["", cache]}
to_come:
  description: Hosts that later batches of the play look at. As long as there are any, nothing is written.
  returned: success
  type: list
  elements: str
held_back:
  description: Instances that remediation leaves alone, because a waiver accepts something on them.
  returned: success
  type: list
  elements: str
report:
  description: The report as lines.
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_control import arguments
from ansible.module_utils.redis_ops.edge import run


def main() -> None:
    run.only_on_control_node(
        AnsibleModule(argument_spec=dict(arguments.DRIFT_REPORT_ARGUMENTS), supports_check_mode=True)
    )


if __name__ == "__main__":
    main()
