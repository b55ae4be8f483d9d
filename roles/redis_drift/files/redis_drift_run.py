#!/usr/bin/python3
"""Run the scheduled drift check once: never twice at a time, bounded in time, told in metrics whatever happens.

The check writes its reports. This copies its Prometheus file to the node exporter, writes redis_drift_runner.prom beside
it, and sends one notification where one is due. docs/schedule.md of the project describes the metrics and the JSON.

exit status: 0 all as declared; 2 something drifted; 75 another run is under way; anything else: the check itself failed,
such as 124 out of time, 127 ansible-playbook could not be started, 143 stopped. A notification never changes it.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import http.client
import itertools
import json
import os
import pwd
import random
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

CLEAN, FAILED, DRIFT, BUSY, TIMEOUT, NOT_STARTED = 0, 1, 2, 75, 124, 127
PAUSES = (1, 2, 4, 8, 16)  # seconds between the attempts of a notification, and 16 from then on
ATTEMPT = 10  # seconds for one of them
FEW = 100  # findings in a notification; it says how many there are
LOG_BYTES = 1_000_000  # a log file; the one before it stays
SCHEMA = "redis-drift-notification/1"
CODE = (".venv", "ansible.cfg", "inventories", "library", "module_utils", "playbooks", "roles")  # and *_plugins


@dataclass(frozen=True)
class Config:
    """What the file of --config says. The variables redis_drift_schedule_* and redis_drift_notify_* explain it."""

    source: str
    project: str
    command: Sequence[str]
    reports: str
    state: str
    timeout: float
    textfile_directory: str = ""
    notify_on: str = "change"
    notify_command: Sequence[str] = ()
    notify_url: str = ""
    notify_timeout: float = 60


@dataclass
class State:
    """What one run leaves for the next. Times are seconds since 1970, 0 for never."""

    running: int = 0
    last_start: float = 0
    last_end: float = 0
    exit_code: int = 0
    notification_failed: int = 0
    last_notification: float = 0
    told: dict[str, Any] = field(default_factory=dict)  # the verdict and findings that arrived last


class Stopped(Exception):
    """Somebody ends this run: systemd, a shutdown, a person."""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="/etc/redis-drift.json", metavar="FILE", help="default: %(default)s")
    parser.add_argument("--jitter", type=float, default=0, metavar="SECONDS", help="first wait, at random up to this")
    parser.add_argument("--log", metavar="FILE", help="write here what is otherwise shown; FILE.1 is the part before")
    parser.add_argument("--post", action="store_true", help="only send standard input to the URL of the configuration")
    parser.add_argument("--vet", nargs=2, metavar=("PROJECT", "USER"), help="only say who else could change that code")
    options = parser.parse_args(arguments)
    if options.vet:
        parser.exit(len(found := exposed(Path(options.vet[0]), {0, pwd.getpwnam(options.vet[1]).pw_uid})) > 0, found)
    try:
        config = Config(source=options.config, **json.loads(Path(options.config).read_text()))
    except (OSError, ValueError, TypeError) as error:
        say(f"{options.config}: {error}; expected what playbooks/schedule_drift.yml writes: run it again")
        return FAILED
    if options.post:
        return post(config.notify_url, sys.stdin.buffer.read())
    if options.log:
        log_to(Path(options.log))
    signal.signal(signal.SIGTERM, _stop)
    try:
        time.sleep(random.uniform(0, options.jitter))  # noqa: S311 - spreads load, protects nothing
        with alone(Path(config.state)) as first:
            if first:
                return run(config)
    except Stopped:
        return 128 + signal.SIGTERM
    except OSError as error:
        say(f"{error}; expected a directory for the state that can be written")
        return FAILED
    say("another run is under way; this one does nothing")
    return BUSY


def run(config: Config) -> int:
    """Check, publish, notify. Whatever goes wrong, the metrics have the end and the exit code of this run."""
    state = load_state(config)
    state.running, state.last_start = 1, time.time()
    publish(config, state)
    document: Mapping[str, Any] = {}
    reason, code = "it was stopped", 128 + signal.SIGTERM
    try:
        code, document, reason = check(config)
        if reason:
            say(f"the check failed: {reason}")
    finally:
        state.running, state.last_end, state.exit_code = 0, time.time(), code
        publish(config, state)
    with contextlib.suppress(Stopped):
        notify(config, state, message(config, state, document, reason))
    publish(config, state)
    return code


def check(config: Config) -> tuple[int, Mapping[str, Any], str]:
    """The exit code, the document of this very run or {}, and why the check failed or ''.

    Ansible ends with 2 for any failed task and with 0 where no host matched: only a report of this run makes it an answer.
    """
    if os.geteuid() == 0 and (found := exposed(Path(config.project), {0})):
        return FAILED, {}, found
    latest = Path(config.reports) / "latest.json"
    before = _stamp(latest)
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": f"{config.project}/ansible.cfg",
        "ANSIBLE_HOME": f"{config.state}/ansible",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{config.state}/ssh",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        code = bounded(config.command, config.timeout, cwd=config.project, env=environment)
    except OSError as error:
        return NOT_STARTED, {}, f"{config.command[0]} could not be started: {error}"
    if code == TIMEOUT:
        return code, {}, f"it took longer than {config.timeout:g} s"
    document = _document(latest) if _stamp(latest) != before else {}
    if document and config.textfile_directory:
        with complaining():
            write(Path(config.textfile_directory) / "redis_drift.prom", latest.with_suffix(".prom").read_text(), 0o644)
    if code in (CLEAN, DRIFT) and document.get("exit_code") != code:
        return FAILED, {}, f"it ended with {code} and left no report that says so in {config.reports}"
    if code in (CLEAN, DRIFT):
        return code, document, ""
    return code, document, "a host could not be checked" if document else f"it ended with {code} and left no report"


def exposed(project: Path, trusted: Container[int]) -> str:
    """Which code of the project somebody else could change, and what to do; '' for none."""
    names = (*CODE, ".venv/bin/ansible-playbook", ".venv/bin/python")
    tops = [*(project / name for name in names), *project.glob("*_plugins")]
    tops += [path.resolve() for path in tops]
    inside = (Path(at, name) for top in tops for at, dirs, names in os.walk(top) for name in dirs + names)
    for path in itertools.chain({place for top in tops for place in (top, *top.parents)}, inside):
        with contextlib.suppress(FileNotFoundError):
            seen = path.lstat()
            loose = not stat.S_ISLNK(seen.st_mode) and seen.st_mode & 0o022 and not seen.st_mode & stat.S_ISVTX
            if loose or seen.st_uid not in trusted:
                who = f"has mode {stat.S_IMODE(seen.st_mode):04o}" if loose else f"belongs to uid {seen.st_uid}"
                mend = f"keep the project in /opt: chown -R root: {project} && chmod -R go-w {project}"
                return f"{path}: {who}; expected code that nobody else can change; {mend}"
    return ""


def message(config: Config, state: State, document: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """What the hook gets. `text` is one line for people, `previous` the verdict that arrived last."""
    node, before = socket.gethostname(), state.told.get("verdict", "")
    verdict = {CLEAN: "clean", DRIFT: "drift"}.get(state.exit_code, "failed")
    hosts = document.get("hosts", ())
    findings = [
        {key: item[key] for key in ("host", "instance", "id", "state", "expected", "actual", "remedy")}
        for host in hosts
        for scope in host["scopes"]
        for item in scope["findings"]
        if item["status"] not in ("PASS", "SKIP")
    ]
    about = [f"{len(findings)} finding{'s' * (len(findings) != 1)}"] if findings else []
    about += [reason] if reason else []
    return {
        "schema": SCHEMA,
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "node": node,
        "text": "; ".join([f"redis drift on {node}: {verdict}{f' (was {before})' if before else ''}", *about]),
        "verdict": verdict,
        "previous": before,
        "exit_code": state.exit_code,
        "reason": reason,
        "unchecked": sorted(host["host"] for host in hosts if host["status"] != "checked"),
        "findings": findings,
        "report": str(Path(config.reports) / "latest.html") if document else "",
    }


def gist(news: Mapping[str, Any]) -> dict[str, Any]:
    """What makes two notifications the same news."""
    findings = sorted([item[key] for key in ("host", "instance", "id", "state", "actual")] for item in news["findings"])
    return {**{key: news[key] for key in ("verdict", "reason", "unchecked")}, "findings": findings}


def notify(config: Config, state: State, news: Mapping[str, Any]) -> None:
    """Deliver what is due, in notify_timeout seconds at most. What did not arrive is due again in the next run."""
    hook = list(config.notify_command)
    if config.notify_url and not hook:  # in a process of its own: whatever hangs in it, name service too, can be ended
        hook = [sys.executable, __file__, "--post", "--config", config.source]
    due = {"always": True, "drift": news["verdict"] != "clean"}.get(config.notify_on, gist(news) != state.told)
    if not hook or not due:
        return
    state.notification_failed = 1  # until it arrives
    text = json.dumps({**news, "findings": news["findings"][:FEW], "findings_total": len(news["findings"])}) + "\n"
    end = time.monotonic() + config.notify_timeout
    for number, pause in enumerate(itertools.chain(PAUSES, itertools.repeat(PAUSES[-1])), 1):
        failure = attempt(hook, min(ATTEMPT, end - time.monotonic()), text)
        if not failure:
            state.notification_failed, state.last_notification, state.told = 0, time.time(), gist(news)
            return
        say(f"notification, attempt {number}: {failure}")
        if time.monotonic() + pause >= end:
            say("notification: given up; the next run tries again")
            return
        time.sleep(pause)


def attempt(hook: Sequence[str], seconds: float, text: str) -> str:
    """Why it failed; '' when it arrived."""
    try:
        code = bounded(hook, seconds, text)
    except OSError as error:
        return f"{hook[0]} could not be started: {error}"
    return {0: "", TIMEOUT: f"no end after {seconds:.0f} s"}.get(code, f"{hook[0]} ended with {code}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST becomes a GET without the message, and its answer would pass for a delivery."""

    def redirect_request(self, *_: Any) -> None:
        return None


