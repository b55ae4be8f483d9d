"""Files that others read while they are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def publish(path: Path, content: Any) -> None:
    """Write JSON. A reader sees a whole file or none."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(json.dumps(content, indent=1) + "\n")
    draft.replace(path)
