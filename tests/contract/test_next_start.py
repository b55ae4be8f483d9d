"""What only the running server has, or only its file: no restart takes it back or brings it in, on real servers."""

from __future__ import annotations

import time

import pytest
from ansible.module_utils.redis_ops.apply import converge as apply
from ansible.module_utils.redis_ops.apply import starting
from ansible.module_utils.redis_ops.base.errors import InvalidInput
from ansible.module_utils.redis_ops.base.findings import Status
from ansible.module_utils.redis_ops.checks.verify import verify
from ansible.module_utils.redis_ops.model import acl
from ansible.module_utils.redis_ops.server.connection import Credentials
from ansible.module_utils.redis_ops.server.persistence import SAVES, at_work
from instances import OLD_AND_NEW, ONE, Lab, lab, laboratory, until

__all__ = ["lab"]

APP = "user app on >first ~app:* +@all"
RESTARTS = {"databases": 20}


def is_refused(lab: Lab, what: str, **changes: object) -> None:
    """A run that may restart stops, and nothing is touched; one that may not goes on."""
    before, keys = lab.everything(), lab.keys()
    with pytest.raises(InvalidInput, match=what):
        lab.converge(RESTARTS, restart=True, adopt="keep", **changes)
    assert lab.everything() == before
    assert lab.keys() == keys
    assert lab.get("databases") == "16"
    assert lab.converge(RESTARTS, adopt="keep", **changes).pending_restart


@OLD_AND_NEW
@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("DELUSER", "app"), "its next start brings back app"),
        (("SETUSER", "app", "resetpass", ">second"), r"other rules for app \(passwords\)"),
        (("SETUSER", "app", "off"), r"other rules for app \(enabled\)"),
        (("SETUSER", "app", "-flushall"), r"other rules for app \(commands\)"),
        (("SETUSER", "app", "resetkeys", "~app:a*"), r"other rules for app \(keys\)"),
        (("SETUSER", "other", "on", ">x", "+get"), "only the running server has other"),
        (("SETUSER", "default", "resetpass", ">sesame"), "the default user needs a password now, and none after"),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, tuple) else "",
)
def test_users_that_were_changed_live(lab, words, what):
    lab.begin(APP)
    lab.fill(10)
    lab.ask("ACL", *words)
    if "default" in words:
        lab.password = "sesame"
    is_refused(lab, what, credentials=[Credentials("", lab.password)] if lab.password else [])


@OLD_AND_NEW
def test_users_that_the_server_wrote_to_its_file(lab):
    lab.begin(APP)
    lab.ask("ACL", "SETUSER", "app", "-flushall", "(+get", "~x)") if lab.multi else lab.ask(
        "ACL", "SETUSER", "app", "-get"
    )
    lab.ask("CONFIG", "REWRITE")
    users = acl.listed(lab.ask("ACL", "LIST"))
    lab.converge(RESTARTS, restart=True, adopt="keep")
    assert lab.get("databases") == "20"
    assert acl.listed(lab.ask("ACL", "LIST")) == users


@OLD_AND_NEW
def test_users_that_its_own_may_not_see(lab):
    lab.begin("user admin on >sesame ~* +@all -acl")
    lab.ask("ACL", "SETUSER", "admin", "&*")
    lab.ask("CONFIG", "REWRITE")
    is_refused(lab, "whether its next start has its users can't be told", credentials=[Credentials("admin", "sesame")])


@OLD_AND_NEW
@pytest.mark.parametrize("name", ["dbfilename", "dir"])
def test_a_place_of_the_data_that_no_line_has_any_more(lab, name):
    """The server would load an older data set, or none."""
    shop = lab.directory / "shop"
    shop.mkdir()
    if name == "dir":
        lab.settings.pop("dir")
    lab.begin(f"{name} {shop if name == 'dir' else 'shop.rdb'}")
    lab.fill(100)
    lab.ask("SAVE")
    lab.write_file()
    is_refused(lab, f"{name}: the server's data is at .*, and its next start looks at")


@OLD_AND_NEW
def test_saves_that_only_the_running_server_makes(lab):
    lab.begin('save ""')
    lab.ask("CONFIG", "SET", "save", "60 1")
    is_refused(lab, "save: the server runs with 60 1, and its next start has")


