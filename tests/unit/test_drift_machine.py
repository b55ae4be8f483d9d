"""The host around its instances, as a directory that stands for one: each kernel value and file, by somebody else's hand."""

from __future__ import annotations

import hashlib
import json

import pytest
from ansible.module_utils.redis_ops.drift import machine
from ansible.module_utils.redis_ops.drift.states import State
from ansible.module_utils.redis_ops.platform import kernel
from ansible.module_utils.redis_ops.platform.debian import packages
from test_kernel import GUIDE, OUR_HUGE_PAGES, OURS, SOMAXCONN, Host
from views import host_of

LIVE, OUTSIDE = State.LIVE_NOT_PERSISTED.value, State.FILE_CHANGED_OUTSIDE.value
AHEAD, UNMANAGED, OWNED = State.DECLARED_NOT_APPLIED.value, State.UNMANAGED_SET.value, State.RUNTIME_OWNED.value
PARAMETERS = {
    "proc/sys/vm/overcommit_memory": ("2\n", "kernel.vm.overcommit_memory"),
    "proc/sys/vm/swappiness": ("60\n", "kernel.vm.swappiness"),
    "proc/sys/net/core/somaxconn": ("128\n", "kernel.net.core.somaxconn"),
    "proc/sys/net/ipv4/tcp_max_syn_backlog": ("512\n", "kernel.net.ipv4.tcp_max_syn_backlog"),
    "sys/kernel/mm/transparent_hugepage/enabled": ("[always] madvise never\n", "kernel.transparent_hugepage"),
}


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "installed", lambda _: "5:7.0.15-1")
    return Host(tmp_path)


@pytest.fixture
def steady(host):
    host.converge()
    assert found(host) == {}
    return host


def scope(host, *, sysctl=GUIDE, version="", provisioned=True):
    wanted = kernel.parse_wanted(sysctl, "never", 11024)
    return machine.check(host_of(provisioned=provisioned), wanted, version, host.machine)


def found(host, **declared):
    return {finding.id: finding.state for finding in scope(host, **declared).findings}


@pytest.mark.parametrize("path", PARAMETERS)
def test_each_value_that_somebody_set_is_found_alone(steady, path):
    text, identity = PARAMETERS[path]
    steady.put({path: text})
    assert found(steady) == {identity: LIVE}


def test_all_values_that_a_run_sets_are_in_the_list_above(steady):
    assert len(PARAMETERS) == len(kernel.parse_wanted(GUIDE, "never", 11024).parameters)
    assert scope(steady).checked == 2 * len(PARAMETERS) + 2


@pytest.mark.parametrize("path", [OURS, OUR_HUGE_PAGES])
def test_each_file_that_somebody_edited_or_removed_is_found(steady, path):
    text = steady.get(path)
    identity = f"kernel.file.{path.rpartition('/')[2]}"
    steady.put({path: text + "# mine\n"})
    assert found(steady) == {identity: OUTSIDE}
    (steady.root / path).unlink()
    assert found(steady) == {identity: OUTSIDE}
    steady.put({path: text})
    (steady.root / path).chmod(0o666)
    assert list(found(steady)) == [identity]


def test_what_is_remembered_is_root_s_and_another_text_would_be_a_change_on_every_host(steady):
    path = steady.root / kernel.memory.PATH
    files = {f"/{name}": hashlib.sha256(steady.get(name).encode()).hexdigest() for name in (OURS, OUR_HUGE_PAGES)}
    assert path.read_text() == json.dumps({"schema": 1, "files": files}, indent=2) + "\n"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1}'])
def test_without_a_record_that_can_be_read_our_file_is_somebody_s(steady, text):
    steady.put({str(kernel.memory.PATH): text, OURS: "# of an earlier run\n"})
    assert found(steady)[f"kernel.file.{OURS.rpartition('/')[2]}"] == OUTSIDE


def test_an_inventory_that_went_ahead_is_not_somebody_s_hand(steady):
    ahead = found(steady, sysctl={**GUIDE, "vm.swappiness": 10})
    assert set(ahead.values()) == {AHEAD}
    assert "kernel.vm.swappiness" in ahead


def test_a_file_that_sorts_behind_ours_has_the_last_word_at_boot(steady):
    steady.put({"etc/sysctl.d/99-zzz.conf": "vm.overcommit_memory = 0\n"})
    assert found(steady) == {"kernel.vm.overcommit_memory.boot": UNMANAGED}


def test_a_kernel_that_grants_too_few_files_is_told(steady):
    steady.put({"proc/sys/fs/nr_open": "11023\n"})
    assert found(steady) == {"kernel.fs.nr_open": AHEAD}


def test_before_the_first_run_everything_is_not_applied_yet(host):
    assert set(found(host, provisioned=False).values()) == {AHEAD}
    assert len(found(host, provisioned=False)) == len(PARAMETERS) + 2


def test_what_this_machine_refuses_is_its_owner_s(steady, monkeypatch):
    steady.put({SOMAXCONN: "128\n"})
    refusal = OSError(30, "Read-only file system")
    monkeypatch.setattr(
        steady.machine, "refusal_of_value", lambda path: refusal if str(path) == SOMAXCONN else None, raising=False
    )
    assert found(steady) == {"kernel.net.core.somaxconn": OWNED}


@pytest.mark.parametrize(
    ("installed", "wanted", "state"),
    [
        ("5:7.0.15-1", "", None),
        ("5:7.0.15-1", "5:7.0.15-1", None),
        ("5:7.0.14-1", "5:7.0.15-1", AHEAD),
        ("", "", AHEAD),
        ("", "5:7.0.15-1", AHEAD),
    ],
)
def test_the_package(steady, monkeypatch, installed, wanted, state):
    monkeypatch.setattr(packages, "installed", lambda _: installed)
    assert found(steady, version=wanted) == ({"package": state} if state else {})


def test_looking_changes_nothing(steady):
    steady.put({SOMAXCONN: "128\n", OURS: "# mine\n"})
    before = steady.everything()
    assert found(steady)
    assert steady.everything() == before
