"""redis.conf is read as Redis reads it and written so that Redis reads what was meant."""

from __future__ import annotations

import re
import shlex

import pytest
from ansible.module_utils.redis_ops import catalog
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.errors import InvalidValue
from ansible.module_utils.redis_ops.model import conffile
from ansible.module_utils.redis_ops.model.conffile import (
    ConfFile,
    Directive,
    Unreadable,
    mask,
    quote,
    render,
    secrets_in,
)
from ansible.module_utils.redis_ops.model.desired import MASK, DesiredState
from hypothesis import given
from hypothesis import strategies as st
from strategies import AWKWARD, ENGINES, desired_states, quick

REDIS_7 = Engine.parse("redis 7.0.15")
anywhere = st.sampled_from(ENGINES).flatmap(desired_states)


def sdssplitargs(line: str) -> list[str] | None:  # noqa: C901, PLR0912 - as long as its model
    """Redis' sds.c, statement by statement, so that it shares nothing with what it judges."""
    data, at, words = line + "\0", 0, []
    escapes = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "a": "\a"}
    while True:
        while data[at] != "\0" and data[at] in " \t\n\v\f\r":
            at += 1
        if data[at] == "\0":
            return words
        word, quoted, done = "", "", False
        while not done:
            char = data[at]
            if quoted:
                if char == "\0":
                    return None
                if quoted == '"' and re.match(r"\\x[0-9a-fA-F]{2}", data[at:]):
                    word += chr(int(data[at + 2 : at + 4], 16))
                    at += 3
                elif quoted == '"' and char == "\\" and data[at + 1] != "\0":
                    at += 1
                    word += escapes.get(data[at], data[at])
                elif quoted == "'" and data[at : at + 2] == "\\'":
                    at += 1
                    word += "'"
                elif char == quoted:
                    if data[at + 1] != "\0" and data[at + 1] not in " \t\n\v\f\r":
                        return None
                    done = True
                else:
                    word += char
            elif char in " \n\r\t\0":  # a word without quotes may have \v and \f in it
                done = True
            elif char in "\"'":
                quoted = char
            else:
                word += char
            if data[at] != "\0":
                at += 1
        words.append(word)


# --- reading ---------------------------------------------------------------------------------------------------------


