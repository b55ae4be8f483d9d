"""No file relies on an AOF that is not whole on disk, whoever switched it on; and no wait for one is endless."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.redis_ops.apply import live
from ansible.module_utils.redis_ops.apply.live import Rewrite, RunningServer, wait
from ansible.module_utils.redis_ops.base.errors import ApplyFailed, CommandRefused, ServerUnreachable
from ansible.module_utils.redis_ops.view.instance import InstanceView
from views import Server, several, view_of

ON = {"aof_enabled": 1, "aof_rewrite_in_progress": 0, "aof_rewrite_scheduled": 0}
WRITING = {**ON, "aof_rewrite_in_progress": 1, "aof_last_bgrewrite_status": "ok"}
WAITING = {**ON, "aof_rewrite_scheduled": 1, "aof_last_bgrewrite_status": "ok"}
WHOLE = {**ON, "aof_last_bgrewrite_status": "ok"}
BROKEN = {**ON, "aof_last_bgrewrite_status": "err"}
AGAIN = {**BROKEN, "aof_rewrite_scheduled": 1}  # Redis schedules a failed first rewrite again
WRITING_AGAIN = {**BROKEN, "aof_rewrite_in_progress": 1}
OFF = {"aof_enabled": 0, "aof_last_bgrewrite_status": "ok"}
OFF_AFTER_A_FAILURE = {"aof_enabled": 0, "aof_last_bgrewrite_status": "err"}


def view(*, file: str, running: dict[str, str], **declared: Any) -> InstanceView:
    settings = {name.replace("_", "-"): value for name, value in declared.items()}
    [one] = several({"name": "default", "settings": settings})
    return view_of(one, file=file, live=running)


def set_live(server: Server, *, file: str, running: str, declared: str = "yes") -> None:
    found = view(file=file, running={"appendonly": running}, appendonly=declared)
    RunningServer("here", found, server).set_live()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(live, "POLL", 0)


# --- what is waited for -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["", "appendonly no\n"], ids=["no word of it", "no"])
def test_one_that_is_on_already_is_waited_for(file):
    server = Server(WHOLE, WAITING, WRITING, WHOLE)
    set_live(server, file=file, running="yes")
    assert server.infos == [WHOLE]
    assert server.sent == []


def test_one_that_this_run_switches_on_is_waited_for():
    server = Server(OFF, WRITING, WHOLE)
    set_live(server, file="appendonly no\n", running="no")
    assert server.infos == [WHOLE]
    assert server.sent == [("appendonly", "yes")]


def test_one_that_the_file_relied_on_before_is_not():
    server = Server(WRITING, WHOLE)
    set_live(server, file="appendonly yes\n", running="yes")
    assert server.infos == [WRITING, WHOLE]


def test_none_is_waited_for_where_none_is_wanted():
    server = Server(WRITING, WHOLE)
    set_live(server, file="appendonly yes\n", running="no", declared="no")
    assert server.infos == [WRITING, WHOLE]


def test_one_that_could_not_be_written_is_said():
    with pytest.raises(ApplyFailed, match="the AOF could not be written"):
        set_live(Server(WHOLE, WRITING, BROKEN), file="appendonly no\n", running="yes")


# --- how a rewrite ends -------------------------------------------------------------------------------------------------


def looks_until_the_end(*infos: dict[str, Any]) -> tuple[str, int]:
    """How the wait ends, 'complete' or 'failed', and after how many looks; ('waits', looks) when it never does."""
    rewrite = Rewrite.begin("here", Server(infos[0]))
    rewrite.connection = Server(*infos[1:])
    number = 0
    try:
        for number in range(1, len(infos)):
            if rewrite.is_complete():
                return "complete", number
    except ApplyFailed:
        return "failed", number
    return "waits", number


@pytest.mark.parametrize(
    ("infos", "end"),
    [
        pytest.param([OFF, WHOLE], ("complete", 1), id="it was over before the first look"),
        pytest.param([OFF, WAITING, WRITING, WRITING, WHOLE], ("complete", 4), id="scheduled, written, whole"),
        pytest.param([OFF, WRITING, BROKEN], ("failed", 2), id="it failed"),
        pytest.param([OFF, BROKEN], ("failed", 1), id="it failed between two looks"),
        pytest.param([OFF, WRITING, AGAIN, WRITING_AGAIN], ("failed", 2), id="it failed and is scheduled again"),
        pytest.param([OFF_AFTER_A_FAILURE, BROKEN, BROKEN], ("waits", 2), id="an older failure says nothing yet"),
        pytest.param(
            [OFF_AFTER_A_FAILURE, AGAIN, WRITING_AGAIN, WHOLE], ("complete", 3), id="it succeeds after an older failure"
        ),
        pytest.param(
            [OFF_AFTER_A_FAILURE, AGAIN, WRITING_AGAIN, AGAIN], ("failed", 3), id="it fails after an older failure"
        ),
        pytest.param(
            [OFF_AFTER_A_FAILURE, WRITING_AGAIN, WRITING_AGAIN, BROKEN], ("failed", 3), id="it fails at the first try"
        ),
        pytest.param([OFF, WRITING, WRITING], ("waits", 2), id="it is still at work"),
        pytest.param([OFF, WAITING, WAITING], ("waits", 2), id="it waits for another child"),
        pytest.param([OFF_AFTER_A_FAILURE, WHOLE, BROKEN], ("complete", 1), id="whole is whole"),
    ],
)
def test_the_end_of_a_rewrite(infos, end):
    assert looks_until_the_end(*infos) == end


def test_a_server_that_never_begins_again_after_an_older_failure_is_given_up(monkeypatch):
    """Field case A24: Redis 6.2 schedules a failed rewrite again and again, and says 'err' all the time."""
    now = [0.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    rewrite = Rewrite("here", Server(AGAIN), failed=True, began=0.0)
    while now[0] <= live.RETRIES:
        assert not rewrite.is_complete()
        now[0] += 1
    with pytest.raises(ApplyFailed, match="most often the disk is full"):
        rewrite.is_complete()


def test_a_rewrite_that_waits_for_a_save_is_not_given_up(monkeypatch):
    """A save of a large data set may take longer than any patience; the rewrite begins when it has ended."""
    now = [0.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    saving = {**AGAIN, "rdb_bgsave_in_progress": 1}
    rewrite = Rewrite("here", Server(*[saving] * 100, WRITING_AGAIN, WHOLE), failed=True, began=0.0)
    while not rewrite.is_complete():
        now[0] += live.RETRIES


def test_endless_rescheduling_ends_with_the_first_rewrite_that_was_seen_to_fail():
    server = Server(OFF, *[WRITING_AGAIN, AGAIN] * 1000)
    with pytest.raises(ApplyFailed, match="the AOF could not be written"):
        set_live(server, file="appendonly no\n", running="no")
    assert len(server.infos) > 1990


# --- settings go back ---------------------------------------------------------------------------------------------------


def test_settings_go_back_when_the_aof_can_not_be_written():
    found = view(file="", running={"appendonly": "no", "hz": "10"}, appendonly="yes", hz=20)
    server = Server(OFF, WRITING, BROKEN)
    with pytest.raises(ApplyFailed, match="all settings are as before"):
        RunningServer("here", found, server).set_live()
    assert server.sent[:2] == [("hz", "20"), ("appendonly", "yes")]
    assert dict(server.sent[2:]) == {"hz": "10", "appendonly": "no"}


class Picky(Server):
    """It refuses some settings, alone or together with others."""

    def __init__(self, *refused: str) -> None:
        super().__init__()
        self.refused = set(refused)

    def set_config(self, pairs):
        if self.refused & {name for name, _ in pairs}:
            raise CommandRefused("no")
        super().set_config(pairs)


@pytest.mark.parametrize(
    ("refused", "back", "whole"),
    [
        ((), {"hz": "10", "timeout": "0"}, True),
        (("hz",), {"timeout": "0"}, False),
        (("hz", "timeout"), {}, False),
    ],
)
def test_one_setting_that_can_not_go_back_keeps_no_other_from_it(refused, back, whole):
    found = view(file="", running={"hz": "10", "timeout": "0"}, hz=20, timeout=5)
    server = Picky(*refused)
    assert RunningServer("here", found, server).take_back() is whole
    assert dict(server.sent) == back


class Lost(Server):
    """It takes the settings and is gone before it says so; the next call reaches it again, or never."""

    def __init__(self, *, comes_back: bool) -> None:
        super().__init__()
        self.comes_back = comes_back

    def set_config(self, pairs):
        if self.sent and not self.comes_back:
            raise ServerUnreachable("it did not answer within 5 s")
        first = not self.sent
        super().set_config(pairs)
        if first:
            raise ServerUnreachable("it did not answer within 5 s")


@pytest.mark.parametrize(
    ("comes_back", "told"), [(True, "its old settings are back"), (False, "some of its new settings may be in force")]
)
def test_settings_go_back_when_the_server_is_lost_while_it_takes_them(comes_back, told):
    found = view(file="", running={"hz": "10"}, hz=20)
    server = Lost(comes_back=comes_back)
    with pytest.raises(ApplyFailed, match=told):
        RunningServer("here", found, server).set_live()
    assert server.sent == [("hz", "20"), ("hz", "10")][: 1 + comes_back]


def test_no_wait_is_endless(monkeypatch):
    monkeypatch.setattr(live, "SAVE_TIMEOUT", 0.0)
    with pytest.raises(ApplyFailed, match="waited 0 s for a sign"):
        wait(lambda: False, "a sign")
