"""The ACL users of a running server, and those of its files. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from ..base.files import FileSpec, read
from ..model import acl
from .instance import InstanceView


def listed(view: InstanceView) -> list[str]:
    """The lines of ACL LIST; none of a server that does not run. Raises AccessDenied, CommandRefused."""
    return [str(line) for line in view.connection.call("ACL LIST")] if view.connection is not None else []


def of_aclfile(view: InstanceView, path: str) -> Optional[list[Sequence[str]]]:
    """Name and rules of each user of an aclfile, None where it is not there. path: a relative one is beside the data.

    Raises FileRefused for one that is no file of users, or that the server's user can't read; OSError.
    """
    config = view.config or view.instance.config
    owner, group = (config.owner, config.group) if config else (None, None)
    target = FileSpec(str(view.store.directory / path), owner=owner, group=group, kind=acl.is_file)
    text = read(target, for_owner=True)
    return None if text is None else acl.of_file(text)
