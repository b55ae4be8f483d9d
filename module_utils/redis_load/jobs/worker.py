"""A worker, in a process of its own: it completes jobs, and tells what happened in lines of JSON."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import os
import sys
import time
from typing import Any, Optional

from ..client import quiet
from .config import BLOCKED, Config

# seconds: between two words of a worker; to close at the end
BATCH, HURRY = 0.05, 5.0
STEP = 500  # jobs that are told in one line


def number_of(job: Any) -> Optional[int]:
    """None for a job whose data are gone, as they are where keys are evicted."""
    return job.data.get("number") if isinstance(job.data, dict) else None


class Teller:
    """What a worker tells the process that started it: batches, one line of JSON each."""

    def __init__(self) -> None:
        self.word: dict[str, Any] = {"ready": True}

    def tell(self) -> None:
        word, self.word = self.word, {}
        done, cpu = word.pop("done", []), time.process_time()
        for start in range(0, max(len(done), 1), STEP):
            print(json.dumps({**word, "done": done[start : start + STEP], "cpu": cpu}), flush=True)
            word = {}

    def note(self, name: str, empty: Any) -> Any:
        if not self.word:
            asyncio.get_running_loop().call_later(BATCH, self.tell)
        return self.word.setdefault(name, empty)

    def count(self, name: str, what: str) -> None:
        self.note(name, collections.Counter())[what] += 1

    def completed(self, job: Any, _: Any) -> None:
        number = number_of(job)
        if number is not None:
            self.note("done", []).append((number, time.monotonic_ns()))

    def failed(self, job: Any, _: Any) -> None:
        self.count("counts", "failed_attempts")
        number = number_of(job)
        if number is not None:
            self.note("failed", []).append(number)

    def stalled(self, _: str) -> None:
        self.count("counts", "stalled")

    def error(self, what: Exception, *_: Any) -> None:
        self.count("errors", type(what).__name__)


async def work(config: Config) -> None:
    """Complete jobs until standard input ends, which it does with the process that started this one."""
    from bullmq import Worker  # noqa: PLC0415 - run.py says it where there is none

    loop, stopped, teller = asyncio.get_running_loop(), asyncio.Event(), Teller()

    async def process(job: Any, _: str) -> None:
        if number_of(job) is None:
            teller.count("counts", "without_data")
        if config.work_ms:
            await asyncio.sleep(config.work_ms / 1000)

    options = {"drainDelay": BLOCKED, **config.worker_options, "concurrency": config.concurrency}
    worker = Worker(
        config.queue, process, {**options, "connection": {**config.options(), **quiet()}, "prefix": config.prefix}
    )
    for event in (teller.completed, teller.failed, teller.stalled, teller.error):
        worker.on(event.__name__, event)
    teller.tell()
    loop.add_reader(sys.stdin.fileno(), lambda: None if os.read(sys.stdin.fileno(), 100) else stopped.set())
    await stopped.wait()
    loop.remove_reader(sys.stdin.fileno())
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(worker.close(), HURRY)
    teller.tell()
