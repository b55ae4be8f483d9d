"""Does the running server work with older files than those on disk? Field case A31."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from ansible.module_utils.redis_ops.apply import renewal
from ansible.module_utils.redis_ops.base.answer import no
from ansible.module_utils.redis_ops.base.errors import ApplyFailed, CommandRefused
from ansible.module_utils.redis_ops.checks.tls_renewal import Loaded, stale, started_at
from ansible.module_utils.redis_ops.platform.certificates import from_der
from ansible.module_utils.redis_ops.server.tls import Served
from ansible.module_utils.redis_ops.view.tls import Facts, Options
from ansible.module_utils.redis_ops.view.tls_files import Kind, TlsFile
from authority import NOW, Authority
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

ROOT = Authority()
OLD, NEW = from_der(ROOT.issue(serial=0xA1).der), from_der(ROOT.issue(serial=0xB2).der)
START = NOW.timestamp() - 3600  # of the server
BEFORE, AFTER = START - 600, START + 600
OPTIONS = Options({"tls-cert-file": "/tls/redis.crt"}, port=6380)


def file(option, digest, changed=BEFORE, certificates=(NEW,)):
    return TlsFile(
        option, f"/tls/{option}", kind=Kind.CERTIFICATES, certificates=certificates, changed=changed, sha256=digest
    )


def facts(served=NEW, **files):
    found = {
        "tls-cert-file": file("tls-cert-file", "new"),
        "tls-key-file": TlsFile("tls-key-file", "/k", kind=Kind.KEY),
    }
    found |= {name.replace("_", "-"): one for name, one in files.items()}
    return Facts(OPTIONS, "redis", "redis", found, served=Served(served) if served else None)


def options(found):
    return [one.option for one in found]


def test_nothing_is_stale_on_a_server_that_serves_the_file():
    assert stale(facts(), None, START) == []


def test_a_renewed_certificate_is_seen_in_the_handshake():
    (found,) = stale(facts(OLD), None, START)
    assert found.action == "load the renewed certificate /tls/tls-cert-file (serial B2, was serial A1)"


@pytest.mark.parametrize("changed", [BEFORE, AFTER], ids=["before", "after"])
def test_the_time_of_a_certificate_that_is_served_does_not_matter(changed):
    """A chmod changes it, too."""
    assert stale(facts(tls_cert_file=file("tls-cert-file", "new", changed)), None, START) == []


@pytest.mark.parametrize(
    "option", ["tls-ca-cert-file", "tls-ca-cert-dir", "tls-client-cert-file", "tls-dh-params-file"]
)
def test_what_no_handshake_shows_is_stale_when_it_came_after_the_start(option):
    name = option.replace("-", "_")
    assert options(stale(facts(**{name: file(option, "x", AFTER)}), None, START)) == [option]
    assert options(stale(facts(**{name: file(option, "x", BEFORE)}), None, START)) == []
    assert (
        stale(facts(**{name: file(option, "x", AFTER)}), None, START)[0].action
        == f"load the changed /tls/{option} ({option})"
    )


@pytest.mark.parametrize("option", ["tls-ca-cert-file", "tls-dh-params-file"])
def test_the_record_of_the_last_load_beats_the_time(option):
    """The second run says nothing, whatever the times of the files; a file that changed again is stale again."""
    now = facts(**{option.replace("-", "_"): file(option, "x", AFTER)})
    loaded = Loaded.of(now, NOW)
    assert stale(now, loaded, START) == []
    later = facts(**{option.replace("-", "_"): file(option, "y", AFTER)})
    assert options(stale(later, loaded, START)) == [option]


def test_a_record_of_an_earlier_process_says_nothing_about_this_one():
    """Somebody restarted the server: it has read what was there at its start."""
    loaded = Loaded(START - 100, {"tls-ca-cert-file": "older"})
    assert stale(facts(tls_ca_cert_file=file("tls-ca-cert-file", "x", BEFORE)), loaded, START) == []
    assert options(stale(facts(tls_ca_cert_file=file("tls-ca-cert-file", "x", AFTER)), loaded, START)) == [
        "tls-ca-cert-file"
    ]


def test_a_run_that_started_the_server_leaves_a_record_that_the_next_run_believes():
    """The files were put there a moment before the start, and INFO counts in whole seconds."""
    now = facts(tls_ca_cert_file=file("tls-ca-cert-file", "x", START - 0.5))
    assert options(stale(now, None, START)) == ["tls-ca-cert-file"]
    for rounding in (-1.0, 0.0, 1.0):
        loaded = Loaded.of(now, NOW - timedelta(seconds=NOW.timestamp() - START))
        assert stale(now, loaded, START + rounding) == []


def test_another_intermediate_in_the_chain_is_stale_by_the_record():
    """The certificate that is served is the same."""
    chain = file("tls-cert-file", "other", AFTER, (NEW, OLD))
    assert stale(facts(tls_cert_file=chain), None, START) == []
    assert options(stale(facts(tls_cert_file=chain), Loaded(NOW.timestamp(), {"tls-cert-file": "new"}), START)) == [
        "tls-cert-file"
    ]
    alone = file("tls-cert-file", "other", AFTER)  # text around it
    assert stale(facts(tls_cert_file=alone), Loaded(NOW.timestamp(), {"tls-cert-file": "new"}), START) == []


def test_where_nobody_could_see_what_is_served_record_and_time_tell():
    blind = replace(facts(tls_cert_file=file("tls-cert-file", "new", AFTER)), served=Served(None, "refused"))
    assert options(stale(blind, None, START)) == ["tls-cert-file"]
    assert stale(blind, Loaded.of(blind, NOW), START) == []


def test_keys_and_unread_files_are_not_compared():
    unread = TlsFile("tls-ca-cert-file", "/ca", changed=AFTER)
    assert stale(facts(tls_ca_cert_file=unread), None, START) == []
    assert "tls-key-file" not in Loaded.of(facts(), NOW).digests


def test_without_tls_nothing_is_stale():
    off = replace(facts(OLD), options=replace(OPTIONS, port=0))
    assert stale(off, None, START) == []


@given(st.dictionaries(st.sampled_from(["tls-cert-file", "tls-ca-cert-dir"]), st.text()), st.floats(0, 1e10))
@quick
def test_a_record_is_read_as_it_was_written(digests, at):
    loaded = Loaded(round(at, 3), digests)
    assert Loaded.from_record(loaded.as_record()) == loaded


@pytest.mark.parametrize("record", [None, "", [], {}, {"at": "yesterday"}, {"tls-cert-file": "x"}, 5, [1, 2]])
def test_a_damaged_record_is_none(record):
    assert Loaded.from_record(record) is None


@pytest.mark.parametrize(("before", "slack", "expected"), [(0.5, 2, True), (0.5, 0, False), (-0.5, 0, True)])
def test_a_file_from_just_before_the_start_is_old_where_the_start_is_known_exactly(before, slack, expected):
    fresh = file("tls-ca-cert-file", "other", START - before)
    assert bool(stale(facts(tls_ca_cert_file=fresh), None, START, slack=slack)) is expected


def test_the_start_of_a_server():
    assert started_at({"server_time_usec": "1700000123456789", "uptime_in_seconds": 23}) == 1700000100.456789


# --- the effect -------------------------------------------------------------------------------------------------------


class Connection:
    """Takes CONFIG SET, or refuses it."""

    def __init__(self, refusal=""):
        self.refusal = refusal
        self.sent = []

    def set_config(self, settings):
        self.sent.append(settings)
        if self.refusal:
            raise CommandRefused(self.refusal)


def test_one_option_set_to_what_it_is():
    connection = Connection()
    renewal.renew(connection, usable(), "/tls/redis.crt", "here")
    assert connection.sent == [[("tls-cert-file", "/tls/redis.crt")]]


def usable():
    return replace(facts(OLD), options=replace(OPTIONS, auth_clients="no"))


def test_files_that_cannot_be_used_are_not_even_sent():
    connection = Connection()
    with pytest.raises(ApplyFailed, match="keeps the TLS files"):
        renewal.renew(connection, replace(usable(), fits=no("the key is of another certificate")), "/c", "here")
    assert connection.sent == []


def test_a_refusal_is_told():
    with pytest.raises(ApplyFailed, match=r"here: the server refuses the TLS files \(no\)"):
        renewal.renew(Connection("no"), usable(), "/c", "here")


def test_a_server_that_did_not_load_them_is_told():
    renewal.confirm(facts(NEW), "here")
    with pytest.raises(ApplyFailed, match="serial A1 is still served"):
        renewal.confirm(facts(OLD), "here")
