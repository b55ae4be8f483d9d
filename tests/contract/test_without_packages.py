"""Every look at a running server works on a host that has nothing but Python 3.9: preflight, check mode and drift.

Debian's Redis does not bring python3-redis, so that this is how most servers are found that somebody else set up.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from instances import laboratory
from test_server import ALONE, python_3_9

ROOT = Path(__file__).parent.parent.parent
LOOK = r"""
import json, sys
from dataclasses import dataclass
sys.path.insert(0, sys.argv[1])
host = json.loads(sys.argv[2])
assert not [path for path in sys.path if "-packages" in path], sys.path
from redis_ops.apply import converge
from redis_ops.base.engine import Engine
from redis_ops.base.errors import RedisOpsError
from redis_ops.base.files import FileSpec
from redis_ops.drift import instance as drift
from redis_ops.platform.units import Unit
from redis_ops.view import observe
from redis_ops.view.attempt import attempt
from redis_ops.view.instance import Instance

@dataclass
class Service:
    name: str = "redis-lab"
    def unit(self):
        command = (host["binary"], host["config"])
        return Unit(self.name, loaded=True, enabled=True, command=command, user="root", group="root", pid=host["pid"])
    def pid(self): return host["pid"]
    def enabled(self): return True
    def masked(self): return False
    def drop_in_path(self): return host["home"] + "/limits.conf"
    def log(self): return ""

instance = Instance(
    "lab", "instance lab", host["settings"], config=FileSpec(host["config"], 0o640), binary=host["binary"],
    service=Service(), directories=[FileSpec(host["data"], 0o750)], state=host["home"] + "/applied.json",
    adopt=host["adopt"],
)

def said(work):
    try:
        return work()
    except RedisOpsError as error:
        return {"refused": str(error)}

def preflight():
    view = observe.observe(instance)
    assert view.running == Engine.parse(host["engine"])
    return {"used": view.info["used_memory"], "pid": view.info["process_id"], "contact": view.contact.value}

def check():
    outcome, _ = converge.converge(instance, restart=False, check=True)
    return {"changed": outcome.changed}

def drifted():
    scope = drift.check(attempt(instance))
    return {finding.id: finding.state for finding in scope.findings}

print(json.dumps({"preflight": said(preflight), "check": said(check), "drift": said(drifted)}))
"""


@pytest.fixture
def lab(program, tmp_path):
    with laboratory(program, tmp_path / "lab", save="") as lab:
        yield lab


def looked(lab, adopt: str = "", **settings: str) -> dict:
    facts = {
        "pid": lab.service.pid(),
        "home": str(lab.directory),
        "settings": {**lab.settings, **settings},
        "config": str(lab.config_path),
        "binary": lab.service.binary,
        "data": str(lab.data),
        "engine": lab.program.version,
        "adopt": adopt,
    }
    result = subprocess.run(
        [python_3_9(), *ALONE, "-B", "-c", LOOK, str(ROOT / "module_utils"), json.dumps(facts)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-1500:]
    return json.loads(result.stdout)


def test_a_running_server_is_looked_at(lab):
    """Field cases A1 and A19: preflight assumed things, check mode and drift ended with 'redis is missing'."""
    lab.begin("maxmemory-policy noeviction")
    lab.fill(1000)
    found = looked(lab, maxmemory="100mb", timeout="7")
    assert found["preflight"]["pid"] == lab.service.pid()
    assert found["preflight"]["used"] >= 100_000
    assert found["preflight"]["contact"] == "first contact"
    assert found["check"] == {"changed": True}
    assert found["drift"].keys() >= {"option.maxmemory", "option.timeout"}
    assert "unreadable" not in found["drift"].values()
    assert lab.keys() == 1000
    assert lab.get("timeout") == "0"


def test_a_password_that_nobody_declared_is_found_before_anything_is_touched(lab):
    """Field case A20."""
    lab.password = "hunter2"
    lab.begin("requirepass hunter2")
    before = lab.everything()
    replaced, kept = looked(lab, adopt="replace"), looked(lab, adopt="keep")
    for refused in (replaced["preflight"], replaced["check"]):
        assert "requirepass" in refused["refused"]
    assert kept["preflight"]["contact"] == "keep"
    assert kept["check"] == {"changed": False}, "it stays as it is"
    assert lab.everything() == before
    assert "hunter2" not in json.dumps([replaced, kept])
