"""redis_ops.kernel against directories that stand for hosts."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import pytest
from ansible.module_utils.redis_ops.base.errors import ApplyFailed, InvalidInput
from ansible.module_utils.redis_ops.platform import kernel

GUIDE = {
    "vm.overcommit_memory": 1,
    "vm.swappiness": 1,
    "net.core.somaxconn": 4096,
    "net.ipv4.tcp_max_syn_backlog": 4096,
}
OURS = "etc/sysctl.d/99-zz-redis.conf"
OUR_HUGE_PAGES = "etc/tmpfiles.d/00-redis-transparent-hugepage.conf"
LIVE = {
    "proc/sys/vm/overcommit_memory": "0\n",
    "proc/sys/vm/swappiness": "60\n",
    "proc/sys/net/core/somaxconn": "128\n",
    "proc/sys/net/ipv4/tcp_max_syn_backlog": "512\n",
    "proc/sys/fs/nr_open": "1048576\n",
    "proc/sys/fs/file-max": "9223372036854775807\n",
    "proc/meminfo": "MemTotal:        8388608 kB\nSwapTotal:       4194304 kB\n",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
}
SOMAXCONN = "proc/sys/net/core/somaxconn"


class Host:
    """A directory that looks like a Debian host with systemd, before anybody tuned it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.machine = kernel.Machine(root)
        (root / "run/systemd/system").mkdir(parents=True)
        self.put({**LIVE, "etc/sysctl.conf": "# nothing\n", "etc/sysctl.d/README.sysctl": "vm.swappiness = 99\n"})
        (root / "etc/sysctl.d/99-sysctl.conf").symlink_to("../sysctl.conf")

    def put(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def get(self, name: str) -> str:
        return (self.root / name).read_text()

    def everything(self) -> dict[str, tuple[str, int, int]]:
        paths = [path for path in self.root.rglob("*") if path.is_file()]
        return {str(path): (path.read_text(), path.stat().st_mode, path.stat().st_mtime_ns) for path in paths}

    def converge(self, *, check=False, sysctl=GUIDE, huge_pages="never", open_files=11024) -> dict:
        wanted = kernel.parse_wanted(sysctl, huge_pages, open_files)
        return kernel.converge(self.machine, wanted, check=check)


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


@pytest.fixture
def converged(host):
    host.converge()
    return host


def verdicts(result: dict) -> dict[str, tuple[str, str]]:
    return {found["id"]: (found["status"], found["actual"]) for found in result["findings"]}


def finding(result: dict, identity: str) -> SimpleNamespace:
    (found,) = [found for found in result["findings"] if found["id"] == identity]
    return SimpleNamespace(**found)


def not_passed(result: dict) -> list[str]:
    """As a person reads them."""
    return [
        f"{found['status']} {found['subject']}: {found['actual']} (expected {found['expected']}); {found['remedy']}"
        for found in result["findings"]
        if found["status"] != "PASS"
    ]


def settings_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_bare_host_gets_values_files_and_proof(host):
    result = host.converge()
    assert [host.get(f"proc/sys/{name.replace('.', '/')}") for name in GUIDE] == ["1\n", "1\n", "4096\n", "4096\n"]
    assert host.get("sys/kernel/mm/transparent_hugepage/enabled") == "never\n"
    assert settings_of(host.get(OURS)) == [
        "vm.overcommit_memory = 1",
        "vm.swappiness = 1",
        "net.core.somaxconn = 4096",
        "net.ipv4.tcp_max_syn_backlog = 4096",
    ]
    assert settings_of(host.get(OUR_HUGE_PAGES)) == ["w /sys/kernel/mm/transparent_hugepage/enabled - - - - never"]
    assert result["actions"] == [
        f"write /{OURS}",
        f"write /{OUR_HUGE_PAGES}",
        "set vm.overcommit_memory to 1 (was 0)",
        "set vm.swappiness to 1 (was 60)",
        "set net.core.somaxconn to 4096 (was 128)",
        "set net.ipv4.tcp_max_syn_backlog to 4096 (was 512)",
        "set transparent_hugepage to never (was madvise)",
    ]
    assert {status for status, _ in verdicts(result).values()} == {"PASS"}
    assert verdicts(result)["kernel.vm.swappiness.boot"] == ("PASS", f"1 from /{OURS}")
    assert verdicts(result)["kernel.swap"] == ("PASS", "4096 MiB")


def test_every_comment_is_a_whole_line_with_reason_and_source(converged):
    text = converged.get(OURS)
    assert (
        "# The kernel silently cuts tcp-backlog down to this.\n# redis.conf, tcp-backlog; guide 3.1, 6.1, 9\n" in text
    )
    assert all("#" not in line for line in settings_of(text + converged.get(OUR_HUGE_PAGES)))


def test_files_are_world_readable_whatever_the_umask(host):
    before = os.umask(0o077)
    try:
        host.converge()
    finally:
        os.umask(before)
    assert [(host.root / name).stat().st_mode & 0o777 for name in (OURS, OUR_HUGE_PAGES)] == [0o644, 0o644]


def test_second_run_changes_nothing(converged):
    before = converged.everything()
    result = converged.converge()
    assert (result["changed"], result["actions"], result["diff"]) == (False, [], [])
    assert {status for status, _ in verdicts(result).values()} == {"PASS"}
    assert converged.everything() == before


@pytest.mark.parametrize("state", ["host", "converged"])
def test_check_mode_touches_nothing(state, request):
    host = request.getfixturevalue(state)
    before = host.everything()
    host.converge(check=True)
    assert host.everything() == before
    assert (host.root / "etc/tmpfiles.d").exists() == (state == "converged")


@pytest.mark.parametrize("state", ["host", "converged"])
def test_check_mode_foretells_the_run(state, request):
    host = request.getfixturevalue(state)
    foretold = host.converge(check=True)
    done = host.converge()
    assert {found["status"] for found in foretold["findings"]} == {"PASS"}
    for key in ("actions", "diff", "changed"):
        assert foretold[key] == done[key]
    # the same verdicts, told as what would be
    assert {
        key: (status, actual.removeprefix("would be ")) for key, (status, actual) in verdicts(foretold).items()
    } == verdicts(done)


def test_check_mode_says_which_values_are_foretold(host):
    host.put({"proc/sys/vm/swappiness": "1\n"})
    found = verdicts(host.converge(check=True))
    assert found["kernel.vm.overcommit_memory"] == ("PASS", "would be 1")
    assert found["kernel.vm.overcommit_memory.boot"] == ("PASS", f"would be 1 from /{OURS}")
    assert found["kernel.transparent_hugepage.boot"] == ("PASS", f"would be never from /{OUR_HUGE_PAGES}")
    assert found["kernel.vm.swappiness"] == ("PASS", "1")


def test_diff_shows_files_and_values(host):
    diff = host.converge(sysctl={"vm.swappiness": 1}, huge_pages="unmanaged")["diff"]
    assert [(part["before_header"], part["before"]) for part in diff] == [
        (f"/{OURS}", ""),
        ("kernel, values in force", "vm.swappiness = 60\n"),
    ]
    assert settings_of(diff[0]["after"]) == ["vm.swappiness = 1"]
    assert diff[1]["after"] == "vm.swappiness = 1\n"


# what is done to a converged host -> what the next run changes
DRIFTS = {
    "value": ({"proc/sys/vm/overcommit_memory": "0\n"}, ["set vm.overcommit_memory to 1 (was 0)"]),
    "floor below": ({SOMAXCONN: "128\n"}, ["set net.core.somaxconn to 4096 (was 128)"]),
    "floor above": ({SOMAXCONN: "65535\n"}, []),
    "file": ({OURS: "vm.swappiness = 60\n"}, [f"write /{OURS}"]),
    "file, not text": ({OURS: "\ufffd\0"}, [f"write /{OURS}"]),
    "huge pages": (
        {"sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never\n"},
        ["set transparent_hugepage to never (was always)"],
    ),
    "huge pages file": ({OUR_HUGE_PAGES: ""}, [f"write /{OUR_HUGE_PAGES}"]),
}


@pytest.mark.parametrize(("drift", "changes"), DRIFTS.values(), ids=DRIFTS)
def test_drift_is_undone(converged, drift, changes):
    converged.put(drift)
    result = converged.converge()
    assert result["actions"] == changes
    assert {status for status, _ in verdicts(result).values()} == {"PASS"}
    assert converged.converge()["changed"] is False


def settled(host: Host) -> list[dict[str, str]] | None:
    return kernel.settled(host.machine, kernel.parse_wanted(GUIDE, "never", 11024))


def test_a_settled_machine_has_the_findings_of_a_run_and_is_left_alone(host):
    assert settled(host) is None
    host.converge()
    before = host.everything()
    found = settled(host)
    assert host.everything() == before
    assert found == host.converge()["findings"]


@pytest.mark.parametrize(("drift", "changes"), DRIFTS.values(), ids=DRIFTS)
def test_a_machine_that_drifted_is_not_settled(converged, drift, changes):
    converged.put(drift)
    assert (settled(converged) is None) == bool(changes)


def test_a_machine_with_a_failure_that_no_run_can_change_is_not_settled(host):
    host.put({"etc/sysctl.d/zz.conf": "vm.swappiness = 10\n"})
    assert host.converge()["changed"]
    assert settled(host) is None


@pytest.mark.parametrize("check", [True, False], ids=["check", "run"])
def test_file_that_is_not_utf8_gives_a_result_that_is(converged, check):
    (converged.root / OURS).write_bytes(b"# caf\xe9\n")
    (converged.root / "etc/sysctl.d/zz.conf").write_bytes(b"vm.swappiness = \xff\n")
    result = converged.converge(check=check)
    json.dumps(result, ensure_ascii=False).encode()
    assert result["actions"] == [f"write /{OURS}"]
    assert verdicts(result)["kernel.vm.swappiness.boot"] == ("FAIL", "\ufffd from /etc/sysctl.d/zz.conf")


def test_mode_of_our_file_is_put_right(converged):
    (converged.root / OURS).chmod(0o666)
    result = converged.converge()
    assert result["actions"] == [f"set the mode of /{OURS} to 0644 (was 0666)"]
    assert result["diff"] == [{"prepared": f"set the mode of /{OURS} to 0644 (was 0666)\n"}]
    assert (converged.root / OURS).stat().st_mode & 0o777 == 0o644


# what the host has before its first run -> what our file says of somaxconn, and the value in force afterwards
FLOORS = {
    "lower than asked": ({SOMAXCONN: "128\n"}, "4096", "4096"),
    "higher in force": ({SOMAXCONN: "65535\n"}, "65535", "65535"),
    "higher in another file": ({"etc/sysctl.d/60-net.conf": "net.core.somaxconn=8192\n"}, "8192", "8192"),
    "lower in an earlier file": ({"etc/sysctl.d/60-net.conf": "net.core.somaxconn=128\n"}, "4096", "4096"),
    "higher in our file": ({OURS: "net.core.somaxconn = 16384\n"}, "16384", "16384"),
    "lower in our file": ({OURS: "net.core.somaxconn = 512\n"}, "4096", "4096"),
    "no number in our file": ({OURS: "net.core.somaxconn = many\n"}, "4096", "4096"),
}


@pytest.mark.parametrize(("files", "at_boot", "now"), FLOORS.values(), ids=FLOORS)
def test_floor_is_never_lowered(host, files, at_boot, now):
    host.put(files)
    result = host.converge()
    assert f"net.core.somaxconn = {at_boot}" in settings_of(host.get(OURS))
    assert verdicts(result)["kernel.net.core.somaxconn"] == ("PASS", now)
    assert verdicts(result)["kernel.net.core.somaxconn.boot"] == ("PASS", f"{at_boot} from /{OURS}")
    assert host.converge()["changed"] is False


# another file -> verdict on the boot value that it touches
OTHERS = {
    "later name": (
        {"etc/sysctl.d/zz-vendor.conf": "vm.swappiness=60\n"},
        "FAIL",
        "60 from /etc/sysctl.d/zz-vendor.conf",
    ),
    "later name, weakest directory": (
        {"usr/lib/sysctl.d/zz.conf": "vm.swappiness = 10\n"},
        "FAIL",
        "10 from /usr/lib/sysctl.d/zz.conf",
    ),
    "slashes": ({"run/sysctl.d/zz.conf": "vm/swappiness = 10\n"}, "FAIL", "10 from /run/sysctl.d/zz.conf"),
    "may fail": ({"run/sysctl.d/zz.conf": "-vm.swappiness = 10\n"}, "FAIL", "10 from /run/sysctl.d/zz.conf"),
    "later, same value": ({"etc/sysctl.d/zz.conf": "vm.swappiness = 1\n"}, "PASS", "1 from /etc/sysctl.d/zz.conf"),
    "hidden by a stronger directory": (
        {"usr/lib/sysctl.d/zz.conf": "vm.swappiness = 10\n", "etc/sysctl.d/zz.conf": "# masked\n"},
        "PASS",
        f"1 from /{OURS}",
    ),
    "same name as ours, weaker": (
        {"usr/lib/sysctl.d/99-zz-redis.conf": "vm.swappiness=9\n"},
        "PASS",
        f"1 from /{OURS}",
    ),
    "earlier name": ({"etc/sysctl.d/10-a.conf": "vm.swappiness = 10\n"}, "PASS", f"1 from /{OURS}"),
    "pattern": ({"etc/sysctl.d/zz.conf": "vm.swapp* = 10\n"}, "PASS", f"1 from /{OURS}"),
    "commented out": ({"etc/sysctl.d/zz.conf": "#vm.swappiness=10\n;vm.swappiness=10\n"}, "PASS", f"1 from /{OURS}"),
    "not a conf file": ({"etc/sysctl.d/zz.conf.dpkg-old": "vm.swappiness = 10\n"}, "PASS", f"1 from /{OURS}"),
    "sysctl.conf": (
        {"etc/sysctl.conf": "vm.swappiness = 10\n"},
        "WARN",
        "10 from /etc/sysctl.conf, which 'sysctl --system' reads last",
    ),
}


@pytest.mark.parametrize("check", [True, False], ids=["check", "run"])
@pytest.mark.parametrize(("files", "status", "actual"), OTHERS.values(), ids=OTHERS)
def test_file_that_would_override_ours_at_boot_is_named(host, files, status, actual, check):
    host.put(files)
    result = host.converge(check=check)
    would = "would be " if check else ""
    foretold = would if OURS in actual else ""
    assert verdicts(result)["kernel.vm.swappiness.boot"] == (status, foretold + actual)
    assert verdicts(result)["kernel.vm.swappiness"] == ("PASS", f"{would}1")
    remedy = finding(result, "kernel.vm.swappiness.boot").remedy
    file = actual.split()[2].rstrip(",")
    assert remedy == ("" if status == "PASS" else f"take vm.swappiness out of {file}")
    assert result.get("failed", False) is (status == "FAIL")


def test_override_fails_the_task_after_all_was_done(host):
    host.put({"etc/sysctl.d/zz.conf": "vm.swappiness = 10\nnet.core.somaxconn = 128\n"})
    result = host.converge()
    assert (result["failed"], result["changed"], len(result["actions"])) == (True, True, 7)
    assert host.get("proc/sys/vm/swappiness") == "1\n"
    assert result["msg"] == (
        "vm.swappiness, net.core.somaxconn after a reboot: 10, 128 from /etc/sysctl.d/zz.conf; "
        "expected 1, at least 4096; take vm.swappiness, net.core.somaxconn out of /etc/sysctl.d/zz.conf"
    )
    again = host.converge()
    assert (again["failed"], again["changed"]) == (True, False)
    (host.root / "etc/sysctl.d/zz.conf").unlink()
    assert "failed" not in host.converge()


def test_two_files_that_override_are_two_causes(host):
    host.put({"etc/sysctl.d/zz.conf": "vm.swappiness = 1$names\n", "run/sysctl.d/zzz.conf": "net.core.somaxconn = 9\n"})
    assert not_passed(host.converge()) == [
        (
            "FAIL vm.swappiness after a reboot: 1$names from /etc/sysctl.d/zz.conf (expected 1); "
            "take vm.swappiness out of /etc/sysctl.d/zz.conf"
        ),
        (
            "FAIL net.core.somaxconn after a reboot: 9 from /run/sysctl.d/zzz.conf (expected at least 4096); "
            "take net.core.somaxconn out of /run/sysctl.d/zzz.conf"
        ),
    ]


def test_later_file_below_a_floor_fails_and_one_above_passes(host):
    host.put({"etc/sysctl.d/zz.conf": "net.core.somaxconn = 128\nnet.ipv4.tcp_max_syn_backlog = 65535\n"})
    found = verdicts(host.converge())
    assert found["kernel.net.core.somaxconn.boot"] == ("FAIL", "128 from /etc/sysctl.d/zz.conf")
    assert found["kernel.net.ipv4.tcp_max_syn_backlog.boot"] == ("PASS", "65535 from /etc/sysctl.d/zz.conf")


# another tmpfiles.d line -> verdict; there the first of equal paths counts, and a pattern is another path
TMPFILES = {
    "later name": ("zz.conf", "w {} - - - - always", "PASS", f"never from /{OUR_HUGE_PAGES}"),
    "earlier name": ("00-a.conf", "w {} - - - - always", "FAIL", "always from /etc/tmpfiles.d/00-a.conf"),
    "later, to be appended": ("zz.conf", "w+ {} - - - - always\\n", "PASS", f"never from /{OUR_HUGE_PAGES}"),
    "earlier, quoted, same": ("00-a.conf", 'w "{}" - - - - "never"', "PASS", "never from /etc/tmpfiles.d/00-a.conf"),
    "earlier pattern": (
        "00-a.conf",
        "w /sys/kernel/mm/*/enabled - - - - always",
        "PASS",
        f"never from /{OUR_HUGE_PAGES}",
    ),
    "later pattern": (
        "zz.conf",
        "w /sys/kernel/mm/*/enabled - - - - always\\n",
        "FAIL",
        "always from /etc/tmpfiles.d/zz.conf",
    ),
    "other type": ("00-a.conf", "z {} 0644 root root - always", "PASS", f"never from /{OUR_HUGE_PAGES}"),
}


@pytest.mark.parametrize(("name", "line", "status", "actual"), TMPFILES.values(), ids=TMPFILES)
def test_other_tmpfiles(host, name, line, status, actual):
    host.put({f"etc/tmpfiles.d/{name}": line.format("/sys/kernel/mm/transparent_hugepage/enabled")})
    assert verdicts(host.converge())["kernel.transparent_hugepage.boot"] == (status, actual)


class Refusing(kernel.Machine):
    """A machine where some paths cannot be changed. foretells: whether it says so before it is tried."""

    def __init__(self, root: Path, code: int, parts: tuple[str, ...], *, foretells: bool) -> None:
        super().__init__(root)
        self.code, self.parts, self.foretells = code, parts, foretells

    def _error(self, path: PurePosixPath):
        if any(part in str(path) for part in self.parts):
            return OSError(self.code, os.strerror(self.code))
        return None

    def refusal_of_value(self, path):
        return (self._error(path) if self.foretells else None) or super().refusal_of_value(path)

    def refusal_of_file(self, path):
        return (self._error(path) if self.foretells else None) or super().refusal_of_file(path)

    def set_value(self, path, value):
        if self._error(path):
            raise self._error(path)
        super().set_value(path, value)

    def write_file(self, path, text):
        if self._error(path):
            raise self._error(path)
        super().write_file(path, text)


@pytest.mark.parametrize("foretells", [True, False], ids=["foretold", "when tried"])
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.EROFS, "Read-only file system"),
        (errno.EACCES, "Permission denied"),
        (errno.EPERM, "Operation not permitted"),
    ],
    ids=["EROFS", "EACCES", "EPERM"],
)
def test_container_that_may_not_set_values(host, code, reason, foretells):
    host.put({"run/systemd/container": "podman\n"})
    host.machine = Refusing(host.root, code, ("proc/sys/vm", "transparent_hugepage/enabled"), foretells=foretells)
    told = [
        (
            "SKIP vm.overcommit_memory, vm.swappiness, transparent_hugepage: 0, 60, madvise; "
            f"this container (podman) may not set that: {reason} (expected 1, 1, never); "
            "on the container's host, for good: sysctl -w vm.overcommit_memory=1 vm.swappiness=1; "
            "echo never > /sys/kernel/mm/transparent_hugepage/enabled"
        ),
    ]
    if foretells:
        assert not_passed(host.converge(check=True)) == told
    result = host.converge()
    assert not_passed(result) == told
    assert "failed" not in result
    found = finding(result, "kernel.refused")
    assert "Saving forks" in found.why
    assert "Swap stays" in found.why
    assert "one changed byte" in found.why
    assert verdicts(result)["kernel.net.core.somaxconn"] == ("PASS", "4096")
    assert "set vm.overcommit_memory to 1 (was 0)" not in result["actions"]
    assert "set net.core.somaxconn to 4096 (was 128)" in result["actions"]
    assert host.converge()["changed"] is False