@quick
@given(st.text("ab'\"\\ \t\v#xfn07{}"))
def test_words_are_those_of_sdssplitargs(line):
    assert conffile.split_arguments(line) == sdssplitargs(line)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("save 900 1", ["save", "900", "1"], id="plain"),
        pytest.param('save ""', ["save", ""], id="empty"),
        pytest.param("a 'b c'", ["a", "b c"], id="single quotes"),
        pytest.param(r"a 'b\'c'", ["a", "b'c"], id="escape in single quotes"),
        pytest.param(r"a 'b\nc'", ["a", r"b\nc"], id="no other escape in single quotes"),
        pytest.param(r'a "\x41\n\\\""', ["a", 'A\n\\"'], id="escapes in double quotes"),
        pytest.param("hz 10 # why", ["hz", "10", "#", "why"], id="no inline comment"),
        pytest.param('a "b', None, id="open"),
        pytest.param('a "b"c', None, id="quotes touch a word"),
        pytest.param('a "b\\', None, id="backslash at the end"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_words(line, words):
    assert conffile.split_arguments(line) == words
    assert sdssplitargs(line) == words


@quick
@given(st.lists(st.text("abc019-_:/.,+ '", min_size=1)))
def test_words_are_those_of_a_shell_where_both_mean_the_same(words):
    line = " ".join(shlex.quote(word) for word in words if "'" not in word)
    assert conffile.split_arguments(line) == shlex.split(line)


@quick
@given(st.lists(st.text(AWKWARD)))
def test_quoted_words_are_read_back(words):
    assert sdssplitargs(" ".join(map(quote, words))) == words


@quick
@given(st.binary())
def test_any_bytes_are_read_back(data):
    """As a password may have, which CONFIG SET takes as it is. The line has no control character of its own."""
    word = data.decode("utf-8", "surrogateescape")
    line = f"requirepass {quote(word)}"
    assert conffile.split_arguments(line) == ["requirepass", word]
    assert sdssplitargs(line) == ["requirepass", word]
    assert not re.search(r"[\x00-\x1f\x7f]", line)
    assert ConfFile.parse(f"{line}\n").values(REDIS_7) == {"requirepass": word}


@pytest.mark.parametrize("name", ["requirepass", "masterauth", "tls-key-file-pass", "user"])
@pytest.mark.parametrize("spelled", ['"pa\\tss"', '"pa\\x09ss"', "'pa\tss'", '"pa\tss"'])
def test_a_secret_is_known_however_an_error_spells_it(name, spelled):
    line = f"{name} {spelled}" if name != "user" else f"user a on {spelled[0]}>{spelled[1:]}"
    found = conffile.secrets_in(f"hz 10\n{line}\n")
    assert {"pa\tss", "pa\\x09ss"} <= found
    assert name == "user" or spelled.strip("\"'") in found


def test_a_blank_that_ends_no_word_is_part_of_it():
    """Redis parts words without quotes at blanks, tabs and line ends only."""
    assert ConfFile.parse("requirepass a\vb\n").values(REDIS_7) == {"requirepass": "a\vb"}
    assert ConfFile.parse("requirepass a\f\r\n").values(REDIS_7) == {"requirepass": "a\f"}


def test_a_word_that_config_rewrite_escaped_is_read_as_utf_8():
    # sdscatrepr writes every byte that is not printable ASCII as \xNN
    assert conffile.split_arguments(r'requirepass "p\xc3\xa4ss"') == ["requirepass", "päss"]


@pytest.mark.parametrize("char", ["\u00a0", "\u2003"], ids=["no-break space", "em space"])
def test_only_ascii_blanks_part_words(char):
    assert conffile.split_arguments(f"proc-title-template a{char}b") == ["proc-title-template", f"a{char}b"]


LINE_SEPARATORS = pytest.mark.parametrize("char", ["\u0085", "\u2028", "\u2029"], ids=["NEL", "LS", "PS"])


@LINE_SEPARATORS
def test_only_a_newline_ends_a_line(char):
    desired = DesiredState.parse({"proc-title-template": f"a{char}b"}, REDIS_7, "here")
    assert ConfFile.parse(render(desired, "default")).values(REDIS_7) == desired.values


@pytest.mark.parametrize(
    ("text", "number"),
    [
        pytest.param('hz 10\nrequirepass "open\n', 2, id="double"),
        pytest.param("\n# c\nlogfile 'open\nhz 10", 3, id="single"),
        pytest.param('dir "/a"b', 1, id="touching"),
    ],
)
def test_unclosed_quotes_name_the_line_and_nothing_of_it(text, number):
    with pytest.raises(InvalidValue, match=rf"line {number}$") as raised:
        ConfFile.parse(text)
    assert "open" not in str(raised.value)


def values(*lines: str, engine: Engine = REDIS_7) -> dict:
    return ConfFile.parse("\n".join(lines) + "\n").values(engine)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(["hz 10", "hz 20"], {"hz": 20}, id="the last one wins"),
        pytest.param(["HZ 10"], {"hz": 10}, id="names in any case"),
        pytest.param(["slave-read-only no"], {"replica-read-only": False}, id="old name"),
        pytest.param(
            ["replica-read-only yes", "slave-read-only no"],
            {"replica-read-only": False},
            id="the last one wins under any name",
        ),
        pytest.param(["  hz 10  ", "\t# hz 20", "#hz 30", ""], {"hz": 10}, id="comments and blanks"),
        pytest.param(["save 900 1", "save 60 10000"], {"save": ((900, 1), (60, 10000))}, id="save adds up"),
        pytest.param(["save 900 1 60 10000"], {"save": ((900, 1), (60, 10000))}, id="save on one line"),
        pytest.param(["save 900 1", 'save ""'], {"save": ()}, id="save is emptied"),
        pytest.param(['save ""', "save 60 1"], {"save": ((60, 1),)}, id="save starts again"),
        pytest.param(
            ["client-output-buffer-limit normal 0 0 0", "client-output-buffer-limit slave 1mb 0 60"],
            {"client-output-buffer-limit": (("normal", 0, 0, 0), ("replica", 2**20, 0, 60))},
            id="buffer limits add up",
        ),
        pytest.param(
            ["client-output-buffer-limit pubsub 1mb 0 60", "client-output-buffer-limit pubsub 2mb 0 60"],
            {"client-output-buffer-limit": (("pubsub", 2**21, 0, 60),)},
            id="the last limit of a class wins",
        ),
        pytest.param(["bind 127.0.0.1 -::1"], {"bind": ("127.0.0.1", "-::1")}, id="words"),
        pytest.param(['requirepass "two words"'], {"requirepass": "two words"}, id="quoted"),
        pytest.param(["hz often"], {"hz": Unreadable("often")}, id="unreadable"),
        pytest.param(["hz 10 # why"], {"hz": Unreadable("10 # why")}, id="inline comment"),
        pytest.param(["no-such-option 1", "loadmodule /x.so"], {}, id="not settings"),
    ],
)
def test_values(lines, expected):
    assert values(*lines) == expected


