"""The last words of a run, from canned results."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

PLUGIN = Path(__file__).parent.parent.parent / "callback_plugins" / "redis_summary.py"
_spec = importlib.util.spec_from_file_location("redis_summary", PLUGIN)
redis_summary = sys.modules.setdefault("redis_summary", importlib.util.module_from_spec(_spec))
_spec.loader.exec_module(redis_summary)


class Run:
    """A play on some hosts; told() ends it."""

    def __init__(self) -> None:
        self.plugin = redis_summary.CallbackModule()
        self.lines: list[tuple[str, str | None]] = []
        self.plugin._display = SimpleNamespace(display=lambda text, color=None: self.lines.append((text, color)))
        self.recap = {"failures": 0, "unreachable": 0, "changed": 0, "ok": 0, "skipped": 0}

    def _result(self, result: dict, host: str, task: str, *, check: bool) -> Any:
        return SimpleNamespace(
            _result=result,
            _host=SimpleNamespace(get_name=lambda: host),
            _task=SimpleNamespace(check_mode=check, get_name=lambda: task),
        )

    def ok(
        self, result: dict, host: str = "web1", task: str = "redis_server : Configure | Do it", *, check=False
    ) -> Run:
        self.plugin.v2_runner_on_ok(self._result(result, host, task, check=check))
        return self

    def failed(self, result: dict, *, ignore: bool = False) -> Run:
        self.plugin.v2_runner_on_failed(self._result({"failed": True, **result}, "web1", "x", check=False), ignore)
        self.recap["failures"] += not ignore
        return self

    def unreachable(self, **result: str) -> Run:
        self.plugin.v2_runner_on_unreachable(self._result(result, "web1", "x", check=False))
        self.recap["unreachable"] += 1
        return self

    def told(self) -> list[str]:
        self.plugin.v2_playbook_on_stats(SimpleNamespace(summarize=lambda _: self.recap))
        return "\n".join(text for text, _ in self.lines).strip("\n").split("\n")

    def color(self) -> str | None:
        return self.lines[0][1]


def finding(status: str, **changes: str) -> dict[str, str]:
    return {
        "id": "verify.ping",
        "subject": "instance default",
        "status": status,
        "expected": "PONG",
        "actual": "nothing",
        "why": "guide 9",
        "remedy": "look at the log",
        **changes,
    }


OWED = {"option": "databases", "running": "16", "wanted": "32", "reason": "Redis reads databases at start only"}
DONE = {"changed": True, "instance": "default", "actions": ["wrote /etc/redis/redis.conf", "set hz to 20 (was 10)"]}
AGAIN = "  next            nothing to do; the same command again changes nothing and proves it"


def test_a_run_that_changed_something():
    assert Run().ok(DONE).ok({"findings": [finding("PASS")]}).told() == [
        "web1: ok",
        "  changed         default: wrote /etc/redis/redis.conf",
        "                  default: set hz to 20 (was 10)",
        "  verified        instance default: ping",
        AGAIN,
    ]


def test_a_run_that_changed_nothing():
    run = Run().ok({"changed": False, "instance": "default", "actions": [], "findings": [finding("PASS")]})
    assert run.told() == ["web1: ok", "  changed         nothing", "  verified        instance default: ping", AGAIN]
    assert run.color() == "green"


def test_what_another_module_changed_is_told_by_its_task():
    run = Run().ok({"changed": True}, task="redis_server : Install | Install the packages").ok({"changed": False})
    assert run.told()[:2] == ["web1: ok", "  changed         install the packages"]


def test_what_a_loop_changed_is_told_once():
    run = Run().ok({"changed": True, "results": [{"changed": True}, {"changed": True}]}, task="a : B | Put files")
    assert [line for line in run.told() if "put files" in line] == ["  changed         put files"]


def test_verified_names_what_was_looked_at_and_its_checks():
    verified = [
        finding("PASS"),
        finding("PASS", id="verify.aof"),
        finding("PASS", id="verify.ping", subject="instance cache"),
        finding("PASS", id="kernel.vm.swappiness", subject="vm.swappiness now"),
        finding("PASS", id="kernel.vm.swappiness.boot", subject="vm.swappiness at boot"),
    ]
    assert Run().ok({"findings": verified}).told()[2:5] == [
        "  verified        instance default: ping, aof",
        "                  instance cache: ping",
        "                  kernel: vm.swappiness",
    ]


@pytest.mark.parametrize(
    ("status", "title", "color"), [("SKIP", "refused here", "green"), ("WARN", "warning", "yellow")]
)
def test_what_was_refused_or_warned(status, title, color):
    run = Run().ok({"findings": [finding(status, id="kernel.thp", subject="web1", actual="always", remedy="")]})
    assert f"  {title:<15} web1: always (expected PONG)" in run.told()
    assert run.color() == color


def test_a_remedy_follows():
    assert "  warning         instance default: nothing (expected PONG); look at the log" in (
        Run().ok({"findings": [finding("WARN")]}).told()
    )


def test_what_is_owed_and_how_to_allow_it():
    run = Run().ok({"instance": "cache", "actions": [], "pending_restart": [OWED]})
    run.ok({"findings": [finding("WARN", id="verify.settings", actual="waiting for a restart: databases")]})
    assert run.told() == [
        "web1: ok",
        "  changed         nothing",
        "  owes a restart  cache: databases runs 16, wanted 32 (Redis reads databases at start only)",
        "  next            allow the restart when it suits you: add -e redis_server_restart=true",
    ]
    assert run.color() == "yellow"


@pytest.mark.parametrize(
    ("actions", "head", "end"),
    [
        (["would"], "web1: would change", "run again without --check to do this"),
        ([], "web1: ok", "nothing to do"),
    ],
)
def test_check_mode(actions, head, end):
    told = Run().ok({"instance": "a", "actions": actions}, check=True).told()
    assert told[0] == head
    assert told[1] == f"  would change    {'a: would' if actions else 'nothing'}"
    assert told[-1] == f"  next            {end}"


def test_a_loop_over_instances():
    results = [{**DONE, "instance": name, "actions": [f"wrote {name}"]} for name in ("cache", "queue")]
    told = Run().ok({"changed": True, "results": results}).told()
    assert told[1:3] == ["  changed         cache: wrote cache", "                  queue: wrote queue"]


def test_a_failed_check_is_told_as_a_finding_and_not_twice():
    run = Run().failed({"msg": "instance default: nothing; expected PONG", "findings": [finding("FAIL")]})
    told = run.told()
    assert told == [
        "web1: FAILED",
        "  failed          instance default: nothing (expected PONG); look at the log",
        "  next            mend what is named above and run again; a run takes up where the last one stopped",
    ]
    assert run.color() == "red"


def test_an_error_is_told_line_by_line():
    told = Run().failed({"msg": "a: hz: bad\nb: hz: bad"}).told()
    assert told[:3] == ["web1: FAILED", "  error           a: hz: bad", "                  b: hz: bad"]
    assert told[-1].startswith("  next            mend what is named above")


def test_the_errors_of_a_loop_are_those_of_its_failed_items():
    results = [{"failed": False, "msg": "fine"}, {"failed": True, "msg": "broken"}]
    assert "fine" not in "\n".join(Run().failed({"msg": "One or more items failed", "results": results}).told())
    assert "broken" in "\n".join(Run().failed({"msg": "One or more items failed", "results": results}).told())


def test_an_error_beside_a_failed_check_is_told():
    results = [{"failed": True, "msg": "x", "findings": [finding("FAIL")]}, {"failed": True, "msg": "WRONGPASS"}]
    assert "WRONGPASS" in "\n".join(Run().failed({"results": results}).told())


def test_what_was_done_before_a_failure_is_told():
    told = Run().ok(DONE).failed({"msg": "no"}).told()
    assert told[:2] == ["web1: FAILED", "  changed         default: wrote /etc/redis/redis.conf"]


def test_an_ignored_failure_is_not_told():
    assert Run().ok(DONE).failed({"msg": "ignore me"}, ignore=True).told()[0] == "web1: ok"
    assert "ignore me" not in "\n".join(Run().ok(DONE).failed({"msg": "ignore me"}, ignore=True).told())


def test_a_host_that_cannot_be_reached():
    run = Run().unreachable(msg="Failed to connect to the host via ssh: no route\nmore")
    assert run.told()[:2] == [
        "web1: FAILED",
        "  error           could not be reached: Failed to connect to the host via ssh: no route",
    ]
    assert run.color() == "red"


@pytest.mark.parametrize("result", [{}, {"msg": ""}])
def test_a_host_that_cannot_be_reached_without_a_word(result):
    assert Run().unreachable(**result).told()[0] == "web1: FAILED"


def test_hosts_are_told_in_order_and_apart():
    run = Run().ok(DONE, host="web2").ok({"actions": []}, host="web1").ok(DONE, host="db1")
    assert [line for line in run.told() if not line.startswith(" ") and line] == ["db1: ok", "web1: ok", "web2: ok"]


def test_nothing_ran_nothing_is_told():
    assert Run().told() == [""]


def test_nothing_but_what_the_modules_say_for_people_is_shown():
    """What a result also carries (its invocation, a diff, settings) stays where it is."""
    carried = {
        "invocation": {"module_args": {"secrets": {"requirepass": "hunter2"}}},
        "diff": [{"before": "requirepass hunter2", "after": "requirepass hunter2"}],
        "settings": {"requirepass": "hunter2"},
        "item": "hunter2",
        "stdout": "hunter2",
    }
    run = Run().ok({**DONE, **carried, "pending_restart": [OWED], "findings": [finding("PASS"), finding("WARN")]})
    run.failed({**carried, "msg": "no"}).failed({"msg": "x", "results": [{**carried, "failed": True, "msg": "no"}]})
    assert "hunter2" not in "\n".join(run.told())


def test_ansible_knows_it_as_what_it_is():
    plugin = redis_summary.CallbackModule
    assert (plugin.CALLBACK_NAME, plugin.CALLBACK_TYPE, plugin.CALLBACK_NEEDS_ENABLED) == (
        "redis_summary",
        "aggregate",
        True,
    )
