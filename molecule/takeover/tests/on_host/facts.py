"""Runs on a host: everything that a run of the project could have changed there, as JSON.

usage: facts.py JSON: for each server three lines of shell, which ask it for its configuration, users and keys.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import re
import stat
import subprocess
import sys

# Whole trees; of the data directories only the directories themselves, as servers write there all the time
WHOLE = ["/etc", "/usr/local", "/var/lib/ansible-redis", "/usr/sbin/policy-rc.d", "/var/lib/dpkg/status"]
OUTER = ["/srv", "/var/lib/redis", "/var/lib/valkey", "/var/log/redis", "/var/log/valkey", "/run/redis", "/run/valkey"]
# written by the boot and by the container's engine; and the lock that a run leaves, which holds nothing
PASSING = re.compile(
    r"/etc/(mtab|resolv\.conf|hosts|hostname|machine-id|ld\.so\.cache|\.updated|\.pwd\.lock)$"
    r"|/var/lib/ansible-redis(/lock)?$"
)


def described(path):
    found = os.lstat(path)
    what = [stat.filemode(found.st_mode), found.st_uid, found.st_gid]
    if stat.S_ISLNK(found.st_mode):
        return [*what, str(pathlib.Path(path).readlink())]
    if stat.S_ISREG(found.st_mode):
        return [*what, found.st_mtime_ns, hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()]
    return what


def tree(root):
    return [root, *map(str, pathlib.Path(root).rglob("*"))]


def directories(root):
    return [path for path in map(pathlib.Path, tree(root)) if path.is_dir() and not path.is_symlink()]


def files():
    paths = [path for root in WHOLE for path in tree(root)] + [
        str(path) for root in OUTER for path in directories(root)
    ]
    found = {}
    for path in paths:
        if not PASSING.search(path):
            with contextlib.suppress(OSError):
                found[path] = described(path)
    return found


def shell(line):
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False).stdout.removesuffix("\n")


def pairs(text):
    lines = text.split("\n")
    return dict(zip(lines[::2], lines[1::2]))


CHILDREN = ("redis-rdb-bgsave", "valkey-rdb-bgsave", "redis-aof-rewrite", "valkey-aof-rewrite")


def processes():
    """pid -> command, user and unit of every server."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if re.fullmatch(r"(redis|valkey)-server.*", (path / "comm").read_text().strip()):
                unit = re.findall(r"/([^/\n]+\.service)$", (path / "cgroup").read_text(), re.MULTILINE)
                title = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                if title.startswith(CHILDREN):
                    continue  # a save that began by itself
                found[path.name] = [title, path.stat().st_uid, unit]
    return found


def listeners():
    """Addresses and sockets of every server, without its process id."""
    server = re.compile(r'"(redis|valkey)-server')
    ports = [line.split()[3] for line in shell("ss -Hltnp").splitlines() if server.search(line)]
    sockets = [line.split()[4] for line in shell("ss -Hlxnp").splitlines() if server.search(line)]
    return sorted([*ports, *(path for path in sockets if path.startswith("/"))])


SERVERS = json.loads(sys.argv[1])
print(
    json.dumps(
        {
            "files": files(),
            "processes": processes(),
            "listeners": listeners(),
            "units": sorted(shell("systemctl list-unit-files --no-legend '*redis*' '*valkey*'").splitlines()),
            "config": [pairs(shell(config)) for config, _, _ in SERVERS],
            # a server lists the rules of a user in another order after each start, and this default not before it
            "users": [
                [sorted(set(user.split()) - {"sanitize-payload"}) for user in shell(users).split("\n")]
                for _, users, _ in SERVERS
            ],
            "keys": [sorted(re.findall(r"^(db\d+:keys=\d+)", shell(keys), re.MULTILINE)) for _, _, keys in SERVERS],
        }
    )
)