def test_unreadable_equals_nothing_that_is_wanted():
    assert Unreadable("10") != 10
    assert Unreadable("10") != "10"


def test_several_save_points_on_one_line_are_none_for_redis_6_2():
    assert values("save 900 1 300 10", engine=Engine.parse("redis 6.2.14")) == {"save": ()}


# --- what a rewrite keeps ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        pytest.param("replicaof 10.0.0.1 6379", "replicaof 10.0.0.1 6379", id="replicaof"),
        pytest.param("SLAVEOF 10.0.0.1 6379", "slaveof 10.0.0.1 6379", id="slaveof"),
        pytest.param("user default on nopass ~* &* +@all", None, id="user default as CONFIG REWRITE leaves it"),
        pytest.param(
            "user default on sanitize-payload #abc ~* &* +@all",
            "user default on sanitize-payload #abc ~* &* +@all",
            id="with a password, which the plan weighs",
        ),
        pytest.param("USER default ON nopass ~* &* +@ALL", None, id="in capitals"),
        pytest.param("user default off", "user default off", id="user default closed"),
        pytest.param("user default on nopass ~* +@read", "user default on nopass ~* +@read", id="user default limited"),
        pytest.param("user Default on nopass ~* +@all", "user Default on nopass ~* +@all", id="another user Default"),
        pytest.param("user alice on nopass ~a:* +@read", "user alice on nopass ~a:* +@read", id="another user"),
        pytest.param("loadmodule /x.so 1", "loadmodule /x.so 1", id="module"),
        pytest.param('rename-command CONFIG ""', 'rename-command CONFIG ""', id="renamed command"),
        pytest.param("hz 10", None, id="setting"),
        pytest.param("# replicaof a 1", None, id="comment"),
    ],
)
def test_kept_lines(line, kept):
    parsed = ConfFile.parse(line)
    assert [directive.text() for directive in parsed.kept()] == ([kept] if kept else [])


def test_kept_lines_are_rendered_once_and_last_and_kept_again():
    desired = DesiredState.parse({"hz": 20}, REDIS_7, "here")
    kept = ConfFile.parse("user bob on >'it is #1' ~*\nreplicaof 10.0.0.1 6379").kept()
    text = render(desired, "default", kept)
    assert ConfFile.parse(text).kept() == [Directive(d.name, d.arguments, d.line) for d in ConfFile.parse(text).kept()]
    assert [(d.name, d.arguments) for d in ConfFile.parse(text).kept()] == [(d.name, d.arguments) for d in kept]
    assert text == render(desired, "default", ConfFile.parse(text).kept())


# --- writing ----------------------------------------------------------------------------------------------------------


@quick
@given(anywhere)
def test_what_is_rendered_is_read_back(desired):
    engine = desired.engine
    found = ConfFile.parse(render(desired, "default")).values(engine)
    assert found == desired.values
    for name, want in desired.values.items():
        assert catalog.find(name).kind_at(engine).covers(want, found[name])


@quick
@given(anywhere)
def test_only_whole_lines_are_comments(desired):
    for line in render(desired, "default").splitlines():
        if line and not line.startswith("#"):
            unquoted = re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)
            assert not re.search(r"\s#", unquoted)  # as somebody would write a comment behind a value
            assert "'" not in unquoted
            words = sdssplitargs(line)
            assert words is not None
            assert catalog.find(words[0]).spelled_at(desired.engine) == words[0]


def test_one_save_point_a_line_for_redis_6_2_takes_no_more():
    desired = DesiredState.parse({"save": "900 1 300 10"}, Engine.parse("redis 6.2.14"), "here")
    assert re.findall("^save.*$", render(desired, "default"), re.MULTILINE) == ["save 900 1", "save 300 10"]


def test_names_are_those_that_the_server_knows():
    old, new = Engine.parse("redis 6.2.14"), REDIS_7
    lines = [render(DesiredState.parse({"hash-max-listpack-entries": 9}, at, "here"), "x") for at in (old, new)]
    assert "\nhash-max-ziplist-entries 9\n" in lines[0]
    assert "\nhash-max-listpack-entries 9\n" in lines[1]


