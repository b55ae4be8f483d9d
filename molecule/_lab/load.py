"""Run the load test's playbooks as a person or a CI job does, and read what they leave."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import threading
import time
from fcntl import ioctl
from pathlib import Path

import oracle

STATE = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
INVENTORY = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "inventory"
REPORTS = STATE / "reports"
TEMPORARY = STATE / "tmp"  # of the runs, on this machine: nobody else writes there
RUNS = Path.home() / ".cache/ansible-redis/runs"  # where a generator keeps the directories of runs
GENERATOR = "redis-lab-generator"
HOST = "redis-lab-loaded"
PORTS = {"cache": 6379, "queue": 6380}
PASSWORD = re.search(r"password: (\S+)", (INVENTORY / "group_vars/redis/vault.yml").read_text()).group(1)
EXIT_CODES = {"PASS": 0, "FAIL": 2, "INVALID": 3}
# What a machine that others use as well does to a measurement; the server has no part in it.
BUSY = {"generator_cpu", "late", "dropped", "too_few"}
BUSY_JOBS = ("jobs: they were sent", "jobs: the producer or a worker")
# What users and jobs feel of it.
WAITS = {"session_p95_ms", "cache_p95_ms", "job_p95_ms", "session_baseline_ms", "cache_baseline_ms", "job_baseline_ms"}
WAITS |= {"slow_commands", "slowest_ms", "command_p99_ms", "longest_pause_ms", "failed_operations"}
# A load from this machine alone, short.
SHORT = {"redis_loadtest_generators": ["localhost"], "redis_loadtest_users": 100, "redis_loadtest_duration": 5}


def play(playbook, *options, **variables):
    """Its status and output, without a terminal."""
    return oracle.play(f"playbooks/{playbook}", *options, redis_loadtest_reports=str(REPORTS), **variables)


def ask(host, name, *words):
    """redis-cli, on the host."""
    return oracle.redis_cli(host, *words, port=PORTS[name], password=PASSWORD)


def fresh():
    """Before a run: neither report nor temporary file."""
    for directory in (REPORTS, TEMPORARY):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()


def document(status, output):
    """The report of a run that ended so, after a look at whether its files say the same."""
    latest = REPORTS / "latest.json"
    assert latest.exists(), output
    text = latest.read_text()
    found = json.loads(text)
    assert found["exit_code"] == status == EXIT_CODES[found["verdict"]], output
    dated = sorted(REPORTS.glob("2*Z.json"))
    assert [path.read_text() for path in dated] == [text]
    lines = (REPORTS / "latest.txt").read_text().splitlines()
    assert lines[-1].startswith(f"{found['verdict']}: ")
    assert output.replace("\r\n", "\n").rstrip().endswith("\n".join(lines))
    assert not list(REPORTS.glob("window*.json"))
    return found


def instance(found, name):
    [place] = [place for place in found["instances"] if place["instance"] == name]
    return place


def missed(place):
    """Metrics whose target was missed."""
    return {finding["id"].removeprefix("load.") for finding in place["findings"] if finding["status"] == "FAIL"}


def only_busy(found):
    """Whether nothing speaks against a measurement but how busy the machine was, which is no defect of anything here."""
    users = [place["loads"]["users"] for place in found["instances"] if "users" in place["loads"]]
    for place in found["instances"]:
        doubts = [doubt for load in users for doubt in load["trust"]]
        allowed = BUSY | ({"rate"} if any(doubt["id"] == "generator_cpu" for doubt in doubts) else set())
        known = tuple(doubt["text"] for doubt in doubts if doubt["id"] in allowed)
        if not all(text.startswith(BUSY_JOBS) or text.endswith(known) for text in place["distrust"]):
            return False
    return not found["distrust"]


def nothing_is_left(host):
    """No key and no user on any instance, no process and no file on any load generator."""
    for name in PORTS:
        assert users(host, name) == []
    no_load_is_left(host)
    there = "ls -d ~/.ansible_async/* 2>/dev/null"
    assert on_the_generator(there) == ""


def no_load_is_left(host):
    """The same, but for the user and what Ansible keeps of a job: a run that was killed leaves those."""
    for name in PORTS:
        assert ask(host, name, "dbsize") == "0", ask(host, name, "--scan")
        assert "db" not in ask(host, name, "info", "keyspace").removeprefix("# Keyspace")
    assert list(TEMPORARY.iterdir()) == []
    assert not RUNS.exists() or list(RUNS.iterdir()) == []
    assert processes(str(RUNS), "cmdline") == []
    assert on_the_generator("ls -A ~/.cache/ansible-redis/runs; ls -d /tmp/*redis* /tmp/*k6* 2>/dev/null") == ""
    found = on_the_generator("pgrep -af 'redis_(load|jobs)|k6'")
    assert [line for line in found.splitlines() if "pgrep" not in line] == []


def on_the_generator(script):
    """What a shell there prints."""
    words = ["podman", "exec", GENERATOR, "sh", "-c", script]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60).stdout


def users(host, name):
    """Of the server, but for its own."""
    return [user for user in ask(host, name, "acl", "users").splitlines() if user != "default"]


def refused(host, name):
    """What the server has refused to anybody since its ACL log was emptied."""
    return ask(host, name, "acl", "log")


def passwords():
    """Those of users of loads that are in files of this machine now; and the modes of those files and their directories."""
    found, modes = set(), set()
    for path in RUNS.glob("*/**/*"):
        with contextlib.suppress(OSError):  # it has been removed
            text = path.read_text(errors="replace") if path.is_file() else ""
            here = (
                set(re.findall(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", text)) if "redis_ops_load_" in text else set()
            )
            found |= here
            if here:
                modes |= {
                    oct(path.stat().st_mode & 0o777),
                    *(oct(up.stat().st_mode & 0o777) for up in (path.parent, RUNS)),
                }
    return found, modes


def processes(text, *where):
    """Command lines of those on this machine, test hosts included, that have it in one of these files of /proc."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            told = [(process / name).read_bytes() for name in where]
            if any(text.encode() in words for words in told):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


