"""Does the next start run the file that this project writes? Field cases A7, A8, A17, A18 and A29."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible.module_utils.redis_ops.base.findings import Status
from ansible.module_utils.redis_ops.checks import start
from ansible.module_utils.redis_ops.plan.contact import Contact
from ansible.module_utils.redis_ops.platform.units import FileLimit, Unit
from ansible.module_utils.redis_ops.server.persistence import Store
from judging import judged
from views import seen_of, several, unit_of, view_of

[ONE] = several({"name": "default", "settings": {"maxclients": 10000, "hz": 10}})
[REPLACED] = several({"name": "default", "adopt": "replace"})
PACKAGE = unit_of(ONE)
SERVER, CONFIG = "/usr/bin/redis-server", "/etc/redis/redis.conf"
OVERRIDE = "/etc/systemd/system/redis-server.service.d/override.conf"
FILES = {OVERRIDE: ["ExecStart"]}


def told(unit: Unit, one=ONE, **view) -> list[str]:
    return [str(problem) for problem in start.problems(seen_of(one, unit=unit, **view))]


def command(*words: str) -> Unit:
    return replace(PACKAGE, command=(SERVER, *words))


@pytest.mark.parametrize(
    "unit",
    [
        pytest.param(PACKAGE, id="the package's"),
        pytest.param(Unit("redis-server"), id="none yet"),
        pytest.param(Unit("redis-server", masked=True), id="masked"),
        pytest.param(command(CONFIG), id="the file alone"),
        pytest.param(command("/etc/redis/../redis/redis.conf"), id="the same file in other words"),
        pytest.param(command(CONFIG, "--hz", "10"), id="an option that says what is declared"),
        pytest.param(command(CONFIG, "--timeout", "7"), id="an option that nobody declares"),
        pytest.param(command(CONFIG, "--supervised", "no", "--daemonize", "yes"), id="how it is supervised"),
    ],
)
def test_a_start_that_reads_our_file(unit):
    assert told(unit) == []


@pytest.mark.parametrize(
    ("unit", "what"),
    [
        (command("/srv/redis/my.conf"), f"its next start reads /srv/redis/my.conf (see {OVERRIDE}), not {CONFIG}"),
        (command("my.conf"), "its next start reads /my.conf"),
        (command(), "its next start reads no configuration file"),
        (command(CONFIG, "--hz", "20"), "its command has --hz, which wins over the file"),
        (command(CONFIG, "--MaxClients", "20"), "its command has --maxclients, which wins over the file"),
        (
            command("-"),
            f"its command ({SERVER} ...) is not one with a configuration file instead of the standard input",
        ),
        (command(CONFIG, "--sentinel"), "is not one that starts redis-server"),
        (
            replace(PACKAGE, command=("/bin/sh", "-c", f"exec {SERVER} {CONFIG}")),
            "its command (/bin/sh ...) is not one that starts redis-server",
        ),
        (
            replace(PACKAGE, unclear="its command has a variable that is not known here: $X"),
            "a variable that is not known",
        ),
        (replace(PACKAGE, command=()), "has no command that can be read"),
        (Unit("redis-server", unclear="systemctl show does not tell"), "systemctl show does not tell"),
        (Unit("redis-server", unclear="systemd can't load it (bad-setting)"), "systemd can't load it (bad-setting)"),
    ],
)
def test_a_start_that_does_not(unit, what):
    """Field case A7: what the effective unit starts is managed or refused."""
    [text] = told(unit, unit_files=FILES if unit.loaded else {})
    assert text.startswith("instance default: redis-server.service: ")
    assert what in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("changes", "files", "remedy"),
    [
        (
            {"unclear": "x"},
            FILES,
            f"remove the lines from {OVERRIDE} and run systemctl daemon-reload, or say adopt: replace",
        ),
        ({"unclear": "x"}, {}, f"remove the lines from {PACKAGE.fragment} and run systemctl daemon-reload"),
        ({"unclear": "x", "fragment": ""}, {}, "see systemctl status redis-server.service"),
    ],
)
def test_the_remedy_names_the_file_that_says_so(changes, files, remedy):
    [problem] = start.problems(seen_of(ONE, unit=replace(PACKAGE, **changes), unit_files=files))
    assert problem.remedy.startswith(remedy)


def test_save_points_of_a_command_are_added_to_those_of_the_file():
    [saving] = several({"name": "default", "settings": {"save": "900 1 60 1000"}})
    assert told(command(CONFIG, "--save", "900 1"), saving) == []
    assert told(command(CONFIG, "--save", "300", "10"), saving)
    assert told(command(CONFIG, "--save", ""), saving)


def test_no_password_of_a_command_is_shown():
    words = ("--requirepass", "hunter2", "--masterauth hunter2", "$hunter")
    for unit in (
        command("/srv/x.conf", *words),
        command("-", *words),
        replace(PACKAGE, command=("/bin/sh", *words)),
        command(CONFIG, '--requirepass "hunter2'),
        command(CONFIG, *words),
    ):
        assert "hunter2" not in "".join(told(unit, unit_files=FILES))


def test_several_options_of_a_command_are_told_at_once():
    assert len(told(command("/srv/x.conf", "--hz", "20", "--maxclients", "1"), unit_files=FILES)) == 3


def test_what_a_person_said_to_replace_is_no_problem():
    unit = replace(command("/srv/redis/my.conf"), drop_ins=(OVERRIDE,))
    assert told(unit, unit_files=FILES)
    assert told(unit, REPLACED, unit_files=FILES, contact=Contact.REPLACED) == []
    assert start.replaced_files(view_of(REPLACED, unit=unit, unit_files=FILES)) == [OVERRIDE]
    assert start.replaced_files(view_of(ONE, unit=unit, unit_files=FILES)) == []
    assert start.replaced_files(view_of(REPLACED, unit=PACKAGE, unit_files=FILES)) == [], "it does no harm"


def test_the_unit_that_a_person_named_stays():
    [own] = several({"name": "shop", "config": "/srv/shop.conf", "service": "redis-shop", "adopt": "replace"})
    fragment = "/etc/systemd/system/redis-shop.service"
    unit = replace(unit_of(own), fragment=fragment, command=(SERVER, "/other.conf"))
    view = view_of(own, unit=unit, unit_files={fragment: ["ExecStart"], OVERRIDE: ["User"]})
    assert start.replaced_files(view) == [OVERRIDE]


def test_a_unit_that_a_person_named_and_that_is_not_there():
    [own] = several({"name": "shop", "config": "/srv/shop.conf", "service": "redis-shop"})
    [text] = told(Unit("redis-shop"), own)
    assert text.startswith("instance shop: service: this host has no unit redis-shop; ")


# --- the same after a run -----------------------------------------------------------------------------------------------


def verdicts(unit: Unit, read: str = CONFIG, **view) -> list[tuple[Status, str]]:
    seen = view_of(ONE, unit=unit, live={}, info={"config_file": read}, **view)
    return [(finding.status, finding.actual) for finding in judged(start.start, seen)]


def test_unit_process_and_file_agree():
    assert verdicts(PACKAGE) == [(Status.PASS, "unit, process and file agree")]


@pytest.mark.parametrize(("read", "what"), [("/srv/my.conf", "/srv/my.conf"), ("", "no configuration file")])
def test_a_process_that_was_started_with_another_file(read, what):
    assert verdicts(PACKAGE, read) == [(Status.FAIL, f"the running server read {what}")]


def test_a_unit_that_starts_another_file_is_told_of_a_running_server():
    found = verdicts(command("/srv/my.conf"), "/srv/my.conf", unit_files=FILES)
    assert [status for status, _ in found] == [Status.FAIL, Status.FAIL]


def test_what_systemd_does_not_tell_is_no_pass():
    assert verdicts(Unit("redis-server", unclear="it does not tell")) == [(Status.FAIL, "it does not tell")]


def test_nothing_is_said_of_a_unit_that_is_not_there_yet():
    assert verdicts(Unit("redis-server")) == []


# --- the limit ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "too_low"), [(None, False), (FileLimit(OVERRIDE, 11023), True), (FileLimit(OVERRIDE, 11024), False)]
)
def test_a_limit_that_is_too_low(limit, too_low):
    assert start.limit_is_too_low(view_of(ONE, later_limit=limit)) is too_low


def test_a_drop_in_with_a_limit_that_is_too_low_is_replaced_when_a_person_says_so():
    view = view_of(REPLACED, unit_files={OVERRIDE: ["LimitNOFILE"]}, later_limit=FileLimit(OVERRIDE, 4096))
    assert start.replaced_files(view) == [OVERRIDE]


@pytest.mark.parametrize(
    "place", ["/", "/etc", "/etc/redis", CONFIG, "/var/lib", "/var/lib/redis", "/var/lib/redis/aof"]
)
def test_a_server_with_other_files_than_the_host(place):
    """A bind mount of the unit: what this host has there, the server never reads, and its data is not there."""
    unit = replace(PACKAGE, mounted={place: False})
    store = Store.of({"dir": "/var/lib/redis"}, ONE.desired.engine)
    texts = told(unit, unit_files={OVERRIDE: ["BindPaths"]}, store=store)
    assert texts
    assert all(f"its server has files of its own at {place} (see {OVERRIDE})" in text for text in texts)


def test_a_program_that_runs_before_the_server_is_said():
    """It may write the file, and then the next start reads another one than was verified."""
    view = view_of(
        ONE, unit=PACKAGE, unit_files={OVERRIDE: ["ExecStartPre"]}, live={"hz": "10"}, info={"config_file": CONFIG}
    )
    [finding] = judged(start.start, view)
    assert finding.status is Status.WARN
    assert f"ExecStartPre= in {OVERRIDE} runs first" in finding.actual
