"""What somebody else saved is found as well: users, modules, includes, a role, modes; and a record that is gone."""

from __future__ import annotations

import pytest
from ansible.module_utils.redis_ops.server.connection import Credentials
from drifting import check, drifted, package_umask  # noqa: F401 - a fixture
from instances import OLD_AND_NEW, ONE, Lab, laboratory

PASSWORD = "typed-in-the-inventory"
DECLARED = {"requirepass": PASSWORD, "maxmemory": "100mb"}


@pytest.fixture
def lab(program, tmp_path, package_umask):  # noqa: ARG001, F811
    with laboratory(program, tmp_path / "lab", save="") as lab:
        lab.password = PASSWORD
        lab.converge(DECLARED)
        assert drifted(check(lab, DECLARED)) == {}
        yield lab


def found(lab: Lab) -> dict[str, str]:
    return drifted(check(lab, DECLARED))


@OLD_AND_NEW
def test_a_password_that_was_taken_away(lab):
    """The option requirepass still says what was declared, and the server is open."""
    client = lab.client()
    client("ACL", "SETUSER", "default", "nopass")
    assert "acl.default" in found(lab)
    client("CONFIG", "REWRITE")
    assert "acl.default" in found(lab)
    [finding] = [finding for finding in check(lab, DECLARED).findings if finding.id == "acl.default"]
    assert "REWRITE" not in finding.remedy
    client("ACL", "SETUSER", "default", "resetpass", f">{PASSWORD}")
    lab.converge(DECLARED)
    assert found(lab) == {}


@OLD_AND_NEW
def test_a_second_password_of_the_default_user(lab):
    lab.ask("ACL", "SETUSER", "default", ">another")
    assert "acl.default" in found(lab)


@OLD_AND_NEW
def test_a_user_that_was_saved(lab):
    lab.ask("ACL", "SETUSER", "evil", "on", "nopass", "~*", "+@all")
    assert found(lab) == {"acl.evil": "live_not_persisted"}
    lab.ask("CONFIG", "REWRITE")
    assert found(lab) == {"acl.evil": "file_changed_outside"}
    lab.converge(DECLARED)  # provision keeps it, and has seen it
    assert found(lab) == {}


@OLD_AND_NEW
@pytest.mark.parametrize(
    ("line", "identity"),
    [
        ("include EVIL", "file.include"),
        ("loadmodule /tmp/evil.so", "file.loadmodule"),
        ('rename-command CONFIG ""', "file.rename-command"),
        ("nosuchthing 1", "file.nosuchthing"),
        ("replicaof 10.0.0.66 6379", "role"),
    ],
)
def test_a_line_that_sets_no_option(lab, line, identity):
    (lab.directory / "evil.conf").write_text("timeout 1\n")
    with lab.config_path.open("a") as file:
        file.write(line.replace("EVIL", str(lab.directory / "evil.conf")) + "\n")
    assert identity in found(lab)


@OLD_AND_NEW
def test_an_included_file_that_is_not_there(lab):
    """The next start fails; what runs is looked at nevertheless."""
    with lab.config_path.open("a") as file:
        file.write("include /nonexistent/evil.conf\n")
    lab.ask("CONFIG", "SET", "timeout", "9")
    scope = check(lab, DECLARED, credentials=[Credentials("", PASSWORD)])
    assert drifted(scope) == {"file": "unreadable", "timeout": "unmanaged_set"}
    [finding] = [finding for finding in scope.findings if finding.id == "file"]
    assert "/nonexistent/evil.conf" in finding.actual


@OLD_AND_NEW
def test_a_primary_that_somebody_made_a_replica(lab):
    lab.ask("REPLICAOF", "127.0.0.1", "1")
    assert found(lab) == {"role": "unmanaged_set"}
    lab.ask("REPLICAOF", "NO", "ONE")
    assert found(lab) == {}


@ONE
def test_what_everybody_may_write_or_read(lab):
    lab.data.chmod(0o777)
    lab.state.chmod(0o666)
    assert set(found(lab)) == {f"directory.{lab.data}", f"record.mode.{lab.state.name}"}


@ONE
def test_a_record_that_is_gone(lab):
    """Without it nobody can tell who was it: not clean."""
    lab.state.unlink()
    assert found(lab)["record"] == "unreadable"


@ONE
def test_a_command_is_what_a_shell_takes(lab):
    lab.ask("CONFIG", "SET", "maxmemory", "7mb")
    [finding] = check(lab, DECLARED).findings
    assert finding.remedy.startswith(f"redis-cli -p {lab.port} --askpass CONFIG SET maxmemory 104857600, ")
