#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Bring the packages of Redis or Valkey to a host, without any of them starting the server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_package
short_description: Bring the packages of Redis or Valkey to a host, without any of them starting the server
description:
  - Installs the distribution's server and its tools with C(apt-get), where one is missing or not whole.
  - The unit of a fresh package is masked, and while packages are installed C(/usr/sbin/policy-rc.d) forbids the server, and
    only the server, to be started. A policy of the host's own goes on deciding about all other services.
  - Goes on where a run was killed. What an interrupted C(dpkg) left half done is finished, where it is in the way; an
    inhibitor that was left is removed.
  - Removes no package.
attributes:
  check_mode:
    support: full
    description: Says what it would install. Package lists that were never fetched are not fetched for it.
  diff_mode:
    support: full
    description: Shows the packages to install.
options:
  product:
    description: The server to install.
    type: str
    choices: [redis, valkey]
    default: redis
  version:
    description: The version of server and tools, as apt names it. Empty for what is installed, else the newest.
    type: str
    default: ""
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Install Redis, and let whoever configures it start it
  redis_package:

- name: Install one version of Valkey
  redis_package:
    product: valkey
    version: 8.1.1+dfsg1-3
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be, one line each.
  returned: success
  type: list
  elements: str
  sample: ["install redis-server, redis-tools"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_ops.edge import run
from ansible.module_utils.redis_ops.platform import install
from ansible.module_utils.redis_ops.platform.current import here
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "product": {"type": "str", "choices": list(PRODUCTS), "default": "redis"},
            "version": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )

    def work() -> dict:
        package = here().packages.package(PRODUCTS[module.params["product"]], module.params["version"])
        return install.converge(package, check=module.check_mode)

    run.answer(module, lambda: run.in_turn(work, {}, "" if module.check_mode else "provision"))


if __name__ == "__main__":
    main()
