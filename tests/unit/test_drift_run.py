"""The runner of scheduled checks, as it is installed: a program of its own, with real children and a real HTTP server."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent.parent.parent / "roles" / "redis_drift" / "files" / "redis_drift_run.py"
PYTHON = "/usr/bin/python3"  # whose it is, is root's business; that of the tests may be anybody's
FINDING = {
    "id": "option.maxmemory",
    "state": "live_not_persisted",
    "status": "FAIL",
    "expected": "2gb",
    "actual": "running 7mb",
    "remedy": "redis-cli CONFIG SET maxmemory 2147483648",
    "host": "redis1",
    "instance": "default",
}
WAIVED = {**FINDING, "id": "option.hz", "state": "waived", "status": "SKIP"}
# Stands in for ansible-playbook: the reports of a check, and its exit code.
CHECK = """\
import json, pathlib, sys
reports, code, document = pathlib.Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
reports.mkdir(exist_ok=True)
(reports / "latest.prom").write_text("redis_drift_exit_code %d\\n" % code)
(reports / "draft").write_text(json.dumps(document))
(reports / "draft").replace(reports / "latest.json")
sys.exit(code)
"""


class Machine:
    """A directory with the configuration of a runner, and what one run of it leaves."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.textfiles = root / "textfiles"
        self.textfiles.mkdir()
        # installed as the role does it: whose the working copy is does not matter
        self.program = root / "lib" / PROGRAM.name
        shutil.copytree(PROGRAM.parent, root / "lib", ignore=shutil.ignore_patterns("__pycache__"))
        self.config = {
            "project": str(root),
            "command": [],
            "reports": str(root / "reports"),
            "state": str(root / "state"),
            "timeout": 20,
            "textfile_directory": str(self.textfiles),
        }

    def checks(self, code: int, *findings: dict, status: str = "checked", told: int | None = None) -> Machine:
        document = {
            "schema": "redis-drift/1",
            "exit_code": code if told is None else told,
            "hosts": [{"host": "redis1", "status": status, "scopes": [{"findings": list(findings)}]}],
        }
        self.config["command"] = [
            *(PYTHON, "-c", CHECK),
            *(self.config["reports"], str(code), json.dumps(document)),
        ]
        return self

    def hears(self) -> Path:
        """Notifications by a command that keeps them, one on each line."""
        inbox = self.root / "inbox"
        self.config["notify_command"] = ["sh", "-c", f"cat >>{inbox}"]
        return inbox

    def start(self, *arguments: str) -> subprocess.Popen:
        path = self.root / "config.json"
        path.write_text(json.dumps(self.config))
        command = [sys.executable, self.program, "--config", path, *arguments]
        # those of the test run name the working copy, which may be anybody's
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments: str) -> tuple[int, str]:
        with self.start(*arguments) as process:
            _, said = process.communicate(timeout=60)
        return process.returncode, said

    def metric(self, name: str) -> int:
        return metric(self.textfiles / "redis_drift_runner.prom", f"redis_drift_runner_{name}")


def metric(path: Path, name: str) -> int:
    [value] = [line.split()[1] for line in path.read_text().splitlines() if line.startswith(f"{name} ")]
    return int(value)


def messages(inbox: Path) -> list[dict]:
    return [json.loads(line) for line in inbox.read_text().splitlines()] if inbox.exists() else []


def wait_for(condition) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def machine(trusted_path):
    return Machine(trusted_path).checks(0)


# --- the exit code ----------------------------------------------------------------------------------------------------


def test_clean(machine):
    started = int(time.time())
    assert machine.run() == (0, "")
    assert machine.metric("exit_code") == 0
    assert machine.metric("running") == 0
    assert started <= machine.metric("last_start_timestamp_seconds") <= machine.metric("last_end_timestamp_seconds")
    assert metric(machine.textfiles / "redis_drift.prom", "redis_drift_exit_code") == 0
    assert sorted(path.name for path in machine.textfiles.iterdir()) == ["redis_drift.prom", "redis_drift_runner.prom"]
    assert {path.stat().st_mode & 0o777 for path in machine.textfiles.iterdir()} == {0o644}
    assert (machine.root / "state" / "state.json").stat().st_mode & 0o777 == 0o600


