#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Look at the job queues of a host's Redis instances; change nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_queues
short_description: Look at the job queues of a host's Redis instances
description:
  - Finds the queues of every declared instance, in every database, and tells for each of BullMQ how many jobs are in which
    state, how long the next one in turn has waited, by how much delayed ones are late, how many are under way without a
    worker, and how many failed. Queues of other libraries are named.
  - Fails when a queue lives where keys are evicted, when a queue of BullMQ has lost its C(meta) key, or when an instance
    cannot be looked at; all else that is not in order is a finding that warns, in RV(findings).
  - Reads only, for at most 10 seconds when it has to search. It names queues and a few of their keys; it tells no job and
    none of its data.
attributes:
  check_mode:
    support: full
    description: It changes nothing in any mode.
options:
  names:
    description: The queues to look at, on every instance that has them; without any, all that are found.
    type: list
    elements: str
    default: []
  prefix:
    description: What BullMQ's keys begin with, its option C(prefix). Empty for any; C(bull) with O(names).
    type: str
    default: ''
  before:
    description: RV(queues) of an earlier look. Then failures since are counted, and are a finding.
    type: list
    elements: dict
    default: []
  oldest_waiting:
    description: Seconds that the job next in turn may have waited.
    type: float
    default: 60
  overdue:
    description: Seconds that a delayed job may be late.
    type: float
    default: 60
  kept:
    description: Completed, and failed, jobs that a queue may keep.
    type: int
    default: 10000
extends_documentation_fragment:
  - redis_declaration
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Look at all queues
  redis_queues:
    declaration: "{{ redis_server_declaration }}"
  register: queues

- name: Look again, and say what has failed since
  redis_queues:
    declaration: "{{ redis_server_declaration }}"
    before: "{{ queues.queues }}"
"""

RETURN = r"""
queues:
  description: Every queue that was found.
  returned: always
  type: list
  elements: dict
  contains:
    instance: {description: Its instance., type: str, sample: queue}
    name: {description: Its name., type: str, sample: transcoding}
    prefix: {description: What its keys begin with., type: str, sample: bull}
    database: {description: The number of its database., type: int, sample: 0}
    meta: {description: "Whether the key with its own settings is there.", type: bool, sample: true}
    counts:
      description: Jobs by state.
      type: dict
      sample: {wait: 3, paused: 0, active: 4, prioritized: 0, delayed: 1, waiting-children: 0, completed: 900, failed: 2}
    at: {description: "When, in seconds since 1970.", type: float, sample: 1790000000.5}
    paused: {description: Whether it is paused., type: bool, sample: false}
    library: {description: "The BullMQ that made it, where it says so.", type: str, sample: "bullmq:6.7.0"}
    worker_seen: {description: Whether a worker looked for stalled jobs within its own interval., type: bool, sample: true}
    oldest_waiting: {description: Seconds since the job next in turn was added; null without one or its data., type: float, sample: 0.2}
    overdue: {description: Seconds by which the next delayed job is late; null without one., type: float, sample: 0.0}
    stalled: {description: "Jobs under way that no worker holds, of the first 1000.", type: int, sample: 0}
    oldest_parent: {description: "Seconds that a job has waited for its children, the longest; null without one.", type: float, sample: 3.5}
    recent_completed: {description: "Jobs completed within the last hour, of the last 1000 events.", type: int, sample: 70}
    recent_failed: {description: "Jobs failed within the last hour, of the last 1000 events.", type: int, sample: 2}
    added: {description: Jobs ever added., type: int, sample: 120000}
    last_failed: {description: Seconds since a job last failed; null without one., type: float, sample: 86.5}
    failed_since: {description: "Jobs failed since the look of O(before), of those kept; null without one.", type: int, sample: 0}
findings:
  description: One record for each check.
  returned: always
  type: list
  elements: dict
  contains:
    id: {description: Stable name of the check., type: str, sample: queues.eviction}
    subject: {description: What was looked at., type: str, sample: "instance queue, queue transcoding"}
    status: {description: "PASS, WARN, FAIL or SKIP.", type: str, sample: PASS}
    expected: {description: What should be., type: str, sample: no delayed job later than 60 s}
    actual: {description: What is., type: str, sample: "1 delayed, the next one 0 s late"}
    why: {description: Section of the tuning guide or other source., type: str, sample: "BullMQ documentation, going to production"}
    remedy: {description: "What to do, empty when nothing is owed.", type: str, sample: ""}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_ops.base import findings
from ansible.module_utils.redis_ops.checks import queue_check, queues
from ansible.module_utils.redis_ops.edge import arguments, run
from ansible.module_utils.redis_ops.view.host import looking


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **arguments.ARGUMENTS,
            "names": {"type": "list", "elements": "str", "default": []},
            "prefix": {"type": "str", "default": ""},
            "before": {"type": "list", "elements": "dict", "default": []},
            "oldest_waiting": {"type": "float", "default": 60},
            "overdue": {"type": "float", "default": 60},
            "kept": {"type": "int", "default": 10000},
        },
        supports_check_mode=True,
    )
    given = module.params

    def work() -> dict:
        limits = queues.Limits(oldest_waiting=given["oldest_waiting"], overdue=given["overdue"], kept=given["kept"])
        with looking(arguments.declared_of(given)) as view:
            here, found = queue_check.check(view.attempts, limits, given["names"], given["prefix"], given["before"])
        return {"queues": here, **findings.outcome(found)}

    run.answer(module, lambda: run.in_turn(work))


if __name__ == "__main__":
    main()
