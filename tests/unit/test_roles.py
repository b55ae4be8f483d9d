"""Names, defaults and documentation of roles and modules agree; old defects of other roles are not ours."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from ansible.module_utils.redis_ops import catalog
from ansible.module_utils.redis_ops.edge import instance_arguments
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from specs import (
    MODULES,
    ROLES,
    ROOT,
    arguments,
    defaults,
    documented,
    load,
    module_at,
    plugins,
    specs,
    tasks,
)

SERVER_TASKS = ROOT / "roles/redis_server/tasks"
TASK_FILES = sorted(ROOT.glob("roles/*/tasks/*.yml"))
YAML_FILES = [*sorted(ROOT.glob("roles/**/*.yml")), *sorted(ROOT.glob("playbooks/*.yml"))]
every_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
every_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)


# --- variables --------------------------------------------------------------------------------------------------------


@every_role
def test_defaults_and_argument_specs_name_the_same_variables(role):
    assert set(defaults(role)) == set(specs(role))


@every_role
def test_defaults_and_argument_specs_have_the_same_values(role):
    assert {name: spec.get("default") for name, spec in specs(role).items()} == defaults(role)


@every_role
def test_every_variable_has_a_description_and_the_role_s_name(role):
    for name, spec in specs(role).items():
        assert name.startswith(f"{role.name}_"), name
        assert spec.get("description"), name
        for inner, inner_spec in (spec.get("options") or {}).items():
            assert inner_spec.get("description"), f"{name}.{inner}"


@every_role
def test_readme_names_the_same_variables(role):
    named = set(re.findall(rf"(?<!_)\b{role.name}_\w+", (role / "README.md").read_text()))
    assert named == set(defaults(role))


@every_role
def test_no_secret_has_a_default_or_is_logged(role):
    for name, spec in specs(role).items():
        for label, part in ((name, spec), *(spec.get("options") or {}).items()):
            if re.search("password|secret", label):
                assert part.get("no_log") is True, label
                assert part.get("default") in ("", {}, None), label


@every_role
def test_variables_that_are_nobody_else_s_say_so(role):
    own = set(defaults(role))
    public = {"redis_server_declaration"}  # what the modules take: plays of others may pass it on
    for path in [*(role / "tasks").glob("*.yml"), *(role / "vars").rglob("*.yml")]:
        for name in re.findall(r"^\s*register: (\w+)|loop_var: (\w+)", path.read_text(), re.MULTILINE):
            assert "".join(name).startswith(f"__{role.name}_"), path
    for path in (role / "vars").rglob("*.yml"):
        for name in load(path) or {}:
            assert name.startswith(f"__{role.name}_") or name in public, name
            assert name not in own


@every_role
def test_every_default_is_used(role):
    text = "".join(path.read_text() for part in ("tasks", "vars", "templates") for path in (role / part).rglob("*.*"))
    assert [name for name in defaults(role) if not re.search(rf"\b{name}\b", text)] == []


@every_role
def test_every_default_is_explained_beside_it(role):
    lines = (role / "defaults" / "main.yml").read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"\w+:", line):
            above = next(text for text in reversed(lines[:number]) if not re.match(r"\w+:", text))
            assert above.startswith("#"), line


def test_the_preflight_knows_every_variable_of_every_role():
    role = ROOT / "roles" / "redis_server"
    plugins()
    loader = DataLoader()
    variables = {
        "role_path": str(role),
        **loader.load_from_file(str(role / "vars/main/main.yml"), trusted_as_template=True),
    }
    templar = Templar(loader=loader, variables=variables)
    assert sorted(variables["__redis_server_roles"]) == [path.name for path in ROLES]
    known = templar.template(trust_as_template("{{ __redis_server_known_variables }}"))
    assert sorted(known) == sorted(name for path in ROLES for name in specs(path))
    said = load(role / "vars/main/main.yml")["redis_server_declaration"]["known_variables"]
    assert "+ ['redis_server_declaration']" in said  # it looks like a variable of a role, too


# --- tasks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TASK_FILES, ids=lambda path: f"{path.parent.parent.name}/{path.stem}")
def test_task_names_say_where_they_stand(path):
    prefix = "" if path.stem == "main" else f"{path.stem.replace('_', ' ').capitalize()} | "
    for task in tasks(path):
        name = task.get("name", "")
        assert name.startswith(prefix), name
        assert re.match(r"[A-Z]", name.removeprefix(prefix)), name


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_writable_by_all_or_started_by_rc_local(path):
    # peers D10
    text = path.read_text()
    assert not re.search(r"0?o?777|[ao]\+\w*w|rc\.local", text)


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_is_compared_as_if_it_were_a_truth(path):
    # peers D14: 'False' is true, and ansible-core 2.19 refuses it
    assert not re.search(r"""[=!]=\s*['"]?(true|false|yes|no)\b""", path.read_text(), re.IGNORECASE)


def test_a_restart_is_allowed_by_a_truth_and_nothing_else():
    assert specs(ROOT / "roles" / "redis_server")["redis_server_restart"] == {
        "type": "bool",
        "default": False,
        "description": specs(ROOT / "roles" / "redis_server")["redis_server_restart"]["description"],
    }
    assert arguments(ROOT / "library" / "redis_config.py")["restart"] == {"type": "bool", "default": False}
    assert arguments(ROOT / "library" / "redis_instances.py")["restart"] == {"type": "bool", "default": False}
    [converge] = [task for task in tasks(SERVER_TASKS / "converge.yml") if "redis_instances" in task]
    assert converge["redis_instances"]["restart"] == "{{ redis_server_restart }}"


def test_restarts_are_rolling():
    """Field case A22: one host at a time, and the first that fails stops the rest."""
    converge = tasks(SERVER_TASKS / "converge.yml")
    [first] = [task for task in converge if "redis_instances" in task]
    assert first["redis_instances"]["rolling"] is True
    [batches] = [task for task in converge if task.get("ansible.builtin.include_tasks") == "restart.yml"]
    assert batches["loop"] == (
        "{{ __redis_server_restart_batches if __redis_server_converge.restart_later | default(false) else [] }}"
    )
    assert "not ansible_check_mode" in batches["when"]
    [restart] = tasks(SERVER_TASKS / "restart.yml")
    assert restart["redis_instances"]["restart"] is True
    assert "rolling" not in restart["redis_instances"]
    assert restart["any_errors_fatal"] is True
    assert specs(ROOT / "roles" / "redis_server")["redis_server_serial"]["default"] == 1


def batches(serial: Any, **owes: Any) -> list[list[str]]:
    """The batches of hosts that restart, from what the converge of each host has returned."""
    plugins()
    loader = DataLoader()
    variables = {
        **loader.load_from_file(str(ROOT / "roles/redis_server/vars/main/main.yml"), trusted_as_template=True),
        "redis_server_serial": serial,
        "ansible_play_hosts": list(owes),
        "hostvars": {
            name: {"inventory_hostname": name, **({} if found is None else {"__redis_server_converge": found})}
            for name, found in owes.items()
        },
    }
    templar = Templar(loader=loader, variables=variables)
    return templar.template(trust_as_template("{{ __redis_server_restart_batches }}"))


def test_the_batches_hold_the_hosts_that_owe_a_restart():
    later = {"restart_later": True}
    assert batches(1, a=later, b={"restart_later": False}, c=later) == [["a"], ["c"]]
    assert batches("2", a=later, b=later, c=later) == [["a", "b"], ["c"]]
    assert batches(1, a=None, b={"failed": True}, c={"skipped": True}) == []


def test_each_call_of_the_role_looks_at_its_own_input():
    """Field case A14: nothing that an earlier call has found decides what a later call does.

    main.yml may leave its own converge out, as its own preflight has looked right before.
    """
    first, second = tasks(SERVER_TASKS / "main.yml")
    assert (first["ansible.builtin.import_tasks"], "when" in first) == ("preflight.yml", False)
    assert (second["ansible.builtin.import_tasks"], second["when"]) == (
        "converge.yml",
        "'instances' not in __redis_server_settled",
    )
    for file in ("preflight.yml", "converge.yml"):
        for task in tasks(SERVER_TASKS / file):
            assert "__redis_server" not in str(task.get("when", "")) or "redis_package" in task or "loop" in task, task
    [look] = tasks(SERVER_TASKS / "preflight.yml")
    [act] = [task for task in tasks(SERVER_TASKS / "converge.yml") if "redis_instances" in task]
    for task, module in ((look, "redis_preflight"), (act, "redis_instances")):
        assert task[module]["declaration"] == "{{ redis_server_declaration }}"


def test_one_instance_does_not_restart_another():
    # peers D9: no handler, no `when: x is changed` over all instances; each item decides for itself
    assert not list(ROOT.glob("roles/*/handlers"))
    for path in TASK_FILES:
        for task in tasks(path):
            assert "notify" not in task
            assert "is changed" not in str(task.get("when", ""))
            assert not {"ansible.builtin.service", "ansible.builtin.systemd", "ansible.builtin.systemd_service"} & set(
                task
            )


def test_configuration_is_looked_at_whether_or_not_redis_was_there():
    # peers D7
    for path in (SERVER_TASKS / "main.yml", SERVER_TASKS / "converge.yml"):
        conditions = [str(task.get("when", "")) for task in tasks(path)]
        assert not [text for text in conditions if "installed" in text]


def test_no_template_has_a_password_or_a_setting_of_redis():
    for path in ROOT.glob("roles/*/templates/*"):
        assert not re.search("secret|password|requirepass|maxmemory", path.read_text())


# --- profiles ---------------------------------------------------------------------------------------------------------

PROFILES = ROOT / "roles" / "redis_server" / "vars" / "main" / "profiles.yml"


def profile_lines() -> list[str]:
    """The lines that give an option its value: four blanks and a name."""
    return [line for line in PROFILES.read_text().splitlines() if re.match(r"    [a-z]", line)]


@pytest.mark.parametrize("line", profile_lines(), ids=lambda line: line.split(":")[0].strip())
def test_every_value_of_a_profile_says_where_it_is_from(line):
    if "based_on:" in line:
        return
    comment = line.partition(" # ")[2]
    assert re.match(r"guide \d|\w+ documentation", comment), line
    for section in re.findall(r"\d+\.\d+", comment.partition(":")[0].partition(";")[0]):
        assert section in {"1.1", "1.2", "1.3", "2.1", "2.2", "3.1", "3.2", "4.1", "5.3", "6.1"}


def test_every_profile_says_what_it_is_for():
    lines = PROFILES.read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"  [a-z][\w-]*:", line):
            assert lines[number - 1].startswith("  # "), line