def test_a_file_says_who_writes_it_and_why_each_group_is_there():
    text = render(DesiredState.parse({"maxmemory": "1gb", "appendonly": True}, REDIS_7, "here"), "cache")
    assert text.startswith("# Managed by Ansible (redis_server, instance cache).")
    assert text.index("# Memory and eviction (guide 1, 9)\n") < text.index("\nmaxmemory 1gb\n")
    assert text.index("# Persistence (guide 2, 9)\n") < text.index("\nappendonly yes\n")
    assert "# Replication" not in text


def test_nothing_declared_renders_the_head_only():
    assert all(line.startswith("#") for line in render(DesiredState(REDIS_7, {}), "x").splitlines())


# --- masking ----------------------------------------------------------------------------------------------------------

SECRETS = [option for option in catalog.OPTIONS if option.secret]
# no part of the rest of the text, so that finding it is finding a leak
MARKED = st.text("qzQZ0189!$%&()=?+*~'#- ", min_size=1).map(lambda text: f"qZ7{text}7Zq")


@quick
@given(anywhere, MARKED)
def test_a_masked_file_has_no_secret(desired, secret):
    known = {option.name: secret for option in SECRETS if option.exists_at(desired.engine)}
    text = render(DesiredState(desired.engine, {**desired.values, **known}), "default")
    assert secret in text or quote(secret) in text
    shown = mask(text)
    assert "qZ7" not in shown
    assert shown.count("\n") == text.count("\n")


@pytest.mark.parametrize("name", sorted(name for option in SECRETS for name in option.names))
@pytest.mark.parametrize("line", ["{} hunter2", "  {}\thunter2", '{} "hunter2"', "{} 'hunter2'"])
def test_every_secret_is_masked_under_every_name(name, line):
    for spelled in (name, name.upper()):
        shown = mask("hz 10\n" + line.format(spelled) + "\nport 6379\n")
        assert "hunter2" not in shown
        assert MASK in shown
        assert shown.startswith("hz 10\n")
        assert shown.endswith("\nport 6379\n")


@pytest.mark.parametrize("name", sorted(option.name for option in SECRETS))
@pytest.mark.parametrize("line", ["{} a hunter2", "# {} a b hunter2", '{} "a" "hunter2"', '{} "a hunter2'])
def test_every_word_behind_a_secret_option_is_masked(name, line):
    """A password with a blank in it that nobody quoted: the server refuses the line, and its words are secret all the same."""
    text = line.format(name)
    assert "hunter2" not in mask(f"{text}\n")
    assert any("hunter2" in word for word in secrets_in(text))


def test_mask_leaves_the_rest_alone():
    text = "# a comment\n\nhz 10\nmasteruser alice\nuser bob on nopass ~a:* &* +@all -@admin\n"
    assert mask(text) == text


USERS = [
    pytest.param("user bob on >hunter2 ~* +@all", id="password"),
    pytest.param("user bob on #hunter2 ~* +@all", id="hash"),
    pytest.param("user bob on <hunter2 !hunter2 ~*", id="removals"),
    pytest.param("USER bob >hunter2", id="upper case"),
    pytest.param("user bob >hunter2 >hunter2", id="two"),
]


@pytest.mark.parametrize("line", USERS)
def test_passwords_of_users_are_masked(line):
    assert "hunter2" not in mask(line + "\n")
    assert "bob" in mask(line + "\n")


@pytest.mark.parametrize(
    "line",
    [
        'user bob on "#hunter2" ~*',
        'user bob on ">#hunter2" ~*',
        "user bob on '>hunter2' ~*",
        'user bob on ">my hunter2" ~*',
    ],
)
def test_quoted_passwords_of_users_are_masked(line):
    assert "hunter2" not in mask(line + "\n")


def test_the_hash_of_a_kept_user_is_masked_after_rendering():
    kept = ConfFile.parse("user bob on #5e884898da28 ~* +@all").kept()
    assert "5e884898da28" not in mask(render(DesiredState(REDIS_7, {}), "default", kept))


@LINE_SEPARATORS
def test_a_line_separator_does_not_open_the_mask(char):
    desired = DesiredState.parse({"requirepass": f"a{char}hunter2"}, REDIS_7, "here")
    assert "hunter2" not in mask(render(desired, "default"))


def test_a_secret_under_a_quoted_name_is_masked():
    assert "hunter2" not in mask('"requirepass" hunter2\n')


