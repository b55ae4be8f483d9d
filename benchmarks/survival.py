#!/usr/bin/env python3
"""What a small host survives: Debian's Redis as apt leaves it, and the same provisioned by this project.

Every row is done to both, each time on a host of its own that has just booted (see rivals.py). What was lost is counted:
each acknowledged write is looked for afterwards, by a client that knows nothing of the project.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import resource
import selectors
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rivals
from rivals import KILOBYTE, MEBIBYTE, PROVISIONED, STOCK, Host, Writer, readable

COST = 1400  # bytes of memory that a key with a value of a kilobyte takes, allocator included
CONNECTIONS = 10_000
ANSWERED = b"+PONG\r\n"
SAVE_EVERY = 60  # seconds: the shortest of the stock save points, once 10,000 keys have changed
RATE = 1000  # writes a second of a client that does not hurry
LRU = f"echo maxmemory-policy allkeys-lru >>{rivals.CONFIG}"
AOF = f"sed -i 's/^appendonly no/appendonly yes/' {rivals.CONFIG}"
JOBS, JOBS_MEMORY = 10_000, "12mb"
ADD_JOBS = """
import asyncio, json, sys, warnings
warnings.simplefilter("ignore")
from bullmq import Queue

async def main(count):
    queue, added, refused = Queue("jobs", {"connection": "redis://127.0.0.1:6379"}), 0, 0
    for start in range(0, count, 50):
        tries = [queue.add("job", {"number": n, "noise": "x" * 1000}) for n in range(start, start + 50)]
        answers = await asyncio.gather(*tries, return_exceptions=True)
        refused += sum(isinstance(answer, Exception) for answer in answers)
        added += sum(not isinstance(answer, Exception) for answer in answers)
    await queue.close()
    print(json.dumps({"added": added, "refused": refused}))

asyncio.run(main(int(sys.argv[1])))
"""
WORK_JOBS = """
import asyncio, json, time, warnings
warnings.simplefilter("ignore")
from bullmq import Worker

async def main():
    seen, bare, last = set(), 0, time.monotonic()

    async def process(job, token):
        nonlocal bare, last
        last = time.monotonic()
        if isinstance(job.data, dict) and "number" in job.data:
            seen.add(job.data["number"])
        else:
            bare += 1

    worker = Worker("jobs", process, {"connection": "redis://127.0.0.1:6379", "concurrency": 50})
    worker.on("error", lambda *_: None)
    while time.monotonic() < last + 10:
        await asyncio.sleep(0.5)
    await worker.close(True)
    print(json.dumps({"processed": len(seen), "without_data": bare}))

