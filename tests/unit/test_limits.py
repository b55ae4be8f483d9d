"""The file that gives a service its limits."""

from __future__ import annotations

from configparser import ConfigParser

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.model import limits
from ansible.module_utils.redis_ops.model.resolve import Declaration, Resolved, resolve
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS


def resolved(*, systemd: bool = True, **settings: object) -> Resolved:
    declaration = Declaration([{"name": "default"}], {"guide": {}}, "guide", settings, {})
    return resolve(declaration, PRODUCTS["redis"], Engine.parse("redis 7.0.15"), systemd=systemd)[0]


def service_section(text: str) -> dict[str, str]:
    parser = ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str
    parser.read_string(text)
    assert parser.sections() == ["Service"]
    return dict(parser["Service"])


def test_a_drop_in_has_room_for_clients_and_the_servers_own_files():
    section = service_section(limits.text(resolved(maxclients=5000), systemd=True))
    assert section["LimitNOFILE"] == "6024"
    assert section["TimeoutStartSec"] == "infinity"
    assert "ReadWritePaths" not in section


def test_directories_outside_the_sandbox_are_opened():
    section = service_section(limits.text(resolved(dir="/srv/a", logfile="/srv/log/redis.log"), systemd=True))
    assert section["ReadWritePaths"].split() == ["/srv/a", "/srv/log"]


@pytest.mark.parametrize("maxclients", [100, 20_000])
def test_without_systemd_the_script_reads_one_limit(maxclients):
    text = limits.text(resolved(systemd=False, maxclients=maxclients), systemd=False)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines == [f"ULIMIT={maxclients + 1024}"]
