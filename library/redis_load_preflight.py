#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Say whether a host and all its Redis instances are ready for a load test; change nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_load_preflight
short_description: Say whether a host and all its Redis instances are ready for a load test
description:
  - The checklist of the tuning guide's section 7, each point with what was observed, and whatever else would make a load
    test prove nothing. Production hosts; the configuration, by the check of M(redis_drift); kernel values, memory and disk;
    saves and rewrites under way; replicas; connections against C(maxclients) and the process's open files; BullMQ queues
    where keys are evicted; slow log, old AOF files and swap.
  - Reads only. It sends C(INFO), C(CONFIG GET), C(ACL LIST), C(SLOWLOG GET) and C(SCAN), which looks for queues for 10
    seconds at most. Of a production host nothing is asked before a load, unless O(allow_production).
  - Never fails on a finding. Whoever starts the load stops at a C(FAIL) in RV(findings).
attributes:
  check_mode:
    support: full
    description: It changes nothing in any mode.
options:
  connections:
    description: How many connections the load opens to each instance.
    type: int
    default: 0
  production:
    description: Whether the inventory marks this host as production.
    type: bool
    default: false
  allow_production:
    description: Whether a host that O(production) marks may be put under load all the same.
    type: bool
    default: false
  load_comes:
    description: Whether a load follows. If none does, a host that O(production) marks is looked at, and the mark is a C(WARN).
    type: bool
    default: true
  sysctl:
    description: Kernel parameters that are declared, see M(redis_kernel).
    type: dict
    default: {}
  transparent_hugepage:
    description: See M(redis_kernel).
    type: str
    choices: [never, madvise, unmanaged]
    default: never
  open_files:
    description: See M(redis_kernel).
    type: int
    default: 11024
extends_documentation_fragment:
  - redis_declaration
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Before a load of 1000 users
  redis_load_preflight:
    declaration: "{{ redis_server_declaration }}"
    sysctl: "{{ redis_host_sysctl }}"
    connections: 1000
  register: checklist
"""

RETURN = r"""
findings:
  description: One record for each point.
  returned: success
  type: list
  elements: dict
  contains:
    id: {description: Stable name of the point., type: str, sample: checklist.connections}
    subject: {description: What was looked at., type: str, sample: "instance default: connections"}
    status: {description: "PASS, WARN, FAIL or SKIP.", type: str, sample: PASS}
    expected: {description: What should be., type: str, sample: at most maxclients 10000 and open files 11024}
    actual: {description: What is., type: str, sample: "1035: 3 connected, 1000 of the load, 32 files of Redis itself"}
    why: {description: Section of the tuning guide or other source., type: str, sample: "guide 3.1, 7"}
    remedy: {description: "What to do, empty when nothing is owed.", type: str, sample: ""}
instances:
  description: The instances that run, as the plan of a load needs them. None when RV(findings) refuse a production host.
  returned: success
  type: list
  elements: dict
  contains:
    name: {description: Name of the instance., type: str, sample: default}
    run_id: {description: What tells this server from every other., type: str, sample: 3f1c0a}
    port: {description: "Its port, the one without TLS if it has both; 0 for none.", type: int, sample: 6379}
    tls: {description: Whether that port speaks TLS., type: bool, sample: false}
    bind: {description: Where it listens., type: str, sample: 127.0.0.1 -::1}
    unix_socket: {description: "Path of its unix socket, empty for none.", type: str, sample: ""}
    evicts: {description: Whether keys may be evicted., type: bool, sample: true}
    maxclients: {description: In force., type: int, sample: 10000}
    has_queues: {description: Whether a job queue was found., type: bool, sample: false}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_ops.edge import arguments, run
from ansible.module_utils.redis_ops.load import checklist
from ansible.module_utils.redis_ops.platform import kernel


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **arguments.ARGUMENTS,
            "connections": {"type": "int", "default": 0},
            "production": {"type": "bool", "default": False},
            "allow_production": {"type": "bool", "default": False},
            "load_comes": {"type": "bool", "default": True},
            "sysctl": {"type": "dict", "default": {}},
            "transparent_hugepage": {"choices": ["never", "madvise", kernel.UNMANAGED], "default": "never"},
            "open_files": {"type": "int", "default": 11024},
        },
        supports_check_mode=True,
    )
    given = module.params

    def work() -> dict:
        wanted = kernel.parse_wanted(given["sysctl"], given["transparent_hugepage"], given["open_files"])
        load = checklist.Load(given["connections"], given["production"], given["allow_production"], given["load_comes"])
        return {
            "changed": False,
            **checklist.check(arguments.declared_of(given), wanted, given["declaration"]["version"], load),
        }

    run.answer(module, lambda: run.in_turn(work))


if __name__ == "__main__":
    main()
