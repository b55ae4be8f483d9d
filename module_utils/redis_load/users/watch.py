"""What is seen of the server, of this machine and of k6 while the load runs."""

from __future__ import annotations

import collections
import contextlib
import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from ..client import Client, Refused
from ..errors import Stopped
from ..figures import percentiles
from ..machine import cores, machine, process, sockets
from .config import GAP, Config
from .doubts import progress, unhidden
from .target import noise, timed

PROBE_INTERVAL = 0.05  # seconds between two probes
COUNTERS = (  # of INFO, as they are; a server that lacks one has none in its samples
    *("used_memory", "used_memory_rss", "maxmemory", "connected_clients", "maxclients", "blocked_clients"),
    *("evicted_keys",),
    *("expired_keys", "keyspace_hits", "keyspace_misses", "rejected_connections", "total_connections_received"),
    *("total_commands_processed", "latest_fork_usec", "rdb_bgsave_in_progress", "aof_rewrite_in_progress"),
    *("aof_current_size", "aof_delayed_fsync", "aof_pending_bio_fsync", "mem_fragmentation_bytes"),
)
RATIOS = ("mem_fragmentation_ratio", "allocator_frag_ratio")


def keys(info: Mapping[str, str]) -> int:
    """Of all databases."""
    return sum(
        int(value.partition("keys=")[2].partition(",")[0])
        for name, value in info.items()
        if re.fullmatch(r"db\d+", name)
    )


class Show:
    """Progress: one line that rewrites itself on a terminal, elsewhere a line after each `pause` seconds."""

    def __init__(self, stream: TextIO, pause: float) -> None:
        self._stream, self._terminal, self._pause = stream, stream.isatty(), pause
        self._due, self._open = 0.0, False

    def line(self, text: str) -> None:
        """A line that stays."""
        print(f"\n{text}" if self._open else text, file=self._stream, flush=True)
        self._open = False

    def passing(self, text: str) -> None:
        if self._terminal:
            width = os.get_terminal_size(self._stream.fileno()).columns or 80
            print(f"\r\033[K{text[: width - 1]}", end="", file=self._stream, flush=True)
            self._open = True
        elif time.monotonic() >= self._due:
            self._due = time.monotonic() + self._pause
            self.line(text)

    def end(self) -> None:
        if self._open:
            self.line("")


