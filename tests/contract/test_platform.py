"""Look, plan, apply, drift and removal on a distribution that does not exist, with real servers: only its places are used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.redis_ops.apply import live, starting
from ansible.module_utils.redis_ops.drift import check
from ansible.module_utils.redis_ops.platform import kernel
from ansible.module_utils.redis_ops.view.host import looking
from instances import OLD_AND_NEW, PATIENCE, PAUSE, Process, binary_of
from placed import HOST, Placed
from platforms import DEBIANS, Nest, osprey
from ports import quiet_port
from servers import Client, Program

OURS = ("opt/birds", "srv/birds", "srv/logs", "var/lib/ansible-redis")


@pytest.fixture
def nest() -> Nest:
    return Nest()


@pytest.fixture
def here(program: Program, nest: Nest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Placed]:
    for module, name, value in ((live, "POLL", PAUSE), (starting, "START_TIMEOUT", PATIENCE)):
        monkeypatch.setattr(module, name, value)
    root = tmp_path / "root"
    root.mkdir()
    binary = binary_of(program, tmp_path)

    def service(name: str, config: str) -> Process:
        home = tmp_path / "services" / name
        home.mkdir(parents=True)
        return Process(name, binary, config, home)

    found = Placed(root, program.engine, service, platform=osprey(nest))
    found.prepare(monkeypatch, binary)
    try:
        yield found
    finally:
        for one in found.services.values():
            one.kill()


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def drift(here: Placed, *entries: dict[str, Any]) -> dict[str, Any]:
    """Finding -> all that it says."""
    with looking(here.declared(*entries)) as view:
        scopes = check(view, kernel.parse_wanted({}, kernel.UNMANAGED, 1), "")
    return {finding.id: finding for scope in scopes for finding in scope.findings}


@OLD_AND_NEW
def test_a_life_on_another_distribution(here, nest):
    entries = [{"name": name, "port": quiet_port(), "settings": {"appendonly": "yes"}} for name in ("default", "cache")]
    foreseen = here.converge(*entries, check=True).as_record()
    assert files(here.root) == []
    record = here.converge(*entries).as_record()
    assert [one["actions"] for one in foreseen["converged"]] == [one["actions"] for one in record["converged"]]
    product = here.layout("default").product
    assert {product.unit, f"{product.unit}@cache"} == set(here.services)
    for entry in entries:
        client = Client(entry["port"])
        assert client("CONFIG", "GET", "dir")[1] == str(here.data(entry["name"]))
        client("SET", "key", "value")
        client.close()
    assert here.config("cache") == here.root / f"opt/birds/settings/{product.name}/{product.name}-cache.conf"
    assert all(name.startswith(OURS) for name in files(here.root))
    again = here.converge(*entries).as_record()
    assert not again["changed"]
    found = drift(here, *entries)
    assert not [name for name in found if name.startswith(("option.", "file.", "package"))]
    nest.version, nest.edited = "", True
    found = drift(here, *entries)
    assert found["package"].subject == f"host: package {product.package}"
    assert found["unit.text"].remedy.endswith(f"nest put --again {product.package}")
    Path(f"{product.config_dir}.pinned").write_text("")
    removed = here.remove("all")
    assert [name for name in files(here.root) if not name.startswith("srv/")] == []
    said = repr((foreseen, record, again, found, removed, nest.asked)).replace(HOST, "")
    assert DEBIANS.search(said) is None
    assert nest.asked
