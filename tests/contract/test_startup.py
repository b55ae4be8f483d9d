"""What a server has after a start with a file and options: model.startup and model.conffile say it before it starts."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.redis_ops import catalog
from ansible.module_utils.redis_ops.base.errors import InvalidValue
from ansible.module_utils.redis_ops.model import startup
from ansible.module_utils.redis_ops.model.conffile import ConfFile
from ansible.module_utils.redis_ops.view import included
from servers import Program, Server, running


def differing(server: Server, expected: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Option -> what was expected and what the server says, where they are not the same."""
    found = server.config()
    wrong = {}
    for name, value in expected.items():
        option = catalog.find(name)
        kind = option.kind_at(server.engine)
        told = kind.parse(found[option.spelled_at(server.engine)])
        if not kind.covers(value, told):
            wrong[name] = (value, told)
    return wrong


# --- options of the command ---------------------------------------------------------------------------------------------

FILE = ["hz 11", "save 900 1", "maxmemory 10mb", "timeout 3", 'logfile ""', "client-output-buffer-limit normal 1mb 0 0"]
OPTIONS = {
    "none": [],
    "one": ["--hz", "20"],
    "another case": ["--HZ", "20", "--MaxMemory", "20mb"],
    "name and value in one word": ["--hz 20", "--maxmemory", "20mb"],
    "the last one counts": ["--hz", "20", "--hz", "30"],
    "several values": ["--client-output-buffer-limit", "pubsub", "1mb", "2mb", "3"],
    "a value with blanks": ["--requirepass", "it's a b"],
    "a value with quotes and a backslash": ["--requirepass", 'it\'s "a b" \\ c'],
    "an empty value": ["--save", "", "--hz", "20"],
    "save without a value": ["--save", "--hz", "20"],
    "save points are added": ["--save", "60", "1000"],
    "save points are replaced": ["--save", "", "--save", "60", "1000"],
    "a line in a word": ["--hz 20\ntimeout 9"],
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_behind_the_file(program: Program, name: str, tmp_path: Path):
    """What Startup says of a command is what the server has that runs with it."""
    if name == "save without a value" and not program.engine.reached("redis 7.0"):
        pytest.skip("Redis 6.2 does not start with it")
    if name == "a value with quotes and a backslash" and program.version.startswith("valkey 8.1"):
        pytest.skip("Valkey 8.1 does not start with it")
    options = OPTIONS[name]
    found = startup.parse(["redis-server", "redis.conf", *options], str(tmp_path))
    assert found.config == str(tmp_path / "redis.conf")
    file = ConfFile.parse("\n".join(FILE))
    expected = ConfFile((*file.directives, *found.options)).values(program.engine)
    password = str(expected.get("requirepass", ""))
    with running(program, tmp_path, FILE, password, options) as server:
        assert differing(server, expected) == {}
        assert set(found.values(program.engine)) <= set(expected)


def test_a_value_that_looks_like_an_option(program: Program, tmp_path: Path):
    """Since 7.0.1 the word behind an option is its value."""
    if not program.engine.reached("redis 7.0"):
        pytest.skip("Redis 6.2 does not start with it")
    options = ["--proc-title-template", "--my--title", "--hz", "20"]
    expected = startup.parse(["redis-server", "x.conf", *options]).values(program.engine)
    assert expected["proc-title-template"] == "--my--title"
    with running(program, tmp_path, FILE, "", options) as server:
        assert differing(server, expected) == {}


# --- included files -----------------------------------------------------------------------------------------------------


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


TREES = {
    "one": (["hz 11", "include one.conf"], {"one.conf": "hz 20\ntimeout 5\n"}),
    "what follows wins": (["include one.conf", "hz 11"], {"one.conf": "hz 20\ntimeout 5\n"}),
    "in place": (["hz 11", "include one.conf", "timeout 7"], {"one.conf": "hz 20\ntimeout 5\n"}),
    "twice": (["include one.conf", "hz 11", "include one.conf"], {"one.conf": "hz 20\n"}),
    "nested": (
        ["include a/one.conf", "timeout 1"],
        {"a/one.conf": "hz 20\ninclude a/two.conf\nmaxmemory 1mb\n", "a/two.conf": "hz 30\nmaxmemory 2mb\n"},
    ),
    "quoted": (['include "with blank.conf"'], {"with blank.conf": "hz 20\n"}),
    "no end of line": (["include one.conf", "timeout 5"], {"one.conf": "hz 20"}),
    "empty": (["hz 11", "include one.conf"], {"one.conf": ""}),
    "save points add up over files": (["save 900 1", "include one.conf"], {"one.conf": "save 60 1000\n"}),
    "save points behind an included file": (["include one.conf", "save 900 1"], {"one.conf": "save 60 1000\n"}),
    "relative to dir": (["hz 11", "dir sub", "include one.conf"], {"one.conf": "hz 20\n", "sub/one.conf": "hz 30\n"}),
    "dir of an included file counts behind it": (
        ["include one.conf", "include two.conf"],
        {"one.conf": "dir sub\n", "two.conf": "hz 20\n", "sub/two.conf": "hz 30\n"},
    ),
    "dir twice": (
        ["dir sub", "dir deeper", "include one.conf"],
        {"sub/deeper/one.conf": "hz 30\n", "one.conf": "hz 20\n"},
    ),
}
GLOBS = {
    "in order": (["include conf.d/*.conf"], {"conf.d/20.conf": "hz 20\n", "conf.d/10.conf": "hz 10\ntimeout 1\n"}),
    "none matches": (["hz 11", "include conf.d/*.conf"], {"conf.d/readme": "hz 20\n"}),
    "a question mark": (["include conf.d/?.conf"], {"conf.d/a.conf": "hz 20\n", "conf.d/ab.conf": "hz 30\n"}),
    "a set": (["include conf.d/[ab].conf"], {"conf.d/a.conf": "hz 20\n", "conf.d/c.conf": "hz 30\n"}),
    "hidden files": (["hz 11", "include conf.d/*"], {"conf.d/.hidden": "hz 20\n", "conf.d/seen": "timeout 2\n"}),
    "two stars": (["hz 11", "include conf.d/**"], {"conf.d/a/b.conf": "hz 20\n", "conf.d/c.conf": "timeout 2\n"}),
    "directories": (["hz 11", "include conf.d/*"], {"conf.d/sub/x.conf": "hz 20\n", "conf.d/z.conf": "timeout 2\n"}),
    "of directories": (["include */one.conf"], {"b/one.conf": "hz 20\n", "a/one.conf": "hz 10\n"}),
}


def read(root: Path, lines: list[str]) -> ConfFile:
    """The configuration as this project reads it."""
    return ConfFile.parse("\n".join(lines)).including(partial(included.read_all, config=None), str(root))


def check(program: Program, root: Path, tree: tuple[list[str], dict[str, str]]) -> None:
    lines, files = tree
    write(root, files)
    expected = read(root, lines).values(program.engine)
    directory = expected.pop("dir", None)
    with running(program, root, lines) as server:
        assert differing(server, expected) == {}
        if directory is not None:
            assert server.config("dir")["dir"].startswith(str(root.resolve()))


@pytest.mark.parametrize("name", TREES)
def test_included_files_are_read_in_their_places(program: Program, name: str, tmp_path: Path):
    check(program, tmp_path, TREES[name])


@pytest.mark.parametrize("name", GLOBS)
def test_patterns_of_included_files(program: Program, name: str, tmp_path: Path):
    if not program.engine.reached("redis 7.0"):
        pytest.skip("Redis 6.2 knows no patterns")
    check(program, tmp_path, GLOBS[name])


def test_what_a_server_would_not_start_with_is_no_configuration(tmp_path: Path):
    write(tmp_path, {"self.conf": "include self.conf\n", "open.conf": 'logfile "x\n'})
    for lines in (["include gone.conf"], ["include self.conf"], ["include open.conf"]):
        with pytest.raises(InvalidValue) as raised:
            read(tmp_path, lines)
        assert lines[0].split()[1] in str(raised.value)
        assert '"x' not in str(raised.value)
