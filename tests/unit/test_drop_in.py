"""The file that gives a service its limits."""

from __future__ import annotations

from configparser import ConfigParser

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.model import drop_in
from ansible.module_utils.redis_ops.model.desired import DesiredState
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS, Layout

DESIRED = DesiredState(Engine.parse("redis 7.0.15"), {"maxclients": 5000})


def text(*directories: str, systemd: bool = True, kept: bool = False) -> str:
    return drop_in.text(Layout(PRODUCTS["redis"], "default", systemd), DESIRED, directories, kept=kept)


def service_section(text: str) -> dict[str, str]:
    parser = ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str
    parser.read_string(text)
    assert parser.sections() == ["Service"]
    return dict(parser["Service"])


def test_a_drop_in_has_room_for_clients_and_the_servers_own_files():
    section = service_section(text("/var/lib/redis", "/var/log/redis", "/run/redis"))
    assert section["LimitNOFILE"] == "6024"
    assert section["TimeoutStartSec"] == "infinity"
    assert section["LimitCORE"] == "0"
    assert "ReadWritePaths" not in section


def test_directories_outside_the_sandbox_are_opened():
    section = service_section(text("/srv/a", "/srv/log", "/var/lib/redis/b"))
    assert section["ReadWritePaths"].split() == ["/srv/a", "/srv/log"]


def test_of_a_unit_that_is_kept_only_the_limit_changes():
    assert service_section(text("/srv/a", kept=True)) == {"LimitNOFILE": "6024"}


@pytest.mark.parametrize("kept", [False, True])
def test_without_systemd_the_script_reads_one_limit(kept):
    lines = [line for line in text("/srv/a", systemd=False, kept=kept).splitlines() if not line.startswith("#")]
    assert lines == ["ULIMIT=6024"]


def test_without_a_declaration_the_engine_s_default_counts():
    assert drop_in.open_files(DesiredState(Engine.parse("redis 7.0.15"), {})) == 11024
