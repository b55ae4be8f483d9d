"""What roles and modules say of themselves: variables, defaults, arguments, documentation, tasks."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.plugins.loader import init_plugin_loader

ROOT = Path(__file__).parent.parent.parent
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if (path / "tasks").is_dir())
MODULES = sorted((ROOT / "library").glob("*.py"))
FRAGMENTS = sorted((ROOT / "doc_fragments").glob("*.py"))
COLLECTION = "redis_ops.redis"  # what `make collection` makes of this project


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def specs(role: Path) -> dict[str, dict]:
    """The role's variables, over all of its entry points."""
    entries = load(role / "meta" / "argument_specs.yml")["argument_specs"].values()
    return {name: spec for entry in entries for name, spec in entry.get("options", {}).items()}


def defaults(role: Path) -> dict[str, Any]:
    return load(role / "defaults" / "main.yml") or {}


def tasks(path: Path) -> list[dict]:
    """All tasks of a file, those inside blocks too."""
    found = []
    todo = list(load(path) or [])
    while todo:
        task = todo.pop(0)
        found.append(task)
        todo = [*(task.get("block") or []), *(task.get("rescue") or []), *(task.get("always") or []), *todo]
    return found


@functools.cache
def plugins() -> None:
    """What templates need, once in a process."""
    init_plugin_loader()


def module_at(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def arguments(path: Path) -> dict[str, dict]:
    """The argument_spec that main() hands to AnsibleModule."""
    module = module_at(path)
    given: dict[str, Any] = {}

    class Stop(Exception):
        pass

    def stand_in(**kwargs: Any) -> None:
        given.update(kwargs)
        raise Stop

    module.AnsibleModule = stand_in
    with pytest.raises(Stop):
        module.main()
    assert given["supports_check_mode"] is True
    return given["argument_spec"]


@functools.cache
def documented(path: Path) -> dict[str, dict]:
    text = yaml.safe_load(module_at(path).DOCUMENTATION)
    options = dict(text.get("options") or {})
    for name in text.get("extends_documentation_fragment", []):
        [fragment] = [found for found in FRAGMENTS if found.stem == name]
        options.update(yaml.safe_load(module_at(fragment).ModuleDocFragment.DOCUMENTATION)["options"])
    return options
