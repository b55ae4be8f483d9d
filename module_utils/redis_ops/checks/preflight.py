"""Does what is asked fit this host? Every answer before anything is touched.

Pure: facts come in as HostFacts, verdicts go out as Problems (the run stops) and Findings (the run tells).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from ..base.errors import Problem
from ..base.findings import Finding, Status
from ..base.units import format_memory
from ..model.resolve import Resolved
from ..plan.comparison import RESERVED_FILES
from ..platform.host import Listener
from ..view.facts import HostFacts, InstanceFacts, Undeclared

MEBIBYTE = 1024**2
# Memory beside the data, from the fork rule of the Redis documentation (administration: "up to 2 times the memory
# normally used" while saving): allocator overhead, then the pages that change while a child writes the snapshot.
FRAGMENTATION = 1.1
WORST_COPY_ON_WRITE = 1.0  # every page changes while the child writes
LEAST_COPY_ON_WRITE = 0.25  # below this an ordinary rewrite under load ends with the kernel killing Redis
LARGEST_RESERVE = 512 * MEBIBYTE  # for the system itself; an eighth of a small machine
# ProtectHome and PrivateTmp of the package's unit
HIDDEN_BY_SANDBOX = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - refused, not used


def problems(instances: Sequence[Resolved], host: HostFacts) -> list[Problem]:
    """What must be mended first."""
    found = [problem for instance in instances for problem in _instance_problems(instance, host)]
    memory = _memory_problem(instances, host)
    return [*found, *([memory] if memory else [])]


def findings(instances: Sequence[Resolved], host: HostFacts) -> list[Finding]:
    """What works and is worth knowing."""
    found = [
        finding
        for instance in instances
        for finding in _instance_findings(instance, host.instances.get(instance.layout.instance, InstanceFacts()))
    ]
    found += [_undeclared_finding(undeclared) for undeclared in host.undeclared]
    wanted = sum(instance.desired.get("maxmemory") for instance in instances)
    if wanted and host.memory:
        left = _copy_on_write_left(wanted, host.memory)
        need = WORST_COPY_ON_WRITE if _forks(instances) else 0.0
        found.append(
            Finding(
                "preflight.memory",
                "memory",
                Status.PASS if left >= need else Status.WARN,
                f"at most {_mb(_most(host.memory, need))} of maxmemory in all, for the worst case while saving",
                f"{_mb(wanted)} of {_mb(host.memory)} RAM",
                "guide 1.1; Redis documentation, administration: memory while forking",
                "" if left >= need else "lower maxmemory, or watch aof_last_cow_size and used_memory under load",
            )
        )
    return found


def _instance_problems(instance: Resolved, host: HostFacts) -> list[Problem]:
    desired, where = instance.desired, instance.where
    facts = host.instances.get(instance.layout.instance, InstanceFacts())
    found = []
    maxclients = desired.get("maxclients")
    if host.open_files and maxclients + RESERVED_FILES > host.open_files:
        found.append(
            Problem(
                f"{where}: maxclients",
                f"{maxclients} needs {maxclients + RESERVED_FILES} open files, this host grants {host.open_files}",
                f"at most {host.open_files - RESERVED_FILES}",
                "lower maxclients, or raise the limit of process 1 (in a container: its nofile ulimit)",
            )
        )
    found += _eviction_problems(instance, facts)
    if facts.foreign_owner:
        found.append(
            Problem(
                f"{where}: dir",
                f"{desired.get('dir')} belongs to {facts.foreign_owner}",
                f"a directory that {instance.layout.product.user} can write",
                f"chown {instance.layout.product.user}: {desired.get('dir')}",
            )
        )
    backlog = desired.get("tcp-backlog")
    if host.somaxconn and backlog > host.somaxconn:
        found.append(
            Problem(
                f"{where}: tcp-backlog",
                f"{backlog} is cut to net.core.somaxconn = {host.somaxconn}",
                f"at most {host.somaxconn}",
                "lower tcp-backlog, or raise net.core.somaxconn in redis_host_sysctl",
            )
        )
    found += [
        _port_problem(f"{where}: {name}", desired.get(name), listener, host.undeclared)
        for name, listener in facts.listeners.items()
        if listener.pid != (facts.pid or -1)
    ]
    need = facts.data_bytes + desired.get("auto-aof-rewrite-min-size")
    if desired.get("appendonly") and not facts.aof_is_on and facts.free < need:
        found.append(
            Problem(
                f"{where}: appendonly",
                f"the AOF needs about {_mb(need)}, {desired.get('dir')} has {_mb(facts.free)} free",
                "space for it",
                "free space, choose another dir, or set appendonly: 'no'",
            )
        )
    found += [
        Problem(
            f"{where}: {name}",
            f"{desired.get(name)} does not exist",
            "a file that the server can read",
            "put it there first",
        )
        for name in facts.missing
    ]
    if host.systemd:
        found += [
            Problem(
                f"{where}: {path}",
                "the service has its own view of it (ProtectHome, PrivateTmp)",
                "a directory outside " + ", ".join(HIDDEN_BY_SANDBOX),
                "choose one under /var/lib or /srv",
            )
            for path in instance.directories
            if any(path == hidden or path.startswith(hidden + "/") for hidden in HIDDEN_BY_SANDBOX)
        ]
        found += [
            Problem(
                f"{where}: {path}",
                "is gone after a reboot, and the service would not start",
                f"a directory that stays, or {instance.layout.run_dir}",
                f"choose one under {instance.layout.run_dir}, /var/lib or /srv",
            )
            for path in instance.directories
            if path.startswith("/run/") and path != instance.layout.run_dir and not path.startswith("/run/user")
        ]
    return found


def _port_problem(place: str, port: int, listener: Listener, undeclared: Sequence[Undeclared]) -> Problem:
    for other in undeclared:
        if other.pid and other.pid == listener.pid:
            told = (
                f"{port} is taken by {other.service}: instance {other.instance}, which the inventory no longer declares"
            )
            return Problem(place, told, "a free port", other.remedy)
    told = f"{port} is taken by {listener.name}" + (f" (pid {listener.pid})" if listener.pid else "")
    return Problem(place, told, "a free port", "stop that process or choose another port")


def _eviction_problems(instance: Resolved, facts: InstanceFacts) -> list[Problem]:
    """Data that nobody allowed to be evicted must not become so by the way."""
    desired, where = instance.desired, instance.where
    policy, limit = desired.get("maxmemory-policy"), desired.get("maxmemory")
    if facts.evicts or policy == "noeviction" or not limit:
        return []
    if facts.queue:
        return [
            Problem(
                f"{where}: maxmemory-policy",
                f"a BullMQ queue lives here, and {policy} loses its jobs without a word",
                "noeviction",
                "use profile queue for it, or give it an instance of its own",
            )
        ]
    if facts.used <= limit:
        return []
    return [
        Problem(
            f"{where}: maxmemory",
            f"the server holds {_mb(facts.used)} that it may not evict, and {_mb(limit)} with {policy} would evict it",
            f"at least {_mb(facts.used)}, or noeviction",
            f"raise it; or, to let it be evicted, say so first: redis-cli CONFIG SET maxmemory-policy {policy} and "
            f"CONFIG SET maxmemory {facts.used}",
        )
    ]


def _memory_problem(instances: Sequence[Resolved], host: HostFacts) -> Optional[Problem]:
    wanted = sum(instance.desired.get("maxmemory") for instance in instances)
    need = LEAST_COPY_ON_WRITE if _forks(instances) else 0.0
    if not wanted or not host.memory or _copy_on_write_left(wanted, host.memory) >= need:
        return None
    names = ", ".join(instance.layout.instance for instance in instances)
    safe = _mb(_most(host.memory, WORST_COPY_ON_WRITE if _forks(instances) else 0.0))
    return Problem(
        f"instance {names}: maxmemory",
        f"{_mb(wanted)} does not fit {_mb(host.memory)} of RAM with room to save",
        f"at most {_mb(_most(host.memory, need))} in all, better {safe}",
        f"set redis_server_settings: {{maxmemory: {safe}}}"
        + (" split over the instances" if len(instances) > 1 else ""),
    )


def _undeclared_finding(undeclared: Undeclared) -> Finding:
    return Finding(
        "preflight.undeclared",
        undeclared.service,
        Status.WARN,
        "only declared instances run",
        "it runs, and nobody declares it" if undeclared.pid else "it starts at the next boot, and nobody declares it",
        "an instance that is not declared is not configured, tuned or watched",
        undeclared.remedy,
    )


def _instance_findings(instance: Resolved, facts: InstanceFacts) -> list[Finding]:
    desired = instance.desired
    found = []

    def warn(name: str, expected: str, actual: str, why: str, remedy: str) -> None:
        found.append(Finding(f"preflight.{name}", instance.where, Status.WARN, expected, actual, why, remedy))

    if not desired.get("maxmemory"):
        warn(
            "maxmemory",
            "a limit",
            "maxmemory 0: no limit",
            "guide 1.1; without a limit the kernel decides what dies",
            "declare maxmemory",
        )
    if not desired.get("appendonly") and not desired.get("save"):
        warn("persistence", "RDB or AOF", "neither", "guide 2", "declare save or appendonly, unless losing all is fine")
    if desired.get("appendonly") and desired.get("no-appendfsync-on-rewrite"):
        warn(
            "fsync",
            "no-appendfsync-on-rewrite no",
            "yes",
            "redis.conf: up to 30 s of writes can be lost in a crash during a rewrite",
            "use it only where latency counts more than data",
        )
    policy = desired.get("maxmemory-policy")
    if policy != "noeviction" and "queue" in (instance.profile, instance.layout.instance):
        warn(
            "eviction",
            "maxmemory-policy noeviction",
            policy,
            "BullMQ documentation, going to production: the only policy under which queues are correct",
            "use profile queue as it is",
        )
    if facts.taken_over:
        warn(
            "kept",
            "a file with settings only",
            f"the file has {', '.join(facts.taken_over)}: kept, and vouched for by nobody",
            "a renamed command may be one that the checks here or redis-py need; a module runs in the server",
            "take the line out, or know what it is for; this is told once",
        )
    return found


def _forks(instances: Sequence[Resolved]) -> bool:
    return any(instance.desired.get("appendonly") or instance.desired.get("save") for instance in instances)


def _reserve(memory: int) -> int:
    return min(LARGEST_RESERVE, memory // 8)


def _copy_on_write_left(wanted: int, memory: int) -> float:
    """The share of the data whose pages may change during a save before memory runs out."""
    return (memory - _reserve(memory)) / wanted - FRAGMENTATION


def _most(memory: int, copy_on_write: float) -> int:
    """The largest maxmemory that leaves room for this share; whole mebibytes."""
    return int((memory - _reserve(memory)) / (FRAGMENTATION + copy_on_write)) // MEBIBYTE * MEBIBYTE


def _mb(size: int) -> str:
    return format_memory(size // MEBIBYTE * MEBIBYTE) if size >= MEBIBYTE else f"{size} bytes"
