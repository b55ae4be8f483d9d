"""Where the core meets Ansible: one set of arguments for an instance, one way to fail."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from .base.engine import Engine
from .base.errors import RedisOpsError, told
from .base.files import Target
from .model.resolve import Declaration
from .platform import service
from .platform.layout import PRODUCTS
from .server.connection import Address, Credentials
from .view.declared import Declared
from .view.observe import Instance

# Of the instance itself; the same in every module that takes one. Documented in doc_fragments/.
INSTANCE_ARGUMENTS: Mapping[str, Any] = {
    "instance": {"type": "str", "default": "default"},
    "settings": {"type": "dict", "default": {}},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "path": {"type": "path"},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "mode": {"type": "str", "default": "0640"},
    "binary": {"type": "path", "default": "/usr/bin/redis-server"},
    "engine": {"type": "str"},
    "service": {"type": "str"},
    "pid_file": {"type": "path", "default": "/run/redis/redis-server.pid"},
    "limits": {"type": "str"},
    "directories": {"type": "list", "elements": "path", "default": []},
    "state": {"type": "path", "default": ""},
    "login_host": {"type": "str", "default": "127.0.0.1"},
    "login_port": {"type": "int"},
    "login_unix_socket": {"type": "path"},
    "login_user": {"type": "str", "default": ""},
    "login_password": {"type": "str", "default": "", "no_log": True},
    "tls": {"type": "bool", "default": False},
    "ca_file": {"type": "path", "default": ""},
    "cert_file": {"type": "path", "default": ""},
    "key_file": {"type": "path", "default": ""},
    "timeout": {"type": "float", "default": 5.0},
}

# Of all instances of a host; the same in every module that takes them.
DECLARATION_ARGUMENTS: Mapping[str, Any] = {
    "product": {"type": "str", "choices": list(PRODUCTS), "default": "redis"},
    "version": {"type": "str", "default": ""},
    "instances": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "port": {"type": "int"},
            "profile": {"type": "str"},
            "settings": {"type": "dict", "default": {}},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
        },
    },
    "profiles": {"type": "dict", "required": True},
    "profile": {"type": "str", "required": True},
    "settings": {"type": "dict", "default": {}},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "variables": {"type": "list", "elements": "str", "default": []},
    "known_variables": {"type": "list", "elements": "str", "default": []},
    "login_user": {"type": "str", "default": ""},
    "login_password": {"type": "str", "default": "", "no_log": True},
}

# Of the report that is made on the control node.
DRIFT_REPORT_ARGUMENTS: Mapping[str, Any] = {
    "directory": {"type": "path", "required": True},
    "keep": {"type": "int", "default": 30},
}

# Of the waivers that are made of it.
DRIFT_WAIVE_ARGUMENTS: Mapping[str, Any] = {
    "reports": {"type": "path", "required": True},
    "inventory": {"type": "str", "required": True},
    "file": {"type": "path", "required": True},
    "reason": {"type": "str", "required": True},
    "days": {"type": "int", "default": 30},
    "ids": {"type": "list", "elements": "str", "default": ["*"]},
}

# Of the plan of a load, of looking at it while it runs, and of the verdict on it, which are made there too.
LOAD_PLAN_ARGUMENTS: Mapping[str, Any] = {
    "run_id": {"type": "str", "required": True},
    "host": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "local": {"type": "bool", "required": True},
    "instances": {"type": "list", "elements": "dict", "required": True},
    "prepared": {"type": "list", "elements": "dict", "required": True},
    "users": {"type": "dict", "required": True},
    "jobs": {"type": "dict", "required": True},
    "users_on": {"type": "list", "elements": "str", "default": []},
    "jobs_on": {"type": "list", "elements": "str", "default": []},
}
LOAD_FOLLOW_ARGUMENTS: Mapping[str, Any] = {
    "runs": {"type": "list", "elements": "dict", "required": True},
    "seconds": {"type": "int", "required": True},
}
LOAD_REPORT_ARGUMENTS: Mapping[str, Any] = {
    "directory": {"type": "path", "required": True},
    "moment": {"type": "str", "choices": ["checklist", "before", "after", "cooled"], "required": True},
    "whole": {"type": "bool", "default": False},
    "profile": {"type": "str", "default": "guide"},
    "profiles": {"type": "dict", "default": {}},
    "targets": {"type": "dict", "default": {}},
    "accept": {"type": "list", "elements": "str", "default": []},
    "label": {"type": "str", "default": ""},
    "keep": {"type": "int", "default": 50},
}
# Of the comparison of several of them.
LOAD_COMPARE_ARGUMENTS: Mapping[str, Any] = {
    "directory": {"type": "path", "required": True},
    "a": {"type": "raw", "required": True},
    "b": {"type": "raw", "required": True},
    "effect": {"type": "float", "default": 5.0},
}


class Module(Protocol):
    """The part of AnsibleModule that is used here."""

    params: dict[str, Any]

    def exit_json(self, **result: Any) -> None: ...
    def fail_json(self, msg: str, **result: Any) -> None: ...


def instance_of(params: Mapping[str, Any]) -> Instance:
    """The instance that a module's parameters describe."""
    name = params["instance"]
    path = params["path"]
    owner = {"owner": params["owner"], "group": params["group"]}
    return Instance(
        name=name,
        where=f"instance {name}",
        settings={**params["settings"], **params["secrets"]},
        config=Target(path, _mode(params["mode"]), **owner) if path else None,
        binary=params["binary"] if path else "",
        service=service.of(params["service"], params["pid_file"]) if params["service"] else None,
        limits=params["limits"],
        directories=[Target(directory, 0o750, **owner) for directory in params["directories"]],
        state=params["state"],
        address=_address(params),
        credentials=logins(params, str(params["secrets"].get("requirepass") or "")),
        fallback_engine=_engine(params["engine"]),
    )