def test_profiles_use_canonical_names_and_no_secret():
    for profile, layer in load(PROFILES)["__redis_server_profiles"].items():
        for name in layer:
            if name != "based_on":
                option = catalog.find(name)
                assert option is not None, f"{profile}: {name}"
                assert option.name == name
                assert not option.secret


def test_words_that_yaml_reads_as_a_truth_are_quoted():
    for line in profile_lines():
        assert not re.search(r": (yes|no|on|off|true|false)\s", line, re.IGNORECASE), line


# --- modules ----------------------------------------------------------------------------------------------------------


def shape(options: dict[str, dict], inner: str) -> dict[str, Any]:
    """What documentation and argument_spec both say of an option."""
    return {
        name: {
            **{
                key: spec[key]
                for key in ("default", "choices", "elements", "required")
                if spec.get(key) not in (None, False)
            },
            "type": spec.get("type", "str"),
            "options": shape(spec[inner], inner) if spec.get(inner) else None,
        }
        for name, spec in options.items()
    }


@every_module
def test_documentation_and_arguments_of_a_module_agree(path):
    assert shape(documented(path), "suboptions") == shape(arguments(path), "options")


@every_module
def test_every_option_of_a_module_is_described(path):
    for name, spec in documented(path).items():
        assert spec.get("description"), name
        assert "TODO" not in str(spec)


@every_module
def test_secrets_of_a_module_are_not_logged(path):
    def check(spec: dict[str, dict]) -> None:
        for name, argument in spec.items():
            if re.search("password|secret", name):
                assert argument.get("no_log") is True, name
            check(argument.get("options") or {})

    check(arguments(path))


@every_module
def test_every_return_value_is_described(path):
    returned = yaml.safe_load(module_at(path).RETURN)
    for name, value in returned.items():
        assert {"description", "returned", "type"} <= set(value), name


@every_module
def test_a_module_names_itself_and_tells_of_check_mode(path):
    text = yaml.safe_load(module_at(path).DOCUMENTATION)
    assert text["module"] == path.stem
    assert text["attributes"]["check_mode"]["support"] == "full"
    assert "author" in text


@every_module
def test_tasks_give_a_module_what_it_knows(path):
    known = set(arguments(path))
    for file in TASK_FILES:
        for task in tasks(file):
            if path.stem in task:
                assert set(task[path.stem] or {}) - {"<<"} <= known


def test_the_secrets_of_an_instance_are_where_they_are_not_logged():
    assert {name for name, spec in instance_arguments.ARGUMENTS.items() if spec.get("no_log")} == {
        "secrets",
        "login_password",
    }
