"""Planned moves of own instances: another name, other ports, back to the first configuration, gone for good; and two at once."""

from __future__ import annotations

import contextlib
from typing import Any

import plays
import pytest
from hosts import Host, port
from setups import CONFIG, by_hand, drop_in, packaged, steps

PASSWORD = "sesame-of-the-moves"
CACHE = {"name": "cache", "port": 6401, "secrets": {"requirepass": PASSWORD}}
QUEUE = {"name": "queue", "port": 6402}
SMALL = {"maxmemory": "100mb"}
KERNEL = "/etc/sysctl.d/99-zz-redis.conf"
AT_CACHE, AT_QUEUE = port(6401, PASSWORD), port(6402)


def renamed(entry: dict[str, Any], name: str) -> dict[str, Any]:
    return {**entry, "name": name, "renamed_from": entry["name"]}


def files(host: Host) -> list[str]:
    """Those that have the password, wherever a run may have put one."""
    answer = host.run(f"grep -rl {PASSWORD} /etc /var/lib /run/systemd /usr/lib/systemd 2>/dev/null")
    return sorted(answer.stdout.split())


def units(host: Host, service: str) -> str:
    """Whether it runs, and whether it starts at boot."""
    return " ".join(host.run(f"systemctl is-active {service}; systemctl is-enabled {service}").stdout.split())


def same(one: list[Any], other: list[Any]) -> bool:
    """Whether two facts of a file have the same mode, owner and text. When it was written is the fourth of them."""
    return (one[:3], one[4:]) == (other[:3], other[4:])


def of_remove(host: Host, *typed: str, **variables: Any) -> plays.Outcome:
    """What playbooks/remove_instances.yml comes to."""
    options = [f"--extra-vars={word}" for word in (f"target={host.name}", *typed)]
    return plays.play("playbooks/remove_instances.yml", host, options=options, **variables).on(host)


def of_restore(host: Host, name: str, *options: str, **variables: Any) -> plays.Outcome:
    """What playbooks/restore_configuration.yml comes to."""
    typed = [f"--extra-vars={word}" for word in (f"target={host.name}", f"redis_server_restore={name}")]
    return plays.play("playbooks/restore_configuration.yml", host, options=(*typed, *options), **variables).on(host)


# --- another name -----------------------------------------------------------------------------------------------------


@pytest.mark.host(
    alone=True, redis_server_instances=[CACHE, QUEUE], redis_server_settings={**SMALL, "appendonly": "yes"}
)
def test_an_instance_gets_another_name(host):
    assert plays.provision(host).ok
    host.fill(2000, AT_CACHE)
    host.fill(7, AT_QUEUE)
    wanted = {"redis_server_instances": [renamed(CACHE, "sessions"), QUEUE]}
    waits = plays.provision(host, **wanted)
    assert waits.ok, str(waits)
    assert waits.says("name of the instance", "cache", "sessions", title="owes a restart"), str(waits)
    assert host.redis("dbsize", cli=AT_CACHE) == "2000"
    foreseen = plays.check(host, **wanted, redis_server_restart=True)
    assert foreseen.says("rename instance cache to sessions", title="would change"), str(foreseen)
    run = plays.provision(host, **wanted, redis_server_restart=True)
    assert run.ok, str(run)
    assert run.says("renamed instance cache to sessions", title="changed"), str(run)
    assert host.redis("dbsize", cli=AT_CACHE) == "2000"
    assert host.config("dir", AT_CACHE) == "/var/lib/redis/sessions"
    assert units(host, "redis-server@cache") == "inactive disabled"
    assert files(host) == ["/etc/redis/redis-sessions.conf", "/var/lib/ansible-redis/redis-sessions.conf"]
    again = plays.provision(host, **wanted, redis_server_restart=True)
    assert (again.ok, again.changed) == (True, 0), str(again)
    host.reboot()
    host.serves(AT_CACHE)
    host.serves(AT_QUEUE)
    assert (host.redis("dbsize", cli=AT_CACHE), host.redis("dbsize", cli=AT_QUEUE)) == ("2000", "7")
    assert units(host, "redis-server@cache") == "inactive disabled"


