#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Bring one Redis or Valkey instance to its declared settings."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_config
short_description: Bring one Redis or Valkey instance to its declared settings
description:
  - Compares the declared settings with the configuration file, the running server and what was applied last.
  - What can be set on the running server is set there, in one C(CONFIG SET); what cannot is written to the file and
    reported in RV(pending_restart). Nothing is restarted unless O(restart) allows it.
  - The installed server reads the new file before it replaces the old one. A server that does not come back after an
    allowed restart gets its old file back, and the task fails with the reason from its log.
  - Switching C(appendonly) on goes through the running server and waits for the first rewrite before the file changes.
  - After a change everything is read back and compared again.
  - Without O(path) only the running server is managed, wherever it is.
  - With O(path) the settings are the whole configuration. An option that is no longer declared goes back to the server's
    default; but where the data lies stays as the file has it, and so does how the server is reached and run (C(bind),
    C(port), C(logfile), TLS and the like) until the inventory decides it.
attributes:
  check_mode:
    support: full
    description: Reports exactly what a run would do.
  diff_mode:
    support: full
    description: Shows the file and the running server before and after, with secrets masked.
options:
  restart:
    description: Whether settings that Redis reads at start only may have a restart now.
    type: bool
    default: false
  accept_eviction:
    description: Whether keys may be evicted that the old limit or policy protected. Otherwise the task fails before that.
    type: bool
    default: false
extends_documentation_fragment:
  - redis_instance
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Limit the memory of a running server, now and after its next start
  redis_config:
    path: /etc/redis/redis.conf
    owner: redis
    group: redis
    service: redis-server
    settings:
      maxmemory: 1gb
      maxmemory-policy: allkeys-lru

- name: Set two options of a server elsewhere, over TLS
  redis_config:
    login_host: cache.example.com
    login_port: 6380
    login_user: admin
    login_password: "{{ vault_redis_admin_password }}"
    tls: true
    ca_file: /etc/ssl/certs/ca-certificates.crt
    settings:
      slowlog-log-slower-than: 10000
      latency-monitor-threshold: 100
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be, one line each, as a thing to do.
  returned: success
  type: list
  elements: str
  sample: [write /etc/redis/redis.conf, set maxmemory to 1gb (was 2gb)]
pending_restart:
  description: Options whose new value waits for a restart, with what runs, what is wanted and why.
  returned: success
  type: list
  elements: dict
  sample: [{option: databases, running: "16", wanted: "32", reason: Redis reads databases at start only}]
instance:
  description: Name of the instance.
  returned: success
  type: str
  sample: default
restarted:
  description: Whether the service was restarted.
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_ops.apply import converge as apply
from ansible.module_utils.redis_ops.edge import instance_arguments, run


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **instance_arguments.ARGUMENTS,
            "restart": {"type": "bool", "default": False},
            "accept_eviction": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )

    def work() -> dict:
        given = module.params
        instance = instance_arguments.instance_of(given)
        outcome, _ = apply.converge(instance, restart=given["restart"], check=module.check_mode)
        return {"instance": instance.name, **vars(outcome)}

    # a server elsewhere has no lock on this host
    local = bool(module.params["path"] or module.params["service"])
    changes = "redis_config" if local and not module.check_mode else ""
    run.answer(module, lambda: run.in_turn(work, {}, changes))


if __name__ == "__main__":
    main()
