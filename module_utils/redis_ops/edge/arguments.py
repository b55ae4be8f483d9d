"""The argument `declaration`: all instances of a host, as the inventory has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model.declaration import LAYERS, Declaration
from ..platform.current import here
from ..platform.layout import PRODUCTS
from ..platform.packages import Package
from ..server.connection import Credentials
from ..view.host_declaration import HostDeclaration

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
ARGUMENTS: Mapping[str, Any] = {
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


def declared_of(params: Mapping[str, Any]) -> HostDeclaration:
    """The same, ready to be looked at."""
    given = params["declaration"]
    return HostDeclaration(PRODUCTS[given["product"]], declaration_of(given), logins(given, ""))


def package_of(params: Mapping[str, Any]) -> Package:
    """The server's package on this host. Raises InvalidInput when it can never have it."""
    given = params["declaration"]
    return here().packages.package(PRODUCTS[given["product"]], given["version"])


def logins(params: Mapping[str, Any], declared_password: str) -> list[Credentials]:
    """The ways in that the inventory knows, best first."""
    found = []
    if params["login_password"]:
        found.append(Credentials(params["login_user"], params["login_password"]))
    if declared_password:
        found.append(Credentials("", declared_password))
    return found
