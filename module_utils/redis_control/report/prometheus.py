"""The report as a textfile of the Prometheus node exporter, so that drift alerts, and a check that did not run too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ...redis_ops.drift.states import State


def render(document: Mapping[str, Any]) -> str:
    """The whole file. Times are seconds since 1970, 0 for never."""
    lines = [
        *_head(
            "redis_drift_findings", "How many things of an instance are in each state; the host's own have no instance."
        ),
        *(
            _sample(
                "redis_drift_findings",
                {"host": host["host"], "instance": scope["instance"], "state": state.value},
                count,
            )
            for host in document["hosts"]
            for scope in host["scopes"]
            for state in State
            for count in [scope["counts"].get(state.value, 0)]
        ),
        *_head("redis_drift_host_checked", "1 where the host was looked at, 0 where that failed."),
        *(
            _sample("redis_drift_host_checked", {"host": host["host"]}, int(host["status"] == "checked"))
            for host in document["hosts"]
        ),
        *_head(
            "redis_drift_unknown_options", "How many options of an instance this project does not know, nor judges."
        ),
        *(
            _sample(
                "redis_drift_unknown_options",
                {"host": host["host"], "instance": scope["instance"]},
                len(scope["unknown"]),
            )
            for host in document["hosts"]
            for scope in host["scopes"]
            if scope["instance"]
        ),
        *_head("redis_drift_exit_code", "Of the last check: 0 clean, 2 drift, 1 the check itself failed."),
        f"redis_drift_exit_code {document['exit_code']}",
        *_head("redis_drift_last_run_timestamp_seconds", "When the last check ran."),
        f"redis_drift_last_run_timestamp_seconds {_seconds(document['time'])}",
        *_head("redis_drift_last_success_timestamp_seconds", "When a check last looked at every host."),
        f"redis_drift_last_success_timestamp_seconds {_seconds(document['last_success'])}",
        *_head("redis_drift_duration_seconds", "How long the last check took."),
        f"redis_drift_duration_seconds {document['seconds']}",
    ]
    return "\n".join(lines) + "\n"


def _head(name: str, about: str) -> list[str]:
    return [f"# HELP {name} {about}", f"# TYPE {name} gauge"]


def _sample(name: str, labels: Mapping[str, str], value: int) -> str:
    told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{told}}} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _seconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp()) if time else 0