def test_network_values_belong_to_the_container_itself(host):
    host.put({"run/systemd/container": "podman\n"})
    host.machine = Refusing(host.root, errno.EROFS, ("proc/sys",), foretells=True)
    assert not_passed(host.converge(huge_pages="unmanaged")) == [
        (
            "SKIP vm.overcommit_memory, vm.swappiness: 0, 60; this container (podman) may not set that: "
            "Read-only file system (expected 1); "
            "on the container's host, for good: sysctl -w vm.overcommit_memory=1 vm.swappiness=1"
        ),
        (
            "SKIP net.core.somaxconn, net.ipv4.tcp_max_syn_backlog: 128, 512; this container (podman) may not set that: "
            "Read-only file system (expected at least 4096); "
            "start the container with --sysctl net.core.somaxconn=4096 --sysctl net.ipv4.tcp_max_syn_backlog=4096"
        ),
    ]


def test_right_value_that_this_container_cannot_keep_is_told_as_such(host):
    host.put({"run/systemd/container": "lxc", "proc/sys/vm/overcommit_memory": "1\n"})
    host.machine = Refusing(host.root, errno.EROFS, ("proc/sys/vm",), foretells=True)
    found = verdicts(host.converge(sysctl={"vm.overcommit_memory": 1}))
    assert found["kernel.vm.overcommit_memory"] == ("PASS", "1")
    assert found["kernel.vm.overcommit_memory.refused"] == (
        "SKIP",
        "1; this container (lxc) may not set that: Read-only file system",
    )
    assert "kernel.vm.overcommit_memory.boot" not in found


