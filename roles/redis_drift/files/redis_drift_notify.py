"""Tell somebody what a scheduled check found: one message as JSON, to a command or to an address."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

VERDICTS = {0: "clean", 2: "drift"}  # of exit codes; any other one: failed
PAUSES = (1, 2, 4, 8, 16)  # seconds between the attempts of a notification, and 16 from then on
ATTEMPT = 10  # seconds for one of them
FEW = 100  # findings in a notification; it says how many there are
SCHEMA = "redis-drift-notification/1"
_KEYS = ("host", "instance", "id", "state", "expected", "actual", "remedy")


def readable(document: Any) -> Mapping[str, Any]:
    """The report of a check, or {} for what is none."""
    with contextlib.suppress(LookupError, TypeError, AttributeError):
        if document["schema"].startswith("redis-drift/1") and isinstance(document["exit_code"], int):
            unchecked(document), findings(document)
            return dict(document)
    return {}


def unchecked(document: Mapping[str, Any]) -> list[str]:
    """The hosts that were not looked at."""
    return sorted(str(host["host"]) for host in document.get("hosts", ()) if host["status"] != "checked")


def findings(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """Those that somebody has to do something about."""
    return [
        {key: str(item[key]) for key in _KEYS}
        for host in document.get("hosts", ())
        for scope in host["scopes"]
        for item in scope["findings"]
        if item["status"] not in ("PASS", "SKIP")
    ]


def message(document: Mapping[str, Any], *, code: int, reason: str, before: str, reports: str) -> dict[str, Any]:
    """What the hook gets. `text` is one line for people, `previous` the verdict that arrived last."""
    node, verdict, found = socket.gethostname(), VERDICTS.get(code, "failed"), findings(document)
    about = [f"{len(found)} finding{'s' * (len(found) != 1)}"] if found else []
    about += [reason] if reason else []
    return {
        "schema": SCHEMA,
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "node": node,
        "text": "; ".join([f"redis drift on {node}: {verdict}{f' (was {before})' if before else ''}", *about]),
        "verdict": verdict,
        "previous": before,
        "exit_code": code,
        "reason": reason,
        "unchecked": unchecked(document),
        "findings": found,
        "report": str(Path(reports) / "latest.html") if document else "",
    }


def gist(news: Mapping[str, Any]) -> dict[str, Any]:
    """What makes two notifications the same news."""
    found = sorted([item[key] for key in ("host", "instance", "id", "state", "actual")] for item in news["findings"])
    return {**{key: news[key] for key in ("verdict", "reason", "unchecked")}, "findings": found}


def deliver(
    hook: Sequence[str], news: Mapping[str, Any], seconds: float, run: Callable[..., int], timeout: int
) -> bool:
    """Whether it arrived, in so many seconds at most. run: as redis_drift_run.bounded, which returns `timeout` for that."""
    text = json.dumps({**news, "findings": news["findings"][:FEW], "findings_total": len(news["findings"])}) + "\n"
    end = time.monotonic() + seconds
    for number, pause in enumerate(itertools.chain(PAUSES, itertools.repeat(PAUSES[-1])), 1):
        room = min(ATTEMPT, end - time.monotonic())
        try:
            code = run(hook, room, text)
        except OSError as error:
            failure = f"{hook[0]} could not be started: {error}"
        else:
            failure = {0: "", timeout: f"no end after {room:.0f} s"}.get(code, f"{hook[0]} ended with {code}")
        if not failure:
            return True
        say(f"notification, attempt {number}: {failure}")
        if time.monotonic() + pause >= end:
            break
        time.sleep(pause)
    say("notification: given up; the next run tries again")
    return False


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST becomes a GET without the message, and its answer would pass for a delivery."""

    def redirect_request(self, *_: Any) -> None:
        return None


def post(url: str, body: bytes) -> int:
    """Says why it failed, never to where: the address may hold a token."""
    try:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json", "User-Agent": "redis-drift"})  # noqa: S310 - below
        if request.type not in ("http", "https"):
            raise ValueError
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=ATTEMPT) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        say(f"the server answered {error.code}")
    except OSError as error:
        say(f"no answer: {getattr(error, 'reason', error)}")
    except (ValueError, http.client.HTTPException) as error:
        say(f"redis_drift_notify_url is no address of http or https that can be used ({type(error).__name__})")
    else:
        return 0
    return 1


def say(text: str) -> None:
    """One line in the log, without what a terminal acts on."""
    line = "".join(char if char.isprintable() else "\ufffd" for char in text)
    print(f"redis-drift-run: {line}", file=sys.stderr, flush=True)
