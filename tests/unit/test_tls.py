"""What TLS files stop a run, and what of them is worth knowing: field cases A30, A31, A32 and D14."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils.redis_ops.base.answer import no
from ansible.module_utils.redis_ops.base.findings import Status
from ansible.module_utils.redis_ops.checks import tls, tls_findings
from ansible.module_utils.redis_ops.checks.registry import Suite
from ansible.module_utils.redis_ops.model.conffile import Unreadable
from ansible.module_utils.redis_ops.platform.access import Account, Closed
from ansible.module_utils.redis_ops.platform.certificates import from_der
from ansible.module_utils.redis_ops.server.tls import Served
from ansible.module_utils.redis_ops.view.tls import Facts, Options, look
from authority import DAY, NOW, Authority
from hypothesis import given
from hypothesis import strategies as st
from judging import judged
from strategies import quick

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
WHERE = "host1, instance default"
ROOT, STRANGER = Authority(), Authority("Stranger")
REDIS = Account("redis", 4711, (4711,), "redis")
GOOD = ROOT.issue()
EXPIRED = ROOT.issue(begins=NOW - 90 * DAY, ends=NOW - DAY)
SERVER_ONLY = ROOT.issue(purposes=("serverAuth",))


class Place:
    """A directory of TLS files that the server's user can read, and the options that name them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.chmod(0o755)
        self.values = {"dir": str(directory), "port": 0, "tls-port": 6380, "tls-auth-clients": "yes"}
        self.put(GOOD, "redis")
        self.name("tls-ca-cert-file", "ca.crt", ROOT.pem)

    def put(self, issued, stem, prefix="tls", password=""):
        self.name(f"{prefix}-cert-file", f"{stem}.crt", issued.pem)
        self.name(f"{prefix}-key-file", f"{stem}.key", issued.key_pem(password))

    def name(self, option, name, content):
        path = self.directory / name
        path.write_bytes(content)
        path.chmod(0o644)
        self.values[option] = str(path)

    def look(self, who=None, served=None) -> Facts:
        facts = look(Options.of(self.values), "redis", who or Account("redis", os.geteuid(), (os.getegid(),)))
        return replace(facts, served=served)

    def problems(self, who=None, sandbox=()):
        return tls.problems(self.look(who), WHERE, NOW, sandbox)

    def judged(self, served=None, days=14):
        found = tls_findings.judge(self.look(served=served), WHERE, NOW, days)
        return {judgement.name: judgement for judgement in found}

    def drift(self, served=None):
        facts = self.look(served=served)
        view = SimpleNamespace(tls=facts, at=NOW, connection=None, instance=SimpleNamespace(where=WHERE))
        return {finding.id: finding for finding in judged(tls_findings.encryption, view, Suite.DRIFT)}


@pytest.fixture
def place():
    path = Path(tempfile.mkdtemp())
    yield Place(path)
    shutil.rmtree(path)


def shows(issued):
    return Served(from_der(issued.der))


def only(problems):
    assert len(problems) == 1, [str(problem) for problem in problems]
    return problems[0]


def test_files_that_are_as_they_should_be(place):
    assert place.problems() == []
    found = place.judged(shows(GOOD))
    assert {name: finding.status for name, finding in found.items()} == dict.fromkeys(
        ("start", "served", "expiry", "client", "authority"), Status.PASS
    )
    assert place.drift(shows(GOOD)) == {}


def test_without_tls_nothing_is_said(place):
    place.values |= {"tls-port": 0, "tls-replication": False}
    place.put(EXPIRED, "redis")
    assert place.problems() == []
    assert place.judged() == {}


def test_a_missing_file_is_told_even_then(place):
    place.values |= {"tls-port": "0", "tls-cert-file": "/nowhere/redis.crt"}
    assert only(place.problems()).what == "/nowhere/redis.crt does not exist"


# --- D14, A30: files that the server's user cannot read ---------------------------------------------------------------