@pytest.mark.host(alone=True, redis_server_settings=SMALL)
def test_the_package_s_own_instance_gets_a_name_and_another_port(host):
    """Its data is a dump, in a directory that other instances have directories in."""
    own = {"name": "default", "port": 6401}
    assert plays.provision(host, redis_server_instances=[own, QUEUE]).ok
    host.fill(300, port(6401))
    host.fill(7, AT_QUEUE)
    wrong = plays.provision(
        host, redis_server_instances=[renamed({**own, "name": "defualt"}, "sessions"), QUEUE], redis_server_restart=True
    )
    assert not wrong.ok
    assert wrong.says("renamed_from", "no record of an instance defualt", "default", title="error"), str(wrong)
    swapped = [renamed({**own, "port": 6402}, "sessions"), {**QUEUE, "port": 6401}]
    run = plays.provision(host, redis_server_instances=swapped, redis_server_restart=True)
    assert run.ok, str(run)
    assert (host.redis("dbsize", cli=port(6402)), host.redis("dbsize", cli=port(6401))) == ("300", "7")
    host.reboot()
    host.serves(port(6401))
    host.serves(port(6402))
    assert (host.redis("dbsize", cli=port(6402)), host.redis("dbsize", cli=port(6401))) == ("300", "7")
    assert units(host, "redis-server") == "inactive disabled"


# --- gone for good ----------------------------------------------------------------------------------------------------


@pytest.mark.host(
    alone=True,
    redis_server_instances=[CACHE, QUEUE],
    redis_server_settings=SMALL,
)
def test_one_instance_goes_and_its_data_stays(host):
    assert plays.provision(host).ok
    host.fill(500, AT_CACHE)
    host.fill(7, AT_QUEUE)
    drop_ins = "ls /etc/systemd/system/redis-server@cache.service.d"
    assert host.run(drop_ins).stdout != ""
    wrong = of_remove(host, "redis_server_remove=cahce")
    assert not wrong.ok
    assert wrong.says("instance cahce", "one of these: cache, queue", title="error"), str(wrong)
    foreseen = of_remove(host, "redis_server_remove=cache")
    assert foreseen.ok, str(foreseen)
    assert foreseen.says("cache: data in /var/lib/redis/cache", title="left as it is"), str(foreseen)
    assert files(host) == []
    assert host.run(drop_ins).stdout == ""
    assert units(host, "redis-server@cache") == "inactive disabled"
    assert host.check_output("ls /var/lib/ansible-redis").split() == ["lock", "redis-queue.conf", "redis-queue.json"]
    assert int(host.check_output("stat -c %s /var/lib/redis/cache/dump.rdb")) > 1000
    host.reboot()
    host.serves(AT_QUEUE)
    assert host.redis("dbsize", cli=AT_QUEUE) == "7"
    assert units(host, "redis-server@cache") == "inactive disabled"
    # nobody can tell how many keys a file holds, and the limit lets some go
    back = plays.provision(host, redis_server_adopt="replace", redis_server_accept_eviction=True)
    assert back.ok, str(back)
    assert host.redis("dbsize", cli=AT_CACHE) == "500"


@pytest.mark.host(alone=True, redis_server_instances=[{**CACHE, "name": "small"}, QUEUE], redis_server_settings=SMALL)
def test_data_goes_with_a_typed_confirmation_alone(host):
    sysctl = {"redis_host_sysctl": {"net.core.somaxconn": 4096}}
    assert plays.provision(host, **sysctl).ok
    host.fill(500, AT_CACHE)
    typed = "redis_server_remove=small"
    for confirmation in ("small", f"{host.name}/smal", f"{host.name}/all", "elsewhere/small", f"{host.name}/queue"):
        wrong = of_remove(host, typed, f"redis_server_remove_data={confirmation}", **sysctl)
        assert not wrong.ok
        assert wrong.says(f"redis_server_remove_data: {confirmation}", title="error"), str(wrong)
        assert host.redis("dbsize", cli=AT_CACHE) == "500"
    run = of_remove(host, typed, f"redis_server_remove_data={host.name}/small", **sysctl)
    assert run.ok, str(run)
    assert run.says("small: deleted /var/lib/redis/small", title="changed"), str(run)
    assert host.run("ls /var/lib/redis/small").rc != 0
    assert files(host) == []
    # small has the letters of all
    host.check_output(f"grep somaxconn {KERNEL}")
    host.redis("ping", cli=AT_QUEUE)


