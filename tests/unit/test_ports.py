"""Can each instance listen where it shall, and who listens or is kept there already?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible.module_utils.redis_ops.base.findings import Status
from ansible.module_utils.redis_ops.checks import ports, shared
from ansible.module_utils.redis_ops.plan.contact import Contact
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS
from ansible.module_utils.redis_ops.platform.processes import Process
from ansible.module_utils.redis_ops.platform.sockets import Listener
from ansible.module_utils.redis_ops.platform.units import Unit
from ansible.module_utils.redis_ops.server.persistence import Store
from ansible.module_utils.redis_ops.view.host import HostView, Place
from ansible.module_utils.redis_ops.view.strangers import Stranger
from views import REDIS_7, host_of, seen_of, several, unit_of

REDIS = PRODUCTS["redis"]


def told(view: HostView) -> list[str]:
    return [str(problem) for problem in ports.problems(view)]


def one(listener: Listener | None = None, pid: int = 0, name: str = "port", **settings) -> HostView:
    [found] = several(
        {"name": "default", "settings": {key.replace("_", "-"): value for key, value in settings.items()}}
    )
    place = Place(listeners={name: listener} if listener else {})
    return host_of(seen_of(found, place, unit=unit_of(found, pid=pid)))


@pytest.mark.parametrize(
    ("pid", "listener", "free"),
    [
        pytest.param(0, None, True, id="nobody"),
        pytest.param(7, Listener(7, "redis-server"), True, id="the instance itself"),
        pytest.param(7, None, True, id="the instance elsewhere"),
        pytest.param(0, Listener(9, "nginx"), False, id="somebody else"),
        pytest.param(7, Listener(9, "redis-server"), False, id="another Redis"),
        pytest.param(0, Listener(0, "a process that this host does not show"), False, id="somebody unseen"),
    ],
)
def test_a_port_that_is_taken(pid, listener, free):
    result = told(one(listener, pid))
    assert bool(result) is not free
    if not free:
        assert result[0].startswith(f"instance default: port: 6379 is taken by {listener.name}")
        assert (f"(pid {listener.pid})" in result[0]) == bool(listener.pid)


def test_a_tls_port_that_is_taken_is_named():
    [text] = told(one(Listener(9, "nginx"), name="tls-port", port=0, tls_port=6380))
    assert "6380 is taken by nginx" in text


def test_ports_that_change_hands_between_own_instances_are_no_problem():
    a, b = several({"name": "a", "port": 7001}, {"name": "b", "port": 7000})
    view = host_of(
        seen_of(a, Place(listeners={"port": Listener(8, "redis-server")}), unit=unit_of(a, pid=7)),
        seen_of(b, Place(listeners={"port": Listener(7, "redis-server")}), unit=unit_of(b, pid=8)),
    )
    assert told(view) == []


# --- addresses and ways in ----------------------------------------------------------------------------------------------


def test_an_address_that_the_host_does_not_have():
    """Field case D14."""
    [found] = several({"name": "default", "settings": {"bind": "10.0.0.5 127.0.0.1"}})
    [text] = told(host_of(seen_of(found, Place(absent_addresses=["10.0.0.5"]))))
    assert text.startswith("instance default: bind: this host has no address 10.0.0.5; ")
    assert "-10.0.0.5" in text


@pytest.mark.parametrize(
    ("settings", "reachable"),
    [
        ({"port": 0}, False),
        ({"port": 0, "tls_port": 0}, False),
        ({"port": 0, "unixsocket": "/run/redis/r.sock"}, True),
        ({"port": 0, "tls_port": 6380}, True),
        ({}, True),
    ],
)
def test_one_way_in_is_left(settings, reachable):
    result = told(one(**settings))
    assert bool(result) is not reachable
    if not reachable:
        assert "nobody could connect" in result[0]


# --- what two instances really have -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "entry", "problem"),
    [
        pytest.param("port 7000\n", {"port": 7000}, "port: 7000 is already the port of instance default", id="port"),
        pytest.param(
            "tls-port 7000\nport 0\n",
            {"port": 7000},
            "port: 7000 is already the tls-port of instance default",
            id="TLS",
        ),
        pytest.param(
            "dir /srv/x\n", {"port": 1, "settings": {"dir": "/srv/x"}}, "dir: /srv/x is already the dir of", id="dir"
        ),
        pytest.param("port 7000\n", {"port": 6379}, None, id="its own port and not our default"),
    ],
)
def test_a_server_that_is_kept_has_what_its_file_says(file, entry, problem):
    kept, other = several({"name": "default", "adopt": "keep"}, {"name": "b", **entry})
    view = host_of(seen_of(kept, file=file, contact=Contact.KEPT), seen_of(other))
    found = [str(text) for text in shared.problems(view)]
    assert bool(found) == bool(problem)
    if problem:
        assert found[0].startswith(f"instance b: {problem}")


@pytest.mark.parametrize(("other", "meets"), [((1, 2), True), ((1, 3), False)])
def test_directories_are_compared_by_what_they_are(other, meets):
    """A link or a mount gives one directory two paths."""
    a, b = several({"name": "a"}, {"name": "b", "port": 7000})
    view = host_of(seen_of(a, Place(directory=(1, 2))), seen_of(b, Place(directory=other)))
    found = [str(text) for text in shared.problems(view)]
    assert bool(found) is meets
    if meets:
        assert found[0].startswith("instance b: dir: /var/lib/redis/b is already the dir of instance a;")


THEIRS = {"dbfilename": "theirs.rdb"}


@pytest.mark.parametrize(
    ("theirs", "ours", "met"),
    [
        pytest.param(None, {}, "what its files are called there could not be determined", id="unknown"),
        pytest.param({}, {}, "both write dump.rdb there", id="one dump"),
        pytest.param(THEIRS, {}, "", id="two dumps"),
        pytest.param({**THEIRS, "appendonly": True}, {}, "", id="one has an AOF"),
        pytest.param(THEIRS, {"appendonly": True}, "", id="the other has one"),
        pytest.param(
            {**THEIRS, "appendonly": True}, {"appendonly": True}, "both write appendonly.aof there", id="one AOF"
        ),
        pytest.param(
            {**THEIRS, "appendonly": True, "appendfilename": "b.aof"}, {"appendonly": True}, "", id="two AOFs"
        ),
        pytest.param(
            {**THEIRS, "appendonly": True, "appenddirname": "b"}, {"appendonly": True}, "", id="AOFs of two directories"
        ),
    ],
)
@pytest.mark.parametrize("place", [(1, 2), "/var/lib/redis", (1, 9)])
def test_the_data_directory_of_a_server_that_nobody_declared(theirs, ours, met, place):
    [one] = several({"name": "default", "settings": {"dir": "/link", **ours}})
    store = Store.of({"dir": "/var/lib/redis", **theirs}, REDIS_7) if theirs is not None else None
    stranger = replace(OLD, store=store, aof=bool(theirs and theirs.get("appendonly")), place=place)
    here = Place(directory="/link" if place == (1, 9) else place)
    view = host_of(seen_of(one, here), strangers=[stranger])
    found = [str(text) for text in shared.problems(view)]
    warned = [(finding.id, finding.status) for finding in shared.findings(view)]
    if place == (1, 9):
        assert (found, warned) == ([], [])
    elif met:
        assert warned == []
        [text] = found
        assert text == (
            "instance default: dir: /link is the data directory of redis-server.service (pid 7), which nobody declares; "
            f"{met}; expected a directory of its own for each server; declare another dir, or look at that server: declare "
            "it (make adopt writes the lines), or run: systemctl disable --now redis-server (send it SAVE first; its data "
            "stays in /var/lib/redis)"
        )
    else:
        assert (found, warned) == ([], [("preflight.directory", Status.WARN)])


def test_a_place_that_nobody_knows_is_no_one_s():
    [one] = several({"name": "default"})
    view = host_of(seen_of(one, Place()), strangers=[OLD, HAND_MADE, ASLEEP])
    assert [*shared.problems(view), *shared.findings(view)] == []


# --- servers that nobody declares ---------------------------------------------------------------------------------------

OLD = Stranger(
    "redis",
    "default",
    Unit("redis-server", loaded=True, enabled=True, pid=7),
    Process(7, "redis-server", "redis", "/usr/bin/redis-server", "/var/lib/redis", (("127.0.0.1", 6379),), (), 1),
    directory="/var/lib/redis",
)
REMEDY = (
    "declare instance default again, or run: systemctl disable --now redis-server (send it SAVE first; its data stays in "
    "/var/lib/redis)"
)
ASLEEP = Stranger("redis", "old", Unit("redis-server@old", loaded=True, enabled=True), None)
HAND_MADE = Stranger(
    "redis", "", None, Process(9, "", "ops", "/opt/redis-server", "/srv", (("0.0.0.0", 7000),), (), 1), directory="/srv"
)
OWN_UNIT = Stranger("redis", "", Unit("redis-cache", loaded=True, enabled=True, pid=11), None, directory="/srv/cache")


def beside(*strangers: Stranger, listener: Listener | None = None) -> HostView:
    [cache] = several({"name": "cache"})
    seen = seen_of(cache, Place(listeners={"port": listener} if listener else {}))
    return host_of(seen, strangers=strangers)


def test_a_port_that_an_undeclared_instance_has():
    held = Listener(7, "redis-server")
    [text] = told(beside(OLD, listener=held))
    assert text == (
        "instance cache: port: 6379 is taken by redis-server.service: instance default, which the inventory does not "
        f"declare; expected a free port; {REMEDY}"
    )
    for others in ((), (HAND_MADE,), (ASLEEP,)):
        [text] = told(beside(*others, listener=held))
        assert "6379 is taken by redis-server (pid 7)" in text


@pytest.mark.parametrize(
    ("stranger", "subject", "actual", "remedy"),
    [
        (OLD, "redis-server.service", "it runs on port 6379, and nobody declares it", REMEDY),
        (
            ASLEEP,
            "redis-server@old.service",
            "it starts at the next boot, and nobody declares it",
            "declare instance old again, or run: systemctl disable --now redis-server@old",
        ),
        (
            HAND_MADE,
            "process 9",
            "it runs on port 7000, and nobody declares it",
            (
                "make adopt describes it; nothing starts it at boot, so stop it if nobody needs it: kill 9 (send it SAVE "
                "first; its data stays in /srv)"
            ),
        ),
        (
            OWN_UNIT,
            "redis-cache.service",
            "it starts at the next boot, and nobody declares it",
            "declare it (make adopt writes the lines), or run: systemctl disable --now redis-cache (its data stays in /srv/cache)",
        ),
    ],
)
def test_a_server_that_nobody_declares(stranger, subject, actual, remedy):
    [finding] = ports.findings(beside(stranger), REDIS)
    assert (finding.id, finding.subject) == ("preflight.undeclared", subject)
    assert (finding.status, finding.actual, finding.remedy) == (Status.WARN, actual, remedy)


def test_an_instance_of_the_other_product_is_not_declared_again():
    valkey = Stranger("valkey", "default", Unit("valkey-server", loaded=True, enabled=True, pid=5), None)
    assert ports.remedy_of(valkey, REDIS).startswith("declare it (make adopt writes the lines)")
    assert ports.remedy_of(valkey, PRODUCTS["valkey"]).startswith("declare instance default again")
