"""What is verified is what the next boot runs: the effective unit says which file, which user and which limits."""

from __future__ import annotations

import plays
import pytest
from hosts import USUAL, port
from setups import CONFIG, by_hand, drop_in, filled, packaged, restart, steps, without_package

THEIR_CONFIG = "/srv/redis/my.conf"
OWN = "/usr/local/etc/redis.conf"
THEIR_LINES = """\
# ours since 2016
port 6379
dir /srv/redis
maxmemory 123mb
appendonly yes
logfile /var/log/redis/redis-server.log
"""
SANDBOX = "ReadWritePaths=-/srv/redis"
START = "ExecStart=\nExecStart=/usr/bin/redis-server {arguments} --supervised systemd --daemonize no\n" + SANDBOX


def diverted(arguments: str, more: str = ""):
    """A drop-in lets the package's unit start another file."""
    return steps(
        "mkdir -p /srv/redis",
        lambda host: host.put(THEIR_CONFIG, THEIR_LINES, "0640", "redis"),
        "chown -R redis: /srv/redis",
        drop_in(START.format(arguments=arguments) + more),
        packaged(keys=1000),
    )


ENVIRONMENT = steps(
    lambda host: host.put("/etc/default/redis-ours", f'OURS="{THEIR_CONFIG}"\nMORE="--maxmemory 123mb"\n'),
    diverted("$OURS", "\nEnvironmentFile=/etc/default/redis-ours"),
)
DIVERTED = {"a path": diverted(THEIR_CONFIG), "a variable": ENVIRONMENT}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(answer, kind, marks=pytest.mark.host(setup=setup, redis_server_adopt=answer))
        for answer in ("keep", "replace")
        for kind, setup in DIVERTED.items()
        if (answer, kind) != ("replace", "a variable")
    ],
)
@pytest.mark.usefixtures("kind")
def test_a_unit_that_starts_another_file(run, untouched, answer):
    """A7: refused with the file that counts, before anything is touched."""
    assert not run.ok, str(run)
    assert run.says(THEIR_CONFIG if answer == "keep" else "/srv/redis", title="error"), str(run)
    untouched()


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(
            kind,
            marks=pytest.mark.host(
                setup=setup,
                redis_server_instances=[
                    {"name": "default", "config": THEIR_CONFIG, "adopt": "keep", "settings": {"maxmemory": "200mb"}}
                ],
            ),
        )
        for kind, setup in DIVERTED.items()
    ],
)
@pytest.mark.usefixtures("kind")
def test_the_file_that_the_unit_starts_is_managed(host, run, before):
    """A7: what is verified is in force after the next boot, too."""
    assert run.ok, str(run)
    host.reboot()
    host.serves()
    assert host.config("maxmemory") == str(200 * 1024**2)
    now = host.facts(USUAL)
    assert now["keys"] == before["keys"]
    assert now["files"][CONFIG] == before["files"][CONFIG]


@pytest.mark.host(redis_server_profile="cache")
def test_somebody_diverts_the_unit_later(host, run):
    """A7, for drift and for the next run."""
    assert run.ok
    host.put("/srv/redis/other.conf", "port 6379\n", "0640", "redis")
    drop_in(START.format(arguments="/srv/redis/other.conf"))(host)
    before = host.facts(USUAL)
    drift = plays.play("playbooks/check_drift.yml", host)
    assert drift.rc == 2
    assert "/srv/redis/other.conf" in drift.output
    again = plays.provision(host)
    assert not again.ok
    assert again.says("/srv/redis/other.conf", title="error")
    assert host.facts(USUAL) == before


@pytest.mark.host(
    setup=steps(packaged(), drop_in(START.format(arguments=f"{CONFIG} --maxmemory 100mb")), restart(), filled(10)),
    redis_server_adopt="keep",
    redis_server_settings={"maxmemory": "200mb"},
)
def test_an_option_of_the_command_that_would_win(run, untouched):
    """The second of A7."""
    assert not run.ok
    assert run.says("--maxmemory", "local.conf", title="error"), str(run)
    untouched()


START_SCRIPT = f"#!/bin/sh\nexec redis-server {OWN} --supervised systemd\n"


@pytest.mark.host(
    setup=steps(
        lambda host: host.put("/usr/local/bin/start-redis", START_SCRIPT, "0755"),
        by_hand("redis-own", "port 6379\n", config=OWN, cli=port(6379), command="/usr/local/bin/start-redis", keys=10),
    ),
    redis_server_instances=[{"name": "own", "config": OWN, "service": "redis-own", "adopt": "keep"}],
)
def test_a_script_that_starts_the_server(run, untouched):
    """The third of A7: what it starts can't be told, so the run stops."""
    assert not run.ok
    assert run.says("start-redis", title="error"), str(run)
    untouched()


BY_HAND = by_hand(
    "redis",
    "port 6379\n",
    config=OWN,
    cli=port(6379),
    program="/usr/local/bin/redis-server",
    keys=1000,
)


@pytest.mark.host(setup=steps(without_package(), BY_HAND))
def test_a_unit_in_the_way_of_the_package(host, run, untouched):
    """A17: found by preflight and by check, with a remedy."""
    assert not run.ok
    assert run.says("/etc/systemd/system/redis.service", title="error"), str(run)
    assert run.says("6379", "redis.service", title="error"), str(run)
    assert run.says("make adopt", title="error"), str(run)
    foreseen = plays.check(host)
    assert foreseen.told("error") == run.told("error")
    untouched()


