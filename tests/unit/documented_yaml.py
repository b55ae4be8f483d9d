"""What is wrong with YAML or JSON that a document shows: plays, tasks, variables of the inventory, rules for Prometheus.

It goes through the project's own checks: argument specs, action plugins, the resolver, the readers of waivers and targets.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from unittest.mock import MagicMock

import documented_commands
import yaml
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.redis_control import validating
from ansible.module_utils.redis_control.report import waivers
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.errors import RedisOpsError
from ansible.module_utils.redis_ops.edge import arguments as of_declaration
from ansible.module_utils.redis_ops.model.resolve import resolve
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.playbook.task import Task
from ansible.plugins.loader import fragment_loader, module_loader
from ansible.template import Templar, trust_as_template
from ansible.utils.plugin_docs import get_docstring
from specs import COLLECTION, ROLES, ROOT, arguments, module_at, plugins, specs

VARIABLES = {name: spec for role in ROLES for name, spec in specs(role).items()}
EMPTY = {"dict": {}, "list": [], "str": "", "int": 0, "float": 0.0, "bool": False}
# What Ansible itself gives to every play.
OF_EVERY_PLAY = {
    "inventory_dir": "/inventory",
    "inventory_hostname": "redis1.example.com",
    "playbook_dir": str(ROOT / "playbooks"),
    "ansible_play_hosts": ["redis1.example.com"],
    "role_path": str(ROOT / "roles" / "redis_server"),
}
OF_SERVERS, OF_LOADS = "redis_server_", "redis_loadtest_"
GIBIBYTE = 1024**3
IMPORT = "ansible.builtin.import_playbook"
OF_RUNNER = "redis_drift_runner_"
SOURCES_OF_METRICS = (
    "module_utils/redis_control/report/drift_document.py",
    "roles/redis_drift/files/redis_drift_state.py",
)


def problems_of_json(text: str) -> list[str]:
    """One line for everything that is wrong with a document of JSON: each of its keys is written by one program."""
    try:
        given = json.loads(text)
    except ValueError as error:
        return [f"is no JSON: {error}"]
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "roles").glob("*/files/*.py"))
    wanted = [*_keys(given), given.get("schema", "") if isinstance(given, dict) else ""]
    return [f"{name}: no program writes this" for name in wanted if name and f'"{name}"' not in sources]


def _keys(given: Any) -> list[str]:
    if isinstance(given, list):
        return [key for item in given for key in _keys(item)]
    return [key for name, item in given.items() for key in (name, *_keys(item))] if isinstance(given, dict) else []


def problems(text: str) -> list[str]:
    """One line for everything that is wrong."""
    plugins()
    try:
        given = DataLoader().load(trust_as_template(text))
    except (AnsibleError, yaml.YAMLError) as error:
        return [f"is no YAML: {error}"]
    entries = given if isinstance(given, list) else []
    if entries and all(isinstance(entry, dict) for entry in entries):
        return list(_of_entries(text, entries))
    if isinstance(given, dict) and list(given) == ["groups"]:
        return [problem for group in given["groups"] for problem in _rules(group["rules"])]
    if isinstance(given, dict) and list(given) == ["redis"]:  # an inventory with this group
        return list(_variables(text, given["redis"].get("vars", {})))
    if isinstance(given, dict) and given:
        return list(_variables(text, given))
    return ["is neither plays, nor tasks, nor variables, nor rules for Prometheus"]


def _of_entries(text: str, entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The first one says what they are: rules for Prometheus, imports of playbooks, plays or tasks."""
    if "alert" in entries[0]:
        yield from _rules(entries)
    elif IMPORT in entries[0]:
        yield from (problem for entry in entries for problem in _import(entry[IMPORT]))
    else:
        yield from _plays(text, entries) if "hosts" in entries[0] else _tasks(text, entries)


# --- templates --------------------------------------------------------------------------------------------------------


