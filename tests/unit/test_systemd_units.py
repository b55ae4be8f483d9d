"""Units as a real systemd shows them, recorded in recorded/systemctl-show.txt by systemd 252.

What the server really got was written down by a program in its place: its words, its directory and its user.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils.redis_ops.base.errors import InvalidValue
from ansible.module_utils.redis_ops.base.owners import user_number
from ansible.module_utils.redis_ops.model import startup
from ansible.module_utils.redis_ops.platform import command, host, units
from ansible.module_utils.redis_ops.platform.debian import sysv
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

RECORDED = (Path(__file__).parent / "recorded" / "systemctl-show.txt").read_text()
# As they were asked for; some are aliases
ASKED = [
    "redis-server",
    "redis",
    "redis-server@cache",
    "redis-dropin",
    "redis-late",
    "redis-infinity",
    "redis-env",
    "redis-lost",
    "redis-unset",
    "redis-dirs",
    "redis-dash",
    "redis-home",
    "redis-blank",
    "redis-shell",
    "redis-argv0",
    "redis-dollar",
    "redis-semicolon",
    "redis-two",
    "redis-bad",
    "redis-masked",
    "redis-own",
    "redis-friend",
    "redis-gone",
    "redis-continued",
    "redis-quoted",
    "redis-embedded",
    "redis-glob",
    "redis-odd",
    "redis-single",
]
SERVER = "/usr/bin/redis-server"
VENDOR = "/lib/systemd/system"
FILES = {
    "/etc/default/redis-env": '# comment\nARGS="--maxmemory 100mb"\nCONF=/etc/redis/fromfile.conf\n',
    "/etc/default/redis-glob": "CONF=/etc/redis/glob.conf\n",
    "/etc/default/redis-odd": (
        'A=one \\\n two\n B = three\n; no\nexport C=four\nD=\'five six\' seven\nE="eight \\"nine\\""\n'
    ),
    f"{VENDOR}/redis-blank.service": (
        f'[Service]\nExecStart={SERVER} "/srv/my redis/redis.conf" --requirepass "a b" --save ""\n'
    ),
    f"{VENDOR}/redis-single.service": (
        f"[Service]\nExecStart={SERVER} '/etc/redis/a b.conf' --requirepass \"it's\" --masterauth 'x\\ty'\n"
    ),
    f"{VENDOR}/redis-embedded.service": (
        f'[Service]\nExecStart={SERVER} ${{DIR}}/a.conf --dir $DIR --logfile=$DIR/x --save ""\n'
    ),
    f"{VENDOR}/redis-continued.service": f"[Service]\nExecStart={SERVER} \\\n  /etc/redis/a.conf \\\n  --port 7000\n",
    f"{VENDOR}/redis-semicolon.service": (
        f'[Service]\nExecStart={SERVER} "/etc/redis/a ; ignore_errors=yes ; argv[]=x ; flags= ; .conf" --port 7000\n'
    ),
    "/etc/systemd/system/redis-dropin.service.d/override.conf": (
        f"[Service]\nExecStart=\nExecStart={SERVER} /srv/redis/my.conf --supervised systemd --daemonize no\n"
    ),
    "/etc/systemd/system/redis-late.service.d/50-ansible.conf": "[Service]\nLimitNOFILE=11024\n",
    "/etc/systemd/system/redis-late.service.d/60-admin.conf": "[Service]\nLimitNOFILE=4096\nUser=ops\n",
}


@pytest.fixture
def systemd(monkeypatch):
    """A systemctl that shows what was recorded, and the files of its units. Returns both, to be changed."""
    found = SimpleNamespace(shown=RECORDED, files=dict(FILES), asked=[])

    def run(words, **_):
        found.asked.append(words)
        return subprocess.CompletedProcess(words, 0, found.shown, "")

    monkeypatch.setattr(host, "run", run)
    monkeypatch.setattr(host, "read", lambda path: found.files.get(path, ""))
    monkeypatch.setattr(
        host,
        "matching",
        lambda pattern: [path for path in found.files if re.fullmatch(pattern.replace("*", ".*"), path)],
    )
    monkeypatch.setattr(units.pwd, "getpwnam", lambda name: SimpleNamespace(pw_dir={"ops": "/home/ops"}[name]))
    return found


@pytest.fixture
def seen(systemd):
    assert systemd.shown == RECORDED
    return units.look(ASKED)


def test_all_units_come_from_one_call(seen, systemd):
    assert list(seen) == ASKED
    assert len(systemd.asked) == 1
    assert systemd.asked[0][3:] == [f"{name}.service" for name in ASKED]


def test_nothing_is_asked_for_no_unit(systemd):
    assert units.look([]) == {}
    assert systemd.asked == []


def test_the_unit_of_the_package(seen):
    assert seen["redis-server"] == units.Unit(
        "redis-server",
        loaded=True,
        enabled=True,
        fragment=f"{VENDOR}/redis-server.service",
        command=(SERVER, "/etc/redis/redis.conf", "--supervised", "systemd", "--daemonize", "no"),
        user="redis",
        group="redis",
        open_files=65535,
    )


# What the program in the server's place was started with
STARTED = {
    "redis-server": ["/etc/redis/redis.conf", "--supervised", "systemd", "--daemonize", "no"],
    "redis": ["/etc/redis/redis.conf", "--supervised", "systemd", "--daemonize", "no"],
    "redis-server@cache": ["/etc/redis/redis-cache.conf", "--supervised", "systemd", "--daemonize", "no"],
    "redis-dropin": ["/srv/redis/my.conf", "--supervised", "systemd", "--daemonize", "no"],
    "redis-env": ["/etc/redis/fromfile.conf", "one", "--port", "7000", "--maxmemory", "100mb"],
    "redis-unset": ["/etc/redis/a.conf", ""],
    "redis-dirs": ["./my.conf"],
    "redis-dash": ["my.conf"],
    "redis-home": ["my.conf"],
    "redis-blank": ["/srv/my redis/redis.conf", "--requirepass", "a b", "--save", ""],
    "redis-argv0": ["/etc/redis/a.conf"],
    "redis-semicolon": ["/etc/redis/a ; ignore_errors=yes ; argv[]=x ; flags= ; .conf", "--port", "7000"],
    "redis-two": ["/etc/redis/two.conf", "--daemonize", "yes"],
    "redis-own": ["/etc/redis/own.conf"],
    "redis-friend": ["/etc/redis/own.conf"],
    "redis-continued": ["/etc/redis/a.conf", "--port", "7000"],
    "redis-quoted": ["/etc/redis/a.conf", "--requirepass", "a b", "--port", "7001"],
    "redis-glob": ["/etc/redis/glob.conf"],
}
UNCLEAR = {
    "redis-lost": "its environment file /etc/default/lost can't be read",
    "redis-dollar": "its command has a variable that is not known here",
    "redis-embedded": "its command has a variable that is not known here",
    "redis-odd": "its command has a variable that is not known here",
    "redis-single": "its command has quotes that can't be read here",
    "redis-bad": "systemd can't load it (bad-setting)",
}


@pytest.mark.parametrize("name", STARTED)
def test_the_words_are_those_that_the_server_gets(seen, name):
    assert (list(seen[name].command), seen[name].unclear) == ([SERVER, *STARTED[name]], "")


@pytest.mark.parametrize("name", UNCLEAR)
def test_what_can_not_be_told_is_said_and_never_guessed(seen, name):
    assert seen[name].unclear.startswith(UNCLEAR[name])


def test_every_recorded_unit_is_judged():
    assert {*STARTED, *UNCLEAR} == set(ASKED) - {
        *("redis-late", "redis-infinity"),  # as the package's
        *("redis-shell", "redis-masked", "redis-gone"),  # below
    }


def test_a_shell_is_no_server(seen):
    assert seen["redis-shell"].command[:2] == ("/bin/sh", "-c")
    with pytest.raises(InvalidValue):
        startup.parse(seen["redis-shell"].command)


@pytest.mark.parametrize(
    ("name", "directory", "file"),
    [
        ("redis-dirs", "/srv/redis", "/srv/redis/my.conf"),
        ("redis-dash", "/srv/gone", "/srv/gone/my.conf"),
        ("redis-home", "/home/ops", "/home/ops/my.conf"),
        ("redis-own", "/", "/etc/redis/own.conf"),
    ],
)
def test_where_the_server_works_when_it_reads_its_file(seen, name, directory, file):
    assert seen[name].directory == directory
    assert startup.parse(seen[name].command, seen[name].directory).config == file


@pytest.mark.parametrize(
    ("name", "loaded", "masked", "enabled"),
    [
        ("redis-server", True, False, True),
        ("redis-dropin", True, False, False),
        ("redis-two", True, False, False),  # static: nothing enables it
        ("redis-masked", False, True, False),
        ("redis-bad", False, False, False),
        ("redis-gone", False, False, False),
    ],
)
def test_what_systemd_knows_of_a_unit(seen, name, loaded, masked, enabled):
    assert (seen[name].loaded, seen[name].masked, seen[name].enabled) == (loaded, masked, enabled)


def test_an_alias_has_the_name_of_its_unit(seen):
    assert (seen["redis"].name, seen["redis-friend"].name) == ("redis-server", "redis-own")
    assert seen["redis-gone"].name == "redis-gone"


def test_who_wrote_a_unit(seen):
    assert {name for name, unit in seen.items() if unit.fragment_is_foreign} == {"redis-own", "redis-friend"}


def test_the_user_and_the_group(seen):
    assert [(seen[name].user, seen[name].group) for name in ("redis-late", "redis-own", "redis-env", "redis-dirs")] == [
        ("ops", "redis"),
        ("ops", "redis"),
        ("redis", ""),
        ("", ""),
    ]


def test_the_main_process(seen):
    assert seen["redis-unset"].pid == 173
    assert seen["redis-server"].pid == 0


# --- drop-ins -----------------------------------------------------------------------------------------------------------


def test_a_later_drop_in_that_overrides_our_limit(seen):
    """Field case A29: the drop-in is named with its limit."""
    late = seen["redis-late"]
    assert late.open_files == 4096
    assert late.needs_reload is True
    path = "/etc/systemd/system/redis-late.service.d/60-admin.conf"
    assert late.foreign_drop_ins == (path,)
    assert units.later_limit(late) == (path, 4096)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("[Service]\nLimitNOFILE=4096\n", 4096),
        ("[Service]\n  LimitNOFILE = 1024:4096  \n", 4096),
        ("[Service]\nLimitNOFILE=infinity\n", sys.maxsize),
        ("[Service]\nLimitNOFILE=1\nLimitNOFILE=2\n", 2),
        ("[Service]\n#LimitNOFILE=4096\nLimitNPROC=5\n", None),
        ("", None),
    ],
)
def test_a_limit_of_a_later_drop_in(seen, systemd, text, limit):
    path = seen["redis-late"].foreign_drop_ins[0]
    systemd.files[path] = text
    assert units.later_limit(seen["redis-late"]) == (None if limit is None else (path, limit))


def test_an_earlier_drop_in_does_not_override_ours(systemd):
    earlier = "/etc/systemd/system/redis-late.service.d/10-x.conf"
    systemd.files[earlier] = "[Service]\nLimitNOFILE=5\n"
    unit = units.Unit("redis-late", drop_ins=(earlier, units.drop_in("redis-late")))
    assert units.later_limit(unit) is None


def test_no_limit_is_a_large_one(seen):
    assert seen["redis-infinity"].open_files == sys.maxsize
    assert seen["redis-infinity"].foreign_drop_ins == ("/run/systemd/system/redis-infinity.service.d/90-x.conf",)


def test_the_lines_that_decide_which_server_starts(seen, systemd):
    systemd.files["/etc/systemd/system/redis-own.service"] = (
        "[Unit]\nAfter=x\n[Service]\nExecStart=x\nUser=ops\nNice=5\n"
    )
    assert {
        name: units.decisive_lines(seen[name]) for name in ("redis-server", "redis-dropin", "redis-late", "redis-own")
    } == {
        "redis-server": {},
        "redis-dropin": {"/etc/systemd/system/redis-dropin.service.d/override.conf": ["ExecStart"]},
        "redis-late": {"/etc/systemd/system/redis-late.service.d/60-admin.conf": ["LimitNOFILE", "User"]},
        "redis-own": {"/etc/systemd/system/redis-own.service": ["ExecStart", "User"]},
    }


# --- what systemd does not tell -----------------------------------------------------------------------------------------

LINES_IN_A_WORD = """\
MainPID=270
ExecStart={ path=/usr/bin/redis-server ; argv[]=/usr/bin/redis-server /etc/redis/x
%sy.conf ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }
Id=redis-lines.service
LoadState=loaded
"""


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param("", id="nothing"),
        pytest.param("\n\n", id="blank lines"),
        pytest.param("Failed to connect to bus: No such file or directory\n", id="another text"),
        pytest.param("Id=redis-server.service\n", id="a part"),
        pytest.param(LINES_IN_A_WORD % "", id="a word with an end of line"),
        pytest.param(LINES_IN_A_WORD % "\n", id="a word with an empty line"),
        pytest.param("LoadState=loaded\nExecStart={ path=/usr/bin/redis-server ; argv[]=x }\n", id="another shape"),
        pytest.param("LoadState=error\nId=redis-server.service\n", id="a unit that can't be read"),
    ],
)
def test_a_unit_that_is_not_told_is_unclear(systemd, shown):
    """A guard that lacks this fact must know that it does."""
    systemd.shown = shown
    assert units.look(["redis-server"])["redis-server"].unclear


def test_fewer_units_than_were_asked_for_tell_nothing_of_any(systemd):
    systemd.shown = RECORDED.partition("\n\n")[0]
    seen = units.look(["redis-server", "redis-server@cache"])
    assert [bool(unit.unclear) for unit in seen.values()] == [True, True]


@quick
@given(st.text(max_size=200))
def test_no_text_of_a_unit_is_an_error(text):
    command.command_of(text, [text], {})
    command.command_of(
        f"{{ path=/x ; argv[]={text} ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; "
        "code=(null) ; status=0/0 }",
        [text],
        {"A": text},
    )
    command.environment_of(text)
    command.assignments(text)
    command.directives(text)


# --- commands -----------------------------------------------------------------------------------------------------------


def shown(*words: str) -> str:
    return (
        f"{{ path=/usr/bin/redis-server ; argv[]={' '.join(words)} ; ignore_errors=no ; start_time=[n/a] ; "
        "stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }"
    )


quoted = st.lists(st.text("ab/-. ;{}=[]", max_size=8), min_size=1, max_size=5)


@quick
@given(quoted, st.sampled_from(['"', "'"]))
def test_a_quoted_command_is_read_as_it_was_written_or_is_unclear(words, mark):
    line = " ".join(f"{mark}{word}{mark}" for word in [SERVER, *words])
    found = command.command_of(shown(SERVER, *words), [line], {})
    assert found == ((SERVER, *words), "")
    another = command.command_of(shown(SERVER, *words), [line + " more"], {})
    assert another.unclear


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (["--requirepass", "hunter2", "$X"], []),
        (["--requirepass", "hunter2"], ['"closed']),
        (["--requirepass hunter2$"], []),
    ],
)
def test_no_password_is_in_the_reason_why_a_command_is_unclear(words, lines):
    found = command.command_of(shown(SERVER, *words), lines, {"X": None})
    assert found.unclear
    assert "hunter2" not in found.unclear


def test_a_later_line_that_is_equal_when_shown_is_the_one_that_counts():
    lines = [f'{SERVER} "a b" c', "", f'{SERVER} a "b c"']
    assert command.command_of(shown(SERVER, "a", "b", "c"), lines, {}).words == (SERVER, "a", "b c")


@pytest.mark.parametrize(
    ("word", "environment", "words"),
    [
        ("$A", {"A": "one two"}, ["one", "two"]),
        ("$A", {"A": " "}, []),
        ("$A", {}, []),
        ("$A", {"A": "--x 'y z'"}, ["--x", "y z"]),
        ("$A", {"A": "it's"}, ["$A"]),
        ("$A", {"A": None}, ["$A"]),
        ("${A}", {"A": "one two"}, ["one two"]),
        ("${A}", {}, [""]),
        ("x${A}y${B}z", {"A": "1", "B": "2"}, ["x1y2z"]),
        ("x${A}", {"A": None}, ["x${A}"]),
        ("x$A", {"A": "1"}, ["x$A"]),
        ("$$A", {"A": "1"}, ["$$A"]),
    ],
)
def test_variables_of_a_command(word, environment, words):
    assert command.expand([word], environment) == words
    assert bool(command.unclear(words)) == any("$" in found for found in words)


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("A=one\n", {"A": "one"}),
        ("A=one two  \n", {"A": "one two"}),
        ("A=\"one two\"\nB='three'\n", {"A": "one two", "B": "three"}),
        ("A=\n", {"A": ""}),
        ("# A=1\n; B=2\n\n", {}),
        ("export A=1\n", {}),
        ("A=one \\\n two\n", {"A": "one  two"}),
        ('A="a"b\n', {"A": None}),
        ('A="a\\"b"\n', {"A": None}),
        ("A=it's\n", {"A": None}),
        ("A=1\nA=2\n", {"A": "2"}),
    ],
)
def test_an_environment_file(text, variables):
    assert command.environment_of(text) == variables


# --- without systemd ----------------------------------------------------------------------------------------------------

SCRIPT = """\
#! /bin/sh
PATH=/usr/sbin:/usr/bin
DAEMON=/usr/bin/redis-server
DAEMON_ARGS=/etc/redis/redis.conf
NAME=redis-server
RUNDIR=/run/redis
PIDFILE=$RUNDIR/redis-server.pid
if start-stop-daemon --start --quiet --pidfile $PIDFILE --chuid redis:redis --exec $DAEMON -- $DAEMON_ARGS
"""


@pytest.mark.parametrize(
    ("default", "words", "unclear"),
    [
        ("", (SERVER, "/etc/redis/redis.conf"), False),
        ("ULIMIT=1024\n", (SERVER, "/etc/redis/redis.conf"), False),
        ('DAEMON_ARGS="/srv/my.conf --port 7000"\n', (SERVER, "/srv/my.conf", "--port", "7000"), False),
        ("DAEMON=/opt/redis-server\n", ("/opt/redis-server", "/etc/redis/redis.conf"), False),
        ("DAEMON_ARGS=$(cat /etc/args)\n", (SERVER, "$(cat", "/etc/args)"), True),
    ],
)
def test_the_script_of_a_package(systemd, default, words, unclear):
    systemd.files = {"/etc/init.d/redis-server": SCRIPT, "/etc/default/redis-server": default}
    unit = sysv.unit_of("redis-server", 42, enabled=True)
    assert (unit.command, bool(unit.unclear)) == (words, unclear)
    assert (unit.loaded, unit.enabled, unit.user, unit.group, unit.pid) == (True, True, "redis", "redis", 42)
    assert unit.fragment == "/etc/init.d/redis-server"


def test_a_script_that_is_not_there(systemd):
    systemd.files = {}
    assert sysv.unit_of("redis-server", 0, enabled=False) == units.Unit("redis-server")


# --- units and processes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cgroup", "name"),
    [
        ("0::/system.slice/redis-server.service\n", "redis-server"),
        ("0::/system.slice/system-redis\\x2dserver.slice/redis-server@cache.service\n", "redis-server@cache"),
        ("0::/system.slice/system-redis\\x2dserver.slice/redis-server@my\\x2dx.service\n", "redis-server@my\\x2dx"),
        ("9:name=systemd:/pod/system.slice/redis.service\n8:pids:/pod\n0::/pod/system.slice/redis.service\n", "redis"),
        ("0::/user.slice/user-0.slice/session-3.scope\n", ""),
        ("0::/\n", ""),
        ("", ""),
    ],
)
def test_the_unit_of_a_process(systemd, cgroup, name):
    systemd.files = {"/proc/42/cgroup": cgroup}
    assert units.of_process(42) == name


def test_units_whose_names_are_those_of_a_server(monkeypatch):
    listed = (
        "redis-own.service       enabled  enabled\nredis-server.service    enabled  enabled\n"
        "redis-server@.service   indirect enabled\nredis.service           alias    -\n"
    )
    running = (
        "redis-server@my\\x2dx.service loaded activating auto-restart Advanced key-value store (my-x)\n"
        "redis-own.service          loaded inactive dead    redis-own.service\n"
    )
    monkeypatch.setattr(
        host,
        "run",
        lambda words, **_: subprocess.CompletedProcess(words, 0, listed if "list-unit-files" in words else running, ""),
    )
    assert units.candidates() == ["redis", "redis-own", "redis-server", "redis-server@my\\x2dx"]


@pytest.mark.parametrize(("user", "name"), [("0", "root"), ("64001", "64001"), ("redis", "redis"), ("", "")])
def test_a_user_that_is_given_by_its_number(systemd, user, name):
    systemd.shown = f"Id=x.service\nLoadState=loaded\nUser={user}\n"
    assert units.look(["x"])["x"].user == name
    if user.isdigit():
        assert user_number(user) == int(user)