@as_root
@pytest.mark.parametrize("option", ["tls-cert-file", "tls-key-file", "tls-ca-cert-file", "tls-dh-params-file"])
def test_a_file_that_only_root_reads_is_told_with_the_command_that_helps(option, place):
    place.values.setdefault(option, place.values["tls-key-file"])
    place.values[option] = place.values[option] if option != "tls-dh-params-file" else str(place.directory / "dh.pem")
    path = Path(place.values[option])
    path.touch()
    path.chmod(0o600)
    os.chown(path, 0, 0)
    problem = only(place.problems(REDIS))
    assert problem.where == f"{WHERE}: {option}"
    assert problem.what == f"redis cannot read {path}"
    assert problem.remedy == f"chgrp redis {path} && chmod 0640 {path}"
    # which is true
    os.chown(path, 0, 4711)
    path.chmod(0o640)
    assert all(option not in problem.where or "cannot read" not in problem.what for problem in place.problems(REDIS))


@as_root
def test_a_directory_that_is_closed_is_named(place):
    inner = place.directory / "private"
    inner.mkdir(mode=0o700)
    place.name("tls-key-file", "private/redis.key", GOOD.key_pem())
    problem = only(place.problems(REDIS))
    assert problem.remedy == f"chgrp redis {inner} && chmod g+x {inner}"


@as_root
def test_directory_and_file_are_both_named(place):
    inner = place.directory / "a b"
    inner.mkdir(mode=0o700)
    place.name("tls-key-file", "a b/redis.key", GOOD.key_pem())
    (inner / "redis.key").chmod(0o600)
    quoted = f"'{inner}'", f"'{inner}/redis.key'"
    assert only(place.problems(REDIS)).remedy == (
        f"chgrp redis {quoted[0]} && chmod g+x {quoted[0]} && chgrp redis {quoted[1]} && chmod 0640 {quoted[1]}"
    )


def test_the_group_of_debian_for_keys_is_joined_and_no_other(place):
    def remedy(*closed):
        facts = place.look()
        key = replace(facts.files["tls-key-file"], readable=no("no"), closed=closed)
        return only(tls.unusable(replace(facts, files={**facts.files, "tls-key-file": key}), WHERE)).remedy

    private = Closed("/etc/ssl/private", is_directory=True, group="ssl-cert")
    key = Closed("/etc/ssl/private/redis.key", is_directory=False, group="ssl-cert")
    assert remedy(private, key) == "usermod -aG ssl-cert redis"
    assert (
        remedy(Closed("/srv/keys", is_directory=True, group="sudo")) == "chgrp redis /srv/keys && chmod g+x /srv/keys"
    )
    assert remedy(Closed("/root", is_directory=True, group="")) == (
        "keep it in a directory that redis may enter, such as /etc/redis"
    )
    assert "getfacl" in remedy()


@as_root
def test_what_cannot_be_known_is_no_problem_and_no_pass(place):
    """A user that the package is still going to make may become a member of the file's group."""
    Path(place.values["tls-key-file"]).chmod(0o640)
    facts = look(Options.of(place.values), "redis", None)
    assert tls.problems(facts, WHERE, NOW) == []
    start = tls_findings.judge(facts, WHERE, NOW)[0]
    assert (start.name, start.status) == ("start", Status.SKIP)


@pytest.mark.parametrize(("sandbox", "count"), [((), 0), (("/home", "{}"), 3), (("{}/redis",), 0)])
def test_what_the_unit_hides_is_not_there(sandbox, count, place):
    problems = place.problems(sandbox=[hidden.format(place.directory) for hidden in sandbox])
    assert len(problems) == count
    assert all("ProtectHome" in problem.what for problem in problems)


def test_what_a_link_leads_to_may_be_hidden(place):
    (place.directory / "home").mkdir()
    place.name("tls-key-file", "home/redis.key", GOOD.key_pem())
    (place.directory / "redis.key").unlink()
    (place.directory / "redis.key").symlink_to("home/redis.key")
    place.values["tls-key-file"] = str(place.directory / "redis.key")
    assert only(place.problems(sandbox=[f"{place.directory}/home"])).where == f"{WHERE}: tls-key-file"


