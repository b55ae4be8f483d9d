"""A document as a textfile of the Prometheus node exporter, so that a verdict alerts, and a run that did not come too. Pure."""

from __future__ import annotations

from datetime import datetime

from .model import Document, Sample


def render(document: Document) -> str:
    """The whole file."""
    lines = []
    for gauge in document.gauges:
        lines += [f"# HELP {gauge.name} {gauge.about}", f"# TYPE {gauge.name} gauge"]
        lines += [f"{gauge.name}{_labels(sample)} {sample.value}" for sample in gauge.samples]
    return "\n".join(lines) + "\n"


def seconds(time: str) -> int:
    """Seconds since 1970 of an ISO 8601 time; 0 for ''."""
    return int(datetime.fromisoformat(time).timestamp()) if time else 0


def _labels(sample: Sample) -> str:
    told = ",".join(f'{name}="{_escaped(text)}"' for name, text in sample.labels)
    return f"{{{told}}}" if told else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