@functools.cache
def _of_roles() -> dict[str, Any]:
    loader = DataLoader()
    files = [path for part in ("defaults", "vars") for path in sorted(ROOT.glob(f"roles/*/{part}/**/*.yml"))]
    found: dict[str, Any] = {}
    for path in files:
        found |= loader.load_from_file(str(path), trusted_as_template=True) or {}
    return found


def _templar(text: str, more: Mapping[str, Any]) -> Templar:
    """Knows the roles' variables, `more` in their place, and any password of a vault that the text names."""
    vault = dict.fromkeys(re.findall(r"\bvault_\w+", text), "a password")
    return Templar(loader=DataLoader(), variables={**OF_EVERY_PLAY, **_of_roles(), **vault, **more})


def _plain(value: Any) -> Any:
    """Without Ansible's own types."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    kind = next((kind for kind in (bool, int, float, str) if isinstance(value, kind)), None)
    return value if kind is None else kind(value)


# --- plays and tasks --------------------------------------------------------------------------------------------------


def _import(playbook: str) -> Iterator[str]:
    """playbook: of the collection."""
    if not (ROOT / "playbooks" / f"{playbook.removeprefix(f'{COLLECTION}.')}.yml").is_file():
        yield f"{playbook}: no such playbook"


def _plays(text: str, plays: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for play in plays:
        yield from (f"{name}: no keyword of a play" for name in play if name not in Play.fattributes)
        for role in play.get("roles", []):
            if not (ROOT / "roles" / role["role"].removeprefix(f"{COLLECTION}.")).is_dir():
                yield f"{role['role']}: no such role"
            yield from _variables(text, role.get("vars", {}))
        yield from _variables(text, play.get("vars", {}))
        yield from _tasks(text, play.get("tasks", []), play.get("module_defaults", {}))


def _tasks(
    text: str, tasks: Sequence[Mapping[str, Any]], groups: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
) -> Iterator[str]:
    """groups: module_defaults of their play, each of an action group of the collection."""
    registered: dict[str, Any] = {}
    for task in tasks:
        names = [name for name in task if name not in Task.fattributes]
        if len(names) != 1:
            yield f"{task.get('name')}: expected one module, found {names}"
            continue
        item = {"item": task["loop"][0]} if "loop" in task else {}
        try:
            shared = {name: value for group, given in groups.items() for name, value in _shared(group, names[0], given)}
            given = _plain(_templar(text, {**registered, **item}).template(shared | (task[names[0]] or {})))
        except AnsibleError as error:
            yield f"{names[0]}: {error}"
            continue
        yield from (f"{names[0]}: {problem}" for problem in _of_module(names[0], given))
        if "register" in task:
            registered[str(task["register"])] = {"results": []} if "loop" in task else _returned(names[0])


def _shared(group: str, module: str, given: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """The parameters that a group of the collection gives to a module: the modules that have a fragment are a group."""
    fragment = group.replace(f"group/{COLLECTION}.", "redis_")
    path = ROOT / "library" / f"{module.removeprefix(f'{COLLECTION}.')}.py"
    documentation = yaml.safe_load(module_at(path).DOCUMENTATION) if path.exists() else {}
    return given.items() if fragment in documentation.get("extends_documentation_fragment", []) else ()


def _returned(module: str) -> dict[str, Any]:
    """What a module documents that it returns, with nothing in it."""
    path = ROOT / "library" / f"{module}.py"
    described = yaml.safe_load(module_at(path).RETURN) if path.exists() else {}
    return {name: EMPTY[value["type"]] for name, value in described.items()}


def _of_module(name: str, given: Mapping[str, Any]) -> Iterator[str]:
    name = name.removeprefix(f"{COLLECTION}.")
    path = ROOT / "library" / f"{name}.py"
    if path.exists():
        yield from ArgumentSpecValidator(arguments(path)).validate(given).error_messages
        kind = _action(name)
        if kind is not None and issubclass(kind, validating.ValidatingAction):
            yield from map(str, kind.problems(object.__new__(kind), given))
        return
    found = module_loader.find_plugin(name)
    if not found:
        yield "no such module"
        return
    known = get_docstring(found, fragment_loader)[0]["options"]
    yield from (f"{option}: no such option" for option in given if option not in known)


@functools.cache
def _action(name: str) -> type[Any] | None:
    path = ROOT / "action_plugins" / f"{name}.py"
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location(f"action_{name}", path)
    module = sys.modules.setdefault(f"action_{name}", importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module.ActionModule


# --- variables of an inventory ----------------------------------------------------------------------------------------


def _variables(text: str, given: Mapping[str, Any]) -> Iterator[str]:
    unknown = [name for name in given if name not in VARIABLES]
    yield from (f"{name}: no role has this variable" for name in unknown)
    if unknown:
        return
    try:
        values = {name: _plain(_templar(text, given).template(value)) for name, value in given.items()}
    except AnsibleError as error:
        yield str(error)
        return
    for name, value in values.items():
        yield from ArgumentSpecValidator({name: VARIABLES[name]}).validate({name: value}).error_messages
    for prefix, judge in JUDGES.items():
        if any(name.startswith(prefix) for name in values):
            yield from judge(text, values)


def _of_servers(text: str, given: Mapping[str, Any]) -> Iterator[str]:
    """The declaration as the role makes it of these variables, through the check of what was typed and the resolver."""
    declared = _plain(_templar(text, given).template(_of_roles()["redis_server_declaration"]))
    yield from ArgumentSpecValidator(of_declaration.ARGUMENTS).validate({"declaration": declared}).error_messages
    found = [str(problem) for problem in validating.of_declaration(declared)]
    yield from found
    if not found:
        product, engine = PRODUCTS[declared["product"]], Engine.parse("redis 7.0.15")
        try:
            resolve(of_declaration.declaration_of(declared), product, engine, systemd=True, memory=16 * GIBIBYTE)
        except RedisOpsError as error:
            yield from str(error).splitlines()


def _of_drift(_: str, given: Mapping[str, Any]) -> Iterator[str]:
    yield from map(str, waivers.read(given.get(waivers.VARIABLE))[1])
    if words := given.get("redis_drift_schedule_arguments"):
        for problem in documented_commands.problems_of_words(["ansible-playbook", "playbooks/check_drift.yml", *words]):
            yield f"redis_drift_schedule_arguments: {problem}"


def _of_loads(_: str, given: Mapping[str, Any]) -> Iterator[str]:
    """The answer of the action plugin that checks what was typed for a load test."""
    places = {f"{OF_LOADS}generators": [], f"{OF_LOADS}address": "192.0.2.1", f"{OF_LOADS}reports": "/reports"}
    variables = {**_of_roles(), **places, "ansible_host": "192.0.2.1", **given}
    kind = _action("redis_load_validate_input")
    templar = MagicMock(template=lambda value: value)
    action = kind(MagicMock(args={}, async_val=0, check_mode=False), *[MagicMock()] * 3, templar, MagicMock())
    found = action.run(task_vars={name: value for name, value in variables.items() if name.startswith(("redis_", "_"))})
    yield from found["msg"].splitlines() if found.get("failed") else ()


JUDGES: dict[str, Callable[[str, Mapping[str, Any]], Iterator[str]]] = {
    OF_SERVERS: _of_servers,
    "redis_drift_": _of_drift,
    OF_LOADS: _of_loads,
}


# --- rules for Prometheus ---------------------------------------------------------------------------------------------


def _rules(rules: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    sources = "".join((ROOT / name).read_text(encoding="utf-8") for name in SOURCES_OF_METRICS)
    names = set(re.findall(r'"\w+"', sources))
    for rule in rules:
        for name in re.findall(r"\bredis_drift_\w+", rule["expr"]):
            if not {f'"{name}"', f'"{name.removeprefix(OF_RUNNER)}"'} & names:
                yield f"{rule['alert']}: no report has {name}"