def test_drift_is_no_failure(machine):
    assert machine.checks(2, FINDING).run() == (2, "")
    assert machine.metric("exit_code") == 2


def test_a_host_that_was_not_reached(machine):
    code, said = machine.checks(1, status="unreachable").run()
    assert code == 1
    assert "could not be checked" in said
    assert metric(machine.textfiles / "redis_drift.prom", "redis_drift_exit_code") == 1


@pytest.mark.parametrize("code", [0, 2])
def test_an_answer_without_a_report_is_none(machine, code):
    # ansible-playbook ends with 0 where no host matches, and with 2 for any task that failed
    machine.checks(0).run()  # the report of an earlier run
    machine.config["command"] = ["sh", "-c", f"exit {code}"]
    told, said = machine.run()
    assert told == 1
    assert f"it ended with {code} and left no report" in said
    assert machine.metric("exit_code") == 1


def test_a_report_that_says_something_else(machine):
    assert machine.checks(0, told=2).run()[0] == 1


def test_half_a_report(machine):
    machine.config["command"] = ["sh", "-c", f"mkdir {machine.config['reports']}; cd reports; echo '{{' >latest.json"]
    assert machine.run()[0] == 1


def test_ansible_writes_nowhere_but_in_the_state(machine):
    # the service has the rest of the file system read-only, homes too: measured, ssh failed with ~/.ansible/cp
    machine.config["command"] = ["sh", "-c", "env >env"]
    machine.run()
    told = dict(line.split("=", 1) for line in (machine.root / "env").read_text().splitlines() if "=" in line)
    assert told["ANSIBLE_HOME"] == f"{machine.config['state']}/ansible"
    assert told["ANSIBLE_SSH_CONTROL_PATH_DIR"] == f"{machine.config['state']}/ssh"
    assert told["ANSIBLE_CONFIG"] == f"{machine.root}/ansible.cfg"


def test_a_project_that_is_gone(machine):
    machine.config["command"] = [str(machine.root / "no" / "ansible-playbook")]
    code, said = machine.run()
    assert code == 127
    assert "could not be started" in said
    assert machine.metric("exit_code") == 127


def test_out_of_time_with_a_child_that_hangs(machine):
    machine.config.update(timeout=1, command=["sh", "-c", f"sleep 300 & echo $! >{machine.root}/pid; wait"])
    code, said = machine.run()
    assert code == 124
    assert "longer than 1 s" in said
    assert machine.metric("exit_code") == 124
    assert gone(int((machine.root / "pid").read_text()))


