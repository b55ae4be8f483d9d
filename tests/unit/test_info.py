"""INFO as values, and that what the code counts with is there and is a number."""

from __future__ import annotations

import ast
import contextlib
import re
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base.errors import InvalidValue
from ansible.module_utils.redis_ops.server import info, persistence, replies
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

PACKAGE = Path(__file__).parents[2] / "module_utils" / "redis_ops"
LEAST = {"redis_version": "7.0.15", "run_id": "0a1b", "process_id": "42", "tcp_port": "0"}


def text_of(**fields: object) -> str:
    return "# Server\r\n" + "".join(f"{name}:{value}\r\n" for name, value in {**LEAST, **fields}.items()) + "\r\n"


def parsed(line: str) -> dict:
    found = info.parse(text_of() + line)
    return {name: value for name, value in found.items() if name not in LEAST}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("used_memory:1048576\r\n", {"used_memory": 1048576}),
        ("used_memory:1048576\n", {"used_memory": 1048576}),
        ("aof_last_rewrite_time_sec:-1", {"aof_last_rewrite_time_sec": -1}),
        ("used_cpu_sys:0.089471", {"used_cpu_sys": 0.089471}),
        ("mem_fragmentation_ratio:nan", {"mem_fragmentation_ratio": "nan"}),
        ("maxmemory_human:0B", {"maxmemory_human": "0B"}),
        ("availability_zone:", {"availability_zone": ""}),
        ("some_counter:" + "9" * 5000, {"some_counter": "9" * 5000}),
        ("some_counter:1_000", {"some_counter": "1_000"}),
        ("some_counter:٣", {"some_counter": "٣"}),
        # texts, whatever they look like
        ("redis_git_sha1:00000000", {"redis_git_sha1": "00000000"}),
        ("master_replid2:" + "0" * 40, {"master_replid2": "0" * 40}),
        ("gcc_version:12.2", {"gcc_version": "12.2"}),
        ("tls_server_cert_serial:0123456789", {"tls_server_cert_serial": "0123456789"}),
        ("config_file:/srv/a=b,c:d.conf", {"config_file": "/srv/a=b,c:d.conf"}),
        ("executable:/srv/1,2", {"executable": "/srv/1,2"}),
        ("master_host:10.1", {"master_host": "10.1"}),
        ("config_file:/srv/\x85\x0b\u2028.conf", {"config_file": "/srv/\x85\x0b\u2028.conf"}),
        # several values
        ("db0:keys=3,expires=1,avg_ttl=0", {"db0": {"keys": 3, "expires": 1, "avg_ttl": 0}}),
        ("db0_distrib_strings_sizes:1=2", {"db0_distrib_strings_sizes": "1=2"}),
        (
            "cmdstat_get:calls=2,usec=7,usec_per_call=3.50",
            {"cmdstat_get": {"calls": 2, "usec": 7, "usec_per_call": 3.5}},
        ),
        ("cmdstat_host::calls=1,usec=1", {"cmdstat_host:": {"calls": 1, "usec": 1}}),
        ("errorstat_My_Err=a,b:count=1", {"errorstat_My_Err=a,b": {"count": 1}}),
        ("latency_percentiles_usec_get:p50=1.003", {"latency_percentiles_usec_get": {"p50": 1.003}}),
        (
            "slave0:ip=::1,port=6380,state=online,offset=70,lag=1",
            {"slave0": {"ip": "::1", "port": 6380, "state": "online", "offset": 70, "lag": 1}},
        ),
        ("listener0:name=unix,bind=/run/a=b.sock", {"listener0": "name=unix,bind=/run/a=b.sock"}),
        # no field
        ("# Clients", {}),
        ("a line without a colon", {}),
    ],
)
def test_fields(line, found):
    assert parsed(line) == found


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"process_id": "many"}, "a number as process_id"),
        ({"used_memory": ""}, "a number as used_memory"),
        ({"loading": "9" * 5000}, "a number as loading"),
        ({"redis_version": "new"}, "the version"),
        ({"valkey_version": ""}, "the version"),
        ({"db0": "many"}, "numbers as keys of db0"),
        ({"db7": "keys=many"}, "numbers as keys of db7"),
        ({"cmdstat_get": "calls=1"}, "numbers as usec of cmdstat_get"),
        ({"errorstat_ERR": "1"}, "numbers as count of errorstat_ERR"),
        ({"role": "slave"}, "INFO with master_host, master_port"),
        ({"role": "slave", "master_host": "a", "master_port": "b"}, "a number as master_port"),
    ],
)
def test_what_no_redis_says(fields, expected):
    with pytest.raises(InvalidValue, match=expected):
        info.parse(text_of(**fields))


@pytest.mark.parametrize("name", LEAST)
def test_what_every_redis_says(name):
    text = re.sub(rf"^{name}:.*\r\n", "", text_of(), flags=re.MULTILINE)
    with pytest.raises(InvalidValue, match=f"INFO with {name}"):
        info.parse(text)


@quick
@given(
    st.text(),
    st.lists(st.sampled_from(["db0:", "cmdstat_a:", "errorstat_", "\r\n", "=", ",", ":", "keys=", "-1", "."])),
)
def test_any_text_is_parsed_or_refused(text, parts):
    for tried in (text, text_of() + text, text_of() + "".join(parts), text_of(db0=text), text_of(used_memory=text)):
        with contextlib.suppress(InvalidValue):
            info.parse(tried)


# --- what the code takes for granted ----------------------------------------------------------------------------------


def names_in(pattern: str, under: str = "") -> set[str]:
    """Of fields, in all code that reads INFO."""
    return {
        name
        for path in (PACKAGE / under).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.Call, ast.Subscript))
        for name in re.findall(pattern, ast.unparse(node))
    }


def test_what_is_taken_as_a_number_is_one():
    taken = r"(?:\.get\(|\[)'(\w+)'"
    used = names_in(rf"^(?:int|float)\((?:\w+\.)*(?:info|info\(\)|_info){taken}")
    assert {"process_id", "used_memory", "loading"} <= used, "the scan sees them"
    used |= names_in(rf"^int\((?:before|after){taken}", "apply")
    assert used | {*persistence.SAVES, *persistence.AT_WORK} <= info.NUMBERS


def test_an_option_that_is_taken_as_a_number_is_one():
    used = names_in(r"^int\((?:live|config)\.get\('([\w-]+)'")
    assert {"maxmemory", "slowlog-max-len"} <= used, "the scan sees them"
    assert used <= replies.NUMBERS
    for name in used:
        assert replies.fits("CONFIG GET", ["hz", "ten", name, "-1"])
        assert not replies.fits("CONFIG GET", ["hz", "ten", name, "ten"])


def test_what_is_taken_without_asking_is_there():
    used = names_in(r"^(?:\w+\.)*(?:info|info\(\)|_info)\['(\w+)'\]$")
    assert "process_id" in used, "the scan sees them"
    assert used <= {*info.REQUIRED, "valkey_version", "master_host", "master_port"}
