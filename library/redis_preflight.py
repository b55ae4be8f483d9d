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
  - Reports every problem at once, one line each. Reads only.
attributes:
  check_mode:
    support: full
    description: It changes nothing in any mode.
options:
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
- name: Check what was typed
  redis_preflight:
    instances:
      - {name: cache, port: 6379, profile: cache}
      - {name: queue, port: 6380, profile: queue}
    profiles: "{{ redis_server_profiles }}"
    profile: guide
    settings: {maxmemory: 512mb}
"""

RETURN = r"""
instances:
  description: The complete instances, without secrets.
  returned: success
  type: list
  elements: dict
package:
  description: The package, its version if it is installed, and what M(redis_package) has to do, one line each.
  returned: success
  type: dict
systemd:
  description: Whether systemd runs this host.
  returned: success
  type: bool
findings:
  description: What works and is worth knowing, see M(redis_verify).
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_ops import edge
from ansible.module_utils.redis_ops.base import findings
from ansible.module_utils.redis_ops.base.errors import InvalidInput
from ansible.module_utils.redis_ops.checks import preflight
from ansible.module_utils.redis_ops.model import limits, resolve
from ansible.module_utils.redis_ops.platform import host, packages
from ansible.module_utils.redis_ops.view import survey

ARGUMENTS = {**edge.DECLARATION_ARGUMENTS, "somaxconn": {"type": "int", "default": 0}}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    edge.answer(module, lambda: survey_and_judge(module.params))


def survey_and_judge(params: dict) -> dict:
    """The module's result. Raises InvalidInput with everything that is wrong."""
    systemd = host.has_systemd()
    declared = edge.declared_of(params)
    package = packages.package(declared.product, params["version"])
    instances = declared.resolved(package.engine)
    facts = survey.facts(declared.product, instances, declared.instance, somaxconn=params["somaxconn"], systemd=systemd)
    problems = preflight.problems(instances, facts)
    if problems:
        raise InvalidInput(problems)
    found = preflight.findings(instances, facts)
    return {
        "changed": False,
        "instances": [describe(instance) for instance in instances],
        "package": {
            "name": package.product.package,
            "service": package.product.package,
            "installed": package.installed,
            "todo": package.todo,
            "engine": f"{package.engine.name} {'.'.join(map(str, package.engine.version))}",
        },
        "systemd": systemd,
        "findings": findings.as_records(found),
    }


def describe(instance: resolve.Resolved) -> dict:
    """An instance as the role's tasks need it; nothing secret."""
    layout = instance.layout
    product = layout.product
    return {
        "name": layout.instance,
        "profile": instance.profile,
        "port": instance.desired.get("port"),
        "settings": instance.settings,
        "path": layout.config,
        "owner": product.user,
        "group": product.user,
        "binary": product.binary,
        "service": layout.service,
        "pid_file": instance.desired.get("pidfile"),
        "state": layout.state,
        "directories": [path for path in instance.directories if path != layout.run_dir],
        "limits": limits.text(instance, systemd=layout.systemd),
    }


if __name__ == "__main__":
    main()
