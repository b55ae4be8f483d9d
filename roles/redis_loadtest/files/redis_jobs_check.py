"""Whether jobs can be put on a server from here: what redis_jobs.py adds to the checklist before a load test.

Asks the server for INFO server, and adds no job.
"""

from __future__ import annotations

import importlib.metadata
import inspect
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from redis_jobs_data import Config, load
from redis_load_check import FAIL, LATER, PASS, Finding, clock, row
from redis_load_watch import available, cores

ANSWERS = "the server answers from here, with these credentials"
DOCUMENT = "docs/queues.md"


def check(path: Path, *, without_login: bool = False) -> dict[str, Any]:
    """As redis_load.py --check prints it, with the version of bullmq instead of that of k6."""
    now, who = time.time(), {"run_id": "", "unknown": ""}
    version, library = _library()
    found = [library]
    try:
        config = load(path)
    except (OSError, ValueError, TypeError) as error:
        found += _mistakes(path, str(error))
    else:
        found.append(row("config", "configuration", PASS, "options that fit together", str(path), DOCUMENT))
        if version:
            who, answers = _server(config, without_login=without_login)
            found.append(answers)
    found.append(clock(now))
    return {"time": now, "findings": found, "bullmq": version, **who, "cores": cores(), "memory_available": available()}


def quiet() -> dict[str, Any]:
    """Options with which redis-py sends neither CLIENT SETINFO nor CLIENT MAINT_NOTIFICATIONS when it connects. A user that
    may do little is refused those, and each refusal is an entry in the ACL log of the server.
    """
    import redis  # noqa: PLC0415 - it is there, see check()

    parameters = inspect.signature(redis.Redis).parameters
    names = ("driver_info",) if "driver_info" in parameters else ("lib_name", "lib_version")
    options: dict[str, Any] = {name: None for name in names if name in parameters}
    if "maint_notifications_config" in parameters:
        from redis.maint_notifications import MaintNotificationsConfig  # noqa: PLC0415 - from redis-py 7 on

        options["maint_notifications_config"] = MaintNotificationsConfig(enabled=False)
    return options


def _library() -> tuple[str, Finding]:
    about = ("bullmq", "BullMQ")
    expected = "a Python with the package bullmq"
    try:
        import bullmq  # noqa: F401, PLC0415 - whether it can be
        import redis  # noqa: F401, PLC0415

        version = importlib.metadata.version("bullmq")
    except ImportError as missing:
        remedy = "name one in redis_loadtest_python, or leave that empty to have it brought"
        return "", row(*about, FAIL, expected, f"{sys.executable}: {missing}", DOCUMENT, remedy)
    return version, row(*about, PASS, expected, f"bullmq {version}", DOCUMENT)


def _mistakes(path: Path, text: str) -> Iterator[Finding]:
    for line in text.splitlines():
        told, _, expected = line.partition("; expected ")
        option, _, wrong = told.partition(": ") if expected else ("configuration", "", told)
        yield row("config", option, FAIL, expected or DOCUMENT, wrong, DOCUMENT, f"correct {path}")


def _server(config: Config, *, without_login: bool) -> tuple[dict[str, str], Finding]:
    """Which server that is, and whether it answers."""
    import redis  # noqa: PLC0415 - it is there, see check()
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    who = {"run_id": "", "unknown": ""}
    to = config.connection
    place = to.get("unix_socket_path") or f"{to.get('host', 'localhost')}:{to.get('port', 6379)}"
    client = redis.Redis(decode_responses=True, retry=Retry(NoBackoff(), 0), **config.options(), **quiet())
    try:
        try:
            who["run_id"] = str(client.info("server").get("run_id", ""))
        except redis.ResponseError as refused:
            if "permission" not in str(refused):
                raise
            client.ping()
            who["unknown"] = f"it may not read INFO: NOPERM {refused}"
        except redis.AuthenticationError:
            if not without_login or to.get("password"):
                raise
            asks = f"{place} answers, and asks for a login"
            return {**who, "unknown": LATER}, row("server", "server", PASS, ANSWERS, asks, "Redis documentation, INFO")
    except (redis.RedisError, OSError) as error:
        user = f"as user {to.get('username') or 'default'}, with{'' if to.get('password') else 'out'} a password"
        remedy = "see that it listens for this machine (bind, firewall), and the user and password of the load"
        told = f"{place} {user}: {error or type(error).__name__}"
        return who, row("server", "server", FAIL, ANSWERS, told, "Redis documentation, INFO", remedy)
    finally:
        client.close()
    return who, row("server", "server", PASS, ANSWERS, f"{place} answers", "Redis documentation, INFO")
