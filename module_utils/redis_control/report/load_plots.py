"""What happened while the load ran: a drawing for each thing that was watched, all over the same time. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Optional

from ..figures import BINARY, clock, number, size
from . import plot
from .plot import Band, Key, Panel, Phase, Place, Plots

# Name of a phase in the samples -> what people read
PHASES = {"connect": "connect", "warm_up": "warm-up", "sustained": "judged", "ending": "ending"}
KINDS = {  # of events
    "save": "saving to disk (RDB)",
    "rewrite": "rewriting the AOF",
    "fork": "fork",
    "fsync": "a write waited for the disk",
    "gone": "no answer",
}
EVENTS = {"rdb_bgsave_in_progress": "save", "aof_rewrite_in_progress": "rewrite", "error": "gone"}  # fields of samples
NARROW = 0.4  # per cent of the width: less cannot be seen
_DETAIL = 5  # a limit so many times above all values would flatten them, and is told instead of drawn

Samples = Sequence[Mapping[str, Any]]


def drawings(load: Mapping[str, Any]) -> Optional[Plots]:
    """The drawings of the load of users; None without two samples. Times are seconds since its phases began."""
    samples = [sample for sample in load["samples"] if sample["phase"] != "starting"]
    if len(samples) < 2:
        return None
    axis = plot.Axis(min(0.0, samples[0]["t"]), samples[-1]["t"])
    watched = _Watched(samples, load, axis)
    events = _events(samples)
    kinds = {event["kind"] for event in events}
    return Plots(
        ticks=tuple(Place(x, label) for x, label in axis.ticks()),
        phases=tuple(_phases(samples, load.get("window") or (), axis)),
        events=tuple(_band(event, axis) for event in events),
        kinds=tuple((kind, name) for kind, name in KINDS.items() if kind in kinds),
        told=tuple(f"{_when(event)} {event['told']}" for event in events),
        counted=_counted(samples),
        judged=watched.judged,
        panels=tuple(filter(None, (draw(watched) for draw in _PANELS))),
    )


class _Watched:
    """The samples, and those of them that are judged; all where the load did not come so far."""

    def __init__(self, samples: Samples, load: Mapping[str, Any], axis: plot.Axis) -> None:
        self.samples, self.load, self.axis = samples, load, axis
        self.sustained = [sample for sample in samples if sample["phase"] == "sustained"]
        self.judged = len(self.sustained) > 1

    def line(self, name: str, field: str, factor: float = 1.0, *, of_server: bool = True) -> Optional[dict[str, Any]]:
        """name: for people. of_server: it has a gap where the server did not answer. None where no sample has it."""
        return self.of(
            name,
            [
                (sample["t"], None if of_server and "error" in sample else _times(sample.get(field), factor))
                for sample in self.samples
            ],
        )

    def of(self, name: str, points: plot.Points) -> Optional[dict[str, Any]]:
        times = {sample["t"] for sample in (self.sustained if self.judged else self.samples)}
        told = [value for time, value in points if value is not None and time in times]
        if not told:
            return None
        return {"name": name, "points": points, "usual": statistics.median(told), "most": max(told)}


def _times(value: Optional[float], factor: float) -> Optional[float]:
    return None if value is None else value * factor


def _panel(
    watched: _Watched,
    title: str,
    unit: str,
    lines: Sequence[Optional[dict[str, Any]]],
    *,
    limit: Optional[tuple[str, float]] = None,
    logarithmic: bool = False,
    top: float = 0.0,
    marks: Sequence[tuple[float, str]] = (),
) -> Optional[Panel]:
    """limit: its name and value. top: the scale reaches at least so far. marks: time, and what was then."""
    found = [line for line in lines if line]
    if not found:
        return None
    values = [value for line in found for _, value in line["points"] if value is not None]
    highest = max(values)
    drawn = limit if limit and (limit[1] <= _DETAIL * highest or not highest) else None
    scale = plot.scale_of([*values, top, drawn[1] if drawn else 0.0], logarithmic=logarithmic and plot.wide(values))
    keys = tuple(
        Key(
            style,
            line["name"],
            number(line["usual"]),
            number(line["most"]),
            plot.path(line["points"], watched.axis, scale),
        )
        for style, line in zip("abc", found)
    )
    beyond = f"{limit[0]} {number(limit[1])} {unit}" if limit else ""
    told = [f"{key.name} usually {key.usual}, at most {key.most}" for key in keys]
    return Panel(
        title=title,
        unit=unit + (", logarithmic" if scale.logarithmic else ""),
        keys=keys,
        ticks=tuple(Place(scale.at(value), number(value)) for value in scale.ticks()),
        limit=Place(scale.at(drawn[1]), beyond) if drawn else None,
        off_scale=beyond if limit and not drawn else "",
        marks=tuple(Place(watched.axis.at(time), f"{clock(time)} {what}") for time, what in marks),
        told=f"{title} over time in {unit}: {'; '.join(told)}" + (f"; {beyond}" if beyond else ""),
    )


def _latency(watched: _Watched) -> Optional[Panel]:
    names = {"p50": "canary_p50", "p95": "canary_p95", "longest": "canary_max"}
    lines = [watched.line(name, field, 1 / 1000) for name, field in names.items()]
    logged = [(time, f"{new} new in the slow log") for time, new in _new(watched.samples, "slowlog_id")]
    return _panel(watched, "Latency of a probe beside the load", "ms", lines, logarithmic=True, marks=logged)


def _operations(watched: _Watched) -> Optional[Panel]:
    # the first sample has no rate yet, and says 0
    line = watched.line("in the server", "ops_per_second")
    wanted = ("wanted", float(watched.load["rate"]["wanted"]))
    return _panel(watched, "Operations", "per second", [line], limit=wanted)


def _memory(watched: _Watched) -> Optional[Panel]:
    most = max((sample.get("used_memory_rss", 0) for sample in watched.samples), default=0)
    unit = next(name for name in reversed(BINARY) if most >= BINARY[name] or name == "B")
    lines = [
        watched.line(name, field, 1 / BINARY[unit])
        for name, field in {"data": "used_memory", "of the process": "used_memory_rss"}.items()
    ]
    limit = max((sample.get("maxmemory", 0) for sample in watched.samples), default=0)
    told = ("maxmemory", limit / BINARY[unit]) if limit else None
    drawn = _panel(watched, "Memory", unit, lines, limit=told)
    return replace(drawn, off_scale=f"maxmemory {size(limit)}") if drawn and drawn.off_scale else drawn


def _connections(watched: _Watched) -> Optional[Panel]:
    wanted = ("wanted", float(watched.load["connections"]["wanted"]))
    return _panel(watched, "Connections", "of the load", [watched.line("open", "users")], limit=wanted)


def _evictions(watched: _Watched) -> Optional[Panel]:
    rates: list[tuple[float, Optional[float]]] = []
    for before, after in zip(watched.samples, watched.samples[1:]):
        seen = "evicted" in before and "evicted" in after and after["t"] > before["t"]
        # a counter that fell is one of a new process
        change = max(0, after["evicted"] - before["evicted"]) / (after["t"] - before["t"]) if seen else None
        rates.append((after["t"], change))
    if not any(rate for _, rate in rates):
        return None
    return _panel(watched, "Evicted keys", "per second", [watched.of("evicted", rates)])


def _processors(watched: _Watched) -> Optional[Panel]:
    generators = watched.load["generators"]
    cores = generators[0].get("cores") or 1 if generators else 1
    lines = [
        watched.line("the server, of one core", "server_cpu"),
        watched.line("the generator's machine, of all cores", "machine_cpu", of_server=False),
        watched.line("k6, of all cores", "k6_cpu", 1 / cores, of_server=False),
    ]
    return _panel(watched, "Processors", "%", lines, top=100.0)


_PANELS: Sequence[Callable[[_Watched], Optional[Panel]]] = (
    _latency,
    _operations,
    _memory,
    _connections,
    _evictions,
    _processors,
)


def _new(samples: Samples, field: str) -> Iterator[tuple[float, int]]:
    """When a number rose, and by how much."""
    seen = [sample for sample in samples if field in sample]
    for before, after in zip(seen, seen[1:]):
        if after[field] > before[field]:
            yield after["t"], after[field] - before[field] if before[field] >= 0 else 1  # an empty slow log has no id


def _phases(samples: Samples, window: Sequence[float], axis: plot.Axis) -> Iterator[Phase]:
    """Each up to the beginning of the next."""
    begins: dict[str, float] = {}
    for sample in samples:
        if sample["phase"] in PHASES:
            begins.setdefault(sample["phase"], sample["t"])
    if window:
        begins["sustained"] = window[0]
        begins["ending"] = window[1]
    if begins:
        begins[next(iter(begins))] = axis.begin
    for (phase, begin), end in zip(begins.items(), [*list(begins.values())[1:], axis.end]):
        name = PHASES[phase]
        width = round(axis.at(end) - axis.at(begin), 2)
        yield Phase(phase, name, axis.at(begin), width, f"{name} {clock(begin)} to {clock(end)}")


def _events(samples: Samples) -> list[dict[str, Any]]:
    """What of the server itself explains a peak, in the order in which it began."""
    found = []
    for field, kind in EVENTS.items():
        for begin, end in plot.spans(samples, field):
            errors = sorted({s["error"] for s in samples if begin <= s["t"] <= end and "error" in s and kind == "gone"})
            found.append({"kind": kind, "begin": begin, "end": end, "told": ": ".join([KINDS[kind], *errors])})
    for time, _ in _new(samples, "aof_delayed_fsync"):
        found.append({"kind": "fsync", "begin": time, "end": time, "told": KINDS["fsync"]})
    forks = [sample for sample in samples if "latest_fork_usec" in sample]
    for before, after in zip(forks, forks[1:]):
        if after["latest_fork_usec"] != before["latest_fork_usec"] and after["latest_fork_usec"]:
            told = f"fork, {number(after['latest_fork_usec'] / 1000)} ms"
            found.append({"kind": "fork", "begin": after["t"], "end": after["t"], "told": told})
    return sorted(found, key=lambda event: float(event["begin"]))


def _band(event: Mapping[str, Any], axis: plot.Axis) -> Band:
    x, right = axis.at(event["begin"]), axis.at(event["end"])
    return Band(event["kind"], min(x, 100 - NARROW), round(max(right - x, NARROW), 2))


def _counted(samples: Samples) -> str:
    evicted = max((sample.get("evicted", 0) for sample in samples), default=0)
    logged = sum(new for _, new in _new(samples, "slowlog_id"))
    return f"{number(evicted)} keys evicted, {number(logged)} new entries in the slow log"


def _when(event: Mapping[str, Any]) -> str:
    begin, end = clock(event["begin"]), clock(event["end"])
    return begin if begin == end else f"{begin} to {end}"
