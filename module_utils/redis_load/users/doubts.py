"""What is made of the measurements of users: the line of progress, and what speaks against them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..figures import clock, size
from .config import OPERATIONS

# percent: what k6 tells of each latency, dense where limits are, so that several generators can be judged as one
QUANTILES = [*range(1, 90), *(90 + n / 2 for n in range(18)), *(round(99 + n / 10, 1) for n in range(10)), 99.95, 99.99]
BUSY = 90  # percent of the cores: above, what is measured is the generator
DROPPED = 0.001  # share of requests that may fall away
REACHED = 0.95  # share of the wanted rate and connections
LATE = 10  # ms after which a request may begin, 99 of 100: where it is more, so much of the latency is the generator's
ENOUGH = 1000  # measurements below which a p99 says nothing
COUNTER = "total_commands_processed"  # of a server: it only rises
ENDED = {105: "stopped from outside", 107: "an error in the script", 108: "ended by the script"}


def unhidden(took: float, pause: float) -> list[float]:
    """With what the looks that were due meanwhile would have measured: a stall is as long for them, less their delay."""
    return [took - late * pause for late in range(max(1, math.ceil(took / pause)))]


def span(samples: Sequence[Mapping[str, Any]], name: str) -> dict[str, float]:
    """Mean, median and maximum of one measurement over all samples; empty where none has it."""
    values = [sample[name] for sample in samples if name in sample]
    if not values:
        return {}
    found = {"mean": statistics.fmean(values), "median": statistics.median(values), "max": max(values)}
    return {name: round(value, 1) for name, value in found.items()}


def progress(sample: Mapping[str, Any], left: float) -> str:
    """One line for a person."""
    if "error" in sample:
        return f"{sample['phase']:9}  {clock(left)} left  NO ANSWER: {sample['error']}"
    memory = size(sample["used_memory"])
    if sample.get("maxmemory"):
        memory += f" of {size(sample['maxmemory'])}"
    return "  ".join(
        (
            f"{sample['phase']:9}",
            f"{clock(left)} left",
            f"{sample['users']} users",
            f"{sample['ops_per_second']:.0f} ops/s",
            f"p95 {sample.get('canary_p95', 0) / 1000:.2f} ms",
            memory,
            f"{sample['evicted']} evicted",
            f"generator {sample['machine_cpu']:.0f} % CPU",
        )
    )


def doubts(result: Mapping[str, Any]) -> list[dict[str, str]]:
    """Why the numbers of a result cannot be trusted; empty when nothing is known against them."""
    return [{"id": name, "text": text} for name, text in _doubts(result)]


def _doubts(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    code = result["k6"]["exit_code"]
    if result["status"] == "interrupted":
        yield "interrupted", "the run was stopped before its end"
    elif code:
        yield "k6_exit", f"k6 ended with {code}: {ENDED.get(code, 'killed' if code < 0 else 'an error')}; expected 0"
    yield from _generator(result)
    for name, what in (("rate", "operations per second"), ("connections", "connections")):
        wanted, reached = result[name]["wanted"], result[name]["reached"]
        if result["status"] == "completed" and reached < REACHED * wanted:  # of what was stopped, nobody expects it
            yield name, f"{reached:.0f} of {wanted:.0f} {what}; expected {REACHED:.0%}"
    yield from _server(result)


def _generator(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    generator, sustained = result["generator"], result["k6"]["sustained"]
    machine, k6 = generator["machine_cpu"].get("mean", 0), generator["k6_cpu"].get("mean", 0)
    if machine > BUSY or k6 > BUSY * generator["cores"]:
        used = f"this machine was {machine:.0f} % busy, k6 used {k6 / 100:.2f} of {generator['cores']:g} cores"
        yield (
            "generator_cpu",
            f"{used}; expected at most {BUSY} %: "
            + (
                "use more generators or a smaller rate"
                if k6 > machine * generator["cores"] / 2
                else "something else had the rest: stop it, or use another generator"
            ),
        )
    dropped, due = sustained["dropped_iterations"], sustained["iterations"] + sustained["dropped_iterations"]
    if dropped > DROPPED * due:
        yield "dropped", f"{dropped} of {due} requests fell away as no user was free; expected {DROPPED:.1%} at most"
    # by counting those that began: each that fell away makes all after it look late by its place in the row
    late = sustained["start_lag"].get("p99", 0) - dropped * 1000 * OPERATIONS / result["rate"]["wanted"]
    if late > LATE:
        yield (
            "late",
            f"requests began up to {late:.0f} ms late (p99); expected {LATE} ms at most: this machine is too slow",
        )


def _server(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    seconds, samples = result["config"]["duration"], [s for s in result["samples"] if s["phase"] == "sustained"]
    answered = sum("error" not in sample for sample in samples)
    silent = len(samples) - answered
    if result["status"] == "completed" and answered < 0.9 * seconds - 2:
        silent = round(seconds) - answered  # who waits for an answer takes no samples meanwhile
    if silent:
        yield "no_answer", f"the server did not answer in {silent} of {seconds:g} seconds"
    if len({side["info"]["run_id"] for side in result["window"].values()}) > 1:
        yield "restarted", "the server was restarted during the measurement"
    elif _fell([sample[COUNTER] for sample in result["samples"] if COUNTER in sample]):
        yield "reset", "the server's counters began anew: CONFIG RESETSTAT, or a restart"
    yield from _plan(result)


def _fell(values: Sequence[float]) -> bool:
    return any(after < before for before, after in zip(values, values[1:]))


def _plan(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Too few because it was planned so. That a server gives less than was planned shows in the rate."""
    writes, requests = (
        result["config"]["write_share"],
        result["rate"]["wanted"] / OPERATIONS * result["config"]["duration"],
    )
    shares = {"session_read": 1, "session_write": writes, "session_refresh": 1 - writes, "cache_get": OPERATIONS - 2}
    planned = {name: share * requests for name, share in shares.items() if share}
    rarest = min(planned, key=lambda name: planned[name])
    if planned[rarest] < ENOUGH:
        few = f"{planned[rarest]:.0f} of {rarest} were planned"
        yield "too_few", f"{few}; expected {ENOUGH} measurements of each operation: a longer test, or a higher rate"