@pytest.mark.parametrize("check", [True, False], ids=["check", "run"])
@pytest.mark.parametrize(("container", "status"), [("", "FAIL"), ("podman", "SKIP")], ids=["host", "container"])
def test_file_that_cannot_be_written(host, container, status, check):
    host.put({"run/systemd/container": container})
    host.machine = Refusing(host.root, errno.EROFS, (OURS,), foretells=True)
    result = host.converge(check=check)
    assert verdicts(result)["kernel.boot"] == (
        status,
        f"no file sets it; /{OURS} cannot be written: Read-only file system",
    )
    assert finding(result, "kernel.boot").subject == f"{', '.join(GUIDE)} after a reboot"
    assert result.get("failed", False) is (status == "FAIL")
    assert verdicts(result)["kernel.vm.swappiness"] == ("PASS", "would be 1" if check else "1")
    assert f"write /{OURS}" not in result["actions"]


def test_value_that_the_kernel_rejects_is_a_failure(host):
    host.machine = Refusing(host.root, errno.EINVAL, ("swappiness",), foretells=False)
    result = host.converge()
    assert verdicts(result)["kernel.vm.swappiness"] == (
        "FAIL",
        "60; the kernel refused the new value: Invalid argument",
    )
    assert result["failed"] is True
    assert verdicts(result)["kernel.vm.swappiness.boot"] == ("PASS", f"1 from /{OURS}")


