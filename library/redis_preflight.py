#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Check everything that was typed against the host, before anything is touched."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_preflight
short_description: Check everything that was typed against the host, before anything is touched
description:
  - Resolves profiles, settings and instances of the role C(redis_server) into complete instances.
  - Checks every setting against the catalogue and the server version that the host has or will get; ports, directories
    and memory of all instances together; and the host's memory, open files, backlog, disk and running processes.
  - Reports every problem at once, one line each.
  - Where a run has nothing to do, verifies each instance at once, see M(redis_verify). RV(settled) then says which tasks
    can be left out.
  - Changes no setting and no file. The verification writes, reads and deletes a key of its own.
attributes:
  check_mode:
    support: full
    description: It changes nothing in any mode. In check mode it skips the verification as well.
options:
  kernel:
    description: What M(redis_kernel) is going to be called with. Left out where it is not called.
    type: dict
    suboptions:
      sysctl: {description: See M(redis_kernel)., type: dict, default: {}}
      transparent_hugepage:
        description: See M(redis_kernel).
        type: str
        choices: [never, madvise, unmanaged]
        default: never
      open_files: {description: See M(redis_kernel)., type: int, default: 11024}
  restart:
    description: Whether settings that Redis reads at start only may have a restart, see M(redis_instances).
    type: bool
    default: false
  somaxconn:
    description: What the host role is going to set as C(net.core.somaxconn).
    type: int
    default: 0
extends_documentation_fragment:
  - redis_declaration
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Check everything that was typed
  redis_preflight:
    declaration: "{{ redis_server_declaration }}"
"""

RETURN = r"""
package:
  description: The package, its version if it is installed, and what M(redis_package) has to do, one line each.
  returned: success
  type: dict
systemd:
  description: Whether systemd runs this host.
  returned: success
  type: bool
settled:
  description:
    - What is as declared, so that its task can be left out. V(kernel) for M(redis_kernel), V(instances) for M(redis_package)
      and M(redis_instances).
    - The findings of those tasks are in RV(findings) and RV(converged).
  returned: success
  type: list
  elements: str
  sample: [kernel, instances]
converged:
  description: What M(redis_instances) would return, where RV(settled) has V(instances).
  returned: success
  type: list
  elements: dict
findings:
  description: What works and is worth knowing, see M(redis_verify). Those of M(redis_kernel) where RV(settled) has V(kernel).
  returned: success
  type: list
  elements: dict
guards:
  description: What stops the run before anything is touched, one record each.
  returned: failure
  type: list
  elements: dict
  contains:
    id: {description: Stable name of the guard., type: str, sample: guard.eviction}
    subject: {description: What was looked at., type: str, sample: "instance default: maxmemory"}
    status: {description: V(FAIL)., type: str, sample: FAIL}
    expected: {description: What should be., type: str, sample: a limit that holds what is stored}
    actual: {description: What is., type: str, sample: "1000 keys would be evicted"}
    why: {description: Section of the tuning guide or other source., type: str, sample: guide 1.1}
    remedy: {description: What to do., type: str, sample: raise maxmemory}
first_contact:
  description: For each server that somebody else set up and nobody has adopted, what either answer would change.
  returned: always
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_ops.apply.instances import settled
from ansible.module_utils.redis_ops.base import findings
from ansible.module_utils.redis_ops.base.owners import must_be_root
from ansible.module_utils.redis_ops.checks import adoption, preflight
from ansible.module_utils.redis_ops.edge import arguments, kernel_arguments, run
from ansible.module_utils.redis_ops.platform import kernel
from ansible.module_utils.redis_ops.view import host


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **arguments.ARGUMENTS,
            "somaxconn": {"type": "int", "default": 0},
            "kernel": {"type": "dict", "options": dict(kernel_arguments.ARGUMENTS)},
            "restart": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )

    run.answer(module, lambda: run.in_turn(lambda: look_and_judge(module.params, check=module.check_mode)))


def look_and_judge(params: dict, *, check: bool) -> dict:
    """The module's result. Raises InvalidInput for what is typed wrong and for what can't be looked at."""
    must_be_root()
    package = arguments.package_of(params)
    declared = arguments.declared_of(params)
    view = host.look_before_change(declared, package, somaxconn=params["somaxconn"])
    try:
        guards = preflight.stops(view, package)
        if guards:
            tables = [table for seen in view.instances for table in adoption.tables(seen)]
            return {
                "failed": True,
                "msg": "\n".join(findings.failures(guards)),
                "guards": findings.as_records(guards),
                "first_contact": tables,
            }
        todo = package.todo if view.needs_package else []
        found = findings.as_records(preflight.findings(view, package.product))
        wanted = kernel_arguments.wanted_of(params["kernel"]) if params["kernel"] else None
        tuned = kernel.settled(kernel.Machine(), wanted) if wanted else None
        waits = bool(todo) or (wanted is not None and tuned is None)
        done = None if waits else settled(declared, view, restart=params["restart"], check=check)
    finally:
        view.close()
    return {
        "changed": False,
        "package": {"name": package.product.package, "installed": package.installed, "todo": todo},
        "systemd": view.systemd,
        "settled": [name for name, result in (("kernel", tuned), ("instances", done)) if result is not None],
        "findings": [*found, *(tuned or [])],
        "converged": done.as_record()["converged"] if done is not None else [],
        "first_contact": [],
    }


if __name__ == "__main__":
    main()