def post(url: str, body: bytes) -> int:
    """Says why it failed, never to where: the address may hold a token."""
    try:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json", "User-Agent": "redis-drift"})  # noqa: S310 - below
        if request.type not in ("http", "https"):
            raise ValueError
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=ATTEMPT) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        say(f"the server answered {error.code}")
    except OSError as error:
        say(f"no answer: {getattr(error, 'reason', error)}")
    except (ValueError, http.client.HTTPException) as error:
        say(f"redis_drift_notify_url is no address of http or https that can be used ({type(error).__name__})")
    else:
        return 0
    return 1


def bounded(
    command: Sequence[str], seconds: float, text: str = "", *, cwd: Optional[str] = None, env: Optional[Any] = None
) -> int:
    """The exit code, as a shell tells it; TIMEOUT when it took longer. Nothing of its process group is left."""
    process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.PIPE, start_new_session=True)
    try:
        process.communicate(text.encode(), max(seconds, 0.1))
    except subprocess.TimeoutExpired:
        return TIMEOUT
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


@contextlib.contextmanager
def alone(state: Path) -> Iterator[bool]:
    """Whether no other run holds this lock; it goes with the process, however that ends."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def load_state(config: Config) -> State:
    """What cannot be read counts as none: the next notification is due, and no check is lost."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        return State(**json.loads((Path(config.state) / "state.json").read_text()))
    return State()