@pytest.mark.host(
    alone=True,
    redis_server_instances=[CACHE, QUEUE, {"name": "default", "port": 6403}],
    redis_server_settings=SMALL,
    redis_host_sysctl={"net.core.somaxconn": 4096},
)
def test_everything_of_this_project_goes(host):
    version = host.check_output("dpkg-query --show --showformat='${Version}' redis-server")
    assert plays.provision(host, redis_server_version=version).ok
    host.fill(500, AT_CACHE)
    ours = f"find /etc /var/lib -ipath '*ansible*' -o -path {KERNEL}"
    assert len(host.check_output(ours).split()) > 5
    refused = of_remove(host, "redis_server_remove=all,cahce", redis_server_version=version)
    assert not refused.ok
    host.check_output(f"grep somaxconn {KERNEL}")  # nothing was touched
    run = of_remove(host, "redis_server_remove=all", redis_server_version=version)
    assert run.ok, str(run)
    assert host.run(ours).stdout == ""
    assert files(host) == []
    for service in ("redis-server@cache", "redis-server@queue", "redis-server"):
        assert units(host, service) == "inactive disabled"
    assert int(host.check_output("stat -c %s /var/lib/redis/cache/dump.rdb")) > 1000
    again = of_remove(host, "redis_server_remove=all")
    assert (again.ok, again.changed) == (True, 0), str(again)
    assert host.run(ours).stdout == ""
    host.reboot()
    assert host.run("pgrep redis-server").stdout == ""


# --- back -------------------------------------------------------------------------------------------------------------


THEIRS = steps(
    packaged(
        "appendonly yes", "databases 64", "hz 33", "# by hand", "requirepass mine", cli=port(6379, "mine"), keys=1000
    ),
    f"chown root:redis {CONFIG}; chmod 644 {CONFIG}",
    drop_in("LimitNOFILE=9000"),
    "systemctl restart redis-server",
)
AT_THEIRS = port(6379, "mine")


@pytest.mark.host(
    setup=THEIRS,
    servers=(AT_THEIRS,),
    redis_server_adopt="replace",
    redis_server_restart=True,
    redis_server_instances=[{"name": "default", "secrets": {"requirepass": "mine"}, "settings": {"hz": 20}}],
)
def test_the_first_configuration_comes_back(host, run, before):
    """The file with its bytes, mode and owner, and the drop-in that was moved away."""
    assert run.ok, str(run)
    assert host.config("hz", AT_THEIRS) == "20"
    local = "/etc/systemd/system/redis-server.service.d/local.conf"
    assert host.run(f"test -e {local}").rc != 0
    host.fill(10, AT_THEIRS, prefix="later")
    foreseen = of_restore(host, "default", "--check")
    assert foreseen.ok, str(foreseen)
    assert host.config("hz", AT_THEIRS) == "20"
    back = of_restore(host, "default")
    assert back.ok, str(back)
    now = host.facts(AT_THEIRS)
    assert same(now["files"][CONFIG], before["files"][CONFIG])
    assert host.check_output(f"stat -c '%a %U:%G' {CONFIG}") == "644 root:redis"
    assert host.check_output(f"cat {local}") == "[Service]\nLimitNOFILE=9000"
    assert now["config"] == before["config"]
    assert host.redis("dbsize", cli=AT_THEIRS) == "1010"
    assert host.check_output(f"ls {CONFIG}*") == CONFIG
    assert host.check_output("find /var/lib/ansible-redis -type f") == "/var/lib/ansible-redis/lock"
    pid = host.check_output("systemctl show --property=MainPID --value redis-server")
    assert "9000" in host.check_output(f"grep 'Max open files' /proc/{pid}/limits")
    again = of_restore(host, "default")
    assert not again.ok
    assert again.says("has no copy of a first configuration", title="error"), str(again)
    # it is somebody else's again
    first = plays.provision(host, redis_server_adopt="")
    assert not first.ok
    assert first.says("adopt: keep", "adopt: replace", title="error"), str(first)


