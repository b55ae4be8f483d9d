"""May another server program take over the data that is there? Field cases A28 and D12."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.checks import product
from ansible.module_utils.redis_ops.platform.units import Unit
from ansible.module_utils.redis_ops.server.persistence import Store
from ansible.module_utils.redis_ops.view.strangers import Stranger
from views import REDIS_7, Server, host_of, seen_of, several

[ONE] = several({"name": "default"})
OLDER, SAME, NEWER = (Engine.parse(f"redis {version}") for version in ("6.2.14", "7.0.9", "7.2.4"))
KEYS = {"db0": {"keys": 5}}


def told(wanted: Engine, *strangers: Stranger, one=ONE, **view) -> list[str]:
    view = {"installed": None, **view}
    return [str(problem) for problem in product.problems(host_of(seen_of(one, **view), strangers=strangers), wanted)]


def stored(tmp_path: Path) -> Store:
    (tmp_path / "dump.rdb").write_text("REDIS0010 and some keys")
    return Store.of({"dir": str(tmp_path)}, REDIS_7)


@pytest.mark.parametrize(
    ("wanted", "info", "refused"),
    [
        (OLDER, KEYS, True),
        (OLDER, {}, False),
        (SAME, KEYS, False),
        (NEWER, KEYS, False),
        (Engine.parse("valkey 6.0"), KEYS, False),
    ],
)
def test_an_older_server_over_a_running_one(wanted, info, refused):
    found = told(wanted, live={}, info=info)
    assert bool(found) is refused
    if refused:
        assert found[0].startswith(
            "redis_server_version: Redis 6.2.14 is older than the running Redis 7.0.15, whose files it can't read; "
        )


def test_an_older_server_over_a_stopped_one_with_data(tmp_path):
    """A stopped server says nothing of its version. The program that is installed does."""
    [text] = told(OLDER, installed=REDIS_7, store=stored(tmp_path))
    assert "is older than the installed Redis 7.0.15" in text
    assert told(OLDER, installed=REDIS_7) == [], "it has no data"
    assert told(SAME, installed=REDIS_7, store=stored(tmp_path)) == []
    assert told(OLDER, installed=None, store=stored(tmp_path)) == [], "no server was ever installed"


def of_redis(instance: str = "default", **changes) -> Stranger:
    unit = Unit("redis-server", loaded=True, enabled=True, pid=7)
    return Stranger(**{"product": "redis", "instance": instance, "unit": unit, "process": None, **changes})


VALKEY = Engine.parse("valkey 8.1.1")


def test_the_same_instance_of_the_other_product():
    """Field case A28: a change of product does not move the data, and both would start at boot."""
    [valkey] = several({"name": "default"}, engine=VALKEY)
    [text] = told(VALKEY, of_redis(directory="/var/lib/redis"), one=valkey)
    assert text.startswith(
        "instance default: redis_server_product: redis-server.service is redis with this instance's name"
    )
    assert "systemctl disable --now redis-server (its data stays in /var/lib/redis)" in text
    assert "accept_empty: true for instance default" in text


@pytest.mark.parametrize("state", ["runs", "is stopped, with data"])
def test_both_products_beside_each_other(state, tmp_path):
    """Somebody has had both all the time. Nothing moves."""
    [valkey] = several({"name": "default"}, engine=VALKEY)
    view = {"connection": Server()} if state == "runs" else {"store": stored(tmp_path)}
    assert told(VALKEY, of_redis(), one=valkey, **view) == []


@pytest.mark.parametrize(
    "stranger",
    [of_redis("other"), of_redis(""), of_redis(product="valkey"), of_redis(unit=None)],
    ids=["another instance", "nobody's instance", "the same product", "no unit"],
)
def test_what_is_no_change_of_product(stranger):
    [valkey] = several({"name": "default"}, engine=VALKEY)
    assert told(VALKEY, stranger, one=valkey) == []
