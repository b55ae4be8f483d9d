"""A server starts with the data that it would have started with without us, or it does not start."""

from __future__ import annotations

import plays
import pytest
from hosts import USUAL, Cli, Host
from setups import CONFIG, drop_in, packaged, restart, steps

DATA = "/var/lib/redis"
KEYS = 10_000
# the package's sandbox lets the server write nowhere else
SANDBOX = "ReadWritePaths=-/srv/redis"


def killed(host: Host) -> None:
    """The machine loses power: the server ends without a last word, and waits for its next start."""
    host.script("systemctl kill --signal=KILL redis-server; systemctl stop redis-server")


def whole(host: Host, cli: Cli = USUAL) -> bool:
    """Whether the keys are there, the last one with its value."""
    return (
        host.redis("dbsize", cli=cli) == str(KEYS) and host.redis("get", f"theirs:{KEYS}", cli=cli) == f"value-{KEYS}"
    )


def relative(directory: str, *lines: str):
    """Data below a working directory that only the unit names; the server is stopped."""
    return steps(
        "mkdir -p /srv/redis/data; chown -R redis: /srv/redis",
        drop_in(f"WorkingDirectory=/srv/redis\n{SANDBOX}"),
        f"sed -i '/^dir /d' {CONFIG}",
        packaged(*([f"dir {directory}"] if directory else []), *lines, keys=KEYS, runs=False),
    )


@pytest.mark.parametrize(
    "directory",
    [
        pytest.param(directory, marks=pytest.mark.host(setup=relative(directory), redis_server_adopt=answer))
        for directory in ("./", "data", "")
        for answer in ("keep", "replace")
    ],
)
def test_data_below_the_working_directory(host, run, directory):
    """A8, with a relative directory and with none."""
    assert run.ok, str(run)
    assert whole(host)
    host.reboot()
    host.serves()
    assert whole(host)
    assert host.config("dir") == f"/srv/redis/{directory}".rstrip("./")


STALE = "redis-cli -p 7777 shutdown nosave || true"
# another server has left an AOF of its own, with one key, which is newer than the dump
STALE_AOF = f"""
cd {DATA}
redis-server --port 7777 --appendonly yes --dir {DATA} --dbfilename none.rdb --daemonize yes --save '' >/dev/null
until redis-cli -p 7777 ping >/dev/null 2>&1; do sleep 0.1; done
redis-cli -p 7777 set stale 1 >/dev/null
redis-cli -p 7777 shutdown nosave >/dev/null 2>&1 || true
while pgrep -f 'redis-server .*:7777' >/dev/null; do sleep 0.1; done
chown -R redis: {DATA}
"""
OLD_AOF = f"""
printf '*2\\r\\n$6\\r\\nSELECT\\r\\n$1\\r\\n0\\r\\n*3\\r\\n$3\\r\\nSET\\r\\n$5\\r\\nstale\\r\\n$1\\r\\n1\\r\\n' >{DATA}/appendonly.aof
chown redis: {DATA}/appendonly.aof
"""


@pytest.mark.parametrize(
    "stale",
    [
        pytest.param(
            name,
            marks=pytest.mark.host(setup=steps(packaged(keys=KEYS, runs=False), script), redis_server_adopt="replace"),
        )
        for name, script in {"appendonlydir": STALE_AOF, "appendonly.aof": OLD_AOF}.items()
    ],
)
def test_a_stale_append_only_file(host, run, stale):
    """A9, of Redis 7 and of Redis 6: what the existing configuration would load is the truth."""
    assert run.ok, str(run)
    assert host.config("appendonly") == "yes"
    assert whole(host)
    host.reboot()
    host.serves()
    assert whole(host)
    assert host.check_output(f"ls -d {DATA}/{stale}*.set-aside").count("\n") == 0
    drift = plays.play("playbooks/check_drift.yml", host, redis_server_adopt="replace")
    assert drift.rc == 0, drift.output


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            answer,
            marks=pytest.mark.host(
                setup=steps(packaged("appendonly yes", keys=KEYS), killed, f"rm {DATA}/appendonlydir/*.manifest"),
                **({"redis_server_adopt": answer} if answer else {}),
            ),
        )
        for answer in ("", "keep", "replace")
    ],
)
def test_an_append_only_file_without_its_manifest(host, run, untouched, answer):
    """A10: nothing is started over the writes that it holds."""
    assert not run.ok
    if answer:
        assert run.says("dir", "manifest", "accept_empty", title="error")
    untouched()
    assert host.run("pgrep redis-server").rc != 0
    cleared = plays.play("playbooks/clear_aof.yml", host, **host.variables)
    assert "incr" in host.check_output(f"ls {DATA}/appendonlydir"), cleared.output