def test_full_disk_stops_the_run_in_one_line(host):
    host.machine = Refusing(host.root, errno.ENOSPC, (OURS,), foretells=False)
    with pytest.raises(ApplyFailed, match=r"^/etc/sysctl\.d/99-zz-redis\.conf: No space left on device; [^\n]+$"):
        host.converge()
    assert host.get("proc/sys/vm/overcommit_memory") == "0\n"


def test_parameter_that_the_kernel_lacks(host):
    (host.root / SOMAXCONN).unlink()
    (host.root / "sys/kernel/mm/transparent_hugepage/enabled").unlink()
    for check in (True, False):
        assert not_passed(host.converge(check=check)) == [
            (
                "SKIP net.core.somaxconn, transparent_hugepage: this host has none (expected at least 4096, never); "
                "use a kernel that has it"
            )
        ]
    assert host.converge()["changed"] is False


def test_without_systemd_nothing_applies_the_files(host):
    (host.root / "run/systemd/system").rmdir()
    told = [
        (
            "WARN vm.overcommit_memory, vm.swappiness, net.core.somaxconn, net.ipv4.tcp_max_syn_backlog, "
            f"transparent_hugepage after a reboot: written to /{OURS} and /{OUR_HUGE_PAGES}, but no systemd here applies it "
            "at boot (expected 1, 1, at least 4096, at least 4096, never); run this play after each start"
        )
    ]
    foretold = host.converge(check=True)
    assert [line.replace("would be written", "written") for line in not_passed(foretold)] == told
    result = host.converge()
    assert not_passed(result) == told
    assert "failed" not in result
    assert finding(result, "kernel.boot").status == "WARN"
    assert verdicts(result)["kernel.vm.overcommit_memory"] == ("PASS", "1")