class Eavesdropper(contextlib.AbstractContextManager):
    """Who has a secret among its arguments or variables at any time meanwhile: a text, or the password of a load's user.

    passwords: of those users, as they were seen in files; modes: of the files and their directories.
    """

    def __init__(self, text):
        self.heard, self.looks, self.passwords, self.modes = set(), 0, set(), set()
        self._text, self._ended = text, threading.Event()
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def _listen(self):
        while not self._ended.wait(0.1):
            found, modes = passwords()
            self.passwords |= found
            self.modes |= modes
            for secret in (self._text, *self.passwords):
                self.heard.update(processes(secret, "cmdline", "environ"))
            self.looks += 1


class Terminal(contextlib.AbstractContextManager):
    """A load test that somebody started at a terminal, and watches."""

    def __init__(self, **variables):
        self.output = ""
        self._variables = {"redis_loadtest_reports": str(REPORTS), **variables}
        self._status = None

    def __enter__(self):
        extra = STATE / "terminal.json"
        extra.write_text(json.dumps(self._variables))
        words = [
            "ansible-playbook",
            f"--inventory={INVENTORY}/",
            "playbooks/run_load_test.yml",
            f"--extra-vars=@{extra}",
        ]
        environment = {name: value for name, value in os.environ.items() if name != oracle.SSH_OPTIONS}
        self._pid, self._file = pty.fork()
        if self._pid == 0:
            os.chdir(oracle.PROJECT)
            os.execvpe(words[0], words, environment)
        ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        return self

    def until(self, text, seconds=240):
        """Wait for it to be shown. Fails when the run ends before."""
        end = time.monotonic() + seconds
        while text not in self.output:
            assert time.monotonic() < end, self.output
            assert self._read(), self.output

    def kill(self):
        """As the kernel does, or somebody in a hurry."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._status = -signal.SIGKILL

    def press(self, key):
        os.write(self._file, key)

    def end(self):
        """Its status and everything that was shown."""
        while self._read():
            pass
        self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._status, self.output

    def __exit__(self, *_):
        if self._status is None:
            os.kill(self._pid, 9)
            os.waitpid(self._pid, 0)
        os.close(self._file)

    def _read(self):
        """False at its end."""
        if not select.select([self._file], [], [], 1)[0]:
            return True
        try:
            data = os.read(self._file, 65536)
        except OSError:  # what a terminal answers that nobody has open any more
            return False
        self.output += data.decode(errors="replace")
        return bool(data)
