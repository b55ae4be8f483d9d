"""The ACL user of a load test: what it is called, how long it is needed, and what it may do. Pure.

It lives in the memory of the server only. A run that is killed leaves it behind, so its name says when the run that it
was made for is over at the latest; the next load test and the drift check read that.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from datetime import datetime, timezone
from typing import Optional

PREFIX = "redis_ops_load_"
_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9._-]{1,64}_until_(\d{8}T\d{6}Z)")

USERS, JOBS = "users", "jobs"  # the kinds of load: k6 with its runner, and BullMQ
# Of the users of redis_load/users/load.js, and of users/run.py, which fills the cache, measures and removes the keys. It has no
# SLOWLOG GET, which would show arguments of everybody's commands.
_OF_USERS = ("expire", "get", "info", "latency|histogram", "ping", "set", "unlink")
# Of redis_load/jobs: its own commands, those of BullMQ and those of BullMQ's scripts for jobs that are added, done, tried
# again, delayed and removed (bullmq 3.4.4 for Python; tests/unit/test_load_user.py holds this against the package).
_OF_JOBS = (
    *("bzpopmin", "client|setname", "del", "evalsha", "exists", "get", "hdel", "hexists", "hget", "hgetall", "hincrby"),
    *(
        "hmget",
        "hmset",
        "hset",
        "incr",
        "info",
        "lindex",
        "llen",
        "lpos",
        "lpush",
        "lrange",
        "lrem",
        "ltrim",
        "persist",
    ),
    *("pexpire", "ping", "pttl", "rpop", "rpoplpush", "sadd", "scard", "script|load", "set", "smembers", "srem"),
    *("unlink", "xadd", "xtrim", "zadd", "zcard", "zpopmin", "zrange", "zrangebyscore", "zrem", "zremrangebyrank"),
    *("zremrangebyscore", "zrevrange", "zrevrangebyscore", "zscore"),
)
_COMMANDS = {USERS: _OF_USERS, JOBS: _OF_JOBS}


def name_of(run_id: str, until: float) -> str:
    """The user of a run. until: seconds since 1970 after which the run is over, whatever happened to it."""
    return f"{PREFIX}{run_id}_until_{datetime.fromtimestamp(until, timezone.utc).strftime(_STAMP)}"


def until(name: str) -> Optional[float]:
    """When the run of this user is over at the latest, in seconds since 1970; None for a user of somebody else."""
    match = _NAME.fullmatch(name)
    try:
        return datetime.strptime(f"{match[1]}+0000", f"{_STAMP}%z").timestamp() if match else None
    except ValueError:  # no date
        return None


def run_of(name: str) -> str:
    """The run of a user, '' for a user of somebody else."""
    return name[len(PREFIX) :].rpartition("_until_")[0] if until(name) is not None else ""


def keys_of(run_id: str) -> list[str]:
    """How the names of the keys of a run begin, unless somebody chose another prefix: of users, and of jobs."""
    return [f"loadtest:{run_id}-", f"loadtest:redis-ops-load-{run_id}:"]


def rules(kinds: Collection[str], patterns: Sequence[str], sha256: str, database: int = 0) -> list[str]:
    """What ACL SETUSER is told, from nothing to this. kinds: of the load. patterns: of its keys, as text that is no glob.

    sha256: of the password, which the server need not see. The same for every version from Redis 6.2 on.
    """
    commands = sorted({command for kind in kinds for command in _COMMANDS[kind]})
    chooses = ["+select"] if database else []
    keys = [f"~{escaped(pattern)}*" for pattern in patterns]
    return [
        "reset",
        "resetchannels",
        "on",
        f"#{sha256}",
        *keys,
        "-@all",
        *(f"+{command}" for command in commands),
        *chooses,
    ]


def digest(password: str) -> str:
    """As ACL SETUSER takes it after #."""
    return hashlib.sha256(password.encode()).hexdigest()


def escaped(text: str) -> str:
    """As a glob that means this text."""
    return re.sub(r"([*?\[\]^\\])", r"\\\1", text)