def test_sysv_init_applies_sysctl_files_and_reads_sysctl_conf_last(host):
    (host.root / "run/systemd/system").rmdir()
    host.put({"run/initctl": "", "etc/rcS.d/S01procps": "", "etc/sysctl.conf": "vm.swappiness = 10\n"})
    found = verdicts(host.converge())
    assert found["kernel.vm.overcommit_memory.boot"] == ("PASS", f"1 from /{OURS}")
    assert found["kernel.vm.swappiness.boot"][0] == "FAIL"
    assert found["kernel.transparent_hugepage.boot"] == (
        "WARN",
        f"written to /{OUR_HUGE_PAGES}, but no systemd here applies it at boot",
    )


def test_masked_unit_applies_nothing(host):
    mask = host.root / "etc/systemd/system/systemd-sysctl.service"
    mask.parent.mkdir(parents=True)
    mask.symlink_to("/dev/null")
    result = host.converge()
    found = finding(result, "kernel.boot")
    assert (found.status, found.actual) == ("WARN", f"written to /{OURS}, but systemd-sysctl.service is masked")
    assert (found.subject, found.remedy) == (
        f"{', '.join(GUIDE)} after a reboot",
        "systemctl unmask systemd-sysctl.service",
    )
    assert verdicts(result)["kernel.transparent_hugepage.boot"][0] == "PASS"


