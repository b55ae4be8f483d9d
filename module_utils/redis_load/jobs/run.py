"""Put real BullMQ jobs through a queue of its own, and measure how long they take.

Jobs are added at a declared rate, each at its own time of a schedule, whether or not the server keeps up (an open model):
a slow server shows as latency, and cannot slow the load down. Workers in processes of their own complete them. All
latencies begin at the scheduled time. docs/queues.md of the project describes the configuration and the result.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import gc
import importlib.metadata
import json
import selectors
import signal
import sys
import time
import warnings
from collections.abc import Coroutine, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional, TypeVar

from ..client import quiet
from ..errors import Problem
from ..files import publish
from ..place import forget, told_to_stop, working_in
from .config import WARM_UP, Config, keys_of_jobs, load
from .result import Phase, Tally, latencies, result_of
from .worker import BATCH, HURRY, work
from .workers import Workers

try:
    import redis.asyncio as redis
    from bullmq import Queue
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
except ImportError as missing:
    MISSING = str(missing)
else:
    MISSING = ""

MEASURED, FAILED, INTERRUPTED = 0, 1, 130
SCHEMA = "redis-jobs/1"
LIVE = ("wait", "active", "delayed", "prioritized")  # states of jobs that are still to be done
BASELINE_RATE = 20  # jobs a second: a single user, whose jobs do not meet
PROGRESS = 10.0  # seconds between two lines
STEP = 500  # keys in one UNLINK, or EXISTS


Result = TypeVar("Result")


class Run:
    """One measurement: its workers, its queue, and what is known of every job."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.stop = asyncio.Event()
        self.tally = Tally()
        self.phases: dict[str, Phase] = {}
        self.add_errors: collections.Counter[str] = collections.Counter()
        self.payload = "x" * config.payload_bytes
        self.numbers = iter(range(1 << 62))
        self.turn = asyncio.Semaphore(config.connections)
        self.client = redis.Redis(
            decode_responses=True,
            max_connections=config.connections + 1,
            retry=Retry(NoBackoff(), 0),  # an add that is sent again after an error may add a second job
            **config.options(),
            **quiet(),
        )
        options = {"attempts": 1, **config.job_options}
        self.queue = Queue(
            config.queue, {"connection": self.client, "prefix": config.prefix, "defaultJobOptions": options}
        )
        self.workers = Workers(config, self.tally)
        self.cpu: dict[str, Any] = {}

    async def measure(self) -> dict[str, Any]:
        """Raises Problem when it cannot begin."""
        config, started = self.config, time.time()
        try:
            await asyncio.wait_for(self.client.ping(), 10)
        except (redis.RedisError, OSError, asyncio.TimeoutError) as error:
            raise Problem(f"the server does not answer: {error or type(error).__name__}") from None
        left: Optional[int] = None
        waiting: dict[str, int] = {}
        try:
            await self.workers.hire()
            await self.phase("warm_up", 100, WARM_UP)
            await self.phase("baseline", BASELINE_RATE, config.baseline_jobs)
            with self.counting_cpu():
                await self.phase("load", config.rate, round(config.rate * config.seconds))
            waiting = await self.waiting()
        finally:
            await self.workers.dismiss()
            left = await self.clean()
        return {
            "schema": SCHEMA,
            "run": config.run,
            "queue": config.queue,
            "library": f"bullmq {importlib.metadata.version('bullmq')}",
            "started": datetime.fromtimestamp(started, timezone.utc).isoformat(timespec="seconds"),
            "seconds": round(time.time() - started, 1),
            "interrupted": self.stop.is_set(),
            "offered": {"rate": config.rate, "seconds": config.seconds, "workers": config.workers}
            | {"concurrency": config.concurrency, "payload_bytes": config.payload_bytes, "work_ms": config.work_ms},
            **result_of(self.tally, self.phases, self.add_errors, waiting),
            "cpu": self.cpu,
            "keys_left": left,
        }

    def heed(self, file: Path) -> None:
        """Stop when it appears, or nobody looks any more."""
        if told_to_stop(file):
            self.stop.set()
        else:
            asyncio.get_running_loop().call_later(HURRY / 10, self.heed, file)

    async def phase(self, name: str, rate: float, jobs: int) -> None:
        """Add the jobs, each at its time, and wait until they are done."""
        phase = self.phases[name] = Phase(rate, jobs)
        tasks: set[asyncio.Task[None]] = set()
        teller = asyncio.ensure_future(self.progress(name, phase)) if name == "load" else None
        phase.began = time.monotonic_ns() + 10_000_000
        for index in range(jobs):
            due = phase.began + round(index * 1e9 / rate)
            while not self.stop.is_set():
                ahead = (due - time.monotonic_ns()) / 1e9
                await asyncio.sleep(min(max(ahead, 0), 0.5))
                if ahead <= 0.5:
                    break
            if self.stop.is_set():
                break
            task = asyncio.ensure_future(self.add(phase, next(self.numbers), due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        if tasks:
            await asyncio.wait(set(tasks))
        phase.ended = time.monotonic_ns()
        await self.drain(phase)
        if teller:
            teller.cancel()

    async def add(self, phase: Phase, number: int, due: int) -> None:
        phase.late.append(time.monotonic_ns() - due)
        phase.due[number] = due
        try:
            await asyncio.wait_for(self._add(number), self.config.add_timeout)
        except Exception as error:  # noqa: BLE001 - BullMQ raises bare ones; every add is counted
            self.add_errors[type(error).__name__] += 1
        else:
            phase.added[number] = time.monotonic_ns()

    async def _add(self, number: int) -> None:
        async with self.turn:
            await self.queue.add("load", {"number": number, "payload": self.payload})

    async def drain(self, phase: Phase) -> None:
        """Until every job of the phase is done, or the server has none left to do, or the time is over."""
        began = looked = time.monotonic()
        missing = set(phase.added)
        while missing := missing - self.tally.completed.keys():
            now = time.monotonic()
            if now - began > min(self.config.drain_seconds, HURRY if self.stop.is_set() else 1e9):
                return
            if now - looked > 1:
                looked = now
                counts = await self.waiting()
                if counts and not any(counts.values()):
                    await asyncio.sleep(BATCH * 4)  # what a worker has not told yet
                    return
            await asyncio.sleep(BATCH / 2)

    async def waiting(self) -> dict[str, int]:
        """Jobs that are not done, by state; empty when the server does not say."""
        with contextlib.suppress(redis.RedisError, OSError, asyncio.TimeoutError):
            return dict(await asyncio.wait_for(self.queue.getJobCounts(*LIVE), HURRY))
        return {}

    async def progress(self, name: str, phase: Phase) -> None:
        for number in range(1, 1 << 30):
            await asyncio.sleep(PROGRESS)
            recent = list(phase.added.items())[-round(phase.rate * PROGRESS) - 1 :]
            enqueue = latencies([end - phase.due[job] for job, end in recent]).get("p95", 0)
            done = sum(job in self.tally.completed for job in phase.added)
            errors = sum(self.add_errors.values())
            say(
                f"{name}, {min(number * PROGRESS, self.config.seconds):.0f} of {self.config.seconds:.0f} s: {len(phase.added)} jobs added, {done} "
                f"completed, {errors} refused; the last {PROGRESS:.0f} s: enqueue p95 {enqueue / 1000:.1f} ms"
            )

    @contextlib.contextmanager
    def counting_cpu(self) -> Iterator[None]:
        """The share of one CPU that the producer and each worker took: near 1 it is not the server that is slow."""
        began, own, theirs = time.monotonic(), time.process_time(), dict(self.tally.cpu)
        yield
        seconds = time.monotonic() - began
        workers = [round((self.tally.cpu[key] - before) / seconds, 3) for key, before in theirs.items()]
        self.cpu = {"producer": round((time.process_time() - own) / seconds, 3), "workers": workers}

    async def clean(self) -> Optional[int]:
        """Remove the queue. How many of its keys are left; None when the server does not say."""
        for pause in (1, 2, 4, 0):
            try:
                return await asyncio.wait_for(self._clean(), 60)
            except (redis.RedisError, OSError, asyncio.TimeoutError) as error:
                reason = type(error).__name__
            await asyncio.sleep(pause)
        say(f"the keys {self.config.prefix}:{self.config.queue}:* are left ({reason}); run it again with --clean")
        return None

    async def _clean(self) -> int:
        """BullMQ's own way first; it leaves locks and what a worker wrote after it, which are removed by their names."""
        last = int(await self.client.get(self.queue.keys["id"]) or 0)
        with contextlib.suppress(redis.ResponseError):
            await self.queue.obliterate(force=True)
        names = [*self.queue.keys.values(), *keys_of_jobs(self.config, max(last, self.config.jobs))]
        steps = [names[start : start + STEP] for start in range(0, len(names), STEP)]
        for step in steps:
            await self.client.unlink(*step)
        return sum([await self.client.exists(*step) for step in steps])


def carry_out(path: Path, *, only_clean: bool) -> int:
    """The load that a configuration describes, or only the removal of the queue that a killed one left: the exit status,
    0 for measured, whatever the numbers are, 1 for what could not be, 130 for interrupted, with a result of what was
    measured. The queue's keys are gone in the end in every case but `kill -9`.
    """
    try:
        config = load(path)
        if MISSING:
            raise Problem(f"{MISSING}; expected the Python package bullmq: install it for {sys.executable}")
        if not only_clean:
            forget(path, config.stop)
        with working_in(config.stop), contextlib.ExitStack() as stack:
            if config.progress:
                file = stack.enter_context(Path(config.progress).open("a", buffering=1))
                stack.enter_context(contextlib.redirect_stderr(file))
            return _in_time(_perform(config, only_clean=only_clean))
    except (Problem, OSError) as error:
        say(str(error))
        return FAILED


def complete() -> int:
    """A worker of a load, which tells it on standard input what to do: the exit status."""
    _in_time(work(Config(**json.loads(sys.stdin.readline()))))
    return MEASURED


def _in_time(what: Coroutine[Any, Any, Result]) -> Result:
    """Run it on a loop that keeps time to microseconds; the usual one, with epoll, keeps it to milliseconds."""
    warnings.simplefilter("ignore")  # the eviction policy is a finding of the check, not a warning of each connection
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    try:
        return loop.run_until_complete(what)
    finally:
        loop.close()


async def _perform(config: Config, *, only_clean: bool) -> int:
    run = Run(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, run.stop.set)
    if config.stop:
        run.heed(Path(config.stop))
    gc.disable()  # a collection stops everything for milliseconds; a run leaves few cycles
    try:
        if only_clean:
            return MEASURED if await run.clean() == 0 else FAILED
        found = await run.measure()
    except Problem as problem:
        say(str(problem))
        return FAILED
    finally:
        await run.client.aclose()
    if config.result:
        publish(Path(config.result), found)
    else:
        print(json.dumps(found, indent=1))
    return INTERRUPTED if found["interrupted"] else MEASURED


def say(text: str) -> None:
    """One line of progress for a person."""
    print(f"redis-jobs: {text}", file=sys.stderr, flush=True)
