"""Whether few numbers differ from few others, as Go's benchstat decides it: medians with intervals and one rank test. Pure.

No distribution is assumed, and nothing is approximated: every probability is counted over the ways to deal the same numbers
to two sides, with ties or without. A change is a factor, because latencies are never below 0 and their noise grows with
them: 1.05 is as far from no change as 1 / 1.05. Sources: Mann and Whitney 1947; Hodges and Lehmann 1963.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# A comparison has about 30 measures, and each one may raise a false alarm. docs/comparing.md shows what 0.05 would cost.
ALPHA = 0.005
OUTSIDE = 0.05  # how often an interval misses the true value, at most

Sample = tuple[Sequence[float], Sequence[float]]  # the numbers of side a and those of side b, none below 0


@dataclass(frozen=True)
class Change:
    """From a to b. factor: the median of all b / a (Hodges-Lehmann); infinite where a is 0. low, high: its interval, which
    misses the true factor in at most 5 of 100 cases. p: of the two-sided Mann-Whitney test. higher: the share of all pairs
    in which b is higher, where a tie counts half; Cliff's delta is 2 * higher - 1.
    """

    factor: float
    low: float
    high: float
    p: float
    higher: float

    def stays(self, limit: float) -> bool:
        """Whether the whole interval is within this factor, up and down."""
        return 1 / limit < self.low and self.high < limit

    def reaches(self, limit: float) -> bool:
        """Whether the change is this factor or more, up or down."""
        return self.factor >= limit or self.factor <= 1 / limit


def change(sample: Sample) -> Change:
    """Raises ValueError where the sides have too few numbers for an interval."""
    factors, rank = _factors(sample), _bound(len(sample[0]), len(sample[1]))
    higher = sum((b > a) + (b == a) / 2 for a in sample[0] for b in sample[1]) / len(factors)
    return Change(_middle(factors), factors[rank - 1], factors[-rank], mann_whitney(sample), higher)


def mann_whitney(sample: Sample) -> float:
    """p: the share of all deals of these numbers in which the rank sums are at least as far apart."""
    a, b = sample
    ranks = doubled_ranks([*a, *b])
    return _tails(tuple(sorted(ranks)), len(a))[abs(sum(ranks[: len(a)]) - len(a) * (len(ranks) + 1))]


def fewest() -> int:
    """The fewest runs of each side with which a difference can have a p below ALPHA. Each side then has a median_interval."""
    return next(size for size in itertools.count(1) if 2 / math.comb(2 * size, size) < ALPHA)


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """The ends of an interval that holds the true median in at least 95 of 100 cases. They are two of the values.

    Raises ValueError for less than 6 values, which have no such interval.
    """
    ordered, size = sorted(values), len(values)
    below = itertools.accumulate(math.comb(size, count) for count in range(size + 1))
    rank = sum(ways <= OUTSIDE / 2 * 2**size for ways in below)
    if not rank:
        raise ValueError(f"{size} numbers have no interval of {1 - OUTSIDE:.0%}")
    return ordered[rank - 1], ordered[-rank]


def doubled_ranks(values: Sequence[float]) -> list[int]:
    """Twice the rank of each: equal ones share the mean of theirs, and so twice is a whole number."""
    counts = Counter(values)
    ranks, below = {}, 0
    for value in sorted(counts):
        ranks[value] = 2 * below + counts[value] + 1
        below += counts[value]
    return [ranks[value] for value in values]


@functools.lru_cache(maxsize=1024)
def _tails(ranks: tuple[int, ...], size: int) -> Mapping[int, float]:
    """Distance of side a's doubled rank sum from its mean -> share of the deals that are as far out or farther."""
    far: Counter[int] = Counter()
    for total, count in _ways(ranks, size).items():
        far[abs(total - size * (len(ranks) + 1))] += count
    distances = sorted(far, reverse=True)
    reached = itertools.accumulate(far[distance] for distance in distances)
    return {distance: count / math.comb(len(ranks), size) for distance, count in zip(distances, reached)}


def _ways(ranks: Sequence[int], size: int) -> Mapping[int, int]:
    """Sum -> in how many ways `size` of the ranks make it."""
    ways: list[Counter[int]] = [Counter({0: 1}), *(Counter() for _ in range(size))]
    for rank in ranks:
        for taken in range(size, 0, -1):
            for total, count in ways[taken - 1].items():
                ways[taken][total + rank] += count
    return ways[size]


@functools.lru_cache(maxsize=64)
def _bound(size_a: int, size_b: int) -> int:
    """Which of the ordered factors, counted from either end, bounds the interval: how many rank sums are out of it."""
    ways = _ways(range(1, size_a + size_b + 1), size_a)
    below = itertools.accumulate(ways[total] for total in sorted(ways))
    outside = sum(count <= OUTSIDE / 2 * math.comb(size_a + size_b, size_a) for count in below)
    if not outside:
        raise ValueError(f"{size_a} and {size_b} numbers have no interval of {1 - OUTSIDE:.0%}")
    return outside


def _factors(sample: Sample) -> list[float]:
    """Every b / a in order; 0 / 0 is no change."""
    return sorted(b / a if a else math.inf if b else 1.0 for a in sample[0] for b in sample[1])


def _middle(ordered: Sequence[float]) -> float:
    """The median; of two in the middle the geometric mean, so that the way back is 1 / it."""
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else math.sqrt(ordered[half - 1]) * math.sqrt(ordered[half])