def test_our_file_masked_by_a_link_is_replaced_and_the_link_target_is_left_alone(host):
    (host.root / OURS).symlink_to("/dev/null")
    assert host.converge()["actions"][0] == f"write /{OURS}"
    assert Path("/dev/null").is_char_device()
    assert not (host.root / OURS).is_symlink()
    assert "vm.swappiness = 1" in settings_of(host.get(OURS))


def test_what_is_no_longer_declared_leaves_our_files(converged):
    result = converged.converge(sysctl={"vm.overcommit_memory": 1}, huge_pages="unmanaged")
    assert result["actions"] == [f"write /{OURS}", f"remove /{OUR_HUGE_PAGES}"]
    assert settings_of(converged.get(OURS)) == ["vm.overcommit_memory = 1"]
    assert converged.converge(sysctl={}, huge_pages="unmanaged")["actions"] == [f"remove /{OURS}"]
    assert not (converged.root / OURS).exists()


@pytest.mark.parametrize(
    ("text", "status"),
    [("[always] madvise never", "WARN"), ("always [madvise] never", "PASS"), ("always madvise [never]", "PASS")],
    ids=["always", "madvise", "never"],
)
def test_unmanaged_huge_pages_are_left_and_reported(host, text, status):
    path = "sys/kernel/mm/transparent_hugepage/enabled"
    host.put({path: f"{text}\n"})
    found = verdicts(host.converge(huge_pages="unmanaged"))
    assert found["kernel.transparent_hugepage"] == (status, text.partition("[")[2].partition("]")[0])
    assert host.get(path) == f"{text}\n"


