# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""The parameters that declare all instances of a host, for every module that takes the whole declaration."""

from __future__ import annotations


class ModuleDocFragment:
    """Found by ansible-doc through doc_fragment_plugins in ansible.cfg."""

    DOCUMENTATION = r"""
options:
  declaration:
    description:
      - What is declared of all instances of this host. The role C(redis_server) makes it of its variables, as
        C(redis_server_declaration).
    type: dict
    required: true
    suboptions:
      product:
        description: The server to run.
        type: str
        choices: [redis, valkey]
        default: redis
      version:
        description: A version of the package, as apt names it. Empty for what is installed, else the newest.
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
          config: {description: "Its configuration file, where it is not the package's.", type: path}
          service: {description: "Its systemd unit, where it is not the package's.", type: str}
          adopt: {description: "What to do with a server that somebody else set up, C(keep) or C(replace).", type: str}
          accept_eviction: {description: Whether keys may be evicted that the old configuration protected., type: bool}
          accept_empty: {description: Whether it may start without data that lies elsewhere., type: bool}
          renamed_from: {description: The name that it had before., type: str}
      profiles:
        description: Name of each profile and its settings.
        type: dict
        required: true
      profile:
        description: Profile of the instances that name none. Empty for C(guide), which a server that is kept does not take.
        type: str
        default: ""
      settings:
        description: Settings of all instances; they win over the profile.
        type: dict
        default: {}
      group_settings:
        description: Settings of a group of hosts; they win over O(declaration.settings).
        type: dict
        default: {}
      host_settings:
        description: Settings of one host; they win over O(declaration.group_settings).
        type: dict
        default: {}
      secrets:
        description: Secret settings of all instances.
        type: dict
        default: {}
      adopt:
        description: As C(adopt) of an instance, for those that say nothing.
        type: str
        default: ""
      accept_eviction:
        description: As C(accept_eviction) of an instance, for those that say nothing.
        type: bool
        default: false
      accept_empty:
        description: As C(accept_empty) of an instance, for those that say nothing.
        type: bool
        default: false
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
        description: Password for O(declaration.login_user).
        type: str
        default: ""
  caller:
    description: Who runs this and from where, for the lock of the host. The action plugin fills it in.
    type: str
    default: ""
"""
