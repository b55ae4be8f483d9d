#!/usr/bin/env python3
"""How often a comparison of load tests is wrong, and what it finds, by the number of runs a side: made-up reports with the
noise of real ones (tests/unit/load_runs.py), through the real comparison.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "unit"))

import ansible.module_utils  # noqa: E402 - found only now, as the next ones
import lab  # noqa: E402
from load_runs import report  # noqa: E402

ansible.module_utils.__path__.append(str(ROOT / "module_utils"))
from ansible.module_utils.redis_control.load import compare, runs  # noqa: E402
from ansible.module_utils.redis_control.verdicts import BETTER, WORSE  # noqa: E402

EFFECT = 5.0  # percent
CASES = {  # what is slower in b, and the measure that is looked for
    "nothing": ({}, ""),
    "one p95 +10 %": ({"session_read p95": 1.1}, "session_read p95"),
    "one p95 +20 %": ({"session_read p95": 1.2}, "session_read p95"),
    "one p99 +50 %": ({"session_read p99": 1.5}, "session_read p99"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200, help="comparisons of each kind (default: %(default)s)")
    parser.add_argument("--runs", type=int, nargs="+", default=[6, 7, 8, 10], help="runs a side (default: %(default)s)")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), help="what is slower (default: each)")
    given = parser.parse_args()
    rows = []
    for size in given.runs:
        for case in given.cases:
            factors, wanted = CASES[case]
            dice = random.Random(size)  # noqa: S311 - nothing secret
            found = [compared(dice, size, factors) for _ in range(given.trials)]
            alarms = [changed(measures) for measures in found]
            false = sum(bool(names - set(factors)) for names in alarms)
            right = sum(wanted in names for names in alarms)
            rows.append([size, case, share(false, given.trials), share(right, given.trials) if wanted else ""])
    lab.table(["runs a side", "what is slower", "a false alarm", "found"], rows)


def share(count: int, trials: int) -> str:
    return f"{100 * count / trials:.1f} %"


def compared(dice: random.Random, size: int, factors: dict[str, float]) -> list[dict]:
    """The measures of one comparison, of runs that took turns."""
    a = [runs.read(f"{number}.json", report(dice, number)) for number in range(0, 2 * size, 2)]
    b = [runs.read(f"{number}.json", report(dice, number, factors=factors)) for number in range(1, 2 * size, 2)]
    document = compare.build(compare.Side("a", a), compare.Side("b", b), effect=EFFECT, time="")
    return document["instances"][0]["measures"]


def changed(measures: list[dict]) -> set[str]:
    """The names of the measures that are called better or worse."""
    return {row["name"] for row in measures if row["verdict"] in (BETTER, WORSE)}


if __name__ == "__main__":
    main()
