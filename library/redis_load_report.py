#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Documents the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_load_report
short_description: Judge what a load did to every Redis of a play
description:
  - Keeps what M(redis_snapshot) found before a load, registered as C(__redis_loadtest_snapshot), and compares it with what
    it finds afterwards and when the clients have gone, and with what the load programs measured.
  - The verdict is V(PASS), V(FAIL), or V(INVALID) when the measurement cannot be trusted, such as after a restart, a reset
    of the counters, a change of the configuration in between, or where a load generator was too slow.
  - Before a load it sums up what M(redis_load_preflight) and the generators found.
  - Writes C(latest.html), C(latest.txt), C(latest.json), C(latest.xml) (JUnit), C(latest.prom) (Prometheus textfile) and one
    dated JSON file, and the same of the checks before the load as C(readiness.html) and so on. Run it once for a play.
options:
  directory:
    description: Where to write, on the control node.
    type: path
    required: true
  moment:
    description: What there is to keep. V(checklist) is before the first snapshot; V(cooled) is the last snapshot, and ends
      the window with a verdict.
    type: str
    choices: [checklist, before, after, cooled]
    required: true
  whole:
    description:
      - Whether this run loads and judges as well, so that a checklist that is in order needs no report of its own.
      - One that is not in order replaces C(latest.html), C(latest.txt), C(latest.xml) and C(latest.prom) then, and removes
        C(latest.json).
      - Its window is a file of its own. Else it is C(window.json), and one that is open is not begun again.
    type: bool
    default: false
  profile:
    description: Which limits, V(guide) or V(strict) or one of O(profiles).
    type: str
    default: guide
  profiles:
    description: Further profiles, as name to limits by metric.
    type: dict
    default: {}
  targets:
    description: Other limits than those of the profile, by name of the metric; a null leaves the target out.
    type: dict
    default: {}
  accept:
    description: Failures of the checklist, by id, that are to be warnings.
    type: list
    elements: str
    default: []
  label:
    description: What this run is called, to compare it with others.
    type: str
    default: ""
  keep:
    description: How many dated reports are kept; V(0) for all.
    type: int
    default: 50
attributes:
  check_mode:
    support: full
    description: It writes reports in any mode and changes no host.
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Keep the snapshot before the load
  redis_load_report:
    directory: reports/loadtest
    moment: before
  run_once: true
"""

RETURN = r"""
verdict:
  description: V(PASS), V(FAIL) or V(INVALID).
  returned: at the end of a window
  type: str
exit_code:
  description: 0, 2 and 3 for these, 1 when there is no verdict.
  returned: at the end of a window
  type: int
report:
  description: The report as lines.
  returned: at the end of a window
  type: list
  elements: str
opened:
  description: Whether a window was opened, which has no verdict yet.
  returned: at the beginning of a window
  type: bool
summary:
  description: What happened, in a sentence.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_control import arguments
from ansible.module_utils.redis_ops.edge import run


def main() -> None:
    run.only_on_control_node(
        AnsibleModule(argument_spec=dict(arguments.LOAD_REPORT_ARGUMENTS), supports_check_mode=True)
    )


if __name__ == "__main__":
    main()