# --- A30, A32: files with which no server would start, or nobody would get in -----------------------------------------


def changes():
    """Name -> (what is done to good files, option that is named, text that is told)."""
    other = ROOT.issue()
    rsa = ROOT.issue(key="rsa")

    def remove(option):
        return lambda place: Path(place.values[option]).unlink()

    def key(content):
        return lambda place: place.name("tls-key-file", "redis.key", content)

    def certificate(content):
        return lambda place: place.name("tls-cert-file", "redis.crt", content)

    return {
        "certificate missing": (remove("tls-cert-file"), "tls-cert-file", "does not exist"),
        "key missing": (remove("tls-key-file"), "tls-key-file", "does not exist"),
        "authority missing": (remove("tls-ca-cert-file"), "tls-ca-cert-file", "does not exist"),
        "half renewed": (certificate(other.pem), "tls-key-file", "the key is of another certificate"),
        "half renewed, other algorithm": (certificate(rsa.pem), "tls-key-file", "the key is of another certificate"),
        "key of another": (key(other.key_pem()), "tls-key-file", "the key is of another certificate"),
        "key encrypted": (key(GOOD.key_pem("secret")), "tls-key-file", "the key needs a password"),
        "certificate in DER": (certificate(GOOD.der), "tls-cert-file", "holds a certificate in DER form"),
        "certificate is a key": (certificate(GOOD.key_pem()), "tls-cert-file", "holds a private key"),
        "certificate empty": (certificate(b""), "tls-cert-file", "holds neither a certificate nor a key"),
        "certificate cut off": (certificate(GOOD.pem[:-40]), "tls-cert-file", "has a block CERTIFICATE without an end"),
        "key is a certificate": (key(GOOD.pem), "tls-key-file", "holds no private key"),
        "authority empty": (lambda p: p.name("tls-ca-cert-file", "ca.crt", b""), "tls-ca-cert-file", "holds neither"),
        "certificate is a directory": (
            lambda p: p.values.update({"tls-cert-file": str(p.directory)}),
            "tls-cert-file",
            "is not a file",
        ),
        "parameters wrong": (
            lambda p: p.name("tls-dh-params-file", "dh.pem", b"hello"),
            "tls-dh-params-file",
            "OpenSSL finds no DH parameters",
        ),
        "directory of authorities empty": (
            lambda p: p.values.update({"tls-ca-cert-dir": str(p.directory)}) or p.values.pop("tls-ca-cert-file"),
            "tls-ca-cert-dir",
            "openssl rehash",
        ),
        "no authority": (lambda p: p.values.pop("tls-ca-cert-file"), "tls-ca-cert-file", "is not set"),
        "no certificate": (lambda p: p.values.pop("tls-cert-file"), "tls-cert-file", "is not set"),
        "client pair broken": (
            lambda p: (p.put(GOOD, "client", "tls-client"), p.name("tls-client-key-file", "c.key", other.key_pem())),
            "tls-client-key-file",
            "the key is of another certificate",
        ),
    }


@pytest.mark.parametrize("name", changes())
def test_files_with_which_the_next_start_fails(name, place):
    change, option, told = changes()[name]
    change(place)
    problem = only(place.problems())
    assert problem.where == f"{WHERE}: {option}"
    assert told in problem.what
    assert problem.remedy
    start = place.judged(shows(GOOD))["start"]
    assert start.status is Status.FAIL
    assert start.actual.startswith(f"the next start fails or serves nobody: {option}: ")
    assert place.drift(shows(GOOD))["tls.start"].state == "file_changed_outside"


