"""The unit drop-in of an instance, or what its SysV script reads instead: what its service may do. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..platform.current import here
from ..platform.layout import Layout
from .desired import DesiredState

# beside maxclients: replication, persistence, modules, cluster bus and the server's own files
SPARE_FILES = 1024
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


def open_files(desired: DesiredState) -> int:
    """LimitNOFILE that an instance needs."""
    return int(desired.get("maxclients")) + SPARE_FILES


def text(layout: Layout, desired: DesiredState, directories: Sequence[str] = (), *, kept: bool = False) -> str:
    """The whole file. directories: where the server writes. kept: of somebody else's unit, of which only the limit on open
    files is changed.
    """
    header = _HEADER.format(instance=layout.instance)
    files = open_files(desired)
    if not layout.systemd:
        return header + _OPEN_FILES + here().script_limit.format(files=files)
    parts = [header, "[Service]\n", _OPEN_FILES, f"LimitNOFILE={files}\n"]
    if kept:
        return "".join(parts)
    paths = layout.extra_write_paths(*directories)
    parts += [_START, *([_WRITE_PATHS.format(paths=" ".join(paths))] if paths else []), _HARDENING]
    return "".join(parts)
