"""Put the load of many users on one Redis with k6, watch both while it runs, and write down what was measured.

In this order: a single user; the cache filled; users that connect one after another; load that rises; the full rate for
`duration` seconds, which alone is judged; the keys removed. All keys begin with PREFIX:RUN_ID: and have a time to live, so
that they go even if this is killed. Ctrl-C and SIGTERM end it early: k6 is stopped, the keys removed, the result written.
"""

from __future__ import annotations

import contextlib
import platform
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..client import MISSING, Client, Refused
from ..errors import Problem, Stopped
from ..figures import percentiles
from ..files import publish
from ..place import forget, working_in
from .config import Config, load
from .doubts import doubts, span
from .k6 import K6
from .target import baseline, clean, preload
from .watch import Show, Watch

SCHEMA = "redis-load/1"
DONE, FAILED, INTERRUPTED = 0, 1, 130


def carry_out(path: Path, *, start_at: float = 0) -> int:
    """The load that a configuration describes: the exit status, 0 where it ran to its end, and `trust` in the result lists
    what speaks against its numbers; 1 where it could not run; 130 where it was interrupted. start_at: as the option.
    """
    place = str(path)
    try:
        config = load(path)
        if MISSING:
            raise Problem(f"{MISSING}; expected the Python package redis: install it for {sys.executable}")
        place = f"{config.host}:{config.port}"
        forget(path, config.stop)
        if start_at:
            config = replace(config, start_at=start_at)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _stop)
        with working_in(config.stop):
            return run(config)
    except Problem as problem:
        print(problem, file=sys.stderr)
    except (OSError, Refused) as error:
        print(f"{place}: {error}; expected a server that answers", file=sys.stderr)
    except Stopped:
        return INTERRUPTED
    return FAILED


def run(config: Config) -> int:
    """Everything, and the result whatever happens once the server was reached."""
    parts: dict[str, Any] = {"started": _now(), "status": "interrupted", "baseline": {}, "preload": {}}
    client = Client(config.connection)
    with tempfile.TemporaryDirectory(prefix=".k6-", dir=Path(config.result).parent) as work, _progress(config) as show:
        k6, watch = K6(config, Path(work)), Watch(config, client, show)
        watch.begin()
        try:
            show.line(f"{config.keys}* on {watch.server} at {config.host}:{config.port}: filling the cache")
            parts["preload"] = preload(config, client)
            show.line("a single user")
            parts["baseline"] = baseline(config, client)
            show.line(f"{config.connections} users, {config.rate} operations per second, for {config.duration:g} s")
            with k6.running() as process:
                watch.follow(process, k6.started)
            if not k6.started():
                raise Problem(f"k6 ended with {k6.code} before the load began; it said:\n{k6.said()[-2000:]}")
            parts["status"] = "completed"
        except Stopped:
            show.line("stopped; the keys are removed")
        finally:
            _be_deaf()
            parts["cleanup"] = clean(config, client)
        result = assemble(config, {**parts, "ended": _now()}, k6, watch)
    publish(Path(config.result), result)
    for doubt in result["trust"]:
        print(f"not to be trusted: {doubt['text']}", file=sys.stderr)
    return DONE if parts["status"] == "completed" else INTERRUPTED


def assemble(config: Config, parts: Mapping[str, Any], k6: K6, watch: Watch) -> dict[str, Any]:
    """The result. Latencies of k6 are milliseconds, those of the single user and of the probe microseconds."""
    samples = [sample for sample in watch.samples if sample["phase"] == "sustained"]
    sustained = k6.summary["sustained"]
    answered = sum(flow["count"] for flow in sustained["flows"].values())
    users, sockets = span(samples, "users"), span(samples, "k6_sockets")
    result = {
        "schema": SCHEMA,
        "run_id": config.run_id,
        **parts,
        "config": {name: value for name, value in asdict(config).items() if name != "password"},
        "versions": {"k6": k6.version, "server": watch.server, "python": platform.python_version()},
        "k6": {"exit_code": k6.code, **k6.summary},
        "errors": {name[6:]: count for name, count in sustained.items() if name.startswith("error_") and count},
        "error_examples": k6.errors()[:10],
        "rate": {
            "wanted": float(config.rate * config.share),
            "reached": round(answered / config.duration, 1),
        },
        "connections": {
            "wanted": config.connections,
            # the server has users of other generators too, and others' clients come and go
            "reached": min(users.get("median", 0), sockets.get("median", 0)),
            "server": users.get("median", 0),
            "k6": sockets.get("median", 0),
        },
        "generator": {
            "cores": watch.cores,
            **{name: span(samples, name) for name in ("machine_cpu", "k6_cpu", "k6_rss", "runner_cpu")},
        },
        "canary": {name: percentiles(values) for name, values in watch.probed.items()},
        "canary_errors": watch.probe_errors,
        "window": watch.window,
        "samples": watch.samples,
    }
    return {**result, "trust": doubts(result)}


@contextlib.contextmanager
def _progress(config: Config) -> Iterator[Show]:
    with contextlib.ExitStack() as stack:
        show = Show(
            stack.enter_context(Path(config.progress).open("a")) if config.progress else sys.stderr, config.pause
        )
        stack.callback(show.end)
        yield show


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _be_deaf() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _stop(*_: object) -> None:
    _be_deaf()
    raise Stopped
