"""Replicas and the ports of their primaries: what stops a run, what it says, and the link afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.redis_ops.base.findings import Status
from ansible.module_utils.redis_ops.checks import replication
from ansible.module_utils.redis_ops.view import link
from judging import judged
from views import RUNNING, Server, host_of, seen_of, several

P, B, R = 7001, 7002, 7003


def host(ports: dict[str, int], follows: tuple[str, int] | None = ("127.0.0.1", P), replicas: int = 0) -> Any:
    """Three instances that run at P, B and R; r is the replica. ports: those that are declared."""
    declared = {"p": P, "b": B, "r": R, **ports}
    entries = several(*({"name": name, "port": port} for name, port in declared.items()))
    seen = []
    for one, port in zip(entries, (P, B, R)):
        info = {**RUNNING, "tcp_port": port, "connected_slaves": replicas if port == P else 0}
        observed = {"replica_of": follows} if port == R else {}
        server = Server(info)
        seen.append(seen_of(one, live={"port": str(port)}, info=info, connection=server, observed=observed))
    return host_of(*seen)


@pytest.mark.parametrize("ports", [{"p": B, "b": P}, {"p": 7009}, {"p": R, "r": P}])
@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1"])
def test_a_port_that_a_replica_follows_does_not_move(ports, address):
    [problem] = replication.problems(host(ports, (address, P)))
    assert str(problem).startswith(f"instance p: port: instance r follows it at port {P}")


@pytest.mark.parametrize(
    ("ports", "follows"),
    [({}, ("127.0.0.1", P)), ({"b": 7009}, ("127.0.0.1", P)), ({"p": 7009}, None), ({"p": 7009}, ("10.0.0.1", P))],
)
def test_what_no_replica_minds(ports, follows):
    assert list(replication.problems(host(ports, follows))) == []


def test_replicas_elsewhere_are_counted():
    [finding] = replication.findings(host({"p": 7009}, None, replicas=2))
    assert (finding.status, finding.subject) == (Status.WARN, "instance p")
    assert finding.actual.startswith(f"2 replicas follow it at port {P}")
    assert list(replication.findings(host({}, None, replicas=2))) == []
    assert list(replication.findings(host({"p": 7009}, None))) == []


REPLICA = {**RUNNING, "role": "slave", "master_host": "10.0.0.1", "master_port": 6379}


@pytest.mark.parametrize(
    ("states", "status"),
    [(["up"], Status.PASS), (["down", "down", "up"], Status.PASS), (["down"], Status.WARN), ([None], Status.WARN)],
)
def test_the_link_of_a_replica(monkeypatch, states, status):
    monkeypatch.setattr(link, "PAUSE", 0)
    first, *later = [{**REPLICA, **({"master_link_status": state} if state else {})} for state in states]
    [one] = several({"name": "r"})
    view = seen_of(one, live={}, info=first, connection=Server(*(later or [first]))).view
    [finding] = judged(replication.link, view)
    assert finding.status is status
    assert finding.actual == f"the link to 10.0.0.1 port 6379 is {'up' if status is Status.PASS else 'down'}"


def test_a_primary_has_no_link():
    [one] = several({"name": "p"})
    view = seen_of(one, live={}, info={**RUNNING, "role": "master"}, connection=Server()).view
    assert judged(replication.link, view) == []
