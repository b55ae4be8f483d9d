"""Lines over time as SVG path strings, with the ticks of their axes, and the drawings made of them. Pure.

Across, everything is in per cent of the time axis, so that a page of any width shows it; down, in pixels of the drawing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ..figures import clock

HEIGHT = 112  # of the drawing, pixels
WIDTH = 1000  # of the coordinates of a path, which the page stretches
COLUMNS = 300  # so many places beside one another show two points of a line each
LINES = 4  # of the grid, about
MARGIN = 8  # pixels above the highest value
_OVER = 0.02  # of a step: so little above a line of the grid needs no further one
_TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


@dataclass(frozen=True)
class Phase:
    """A part of the load. phase: as the samples name it; name: for people. x, width: percent."""

    phase: str
    name: str
    x: float
    width: float
    told: str


@dataclass(frozen=True)
class Band:
    """An event behind the lines. x, width: percent."""

    kind: str
    x: float
    width: float


@dataclass(frozen=True)
class Key:
    """A line of a panel. line: its style. d: the path. usual, most: its median and its maximum."""

    line: str
    name: str
    usual: str
    most: str
    d: str


@dataclass(frozen=True)
class Place:
    """Something at one place of a drawing: percent across, or pixels down."""

    at: float
    label: str


@dataclass(frozen=True)
class Panel:
    """One drawing. limit: drawn as a line; off_scale: a limit far above. marks: what was at a time. told: all of it in words."""

    title: str
    unit: str
    keys: tuple[Key, ...]
    ticks: tuple[Place, ...]
    limit: Optional[Place]
    off_scale: str
    marks: tuple[Place, ...]
    told: str


@dataclass(frozen=True)
class Plots:
    """All drawings of one load over the same time. judged: whether a part of it was judged. height, width: of a drawing."""

    ticks: tuple[Place, ...]
    phases: tuple[Phase, ...]
    events: tuple[Band, ...]
    kinds: tuple[tuple[str, str], ...]
    told: tuple[str, ...]
    counted: str
    judged: bool
    panels: tuple[Panel, ...]
    height: int = HEIGHT
    width: int = WIDTH


Points = Sequence[tuple[float, Optional[float]]]  # time and value; None where there is none, and the line is broken


@dataclass(frozen=True)
class Axis:
    """Time, in seconds."""

    begin: float
    end: float

    def at(self, time: float) -> float:
        """Per cent, within the axis."""
        share = (time - self.begin) / (self.end - self.begin) if self.end > self.begin else 0.0
        return round(100 * min(max(share, 0.0), 1.0), 2)

    def ticks(self, most: int = 6) -> list[tuple[float, str]]:
        """Places in per cent and labels, at round times as minutes and seconds."""
        span = self.end - self.begin
        step = next((step for step in _TIMES if span / step <= most), _TIMES[-1])
        first = math.ceil(self.begin / step) * step
        times = [first + step * number for number in range(int((self.end - first) // step) + 1)]
        return [(self.at(time), clock(time)) for time in times]


@dataclass(frozen=True)
class Scale:
    """Values, down the drawing: from low to high, linear or logarithmic."""

    low: float
    high: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Pixels from the top."""
        low, high, value = (self._even(number) for number in (self.low, self.high, value))
        share = (value - low) / (high - low) if high > low else 0.0
        return round(HEIGHT - (HEIGHT - MARGIN) * min(max(share, 0.0), 1.0), 1)

    def _even(self, value: float) -> float:
        return math.log10(max(value, self.low)) if self.logarithmic else value

    def ticks(self) -> list[float]:
        """Round values, rising."""
        if self.logarithmic:
            powers = range(round(math.log10(self.low)), math.floor(math.log10(self.high) + 1e-9) + 1)
            times = (1, 2, 5) if len(powers) < LINES - 1 else (1,)
            found = [10.0**power * factor for power in powers for factor in times]
            return [value for value in found if value <= self.high][:: max(1, len(powers) // LINES)]
        step = _round_up((self.high - self.low) / LINES)
        return [self.low + step * number for number in range(int((self.high - self.low) / step + 1e-9) + 1)]


def scale_of(values: Sequence[float], *, logarithmic: bool = False) -> Scale:
    """One that shows all of them: from 0, or from a power of ten where it is logarithmic and nothing is below it."""
    high = max([value for value in values if value > 0], default=1.0)
    low = min([value for value in values if value > 0], default=high)
    if logarithmic:
        return Scale(10.0 ** math.floor(math.log10(low)), max(high, low * 1.001), logarithmic=True)
    step = _round_up(high / LINES)
    return Scale(0.0, step * math.ceil(high / step - _OVER))


def wide(values: Sequence[float]) -> bool:
    """Whether they differ so much that only a logarithmic axis shows them all."""
    values = [value for value in values if value > 0]
    return bool(values) and max(values) > 30 * min(values)


def _round_up(value: float) -> float:
    """To 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(power * times for times in (1, 2, 5, 10) if value <= power * times * (1 + 1e-9))


def path(points: Points, axis: Axis, scale: Scale) -> str:
    """The d of an SVG path in a box of WIDTH by HEIGHT. A point alone is a short line, so that it is seen."""
    pieces = []
    for line in _lines(points):
        places = [(axis.at(time) * WIDTH / 100, scale.at(value)) for time, value in _thinned(line, axis)]
        if len(places) == 1:
            places.append((places[0][0] + 2, places[0][1]))
        pieces.append("M" + "L".join(f"{x:g} {y:g}" for x, y in places))
    return "".join(pieces)


def _lines(points: Points) -> Iterator[list[tuple[float, float]]]:
    """The pieces between which there is no value."""
    line: list[tuple[float, float]] = []
    for time, value in (*points, (0.0, None)):
        if value is not None:
            line.append((time, value))
        elif line:
            yield line
            line = []


def _thinned(line: Sequence[tuple[float, float]], axis: Axis) -> list[tuple[float, float]]:
    """The lowest and the highest value of each column, so that a peak is never lost."""
    if len(line) <= 2 * COLUMNS:
        return list(line)
    columns: dict[int, list[tuple[float, float]]] = {}
    for point in line:
        columns.setdefault(int(axis.at(point[0]) * COLUMNS / 100), []).append(point)
    ends = [{min(some, key=_value), max(some, key=_value)} for some in columns.values()]
    return [point for some in ends for point in sorted(some)]


def _value(point: tuple[float, float]) -> float:
    return point[1]


def spans(samples: Sequence[Mapping[str, Any]], name: str) -> list[tuple[float, float]]:
    """From when to when a field was true, each to the first sample where it no longer is. Samples: with 't', rising."""
    found: list[tuple[float, float]] = []
    began: Optional[float] = None
    for sample in samples:
        if sample.get(name) and began is None:
            began = sample["t"]
        elif not sample.get(name) and began is not None:
            found.append((began, sample["t"]))
            began = None
    if began is not None:
        found.append((began, samples[-1]["t"]))
    return found
