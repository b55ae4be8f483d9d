"""Directives of redis.conf that CONFIG does not know. The project recognises them and says why it does not manage them."""

from __future__ import annotations

from .vocabulary import TEXT, Apply, Option, Origin, Trait

OPTIONS = (
    Option(
        "include",
        TEXT,
        "file-only",
        apply=Apply.RESTART,
        file_only=True,
        note="redis.conf is rendered whole; declare the settings of the included file instead",
    ),
    Option(
        "loadmodule",
        TEXT,
        "file-only",
        apply=Apply.RESTART,
        file_only=True,
        traits=Trait.KEPT_LINE,
        note="modules are not managed",
    ),
    Option(
        "rename-command",
        TEXT,
        "file-only",
        apply=Apply.RESTART,
        file_only=True,
        traits=Trait.KEPT_LINE,
        note="deprecated, and breaks the AOF and replicas; take the command away with an ACL rule",
    ),
    Option(
        "user",
        TEXT,
        "file-only",
        apply=Apply.RESTART,
        file_only=True,
        origin=Origin.RUNTIME,
        traits=Trait.KEPT_LINE,
        note="users belong in an aclfile, which is reloaded without a restart",
    ),
)