class Watch:
    """Samples each second; a probe that times three commands as a user would feel them; INFO before and after."""

    def __init__(self, config: Config, client: Client, show: Show) -> None:
        self.samples: list[dict[str, Any]] = []
        self.probed: dict[str, list[float]] = collections.defaultdict(list)  # of the sustained phase, microseconds
        self.window: dict[str, dict[str, Any]] = {}
        self.probe_errors, self.server, self.cores = 0, "", cores()
        self._config, self._client, self._show = config, client, show
        self._recent: list[float] = []  # of the probe, since the last sample
        self._first: dict[str, str] = {}
        self._last: dict[str, Any] = {}
        key, value = f"{config.keys}probe", noise(config.value_bytes)
        self._probes = {"ping": ("PING",), "set": ("SET", key, value, "EX", config.cache_ttl), "get": ("GET", key)}

    def begin(self) -> None:
        self._first = self._client.info()
        product = "valkey" if "valkey_version" in self._first else "redis"
        self.server = f"{product} {self._first.get(f'{product}_version')}"

    def follow(self, load: subprocess.Popen[bytes], started: Callable[[], bool]) -> None:
        """Until it ends. `started` says whether its phases have begun. Raises Stopped when it is to stop."""
        config, begun, elapsed, due = self._config, 0.0, -1.0, 0.0
        while load.poll() is None:
            if config.stopped:
                raise Stopped
            now = time.monotonic()
            if not begun and started():
                begun = now
            elapsed = now - begun if begun else elapsed
            if elapsed >= config.sustained_at - GAP / 4 and not self.window:
                self._keep("start")
            self._look(config.phase(elapsed))
            if now >= due:
                due = max(due + 1, now)
                self._sample(elapsed, load.pid)
            time.sleep(max(0.0, now + PROBE_INTERVAL - time.monotonic()))
        if self.window and load.returncode == 0:
            self._keep("end")

    def _keep(self, side: str) -> None:
        """All that the server says of itself, at one side of the sustained phase."""
        with contextlib.suppress(OSError, Refused):
            kept: dict[str, Any] = {"time": time.time(), "info": self._client.info("all")}
            with contextlib.suppress(Refused):  # by its version, or not allowed to this user
                kept["latency_histogram"] = self._client("LATENCY", "HISTOGRAM")
            self.window[side] = {**kept, "sent": dict(self._client.sent)}

    def _look(self, phase: str) -> None:
        for name, words in self._probes.items():
            began = time.monotonic()
            try:
                took = timed(self._client, words)
            except (OSError, Refused):
                self.probe_errors += 1
                took = (time.monotonic() - began) * 1_000_000
                if took < PROBE_INTERVAL * 1_000_000:
                    continue  # refused at once: nobody waited
            self._recent.append(took)
            if phase == "sustained":
                self.probed[name] += unhidden(took, PROBE_INTERVAL * 1_000_000)

    def _sample(self, elapsed: float, pid: int) -> None:
        sample: dict[str, Any] = {"t": round(elapsed, 2), "phase": self._phase(elapsed)}
        now: dict[str, Any] = {"elapsed": elapsed, "at": time.monotonic(), "machine": machine()}
        with contextlib.suppress(OSError):  # k6 has ended
            now["k6"], now["runner"] = process(pid), process(os.getpid())
            sample["k6_sockets"] = sockets(pid)
        try:
            info = self._client.info()
            now["ops"] = int(info["total_commands_processed"]) - sum(self._client.sent.values())
            now["server"] = sum(float(info.get(f"used_cpu_{kind}_main_thread", 0)) for kind in ("user", "sys"))
            sample.update({name: int(info[name]) for name in COUNTERS if name in info})
            sample.update({name: float(info[name]) for name in RATIOS if name in info})
            sample["keys"] = keys(info)
            if (
                "server_time_usec" in info
            ):  # places the entries of the slow log, which the judge reads, among the samples
                sample["server_time"] = round(int(info["server_time_usec"]) / 1e6, 1)
            sample["users"] = max(0, sample["connected_clients"] - int(self._first["connected_clients"]))
            for name in ("evicted", "expired"):  # since this program began
                sample[name] = sample[f"{name}_keys"] - int(self._first[f"{name}_keys"])
        except (OSError, Refused) as error:
            sample["error"] = str(error)
        looks, self._recent = percentiles(self._recent), []
        if looks["count"]:
            sample.update({"canary_p50": looks["p50"], "canary_p95": looks["p95"], "canary_max": looks["max"]})
        sample.update(self._since(now))
        self._last = now
        self.samples.append(sample)
        self._show.passing(progress(sample, self._config.end - max(0.0, elapsed)))

    def _since(self, now: dict[str, Any]) -> dict[str, float]:
        """Rates since the last sample."""
        last, rates = self._last or now, {"ops_per_second": 0.0, "machine_cpu": 0.0}
        seconds, ticks = now["at"] - last["at"], now["machine"][1] - last["machine"][1]
        if ticks:
            rates["machine_cpu"] = round(100 * (now["machine"][0] - last["machine"][0]) / ticks, 1)
        if seconds and "server" in now and "server" in last:  # percent of one core, of its main thread
            rates["server_cpu"] = round(100 * (now["server"] - last["server"]) / seconds, 1)
        if seconds and "ops" in now and "ops" in last:
            rates["ops_per_second"] = round((now["ops"] - last["ops"]) / seconds, 1)
        if seconds and "k6" in now and "k6" in last:
            rates["k6_rss"] = now["k6"][1]
            for name in ("k6", "runner"):  # percent of one core
                rates[f"{name}_cpu"] = round(100 * (now[name][0] - last[name][0]) / seconds, 1)
        return rates

    def _phase(self, elapsed: float) -> str:
        """Of a sample: `between` where it spans the end of a phase, so that no mean mixes two."""
        before, now = self._config.phase(self._last.get("elapsed", elapsed)), self._config.phase(elapsed)
        return now if before == now else "between"