def publish(config: Config, state: State) -> None:
    """Keep the state, and tell it as metrics. A full disk is told and stops nothing: what stays behind is an old time."""
    with complaining():
        write(Path(config.state) / "state.json", json.dumps(asdict(state)) + "\n", 0o600)
    if config.textfile_directory:
        with complaining():
            write(Path(config.textfile_directory) / "redis_drift_runner.prom", metrics(state), 0o644)


def metrics(state: State) -> str:
    """A textfile of the node exporter."""
    told = {
        "running": (state.running, "1 from the start of a run to its end."),
        "last_start_timestamp_seconds": (int(state.last_start), "When a run last started."),
        "last_end_timestamp_seconds": (int(state.last_end), "When a run last ended, however it did."),
        "exit_code": (
            state.exit_code,
            "Of the last run that ended: 0 clean, 2 drift, others: the check itself failed.",
        ),
        "notification_failed": (state.notification_failed, "1 while the last one that was due did not arrive."),
        "last_notification_timestamp_seconds": (int(state.last_notification), "When a notification last arrived."),
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
            draft.chmod(mode)
            file.write(text)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def log_to(path: Path) -> None:
    """Send what this and its children print to the file. Where that cannot be, it goes on to where it went."""
    with complaining():
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(f"{path}.1")
        with path.open("a") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        say(f"started {datetime.now(timezone.utc).isoformat(timespec='seconds')}")


@contextlib.contextmanager
def complaining() -> Iterator[None]:
    """What goes wrong with a file is told, and ends nothing."""
    try:
        yield
    except OSError as error:
        say(str(error))


def _stamp(path: Path) -> tuple[int, int]:
    """Other than before once the file was replaced; no clock is trusted."""
    with contextlib.suppress(OSError):
        found = path.stat()
        return (found.st_ino, found.st_mtime_ns)
    return (0, 0)


def _document(path: Path) -> Mapping[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(path.read_text())
        return found if isinstance(found, dict) and str(found.get("schema")).startswith("redis-drift/1") else {}
    return {}


def _stop(*_: object) -> None:
    raise Stopped


def say(text: str) -> None:
    print(f"redis-drift-run: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
