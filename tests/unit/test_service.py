"""A mask is a link to /dev/null, and nothing else is."""

from __future__ import annotations

import pytest
from ansible.module_utils.redis_ops.base.errors import ApplyFailed
from ansible.module_utils.redis_ops.platform import host, service
from ansible.module_utils.redis_ops.platform.service import Systemd


@pytest.fixture
def unit(tmp_path, monkeypatch):
    """A unit whose files are in a directory, under a systemctl that says yes."""
    monkeypatch.setattr(Systemd, "_mask", property(lambda unit: tmp_path / f"{unit.name}.service"))
    monkeypatch.setattr(host, "run", lambda words, **_: service.host.subprocess.CompletedProcess(words, 0, "", ""))
    return Systemd("redis-server")


def test_a_mask_comes_and_goes(unit, tmp_path):
    assert not unit.masked()
    unit.mask()
    unit.mask()  # one of a run that was killed
    assert unit.masked()
    assert str((tmp_path / "redis-server.service").readlink()) == "/dev/null"
    unit.prepare()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("link", [True, False])
def test_a_unit_of_the_host_s_own_is_no_mask(link, unit, tmp_path):
    path, own = tmp_path / "redis-server.service", tmp_path / "own.service"
    own.write_text("[Service]\n")
    if link:
        path.symlink_to(own)
    else:
        own.rename(path)
    assert not unit.masked()
    unit.prepare()
    assert path.read_text() == "[Service]\n"


@pytest.mark.parametrize(
    ("pid", "result", "refused"),
    [
        ("7", "success", False),
        ("7", "", False),
        ("7", "timeout", True),
        ("7", "exit-code", True),
        ("0", "exit-code", False),
        ("0", "start-limit-hit", False),
        ("0", "timeout", False),
    ],
)
def test_a_stop_in_order_is_told_from_one_before_it(monkeypatch, pid, result, refused):
    """Of a service that does not run, systemd's result is about an earlier stop, which this one can't mend."""
    said = {"MainPID": pid, "Result": result}

    def answer(words: list[str], **_: object) -> object:
        found = next((said[word] for word in words if word in said), "")
        return service.host.subprocess.CompletedProcess(words, 0, f"{found}\n", "")

    monkeypatch.setattr(host, "run", answer)
    if refused:
        with pytest.raises(ApplyFailed, match=f"did not stop in order: systemd says {result}"):
            Systemd("redis-server").stop()
    else:
        Systemd("redis-server").stop()