@pytest.mark.host(
    setup=steps(without_package(), BY_HAND),
    redis_server_instances=[
        {"name": "own", "config": OWN, "service": "redis", "adopt": "keep", "settings": {"maxmemory": "200mb"}}
    ],
)
def test_it_is_managed_without_the_package(host, run, before):
    """A17: declared, it needs no package."""
    assert run.ok, str(run)
    assert host.run("dpkg-query -s redis-server").rc != 0
    host.reboot()
    host.serves()
    assert host.config("maxmemory") == str(200 * 1024**2)
    now = host.facts(USUAL)
    assert (now["keys"], now["listeners"]) == (before["keys"], before["listeners"])
    assert now["processes"].keys() != before["processes"].keys() or len(now["processes"]) == 1


@pytest.mark.host(setup=by_hand("redis-cache", "port 6379\n", config="/etc/redis/cache.conf", cli=port(6379), keys=10))
def test_a_server_that_nobody_declared_has_the_port(run, untouched):
    """The second of A17."""
    assert not run.ok
    assert run.says("6379", "redis-cache.service", title="error"), str(run)
    untouched()


@pytest.mark.host(
    setup=steps("nohup redis-server --port 6379 --dir /tmp >/dev/null 2>&1 &", lambda host: host.serves(), filled(10))
)
def test_a_server_without_a_unit_has_the_port(run, untouched):
    """The third of A17."""
    assert not run.ok
    assert run.says("6379", "process", title="error"), str(run)
    untouched()


OPS = by_hand(
    "redis-ops",
    "port 6400\ndir /srv/ops\nlogfile /srv/ops/redis.log\n",
    config="/srv/ops/redis.conf",
    cli=port(6400),
    user="ops",
    keys=1000,
)
OPS_INSTANCE = {"name": "ops", "config": "/srv/ops/redis.conf", "service": "redis-ops", "adopt": "keep"}


@pytest.mark.host(
    setup=steps("mkdir -p /srv/ops; chown ops: /srv/ops; chmod 700 /srv/ops", OPS),
    servers=(port(6400),),
    redis_server_instances=[{**OPS_INSTANCE, "settings": {"databases": 32}}],
    redis_server_restart=True,
)
def test_the_user_of_the_unit(host, run, before):
    """A18: the file and the directory stay with the user that the unit names, and the server restarts."""
    assert run.ok, str(run)
    assert host.config("databases", port(6400)) == "32"
    assert host.check_output("stat -c %U /srv/ops /srv/ops/redis.conf").split() == ["ops", "ops"]
    assert host.facts(port(6400))["keys"] == before["keys"]
    host.reboot()
    host.serves(port(6400))
    host.script("chown root: /srv/ops; chmod 755 /srv/ops")
    refused = plays.provision(host)
    assert not refused.ok
    assert refused.says("/srv/ops", "chown ops:", title="error"), str(refused)


LATER = drop_in("LimitNOFILE=4096", name="zz-limits.conf")


@pytest.mark.host(setup=LATER)
def test_a_later_limit_on_open_files(run, untouched):
    """A29: the drop-in that wins is named before anything is touched."""
    assert not run.ok
    assert run.says("maxclients", "zz-limits.conf", title="error"), str(run)
    untouched()


@pytest.mark.host(
    setup=steps(LATER, packaged("hz 20", keys=10)), redis_server_adopt="replace", redis_server_restart=True
)
def test_a_later_limit_is_moved_away(host, run):
    """A29, replaced: the limit is right after the next boot, and the drop-in has a copy."""
    assert run.ok, str(run)
    host.reboot()
    host.serves()
    assert host.config("maxclients") == "10000"
    pid = host.check_output("systemctl show --property MainPID --value redis-server")
    assert "11024" in host.check_output(f"grep 'Max open files' /proc/{pid}/limits")
    assert "LimitNOFILE=4096" in host.check_output("cat $(find /var/lib/ansible-redis/aside -name '*zz-limits*')")


@pytest.mark.host(
    setup=steps(packaged(), drop_in("LimitNOFILE=4096", name="zz-limits.conf"), restart(), filled(10)),
    redis_server_adopt="keep",
)
def test_a_limit_of_theirs_is_kept(host, run, before):
    """The second of A29: nobody declares maxclients."""
    assert run.ok, str(run)
    now = host.facts(USUAL)
    assert (now["config"], now["processes"], now["units"]) == (before["config"], before["processes"], before["units"])


@pytest.mark.host(redis_server_settings={"port": 80})
def test_a_first_start_that_fails(host, run):
    """A30: the mask that this run left is its own, and the next run takes it away."""
    assert not run.ok
    assert run.says("Permission denied", title="error"), str(run)
    assert host.run("pgrep redis-server").rc != 0
    drift = plays.play("playbooks/check_drift.yml", host)
    assert drift.rc == 2
    assert "file_changed_outside" not in drift.output
    host.variables.clear()
    mended = plays.provision(host)
    assert mended.ok, str(mended)
    host.reboot()
    host.serves()


@pytest.mark.host(setup=lambda host: host.script("rm -r /etc/redis"))
def test_a_directory_that_somebody_removed(host, run):
    """A27."""
    assert run.ok, str(run)
    host.serves()
    assert host.check_output(f"stat -c '%a %U' {CONFIG}") == "640 redis"


@pytest.mark.host(setup=lambda host: host.script("rm -r /var/lib/redis /var/log/redis"))
def test_directories_that_somebody_removed(host, run):
    """The second of A27."""
    assert run.ok, str(run)
    host.serves()
    host.reboot()
    host.serves()