@pytest.mark.parametrize(
    ("nr_open", "status"), [("11024", "PASS"), ("11023", "FAIL"), (None, "SKIP")], ids=["enough", "one short", "absent"]
)
def test_open_files_are_compared_and_not_changed(host, nr_open, status):
    path = host.root / "proc/sys/fs/nr_open"
    path.unlink() if nr_open is None else path.write_text(nr_open)
    result = host.converge()
    assert verdicts(result)["kernel.fs.nr_open"][0] == status
    assert result.get("failed", False) is (status == "FAIL")
    assert nr_open is None or path.read_text() == nr_open


def test_no_swap_is_said_and_no_defect(host):
    host.put({"proc/meminfo": "MemTotal: 1048576 kB\nSwapTotal: 0 kB\n"})
    assert verdicts(host.converge())["kernel.swap"] == (
        "PASS",
        "none: without it the kernel kills Redis at a peak above the RAM",
    )


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({}, ""),
        ({"run/systemd/container": "lxc\n"}, "lxc"),
        ({"run/.containerenv": ""}, "podman"),
        ({".dockerenv": ""}, "docker"),
        ({"proc/1/environ": "TERM=xterm\0container=systemd-nspawn\0"}, "systemd-nspawn"),
        ({"proc/1/environ": "TERM=xterm\0"}, ""),
    ],
    ids=["machine", "systemd", "podman", "docker", "environment", "machine with environment"],
)
def test_container_name(host, files, name):
    host.put(files)
    assert host.converge()["container"] == name


