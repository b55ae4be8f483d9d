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
  product:
    description: The server to run.
    type: str
    choices: [redis, valkey]
    default: redis
  version:
    description: The version of the package that is going to be installed, as apt names it.
    type: str
    default: ""
  instances:
    description: The instances, see C(redis_server_instances) of the role.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: Name of the instance., type: str, required: true}
      port: {description: Port of the instance., type: int}
      profile: {description: Its profile., type: str}
      settings: {description: "Its own settings, which win over all others.", type: dict, default: {}}
      secrets: {description: Its own secret settings., type: dict, default: {}}
  profiles:
    description: Name of each profile and its settings.
    type: dict
    required: true
  profile:
    description: Profile of the instances that name none.
    type: str
    required: true
  settings:
    description: Settings of all instances; they win over the profile.
    type: dict
    default: {}
  secrets:
    description: Secret settings of all instances.
    type: dict
    default: {}
  variables:
    description: The names of all variables that look like one of a role, to find those that are mistyped.
    type: list
    elements: str
    default: []
  known_variables:
    description: The variables that the roles have.
    type: list
    elements: str
    default: []
  login_user:
    description: ACL user to log in as.
    type: str
    default: ""
  login_password:
    description: Password for O(login_user).
    type: str
    default: ""
  somaxconn:
    description: What the host role is going to set as C(net.core.somaxconn).
    type: int
    default: 0
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
from ansible.module_utils.redis_ops import edge, findings, host, limits, preflight, resolve, survey
from ansible.module_utils.redis_ops.errors import InvalidInput
from ansible.module_utils.redis_ops.layout import PRODUCTS

ARGUMENTS = {
    "product": {"type": "str", "choices": list(PRODUCTS), "default": "redis"},
    "version": {"type": "str", "default": ""},
    "instances": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "port": {"type": "int"},
            "profile": {"type": "str"},
            "settings": {"type": "dict", "default": {}},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
        },
    },
    "profiles": {"type": "dict", "required": True},
    "profile": {"type": "str", "required": True},
    "settings": {"type": "dict", "default": {}},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "variables": {"type": "list", "elements": "str", "default": []},
    "known_variables": {"type": "list", "elements": "str", "default": []},
    "login_user": {"type": "str", "default": ""},
    "login_password": {"type": "str", "default": "", "no_log": True},
    "somaxconn": {"type": "int", "default": 0},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    edge.answer(module, lambda: survey_and_judge(module.params))


def survey_and_judge(params: dict) -> dict:
    """The module's result. Raises InvalidInput with everything that is wrong."""
    systemd = host.has_systemd()
    package = survey.package(PRODUCTS[params["product"]], params["version"])
    declaration = resolve.Declaration(
        params["instances"],
        params["profiles"],
        params["profile"],
        params["settings"],
        params["secrets"],
        params["variables"],
        params["known_variables"],
    )
    instances = resolve.resolve(declaration, package.product, package.engine, systemd=systemd)
    logins = {
        instance.layout.instance: edge.logins(params, instance.desired.get("requirepass") or "")
        for instance in instances
    }
    facts = survey.facts(package.product, instances, logins, somaxconn=params["somaxconn"], systemd=systemd)
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
