"""The catalogue says of every option what real servers say."""

from __future__ import annotations

import pytest
from ansible.module_utils.redis_ops import catalog
from ansible.module_utils.redis_ops.catalog.option import Apply

# What the tests themselves set to start a server.
STARTED_WITH = {"port", "bind"}

# Options that exist but that CONFIG SET refuses for another reason than the catalogue's.
REFUSED_BY_THE_BUILD = {"rdma-bind": "No RDMA building support"}

REFUSAL = {Apply.RESTART: "can't set immutable config", Apply.PROTECTED: "can't set protected config"}
REFUSAL_6_2 = "Unsupported CONFIG parameter"


def built(server):
    """The options that this build of this version has."""
    return [o for o in catalog.options_at(server.engine) if server.program.tls or o.group != "tls"]


def test_the_server_is_the_version_that_we_think(server):
    assert server.engine == server.program.engine


def test_every_name_that_the_server_reports_is_known(server):
    unknown = []
    for name in server.config():
        option = catalog.find(name)
        if option is None or name not in option.names or not option.exists_at(server.engine):
            unknown.append(name)
        elif not option.readable_at(server.engine):
            unknown.append(f"{name} (said to be hidden)")
    assert unknown == []


def test_every_option_that_can_be_read_is_reported(server):
    reported = server.config()
    expected = [o.spelled_at(server.engine) for o in built(server) if o.readable_at(server.engine)]
    assert [name for name in expected if name not in reported] == []


def test_hidden_options_answer_to_their_name(server):
    silent = {
        option.name
        for option in built(server)
        if not option.readable_at(server.engine) and not server.config(option.spelled_at(server.engine))
    }
    in_the_file_only = {option.name for option in built(server) if option.file_only}
    # Redis 6.2 knew cluster-config-file in redis.conf only
    assert silent - {"cluster-config-file"} == in_the_file_only


def test_defaults_are_what_an_unconfigured_server_has(server):
    reported = server.config()
    wrong = {}
    for option in built(server):
        name, default = option.spelled_at(server.engine), option.default_at(server.engine)
        text = reported.get(name) or server.config(name).get(name)
        if default is None or text is None or name in STARTED_WITH:
            continue
        if option.parse(default, server.engine) != option.parse(text, server.engine):
            wrong[name] = (default, text)
    assert wrong == {}


def test_every_option_of_config_has_a_default_unless_the_host_decides(server):
    without = {o.name for o in built(server) if not o.file_only and o.default_at(server.engine) is None}
    assert without == {"dir"}


def test_each_option_is_set_live_or_refused_as_said(server):
    reported = server.config()
    wrong = {}
    for option in built(server):
        if option.file_only:
            continue
        name = option.spelled_at(server.engine)
        current = reported[name] if name in reported else server.config(name).get(name, "")
        refused = server.set(name, current)
        apply = option.apply_at(server.engine)
        expected = REFUSAL.get(apply)
        if expected and server.engine.version[0] == 6:
            expected = REFUSAL_6_2
        if refused and apply is Apply.LIVE:
            expected = REFUSED_BY_THE_BUILD.get(name)
        if (expected is None) != (refused is None) or (expected or "") not in (refused or ""):
            wrong[name] = (apply.value, refused)
    assert wrong == {}


@pytest.mark.parametrize("option", [o for o in catalog.OPTIONS if o.file_only], ids=lambda option: option.name)
def test_file_only_directives_are_unknown_to_config(server, option):
    assert server.config(option.name) == {}
    assert server.set(option.name, "x") is not None
