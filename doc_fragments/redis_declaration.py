# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""The parameters that declare all instances of a host, for every module that takes the whole declaration."""

from __future__ import annotations


class ModuleDocFragment:
    """Found by ansible-doc through doc_fragment_plugins in ansible.cfg."""

    DOCUMENTATION = r"""
requirements:
  - redis (Python library) 3.5 or later on the managed host
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
"""
