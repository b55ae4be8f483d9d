"""The collection that scripts/build-collection makes of this tree, installed into an empty project and used from there."""

from __future__ import annotations

import ast
import fcntl
import importlib.machinery
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import snippets
import yaml
from ansible.module_utils.redis_control import core_version
from ansible.module_utils.redis_control.load import archive
from installed import ENVIRONMENT, PROGRAM, ansible, built, checksums
from specs import COLLECTION, FRAGMENTS, MODULES, ROLES, ROOT, documented

PAGE = ROOT / "docs" / "collection.md"
PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
CALLBACKS = sorted(path.stem for path in (ROOT / "callback_plugins").glob("*.py"))
NOBODY = "redis:\n  hosts: {}\n"
loader = importlib.machinery.SourceFileLoader("build_collection", str(PROGRAM))
build_collection = importlib.util.module_from_spec(importlib.util.spec_from_loader("build_collection", loader))
sys.modules["build_collection"] = build_collection
loader.exec_module(build_collection)


@pytest.fixture(scope="session")
def artifact(tmp_path_factory):
    """Built once for all processes of a test run."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "collection"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return next(shared.glob("*.tar.gz"), None) or built(shared)


@pytest.fixture(scope="session")
def project(artifact, tmp_path_factory):
    """An empty project with the collection in it, and with the ansible.cfg of the page."""
    place = tmp_path_factory.mktemp("project")
    settings, enabled = [block.text for block in snippets.fenced(PAGE) if block.kind == "ini"]
    assert set(re.findall(rf"{COLLECTION}\.(\w+)", enabled)) == set(CALLBACKS)
    (place / "ansible.cfg").write_text(settings.replace("/usr/bin/python3", sys.executable))
    (place / "hosts.yml").write_text(NOBODY)
    done = ansible(place, "galaxy", "collection", "install", str(artifact), "-p", "collections", "--offline", "--force")
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="session")
def collection(project):
    """The directory of the installed collection."""
    return project / "collections" / "ansible_collections" / "redis_ops" / "redis"


# --- the artifact -----------------------------------------------------------------------------------------------------


def test_two_builds_have_the_same_files(artifact, tmp_path):
    assert checksums(artifact) == checksums(built(tmp_path))


def test_the_version_is_the_project_s_and_has_its_changes(artifact):
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert artifact.name == f"redis_ops-redis-{version}.tar.gz"
    assert re.findall(r"^## (\d\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0] == version


def test_everything_of_the_checkout_is_in_it(artifact):
    names = set(checksums(artifact))
    expected = {f"plugins/modules/{path.name}" for path in MODULES}
    expected |= {f"plugins/action/{path.name}" for path in (ROOT / "action_plugins").glob("*.py")}
    expected |= {f"plugins/callback/{name}.py" for name in CALLBACKS}
    expected |= {f"plugins/doc_fragments/{path.name}" for path in FRAGMENTS}
    expected |= {f"playbooks/{name}.yml" for name in PLAYBOOKS}
    for top, below in (("module_utils", "plugins/module_utils"), ("roles", "roles"), ("docs", "docs")):
        files = [path for path in (ROOT / top).rglob("*") if path.is_file() and path.suffix != ".pyc"]
        expected |= {f"{below}/{path.relative_to(ROOT / top)}" for path in files}
    expected |= {"README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE", "execution-environment.yml", "meta/runtime.yml"}
    assert names == expected


def test_the_action_groups_are_the_modules_that_share_parameters(collection):
    runtime = yaml.safe_load((collection / "meta" / "runtime.yml").read_text())
    instance = [path.stem for path in MODULES if "login_port" in documented(path)]
    declaration = [path.stem for path in MODULES if "caller" in documented(path) and "declaration" in documented(path)]
    assert runtime["action_groups"] == {"declaration": declaration, "instance": instance}


def test_the_supported_versions_of_ansible_core_are_those_of_the_project(collection):
    wanted = yaml.safe_load((collection / "meta" / "runtime.yml").read_text())["requires_ansible"]
    assert wanted == ">=2.19.0,!=2.20.*,<2.22.0"
    assert core_version.SUPPORTED == ("2.19", "2.21")


# --- names ------------------------------------------------------------------------------------------------------------


def entries(path: Path) -> list[dict]:
    """Everything in a file of tasks or plays, at any depth."""
    found, todo = [], list(yaml.safe_load(path.read_text()) or [])
    while todo:
        entry = todo.pop(0)
        found.append(entry)
        todo += [inner for key in ("tasks", "block", "rescue", "always") for inner in entry.get(key) or []]
    return found


def test_every_task_names_its_module_and_its_role_in_full(collection):
    short = {path.stem for path in MODULES}
    files = [*collection.glob("roles/*/tasks/*.yml"), *collection.glob("playbooks/*.yml")]
    found = [entry for path in files for entry in entries(path)]
    assert not [entry for entry in found if short & set(entry)]
    used = {name for entry in found for name in entry if "." in name}
    ours = {name for name in used if not name.startswith("ansible.builtin.")}
    assert ours == {f"{COLLECTION}.{name}" for name in short & _used_in_the_checkout()}
    roles = {entry[name]["name"] for entry in found for name in entry if name.endswith("_role")}
    assert roles == {f"{COLLECTION}.{role.name}" for role in ROLES}


def _used_in_the_checkout() -> set[str]:
    files = [*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("playbooks/*.yml")]
    return {name for path in files for entry in entries(path) for name in entry}


def test_every_import_of_the_project_is_in_full_and_leads_somewhere(collection):
    prefix = f"ansible_collections.{COLLECTION}.plugins.module_utils."
    seen = 0
    for path in collection.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and "redis_" in (node.module or "") and not node.level:
                if path.is_relative_to(collection / "roles"):
                    continue  # programs that are installed side by side
                assert node.module.startswith(prefix), path
                place = collection / "plugins" / "module_utils" / node.module.removeprefix(prefix).replace(".", "/")
                assert place.is_dir() or place.with_suffix(".py").is_file(), (path, node.module)
                seen += 1
    assert seen > 100


def test_no_message_names_a_command_of_a_checkout(collection):
    """A remedy is something to type."""
    command = re.compile(
        r"\bmake (?:provision|check|adopt|drift|waivers|readiness|loadtest|compare)\b|playbooks/\w+\.yml"
    )
    files = [path for place in ("plugins", "roles", "playbooks") for path in (collection / place).rglob("*")]
    code = [path for path in files if path.suffix in (".py", ".yml", ".j2")]
    assert {path: found for path in code if (found := command.findall(path.read_text()))} == {}
    said = (collection / "plugins" / "module_utils" / "redis_ops" / "base" / "commands.py").read_text()
    assert f"\"REASON='OPS-417: trial of 3gb' ansible-playbook {COLLECTION}.waive_drift\"" in said


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.py", "import x\nX = 'ansible.module_utils.redis_ops.base'\n", "ansible.module_utils.redis_ops"),
        ("a.yml", "a: 1\nb: '{{ playbook_dir }}/x'\n", "playbook_dir"),
        ("a.j2", "see playbooks/none.yml\n", "playbooks/none.yml"),
    ],
)
def test_a_name_that_the_program_does_not_know_stops_it(tmp_path, monkeypatch, name, text, problem):
    names = build_collection.Names()
    monkeypatch.setattr(build_collection, "ROOT", tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(build_collection.CannotBuild, match=re.escape(problem)):
        names.translate(tmp_path / name)


def test_a_wrong_command_line_is_told(tmp_path):
    for words in (["--help"], [str(tmp_path), "x"]):
        done = subprocess.run([sys.executable, str(PROGRAM), *words], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (2, "usage: build-collection [DIRECTORY]\n")


# --- installed --------------------------------------------------------------------------------------------------------


def test_every_module_is_documented_with_its_full_name(project):
    done = ansible(project, "doc", "-t", "module", "--json", *(f"{COLLECTION}.{path.stem}" for path in MODULES))
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert set(found) == {f"{COLLECTION}.{path.stem}" for path in MODULES}
    for path in MODULES:
        told = found[f"{COLLECTION}.{path.stem}"]
        assert set(told["doc"]["options"]) == set(documented(path))  # those of the fragments, too
        assert f"  {COLLECTION}.{path.stem}:\n" in told["examples"]


@pytest.mark.parametrize(("kind", "names"), [("callback", CALLBACKS), ("role", [role.name for role in ROLES])])
def test_callbacks_and_roles_are_documented(project, kind, names):
    done = ansible(project, "doc", "-t", kind, "--json", *(f"{COLLECTION}.{name}" for name in names))
    assert (done.returncode, done.stderr) == (0, "")
    assert set(json.loads(done.stdout)) == {f"{COLLECTION}.{name}" for name in names}


def test_every_playbook_is_found_and_read(project):
    done = ansible(project, "playbook", "--syntax-check", *(f"{COLLECTION}.{name}" for name in PLAYBOOKS))
    assert done.returncode == 0, done.stderr
    assert re.findall(r"playbooks/(\w+)\.yml$", done.stdout, re.MULTILINE) == PLAYBOOKS


def test_a_module_runs_in_check_mode(project):
    given = json.dumps({"sysctl": {}, "transparent_hugepage": "unmanaged", "open_files": 1})
    done = ansible(
        project, "adhoc", "localhost", "--connection=local", "--check", "-m", f"{COLLECTION}.redis_kernel", "-a", given
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"id": "kernel.fs.nr_open"' in done.stdout


def test_a_play_of_somebody_gives_parameters_once_to_a_group_of_modules(project):
    play = {
        "name": "Own",
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "module_defaults": {f"group/{COLLECTION}.instance": {"login_host": "127.0.0.1", "login_port": 1}},
        "tasks": [{"name": "Set", f"{COLLECTION}.redis_config": {"settings": {"maxmemory": "1gb"}}}],
    }
    (project / "own.yml").write_text(json.dumps([play]))
    done = ansible(project, "playbook", "own.yml")
    assert (done.returncode, "127.0.0.1:1: Connection refused" in done.stdout) == (2, True), done.stdout + done.stderr


@pytest.mark.parametrize("name", ["check_drift", "drift"])  # and by its name of before
def test_drift_from_a_site_yml_of_somebody_reports_into_their_project(project, collection, name):
    """With the report and the exit code of the callback: 1, where Ansible itself ends with 2."""
    (project / "site.yml").write_text(json.dumps([{"ansible.builtin.import_playbook": f"{COLLECTION}.{name}"}]))
    before = sorted(collection.rglob("*"))
    done = ansible(project, "playbook", "site.yml")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"report: {project}/reports/drift/latest.html" in done.stdout
    assert json.loads((project / "reports" / "drift" / "latest.json").read_text())["exit_code"] == 1
    assert sorted(path for path in collection.rglob("*") if "__pycache__" not in path.parts) == [
        path for path in before if "__pycache__" not in path.parts
    ]


def test_callbacks_that_are_enabled_as_well_speak_once(project, tmp_path):
    """For a role that a play includes, as the page says."""
    usual, enabled = [block.text for block in snippets.fenced(PAGE) if block.kind == "ini"]
    usual = usual.replace("/usr/bin/python3", sys.executable).replace("path = ", f"path = {project}/")
    (tmp_path / "ansible.cfg").write_text(usual.replace("[defaults]\n", enabled))
    (tmp_path / "hosts.yml").write_text("redis: {hosts: {redis1: {ansible_connection: local}}}\n")
    boom = {"name": "Stop", "ansible.builtin.fail": {"msg": "boom"}}
    included = {"ansible.builtin.include_role": {"name": f"{COLLECTION}.redis_drift"}}
    imported = {"ansible.builtin.import_role": {"name": f"{COLLECTION}.redis_drift"}}
    for role in (included, imported):
        play = {"hosts": "redis", "gather_facts": False, "tasks": [boom, role]}
        (tmp_path / "own.yml").write_text(json.dumps([play]))
        done = ansible(tmp_path, "playbook", "own.yml")
        told = done.stdout.count("FAILED: nothing was checked: redis1: boom")
        assert (done.returncode, told) == (1, 1), done.stdout + done.stderr


def test_a_playbook_without_hosts_is_refused_and_points_at_the_collection_s_page(project):
    done = ansible(project, "playbook", f"{COLLECTION}.provision")
    assert done.returncode == 2
    assert "as docs/collection.md shows" in " ".join((done.stdout + done.stderr).split())


def test_the_load_generator_is_the_same_program(project):
    code = (
        "import sys; from ansible.plugins.loader import init_plugin_loader; init_plugin_loader();"
        f"from ansible_collections.{COLLECTION}.plugins.module_utils.redis_control.load import archive;"
        "sys.stdout.buffer.write(archive.archive())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=ENVIRONMENT, capture_output=True, check=True, timeout=60
    )

    def files(content: bytes) -> dict[str, bytes]:
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            return {name: opened.read(name) for name in opened.namelist()}

    assert files(done.stdout) == files(archive.archive())
