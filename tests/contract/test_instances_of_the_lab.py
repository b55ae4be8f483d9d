"""The laboratory itself: whether a process of it runs."""

from __future__ import annotations

import os
import subprocess

import instances


def test_a_child_that_ended_is_not_alive_and_its_number_is_free_for_others():
    """Numbers of processes come again. A server that a fork of us starts may get the one of an earlier child."""
    child = subprocess.Popen(["sleep", "60"])
    instances._CHILDREN[child.pid] = (os.getpid(), child)
    assert instances.alive(child.pid)
    child.kill()
    instances.until(lambda: not instances.alive(child.pid), "the child to end")
    assert child.pid not in instances._CHILDREN
    assert instances.alive(os.getpid())
