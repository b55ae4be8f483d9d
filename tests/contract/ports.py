"""Ports for servers that go down and come back: nobody else gets them in between."""

from __future__ import annotations

import contextlib
import os
import random
import socket

LOWEST, HIGHEST = 10_000, 20_000  # below the ports of outgoing connections (ip_local_port_range), the bus's too
BUS = 10_000  # so much higher is the port of a cluster's bus


def quiet_port(together: int = 1) -> int:
    """The first of so many free ports in a row, free on the cluster's bus too.

    The workers of one test run draw from ranges of their own. `random` itself will not do: Hypothesis makes it say the same
    in every process.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = (HIGHEST - LOWEST) // workers
    chance = random.SystemRandom()
    while True:
        first = LOWEST + worker * share + chance.randrange(share - together)
        ports = range(first, first + together)
        if all(free(port) and free(port + BUS) for port in ports):
            return first


def free(port: int) -> bool:
    """Nobody listens on it at 127.0.0.1."""
    with contextlib.suppress(OSError), socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as a server does
        listener.bind(("127.0.0.1", port))
        return True
    return False