@pytest.mark.parametrize("line", ["# requirepass hunter2", "#requirepass hunter2"])
def test_a_secret_in_a_comment_is_masked(line):
    assert "hunter2" not in mask(line + "\n")


@pytest.mark.parametrize(
    ("text", "renamed"),
    [
        ("", {}),
        ("rename-command CONFIG cfg9\n", {"CONFIG": "cfg9"}),
        ('RENAME-COMMAND config ""\n', {"CONFIG": ""}),
        ("rename-command CONFIG a\nrename-command INFO b\n", {"CONFIG": "a", "INFO": "b"}),
        ("rename-command CONFIG\n", {}),
    ],
)
def test_renamed_commands(text, renamed):
    assert ConfFile.parse(text).renamed_commands() == renamed


# --- included files -----------------------------------------------------------------------------------------------------


def included(text: str, files: dict[str, str], directory: str = "/srv") -> ConfFile:
    """Read with these files; a pattern with a star is all of them that begin so. tests/contract/test_startup.py asks
    real servers for what they make of it.
    """

    def read(path: str) -> dict[str, str]:
        if path.endswith("*"):
            return {name: files[name] for name in sorted(files) if name.startswith(path[:-1])}
        if path not in files:
            raise InvalidValue(f"a file, not {path}")
        return {path: files[path]}

    return ConfFile.parse(text).including(read, directory)


@pytest.mark.parametrize(
    ("text", "files", "lines"),
    [
        ("hz 1\ninclude a\nhz 3\n", {"/srv/a": "hz 2\n"}, ["hz 1", "hz 2", "hz 3"]),
        ("include a\n", {"/srv/a": "include b\nhz 1\n", "/srv/b": "hz 2\n"}, ["hz 2", "hz 1"]),
        ("include a*\n", {"/srv/a2": "hz 2\n", "/srv/a1": "hz 1\n"}, ["hz 1", "hz 2"]),
        ("include a*\n", {}, []),
        ("include /etc/x/../a\n", {"/etc/a": "hz 1\n"}, ["hz 1"]),
        ("dir /data\ninclude a\n", {"/data/a": "hz 1\n"}, ["dir /data", "hz 1"]),
        ("dir sub\ninclude a\n", {"/srv/sub/a": "hz 1\n"}, ["dir sub", "hz 1"]),
        (
            "include a\ninclude b\n",
            {"/srv/a": "dir sub\n", "/srv/sub/b": "hz 1\n"},
            ["dir sub", "hz 1"],
        ),
        ("include a\ninclude a\n", {"/srv/a": "hz 1\n"}, ["hz 1", "hz 1"]),
        ("include\nhz 1\n", {}, ["include", "hz 1"]),
    ],
)
def test_included_lines_stand_in_their_place(text, files, lines):
    assert [directive.text() for directive in included(text, files).directives] == lines


def test_an_included_line_names_its_file():
    found = included("hz 1\ninclude a\n", {"/srv/a": "\nhz 2\n"}).directives
    assert [(line.source, line.line) for line in found] == [("", 1), ("/srv/a", 2)]


@pytest.mark.parametrize(
    ("text", "files", "told"),
    [
        ("include gone\n", {}, "/srv/gone"),
        ("include a\n", {"/srv/a": "include a\n"}, "no file that includes itself, as /srv/a does"),
        ("include a\n", {"/srv/a": "include b\n", "/srv/b": "include a\n"}, "no file that includes itself"),
        ("include a\n", {"/srv/a": 'requirepass "hunter2\n'}, "closed quotes in line 1 of /srv/a"),
    ],
)
def test_what_can_not_be_included_is_named(text, files, told):
    with pytest.raises(InvalidValue) as raised:
        included(text, files)
    assert told in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "redis_6", "redis_7"),
    [
        ("save 900 1\nsave 300 10\n", ((900, 1), (300, 10)), ((900, 1), (300, 10))),
        ("save 900 1\ninclude a\n", ((60, 1000),), ((900, 1), (60, 1000))),
        ("include a\nsave 900 1\nsave 300 10\n", ((900, 1), (300, 10)), ((300, 10),)),
    ],
)
def test_save_points_over_several_files(text, redis_6, redis_7):
    found = included(text, {"/srv/a": "save 60 1000\n"})
    assert found.values(Engine.parse("redis 6.2.14"))["save"] == redis_6
    assert found.values(Engine.parse("redis 7.0.15"))["save"] == redis_7