def test_the_password_of_a_key_comes_from_its_option_and_is_told_nowhere(place):
    place.put(GOOD, "redis", password="hunter2")
    place.values["tls-key-file-pass"] = "hunter3"
    assert "the password does not open the key" in only(place.problems()).what
    place.values["tls-key-file-pass"] = "hunter2"
    assert place.problems() == []
    assert "hunter2" not in repr(place.look())
    assert b"PRIVATE KEY" not in repr(place.look()).encode()
    assert all(file.data is None for file in place.look().files.values())


@pytest.mark.parametrize("auth", ["no", "optional", "yes"])
def test_an_authority_is_needed_where_clients_show_certificates(auth, place):
    place.values["tls-auth-clients"] = auth
    del place.values["tls-ca-cert-file"]
    assert len(place.problems()) == (auth != "no")


# --- A32: what expires ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issued", "told"),
    [
        (EXPIRED, f"expired on {NOW - DAY:%Y-%m-%d %H:%M} UTC"),
        (ROOT.issue(begins=NOW + DAY), f"is not valid before {NOW + DAY:%Y-%m-%d %H:%M} UTC"),
    ],
    ids=["expired", "not yet"],
)
def test_a_certificate_out_of_its_time_stops_the_run(issued, told, place):
    place.put(issued, "redis")
    problem = only(place.problems())
    assert problem.what == f"{place.directory}/redis.crt {told}"
    assert place.judged()["expiry"].status is Status.FAIL
    assert place.drift()["tls.expiry"].state == "declared_not_applied"


@given(st.integers(-40, 60 * 24), st.integers(0, 60))
@quick
def test_the_days_before_the_end(hours, days):
    with tempfile.TemporaryDirectory() as name:
        place = Place(Path(name))
        place.put(ROOT.issue(begins=NOW - 99 * DAY, ends=NOW + timedelta(hours=hours)), "redis")
        expected = Status.FAIL if hours < 0 else Status.WARN if hours <= 24 * days else Status.PASS
        assert place.judged(days=days)["expiry"].status is expected


def test_what_is_served_may_have_expired_while_the_file_is_renewed(place):
    found = place.judged(shows(EXPIRED))
    assert found["expiry"].status is Status.FAIL
    assert found["expiry"].actual.startswith("the certificate that is served expired on")
    assert found["expiry"].remedy == tls_findings.LOAD
    assert place.problems() == []  # for the run is what helps


def test_only_the_certificate_of_the_client_has_expired(place):
    place.put(EXPIRED, "client", "tls-client")
    assert only(place.problems()).where == f"{WHERE}: tls-client-cert-file"
    assert place.judged()["client"].status is Status.FAIL
    assert "client.crt expired" in " ".join(tls.hindrances(place.look(), WHERE, NOW))


def test_where_no_server_asks_for_it_the_client_is_not_judged(place):
    place.put(EXPIRED, "client", "tls-client")
    place.values["tls-auth-clients"] = "no"
    assert place.problems() == []
    assert "client" not in place.judged()


def test_an_authority_that_has_expired_is_a_warning(place):
    """A client may trust the certificate by another way."""
    old = Authority("Old CA", begins=NOW - 900 * DAY, ends=NOW - DAY)
    place.put(old.issue(), "redis")
    place.name("tls-ca-cert-file", "ca.crt", old.pem)
    found = place.judged()["expiry"]
    assert found.status is Status.WARN
    assert found.actual.startswith("O=Example\\, Ltd, CN=Old CA, which vouches for")
    assert place.problems() == []


# --- the client's part ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "judged"),
    [
        ({}, True),
        ({"port": 6379}, False),
        ({"unixsocket": "/run/redis/redis.sock"}, False),
        ({"port": 6379, "tls-replication": "yes"}, True),
        ({"port": 6379, "tls-cluster": True}, True),
        ({"tls-auth-clients": "no"}, False),
        ({"tls-auth-clients": "optional"}, True),
    ],
)
def test_a_certificate_for_servers_only_is_told_where_somebody_shows_it_as_a_client(values, judged, place):
    place.put(SERVER_ONLY, "redis")
    place.values |= values
    problems = place.problems()
    assert len(problems) == judged
    if judged:
        assert "is not for clients (extended key usage: serverAuth)" in problems[0].what
        assert "clientAuth" in problems[0].remedy
        assert place.judged()["client"].status is Status.FAIL