# input -> the one line it gets
WRONG = {
    "typing error": ({"vm.swapiness": 1}, "sysctl vm.swapiness: 1; expected vm.swappiness (did you mean it?)"),
    "unknown": ({"kernel.panic": 1}, "expected one of vm.overcommit_memory, vm.swappiness, net.core.somaxconn, "),
    "path": ({"../../etc/passwd": 1}, "sysctl ../../etc/passwd: 1; expected one of"),
    "number as name": ({7: 1}, "sysctl 7: 1; expected one of"),
    "text": ({"vm.swappiness": "low"}, "sysctl vm.swappiness: 'low'; expected a whole number without a unit"),
    "boolean": ({"vm.overcommit_memory": True}, "True; expected a whole number, not yes or no"),
    "nothing": ({"vm.swappiness": None}, "None; expected a whole number"),
    "too high": ({"vm.overcommit_memory": 3}, "3; expected a number from 0 to 2"),
    "negative": ({"net.core.somaxconn": -1}, "-1; expected a number from 1 to 2147483647"),
    "newline": ({"vm.swappiness": "1\nkernel.panic = 1"}, "expected a whole number"),
}


@pytest.mark.parametrize(("sysctl", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_is_one_line(sysctl, message):
    with pytest.raises(InvalidInput) as caught:
        kernel.parse_wanted(sysctl, "never", 11024)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_all_problems_at_once():
    with pytest.raises(InvalidInput) as caught:
        kernel.parse_wanted({"vm.swappiness": 201, "vm.nonsense": 1}, "never", 0)
    assert [problem.where for problem in caught.value.problems] == [
        "sysctl vm.swappiness",
        "sysctl vm.nonsense",
        "open_files",
    ]


def test_numbers_may_come_as_text_from_a_template():
    assert kernel.parse_wanted({"vm.swappiness": "10"}, "unmanaged", 1).parameters[0].want == "10"