@pytest.mark.host(
    setup=steps(packaged("appendonly yes", "save ''", keys=KEYS), killed, f"mv {DATA}/appendonlydir {DATA}/backup"),
    redis_server_adopt="keep",
)
def test_an_append_only_file_under_another_name(run, untouched):
    """The second of A10: the configuration names a directory that is not there, and the data lies beside it."""
    assert not run.ok
    assert run.says("would start empty", f"{DATA}/backup", "accept_empty", title="error")
    untouched()


@pytest.mark.host(
    setup=steps(packaged("appendonly yes", "save ''", keys=KEYS), killed, f"mv {DATA}/appendonlydir {DATA}/backup"),
    redis_server_adopt="keep",
    redis_server_accept_empty=True,
)
def test_it_may_start_empty(host, run):
    """And the data that is left behind stays."""
    assert run.ok, str(run)
    assert host.redis("dbsize") == "0"
    assert "manifest" in host.check_output(f"ls {DATA}/backup")


@pytest.mark.host(
    setup=steps(
        packaged("appendonly yes", keys=KEYS, runs=False),
        f"for file in {DATA}/appendonlydir/*.incr.aof; do printf 'rubbish that no server can read\\r\\n' >>$file; done",
    ),
    redis_server_adopt="keep",
)
def test_a_damaged_append_only_file(run, untouched):
    """A23: the last words of the server, and that nothing was changed."""
    assert not run.ok
    assert run.says("Bad file format reading the append only file", title="error"), str(run)
    assert run.says("this run changed nothing", title="error"), str(run)
    untouched()


@pytest.mark.host(
    setup=steps(
        packaged("hz 20", "# theirs", keys=KEYS, runs=False), f"printf 'rubbish and more rubbish' >{DATA}/dump.rdb"
    ),
    redis_server_adopt="keep",
    redis_server_settings={"maxmemory": "300mb"},
)
def test_a_damaged_dump(host, run, before):
    """The second of A23: there was a change, and it is taken back."""
    assert not run.ok
    assert run.says("Wrong signature", title="error"), str(run)
    now = host.facts(USUAL)
    for path in (CONFIG, "/etc/systemd/system"):
        assert now["files"][path] == before["files"][path]
    assert now["units"] == before["units"]


@pytest.mark.host(
    setup=packaged("hz 20", "bind 0.0.0.0", "# theirs", keys=KEYS, runs=False),
    redis_server_adopt="keep",
    redis_server_settings={"maxmemory": "300mb"},
)
def test_a_stopped_server_is_kept_as_well(host, run, before):
    """What is not declared stays, also where this run starts the server; and the first file has its copy."""
    assert run.ok, str(run)
    assert whole(host)
    assert [host.config(name) for name in ("hz", "bind", "maxmemory")] == ["20", "0.0.0.0", str(300 * 1024**2)]
    [copy] = host.check_output(f"ls {CONFIG}.*").split()
    assert before["files"][CONFIG][4] in host.check_output(f"sha256sum {copy}")
    again = plays.provision(host, redis_server_restart=True)
    assert (again.ok, again.changed) == (True, 0), str(again)
    assert host.config("hz") == "20"


@pytest.mark.host(
    setup=steps(
        packaged("save ''", keys=0),
        f"systemctl stop redis-server; mount -t tmpfs -o size=60m tmpfs {DATA}; chown redis: {DATA}",
        restart(),
        lambda host: host.redis("eval", "for i = 1, 30 do redis.call('SET', i, string.rep(i % 10, 1048576)) end", "0"),
    ),
    redis_server_adopt="keep",
    redis_server_settings={"appendonly": "yes"},
)
def test_too_little_disk_for_an_append_only_file(run, untouched):
    """A34."""
    assert not run.ok
    assert run.says("appendonly", "free", title="error")
    untouched()


@pytest.mark.host(
    setup=steps(
        f"mount -t tmpfs -o size=60m,nr_inodes=20 tmpfs {DATA}; chown redis: {DATA}",
        packaged("save ''", keys=10),
    ),
    redis_server_adopt="keep",
    redis_server_settings={"appendonly": "yes"},
)
def test_too_few_inodes(run, untouched):
    """The second of A34."""
    assert not run.ok
    assert run.says("inodes", title="error")
    untouched()
