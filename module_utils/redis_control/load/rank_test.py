"""Whether few numbers differ from few others: rank tests that assume no distribution, and approximate nothing. Pure.

Everything is counted over the ways to deal the same numbers out to two sides, with ties or without. A change is a factor,
as latencies are never below 0 and their noise grows with them: 1.05 is as far from none as 1 / 1.05. Sources: Mann and
Whitney 1947; Hodges and Lehmann 1963; Westfall and Young 1993, for several measures of the same runs.
"""

from __future__ import annotations

import functools
import itertools
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Optional

ALPHA = 0.05
DEALS = 20_000  # ways to deal that are looked at; where there are more, from 9 runs a side on, as many at random
SEED = 1947
ROUNDING = 1e-9  # of scores that are sums of the same numbers in another order

Sample = tuple[Sequence[float], Sequence[float]]  # the numbers of side a and those of side b, none below 0


@dataclass(frozen=True)
class Change:
    """From a to b. factor: the median of all b / a (Hodges-Lehmann); infinite is from 0. low, high: its interval, which
    misses the truth in at most 5 of 100 cases. p: of Mann-Whitney, two-sided. higher: the share of all pairs in which b
    is higher, ties half; Cliff's delta is 2 * higher - 1.
    """

    factor: float
    low: float
    high: float
    p: float
    higher: float

    def stays(self, limit: float) -> bool:
        """Whether all of its interval is below this factor, up and down."""
        return 1 / limit < self.low and self.high < limit


def change(sample: Sample) -> Change:
    """Raises ValueError where a side has less than fewest() numbers."""
    factors, rank = _factors(sample), _bound(len(sample[0]), len(sample[1]))
    higher = sum((b > a) + (b == a) / 2 for a in sample[0] for b in sample[1]) / len(factors)
    return Change(_middle(factors), factors[rank - 1], factors[-rank], mann_whitney(sample), higher)


def mann_whitney(sample: Sample) -> float:
    """p: the share of all deals of these numbers in which the rank sums are at least as far apart."""
    a, b = sample
    ranks = doubled_ranks([*a, *b])
    return _tails(tuple(sorted(ranks)), len(a))[abs(sum(ranks[: len(a)]) - len(a) * (len(ranks) + 1))]


def fewest() -> int:
    """Runs a side below which no difference, however large, has a p under ALPHA."""
    return next(size for size in itertools.count(1) if 2 / math.comb(2 * size, size) < ALPHA)


def among_all(samples: Sequence[Sample], limit: float) -> list[Optional[float]]:
    """For each measure the chance that, were no measure different, any would look as changed as this one does.

    samples: of the same runs in the same order. To look changed is a p under ALPHA and a factor of `limit` or more; None
    for a measure that does not. More changed is what has more of its variance between the sides (eta squared). Whole runs
    are dealt out, so that what moves together, such as p95 and p99, does not count as independent evidence.
    """
    if not samples:
        return []
    sizes = len(samples[0][0]), len(samples[0][1])
    measures = [_Measure(sample, limit) for sample in samples]
    scores = [measure.score(tuple(range(sizes[0])), 0) for measure in measures]
    if not any(scores):
        return [None] * len(scores)
    least = min(score for score in scores if score) * (1 - ROUNDING)
    deals = _deals(*sizes)
    highest = [max(measure.score(deal, least) for measure in measures) for deal in deals]
    # a choice of deals has to hold the one that was seen (Phipson and Smyth 2010)
    seen = 0 if len(deals) == math.comb(sum(sizes), sizes[0]) else 1
    return [
        (sum(other >= score * (1 - ROUNDING) for other in highest) + seen) / (len(deals) + seen) if score else None
        for score in scores
    ]


class _Measure:
    """The numbers of one measure, to be dealt out again."""

    def __init__(self, sample: Sample, limit: float) -> None:
        self._values, self._limit = [*sample[0], *sample[1]], limit
        mean = math.fsum(self._values) / len(self._values)
        spread = math.sqrt(math.fsum((value - mean) ** 2 for value in self._values)) or 1.0
        self._scaled = [(value - mean) / spread for value in self._values]

    def score(self, deal: tuple[int, ...], least: float) -> float:
        """How changed it looks when these are side a, as a root of eta squared but for a constant; 0 where it does not."""
        score = abs(sum(itemgetter(*deal)(self._scaled)))
        if score < least:
            return 0.0
        others = set(range(len(self._values))).difference(deal)
        sample = itemgetter(*deal)(self._values), [self._values[index] for index in others]
        return score if mann_whitney(sample) < ALPHA and _reaches(_middle(_factors(sample)), self._limit) else 0.0


def _reaches(factor: float, limit: float) -> bool:
    return factor >= limit or factor <= 1 / limit


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
    outside = sum(count <= ALPHA / 2 * math.comb(size_a + size_b, size_a) for count in below)
    if not outside:
        raise ValueError(f"{size_a} and {size_b} numbers have no interval of {1 - ALPHA:.0%}; {fewest()} each do")
    return outside


def _factors(sample: Sample) -> list[float]:
    """Every b / a in order; 0 / 0 is no change."""
    return sorted(b / a if a else math.inf if b else 1.0 for a in sample[0] for b in sample[1])


def _middle(ordered: Sequence[float]) -> float:
    """The median; of two in the middle the geometric mean, so that the way back is 1 / it."""
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else math.sqrt(ordered[half - 1]) * math.sqrt(ordered[half])


@functools.lru_cache(maxsize=8)
def _deals(size_a: int, size_b: int) -> Sequence[tuple[int, ...]]:
    """Which runs are side a: every way, or a choice of them that is the same each time."""
    runs = range(size_a + size_b)
    if math.comb(len(runs), size_a) <= DEALS:
        return list(itertools.combinations(runs, size_a))
    dice = random.Random(SEED)  # noqa: S311 - nothing secret
    return [tuple(dice.sample(runs, size_a)) for _ in range(DEALS)]
