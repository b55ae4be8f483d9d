#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Go back to the configuration that an instance had before this project took it over."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_restore
short_description: Go back to the configuration that an instance had before this project took it over
description:
  - Puts the first configuration file back as it was, and the unit files that were moved away with C(replace), and restarts the
    service. The guards of M(redis_instances) hold, so that no key is lost on the way.
  - Then forgets the instance. It is somebody else's server again, and the next run of M(redis_instances) stops at the first
    contact unless C(adopt) is declared.
attributes:
  check_mode:
    support: full
    description: Reports exactly what a run would do.
  diff_mode:
    support: full
    description: Shows the file and the running server before and after, with secrets masked.
options:
  instance:
    description: The name of the instance.
    type: str
    required: true
extends_documentation_fragment:
  - redis_declaration
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Give the cache of this host its first configuration back
  redis_restore:
    declaration: "{{ redis_server_declaration }}"
    instance: cache
"""

RETURN = r"""
converged:
  description: One record, as M(redis_instances) returns it. A verdict on the first configuration is never more than a warning.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_ops.apply.restoration import restore
from ansible.module_utils.redis_ops.edge import arguments, run


def main() -> None:
    module = AnsibleModule(
        argument_spec={**arguments.ARGUMENTS, "instance": {"type": "str", "required": True}},
        supports_check_mode=True,
    )
    given = module.params

    def work() -> dict:
        return restore(
            arguments.declared_of(given), arguments.package_of(given), given["instance"], check=module.check_mode
        )

    run.answer(module, lambda: run.in_turn(work, given, "" if module.check_mode else "restore"))


if __name__ == "__main__":
    main()
