"""What the shell of a load generator is told: scripts of a line or two, as a look every two seconds must cost it nothing. Pure.

runs: those of one generator, as plan.py has them. They share a directory, of which redis_load/place.py has the rules.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from ...redis_load.place import HELD
from .archive import NAME

DONE = "all programs have ended"
SECONDS_FOR_PREPARATION = 900  # that the next run leaves a directory alone, if this one is killed before it loads
LAST = 60  # seconds for a program that was told to end and did not

Run = Mapping[str, str]

BRING = f"""\
umask 077
runs=$HOME/.cache/ansible-redis/runs
mkdir -p "$runs" && chmod 700 "$runs" && directory=$(mktemp -d "$runs/XXXXXXXX") || {{
  echo "$(id -un) cannot make a directory in $runs; expected a home directory that this user can write" >&2
  exit 1
}}
echo {SECONDS_FOR_PREPARATION} > "$directory/watched"
cat > "$directory/{NAME}" && echo "$directory"
"""
# $0: the file that says that the program has ended; $1: the file for what it says
_RUN = 'ended=$0 said=$1; shift; "$@" 2>> "$said"; code=$?; : > "$ended"; exit $code'


def prepare(directory: str, python: str, words: Sequence[str]) -> str:
    """Make it ready for a load. words: what the command `prepare` takes."""
    return shlex.join([python, f"{directory}/{NAME}", "prepare", *words])


def start(runs: Sequence[Run], begin: int, unwatched: int, seconds: int) -> str:
    """Each program in a session of its own, which outlives the connection. begin: of the load of users, in seconds since
    1970; 0 for at once. unwatched: seconds until somebody looks. seconds: after which a program is taken for broken.
    """
    watched = f"echo {unwatched} > {_in(runs, 'watched')}"
    return "; ".join(["trap '' HUP", watched, *(_started(run, begin, seconds) for run in runs)])


def _started(run: Run, begin: int, seconds: int) -> str:
    limit = ["timeout", f"--kill-after={LAST}", str(seconds)]
    program = [run["python"], f"{run['directory']}/{NAME}", run["kind"], run["config"]]
    program += [f"--start-at={begin}"] if run["kind"] == "users" else []
    words = ["setsid", "/bin/sh", "-c", _RUN, run["ended"], run["progress"], *limit, *program]
    return f"{shlex.join(words)} < /dev/null > /dev/null 2>&1 & :"


def look(runs: Sequence[Run]) -> str:
    """Say that somebody looks; the last line of each program, and DONE when all have ended."""
    last = "; ".join(f"tail -n 1 {shlex.quote(run['progress'])} 2>/dev/null; echo" for run in runs)
    over = " && ".join(f"test -e {shlex.quote(run['ended'])}" for run in runs)
    return (
        f"{{ echo {HELD} > {_in(runs, 'watched')}; }} 2>/dev/null; {last}; {over} && echo {shlex.quote(DONE)} || true"
    )


def stop(runs: Sequence[Run]) -> str:
    """End them, as Ctrl-C does."""
    return f": > {_in(runs, 'stop')}"


def leave(runs: Sequence[Run]) -> str:
    """End them. Nobody will fetch what was measured, so that the last one removes the directory."""
    return f"echo 0 > {_in(runs, 'watched')}; {stop(runs)}"


def collect(run: Run) -> str:
    """What a program measured, or said last."""
    return f"cat {shlex.quote(run['result'])} 2>/dev/null || tail -n 5 {shlex.quote(run['progress'])}"


def _in(runs: Sequence[Run], file: str) -> str:
    return shlex.quote(f"{runs[0]['directory']}/{file}")
