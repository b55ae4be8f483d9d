"""Where the core meets Ansible: one set of arguments for an instance, one way to fail."""

from __future__ import annotations

import getpass
import os
import re
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Optional, Protocol

from .base import lock
from .base import text as text_of
from .base.engine import Engine
from .base.errors import RedisOpsError, told
from .base.files import Target
from .model.conffile import is_configuration
from .model.declaration import LAYERS, Declaration
from .platform import packages, service
from .platform.layout import LOCK as LOCK_NAME
from .platform.layout import PRODUCTS, STATE_DIRECTORY
from .platform.packages import Package
from .server.connection import Address, Credentials
from .view.declared import Declared
from .view.host import must_be_root
from .view.instance import Instance

LOCK = f"{STATE_DIRECTORY}/{LOCK_NAME}"
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

# Of all instances of a host; the same in every module that takes them. Documented in doc_fragments/.
_INSTANCE: Mapping[str, Any] = {
    "name": {"type": "str", "required": True},
    "port": {"type": "int"},
    "profile": {"type": "str"},
    "settings": {"type": "dict", "default": {}},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "config": {"type": "path"},
    "service": {"type": "str"},
    "adopt": {"type": "str"},
    "accept_eviction": {"type": "bool"},
    "accept_empty": {"type": "bool"},
    "renamed_from": {"type": "str"},
}
DECLARATION_ARGUMENTS: Mapping[str, Any] = {
    "declaration": {
        "type": "dict",
        "required": True,
        "options": {
            "product": {"type": "str", "choices": list(PRODUCTS), "default": "redis"},
            "version": {"type": "str", "default": ""},
            "instances": {"type": "list", "elements": "dict", "required": True, "options": dict(_INSTANCE)},
            "profiles": {"type": "dict", "required": True},
            "profile": {"type": "str", "default": ""},
            "settings": {"type": "dict", "default": {}},
            "group_settings": {"type": "dict", "default": {}},
            "host_settings": {"type": "dict", "default": {}},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "adopt": {"type": "str", "default": ""},
            "accept_eviction": {"type": "bool", "default": False},
            "accept_empty": {"type": "bool", "default": False},
            "variables": {"type": "list", "elements": "str", "default": []},
            "known_variables": {"type": "list", "elements": "str", "default": []},
            "login_user": {"type": "str", "default": ""},
            "login_password": {"type": "str", "default": "", "no_log": True},
        },
    },
    "caller": {"type": "str", "default": ""},
}

# Of the users of a load, which are made on the hosts of the servers.
LOAD_USER_ARGUMENTS: Mapping[str, Any] = {
    **DECLARATION_ARGUMENTS,
    "state": {"type": "str", "choices": ["possible", "present", "absent"], "required": True},
    "run_id": {"type": "str", "required": True},
    "seconds": {"type": "int", "default": 0},
    "accounts": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "instance": {"type": "str", "required": True},
            "kinds": {"type": "list", "elements": "str", "required": True},
            "keys": {"type": "list", "elements": "str", "required": True},
            "database": {"type": "int", "default": 0},
            "sha256": {"type": "str", "default": "", "no_log": False},
        },
    },
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
LOAD_LOGIN_ARGUMENTS: Mapping[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "required": True},
    "declaration": {"type": "dict", "required": True},
    "run_id": {"type": "str", "required": True},
    "seconds": {"type": "int", "default": 0},
    "runs": {"type": "list", "elements": "dict", "default": []},
    "comes": {"type": "bool", "default": False},
    "own": {"type": "bool", "default": False},
    "own_user": {"type": "str", "default": ""},
    "findings": {"type": "list", "elements": "dict", "default": []},
    "accept": {"type": "list", "elements": "str", "default": []},
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


# Surrogates that stand for no byte of a file: JSON may hold them.
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


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
        config=Target(path, _mode(params["mode"]), **owner, kind=is_configuration) if path else None,
        binary=params["binary"] if path else "",
        service=service.of(params["service"], params["pid_file"]) if params["service"] else None,
        limits=params["limits"],
        directories=[Target(directory, 0o750, **owner) for directory in params["directories"]],
        state=params["state"],
        address=_address(params),
        credentials=logins(params, str(params["secrets"].get("requirepass") or "")),
        fallback_engine=_engine(params["engine"]),
        accept_eviction=bool(params.get("accept_eviction")),
    )


def declaration_of(given: Mapping[str, Any]) -> Declaration:
    """What a module's parameter `declaration` says of all instances."""
    layers = (given.get(name) or {} for name in ("settings", "group_settings", "host_settings"))
    return Declaration(
        given["instances"],
        given["profiles"],
        given.get("profile") or "",
        dict(zip(LAYERS, layers)),
        given.get("secrets") or {},
        given.get("variables") or (),
        given.get("known_variables") or (),
        given.get("adopt") or "",
        accept_eviction=bool(given.get("accept_eviction")),
        accept_empty=bool(given.get("accept_empty")),
    )


def declared_of(params: Mapping[str, Any]) -> Declared:
    """The same, ready to be looked at."""
    given = params["declaration"]
    return Declared(PRODUCTS[given["product"]], declaration_of(given), logins(given, ""))


def package_of(params: Mapping[str, Any]) -> Package:
    """The server's package on this host. Raises InvalidInput when it can never have it."""
    given = params["declaration"]
    return packages.package(PRODUCTS[given["product"]], given["version"])


def in_turn(
    work: Callable[[], Mapping[str, Any]], params: Optional[Mapping[str, Any]] = None, changes: str = ""
) -> Mapping[str, Any]:
    """Do the work of a module while no other run changes this host.

    changes: what the work is, such as 'provision', when it changes the host; '' when it only reads. Raises HostIsBusy.
    """
    if not changes:
        with lock.beside(LOCK):
            return work()
    must_be_root()
    with lock.alone(LOCK, _holder(params or {}, changes)):
        return work()


def _holder(params: Mapping[str, Any], what: str) -> str:
    """For people on the host; a name from elsewhere is data, and is cut."""
    caller = re.sub(
        r"[^\x20-\x7e]", "?", str(params.get("caller") or os.environ.get("SUDO_USER") or getpass.getuser())
    )[:200]
    return f"{what} by {caller}"


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
    except (RedisOpsError, OSError) as error:
        module.fail_json(msg=_shown(told(error)))
    except Exception as error:  # noqa: BLE001 - the last line of defence before a person
        module.fail_json(
            msg=_shown(f"a defect of this module, please report it: {type(error).__name__}: {error}"),
            exception=traceback.format_exc(),
        )
    else:
        told_as_well = {"msg": _shown(str(result["msg"]))} if "msg" in result else {}
        module.exit_json(**printable({**result, **told_as_well}))


def _shown(text: str) -> str:
    """ansible-core writes what a module failed with to the terminal as it is, with the names of files and users in it."""
    return text_of.printable(printable(text), lines=True)


def only_on_control_node(module: Module) -> None:
    """All that is left for a module whose action plugin does the work: it was not found."""
    module.fail_json(
        msg="the action plugin of this name was not found; set action_plugins as this project's ansible.cfg does"
    )


def printable(value: Any) -> Any:
    """The same with every byte that is not UTF-8 replaced: files may hold any, a module's result may not."""
    if isinstance(value, str):
        return _NO_BYTE.sub("\ufffd", value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return {printable(key): printable(item) for key, item in value.items()}
    return [printable(item) for item in value] if isinstance(value, (list, tuple)) else value
