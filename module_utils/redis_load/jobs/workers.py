"""The processes that complete jobs: started before the load, told to end after it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from dataclasses import dataclass

from ..errors import Problem
from ..place import program
from .config import Config
from .result import Tally
from .worker import HURRY

START = 30  # seconds in which all have to be ready
LINE = 1 << 20  # bytes that a worker says at once, at most


@dataclass(frozen=True)
class _Worker:
    """A process. It ends when its orders end."""

    process: asyncio.subprocess.Process
    orders: asyncio.StreamWriter
    words: asyncio.StreamReader
    ready: asyncio.Future[None]


class Workers:
    """As many as the configuration says. What they tell goes into the tally."""

    def __init__(self, config: Config, tally: Tally) -> None:
        self._config, self._tally = config, tally
        self._workers: list[_Worker] = []
        self._listeners: list[asyncio.Task[None]] = []

    async def hire(self) -> None:
        """Start them. Raises Problem unless all are ready."""
        for index in range(self._config.workers):
            worker = await self._started()
            self._workers.append(worker)
            self._listeners.append(asyncio.ensure_future(self._listen(index, worker)))
        ready = [worker.ready for worker in self._workers]
        _, late = await asyncio.wait(ready, timeout=START)
        if late or any(one.exception() for one in ready):
            raise Problem("a worker did not start")

    async def dismiss(self) -> None:
        """Tell them to end, and kill those that do not."""
        for worker in self._workers:
            worker.orders.close()
        for worker in self._workers:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(worker.process.wait(), HURRY * 2)
            with contextlib.suppress(ProcessLookupError):
                worker.process.kill()
            await worker.process.wait()
        await asyncio.gather(*self._listeners, return_exceptions=True)

    async def _started(self) -> _Worker:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(program()), "work"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for this process, which ends them in order
            limit=LINE,
        )
        if process.stdin is None or process.stdout is None:
            raise Problem("a worker has no pipes")
        process.stdin.write(f"{json.dumps(vars(self._config))}\n".encode())
        return _Worker(process, process.stdin, process.stdout, asyncio.get_running_loop().create_future())

    async def _listen(self, index: int, worker: _Worker) -> None:
        async for line in worker.words:
            self._tally.hear(index, json.loads(line))
            if not worker.ready.done():
                worker.ready.set_result(None)
        if not worker.ready.done():
            worker.ready.set_exception(Problem("it ended"))
        elif not worker.orders.is_closing():
            self._tally.errors["worker ended"] += 1
