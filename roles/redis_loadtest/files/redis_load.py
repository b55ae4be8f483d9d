#!/usr/bin/python3
"""Put the load of many users on one Redis with k6, watch both while it runs, and write down what was measured.

In this order: a single user; the cache filled; users that connect one after another; load that rises; the full rate for
`duration` seconds, which alone is judged; the keys removed. All keys begin with PREFIX:RUN_ID: and have a time to live, so
that they go even if this is killed. Ctrl-C and SIGTERM end it early: k6 is stopped, the keys removed, the result written.

exit status: 0 it ran to its end, and `trust` in the result lists what speaks against its numbers; 1 it could not run;
130 it was interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from redis_load_check import check
from redis_load_config import OPERATIONS, Config, Problem, Stopped, forget, load
from redis_load_numbers import QUANTILES, doubts, percentiles, span
from redis_load_target import Client, Refused, baseline, clean, noise, preload
from redis_load_watch import Show, Watch, available

SCHEMA = "redis-load/1"
DONE, FAILED, INTERRUPTED = 0, 1, 130
SCRIPT = Path(__file__).with_suffix(".js")
OLD, NEW = "k6/experimental/redis", "k6/x/redis"  # the same module: of k6 1.x, and of 2.x or a k6 built with it
STARTED, ERROR = "REDIS_LOAD STARTED", "REDIS_LOAD ERROR "  # what the script says
MIB, GIB = 1024**2, 1024**3
PATIENCE = 10  # seconds for k6 to end when it is told to, besides those of an operation


def main() -> int:
    options = "\n".join(f"  {item.name:17} {item.metadata['about']} [{item.default}]" for item in fields(Config))
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=f"options in CONFIG, a JSON object, with their defaults:\n{options}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", metavar="CONFIG", type=Path, help="the JSON file that says what to do")
    parser.add_argument(
        "--check",
        action="store_true",
        help="load nothing; print as JSON whether this machine could: time, findings, k6, cores, memory_available; exit 0",
    )
    parser.add_argument("--start-at", metavar="SECONDS", type=float, default=0, help="as the option start_at")
    given = parser.parse_args()
    if given.check:
        print(json.dumps(check(given.config, module_of, roomy)))
        return DONE
    try:
        config = load(given.config)
        forget(given.config, config.stop)
        if given.start_at:
            config = replace(config, start_at=given.start_at)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _stop)
        return run(config)
    except Problem as problem:
        print(problem, file=sys.stderr)
    except (OSError, Refused) as error:
        print(f"{config.host}:{config.port}: {error}; expected a server that answers", file=sys.stderr)
    except Stopped:
        return INTERRUPTED
    return FAILED


def run(config: Config) -> int:
    """Everything, and the result whatever happens once the server was reached."""
    parts: dict[str, Any] = {"started": _now(), "status": "interrupted", "baseline": {}, "preload": {}}
    client = Client(config)
    with tempfile.TemporaryDirectory(prefix="redis-load-") as work, _progress(config) as show:
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
    _write(Path(config.result), json.dumps(result, indent=1) + "\n")
    for doubt in result["trust"]:
        print(f"not to be trusted: {doubt['text']}", file=sys.stderr)
    return DONE if parts["status"] == "completed" else INTERRUPTED


def assemble(config: Config, parts: Mapping[str, Any], k6: K6, watch: Watch) -> dict[str, Any]:
    """The result. Latencies of k6 are milliseconds, those of the single user and of the canary microseconds."""
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
        "canary": {name: percentiles(values) for name, values in watch.canary.items()},
        "canary_errors": watch.canary_errors,
        "window": watch.window,
        "samples": watch.samples,
    }
    return {**result, "trust": doubts(result)}


class K6:
    """The load generator: told by a file in `work` what to do, and never by an argument that others can read."""

    def __init__(self, config: Config, work: Path) -> None:
        self.code: int = 0
        self._config, self._work, self._log = config, work, work / "k6.log"
        said = subprocess.run([config.k6, "version"], capture_output=True, text=True, check=False).stdout
        self.version, module = module_of(said)
        (work / SCRIPT.name).write_text(SCRIPT.read_text().replace(OLD, module))
        (work / "plan.json").write_text(json.dumps(plan(config, work / "summary.json")))

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """It ends with the block, and with this process however that ends."""
        command = [self._config.k6, "run", "--quiet", "--no-color", "--no-usage-report", "--no-thresholds"]
        command += ["--address", "", "--log-format", "raw"]  # no port of its own
        if self._config.segment:
            command += ["--execution-segment", self._config.segment]
            command += ["--execution-segment-sequence", self._config.segment_sequence]
        # options that somebody's shell has for k6 are not for this run, but for how a k6 2.x gets its extension
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name[:3] != "K6_" or "EXTENSION" in name or "BUILD" in name
        }
        if self._config.tls_ca:
            inherited["SSL_CERT_FILE"] = self._config.tls_ca
        inherited = {**roomy(self._config.connections, available() // self._config.runs), **inherited}
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                [*command, str(self._work / SCRIPT.name)],
                env={**inherited, "REDIS_LOAD_PLAN": str(self._work / "plan.json")},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - this program has one thread
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)  # it still writes its summary
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(PATIENCE + self._config.timeout)
                process.kill()
            self.code = process.wait()

    def _said(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def said(self) -> str:
        return masked(self._said(), self._config.password)

    def started(self) -> bool:
        return STARTED in self._said()

    def errors(self) -> list[str]:
        told = {line[len(ERROR) :] for line in self._said().splitlines() if line.startswith(ERROR)}
        return sorted(masked(text, self._config.password) for text in told)

    @property
    def summary(self) -> dict[str, Any]:
        """What handleSummary left, or the same with nothing in it."""
        with contextlib.suppress(OSError, ValueError):
            found: dict[str, Any] = json.loads((self._work / "summary.json").read_text())
            return found
        nothing = {"flows": {}, "start_lag": {"count": 0}, "iterations": 0, "dropped_iterations": 0}
        return {"sustained": nothing, "all": {}, "vus_max": 0, "seconds": 0}


def module_of(said: str) -> tuple[str, str]:
    """The version, and the module for Redis that a k6 has which says this of itself."""
    match = re.match(r"k6(?:\.exe)? v(\d+)(\S*)", said)
    if not match:
        raise Problem(f"k6: `k6 version` said {said.strip()[:80]!r}; expected a version")
    return match[1] + match[2], NEW if int(match[1]) >= 2 or NEW in said else OLD


def masked(text: str, password: str) -> str:
    """Without it, in each of its forms: an error of Go repeats the URL that it is in."""
    forms = {password, quote(password, ""), json.dumps(password)[1:-1]} - {""}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def roomy(users: int, free: int) -> dict[str, str]:
    """Settings for Go that let k6 collect its garbage seldom, where there is memory for that.

    A collection stops 1,000 users on two cores for up to 0.2 s, many times a minute, and looks like a slow server: by
    itself it made the p95 of a read 24 ms, without it 0.7 ms.
    """
    room = min(4 * GIB, free // 3)
    return {"GOGC": "off", "GOMEMLIMIT": f"{room}B"} if room >= users * MIB else {}


def plan(config: Config, summary: Path) -> dict[str, Any]:
    """What redis_load.js is told."""
    files = {"cert": config.tls_cert, "key": config.tls_key}
    certificate = {name: Path(file).read_text() for name, file in files.items() if file}
    numbers = ("users", "rate", "ramp", "warm_up_at", "warm_up", "sustained_at", "duration", "timeout", "start_at")
    shape = ("cache_keys", "session_ttl", "cache_ttl", "skew", "write_share")
    return {
        "server": address(config),
        "certificates": [certificate] if certificate else [],
        "prefix": config.keys,
        "session_value": noise(config.session_bytes),
        "cache_value": noise(config.value_bytes),
        "operations": OPERATIONS,
        "quantiles": QUANTILES,
        "summary": str(summary),
        **{name: getattr(config, name) for name in (*numbers, *shape)},
    }


def address(config: Config) -> str:
    """For k6, whose other form of it fails with TLS: it names no server whose certificate to expect (k6 1.1.0)."""
    login = f"{quote(config.username, '')}:{quote(config.password, '')}@" if config.password else ""
    host = (
        f"[{config.host.replace('%', '%25')}]" if ":" in config.host else config.host
    )  # the % before a zone: RFC 6874
    waits = dict.fromkeys(("dial_timeout", "read_timeout", "write_timeout", "pool_timeout"), f"{config.timeout:.3f}s")
    # a command that is tried again would be counted once and sent twice
    options = urlencode({"pool_size": 1, "max_retries": -1, **waits})
    return f"redis{'s' * config.tls}://{login}{host}:{config.port}/{config.database}?{options}"


@contextlib.contextmanager
def _progress(config: Config) -> Iterator[Show]:
    with contextlib.ExitStack() as stack:
        show = Show(
            stack.enter_context(Path(config.progress).open("a")) if config.progress else sys.stderr, config.pause
        )
        stack.callback(show.end)
        yield show


def _write(path: Path, text: str) -> None:
    """A reader sees a whole result or none."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text)
    draft.replace(path)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _be_deaf() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _stop(*_: object) -> None:
    _be_deaf()
    raise Stopped


if __name__ == "__main__":
    sys.exit(main())
