"""What got better or worse between two sets of load tests, and what nobody can tell. Pure. docs/comparing.md describes it.

Side a is before, side b after. A measure is better or worse when its p is below ALPHA and the change is as large as
somebody cares about. It is the same when the whole interval of the change is smaller than that. Everything else cannot be
told.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ...redis_ops.base.errors import InvalidInput, Problem
from ..verdicts import BETTER, CANNOT_TELL, COMPARISON, NOT_WORSE, WORSE
from .rank_test import ALPHA, Change, Sample, change, fewest, median_interval
from .runs import Measure, Run

SCHEMA = "redis-loadtest-compare/1"
SAME = "same"  # of a measure; of all of them it is NOT_WORSE
GONE = ("p_among_all", "needed")  # keys of the schema that have no value any more

Where = tuple[str, str]  # host and instance


@dataclass(frozen=True)
class Side:
    """name: its label, or what it is called. given: all its runs, those that nobody can trust too."""

    name: str
    given: Sequence[Run]

    @property
    def runs(self) -> list[Run]:
        return sorted((run for run in self.given if not run.invalid), key=lambda run: run.time)

    @property
    def places(self) -> list[Where]:
        """Of its first run, which is that of all of them."""
        return sorted(self.runs[0].places) if self.runs else []

    def texts(self, where: Where, what: str) -> list[Mapping[str, str]]:
        """Of each run: what it offered to this instance, or the facts about it."""
        return [getattr(run.places[where], what) for run in self.runs]


def build(a: Side, b: Side, *, effect: float, time: str, unread: Sequence[str] = ()) -> dict[str, Any]:
    """The comparison as a document. effect: percent above 0; 5 is a factor of 1.05, up or down. unread: files that hold no
    report, and why.

    Raises InvalidInput where these are not runs of one load on the same instances.
    """
    problems = [*_typed(effect), *_twice(a, b), *_instances(a, b)] or [*_offered(a, b)]
    if problems:
        raise InvalidInput(problems)
    sides = (a, b)
    measures = _measures(a, b, 1 + effect / 100)
    instances = [
        {
            "host": where[0],
            "instance": where[1],
            "offered": dict(a.runs[0].places[where].offered),
            "differences": [
                {"what": name, "a": before, "b": after}
                for name, before, after in _disagreements(*(side.texts(where, "facts") for side in sides))
            ],
            "measures": found,
        }
        for where, found in measures.items()
    ]
    verdict = _overall([measure for found in measures.values() for measure in found])
    return {
        "schema": SCHEMA,
        "time": time,
        "verdict": verdict,
        "exit_code": COMPARISON.codes[verdict],
        "effect": effect,
        "fewest": fewest(),
        **{key: _told(side) for key, side in zip("ab", sides)},
        "notes": [*_notes(a, b), *(f"not read: {text}" for text in unread)],
        "instances": instances,
    }


def _told(side: Side) -> dict[str, Any]:
    return {
        "name": side.name,
        "runs": [{"file": run.file, "time": run.time} for run in side.runs],
        "left_out": [{"file": run.file, "reason": run.invalid} for run in side.given if run.invalid],
    }


# --- whether they can be compared -------------------------------------------------------------------------------------


def _typed(effect: float) -> Iterator[Problem]:
    if not 0 < effect <= 1000:
        yield Problem("redis_loadtest_compare_effect", f"{effect:g}", "percent, above 0", "leave it out for 5")


def _twice(a: Side, b: Side) -> Iterator[Problem]:
    if a.given == b.given:
        yield Problem(
            "redis_loadtest_compare_b", f"the runs of {a.name} again", "other runs", "name those after the change"
        )
        return
    seen: list[Run] = []
    for run in (*a.given, *b.given):
        same = next((other for other in seen if (other.time, other.places) == (run.time, run.places)), None)
        if same:
            yield Problem(run.file, f"is the same run as {same.file}", "each run once", "leave one of them out")
        seen.append(run)


def _instances(a: Side, b: Side) -> Iterator[Problem]:
    runs = [*a.runs, *b.runs]
    everywhere = {where for run in runs for where in run.places}
    for where in sorted(everywhere):
        without = [run.file for run in runs if where not in run.places]
        if without:
            more = f" and {len(without) - 1} more" if len(without) > 1 else ""
            remedy = "compare runs of one inventory and one --limit"
            yield Problem(
                f"{without[0]}{more}", f"no {' '.join(where)} in it", "the same instances in all runs", remedy
            )


def _offered(a: Side, b: Side) -> Iterator[Problem]:
    """Another load is another question."""
    for where in a.places if b.runs else ():
        found = list(_disagreements(*(side.texts(where, "offered") for side in (a, b))))
        kinds = {name for name, _, _ in found if ":" not in name}
        for name, before, after in found:
            if name.partition(":")[0] in kinds - {name}:
                continue  # the whole kind of load is missing, and so are its options
            what = f"{before} in {a.name}, {after} in {b.name}"
            yield Problem(
                f"{' '.join(where)}, load {name}", what, "the same load in all runs", "compare runs of one load"
            )


def _disagreements(a: Sequence[Mapping[str, str]], b: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, str, str]]:
    """What is not the same in all of these, with its values on either side."""
    for name in sorted({name for texts in (*a, *b) for name in texts}):
        before, after = (sorted({texts.get(name, "(none)") for texts in side}) for side in (a, b))
        if len({*before, *after}) > 1:
            yield name, " or ".join(before), " or ".join(after)


def _notes(a: Side, b: Side) -> Iterator[str]:
    if not (a.runs and b.runs):
        yield from (f"{side.name}: every run is INVALID" for side in (a, b) if not side.runs)
        return
    for side in (a, b):
        lost = len(side.given) - len(side.runs)
        if lost:
            yield (
                f"{lost} of {len(side.given)} runs of {side.name} are INVALID: where what is compared made them so, "
                "what is left of them looks better than it is"
            )
    first, last = sorted((a, b), key=lambda side: side.runs[0].time)
    if first.runs[-1].time < last.runs[0].time:
        yield (
            f"every run of {first.name} was before every run of {last.name}: whatever else changed on the machine "
            "meanwhile looks like their difference; take turns, as docs/comparing.md shows"
        )
    for side in (a, b):
        mixed = {name for where in a.places for name, _, _ in _disagreements(side.texts(where, "facts"), [])}
        if mixed:
            yield f"the runs of {side.name} are not of one kind: {', '.join(sorted(mixed))}"
    if not any(run.places[where].offered for run in (*a.runs, *b.runs) for where in a.places):
        yield "somebody else made the load, and nothing here tells whether it was the same one each time"


# --- what changed -----------------------------------------------------------------------------------------------------


def _measures(a: Side, b: Side, limit: float) -> dict[Where, list[dict[str, Any]]]:
    """Every measure of every instance, in the order of the reports. limit: the factor that counts as a change."""
    if not (a.runs and b.runs):
        return {}
    sizes = len(a.runs), len(b.runs)
    samples = {
        (where, measure): (_values(a, where, measure), _values(b, where, measure))
        for where in a.places
        for measure in dict.fromkeys(name for run in (*a.runs, *b.runs) for name in run.places[where].measured)
    }
    found: dict[Where, list[dict[str, Any]]] = {where: [] for where in a.places}
    for key, sample in samples.items():
        row = {
            "name": key[1].name,
            "unit": key[1].unit,
            "better": "higher" if key[1].higher_is_better else "lower",
            "latency": key[1].latency,
            **{side: list(values) for side, values in zip("ab", sample)},
            **{f"{side}_median": statistics.median(values) if values else None for side, values in zip("ab", sample)},
        }
        if (len(sample[0]), len(sample[1])) == sizes and min(sizes) >= fewest():
            row.update(_judged(change(sample), key[1], limit), **_intervals(sample))
        else:
            row.update(_not_judged(sample, sizes))
        found[key[0]].append(row)
    return found


def _values(side: Side, where: Where, measure: Measure) -> list[float]:
    """Of the runs that measured it."""
    return [run.places[where].measured[measure] for run in side.runs if measure in run.places[where].measured]


def _not_judged(sample: Sample, sizes: tuple[int, int]) -> dict[str, Any]:
    told = (len(sample[0]), len(sample[1]))
    few = f"{sizes[0]} and {sizes[1]} runs: {fewest()} each are needed at the least"
    some = f"measured in {told[0]} of {sizes[0]} and {told[1]} of {sizes[1]} runs"
    numbers = ("change", "change_low", "change_high", "p", "b_is_better", "a_low", "a_high", "b_low", "b_high")
    return {**dict.fromkeys((*numbers, *GONE)), "verdict": CANNOT_TELL, "why": few if told == sizes else some}


def _judged(found: Change, measure: Measure, limit: float) -> dict[str, Any]:
    verdict = CANNOT_TELL
    if found.p < ALPHA and found.reaches(limit):
        verdict = BETTER if (found.factor > 1) == measure.higher_is_better else WORSE
    elif found.stays(limit):
        verdict = SAME
    return {
        "change": _percent(found.factor),
        "change_low": _percent(found.low),
        "change_high": _percent(found.high),
        "p": found.p,
        "b_is_better": found.higher if measure.higher_is_better else 1 - found.higher,
        "verdict": verdict,
        "why": "",
        **dict.fromkeys(GONE),
    }


def _intervals(sample: Sample) -> dict[str, float]:
    ends = (median_interval(values) for values in sample)
    return {f"{side}_{end}": value for side, found in zip("ab", ends) for end, value in zip(("low", "high"), found)}


def _percent(factor: float) -> Optional[float]:
    """None where it was 0 before."""
    return 100 * (factor - 1) if math.isfinite(factor) else None


def _overall(measures: Sequence[Mapping[str, Any]]) -> str:
    """Whether anything got worse; and where nothing did, whether that says anything.

    A counter that stays 0 and a rate that is what was offered are the same in any case, so latencies speak for the rest.
    """
    changed = [measure["verdict"] for measure in measures if measure["verdict"] in (WORSE, BETTER)]
    telling = [measure for measure in measures if measure["latency"]] or [
        measure for measure in measures if len({*measure["a"], *measure["b"]}) > 1
    ]
    return COMPARISON.whole([*changed, *(NOT_WORSE for measure in telling if measure["verdict"] == SAME)])
