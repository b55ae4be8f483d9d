#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Compare a host and all its Redis instances with what is declared; change nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_drift
short_description: Compare a host and all its Redis instances with what is declared
description:
  - For every option that a server reports, not only the declared ones, compares the declaration, the configuration file,
    the running value and the server's default; what the last run applied tells a change by somebody else from a
    declaration that no run has followed yet.
  - Also the kernel settings in force and at the next boot, process limits, unit and drop-ins, package and running program,
    ACL users, role, owner and mode of files, and the append-only file's directory.
  - Reads only. It sends C(INFO), C(CONFIG GET) and C(ACL LIST), and needs an ACL user that may do that and no more.
  - A server that cannot be looked at is a finding, never clean.
attributes:
  check_mode:
    support: full
    description: It changes nothing in any mode.
options:
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
- name: Look at everything that is declared of this host
  redis_drift:
    declaration: "{{ redis_server_declaration }}"
    sysctl: "{{ redis_host_sysctl }}"
  register: drift
"""

RETURN = r"""
scopes:
  description: The host itself first, then one for each instance.
  returned: success
  type: list
  elements: dict
  contains:
    instance: {description: Name of the instance; empty for the host itself., type: str, sample: default}
    server: {description: What runs., type: str, sample: redis 7.0.15}
    checked: {description: How many things were looked at., type: int, sample: 231}
    counts: {description: State and how many things are in it., type: dict, sample: {in_sync: 230, live_not_persisted: 1}}
    findings: {description: "What is not in sync, see docs/drift.md.", type: list, elements: dict}
    unknown: {description: Options that the server reports and the catalogue does not know., type: list, elements: str}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_ops import drift
from ansible.module_utils.redis_ops.edge import arguments, run
from ansible.module_utils.redis_ops.platform import kernel
from ansible.module_utils.redis_ops.view.host import looking


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **arguments.ARGUMENTS,
            "sysctl": {"type": "dict", "default": {}},
            "transparent_hugepage": {"choices": ["never", "madvise", kernel.UNMANAGED], "default": "never"},
            "open_files": {"type": "int", "default": 11024},
        },
        supports_check_mode=True,
    )
    given = module.params

    def work() -> dict:
        wanted = kernel.parse_wanted(given["sysctl"], given["transparent_hugepage"], given["open_files"])
        with looking(arguments.declared_of(given)) as view:
            scopes = drift.check(view, wanted, given["declaration"]["version"])
        return {"changed": False, "scopes": [scope.as_record() for scope in scopes]}

    run.answer(module, lambda: run.in_turn(work))


if __name__ == "__main__":
    main()