@OLD_AND_NEW
@pytest.mark.parametrize("lines", [(), ("maxmemory 1gb",)], ids=["no limit in the file", "a higher one in the file"])
def test_a_limit_that_was_set_live_stays_and_counts(lab, lines):
    """The declared policy would evict under it, whatever the file says."""
    lab.begin("maxmemory-policy noeviction", *lines)
    lab.ask("EVAL", "for i = 1, 20000 do redis.call('SET', 'k' .. i, string.rep('x', 900)) end", "0")
    lab.ask("CONFIG", "SET", "maxmemory", str(int(lab.info()["used_memory"]) * 8 // 10))
    with pytest.raises(InvalidInput, match=r"20,000 keys, about .*, may not be evicted now"):
        lab.converge({"maxmemory-policy": "allkeys-lru"}, adopt="keep")
    assert lab.keys() == 20_000
    assert lab.get("maxmemory-policy") == "noeviction"


@ONE
def test_a_limit_of_the_file_counts_at_the_next_start(lab):
    """Live there is none, and the file's would evict with the declared policy."""
    lab.begin("maxmemory 5mb", "maxmemory-policy noeviction")
    lab.ask("CONFIG", "SET", "maxmemory", "0")
    lab.ask("EVAL", "for i = 1, 20000 do redis.call('SET', 'k' .. i, string.rep('x', 900)) end", "0")
    with pytest.raises(InvalidInput, match=r"20,000 keys, about .*, may not be evicted now"):
        lab.converge({"maxmemory-policy": "allkeys-lru"}, adopt="keep")
    assert lab.get("maxmemory-policy") == "noeviction"


@OLD_AND_NEW
@pytest.mark.parametrize("lines", [(), ("appendonly yes",)], ids=["dump", "AOF"])
def test_keys_that_only_a_writable_replica_has(lab, lines):
    """The full sync after a restart drops them."""
    with laboratory(lab.program, lab.directory.parent / "primary") as primary:
        primary.begin()
        primary.fill(100)
        lab.begin(f"replicaof 127.0.0.1 {primary.port}", "replica-read-only no", *lines)
        until(lambda: lab.info()["master_link_status"] == "up", "the first sync")
        until(lambda: not at_work(lab.info(), SAVES), "the AOF that follows a sync")
        lab.ask("SET", "mine", "1")
        is_refused(lab, "a replica that takes writes and has 101 keys")
        lab.converge(RESTARTS, restart=True, adopt="keep", accept_empty=True)
        assert lab.get("databases") == "20"


def begin_node(lab: Lab, *lines: str) -> str:
    """A node with all slots; its identity."""
    lab.begin("cluster-enabled yes", *lines)
    lab.ask("CLUSTER", "ADDSLOTS", *map(str, range(16384)))
    until(lambda: "cluster_state:ok" in lab.ask("CLUSTER", "INFO"), "the cluster to serve")
    return lab.ask("CLUSTER", "MYID")


@OLD_AND_NEW
@pytest.mark.parametrize("keys", [0, 10])
@pytest.mark.parametrize("restart", [True, False])
@pytest.mark.parametrize("name", ["cluster-config-file", "dir"])
def test_another_place_of_the_nodes_file(lab, name, restart, keys):
    """The node would come back as another one, without its slots."""
    identity = begin_node(lab)
    for number in range(keys):
        lab.ask("SET", f"key:{number}", "1")
    (lab.directory / "other").mkdir()
    before = lab.everything()
    declared = {name: "other.conf" if name != "dir" else str(lab.directory / "other")}
    with pytest.raises(InvalidInput, match=f"{name}: .*(its nodes.conf is at|data lies at)"):
        lab.converge(declared, restart=restart, adopt="keep")
    assert lab.everything() == before
    lab.bounce()
    assert lab.ask("CLUSTER", "MYID") == identity
    assert "cluster_slots_assigned:16384" in lab.ask("CLUSTER", "INFO")


@OLD_AND_NEW
def test_a_nodes_file_that_was_renamed_in_the_configuration(lab):
    identity = begin_node(lab, "cluster-config-file a.conf")
    lab.config_path.write_text(lab.text.replace("a.conf", "b.conf"))
    before = lab.everything()
    with pytest.raises(InvalidInput, match=r"cluster-config-file: .* its next start reads .*/b\.conf"):
        lab.converge({"tcp-backlog": 300}, restart=True, adopt="keep")
    assert lab.everything() == before
    lab.converge({"tcp-backlog": 300, "cluster-config-file": "a.conf"}, restart=True, adopt="keep")
    assert lab.ask("CLUSTER", "MYID") == identity
    assert "cluster_slots_assigned:16384" in lab.ask("CLUSTER", "INFO")


@ONE
def test_a_stopped_node_at_another_place(lab):
    begin_node(lab)
    lab.service.stop()
    (lab.directory / "other").mkdir()
    before = lab.everything()
    with pytest.raises(InvalidInput, match=r"dir: .*its nodes\.conf is at"):
        lab.converge({"dir": str(lab.directory / "other")}, restart=True, adopt="keep")
    assert lab.everything() == before


def goes_on(lab: Lab) -> None:
    """A run that starts the server, and succeeds."""
    outcome, view = apply.converge(lab.instance({"tcp-backlog": 300}, adopt="keep"), restart=True, check=False)
    assert outcome.changed
    assert [found.actual for found in verify(view) if found.status is Status.FAIL and found.id == "verify.key"] == []
    view.connection.close()


@OLD_AND_NEW
@pytest.mark.parametrize("stopped", [False, True])
def test_a_node_serves_when_the_run_ends(lab, stopped):
    """It says CLUSTERDOWN for two seconds after a start."""
    begin_node(lab)
    if stopped:
        lab.service.stop()
    goes_on(lab)
    assert "cluster_state:ok" in lab.ask("CLUSTER", "INFO")
    assert lab.ask("SET", "key", "1") == "OK"


@ONE
def test_a_node_that_did_not_serve_is_not_waited_for(lab):
    lab.begin("cluster-enabled yes")
    lab.ask("CLUSTER", "ADDSLOTS", "1")
    began = time.monotonic()
    assert lab.converge({"tcp-backlog": 300}, restart=True, adopt="keep").changed
    assert time.monotonic() - began < starting.CLUSTER_TIMEOUT / 2
