#!/usr/bin/python3
"""Put real BullMQ jobs through a queue of its own, and measure how long they take.

Jobs are added at a declared rate, each at its own time of a schedule, whether or not the server keeps up (an open model):
a slow server shows as latency, and cannot slow the load down. Workers in processes of their own complete them. All
latencies begin at the scheduled time. docs/queues.md of the project describes the configuration and the result.

exit status: 0 measured, whatever the numbers are; 1 it could not be; 130 interrupted, with a result of what was measured.
The queue's keys are gone in the end in every case; after a kill -9 the same command with --clean removes them.
"""

from __future__ import annotations

import argparse
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
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

from redis_jobs_check import check, quiet
from redis_jobs_data import WARM_UP, Config, Phase, Tally, keys_of_jobs, load, percentiles, publish, result_of
from redis_jobs_worker import BATCH, HURRY, work
from redis_load_place import forget, told_to_stop, working_in

try:
    import redis.asyncio as redis
    from bullmq import Queue
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
except ImportError as missing:
    redis, MISSING = None, str(missing)

MEASURED, FAILED, INTERRUPTED = 0, 1, 130
SCHEMA = "redis-jobs/1"
LIVE = ("wait", "active", "delayed", "prioritized")  # states of jobs that are still to be done
BASELINE_RATE = 20  # jobs a second: a single user, whose jobs do not meet
PROGRESS = 10.0  # seconds between two lines
STEP = 500  # keys in one UNLINK, or EXISTS


class Unusable(Exception):
    """The configuration or the server cannot be used; the text says why."""


# --- the run ----------------------------------------------------------------------------------------------------------


class Run:
    """One measurement: its workers, its queue, and what is known of every job."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.stop = asyncio.Event()
        self.tally, self.phases = Tally(), {}
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
        self.workers: list[asyncio.subprocess.Process] = []
        self.listeners: list[asyncio.Task[None]] = []
        self.cpu: dict[str, Any] = {}

    async def measure(self) -> dict[str, Any]:
        """Raises Unusable when it cannot begin."""
        config, started = self.config, time.time()
        try:
            await asyncio.wait_for(self.client.ping(), 10)
        except (redis.RedisError, OSError, asyncio.TimeoutError) as error:
            raise Unusable(f"the server does not answer: {error or type(error).__name__}") from None
        left: Optional[int] = None
        waiting: dict[str, int] = {}
        try:
            await self.hire()
            await self.phase("warm_up", 100, WARM_UP)
            await self.phase("baseline", BASELINE_RATE, config.baseline_jobs)
            with self.counting_cpu():
                await self.phase("load", config.rate, round(config.rate * config.seconds))
            waiting = await self.waiting()
        finally:
            await self.dismiss()
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
            enqueue = percentiles([(end - phase.due[job]) / 1000 for job, end in recent]).get("p95", 0)
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

    # --- workers and keys ---------------------------------------------------------------------------------------------

    async def hire(self) -> None:
        ready = []
        for index in range(self.config.workers):
            worker = await asyncio.create_subprocess_exec(
                *(sys.executable, __file__, "--work"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for this process, which ends them in order
                limit=1 << 20,
            )
            self.workers.append(worker)
            worker.stdin.write(f"{json.dumps(vars(self.config))}\n".encode())
            first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.listeners.append(asyncio.ensure_future(self.listen(index, worker, first)))
            ready.append(first)
        _, late = await asyncio.wait(ready, timeout=30)
        if late or any(one.exception() for one in ready):
            raise Unusable("a worker did not start")

    async def listen(self, index: int, worker: asyncio.subprocess.Process, first: asyncio.Future[None]) -> None:
        async for line in worker.stdout:
            self.tally.hear(index, json.loads(line))
            if not first.done():
                first.set_result(None)
        if not first.done():
            first.set_exception(Unusable("it ended"))
        elif worker.stdin and not worker.stdin.is_closing():
            self.tally.errors["worker ended"] += 1

    async def dismiss(self) -> None:
        for worker in self.workers:
            worker.stdin.close()
        for worker in self.workers:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(worker.wait(), HURRY * 2)
            with contextlib.suppress(ProcessLookupError):
                worker.kill()
            await worker.wait()
        await asyncio.gather(*self.listeners, return_exceptions=True)

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


async def perform(config: Config, *, only_clean: bool) -> int:
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
    except Unusable as error:
        say(str(error))
        return FAILED
    finally:
        await run.client.aclose()
    publish(found, config.result)
    return INTERRUPTED if found["interrupted"] else MEASURED


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", metavar="FILE", help="JSON, mode 0600")
    parser.add_argument("--check", action="store_true", help="add nothing; print as JSON whether it could; exit 0")
    parser.add_argument(
        "--without-login", action="store_true", help="with --check: a server that asks for a login answers well enough"
    )
    parser.add_argument("--clean", action="store_true", help="only remove the queue that a killed run left")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.check:
        print(json.dumps(check(Path(options.config or ""), without_login=options.without_login)))
        return MEASURED
    if redis is None:
        say(f"{MISSING}; expected the Python package bullmq: install it for {sys.executable}")
        return FAILED
    warnings.simplefilter("ignore")  # the eviction policy is a finding of the check, not a warning of each connection
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())  # keeps time to microseconds; epoll to milliseconds
    try:
        if options.work:
            loop.run_until_complete(work(Config(**json.loads(sys.stdin.readline()))))
            return MEASURED
        config = load(Path(options.config or ""))
        if not options.clean:
            forget(Path(options.config), config.stop)
        with working_in(config.stop), contextlib.ExitStack() as stack:
            if config.progress:
                file = stack.enter_context(Path(config.progress).open("a", buffering=1))
                stack.enter_context(contextlib.redirect_stderr(file))
            return loop.run_until_complete(perform(config, only_clean=options.clean))
    except (OSError, ValueError, TypeError) as error:
        say(f"{options.config}: {error}; see docs/queues.md")
        return FAILED
    finally:
        loop.close()


def say(text: str) -> None:
    """One line of progress for a person."""
    print(f"redis-jobs: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
