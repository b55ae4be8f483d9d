"""Ansible's edge of redis_ops.kernel."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_kernel
short_description: Kernel and network settings of a Redis host
description:
  - Puts kernel parameters and transparent huge pages into the state that Redis wants, in force now and after a reboot.
  - What is in force is read from C(/proc) and C(/sys) after the change. What a reboot brings is worked out from every
    file that the boot reads.
  - Fails, after having done all the rest, when a finding is V(FAIL), such as another file that overrides ours at boot. What
    a machine does not allow, as most containers, is told with the reason and does not fail the task.
version_added: "0.1.0"
author: The authors of this project
options:
  sysctl:
    description:
      - Kernel parameters and their values.
      - Of V(net.core.somaxconn) and V(net.ipv4.tcp_max_syn_backlog) at least this much is wanted. A higher value that the
        host has, or that another file gives it, is kept and made permanent; it is never lowered.
      - Of V(vm.overcommit_memory) and V(vm.swappiness) exactly this value is wanted.
      - Written to C(/etc/sysctl.d/99-zz-redis.conf), which is removed when this is empty.
    type: dict
    default: {}
  transparent_hugepage:
    description:
      - What to set the use of transparent huge pages to.
      - Written to C(/etc/tmpfiles.d/00-redis-transparent-hugepage.conf) as well.
      - V(unmanaged) leaves the value alone, removes that file, and still reports when the value hurts.
    type: str
    choices: [never, madvise, unmanaged]
    default: never
  open_files:
    description:
      - How many files the largest Redis process of this host opens, that is maxclients + 1024.
      - C(fs.nr_open) and C(fs.file-max) are compared with it and reported; they are not changed.
    type: int
    default: 11024
attributes:
  check_mode:
    support: full
    description: Touches nothing; the findings are on the host as the run would leave it.
  diff_mode:
    support: full
    description: The files, and the values in force.
requirements:
  - root on the target
"""

EXAMPLES = r"""
- name: Set the kernel up for Redis
  redis_kernel:
    sysctl:
      vm.overcommit_memory: 1
      vm.swappiness: 1
      net.core.somaxconn: 4096
      net.ipv4.tcp_max_syn_backlog: 4096
    transparent_hugepage: never
  register: kernel

- name: Show what this host refused
  ansible.builtin.debug:
    msg: "{{ kernel.findings | selectattr('status', '==', 'SKIP') }}"
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be, one line each, as a thing to do.
  type: list
  elements: str
  returned: always
  sample: ["write /etc/sysctl.d/99-zz-redis.conf", "set vm.overcommit_memory to 1 (was 0)"]
container:
  description: The kind of container this is, such as V(podman); empty on a machine with a kernel of its own.
  type: str
  returned: always
  sample: ""
findings:
  description:
    - One verdict for each value now (C(kernel.NAME)) and after a reboot (C(kernel.NAME.boot)), or instead of the latter
      that this machine may not set it (C(kernel.NAME.refused)); for limits and swap.
    - Values that are not as wanted for one and the same cause share a finding (C(kernel.now), C(kernel.boot),
      C(kernel.refused)).
  type: list
  elements: dict
  returned: always
  contains:
    id:
      description: Stable name.
      type: str
      sample: kernel.refused
    subject:
      description: What was looked at.
      type: str
      sample: vm.overcommit_memory, vm.swappiness
    status:
      description: V(SKIP) is what this machine does not allow or have; V(WARN) works today.
      type: str
      choices: [PASS, WARN, FAIL, SKIP]
      sample: SKIP
    expected:
      description: What is wanted.
      type: str
      sample: "1"
    actual:
      description: What was found, and why it is not otherwise.
      type: str
      sample: "0, 60; this container (podman) may not set that: Read-only file system"
    why:
      description: What it is good for, and where that is from.
      type: str
      sample: Saving forks ... (Redis documentation, administration)
    remedy:
      description: What to do; empty when nothing is owed.
      type: str
      sample: "on the container's host, for good: sysctl -w vm.overcommit_memory=1 vm.swappiness=1"
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_ops.edge import kernel_arguments, run
from ansible.module_utils.redis_ops.platform import kernel


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(kernel_arguments.ARGUMENTS),
        supports_check_mode=True,
    )
    given = module.params
    if os.geteuid() != 0:
        module.fail_json(msg="kernel settings need root on the target; add become: true")

    def work() -> dict:
        return kernel.converge(kernel.Machine(), kernel_arguments.wanted_of(given), check=module.check_mode)

    run.answer(module, lambda: run.in_turn(work, given, "" if module.check_mode else "provision"))


if __name__ == "__main__":
    main()
