"""What somebody typed wrong is told in one line each, before anything is touched."""

import oracle
import pytest


@pytest.fixture(scope="module", autouse=True)
def untouched(host):
    """After all that is typed below, the host is what it was."""
    before = oracle.footprint(host, (6379, ""))
    yield
    assert oracle.footprint(host, (6379, "")) == before


def refused(inventory="", **variables):
    """The output of a run that must be refused in good order."""
    status, output = oracle.provision(inventory=inventory, **variables)
    assert status != 0
    assert "Traceback" not in output
    assert "a defect of this module" not in output
    assert "changed=0" in output or "PLAY RECAP" not in output
    return output


def test_what_no_server_would_take(host):
    """Names and secrets are checked on the control node, values against the version of the host."""
    output = refused(
        redis_server_settings={"maxmemroy": "1gb", "requirepass": "oracle-typed-in-the-wrong-place"},
    )
    oracle.told(output, "redis_server_settings", "maxmemroy", "did you mean maxmemory")
    oracle.told(output, "requirepass", "redis_server_secrets")
    assert "oracle-typed-in-the-wrong-place" not in output
    output = refused(
        redis_server_settings={
            "hz": "10s",
            "tcp-backlog": -1,
            "maxmemory-policy": "allkeys-lur",
            "auto-aof-rewrite-min-size": "100 mb",
            "appendonly": "maybe",
            "set-max-listpack-entries": 1,
        }
    )
    oracle.told(output, "instance default", "hz", "10s", "1 to 500")
    oracle.told(output, "instance default", "tcp-backlog", "-1")
    oracle.told(output, "instance default", "maxmemory-policy", "allkeys-lur", "allkeys-lru")
    oracle.told(output, "instance default", "auto-aof-rewrite-min-size", "100 mb")
    oracle.told(output, "instance default", "appendonly", "maybe", "yes or no")
    too_old = host.package("redis-server").version.startswith("5:7.0")  # it came with 7.2
    if too_old:
        oracle.told(output, "set-max-listpack-entries", "7.0", "7.2")
    else:
        assert "set-max-listpack-entries" not in output


def test_instances_that_cannot_live_together():
    instances = [{"name": "default", "port": 6379}, {"name": "other", "port": 6379}]
    output = refused(
        redis_server_profile="guied", redis_server_instances=[*instances, {"name": "Third One", "port": 6381}]
    )
    oracle.told(output, "instance default", "guied", "did you mean guide")
    oracle.told(output, "instance Third One", "lower-case")
    output = refused(redis_server_instances=instances)
    oracle.told(output, "instance other", "port", "6379", "instance default")


def test_what_this_host_cannot_give():
    output = refused(
        redis_server_settings={"maxmemory": "500gb", "maxclients": 999999, "tcp-backlog": 100000},
        redis_server_instances=[{"name": "default"}, {"name": "other", "port": 22}],
    )
    oracle.told(output, "maxmemory", "RAM", "at most")
    oracle.told(output, "instance default", "maxclients", "999999", "1000031", "at most")
    oracle.told(output, "instance default", "tcp-backlog", "100000", "net.core.somaxconn")
    oracle.told(output, "instance other", "port", "22", "sshd")


def test_a_password_that_is_not_the_servers(host):
    oracle.redis_cli(host, "config", "set", "requirepass", "oracle-set-by-hand")
    try:
        output = refused(redis_server_secrets={"requirepass": "oracle-declared"})
    finally:
        oracle.redis_cli(host, "config", "set", "requirepass", "", password="oracle-set-by-hand")
    oracle.told(output, "instance default", "requirepass", "redis_server_secrets", "redis_server_login_password")
    assert "oracle-declared" not in output
    assert "oracle-set-by-hand" not in output


def test_variables_of_the_wrong_shape():
    output = refused(redis_server_instances=[{"nmae": "default"}])
    oracle.told(output, "redis_server_instances.nmae")


def test_a_variable_that_no_role_has():
    output = refused(redis_server_setings={"hz": 20}, redis_host_sysctls={})
    oracle.told(output, "redis_server_setings", "did you mean redis_server_settings")
    oracle.told(output, "redis_host_sysctls", "did you mean redis_host_sysctl?")


@pytest.mark.parametrize(
    ("inventory", "reason"),
    [("inventories/no-such", "inventories/no-such"), ("localhost,", "no host in the group redis")],
)
def test_an_inventory_without_redis_hosts(inventory, reason):
    oracle.told(refused(inventory=inventory), reason)
