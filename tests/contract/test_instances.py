"""All instances of a host in one run, on real servers: ports that change hands, and no key that is lost."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.redis_ops.apply import instances
from ansible.module_utils.redis_ops.apply.instances import Result, converge_all
from ansible.module_utils.redis_ops.base.errors import ApplyFailed
from ansible.module_utils.redis_ops.model.declaration import Declaration
from ansible.module_utils.redis_ops.model.resolve import resolve
from ansible.module_utils.redis_ops.platform import current
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS
from ansible.module_utils.redis_ops.platform.packages import Package
from ansible.module_utils.redis_ops.view import host, observe
from ansible.module_utils.redis_ops.view.host import HostView, Seen
from ansible.module_utils.redis_ops.view.instance import Instance
from instances import OLD_AND_NEW, ONE, Lab, lab, laboratory
from servers import Program

__all__ = ["lab"]


class Host:
    """Instances by name, each on a server of its own."""

    def __init__(self, labs: dict[str, Lab], monkeypatch: pytest.MonkeyPatch) -> None:
        self.labs = labs
        self.engine = next(iter(labs.values())).program.engine
        monkeypatch.setattr(
            current, "PLATFORM", replace(current.PLATFORM, hidden=())
        )  # the servers of tests are in no sandbox
        monkeypatch.setattr(host, "look", lambda *_, **__: self._look())

    def converge(self, ports: dict[str, int], more: dict[str, Any] | None = None, **given: Any) -> Result:
        """One run that declares these ports. more: settings of the first instance."""
        self.wanted = {name: {"port": str(port)} for name, port in ports.items()}
        next(iter(self.wanted.values())).update(more or {})
        package = Package(PRODUCTS[self.engine.name], "1", self.engine)
        known = {"restart": False, "check": False, "somaxconn": 100_000}
        return converge_all(None, package, **{**known, **given})

    def _look(self) -> HostView:
        entries = [{"name": name, "port": int(wanted["port"])} for name, wanted in self.wanted.items()]
        declaration = Declaration(entries, {"mine": {}}, "mine")
        seen = []
        for one in resolve(declaration, PRODUCTS[self.engine.name], self.engine, systemd=True):
            name = one.layout.instance
            instance = self.labs[name].instance(self.wanted[name], name=name, where=f"instance {name}")
            view = observe.look(instance)
            seen.append(Seen(one, view, host._place(view)))
        return HostView(product=PRODUCTS["redis"], systemd=True, memory=0, open_files=0, somaxconn=0, instances=seen)

    def answers(self, ports: dict[str, int]) -> dict[str, int]:
        """Instance -> keys of the server that listens on its port. Each was given another number of keys."""
        found = {}
        for name, port in ports.items():
            client = self.labs[name].client(port=port)
            found[name] = int(client("DBSIZE"))
            client.close()
        return found


@contextlib.contextmanager
def hosting(program: Program, root: Path, monkeypatch: pytest.MonkeyPatch, names: str) -> Iterator[Host]:
    with contextlib.ExitStack() as stack:
        labs = {name: stack.enter_context(laboratory(program, root / name, appendonly="yes")) for name in names}
        for number, one in enumerate(labs.values(), start=1):
            one.converge()
            one.fill(10 * number)
        yield Host(labs, monkeypatch)


def errors(record: dict[str, Any]) -> list[str]:
    """What failed, but for the user of the tests, which may be root."""
    return [line for line in record.get("msg", "").splitlines() if "runs as root" not in line]


def rotated(ports: dict[str, int]) -> dict[str, int]:
    names = list(ports)
    return dict(zip(names, [ports[name] for name in (*names[1:], names[0])]))


@OLD_AND_NEW
@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("names", ["ab", "abc"], ids=["two swap", "a ring of three"])
def test_ports_that_change_hands(program, tmp_path, monkeypatch, names):
    with hosting(program, tmp_path, monkeypatch, names) as here:
        ports = {name: one.port for name, one in here.labs.items()}
        keys = {name: 10 * number for number, name in enumerate(names, start=1)}
        pids = {name: one.service.pid() for name, one in here.labs.items()}
        wanted = rotated(ports)
        record = here.converge(wanted).as_record()
        assert errors(record) == []
        assert sorted(one["instance"] for one in record["converged"]) == sorted(names)
        assert here.answers(wanted) == keys
        assert {name: one.service.pid() for name, one in here.labs.items()} == pids, "nobody was restarted"
        assert not here.converge(wanted).as_record()["changed"]
        for name, one in here.labs.items():
            assert f"port {wanted[name]}" in one.lines
            one.service.stop()
        for name, one in here.labs.items():
            one.port = wanted[name]
            one.start()
        assert here.answers(wanted) == keys


@ONE
@pytest.mark.usefixtures("lab")
def test_a_chain_of_ports(program, tmp_path, monkeypatch):
    with hosting(program, tmp_path, monkeypatch, "abc") as here:
        ports = {name: one.port for name, one in here.labs.items()}
        free = max(ports.values()) + 1
        wanted = {"a": ports["b"], "b": ports["c"], "c": free}
        record = here.converge(wanted).as_record()
        assert [one["instance"] for one in record["converged"]] == ["c", "b", "a"]
        assert here.answers(wanted) == {"a": 10, "b": 20, "c": 30}


@ONE
@pytest.mark.usefixtures("lab")
def test_check_mode_moves_nobody(program, tmp_path, monkeypatch):
    with hosting(program, tmp_path, monkeypatch, "ab") as here:
        ports = {name: one.port for name, one in here.labs.items()}
        assert here.converge(rotated(ports), check=True).as_record()["changed"]
        assert here.answers(ports) == {"a": 10, "b": 20}


@ONE
@pytest.mark.usefixtures("lab")
def test_a_run_that_fails_leaves_the_instance_that_stepped_aside_where_it_was(program, tmp_path, monkeypatch):
    with hosting(program, tmp_path, monkeypatch, "ab") as here:
        ports = {name: one.port for name, one in here.labs.items()}

        def fail(*_: Any, **__: Any) -> None:
            raise ApplyFailed("instance b: no")

        monkeypatch.setattr(instances, "converge", fail)
        assert here.converge(rotated(ports)).as_record()["failed"]
        assert here.answers(ports) == {"a": 10, "b": 20}


@ONE
@pytest.mark.usefixtures("lab")
def test_an_instance_that_cannot_step_back_is_named_with_its_port(program, tmp_path, monkeypatch):
    """The other one of the ring has its port by then."""
    with hosting(program, tmp_path, monkeypatch, "ab") as here:
        ports = {name: one.port for name, one in here.labs.items()}
        converge = instances.converge

        def fail(instance: Instance, **given: Any) -> Any:
            if instance.name == "a":
                raise ApplyFailed("instance a: no")
            return converge(instance, **given)

        monkeypatch.setattr(instances, "converge", fail)
        message = here.converge(rotated(ports)).as_record()["msg"]
        found = re.match(
            rf"instance a: no\ninstance a: it listens on port (\d+) and no longer on {ports['a']}, which is taken; ",
            message,
        )
        assert found, message
        assert here.answers({"a": int(found[1]), "b": ports["a"]}) == {"a": 10, "b": 20}
        monkeypatch.setattr(instances, "converge", converge)
        here.converge(rotated(ports))
        assert here.answers(rotated(ports)) == {"a": 10, "b": 20}


@ONE
@pytest.mark.usefixtures("lab")
def test_the_first_instance_that_does_not_start_stops_the_rest(program, tmp_path, monkeypatch):
    with hosting(program, tmp_path, monkeypatch, "ab") as here:
        ports = {name: one.port for name, one in here.labs.items()}
        broken = {"unixsocket": "/nonexistent/x.sock"}
        record = here.converge(ports, broken, restart=True).as_record()
        assert record["failed"]
        assert "instance a: " in record["msg"]
        assert record["msg"].endswith("not reached, and as before: instance b")
        assert here.answers(ports) == {"a": 10, "b": 20}
