"""A scheduled check reads only what nobody else can change; what it says to type makes the next look pass."""

from __future__ import annotations

import json
import os
import pwd
import random
import shlex
import shutil
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

FILES = Path(__file__).parent.parent.parent / "roles" / "redis_drift" / "files"
sys.path.insert(0, str(FILES))
import redis_drift_inputs  # noqa: E402 - found only now
import redis_drift_trust  # noqa: E402
from redis_drift_inputs import Job  # noqa: E402

ALICE = 4242  # a user of this machine, but not root
ISOLATED = "include-system-site-packages = false"
NOBODY = pwd.getpwnam("nobody").pw_uid
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


class Place:
    """A machine with a project, an inventory outside it, and files that are given by arguments."""

    def __init__(self, root: Path) -> None:
        self.root, self.project = root, root / "srv" / "project"
        self.inventory, self.secrets = root / "etc" / "inventory", root / "etc" / "secrets"
        for path in (
            *(
                self.project / name
                for name in ("playbooks", "roles/x/tasks", "library", ".venv/bin", "inventories/local")
            ),
            *(self.inventory / name for name in ("group_vars/redis", "host_vars")),
            self.secrets,
        ):
            path.mkdir(parents=True)
        for path in (
            *(self.project / name for name in ("ansible.cfg", "requirements.lock", "playbooks/check_drift.yml")),
            *(self.project / name for name in ("roles/x/tasks/main.yml", "library/x.py", ".venv/bin/ansible-playbook")),
            *(self.inventory / name for name in ("hosts.yml", "group_vars/redis/all.yml", "host_vars/redis1.yml")),
            *(self.secrets / name for name in ("vars.yml", "vault", "key")),
        ):
            path.write_text("x: 1\n")
        (self.project / "ansible.cfg").write_text("[defaults]\n")
        (self.project / ".venv/bin/python").symlink_to("/usr/bin/python3")
        (self.project / ".venv/pyvenv.cfg").write_text(f"{ISOLATED}\n")
        # stands in for the one that makes a .venv from the Python that PATH finds
        (self.project / "Makefile").write_text(
            "runtime:\n\tmkdir -p .venv/bin && ln -s /usr/bin/python3 .venv/bin/python && touch .venv/bin/ansible-playbook\n"
            f"\techo {ISOLATED} >.venv/pyvenv.cfg\n"
        )
        self.job = Job(
            "root",
            str(self.project),
            [
                *(f"{self.project}/.venv/bin/ansible-playbook", "playbooks/check_drift.yml", "-i", str(self.inventory)),
                *("-e", f"@{self.secrets}/vars.yml", "--vault-id", f"dev@{self.secrets}/vault"),
                f"--private-key={self.secrets}/key",
            ],
        )
        for path in (root, *root.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() else 0o644)

    def look(self, **changes: object) -> list[redis_drift_trust.Exposed]:
        self.job = replace(self.job, **changes)
        found = redis_drift_trust.exposed(
            self.job, {}, kept=self.root / "kept", project=self.root / "opt" / "ansible-redis"
        )
        assert all(str(line).isprintable() for line in found)
        return found

    def follows(self, found: list[redis_drift_trust.Exposed]) -> None:
        """Types what is said, and does then what is said."""
        (self.root / "opt").mkdir(exist_ok=True)
        for line in found:
            subprocess.run(["bash", "-e", "-c", line.command], check=True)
            words = shlex.split(line.then)
            if words[:1] == ["give"]:
                new = words[1]
                command = [word.replace(str(line.path), new) for word in self.job.command]
                hook = [word.replace(str(line.path), new) for word in self.job.hook]
                own = [word.replace(str(line.path), new) for word in self.job.own]
                self.job = replace(self.job, command=command, hook=hook, own=own)
            elif words[:1] == ["run"]:
                words_of = [word.replace(self.job.project, words[-1]) for word in self.job.command]
                self.job = replace(self.job, project=words[-1], command=words_of)


@pytest.fixture
def place(trusted_path):
    return Place(trusted_path)