def declaration_of(params: Mapping[str, Any]) -> Declaration:
    """What a module's parameters declare of all instances."""
    return Declaration(
        params["instances"],
        params["profiles"],
        params["profile"],
        params["settings"],
        params["secrets"],
        params["variables"],
        params["known_variables"],
    )


def declared_of(params: Mapping[str, Any]) -> Declared:
    """The same, ready to be looked at."""
    return Declared(PRODUCTS[params["product"]], declaration_of(params), logins(params, ""))


def _mode(text: str) -> int:
    try:
        return int(text, 8)
    except ValueError:
        raise RedisOpsError(f"mode: {text} is not valid; expected an octal mode such as '0640'; correct it") from None


def _engine(text: str | None) -> Engine | None:
    try:
        return Engine.parse(text) if text else None
    except ValueError:
        raise RedisOpsError(f"engine: {text} is not valid; expected such as redis 7.0.15; correct it") from None


def logins(params: Mapping[str, Any], declared_password: str) -> list[Credentials]:
    """The ways in that the inventory knows, best first."""
    found = []
    if params["login_password"]:
        found.append(Credentials(params["login_user"], params["login_password"]))
    if declared_password:
        found.append(Credentials("", declared_password))
    return found


def _address(params: Mapping[str, Any]) -> Address | None:
    """The address that was given; None to take it from the settings and the file."""
    if not params["login_port"] and not params["login_unix_socket"]:
        return None
    return Address(
        host=params["login_host"],
        port=params["login_port"] or 0,
        unix_socket=params["login_unix_socket"] or "",
        tls=params["tls"],
        tls_ca_file=params["ca_file"],
        tls_cert_file=params["cert_file"],
        tls_key_file=params["key_file"],
        timeout=params["timeout"],
    )


def answer(module: Module, work: Callable[[], Mapping[str, Any]]) -> None:
    """Exit with what `work` returns, or fail with one clear text; a traceback is kept for -vvv only."""
    try:
        result = work()
    except RedisOpsError as error:
        module.fail_json(msg=printable(str(error)))
    except OSError as error:
        module.fail_json(msg=printable(told(error)))
    except Exception as error:  # noqa: BLE001 - the last line of defence before a person
        module.fail_json(
            msg=f"a defect of this module, please report it: {type(error).__name__}: {error}",
            exception=traceback.format_exc(),
        )
    else:
        module.exit_json(**printable(result))


def only_on_control_node(module: Module) -> None:
    """All that is left for a module whose action plugin does the work: it was not found."""
    module.fail_json(
        msg="the action plugin of this name was not found; set action_plugins as this project's ansible.cfg does"
    )


def printable(value: Any) -> Any:
    """The same with every byte that is not UTF-8 replaced: files may hold any, a module's result may not."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return {key: printable(item) for key, item in value.items()}
    return [printable(item) for item in value] if isinstance(value, (list, tuple)) else value