OPS = by_hand(
    "redis-ops",
    "port 6393\ndir /srv/ops\nlogfile /srv/ops/redis.log\n# by hand\n",
    config="/etc/ops.conf",
    cli=port(6393),
    user="ops",
    keys=10,
)


@pytest.mark.host(
    setup=steps("id ops >/dev/null 2>&1 || useradd --system ops; mkdir -p /srv/ops; chown ops: /srv/ops", OPS),
    servers=(port(6393),),
    redis_server_adopt="keep",
    redis_server_instances=[
        {"name": "ops", "port": 6393, "config": "/etc/ops.conf", "service": "redis-ops", "settings": {"hz": 20}}
    ],
)
def test_a_server_with_a_user_of_its_own_comes_back_and_goes(host, run, before):
    assert run.ok, str(run)
    assert host.config("hz", port(6393)) == "20"
    back = of_restore(host, "ops")
    assert back.ok, str(back)
    assert same(host.facts(port(6393))["files"]["/etc/ops.conf"], before["files"]["/etc/ops.conf"])
    assert host.redis("dbsize", cli=port(6393)) == "10"
    # taken over for good, and removed when nobody declares it any more
    assert plays.provision(host, redis_server_adopt="replace", redis_server_restart=True).ok
    gone = of_remove(host, "redis_server_remove=ops", redis_server_instances=[QUEUE])
    assert gone.ok, str(gone)
    assert host.run("test -e /etc/ops.conf").rc != 0
    assert units(host, "redis-ops") == "inactive disabled"
    assert host.check_output("ls /srv/ops/dump.rdb") == "/srv/ops/dump.rdb"


# --- two at once ------------------------------------------------------------------------------------------------------


@pytest.mark.host(alone=True, redis_server_settings=SMALL)
def test_the_second_of_two_runs_names_who_has_the_host(host):
    """A25: the first waits for a start that takes its time."""
    host.script("systemctl stop redis-server")
    # the package's unit lets nothing but the server be executed
    drop_in("NoExecPaths=\nExecStartPre=/bin/sleep 400\nTimeoutStartSec=infinity", name="slow.conf")(host)
    inventory = plays.Inventory.of(host)
    try:
        with plays.playing("provision.yml", inventory):
            host.eventually("grep -q provision /var/lib/ansible-redis/lock && pgrep -x sleep", seconds=120)
            second = plays.provision(host)
            assert not second.ok
            assert second.says("another run works on this host: provision by ", "since 20", title="error"), str(second)
            assert second.says("(Provision Redis)", "waited 120 s", title="error"), str(second)
    finally:
        inventory.remove()
    host.script("pkill -x sleep || true; rm /etc/systemd/system/redis-server.service.d/slow.conf")
    # the first was killed with its connection: nothing is held
    host.eventually("! pgrep -f [A]nsiballZ", seconds=60)
    after = plays.provision(host)
    assert after.ok, str(after)


@pytest.mark.host(alone=True, redis_server_settings=SMALL, redis_server_instances=[CACHE, QUEUE])
def test_four_runs_at_once_all_end_well(host):
    """A25: 8 of 16 failed with misleading texts, and a file was seen with mode 0600 of root."""
    inventory = plays.Inventory.of(host)
    try:
        with contextlib.ExitStack() as stack:
            runs = [stack.enter_context(plays.playing("provision.yml", inventory)) for _ in range(4)]
            outputs = [run.communicate(timeout=plays.TIMEOUT)[0] for run in runs]
            codes = [run.returncode for run in runs]
        for code, output in zip(codes, outputs):
            assert code == 0, output
            plays.Play(code, output)
    finally:
        inventory.remove()
    assert host.check_output("stat -c '%a %U' /etc/redis/redis-cache.conf") == "640 redis"
    again = plays.provision(host)
    assert (again.ok, again.changed) == (True, 0), str(again)
