#!/usr/bin/python3 -SsEB
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
import json
import os
import pwd
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

sys.dont_write_bytecode = True  # where this is installed, only the playbook writes
import redis_drift_notify  # noqa: E402
import redis_drift_trust  # noqa: E402
from redis_drift_inputs import PATH, Job  # noqa: E402
from redis_drift_notify import message, say  # noqa: E402
from redis_drift_state import State, write  # noqa: E402

CLEAN, FAILED, DRIFT, BUSY, TIMEOUT, NOT_STARTED = 0, 1, 2, 75, 124, 127
ALONE = ("-S", "-s", "-E", "-B")  # as in the first line: Python without anybody's packages, settings and caches
LOG_BYTES = 1_000_000  # a log file; the one before it stays


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


class Stopped(Exception):
    """Somebody ends this run: systemd, a shutdown, a person."""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="/etc/redis-drift.json", metavar="FILE", help="default: %(default)s")
    parser.add_argument("--jitter", type=float, default=0, metavar="SECONDS", help="first wait, at random up to this")
    parser.add_argument("--log", metavar="FILE", help="write here what is otherwise shown; FILE.1 is the part before")
    parser.add_argument("--post", action="store_true", help="only send standard input to the URL of the configuration")
    parser.add_argument("--vet", action="store_true", help="only say who else could change what it runs; 1 if somebody")
    options = parser.parse_args(arguments)
    try:
        config = Config(source=options.config, **json.loads(Path(options.config).read_text()))
    except (OSError, ValueError, TypeError) as error:
        say(f"{options.config}: {error}; expected what playbooks/schedule_drift.yml writes: run it again")
        return FAILED
    os.environ["PATH"] = PATH  # who starts it does not decide which programs run
    if options.vet:
        return vet(config)
    if options.post:
        return redis_drift_notify.post(config.notify_url, sys.stdin.buffer.read())
    if options.log:
        log_to(Path(options.log))
    return once(config, options.jitter)


def vet(config: Config) -> int:
    """Print who could change what it runs."""
    for line in (found := untrusted(config)):
        print(line)
    return FAILED if found else CLEAN


def once(config: Config, jitter: float) -> int:
    """Run, unless another run is under way."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        time.sleep(random.uniform(0, jitter))  # noqa: S311 - spreads load, protects nothing
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
    state = State.of(Path(config.state) / "state.json")
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
        before = state.told.get("verdict", "")
        notify(config, state, message(document, code=code, reason=reason, before=before, reports=config.reports))
    publish(config, state)
    return code


def check(config: Config) -> tuple[int, Mapping[str, Any], str]:
    """The exit code, the document of this very run or {}, and why the check failed or ''.

    Ansible ends with 2 for any failed task and with 0 where no host matched: only a report of this run makes it an answer.
    """
    if found := untrusted(config):
        for line in found:
            say(line)
        more = f" (and {len(found) - 1} more, in the log)" if len(found) > 1 else ""
        return FAILED, {}, f"somebody else could change what it runs: {found[0].partition('; expected')[0]}{more}"
    try:
        return _checked(config)
    except OSError as error:
        return NOT_STARTED, {}, f"{config.command[0]} could not be started: {error}"


def _checked(config: Config) -> tuple[int, Mapping[str, Any], str]:
    """The same, of inputs that can be trusted. Raises OSError where the command cannot be started."""
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
    code = bounded(config.command, config.timeout, cwd=config.project, env=environment)
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
    if not document:
        return code, document, f"it ended with {code} and left no report"
    hosts = redis_drift_notify.unchecked(document)
    return code, document, "a host could not be checked" if hosts else "a waiver cannot be read"


def untrusted(config: Config, *kinds: str) -> list[str]:
    """A line for each input that somebody else than root and this account could change. kinds: of inputs; none for all."""
    own = [config.source, config.state, str(Path(__file__).parent)]
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
        job = Job(user, config.project, config.command, config.notify_command, own, config.reports)
        return list(map(str, redis_drift_trust.exposed(job, os.environ, kinds)))
    except (OSError, ValueError, KeyError) as error:
        return [f"the inputs cannot be looked at: {error}"]


def notify(config: Config, state: State, news: Mapping[str, Any]) -> None:
    """Deliver what is due. What did not arrive is due again in the next run."""
    hook = list(config.notify_command)
    if config.notify_url and not hook:  # in a process of its own: whatever hangs in it, name service too, can be ended
        hook = [sys.executable, *ALONE, __file__, "--post", "--config", config.source]
    gist = redis_drift_notify.gist(news)
    due = {"always": True, "drift": news["verdict"] != "clean"}.get(config.notify_on, gist != state.told)
    if not hook or not due:
        return
    state.notification_failed = 1  # until it arrives
    if found := untrusted(config, "own", "hook"):
        say(f"notification: not sent, as somebody else could change what sends it: {found[0]}")
    elif redis_drift_notify.deliver(hook, news, config.notify_timeout, bounded, TIMEOUT):
        state.notification_failed, state.last_notification, state.told = 0, time.time(), gist


def bounded(
    command: Sequence[str], seconds: float, text: str = "", *, cwd: Optional[str] = None, env: Optional[Any] = None
) -> int:
    """The exit code, as a shell tells it; TIMEOUT when it took longer. Nothing of its process group is left."""
    stopped: list[bool] = []  # meanwhile: a process that nobody knows yet would be left behind
    usual = signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    try:
        process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.PIPE, start_new_session=True)
    finally:
        signal.signal(signal.SIGTERM, usual)
    try:
        if stopped:
            raise Stopped
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


def publish(config: Config, state: State) -> None:
    """Keep the state, and tell it as metrics. A full disk is told and stops nothing: what stays behind is an old time."""
    with complaining():
        write(Path(config.state) / "state.json", state.text(), 0o600)
    if config.textfile_directory:
        with complaining():
            write(Path(config.textfile_directory) / "redis_drift_runner.prom", state.metrics(), 0o644)


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
        return redis_drift_notify.readable(json.loads(path.read_text()))
    return {}


def _stop(*_: object) -> None:
    raise Stopped


if __name__ == "__main__":
    sys.exit(main())
