"""No server of ours gets the data directory of another: it would load its keys, and later overwrite its dump."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import witness
from ansible.module_utils.redis_ops.base.errors import InvalidInput
from existing import Existing
from instances import Process, some
from servers import Client, Program
from somebodys import Somebodys, server_of
from test_any_server import Run, Wanted

# Debian's programs run through a loader here, whose process is called otherwise
NAMED = some("redis 6.2.14", "redis 8.2.3", "valkey 9.1.2")
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a run needs root")


@pytest.fixture
def ours(program: Program) -> Iterator[Somebodys]:
    with server_of(Existing(("port @PORT@", "bind 127.0.0.1", "dir @DATA@", "save 3600 1")), program) as server:
        yield server


@pytest.fixture
def neighbour(ours: Somebodys, tmp_path: Path) -> Iterator[Process]:
    """A server that nobody declared, with 500 keys in a dump."""
    service = replace(ours.service, home=tmp_path, config=str(tmp_path / "redis.conf"), name="neighbour")
    place, port = ours.directory / "other", ours.port + 1
    Path(service.config).write_text(f"port {port}\nbind 127.0.0.1\ndir {place}\nsave 3600 1\n")
    service.start()
    try:
        client = Client(port)
        for number in range(500):
            client("SET", f"key:{number}", "x")
        client("SAVE")
        client.close()
        yield service
    finally:
        service.kill()


@NAMED
@pytest.mark.parametrize("way", ["its path", "a link", "a link above it"])
def test_the_directory_of_a_server_that_nobody_declared(ours, neighbour, way):
    place = ours.directory / "other"
    if way != "its path":
        link = ours.directory / "short"
        link.symlink_to(place if way == "a link" else ours.directory)
        place = link if way == "a link" else link / "other"
    dump = (ours.directory / "other" / "dump.rdb").read_bytes()
    for check in (True, False):
        with pytest.raises(
            InvalidInput, match=f"dir: {place} is the data directory of process {neighbour.pid()}, which nobo"
        ):
            Run(ours, Wanted(adopt="keep", settings={"dir": str(place)}, restart=True)).once(check=check)
    with witness.asking(ours.service.pid(), []) as client:
        assert client("DBSIZE") == 0
    assert (ours.directory / "other" / "dump.rdb").read_bytes() == dump


@NAMED
def test_the_neighbour_of_another_directory_is_no_reason_to_stop(ours, neighbour):
    assert neighbour.pid()
    assert Run(ours, Wanted(adopt="keep", settings={"timeout": 7})).once().error == ""
