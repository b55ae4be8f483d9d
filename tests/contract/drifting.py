"""Drift on a real server: what a check says of it, and other values for every option to change by somebody else's hand."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

import pytest
from ansible.module_utils.redis_control.report import answers
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.catalog import kinds
from ansible.module_utils.redis_ops.catalog.option import Option
from ansible.module_utils.redis_ops.drift import Scope, instance
from ansible.module_utils.redis_ops.drift.look import Look
from ansible.module_utils.redis_ops.drift.states import NO_DRIFT
from ansible.module_utils.redis_ops.edge.run import printable
from ansible.module_utils.redis_ops.model.desired import DesiredState
from ansible.module_utils.redis_ops.plan.plan import build
from ansible.module_utils.redis_ops.view import observe
from ansible.module_utils.redis_ops.view.attempt import attempt
from instances import Lab

# Options whose other value cannot be derived from its kind.
BY_NAME = {
    "bind": ["127.0.0.1 127.0.0.2"],
    "proc-title-template": ["{title} mine"],
    "tls-protocols": ["TLSv1.3"],
    "notify-keyspace-events": ["KEx", ""],
    "ignore-warnings": ["ARM64-COW-BUG", ""],
    "locale-collate": ["C", ""],
    "client-query-buffer-limit": ["2mb", "1gb"],
    "proto-max-bulk-len": ["2mb", "512mb"],
    "maxclients": ["500", "600"],
    "maxmemory": ["200mb", "100mb"],  # nothing is to be evicted
    "maxmemory-clients": ["50mb", "0"],
    "shutdown-on-sigint": ["nosave", "default"],
    "shutdown-on-sigterm": ["nosave", "default"],
    "oom-score-adj-values": ["0 100 700", "0 200 800"],
    "watchdog-period": ["60000", "0"],
    "timeout": ["600", "700"],  # not us
    "cluster-announce-client-ipv4": ["10.0.0.9", ""],
    "cluster-announce-client-ipv6": ["fd00::9", ""],
    "repl-backlog-size": ["2mb", "1mb"],
}


def others(option: Option, engine: Engine, current: str) -> Iterator[str]:
    """Values that are not the current one, the likeliest to be taken first."""
    kind = option.kind_at(engine)
    now = kind.parse(current)
    for text in [*BY_NAME.get(option.name, []), *_candidates(kind, now)]:
        if kind.parse(text) != now:
            yield text


def _candidates(kind: kinds.Kind, now: Any) -> list[str]:
    if isinstance(kind, kinds.Bool):
        return ["yes", "no"]
    if isinstance(kind, kinds.Enum):
        return list(kind.words)
    if isinstance(kind, (kinds.Integer, kinds.Memory)):
        return [str(number) for number in (now + 1, now - 1) if kind.low <= number <= kind.high]
    table: list[tuple[type[kinds.Kind], list[str]]] = [
        (kinds.SavePoints, ["900 1 60 7", ""]),
        (kinds.BufferLimits, ["replica 300mb 100mb 90 normal 10mb 5mb 5", "replica 256mb 64mb 60"]),
        (kinds.Percentiles, ["50 95.5", "99"]),
        (kinds.Octal, ["770", "700"]),
        (kinds.Secret, ["s3cret'#$%", "other"]),
        (kinds.FileName, ["other.file"]),
        (kinds.Path, ["/tmp", ""]),
        (kinds.Text, ["other", ""]),
    ]
    return next((texts for type_, texts in table if isinstance(kind, type_)), [])


def check(lab: Lab, settings: Optional[Mapping[str, Any]] = None, **changes: Any) -> Scope:
    found = instance.check(attempt(lab.instance(settings, **changes)))
    said = answers.drift({"scopes": [json.loads(json.dumps(printable(found.as_record())))]})
    assert not said.error, said.error  # what a host answers, the control node reads
    return found


def drifted(scope: Scope) -> dict[str, str]:
    """Id and state of every finding that counts as drift; option.x as x."""
    return {
        finding.id.removeprefix("option."): finding.state for finding in scope.findings if finding.state not in NO_DRIFT
    }


class Watch:
    """The options of one instance, looked at again and again over one connection."""

    def __init__(self, lab: Lab, settings: Mapping[str, Any], **changes: Any) -> None:
        self._instance = lab.instance(settings, **changes)
        self._snapshot = observe.look(self._instance)
        engine = self._snapshot.plan.desired.engine
        self._desired = DesiredState.parse(self._instance.settings, engine, "here")

    def __call__(self, settings: Optional[Mapping[str, Any]] = None, *, text: Optional[str] = None) -> dict[str, str]:
        """settings: declared instead. text: in the file instead, while the server is as it was."""
        before, desired = self._snapshot, self._desired
        live = before.observed.live if text or settings else before.connection.config()
        if settings:
            desired = DesiredState.parse({**self._instance.settings, **settings}, desired.engine, "here")
        file = text or Path(self._instance.config.path).read_text()
        observed = replace(before.observed, live=live, file=file, lines=None)
        plan = build(desired, observed, "lab", "here")
        looked = Look(self._instance, before.unit, replace(before, plan=plan))
        return drifted(Scope("lab", 1, list(instance._options(looked))))

    def close(self) -> None:
        self._snapshot.connection.close()


@pytest.fixture
def package_umask() -> Iterator[None]:
    """UMask=007 of the package's unit: a file that the server rewrites keeps mode 0640 or less."""
    before = os.umask(0o027)
    yield
    os.umask(before)
