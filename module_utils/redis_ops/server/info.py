"""INFO as values: numbers, texts, and a mapping for each line that has several of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Union

from ..base.engine import Engine, parse_version
from ..base.errors import InvalidValue

Value = Union[int, float, str]

_INTEGER = re.compile(r"-?[0-9]{1,20}")  # longer ones are nobody's counter, and slow to convert
_DECIMAL = re.compile(r"-?[0-9]{1,20}\.[0-9]{1,20}")
# Texts, even where they look like a number: a commit of 00000000, a serial of 1234, a version 8.0.
_TEXTS = frozenset(
    (
        "availability_zone",
        "config_file",
        "executable",
        "gcc_version",
        "master_host",
        "master_replid",
        "master_replid2",
        "mem_allocator",
        "os",
        "redis_build_id",
        "redis_git_sha1",
        "redis_version",
        "run_id",
        "server_name",
        "tls_ca_cert_serial",
        "tls_client_cert_serial",
        "tls_server_cert_serial",
        "valkey_version",
    )
)
# Lines such as db0:keys=1,expires=0. Other lines with a '=' are texts: a path may have one.
_NUMBERED = re.compile(r"(db|slave)[0-9]+")
_STATISTICS = re.compile(r"(cmdstat_|errorstat_|latency_percentiles_usec_)")
# What the code relies on in each of them.
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "db": ("keys",),
    "cmdstat_": ("calls", "usec"),
    "errorstat_": ("count",),
}
# What no look at a server can do without; every Redis, Valkey and Sentinel says it.
REQUIRED = ("redis_version", "run_id", "process_id", "tcp_port")
# Fields that the code counts with.
NUMBERS = frozenset(
    (
        "aof_current_size",
        "aof_enabled",
        "aof_rewrite_in_progress",
        "aof_rewrite_scheduled",
        "async_loading",
        "connected_clients",
        "connected_slaves",
        "loading",
        "master_port",
        "master_repl_offset",
        "mem_not_counted_for_evict",
        "min_slaves_good_slaves",
        "module_fork_in_progress",
        "number_of_libraries",
        "process_id",
        "rdb_bgsave_in_progress",
        "rdb_changes_since_last_save",
        "rdb_last_save_time",
        "server_time_usec",
        "tcp_port",
        "uptime_in_seconds",
        "used_memory",
        "used_memory_dataset",
    )
)


def parse(text: str) -> dict[str, Any]:
    """Field -> number, text, or mapping of the same. Raises InvalidValue for what no Redis says."""
    found: dict[str, Any] = {}
    for line in text.split("\n"):
        if not line.startswith("#"):
            name, colon, value = line.rstrip("\r").partition(":")
            statistic = _STATISTICS.match(name)
            if statistic:  # the name of a command may have a colon: 'host:'
                name, _, value = line.rstrip("\r").rpartition(":")
            mapping = statistic or _NUMBERED.fullmatch(name)
            if mapping:
                found[name] = _mapping(name, value, _FIELDS.get(mapping.group(1), ()))
            elif colon:
                found[name] = _value(name, value)
    required = [*REQUIRED, *(("master_host", "master_port") if found.get("role") == "slave" else ())]
    missing = [name for name in required if name not in found]
    if missing:
        raise InvalidValue(f"INFO with {', '.join(missing)}")
    try:
        engine_of(found)
    except ValueError:
        raise InvalidValue("INFO with the version of the server") from None
    return found


def engine_of(info: Mapping[str, Any]) -> Engine:
    """Which server answered. Valkey also reports the Redis version it is compatible with; its own comes first."""
    if "valkey_version" in info:
        return Engine("valkey", parse_version(str(info["valkey_version"])))
    return Engine("redis", parse_version(str(info["redis_version"])))


def _value(name: str, text: str) -> Value:
    value = text if name in _TEXTS else _scalar(text)
    if isinstance(value, str) and name in NUMBERS:
        raise InvalidValue(f"a number as {name} of INFO")
    return value


def _mapping(name: str, text: str, fields: tuple[str, ...]) -> dict[str, Value]:
    pairs = (item.partition("=") for item in text.split(","))
    found = {field: _scalar(value) for field, _, value in pairs}
    missing = [field for field in fields if not isinstance(found.get(field), (int, float))]
    if missing:
        raise InvalidValue(f"numbers as {', '.join(missing)} of {name} in INFO")
    return found


def _scalar(text: str) -> Value:
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text