def gone(pid: int) -> bool:
    """Ended, though its parent may not have looked yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_stopped_in_the_middle(machine):
    inbox = machine.hears()
    machine.config["command"] = ["sh", "-c", f"sleep 300 & echo $! >{machine.root}/pid; wait"]
    with machine.start() as process:
        wait_for(lambda: (machine.root / "pid").exists() and (machine.root / "pid").read_text())
        assert machine.metric("running") == 1
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 143
    assert machine.metric("running") == 0
    assert machine.metric("exit_code") == 143
    wait_for(lambda: gone(int((machine.root / "pid").read_text())))
    assert messages(inbox) == []


def test_killed_it_is_still_running_in_the_metrics(machine):
    machine.config["command"] = ["sh", "-c", f"echo $$ >{machine.root}/pid; exec sleep 300"]
    with machine.start() as process:
        wait_for(lambda: (machine.root / "pid").exists() and (machine.root / "pid").read_text())
        process.kill()
        process.wait()
        os.kill(int((machine.root / "pid").read_text()), signal.SIGKILL)
    assert machine.metric("running") == 1
    assert machine.checks(0).run()[0] == 0  # and the lock went with it
    assert machine.metric("running") == 0


def test_never_twice_at_a_time(machine):
    machine.config["command"] = ["sh", "-c", f"touch {machine.root}/here; sleep 300"]
    with machine.start() as process:
        wait_for((machine.root / "here").exists)
        assert machine.run() == (75, "redis-drift-run: another run is under way; this one does nothing\n")
        assert machine.metric("running") == 1
        process.terminate()
        process.communicate(timeout=20)


# --- where nothing can be written -------------------------------------------------------------------------------------


def test_no_directory_for_the_metrics(machine):
    machine.config["textfile_directory"] = str(machine.root / "missing")
    code, said = machine.checks(2, FINDING).run()
    assert code == 2
    assert "missing/.redis_drift_runner.prom.draft" in said


def test_a_state_that_is_no_json(machine):
    (machine.root / "state").mkdir()
    (machine.root / "state" / "state.json").write_text('{"told": ')
    assert machine.run() == (0, "")


def test_a_place_for_the_state_that_is_no_directory(machine):
    (machine.root / "state").write_text("")
    code, said = machine.run()
    assert code == 1
    assert "expected a directory for the state" in said


@pytest.mark.parametrize("text", ["", "{}", '{"what": 1}', "[]"])
def test_a_configuration_that_is_none(machine, text):
    path = machine.root / "broken.json"
    path.write_text(text)
    code, said = machine.run("--config", str(path))
    assert code == 1
    assert str(path) in said
    assert "Traceback" not in said


def test_a_log_file_turns_over(machine):
    log = machine.root / "run.log"
    log.write_text("x" * 1_000_001)
    machine.config["command"] = ["sh", "-c", "echo what the check says"]
    assert machine.run("--log", str(log)) == (1, "")
    assert "what the check says" in log.read_text()
    assert (machine.root / "run.log.1").stat().st_size == 1_000_001


def test_no_place_for_the_log(machine):
    code, said = machine.run("--log", str(machine.root / "missing" / "run.log"))
    assert code == 0
    assert "missing/run.log" in said


# --- when to notify ---------------------------------------------------------------------------------------------------


def test_a_notification(machine):
    inbox = machine.hears()
    machine.checks(2, FINDING, WAIVED).run()
    [news] = messages(inbox)
    assert news["schema"] == "redis-drift-notification/1"
    assert (news["verdict"], news["exit_code"], news["previous"], news["reason"]) == ("drift", 2, "", "")
    assert news["findings"] == [{key: value for key, value in FINDING.items() if key != "status"}]
    assert news["findings_total"] == 1
    assert news["text"] == f"redis drift on {news['node']}: drift; 1 finding"
    assert news["report"] == f"{machine.config['reports']}/latest.html"
    assert machine.metric("notification_failed") == 0
    assert machine.metric("last_notification_timestamp_seconds") > 0


def test_only_a_change_is_told(machine):
    inbox = machine.hears()
    other = {**FINDING, "id": "option.hz"}
    for code, findings in (
        (0, []),
        (0, []),
        (2, [FINDING]),
        (2, [FINDING]),
        (2, [FINDING, other]),
        (2, [other]),
        (0, []),
    ):
        machine.checks(code, *findings).run()
    assert [(news["previous"], news["verdict"], news["findings_total"]) for news in messages(inbox)] == [
        ("", "clean", 0),
        ("clean", "drift", 1),
        ("drift", "drift", 2),
        ("drift", "drift", 1),
        ("drift", "clean", 0),
    ]


@pytest.mark.parametrize(("on", "count"), [("change", 3), ("drift", 3), ("always", 5)])
def test_when_it_is_told(machine, on, count):
    inbox = machine.hears()
    machine.config["notify_on"] = on
    for code in (0, 0, 2, 2, 1):
        machine.checks(code, *([FINDING] if code == 2 else []), status="failed" if code == 1 else "checked").run()
    assert len(messages(inbox)) == count
    assert messages(inbox)[-1]["verdict"] == "failed"
    assert messages(inbox)[-1]["unchecked"] == ["redis1"]


def test_a_long_list_is_cut_and_counted(machine):
    inbox = machine.hears()
    machine.checks(2, *({**FINDING, "id": f"option.{number}"} for number in range(150))).run()
    [news] = messages(inbox)
    assert (len(news["findings"]), news["findings_total"]) == (100, 150)


def test_a_command_that_fails_is_due_again(machine):
    inbox = machine.hears()
    kept = machine.config["notify_command"]
    machine.config.update(notify_command=["false"], notify_timeout=1)
    code, said = machine.checks(2, FINDING).run()
    assert code == 2
    assert "attempt 1: false ended with 1" in said
    assert "given up" in said
    assert machine.metric("notification_failed") == 1
    machine.config["notify_command"] = kept
    assert machine.run() == (2, "")
    assert len(messages(inbox)) == 1
    assert machine.metric("notification_failed") == 0


@pytest.mark.parametrize("command", [["/no/such/command"], ["sleep", "300"], ["sh", "-c", "sleep 300 & wait"]])
def test_a_command_that_is_missing_or_hangs(machine, command):
    machine.config.update(notify_command=command, notify_timeout=2)
    start = time.monotonic()
    assert machine.run()[0] == 0
    assert time.monotonic() - start < 10
    assert machine.metric("notification_failed") == 1


# --- over HTTP --------------------------------------------------------------------------------------------------------


class Hook(http.server.ThreadingHTTPServer):
    """Answers with these codes in turn, and then with 200; 0 is no answer at all."""

    daemon_threads = True

    def __init__(self, *codes: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.codes = list(codes)
        self.requests: list[tuple[str, str, bytes]] = []
        self.over = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?token=sesame"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, self.headers["Content-Type"], body))
        code = self.server.codes.pop(0) if self.server.codes else 200
        if code == 0:
            self.server.over.wait(30)
            return
        self.send_response(code)
        if code == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook(request):
    server = Hook(*getattr(request, "param", ()))
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("hook", [(), (500,), (503, 302)], indirect=True, ids=str)
def test_a_post_arrives_in_the_end(machine, hook):
    wanted = len(hook.codes) + 1
    machine.config["notify_url"] = hook.url
    code, said = machine.checks(2, FINDING).run()
    assert code == 2
    assert said.count("attempt") == wanted - 1
    assert [(path, kind) for path, kind, _ in hook.requests] == [("/hook?token=sesame", "application/json")] * wanted
    assert json.loads(hook.requests[-1][2])["verdict"] == "drift"
    assert machine.metric("notification_failed") == 0


@pytest.mark.parametrize("hook", [(0,) * 9], indirect=True, ids=["hangs"])
def test_a_server_that_hangs_does_not_hold_the_run(machine, hook):
    machine.config.update(notify_url=hook.url, notify_timeout=2)
    start = time.monotonic()
    code, said = machine.run()
    assert code == 0
    assert time.monotonic() - start < 10
    assert "no end after 2 s" in said
    assert machine.metric("notification_failed") == 1


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1/sesame", "no answer"),
        ("file:///sesame", "no address of http"),
        ("sesame", "no address of http"),
        ("http:// bad host/sesame", "no address of http"),
    ],
)
def test_an_address_is_never_told(machine, url, reason):
    machine.config.update(notify_url=url, notify_timeout=1)
    code, said = machine.run()
    assert code == 0
    assert reason in said
    assert "Traceback" not in said
    assert "sesame" not in said
    assert "bad host" not in said


@pytest.mark.parametrize("hook", [(0,)], indirect=True, ids=["hangs"])
def test_an_address_is_in_no_argument(machine, hook):
    machine.config.update(notify_url=hook.url, notify_timeout=30)
    with machine.start() as process:
        wait_for(lambda: hook.requests)
        arguments = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if readable(path)]
        process.terminate()
        process.communicate(timeout=20)
    mine = [line for line in arguments if str(machine.root).encode() in line]
    assert len(mine) >= 2  # the runner, and the child that posts
    assert not [line for line in arguments if hook.url.encode() in line]
    assert process.returncode == 0  # stopped while it told: the check was over


def readable(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError:
        return False
    return True


def test_help_says_what_the_exit_codes_mean():
    said = subprocess.run([sys.executable, PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout
    for text in ("--config FILE", "/etc/redis-drift.json", "2 something drifted", "75 another run"):
        assert text in said


# --- inputs that others could change; test_drift_trust.py has the cases -----------------------------------------------

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@as_root
@pytest.mark.parametrize("name", ["ansible.cfg", "given.yml"])
def test_the_runner_refuses_what_others_could_change_and_tells(machine, name):
    inbox = machine.hears()
    machine.config["command"] += ["-e", f"@{machine.root}/given.yml"]
    (machine.root / name).write_text("")
    assert machine.run()[0] == 0
    os.chown(machine.root / name, 4242, 0)
    (machine.root / "reports" / "latest.json").unlink()
    code, said = machine.run()
    assert (code, machine.metric("exit_code")) == (1, 1)
    assert f"{name} in it belongs to uid 4242" in said
    assert "belongs to uid 4242" in messages(inbox)[-1]["reason"]
    assert not (machine.root / "reports" / "latest.json").exists()
    [line] = [line for line in said.splitlines() if "then type: " in line]
    subprocess.run(["sh", "-c", line.partition("then type: ")[2]], check=True)
    assert machine.run()[0] == 0


@as_root
def test_a_hook_of_somebody_else_is_not_run(machine):
    hook = machine.root / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {machine.root}/rang\n")
    hook.chmod(0o755)
    machine.config["notify_command"] = [str(hook)]
    assert machine.run()[0] == 0
    (machine.root / "rang").unlink()
    os.chown(hook, 4242, 0)
    code, said = machine.checks(2, FINDING).run()
    assert (code, machine.metric("notification_failed")) == (1, 1)
    assert "notification: not sent" in said
    assert not (machine.root / "rang").exists()


@as_root
def test_a_person_may_ask_who_could_change_what_runs(machine):
    assert machine.run("--vet") == (0, "")
    (machine.root / "ansible.cfg").write_text("")
    os.chown(machine.root / "ansible.cfg", 4242, 0)
    assert machine.run("--vet")[0] == 1


def test_whoever_starts_it_does_not_decide_which_programs_run(machine, monkeypatch):
    (machine.root / "bin").mkdir()
    (machine.root / "bin" / "sh").write_text("#!/bin/sh\nexit 9\n")
    (machine.root / "bin" / "sh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{machine.root}/bin")
    machine.config["command"] = ["sh", "-c", f"echo $PATH >{machine.root}/path"]
    assert machine.run()[0] == 1
    assert (machine.root / "path").read_text() == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"


@pytest.mark.parametrize(
    "document",
    [
        {"schema": "redis-drift/1", "exit_code": 2, "hosts": [{}]},
        {"schema": "redis-drift/1", "exit_code": 2, "hosts": [{"host": "a", "status": "checked", "scopes": [7]}]},
        {"schema": "redis-drift/1", "exit_code": 2, "hosts": 7},
        {"schema": 7, "exit_code": 2},
        {"schema": "redis-drift/1", "exit_code": "2", "hosts": []},
        [],
        "x",
    ],
    ids=str,
)
def test_a_report_of_another_shape_is_none(machine, document):
    inbox = machine.hears()
    machine.checks(2)
    machine.config["command"][-1] = json.dumps(document)
    code, said = machine.run()
    assert code == 1
    assert "left no report that says so" in said
    assert messages(inbox)[0]["verdict"] == "failed"


def test_a_waiver_that_cannot_be_read_is_the_reason(machine):
    inbox = machine.hears()
    assert machine.checks(1).run()[0] == 1
    assert messages(inbox)[0]["reason"] == "a waiver cannot be read"


def test_a_draft_that_somebody_swaps_keeps_its_mode(machine, monkeypatch):
    """Who owns the directory of the metrics puts a link in the place of the draft; root does not follow it."""
    monkeypatch.syspath_prepend(str(PROGRAM.parent))
    import redis_drift_state

    secret, target = machine.root / "secret", machine.textfiles / "x.prom"
    secret.write_text("")
    secret.chmod(0o600)
    usual = os.fchmod

    def swapped(descriptor, mode):
        draft = machine.textfiles / ".x.prom.draft"
        draft.unlink()
        draft.symlink_to(secret)
        usual(descriptor, mode)

    monkeypatch.setattr(os, "fchmod", swapped)
    redis_drift_state.write(target, "told", 0o644)
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.read_text() == ""


@pytest.mark.parametrize("text", ['{"told": []}', '{"exit_code": "x"}', "[]", '{"told": {"verdict": 7}}'])
def test_a_state_of_another_shape_costs_no_check(machine, text):
    (machine.root / "state").mkdir()
    (machine.root / "state" / "state.json").write_text(text)
    assert machine.run() == (0, "")


def test_another_value_in_the_same_state_is_news(machine):
    inbox = machine.hears()
    for actual in ("running 3gb", "running 3gb", "running 7mb"):
        machine.checks(2, {**FINDING, "actual": actual}).run()
    assert [message["findings"][0]["actual"] for message in messages(inbox)] == ["running 3gb", "running 7mb"]
