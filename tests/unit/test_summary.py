"""The last words of a run, from canned results."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import played
import pytest
from attacks import NOT_TEXT, TERMINAL

PLUGIN = Path(__file__).parent.parent.parent / "callback_plugins" / "redis_summary.py"
_spec = importlib.util.spec_from_file_location("redis_summary", PLUGIN)
redis_summary = sys.modules.setdefault("redis_summary", importlib.util.module_from_spec(_spec))
_spec.loader.exec_module(redis_summary)


@pytest.fixture(autouse=True)
def typed(monkeypatch):
    """How the run was started: typed(words) after ansible-playbook; typed(make='...') as ARGS of make provision."""

    def typed(*words: str, make: str | None = None, **options: Any) -> None:
        monkeypatch.setattr(redis_summary.sys, "argv", ["/x/bin/ansible-playbook", *words])
        monkeypatch.setattr(redis_summary.context, "CLIARGS", {"tags": ("all",), "skip_tags": (), **options})
        monkeypatch.delenv("REDIS_MAKE_ARGS", raising=False)
        if make is not None:
            monkeypatch.setenv("REDIS_MAKE_ARGS", make)

    typed("provision.yml")
    return typed


class Run:
    """A play on some hosts; told() ends it."""

    def __init__(self, play: Any = None) -> None:
        self.plugin = redis_summary.CallbackModule()
        self.plugin.v2_playbook_on_play_start(play or played.provision())
        self.lines: list[tuple[str, str | None]] = []
        self.plugin._display = SimpleNamespace(display=lambda text, color=None, **_: self.lines.append((text, color)))
        self.recap = {"failures": 0, "unreachable": 0, "changed": 0, "ok": 0, "skipped": 0}

    def _result(self, result: dict, host: str, task: str, *, check: bool, action: str = "redis_config") -> Any:
        return SimpleNamespace(
            _result=result,
            _host=SimpleNamespace(get_name=lambda: host),
            _task=SimpleNamespace(check_mode=check, action=action, get_name=lambda: task),
        )

    def ok(
        self,
        result: dict,
        host: str = "web1",
        task: str = "redis_server : Configure | Do it",
        *,
        check: bool = False,
        action: str = "redis_config",
    ) -> Run:
        self.plugin.v2_runner_on_ok(self._result(result, host, task, check=check, action=action))
        return self

    def failed(self, result: dict, *, ignore: bool = False, task: str = "x") -> Run:
        self.plugin.v2_runner_on_failed(self._result({"failed": True, **result}, "web1", task, check=False), ignore)
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
DONE = {"changed": True, "instance": "default", "actions": ["write /etc/redis/redis.conf", "set hz to 20 (was 10)"]}
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
    assert run.told()[:2] == ["web1: ok", "  changed         installed the packages"]


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
        (
            "  next            allow the restart when it suits you: "
            "ansible-playbook provision.yml -e redis_server_restart=true"
        ),
    ]
    assert run.color() == "yellow"


# --- all instances of a host in one result ------------------------------------------------------------------------------


def converged(instance: str, **given: Any) -> dict:
    return {"instance": instance, "actions": [], "pending_restart": [], "findings": [], **given}


def test_each_instance_of_a_result_is_told_by_its_name():
    passed = [finding("PASS", subject="instance a"), finding("PASS", id="verify.aof", subject="instance a")]
    one = converged("a", actions=["write /a"], findings=passed)
    other = converged(
        "b", actions=["write /b"], pending_restart=[OWED], findings=[finding("PASS", subject="instance b")]
    )
    assert Run().ok({"changed": True, "converged": [one, other]}).told() == [
        "web1: ok",
        "  changed         a: wrote /a",
        "                  b: wrote /b",
        "  verified        instance a: ping, aof",
        "                  instance b: ping",
        "  owes a restart  b: databases runs 16, wanted 32 (Redis reads databases at start only)",
        (
            "  next            allow the restart when it suits you: "
            "ansible-playbook provision.yml -e redis_server_restart=true"
        ),
    ]


def test_a_look_at_a_host_that_is_as_declared_tells_of_the_host_and_its_instances():
    found = [
        finding("PASS", id="kernel.vm.swappiness", subject="vm.swappiness"),
        finding("WARN", id="preflight.memory"),
    ]
    one = converged("a", findings=[finding("PASS", subject="instance a")])
    told = Run().ok({"changed": False, "findings": found, "converged": [one]}).told()
    assert told[:4] == [
        "web1: ok",
        "  changed         nothing",
        "  verified        kernel: vm.swappiness",
        "                  instance a: ping",
    ]
    assert any(line.startswith("  warning") for line in told)


def test_the_last_look_at_an_instance_counts():
    """The restart of a rolling run comes later: what it has paid is owed no more, and what it has proved is proved once."""
    before = converged("a", actions=["write /a"], pending_restart=[OWED], findings=[finding("WARN", actual="old")])
    after = converged("a", actions=["restart redis for databases"], findings=[finding("PASS")])
    told = Run().ok({"converged": [before]}).ok({"converged": [after]}).told()
    assert told == [
        "web1: ok",
        "  changed         a: wrote /a",
        "                  a: restarted redis for databases",
        "  verified        instance default: ping",
        AGAIN,
    ]


def test_an_instance_that_fails_shows_what_was_done_and_each_thing_once():
    wrong = finding("FAIL", subject="instance b")
    said = "instance b: nothing; expected PONG; look at the log"
    result = {
        "msg": f"instance c: it does not start\nnot reached, and as before: instance d\n{said}",
        "converged": [converged("a", actions=["write /a"]), converged("b", findings=[wrong])],
    }
    told = Run().failed(result).told()
    assert told == [
        "web1: FAILED",
        "  changed         a: wrote /a",
        "  failed          instance b: nothing (expected PONG); look at the log",
        "  error           instance c: it does not start",
        "                  not reached, and as before: instance d",
        "  next            mend what is named above and run again; a run takes up where the last one stopped",
    ]


def test_first_contact_shows_its_table():
    table = {"instance": "default", "table": ["option  now  adopt: keep  adopt: replace", "maxmemory  0  1gb  1gb"]}
    told = Run().failed({"msg": "instance default: no run has managed it", "first_contact": [table]}).told()
    assert told[1] == "  error           instance default: no run has managed it"
    assert told[3:6] == [
        "  instance default: what either answer would change",
        "    option  now  adopt: keep  adopt: replace",
        "    maxmemory  0  1gb  1gb",
    ]


@pytest.mark.parametrize(
    ("actions", "head", "end"),
    [
        (["write it"], "web1: would change", "do this: ansible-playbook provision.yml"),
        ([], "web1: ok", "nothing to do"),
    ],
)
def test_check_mode(actions, head, end):
    told = Run().ok({"instance": "a", "actions": actions}, check=True).told()
    assert told[0] == head
    assert told[1] == f"  would change    {'a: write it' if actions else 'nothing'}"
    assert told[-1] == f"  next            {end}"


def test_what_is_done_is_told_as_done_and_what_would_be_as_to_do():
    actions = ["install p", "make /d", "write /f", "remove /g", "unmask u", "enable u", "start u", "restart u for hz"]
    done = [
        "installed p",
        "made /d",
        "wrote /f",
        "removed /g",
        "unmasked u",
        "enabled u",
        "started u",
        "restarted u for hz",
    ]
    actions, done = [*actions, "set hz to 1 (was 2)"], [*done, "set hz to 1 (was 2)"]
    for check, expected in ((True, actions), (False, done)):
        told = Run().ok({"instance": "a", "actions": actions}, check=check).told()
        assert [line.partition("a: ")[2] for line in told[1:-1]] == expected


def test_check_mode_verifies_nothing():
    told = Run().ok({"actions": [], "findings": [finding("PASS", id="kernel.vm.swappiness")]}, check=True).told()
    assert told[2:] == ["  would be right  kernel: vm.swappiness", "  next            nothing to do"]


@pytest.mark.parametrize(
    ("words", "make", "expected"),
    [
        (["provision.yml"], None, "ansible-playbook provision.yml -e x=1"),
        (
            ["-i", "inventories/production", "provision.yml"],
            None,
            "ansible-playbook -i inventories/production provision.yml -e x=1",
        ),
        (["provision.yml", "-CD", "--limit", "web1"], None, "ansible-playbook provision.yml --limit web1 -e x=1"),
        (["provision.yml", "--check", "--diff"], None, "ansible-playbook provision.yml -e x=1"),
        (["a b.yml"], None, "ansible-playbook 'a b.yml' -e x=1"),
        (["ignored"], "", "make provision ARGS='-e x=1'"),
        (["ignored"], "-i inventories/production -K", "make provision ARGS='-i inventories/production -K -e x=1'"),
        (["p.yml", "-e", "password=hunter2"], None, "ansible-playbook p.yml -e ... -e x=1"),
        (["p.yml", "-epassword=hunter2"], None, "ansible-playbook p.yml -e... -e x=1"),
        (["p.yml", "--extra-vars", "hunter2"], None, "ansible-playbook p.yml --extra-vars ... -e x=1"),
        (["p.yml", "--extra-vars=hunter2"], None, "ansible-playbook p.yml --extra-vars=... -e x=1"),
        (["p.yml", "-e", "@v.yml", "-e@v.yml"], None, "ansible-playbook p.yml -e @v.yml -e@v.yml -e x=1"),
        (["p.yml", "-e", "a_b=true", "-eb=no"], None, "ansible-playbook p.yml -e a_b=true -eb=no -e x=1"),
        (["p.yml", "-e", "a=true password=hunter2"], None, "ansible-playbook p.yml -e ... -e x=1"),
        (["p.yml", "-e", "--check"], None, "ansible-playbook p.yml -e ... -e x=1"),
    ],
)
def test_the_command_to_type_is_the_one_that_was_typed(words, make, expected, typed):
    typed(*words, make=make)
    assert redis_summary.command("-e", "x=1") == expected


def test_make_alone_is_a_command(typed):
    typed(make="")
    assert redis_summary.command() == "make provision"


KERNEL = {"actions": [], "findings": [finding("PASS", id="kernel.vm.swappiness")]}
REDIS = {"instance": "default", "actions": [], "findings": [finding("PASS")]}


@pytest.mark.parametrize(
    ("options", "result", "left_out"),
    [
        ({"tags": ("redis_host",)}, KERNEL, "Redis: --tags redis_host leaves out the tasks with the tag redis_server"),
        (
            {"tags": ("redis_server",)},
            REDIS,
            "kernel: --tags redis_server leaves out the tasks with the tag redis_host",
        ),
        (
            {"skip_tags": ("redis_server", "x")},
            KERNEL,
            "Redis: --skip-tags redis_server,x leaves out the tasks with the tag redis_server",
        ),
    ],
)
def test_what_a_run_was_told_to_leave_out(options, result, left_out, typed):
    typed("provision.yml", **options)
    run = Run().ok(result)
    told = run.told()
    assert told[-2:] == [
        f"  not looked at   {left_out}",
        f"  next            look at all of it: run again without {' '.join(left_out.split()[1:3])}",
    ]
    assert told[0] == "web1: ok"
    assert run.color() == "yellow"


def test_a_tag_that_no_task_has(typed):
    typed("provision.yml", tags=("redis_srever",))
    told = Run().ok({"changed": False}).told()  # the roles' arguments are looked at in any case
    assert told[0] == "web1: nothing was looked at"
    assert told[2:4] == [
        "  not looked at   kernel: --tags redis_srever leaves out the tasks with the tag redis_host",
        "                  Redis: --tags redis_srever leaves out the tasks with the tag redis_server",
    ]
    assert "proves" not in "".join(told)


def test_both_tags_leave_nothing_out(typed):
    typed("provision.yml", tags=("redis_host", "redis_server"))
    assert Run().ok(KERNEL).ok(REDIS).told()[-1] == AGAIN


@pytest.mark.parametrize("play", [played.play(), played.play(("redis_drift", "waive"))])
def test_a_run_that_has_nothing_to_do_with_it_is_not_told_of(play, typed):
    typed("site.yml", skip_tags=("notest",))
    run = Run(play).ok({"changed": True}, host="localhost", task="Start the hosts").failed({"msg": "no"})
    assert run.told() == [""]


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (
            {"actions": ["move a to b"], "files": []},
            ["  changed         moved a to b", "  next            nothing to do"],
        ),
        (
            KERNEL,
            ["  changed         nothing", "  verified        kernel: vm.swappiness", "  next            nothing to do"],
        ),
    ],
)
def test_another_playbook_with_our_roles_is_told_of_and_owes_nothing_more(result, told, typed):
    typed("site.yml", tags=("mine",))
    assert Run(played.play()).ok(result).told() == ["web1: ok", *told]


@pytest.mark.parametrize(
    ("task", "action"), [("redis_ops.redis.redis_host : Set up", "x"), ("Look", "a.b.redis_adopt")]
)
def test_the_roles_and_modules_of_a_collection_are_ours_too(typed, task, action):
    typed("site.yml")
    assert Run(played.play()).ok(KERNEL, task=task, action=action).told()[0] == "web1: ok"


def test_another_playbook_whose_first_task_of_ours_fails_is_told_of():
    run = Run(played.play()).failed({"msg": "a: hz: bad"}, task="redis_server : Preflight | Look")
    assert run.told()[:2] == ["web1: FAILED", "  error           a: hz: bad"]


def test_what_failed_early_was_not_left_out(typed):
    typed("provision.yml", tags=("redis_host",))
    assert "not looked at" not in "".join(Run().failed({"msg": "no"}).told())


def test_nothing_is_proved_where_nothing_is_verified():
    assert Run().ok(KERNEL).told()[-1] == "  next            nothing to do"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            (
                "Validation of arguments failed:\nargument 'redis_server_settings' is of type list and we were unable to convert to dict: "
                "<class 'ansible.module_utils._internal._datatag._AnsibleTaggedList'> cannot be converted to a dict"
            ),
            "redis_server_settings: is a list; expected a mapping (name: value); correct the value",
        ),
        (
            "Elements value for option 'x' is of type <class 'ansible.module_utils._internal._datatag._AnsibleTaggedStr'>",
            "Elements value for option 'x' is of type str",
        ),
        ("is of type <class 'list'>", "is of type list"),
        ("default: hz: bad", "default: hz: bad"),
    ],
)
def test_errors_of_ansible_are_told_without_its_classes(said, told):
    assert Run().failed({"msg": said}).told()[1] == f"  error           {told}"


def test_a_loop_over_instances():
    results = [{**DONE, "instance": name, "actions": [f"write {name}"]} for name in ("cache", "queue")]
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
    assert (plugin.CALLBACK_NAME, plugin.CALLBACK_TYPE) == ("redis_summary", "aggregate")
    assert not hasattr(plugin, "CALLBACK_NEEDS_ENABLED")  # no list of others turns it off


# --- answers of another shape, and texts that are more than text ------------------------------------------------------

WRONG = [
    {"actions": "write it"},
    {"actions": [7]},
    {"findings": {}},
    {"findings": ["x"]},
    {"findings": [{"id": "verify.ping"}]},
    {"findings": [finding("GOOD")]},
    {"actions": [], "pending_restart": [{"option": "hz"}]},
    {"actions": [], "instance": ["default"]},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_an_answer_of_another_shape_fails_its_host_and_no_other(wrong):
    run = Run().ok({"changed": True, **wrong}).ok(DONE, host="web2").ok({"findings": [finding("PASS")]}, host="web2")
    told = run.told()
    assert told[0] == "web1: FAILED"
    assert any(line.startswith("  error           its answer cannot be read: ") for line in told)
    assert told[told.index("web2: ok") :][1:4] == [
        "  changed         default: wrote /etc/redis/redis.conf",
        "                  default: set hz to 20 (was 10)",
        "  verified        instance default: ping",
    ]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_of_another_project_s_module_nothing_is_expected(wrong):
    assert Run().ok(wrong, action="theirs.findings").told()[0] == "web1: ok"


@pytest.mark.parametrize("results", ["x", 7, {"a": 1}, [7, "x", None]])
def test_results_of_another_type_are_passed_over(results):
    assert Run().ok({"results": results}).failed({"results": results, "msg": "no"}).told()[0] == "web1: FAILED"


def test_a_host_that_calls_something_a_report_silences_nobody():
    run = Run().ok({"report": ["clean"], "exit_code": 0}, host="web2").ok({"findings": [finding("FAIL")]})
    assert "web1: ok" in run.told()
    run = Run().ok({"report": ["clean"], "exit_code": 0}, action="redis_drift_report").ok({"findings": []})
    assert run.told() == [""]


@pytest.mark.parametrize("text", [*TERMINAL, *NOT_TEXT])
def test_no_text_of_a_host_moves_the_cursor_or_begins_a_line(text):
    odd = dict.fromkeys(("subject", "expected", "actual", "remedy"), text)
    run = Run().ok({"changed": True, "instance": text, "actions": [text], "findings": [finding("WARN", **odd)]})
    run.ok(
        {
            "findings": [finding("PASS", id=f"verify.{text}", **odd)],
            "actions": [],
            "pending_restart": [OWED | {"wanted": text}],
        }
    )
    run.failed({"msg": text}).unreachable(msg=text)
    plain = Run().ok({"changed": True, "instance": "x", "actions": ["x"], "findings": [finding("WARN")]})
    for line in run.told():
        assert line.isprintable()
        assert not line.startswith(("clean", "PASS"))
    assert len(plain.told()) < len(run.told()) < 20
