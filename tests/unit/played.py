"""Plays as a callback gets them, of tasks that enter roles of this project."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

# A module of each file of tasks by which a play may enter a role.
MODULE = {
    ("redis_host", "main"): "redis_kernel",
    ("redis_server", "converge"): "redis_instances",
    ("redis_server", "clear_aof"): "redis_aof_cleanup",
    ("redis_drift", "report"): "redis_drift_report",
    ("redis_drift", "waive"): "redis_drift_waive",
    ("redis_loadtest", "loadtest"): "redis_load_login",
    ("redis_loadtest", "preflight"): "redis_load_validate_input",
    ("redis_loadtest", "validate"): "redis_load_validate_input",
    ("redis_loadtest", "compare"): "redis_load_compare",
    ("redis_loadtest", "bullmq_options"): "redis_load_validate_input",
}


def task(role: str, file: str, action: str = "") -> Any:
    """Of a file of a role's tasks, with the module that is there."""
    return SimpleNamespace(
        action=action or MODULE[role, file],
        run_once=False,
        tags=[],
        implicit=False,
        evaluate_tags=lambda *_: True,
        get_name=lambda: f"{role} : {file.capitalize()} | Do it",
        get_path=lambda: f"/srv/x/roles/{role}/tasks/{file}.yml:3",
    )


def play(*entries: tuple[str, str], **keywords: Any) -> Any:
    """With a task of each of these: role and file. keywords: of the play."""
    tasks = [task(*entry) for entry in entries]
    manager = SimpleNamespace(get_vars=lambda **_: {"ansible_play_hosts_all": []})
    usual = {
        "strategy": "linear",
        "serial": [],
        "only_tags": {"all"},
        "skip_tags": set(),
        "get_variable_manager": lambda: manager,
        "pre_tasks": [],
        "roles": [],
        "tasks": tasks,
        "post_tasks": [],
    }
    return SimpleNamespace(**{"compile": lambda: tasks, **usual, **keywords})


def provision() -> Any:
    return play(("redis_host", "main"), ("redis_server", "converge"))