asyncio.run(main())
"""

Numbers = dict[str, float]


def more_than_memory(host: Host) -> Numbers:
    writer = Writer(host).write(range(int(1.5 * host.memory / KILOBYTE)))
    return {**writer.numbers(), "evicted": int(host.client().info("evicted_keys"))}


def many_connections(host: Host) -> Numbers:
    """All of them at once, each with one PING; none is closed before all have an answer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < CONNECTIONS + 100:
        sys.exit(f"{CONNECTIONS} connections need as many open files; this process may have {hard} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    drops, seen, begun = host.listen_drops(), Counter[str](), time.monotonic()
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
        with host.inside():
            for _ in range(CONNECTIONS):
                connection = stack.enter_context(socket.socket())
                connection.setblocking(False)
                connection.connect_ex(("127.0.0.1", 6379))
                selector.register(connection, selectors.EVENT_WRITE)
        while selector.get_map() and time.monotonic() < begun + 60:
            for key, event in selector.select(1):
                try:
                    if event & selectors.EVENT_WRITE:
                        key.fileobj.send(b"PING\r\n")
                        selector.modify(key.fileobj, selectors.EVENT_READ)
                        continue
                    answer = key.fileobj.recv(100)
                except OSError:
                    answer = b""
                kind = "answered" if answer == ANSWERED else "refused" if answer[:1] == b"-" else "reset"
                seen[kind] += 1
                selector.unregister(key.fileobj)
        took = time.monotonic() - begun
        seen["no answer"] = len(selector.get_map())
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return {**seen, "seconds": round(took, 1), "listen_drops": host.listen_drops() - drops}


def fork_under_pressure(host: Host) -> Numbers:
    """Data for seven tenths of the memory, a snapshot, and all of it written anew meanwhile."""
    writer = Writer(host).write(range(int(0.7 * host.memory / COST)))
    idle(host)
    held = readable(host, sorted(writer.acknowledged))
    client = host.client()
    used, evicted = int(client.info("used_memory")), int(client.info("evicted_keys"))
    client("BGSAVE")
    order = list(writer.acknowledged)
    random.shuffle(order)
    again = Writer(host).write(itertools.cycle(order), until=Ended(client))
    idle(host)
    client = host.client()
    survived = not host.restarts()
    return {
        **writer.numbers(),
        "held_before": held,
        "used_mb_before": used // MEBIBYTE,
        "evicted_meanwhile": int(client.info("evicted_keys")) - evicted if survived else 0,
        "written_meanwhile": len(again.acknowledged),
        "refused_meanwhile": sum(again.refused.values()),
        "misconf_meanwhile": again.refused["MISCONF"],
        "saved": int(survived and client.info("rdb_last_bgsave_status") == "ok"),
        "longest_gap_ms": round(again.longest * 1000, 1),
    }


class Ended:
    """Whether the snapshot has, however that went."""

    def __init__(self, client: rivals.Client) -> None:
        self._client, self._due = client, 0.0

    def __call__(self) -> bool:
        now = time.monotonic()
        if now < self._due:
            return False
        self._due = now + 0.05  # a restart takes longer: nothing is written after one
        try:
            return self._client.info("rdb_bgsave_in_progress") == "0"
        except OSError:
            return True


def idle(host: Host, patience: float = 60.0) -> None:
    """Wait until no snapshot and no rewrite runs or is due."""
    names = ("rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled")
    end, client = time.monotonic() + patience, host.client()
    while any(client.info(name) != "0" for name in names):
        if time.monotonic() > end:
            raise TimeoutError(f"a snapshot or rewrite of the {host.kind} host did not end")
        time.sleep(0.1)
    client.close()


def through_a_rewrite(host: Host) -> Numbers:
    """One write after another through three rewrites of 100 MB; then kill -9, and all of it is looked for."""
    filled = Writer(host).write(range(70_000))
    idle(host)
    quiet, stop = Writer(host, 100, 1), threading.Event()
    with meanwhile(stop, lambda: quiet.write(itertools.count(1_000_000), stop.is_set)):
        time.sleep(3)
    writer, stop = Writer(host, 100, 1), threading.Event()
    with meanwhile(stop, lambda: writer.write(itertools.count(2_000_000), stop.is_set)):
        client = host.client()
        for _ in range(3):
            client("BGREWRITEAOF")
            time.sleep(0.2)
            idle(host)
    kill(host)
    parts = [some.numbers() for some in (filled, quiet, writer)]
    counts = {name: sum(part[name] for part in parts) for name in ("acknowledged", "readable", "lost")}
    return {**parts[-1], **counts, "quiet_gap_ms": round(quiet.longest * 1000, 1)}


def power_cut(host: Host) -> Numbers:
    """Killed half way between two of the stock snapshots, under a steady load of small writes."""
    writer, stop = Writer(host, 100, 10), threading.Event()
    with meanwhile(stop, lambda: writer.write(itertools.count(), stop.is_set, RATE)):
        time.sleep(1.5 * SAVE_EVERY)
        kill(host)
        time.sleep(3)
        stop.set()
    return writer.numbers()


def aof_on(host: Host, provision: Callable[[str], None]) -> Numbers:
    """A server with data and without AOF gets AOF: by hand as the guide has it, or by the project; then a restart."""
    writer = Writer(host, 100).write(range(100_000))
    if host.kind == STOCK:
        host.shell(AOF)
    else:
        provision("session")
    host.shell("systemctl restart redis-server")
    found = writer.numbers()
    return {**found, "aof": int(host.client()("CONFIG", "GET", "appendonly")[1] == "yes")}


def jobs(host: Host) -> Numbers:
    """Added until there is no room for more; then there is room again, and a worker takes them."""
    host.client()("CONFIG", "SET", "maxmemory", JOBS_MEMORY)
    added: Numbers = json.loads(host.run(sys.executable, "-c", ADD_JOBS, str(JOBS)))
    client = host.client()
    there = client.many([("EXISTS", f"bull:jobs:{number}") for number in range(1, JOBS + 1)])
    client("CONFIG", "SET", "maxmemory", 10 * MEBIBYTE + int(client.info("used_memory")) * 2)
    worked: Numbers = json.loads(host.run(sys.executable, "-c", WORK_JOBS))
    return {**added, "there": sum(there), **worked, "lost": added["added"] - worked["processed"]}


@contextlib.contextmanager
def meanwhile(stop: threading.Event, work: Callable[[], Any]) -> Iterator[None]:
    """In a thread while the block lasts; its error is raised."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - raised below, in the thread that waits
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    for error in errors:
        raise error


def kill(host: Host) -> None:
    """The server and its children, as a power cut would. The unit starts it again."""
    host.shell("systemctl kill --signal=KILL redis-server")
    host.client().close()


@dataclass(frozen=True)
class Seen:
    """What all rounds of a row showed on one kind of host."""

    rounds: Sequence[Mapping[str, float]]

    def __getitem__(self, name: str) -> str:
        """As a person reads it: one number, or the range of them."""
        values = sorted({found.get(name, 0) for found in self.rounds})
        texts = [f"{number:,.0f}" if number >= 100 or number == int(number) else f"{number:.1f}" for number in values]
        return texts[0] if texts[0] == texts[-1] else f"{texts[0]} to {texts[-1]}"

    def never(self, name: str) -> bool:
        return not any(found.get(name) for found in self.rounds)


@dataclass(frozen=True)
class Row:
    """run: does it to a host. say: what happened there, in words. stock, equal: what is changed there before the start, and its name."""

    what: str
    profile: str
    run: Callable[..., Numbers]
    say: Callable[[Seen], str]
    stock: str = ""
    equal: str = ""
    by_project: bool = False  # the row itself runs provision.yml
    numbers: dict[str, list[Numbers]] = field(default_factory=lambda: {STOCK: [], PROVISIONED: []})


def _fate(seen: Seen) -> str:
    killed = {"1": "once", "2": "twice"}.get(seen["oom_kills"], f"{seen['oom_kills']} times")
    if seen.never("restarts"):
        return "never down" if seen.never("oom_kills") else f"its saving child killed by the kernel {killed}"
    return f"killed by the kernel {killed}, started again by systemd"


def _memory(seen: Seen) -> str:
    kept = f"{seen['readable']} of" if not seen.never("lost") else "all"
    kept += f" {seen['acknowledged']} acknowledged writes left"
    if not seen.never("evicted"):
        kept += ", the others evicted"
    if not seen.never("refused_oom"):
        kept += f"; {seen['refused_oom']} refused with OOM"
    return f"{_fate(seen)}; {kept}; longest gap {seen['longest_gap_ms']} ms"


def _connections(seen: Seen) -> str:
    told = f"{seen['answered']} answered in {seen['seconds']} s"
    bad = [f"{seen[name]} {name}" for name in ("refused", "reset", "no answer") if not seen.never(name)]
    return f"{_fate(seen)}; {', '.join([told, *bad])}; {seen['listen_drops']} connection attempts dropped and repeated"


def _fork(seen: Seen) -> str:
    saved = "snapshot written" if all(found["saved"] for found in seen.rounds) else "snapshot failed"
    kept = f"{seen['held_before']} keys before ({seen['used_mb_before']} MB), {seen['readable']} after"
    if not seen.never("evicted_meanwhile"):
        kept += ", as maxmemory evicts"
    if not seen.never("misconf_meanwhile"):
        kept += f"; {seen['misconf_meanwhile']} writes refused with MISCONF"
    return f"{_fate(seen)}; {saved}; {kept}; longest gap {seen['longest_gap_ms']} ms"


def _rewrite(seen: Seen) -> str:
    gaps = f"longest gap {seen['longest_gap_ms']} ms, without a rewrite {seen['quiet_gap_ms']} ms"
    return f"{seen['lost']} of {seen['acknowledged']} acknowledged writes lost; {gaps}"


def _cut(seen: Seen) -> str:
    lost = f"{seen['lost']} of {seen['acknowledged']} acknowledged writes lost"
    return f"{lost}; {seen['longest_gap_ms']} ms without an answer"


def _jobs(seen: Seen) -> str:
    told = f"{seen['lost']} of {seen['added']} added jobs lost or without data"
    return told if seen.never("refused") else f"{told}; {seen['refused']} refused with an error"


def _aof(seen: Seen) -> str:
    return f"{seen['lost']} of {seen['acknowledged']} keys lost"


ROWS = {
    "cache": Row("1.5 times its memory written to a cache", "cache", more_than_memory, _memory),
    "queue": Row("the same to a queue", "queue", more_than_memory, _memory),
    "connections": Row("10,000 connections at once", "guide", many_connections, _connections),
    "fork": Row(
        "data for 70 % of its memory, a snapshot, all of it written anew meanwhile", "guide", fork_under_pressure, _fork
    ),
    "rewrite": Row(
        "a writer through three AOF rewrites, then kill -9", "guide", through_a_rewrite, _rewrite, AOF, "appendonly yes"
    ),
    "power": Row("kill -9 under load, 90 s after the start", "guide", power_cut, _cut),
    "aof": Row("AOF switched on: in the file and a restart; by the project", "cache", aof_on, _aof, by_project=True),
    "jobs": Row("10,000 BullMQ jobs where 12 MB are left", "queue", jobs, _jobs, LRU, "the guide's allkeys-lru"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; all by default")
    parser.add_argument("--rounds", type=int, default=2, help="how often each row is done (default: %(default)s)")
    parser.add_argument("--memory", type=int, default=512, help="megabytes that a host has (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="a file for all the numbers")
    options = parser.parse_args()
    unknown = [name for name in options.rows if name not in ROWS]
    if unknown:
        parser.error(f"no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    chosen, begun = {name: ROWS[name] for name in options.rows or ROWS}, time.monotonic()
    with rivals.hosts(options.memory * MEBIBYTE) as hosts:
        rivals.leave_the_first_core()
        for number in range(options.rounds):
            for (name, row), kind in itertools.product(chosen.items(), (STOCK, PROVISIONED)):
                found = once(hosts, row, kind)
                row.numbers[kind].append(found)
                told = (
                    f"{time.monotonic() - begun:5.0f} s  round {number + 1}  {name}, {kind}: {row.say(Seen([found]))}"
                )
                print(told, file=sys.stderr, flush=True)
                if options.json:
                    options.json.write_text(json.dumps({key: some.numbers for key, some in chosen.items()}, indent=1))
    print(
        f"A host: {options.memory} MB, one core; maxmemory {hosts.maxmemory}, as the project says when it refuses 2gb."
    )
    print(f"{options.rounds} rounds, {(time.monotonic() - begun) / 60:.0f} minutes, load {os.getloadavg()[0]:.1f}\n")
    print("| | Debian's Redis as apt leaves it | provisioned, profile |\n|---|---|---|")
    for row in chosen.values():
        stock, ours = (row.say(Seen(row.numbers[kind])) for kind in (STOCK, PROVISIONED))
        print(f"| {row.what} | {f'with {row.equal}: ' if row.equal else ''}{stock} | `{row.profile}`: {ours} |")


def once(hosts: rivals.Rivals, row: Row, kind: str) -> Numbers:
    """Do it on a host of its own."""
    with hosts.stock(row.stock) if kind == STOCK else hosts.provisioned(row.profile) as host:
        found = row.run(host, *[hosts.provision] * row.by_project)
        return {**found, "restarts": host.restarts(), "oom_kills": host.oom_kills()}


if __name__ == "__main__":
    main()
