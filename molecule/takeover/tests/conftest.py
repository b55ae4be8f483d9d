"""Every case says with a mark which host it needs and what is declared there:

    @pytest.mark.host(setup=..., redis_server_adopt="keep")
    def test_it(host, run): ...

The cases of a file share their start: their hosts are set up together, and one run of provision.yml goes over all of them.
host: the one of this case. run: what that first run came to on it. before: its facts before that run. untouched: asserts
that they are still true. servers=: how to ask the host's servers. alone=True: no first run, the test runs what it likes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "_lab"))

import hosts
import plays
from hosts import USUAL, Cli, Host

AT_ONCE = 10  # hosts; each takes 4 of a machine's 128 inotify instances, and two workers run at a time
OWN = ("setup", "suite", "servers", "alone")  # of the mark; its other words are variables


@dataclass
class Case:
    """A host of one test. facts: before the first run. run: None where the test runs what it likes. error: of its setup,
    which must not keep the other hosts of the file from theirs.
    """

    host: Host
    servers: tuple[Cli, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    run: plays.Outcome | None = None
    error: AssertionError | None = None


@dataclass
class Stage:
    """The hosts of those cases that are on now. group: their name."""

    group: str = ""
    cases: dict[str, Case] = field(default_factory=dict)

    def case(self, item: pytest.Item) -> Case:
        """Of this test. Its group comes on when it is not."""
        group = item.stash[GROUP]
        if group != self.group:
            self.clear()
            self.group = group
            self._set(
                {
                    other.nodeid: mark
                    for other in item.session.items
                    if other.stash[GROUP] == group and (mark := other.get_closest_marker("host"))
                }
            )
        return self.cases[item.nodeid]

    def _set(self, marks: dict[str, pytest.Mark]) -> None:
        started = hosts.start(*(mark.kwargs.get("suite", "bookworm") for mark in marks.values()))
        self.cases = {name: Case(host, ()) for name, host in zip(marks, started)}
        with ThreadPoolExecutor(4) as pool:
            self.cases = dict(zip(marks, pool.map(_set_up, started, marks.values())))
        together = {
            name: case for name, case in self.cases.items() if not (case.error or marks[name].kwargs.get("alone"))
        }
        if together:
            play = plays.play("provision.yml", *(case.host for case in together.values()))
            for case in together.values():
                case.run = play.on(case.host)

    def clear(self) -> None:
        """Remove the hosts."""
        hosts.remove(case.host for case in self.cases.values())
        self.cases = {}


GROUP = pytest.StashKey[str]()
STAGE = Stage()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "host(setup=, suite=, servers=, alone=, **variables): the host of a case")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups of cases that start together run one after the other, and all of one in the same worker of pytest-xdist."""
    counts: dict[str, int] = {}
    for item in items:
        module = item.path.stem
        number = counts.setdefault(module, 0)
        counts[module] += item.get_closest_marker("host") is not None
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        group = f"{module}-{parameters.get('number', number // AT_ONCE)}"
        item.stash[GROUP] = group
        item.add_marker(pytest.mark.xdist_group(group))
    order = {group: number for number, group in enumerate(dict.fromkeys(item.stash[GROUP] for item in items))}
    items.sort(key=lambda item: order[item.stash[GROUP]])


@pytest.fixture(scope="session", autouse=True)
def _removed() -> Iterator[None]:
    yield
    STAGE.clear()


def _set_up(host: Host, mark: pytest.Mark) -> Case:
    servers = mark.kwargs.get("servers", (USUAL,))
    host.variables.update({name: value for name, value in mark.kwargs.items() if name not in OWN})
    try:
        if "setup" in mark.kwargs:
            mark.kwargs["setup"](host)
        return Case(host, servers, host.facts(*servers))
    except AssertionError as error:
        return Case(host, servers, error=error)


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    found = STAGE.case(request.node)
    if found.error is not None:
        raise found.error
    return found


@pytest.fixture
def host(case: Case) -> Host:
    return case.host


@pytest.fixture
def run(case: Case) -> plays.Outcome:
    assert case.run is not None
    return case.run


@pytest.fixture
def before(case: Case) -> dict[str, Any]:
    return case.facts


@pytest.fixture
def untouched(case: Case) -> Callable[[], None]:
    def compare() -> None:
        assert hosts.differences(case.facts, case.host.facts(*case.servers)) == {}

    return compare
