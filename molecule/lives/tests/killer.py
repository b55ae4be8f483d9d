"""Wait until a shell condition holds on this host, then kill -9 the Ansible module that runs, and all its children.
When the input ends first, there is nothing to kill.

usage: killer.py CONDITION

As when the host loses power in the middle: apt and dpkg die too. The module is the interpreter that ansible's
pipelining feeds through its standard input: /usr/bin/python3 and no arguments.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path


def processes():
    """pid -> (parent, command line)"""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            found[int(path.name)] = parent, (path / "cmdline").read_bytes()
    return found


def module_tree():
    all_of_them = processes()
    tree = {pid for pid, (_, command) in all_of_them.items() if command == b"/usr/bin/python3\0"}
    while True:
        grown = tree | {pid for pid, (parent, _) in all_of_them.items() if parent in tree}
        if grown == tree:
            return tree
        tree = grown


sys.stdin.readline()
ended = threading.Event()
# in one shell, whose built-in test is quick
watch = subprocess.Popen(
    ["sh", "-c", f"until {sys.argv[1]}; do :; done"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
)
threading.Thread(target=lambda: (sys.stdin.read(), ended.set(), watch.kill()), daemon=True).start()
print("ready")
watch.wait()
killed = []
while not killed and not ended.is_set():  # between two modules, the next one
    for pid in module_tree():
        with contextlib.suppress(OSError):  # it has ended
            name = Path(f"/proc/{pid}/comm").read_text().strip()
            os.kill(pid, signal.SIGKILL)
            killed.append(name)
print(json.dumps(sorted(killed)))