def test_what_is_root_s_own_is_trusted(place):
    assert place.look() == []
    (place.project / "reports").mkdir(mode=0o777)
    (place.project / "reports").chmod(0o777)
    (place.project / ".git").mkdir()
    os.chown(place.project / ".git", ALICE, 0)
    assert place.look() == []  # no check reads these


# Each input, as a path below the root of the machine.
INPUTS = [
    *(
        "srv",
        "srv/project",
        "srv/project/ansible.cfg",
        "srv/project/playbooks",
        "srv/project/playbooks/check_drift.yml",
    ),
    *("srv/project/roles/x/tasks/main.yml", "srv/project/library/x.py", "srv/project/requirements.lock"),
    *("srv/project/.venv", "srv/project/.venv/bin/ansible-playbook", "srv/project/inventories/local"),
    *("etc", "etc/inventory", "etc/inventory/hosts.yml", "etc/inventory/group_vars", "etc/inventory/group_vars/redis"),
    *("etc/inventory/group_vars/redis/all.yml", "etc/inventory/host_vars/redis1.yml"),
    *("etc/secrets", "etc/secrets/vars.yml", "etc/secrets/vault", "etc/secrets/key"),
]


def belongs_to_alice(path: Path) -> None:
    os.chown(path, ALICE, 0)


def is_written_by_a_group(path: Path) -> None:
    path.chmod(0o775)


def is_written_by_anybody(path: Path) -> None:
    path.chmod(0o757)


def is_sticky(path: Path) -> None:
    path.chmod(0o1777)


