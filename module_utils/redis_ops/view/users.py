"""The ACL users of an instance's files. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from ..base.files import FileSpec, read
from ..model import acl
from .instance import InstanceView


def of_aclfile(view: InstanceView, path: str) -> Optional[list[Sequence[str]]]:
    """Name and rules of each user of an aclfile, None where it is not there. path: a relative one is beside the data.

    Raises FileRefused, OSError.
    """
    owner, group = (view.config.owner, view.config.group) if view.config else (None, None)
    text = read(FileSpec(str(view.store.directory / path), owner=owner, group=group))
    return None if text is None else acl.of_file(text)
