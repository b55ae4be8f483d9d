"""Who is off: somebody else's edit of the file, an inventory that went ahead, a restart that is owed, a set that was withdrawn."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops import catalog
from ansible.module_utils.redis_ops.catalog.option import Apply, Origin
from ansible.module_utils.redis_ops.drift.states import State
from ansible.module_utils.redis_ops.model import conffile
from drifting import Watch, check, drifted, others
from instances import OLD_AND_NEW, ONE, lab, some

__all__ = ["lab"]

OUTSIDE, NOT_APPLIED = State.FILE_CHANGED_OUTSIDE.value, State.DECLARED_NOT_APPLIED.value
PENDING, LIVE, UNMANAGED = State.PENDING_RESTART.value, State.LIVE_NOT_PERSISTED.value, State.UNMANAGED_SET.value
SETTINGS = {"timeout": 5, "maxmemory": "1gb", "databases": 16, "appendonly": "no", "save": "3600 1"}
NO_LINE = {"watchdog-period", "rdma-bind"}  # CONFIG SET only; what a build does not know
FOR_THE_FILE = {
    "port": "6399",
    "bind": "127.0.0.1 127.0.0.9",
    "server-cpulist": "0",
    "bio-cpulist": "0",
    "aof-rewrite-cpulist": "0",
    "bgsave-cpulist": "0",
}
# Restart-only options that a test may really start with.
RESTART_ONLY = {"databases": 32, "always-show-logo": "yes", "set-proc-title": "no", "rdbchecksum": "no"}


def other_texts(lab):
    """Every option that may be declared here -> a value that is neither its default nor what runs."""
    engine, reported = lab.program.engine, lab.config()
    texts = {}
    for option in catalog.options_at(engine):
        if option.file_only or option.origin is not Origin.DECLARED or option.name in NO_LINE:
            continue
        current = reported.get(option.spelled_at(engine), option.default_at(engine) or "")
        default = option.default_at(engine)
        candidates = [FOR_THE_FILE[option.name]] if option.name in FOR_THE_FILE else others(option, engine, current)
        parsed = None if default is None else option.parse(default, engine)
        texts[option.name] = next(text for text in candidates if option.parse(text, engine) != parsed)
    return texts


def lines(lab, name, text):
    engine, option = lab.program.engine, catalog.find(name)
    return "\n".join(conffile.lines(option, option.parse(text, engine), engine)) + "\n"


@pytest.fixture
def steady(lab):
    lab.converge(SETTINGS)
    watch = Watch(lab, SETTINGS)
    assert watch() == {}
    yield watch
    watch.close()


def test_a_line_of_somebody_else_for_every_option_is_found(lab, steady):
    texts = other_texts(lab)
    added = "".join(lines(lab, name, text) for name, text in texts.items())
    assert steady(text=lab.text + added) == dict.fromkeys(texts, OUTSIDE)
    assert len(texts) > 140


@some("redis 6.2.14", "valkey 9.1.2")
def test_and_one_line_finds_one_option(lab, steady):
    found = {name: steady(text=lab.text + lines(lab, name, text)) for name, text in other_texts(lab).items()}
    assert {name: states for name, states in found.items() if states != {name: OUTSIDE}} == {}


def test_an_inventory_that_went_ahead_is_found_in_every_option(lab, steady):
    texts = other_texts(lab)
    assert steady(texts) == dict.fromkeys(texts, NOT_APPLIED)


def test_what_waits_for_a_restart_since_our_run_is_told_as_that(lab):
    engine = lab.program.engine
    wanted = {name: value for name, value in RESTART_ONLY.items() if catalog.find(name).exists_at(engine)}
    assert all(catalog.find(name).apply_at(engine) is not Apply.LIVE for name in wanted)
    lab.converge(SETTINGS)
    settings = {**SETTINGS, **wanted}
    assert drifted(check(lab, settings)) == dict.fromkeys(wanted, NOT_APPLIED)
    lab.converge(settings)
    assert drifted(check(lab, settings)) == dict.fromkeys(wanted, PENDING)
    lab.bounce()
    assert drifted(check(lab, settings)) == {}
    # withdrawn: first the inventory is ahead, then a run follows, then a restart
    back = dict.fromkeys(wanted.keys() - SETTINGS.keys(), NOT_APPLIED)
    assert drifted(check(lab, SETTINGS)) == {**back, "databases": NOT_APPLIED}
    lab.converge(SETTINGS)
    assert drifted(check(lab, SETTINGS)) == dict.fromkeys(wanted, PENDING)
    lab.bounce()
    assert drifted(check(lab, SETTINGS)) == {}


@OLD_AND_NEW
def test_a_live_option_that_is_withdrawn(lab):
    lab.converge(SETTINGS)
    fewer = {name: value for name, value in SETTINGS.items() if name != "timeout"}
    assert drifted(check(lab, fewer)) == {"timeout": NOT_APPLIED}
    lab.converge(fewer)
    assert drifted(check(lab, fewer)) == {}


@ONE
def test_somebody_restarted_it_with_another_file_and_put_the_file_back(lab):
    lab.converge(SETTINGS)
    ours = lab.text
    lab.config_path.write_text(ours.replace("databases 16", "databases 32"))
    assert drifted(check(lab, SETTINGS)) == {"databases": OUTSIDE}
    lab.bounce()
    assert drifted(check(lab, SETTINGS)) == {"databases": OUTSIDE}
    lab.config_path.write_text(ours)
    assert drifted(check(lab, SETTINGS)) == {"databases": LIVE}


@ONE
def test_before_the_first_run_nothing_was_changed_outside(lab):
    lab.begin("timeout 7", "maxmemory 1gb", "maxmemory-policy allkeys-lru")
    lab.config_path.chmod(0o640)
    wanted = {"timeout": 5, "maxmemory": "1gb"}
    assert drifted(check(lab, wanted)) == {"contact": NOT_APPLIED, "timeout": NOT_APPLIED}
    assert drifted(check(lab, wanted, adopt="keep")) == {"timeout": NOT_APPLIED}
    assert drifted(check(lab, wanted, adopt="replace")) == {"timeout": NOT_APPLIED, "maxmemory-policy": UNMANAGED}


@OLD_AND_NEW
def test_a_socket_that_somebody_opened_and_persisted_is_found_though_the_file_decides(lab):
    lab.converge(SETTINGS)
    lab.config_path.write_text(f"{lab.text}unixsocket {lab.data}/open.sock\nunixsocketperm 777\n")
    lab.bounce()
    assert drifted(check(lab, SETTINGS)) == {"unixsocket": OUTSIDE, "unixsocketperm": OUTSIDE}


@OLD_AND_NEW
def test_several_hands_at_once_are_told_apart(lab):
    lab.converge(SETTINGS)
    lab.ask("CONFIG", "SET", "timeout", "9")
    lab.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    lab.config_path.write_text(lab.text.replace("maxmemory 1gb", "maxmemory 2gb"))
    wanted = {**SETTINGS, "tcp-keepalive": 60}
    assert drifted(check(lab, wanted)) == {
        "timeout": LIVE,
        "maxmemory-policy": UNMANAGED,
        "maxmemory": OUTSIDE,
        "tcp-keepalive": NOT_APPLIED,
    }


@ONE
def test_the_finding_says_where_it_is_off_and_by_how_much(lab):
    lab.converge(SETTINGS)
    lab.ask("CONFIG", "SET", "maxmemory", "7mb")
    [finding] = check(lab, SETTINGS).findings
    assert finding.values == {
        "declared": "1gb",
        "file": "1gb",
        "running": "7mb",
        "default": "0",
        "applied": "1gb",
    }
    assert "0.68 % of that" in finding.actual
    assert f"redis-cli -p {lab.port} CONFIG SET maxmemory 1073741824" in finding.remedy


@ONE
def test_limits_mode_and_start_at_boot_that_somebody_changed(lab):
    settings = {**SETTINGS, "maxclients": 1000}
    drop_in = {"drop_in": "[Service]\nLimitNOFILE=1000\n"}
    lab.converge(settings, **drop_in)
    assert drifted(check(lab, settings, **drop_in)) == {}
    path = Path(lab.service.drop_in_path())
    path.write_text("[Service]\nLimitNOFILE=100\n")
    assert drifted(check(lab, settings, **drop_in)) == {"unit.limits": OUTSIDE}
    path.unlink()
    assert drifted(check(lab, settings, **drop_in)) == {"unit.limits": OUTSIDE}
    path.write_text(drop_in["drop_in"])
    assert drifted(check(lab, settings, drop_in="[Service]\nLimitNOFILE=2000\n")) == {"unit.limits": NOT_APPLIED}
    lab.config_path.chmod(0o644)
    assert drifted(check(lab, settings, **drop_in)) == {"file.mode": OUTSIDE}
    lab.config_path.chmod(0o640)
    lab.service.forbid()
    assert drifted(check(lab, settings, **drop_in)) == {"unit.boot": OUTSIDE}
    lab.service.prepare()
    _, hard = resource.prlimit(lab.service.pid(), resource.RLIMIT_NOFILE)
    resource.prlimit(lab.service.pid(), resource.RLIMIT_NOFILE, (500, hard))
    assert drifted(check(lab, settings, **drop_in)) == {"process.open_files": PENDING}