def has_an_access_control_list(path: Path) -> None:
    """As `setfacl -m u:alice:rw` leaves it: entries of tag, permissions and number (linux/posix_acl_xattr.h)."""
    rights = 7 if path.is_dir() else 6
    entries = [(1, 7, -1), (2, rights, ALICE), (4, 5, -1), (0x10, 7, -1), (0x20, 5, -1)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
    try:
        os.setxattr(path, "system.posix_acl_access", acl)
    except OSError:
        pytest.skip("this file system has no access control lists")


FAULTS = [
    belongs_to_alice,
    is_written_by_a_group,
    is_written_by_anybody,
    is_sticky,
    has_an_access_control_list,
]


SOME = ["srv", "srv/project/roles/x/tasks/main.yml", "etc/inventory", "etc/secrets/vault"]


@pytest.mark.parametrize(
    ("name", "fault"),
    [*((name, belongs_to_alice) for name in INPUTS), *((name, fault) for name in SOME for fault in FAULTS[1:])],
)
def test_what_somebody_else_could_change_is_refused_until_the_remedy_was_typed(place, name, fault):
    fault(place.root / name)
    found = place.look()
    assert found
    assert any(str(place.root / name) in str(line) for line in found)
    assert all(
        "expected that only root can change it; look at what it says, then type: " in str(line) for line in found
    )
    place.follows(found)
    assert place.look() == []


def test_all_of_it_at_once(place):
    for path in (place.root / "srv", place.root / "etc", *place.root.rglob("*")):
        os.lchown(path, ALICE, ALICE)
    found = place.look()
    assert len(found) < 10
    place.follows(found)
    assert place.look() == []


@pytest.mark.parametrize("seed", range(20))
def test_any_of_it_in_any_way(place, seed):
    chance = random.Random(seed)
    for name in chance.sample(INPUTS, chance.randint(2, 6)):
        chance.choice(FAULTS[:-1])(place.root / name)
    found = place.look()
    place.follows(found)
    assert place.look() == []


def test_one_line_for_a_tree(place):
    for path in place.inventory.rglob("*"):
        os.chown(path, ALICE, 0)
    [line] = place.look()
    assert line.path == place.inventory
    assert line.command == f"chown -R root: {place.inventory} && chmod -R go-w {place.inventory}"


# --- somebody's home, and what is everybody's -------------------------------------------------------------------------


def test_nobody_s_home_is_taken_away(place, monkeypatch):
    """All of it is copied from there to where only root writes."""
    home = place.root / "etc"
    monkeypatch.setattr(
        redis_drift_trust.pwd, "getpwuid", lambda _: pwd.struct_passwd(("alice", "x", ALICE, 0, "", str(home), ""))
    )
    for path in (home, *home.rglob("*")):
        os.chown(path, ALICE, 0)
    place.job = replace(place.job, hook=[str(place.secrets / "vars.yml")])
    found = place.look()
    assert len(found) == 4
    assert f"{home} on the way to it belongs to alice" in str(found[0])
    assert not any("chown root: " in line.command for line in found)
    place.follows(found)
    assert place.look() == []
    assert home.stat().st_uid == ALICE


def test_a_project_in_a_home_is_copied_with_what_its_links_lead_to(place, monkeypatch):
    home = place.root / "srv"
    monkeypatch.setattr(
        redis_drift_trust.pwd, "getpwuid", lambda _: pwd.struct_passwd(("alice", "x", ALICE, 0, "", str(home), ""))
    )
    (home / "pyenv/bin").mkdir(parents=True)
    shutil.copy("/usr/bin/true", home / "pyenv/bin/python3")
    (home / "shared").mkdir()
    (home / "shared" / "hosts.yml").write_text("")
    (place.project / ".venv/bin/python").unlink()
    (place.project / ".venv/bin/python").symlink_to(home / "pyenv/bin/python3")
    (place.project / "inventories" / "shared").symlink_to("../../shared")
    for path in (home, *home.rglob("*")):
        os.lchown(path, ALICE, 0)
    found = place.look()
    place.follows(found)
    assert place.job.project == str(place.root / "opt/ansible-redis")
    assert place.look() == []
    assert (Path(place.job.project) / "inventories/shared/hosts.yml").is_file()
    assert home.stat().st_uid == ALICE


@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_a_directory_of_everybody_stays_one(place, mode):
    shared = place.root / "etc"
    shared.chmod(mode)
    found = place.look()
    assert all("on the way to it can be changed by" in str(line) for line in found)
    place.follows(found)
    assert place.look() == []
    assert shared.stat().st_mode & 0o7777 == mode


def test_a_file_that_is_not_there_yet_could_be_anybody_s(place):
    (place.root / "tmp").mkdir()
    (place.root / "tmp").chmod(0o1777)
    place.job = replace(place.job, command=[*place.job.command, "-e", f"@{place.root}/tmp/later.yml"])
    found = place.look()
    assert [line.path for line in found] == [place.root / "tmp" / "later.yml"]
    place.follows(found)
    assert place.look() == []


# --- links ------------------------------------------------------------------------------------------------------------


def linked(link: Path, target: Path) -> None:
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.symlink_to(target)


@pytest.mark.parametrize(
    "name", ["srv/project/roles/x", "srv/project/.venv/bin/python", "etc/inventory/hosts.yml", "etc/inventory"]
)
def test_what_a_link_leads_to_counts(place, name):
    theirs = place.root / "theirs"
    theirs.mkdir()
    (theirs / "target").write_text("")
    linked(place.root / name, theirs / "target")
    theirs.chmod(0o755)
    assert place.look() == []
    os.chown(theirs / "target", ALICE, 0)
    found = place.look()
    assert any(line.path == theirs / "target" for line in found)
    place.follows(found)
    assert place.look() == []


def test_a_link_that_passes_through_somebody_s_directory_counts(place):
    theirs = place.root / "theirs"
    theirs.mkdir()
    os.chown(theirs, ALICE, 0)
    (theirs / "step").symlink_to(place.inventory)
    linked(place.root / "way", theirs / "step")
    place.job = replace(place.job, command=[*place.job.command, "-i", str(place.root / "way")])
    found = place.look()
    assert [line.path for line in found] == [theirs]
    place.follows(found)
    assert place.look() == []


def test_a_circle_of_links_is_nobody_s(place):
    (place.project / "a").symlink_to("b")
    (place.project / "b").symlink_to("a")
    assert place.look() == []


def test_a_link_to_nothing_counts_where_somebody_could_make_it(place):
    (place.root / "tmp").mkdir()
    (place.root / "tmp").chmod(0o1777)
    (place.project / "roles" / "y").symlink_to(place.root / "tmp" / "y")
    assert len(place.look()) == 1


# --- how inputs are named ---------------------------------------------------------------------------------------------

WORDS = [
    *(["-i", "{}"], ["-i{}"], ["-vvi{}"], ["--inventory={}"], ["--inventory-file", "{}"], ["--inv", "{}"]),
    *(["-e", "@{}"], ["-e@{}"], ["--extra-vars=@{}"], ["-e", "ansible_ssh_private_key_file={}"]),
    *(["-e", '{{"ansible_ssh_private_key_file": "{}"}}'], ["-e", "a=1 b={}"]),
    *(["--vault-password-file", "{}"], ["--vault-pass-file={}"], ["--vault-id", "{}"], ["--vault-id=x@{}"]),
    *(["--private-key", "{}"], ["--key-file={}"], ["--become-password-file", "{}"], ["-M", "/usr/share/x:{}"]),
]


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_however_a_file_is_given(place, words):
    given = place.root / "given"
    given.write_text("")
    os.chown(given, ALICE, 0)
    command = [*place.job.command, *(word.format(given) for word in words)]
    found = place.look(command=command)
    assert [line.path for line in found] == [given]
    place.follows(found)
    assert place.look() == []


@pytest.mark.parametrize("words", [["-i", "../../given"], ["-e", "@../../given"], ["-e@~/given"]], ids=" ".join)
def test_paths_are_read_from_the_project_and_the_home_of_the_account(place, words, monkeypatch):
    monkeypatch.setattr(redis_drift_inputs.Job, "home", property(lambda _: str(place.root)))
    (place.root / "given").write_text("")
    os.chown(place.root / "given", ALICE, 0)
    assert [line.path for line in place.look(command=[*place.job.command, *words])] == [place.root / "given"]


@pytest.mark.parametrize(
    "line", ["vault_password_file = {}", "inventory = x,{}", "roles_path = roles:{}", "ssh_args = -F {}"]
)
def test_what_ansible_cfg_names_counts(place, line):
    given = place.root / "given"
    given.write_text("")
    os.chown(given, ALICE, 0)
    (place.project / "ansible.cfg").write_text(f"[defaults]\n{line.format(given)}\n")
    assert [found.path for found in place.look()] == [given]


def test_variables_beside_an_inventory_of_one_file_count(place):
    hosts = place.inventory / "hosts.yml"
    os.chown(place.inventory / "group_vars/redis/all.yml", ALICE, 0)
    found = place.look(command=[*place.job.command[:3], str(hosts)])
    assert [line.path for line in found] == [place.inventory / "group_vars"]
    place.follows(found)
    assert place.look() == []


def test_an_inventory_in_a_shared_place_keeps_its_variables_beside_it(place):
    (place.root / "etc").chmod(0o1777)
    place.job = replace(place.job, command=[*place.job.command[:3], str(place.inventory / "hosts.yml")])
    place.follows(place.look())
    assert place.look() == []
    new = Path(place.job.command[3])
    assert (new.parent / "group_vars/redis/all.yml").is_file()


def test_the_program_that_a_script_names_counts(place):
    interpreter = place.root / "interpreter"
    interpreter.write_text("")
    os.chown(interpreter, ALICE, 0)
    (place.secrets / "vault").write_text(f"#!{interpreter}\n")
    assert [line.path for line in place.look()] == [interpreter]


@pytest.mark.parametrize("hook", [["{}"], ["/bin/sh", "{}"], ["python3", "{}", "--team"]], ids=" ".join)
def test_the_command_for_notifications_counts(place, hook):
    script = place.root / "hook"
    script.write_text("#!/bin/sh\n")
    place.job = replace(place.job, hook=[word.format(script) for word in hook])
    assert place.look() == []
    os.chown(script, ALICE, 0)
    found = place.look()
    assert [line.path for line in found] == [script]
    place.follows(found)
    assert place.look() == []


def test_the_schedule_s_own_files_count(place):
    own = place.root / "state"
    own.mkdir()
    (own / "ansible").mkdir()
    os.chown(own / "ansible", ALICE, 0)
    found = place.look(own=[str(own)])
    place.follows(found)
    assert [line.path for line in found] == [own]
    assert place.look() == []


def test_the_environment_of_whoever_starts_it_counts(place):
    given = place.root / "given"
    given.write_text("")
    os.chown(given, ALICE, 0)
    for name in ("ANSIBLE_VAULT_PASSWORD_FILE", "ANSIBLE_ROLES_PATH", "PYTHONPATH"):
        assert [line.path for line in redis_drift_trust.exposed(place.job, {name: f"/nothing:{given}"})] == [given]


def test_a_python_of_somebody_else_is_made_anew(place):
    python = place.root / "pyenv"
    (python / "bin").mkdir(parents=True)
    (python / "lib/python3.11/json").mkdir(parents=True)
    shutil.copy("/usr/bin/true", python / "bin/python3")
    linked(place.project / ".venv/bin/python", python / "bin/python3")
    assert place.look() == []
    (python / "lib/python3.11/json/decoder.py").write_text("")
    os.chown(python / "lib/python3.11/json/decoder.py", ALICE, 0)
    [line] = found = place.look()
    assert "decoder.py in it belongs to uid 4242" in str(line)
    place.follows(found)
    assert place.look() == []


def test_where_a_pth_file_leads_counts(place):
    packages = place.project / ".venv/lib/python3.11/site-packages"
    packages.mkdir(parents=True)
    (place.root / "editable").mkdir()
    (packages / "x.pth").write_text(f"import nothing\n{place.root}/editable\n")
    assert place.look() == []
    (place.root / "editable" / "x.py").write_text("")
    os.chown(place.root / "editable" / "x.py", ALICE, 0)
    found = place.look()
    assert len(found) == 1
    place.follows(found)
    assert place.look() == []


# --- another account --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", INPUTS)
def test_for_an_account_of_its_own_its_files_and_root_s_are_trusted(place, name):
    place.job = replace(place.job, user="nobody")
    os.chown(place.root / name, NOBODY, 0)
    assert place.look() == []
    os.chown(place.root / name, ALICE, 0)
    found = place.look()
    assert "only root and nobody can change it" in str(found[0])
    place.follows(found)
    assert place.look() == []


# --- names ------------------------------------------------------------------------------------------------------------

ODD = [
    "a b",
    "-rf",
    "$(touch x)",
    "a;b",
    "a'b",
    'a"b',
    "a\nb",
    "a\x1b[2Jb",
    "{{ x }}",
    "ä\u202eb",
    "a\udcffb",
    "*",
    "#",
]


@pytest.mark.parametrize("name", ODD, ids=ascii)
@pytest.mark.parametrize("where", ["etc", "tmp"])
def test_a_path_of_any_name_is_one_word_of_what_is_typed(place, name, where):
    (place.root / where).mkdir(exist_ok=True)
    if where == "tmp":
        (place.root / where).chmod(0o1777)
    inventory = place.root / where / name
    inventory.mkdir()
    os.chown(inventory, ALICE, 0)
    found = place.look(command=[*place.job.command, "-i", os.fsdecode(os.fsencode(inventory))])
    assert len(found) == 1
    if "\udcff" in name and found[0].then:
        subprocess.run(["bash", "-e", "-c", found[0].command], check=True)
        return  # a shell gives it, and Python's shlex does not read $'...'
    if found[0].then and not name.isprintable():
        subprocess.run(["bash", "-e", "-c", found[0].command], check=True)
        return
    place.follows(found)
    assert place.look() == []


# --- as a program -----------------------------------------------------------------------------------------------------


def as_program(said: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["/usr/bin/python3", "-SsEB", FILES / "redis_drift_trust.py"],
        input=said,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_program_needs_nothing_of_ansible(place):
    done = as_program(json.dumps(vars(place.job)))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    os.chown(place.inventory, ALICE, 0)
    done = as_program(json.dumps(vars(place.job)))
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (1, 1, "")


@pytest.mark.parametrize("said", ["", "{", "[]", "{}", '{"user": "no such user", "project": "/", "command": ["x"]}'])
def test_a_job_that_cannot_be_read(said):
    done = as_program(said)
    assert done.returncode == 2
    assert done.stderr.startswith("the inputs cannot be looked at: ")
    assert "Traceback" not in done.stderr


def test_a_tree_has_an_end(place, monkeypatch):
    monkeypatch.setattr(redis_drift_trust, "MOST", 3)
    with pytest.raises(ValueError, match="more than 3 files"):
        place.look()
