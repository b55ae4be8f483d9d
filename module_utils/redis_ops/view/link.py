"""The link of a replica to its primary."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from .facts import Fact
from .instance import InstanceView

LOOKS, PAUSE = 20, 0.25  # seconds between looks: a replica that was restarted reaches its primary within a second


def _link(view: InstanceView) -> Mapping[str, Any]:
    """INFO, once the link is up; or as it is after a few seconds. Of a server that is no replica as it is."""
    info, connection = view.info, view.connection
    for _ in range(LOOKS):
        if connection is None or info.get("role") != "slave" or info.get("master_link_status") == "up":
            break
        time.sleep(PAUSE)
        info = connection.info()
    return info


LINK = Fact("link", _link)
