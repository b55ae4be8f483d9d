#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Describe every Redis and Valkey of a host as an inventory would declare it; change nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_adopt
short_description: Describe every Redis and Valkey of a host as an inventory would declare it
description:
  - Looks at every server that runs or that a unit starts, whoever set it up, and writes C(host_vars) for this host on the
    control node, with C(adopt=keep) for each instance. Afterwards C(provision.yml --check) says that nothing would change.
  - Passwords go to a file of their own, encrypted with the vault password of the run. They are never written in clear.
  - An existing file is not overwritten.
  - Reads only on the host. It sends C(INFO) and C(CONFIG GET).
attributes:
  check_mode:
    support: full
    description: Says what it would write.
  diff_mode:
    support: full
    description: Shows the new file, without secrets.
options:
  directory:
    description: The C(host_vars) directory on the control node.
    type: path
    required: true
  login_user:
    description: ACL user to log in as, where the file of a server does not have its password.
    type: str
    default: ""
  login_password:
    description: Password for O(login_user).
    type: str
    default: ""
  seal:
    description: Key for the way of the secrets from the host to the control node. The action plugin fills it in.
    type: str
    default: ""
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Describe what is there
  redis_adopt:
    directory: "{{ inventory_dir }}/host_vars"
"""

RETURN = r"""
instances:
  description: The servers, without their secrets.
  returned: success
  type: list
  elements: dict
undescribed:
  description: What could not be described, one line each.
  returned: success
  type: list
  elements: str
written:
  description: The files that were written on the control node.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_ops.base import seal
from ansible.module_utils.redis_ops.base.owners import must_be_root
from ansible.module_utils.redis_ops.edge import arguments, run
from ansible.module_utils.redis_ops.view import describe


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "login_user": {"type": "str", "default": ""},
            "login_password": {"type": "str", "default": "", "no_log": True},
            "seal": {"type": "str", "default": "", "no_log": True},
        },
        supports_check_mode=True,
    )
    given = module.params

    def work() -> dict:
        must_be_root()
        found, lost = describe.describe_all(arguments.logins(given, ""))
        secrets = {one.name: one.secrets for one in found if one.secrets}
        return {
            "changed": False,
            "instances": describe.as_records(found),
            "undescribed": lost,
            "sealed": seal.seal(secrets, given["seal"]) if secrets and given["seal"] else "",
        }

    run.answer(module, lambda: run.in_turn(work))


if __name__ == "__main__":
    main()
