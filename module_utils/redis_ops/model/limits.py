"""What the service of an instance may do: the text of its systemd drop-in, or of its SysV script's defaults. Pure."""

from __future__ import annotations

from .resolve import Resolved

_HEADER = "# Managed by Ansible (redis_server, instance {instance}).\n"
_OPEN_FILES = "# maxclients + 1024: what Redis needs for its clients, and room for its own files (guide 3.1)\n"
_WRITE_PATHS = "# The package's sandbox keeps everything else read-only\nReadWritePaths={paths}\n"
_START = """\
# A start ends when the data is loaded, which for a large data set outlasts systemd's 90 seconds
TimeoutStartSec=infinity
"""
_HARDENING = """\
# Beyond the package's own hardening
PrivateIPC=yes
KeyringMode=private
DevicePolicy=closed
LimitCORE=0
"""


def text(resolved: Resolved, *, systemd: bool) -> str:
    """The whole file."""
    header = _HEADER.format(instance=resolved.layout.instance)
    if not systemd:
        return f"{header}{_OPEN_FILES}ULIMIT={resolved.open_files}\n"
    paths = resolved.layout.extra_write_paths(*resolved.directories)
    parts = [header, "[Service]\n", _OPEN_FILES, f"LimitNOFILE={resolved.open_files}\n", _START]
    parts += [_WRITE_PATHS.format(paths=" ".join(paths))] if paths else []
    return "".join([*parts, _HARDENING])
