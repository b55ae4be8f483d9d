#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Prove that one Redis or Valkey instance is what was declared and does its work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_verify
short_description: Prove that one Redis or Valkey instance is what was declared and does its work
description:
  - C(CONFIG GET) against every declared setting, C(PING), one own key written, read and deleted, the persistence files,
    the limits and the user of the process, start at boot, BullMQ queues under an evicting policy, and the server's own
    C(--check-system).
  - Fails when a check fails; a check that warns or cannot be made is told in RV(findings).
attributes:
  check_mode:
    support: full
    description: Nothing is verified, because a run in check mode has changed nothing.
extends_documentation_fragment:
  - redis_instance
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Prove that the server of this host has 1 GB and works
  redis_verify:
    path: /etc/redis/redis.conf
    service: redis-server
    settings:
      maxmemory: 1gb
"""

RETURN = r"""
findings:
  description: One record for each check.
  returned: always
  type: list
  elements: dict
  contains:
    id: {description: Stable name of the check., type: str, sample: verify.settings}
    subject: {description: What was looked at., type: str, sample: instance default}
    status: {description: "PASS, WARN, FAIL or SKIP.", type: str, sample: PASS}
    expected: {description: What should be., type: str, sample: 22 declared settings in force}
    actual: {description: What is., type: str, sample: CONFIG GET agrees}
    why: {description: Section of the tuning guide or other source., type: str, sample: guide 9}
    remedy: {description: "What to do, empty when nothing is owed.", type: str, sample: ""}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_ops.base import findings
from ansible.module_utils.redis_ops.checks import verify
from ansible.module_utils.redis_ops.edge import instance_arguments, run
from ansible.module_utils.redis_ops.view.observe import observe


def main() -> None:
    module = AnsibleModule(argument_spec=dict(instance_arguments.ARGUMENTS), supports_check_mode=True)

    def work() -> dict:
        if module.check_mode:
            return {"instance": module.params["instance"], "findings": [], "skipped": True}
        found = verify.verify(observe(instance_arguments.instance_of(module.params)))
        return {"instance": module.params["instance"], **findings.outcome(found)}

    run.answer(module, lambda: run.in_turn(work))


if __name__ == "__main__":
    main()