def test_a_pair_of_its_own_for_the_client_repairs_it(place):
    place.put(SERVER_ONLY, "redis")
    place.put(ROOT.issue(purposes=("clientAuth",)), "client", "tls-client")
    assert place.problems() == []


def test_a_client_that_the_authority_does_not_know(place):
    place.put(STRANGER.issue(), "client", "tls-client")
    assert "is refused from a client: unable to get local issuer" in only(place.problems()).what


def test_a_server_whose_authority_is_another_than_that_of_the_clients(place):
    """Its certificate from a public authority, the clients' from an own one: that is as it should be."""
    place.put(STRANGER.issue(), "redis")
    place.put(ROOT.issue(), "client", "tls-client")
    assert place.problems() == []
    found = place.judged()["authority"]
    assert found.status is Status.WARN
    assert "add" not in found.remedy
    assert place.drift() == {}
    assert "does not vouch" in tls.hindrances(place.look(), WHERE, NOW)[0]
    place.values["port"] = 6379
    assert "authority" not in place.judged()


# --- A31: what is served ----------------------------------------------------------------------------------------------


def test_a_renewed_certificate_that_is_not_loaded(place):
    old = ROOT.issue()
    found = place.judged(shows(old))["served"]
    assert found.status is Status.FAIL
    serials = from_der(old.der).serial, from_der(GOOD.der).serial
    assert found.actual.startswith(f"serial {serials[0]} until")
    assert found.actual.endswith(f"redis.crt has serial {serials[1]}")
    assert found.remedy == "run provision, which loads it without a restart"
    assert place.drift(shows(old))["tls.served"].state == "file_changed_outside"


def test_what_is_served_could_not_be_seen(place):
    found = place.judged(Served(None, "Connection refused"))["served"]
    assert (found.status, found.actual) == (Status.SKIP, "Connection refused")
    assert place.drift(Served(None, "Connection refused"))["tls.served"].state == "unreadable"


def test_a_half_renewed_pair_while_the_old_one_is_served(place):
    old = ROOT.issue()
    place.put(old, "redis")
    place.name("tls-cert-file", "redis.crt", ROOT.issue().pem)
    found = place.judged(shows(old))
    assert found["start"].status is Status.FAIL
    assert found["start"].actual.startswith("the next start fails")
    assert found["served"].status is Status.FAIL


# --- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [{"tls-port": "6380", "port": "0"}, {"tls-port": 6380, "port": 0}])
def test_options_as_declared_and_as_the_server_tells_them(values):
    options = Options.of({**values, "tls-cert-file": "tls/redis.crt", "dir": "/srv/redis", "unixsocket": ""})
    assert options.port == 6380
    assert options.only_way_in
    assert options.files == {"tls-cert-file": "/srv/redis/tls/redis.crt"}
    assert options.auth_clients == "yes"


def test_a_certificate_for_the_client_without_its_key_is_not_used():
    """As Redis does it: without both it shows the server's."""
    options = Options.of({"tls-port": 1, "tls-client-cert-file": "/a", "tls-cert-file": "/b", "tls-key-file": "/c"})
    assert options.client == ("tls-cert-file", "tls-key-file")


@pytest.mark.parametrize("value", [Unreadable("6380 6381"), "many", "", None, -1, [6380]])
def test_a_value_that_is_none_counts_as_not_set(value):
    options = Options.of({"tls-port": value, "port": value, "tls-cert-file": Unreadable("a b")})
    assert (options.port, options.files, options.in_use) == (0, {}, False)


def test_a_path_with_terminal_sequences_is_data(place):
    place.values["tls-cert-file"] = "/nowhere/\x1b]0;x\x07"
    assert str(only(place.problems())).isprintable()
