"""What one run of the scheduled check leaves for the next, and tells as metrics."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class State:
    """Times are seconds since 1970, 0 for never. told: the verdict and the findings that arrived last."""

    running: int = 0
    last_start: float = 0
    last_end: float = 0
    exit_code: int = 0
    notification_failed: int = 0
    last_notification: float = 0
    told: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path) -> State:
        """The state in a file. What cannot be read counts as none: the next notification is due, and no check is lost."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            found = cls(**json.loads(path.read_text()))
            numbers = [value for name, value in vars(found).items() if name != "told"]
            if isinstance(found.told, dict) and all(isinstance(value, (int, float)) for value in numbers):
                return found
        return cls()

    def text(self) -> str:
        """As the file holds it."""
        return json.dumps(asdict(self)) + "\n"

    def metrics(self) -> str:
        """A textfile of the node exporter."""
        told = {
            "running": (self.running, "1 from the start of a run to its end."),
            "last_start_timestamp_seconds": (int(self.last_start), "When a run last started."),
            "last_end_timestamp_seconds": (int(self.last_end), "When a run last ended, however it did."),
            "exit_code": (
                self.exit_code,
                "Of the last run that ended: 0 clean, 2 drift, others: the check itself failed.",
            ),
            "notification_failed": (self.notification_failed, "1 while the last one that was due did not arrive."),
            "last_notification_timestamp_seconds": (int(self.last_notification), "When a notification last arrived."),
        }
        return "".join(
            f"# HELP redis_drift_runner_{name} {about}\n# TYPE redis_drift_runner_{name} gauge\n"
            f"redis_drift_runner_{name} {value}\n"
            for name, (value, about) in told.items()
        )


def write(path: Path, text: str, mode: int) -> None:
    """A reader sees the old text or the new one. The name of the draft does not end in .prom: the exporter skips it."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    try:
        with draft.open("x") as file:  # never through a link that somebody left there
            os.fchmod(file.fileno(), mode)  # of this file, whatever has its name by now
            file.write(text)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
