"""Put small faults into the core, one at a time, and say which of them no unit test finds.

    python -m tests.mutation                      every place of the core (hours)
    python -m tests.mutation --sample 40          one place on so many lines, the same in each run until those lines change
    python -m tests.mutation FILE-OR-FOLDER...    other places; FILE:LINE for those of a line

Ends with 1 when the tests find less than 90 of 100.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import resource
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .chosen import Choice
from .judge import copy_of, failure, killer
from .mutants import Mutant, places, sampled

ROOT = Path(__file__).resolve().parent.parent.parent
ROOMS = ("base", "catalog", "model", "plan", "checks", "drift")
CORE = [*(f"module_utils/redis_ops/{room}" for room in ROOMS), "module_utils/redis_control"]
WANTED = 0.9


@dataclass(frozen=True)
class Task:
    mutant: Mutant
    rounds: list[list[str]]


@dataclass(frozen=True)
class Answer:
    mutant: Mutant
    killer: str
    seconds: float  # of a processor
    rounds: list[list[str]]


def main(words: Sequence[str]) -> int:
    options = _options(words)
    mutants = _chosen(options.paths, options.sample, options.seed)
    choice = Choice(ROOT)
    tasks = [Task(mutant, choice.rounds(mutant.path)) for mutant in mutants]
    print(f"{len(tasks)} mutants", flush=True)
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        answers = list(_judged(tasks, Path(directory), options.processes))
        wrong = _fails_anyway(Path(directory), answers)
    if wrong:
        print(f"{wrong} fails without a mutant as well: repair that first", file=sys.stderr)
        return 2
    return _told(answers)


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("paths", nargs="*", default=CORE, help="files, FILE:LINE, folders (default: the core)")
    parser.add_argument("--sample", type=int, default=0, help="one mutant on so many lines (default: all mutants)")
    parser.add_argument("--seed", type=int, default=1, help="which lines (default: 1)")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    return parser.parse_args(words)


def _chosen(names: Sequence[str], count: int, seed: int) -> list[Mutant]:
    """count: 0 for all mutants in these files and folders."""
    if count:
        files = [file for name in names for file in _files(name)]
        return list(itertools.islice(sampled(ROOT, files, seed), count))
    mutants = []
    for name in names:
        path, _, line = name.partition(":")
        found = [place for file in _files(path) for place in places(ROOT, file)]
        mutants += [mutant for place in found if line in ("", str(place.line)) for mutant in place.mutants()]
    return mutants


def _files(name: str) -> list[Path]:
    path = ROOT / name
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _judged(tasks: Sequence[Task], directory: Path, processes: int) -> Iterator[Answer]:
    context = multiprocessing.get_context("fork")
    with context.Pool(processes, _make_tree, (directory,)) as pool:
        for count, answer in enumerate(pool.imap_unordered(_answer, tasks), start=1):
            if not answer.killer:
                print(f"survived  {answer.mutant}\n{answer.mutant.diff}\n", flush=True)
            elif count % 20 == 0:
                print(f"{count} of {len(tasks)} done", flush=True)
            yield answer


def _make_tree(directory: Path) -> None:
    copy_of(ROOT, _tree(directory))
    os.chdir(_tree(directory))


def _tree(directory: Path) -> Path:
    return directory / str(os.getpid())


def _answer(task: Task) -> Answer:
    before = _used()
    return Answer(task.mutant, killer(Path.cwd(), task.mutant, task.rounds), _used() - before, task.rounds)


def _used() -> float:
    """Seconds of a processor that the tests have taken: unlike the time that passes, the same on a busy machine."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _fails_anyway(directory: Path, answers: Sequence[Answer]) -> str:
    """A test that seems to have found a mutant and fails without one, or ""."""
    tests = sorted({answer.killer for answer in answers if "::" in answer.killer or answer.killer.endswith(".py")})
    # tests that do not end with a mutant have to end without it
    late = [tests for answer in answers if answer.killer == "time" for tests in answer.rounds if tests]
    tree = copy_of(ROOT, directory / "clean")
    return next(filter(None, (failure(tree, found) for found in [tests, *late] if found)), "")


def _told(answers: Sequence[Answer]) -> int:
    killed = sum(bool(answer.killer) for answer in answers)
    share = killed / len(answers) if answers else 0.0
    seconds = sum(answer.seconds for answer in answers)
    print(
        f"{killed} of {len(answers)} mutants killed ({share:.0%}, wanted {WANTED:.0%}); {seconds:.0f} s of a processor"
    )
    return 0 if share >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
