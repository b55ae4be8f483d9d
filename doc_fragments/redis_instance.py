# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""The parameters that describe one instance, for every module that takes one."""

from __future__ import annotations


class ModuleDocFragment:
    """Found by ansible-doc through doc_fragment_plugins in ansible.cfg."""

    DOCUMENTATION = r"""
options:
  instance:
    description: Name of the instance, for messages and for the head of its file.
    type: str
    default: default
  settings:
    description:
      - Redis' own option names and their values, see C(docs/settings.md). Secrets do not belong here.
    type: dict
    default: {}
  secrets:
    description: Settings that must not be shown, such as C(requirepass).
    type: dict
    default: {}
  path:
    description: The configuration file, written whole. Without it no file is managed.
    type: path
  owner:
    description: Owner of the file and of new directories.
    type: str
  group:
    description: Group of the file and of new directories.
    type: str
  mode:
    description: Mode of the file.
    type: str
    default: "0640"
  binary:
    description: The installed server, which reads a new file before it counts.
    type: path
    default: /usr/bin/redis-server
  engine:
    description: The server that is going to be installed, such as C(redis 7.0.15); used while none is.
    type: str
  service:
    description:
      - The systemd unit, or the SysV script, that runs the instance. It is started and enabled where it is not.
      - Without it the instance is somebody else's to start.
    type: str
  pid_file:
    description: Where a SysV service writes its process id.
    type: path
    default: /run/redis/redis-server.pid
  limits:
    description: Text of the service's systemd drop-in, or of its file in /etc/default.
    type: str
  directories:
    description: Directories to make, mode 0750, where they are missing.
    type: list
    elements: path
    default: []
  state:
    description: File in which the applied settings are remembered, without secrets, mode 0600.
    type: path
    default: ""
  login_host:
    description: Host of the running server, when O(login_port) is given.
    type: str
    default: 127.0.0.1
  login_port:
    description: Port of the running server. By default the declared one, then the one in the file.
    type: int
  login_unix_socket:
    description: Unix socket of the running server.
    type: path
  login_user:
    description: ACL user to log in as.
    type: str
    default: ""
  login_password:
    description: Password for O(login_user), or of the default user. C(requirepass) in O(secrets) is tried as well.
    type: str
    default: ""
  tls:
    description: Whether O(login_port) speaks TLS.
    type: bool
    default: false
  ca_file:
    description: Certificate authorities to trust, besides those of the system.
    type: path
    default: ""
  cert_file:
    description: Client certificate.
    type: path
    default: ""
  key_file:
    description: Key of the client certificate.
    type: path
    default: ""
  timeout:
    description: Seconds to connect, and again for each whole answer.
    type: float
    default: 5.0
"""
