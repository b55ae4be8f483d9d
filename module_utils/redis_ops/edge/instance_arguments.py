"""The arguments of a module that takes one instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..base.engine import Engine
from ..base.errors import RedisOpsError
from ..base.files import FileSpec
from ..model.conffile import is_configuration
from ..platform.current import service_of
from ..platform.layout import DEFAULT_INSTANCE, PRODUCTS, Layout
from ..server.connection import Address
from ..view.instance import Instance
from .arguments import logins

_USUAL = Layout(PRODUCTS["redis"], DEFAULT_INSTANCE, systemd=True)
# Of the instance itself; the same in every module that takes one. Documented in doc_fragments/.
ARGUMENTS: Mapping[str, Any] = {
    "instance": {"type": "str", "default": "default"},
    "settings": {"type": "dict", "default": {}},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "path": {"type": "path"},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "mode": {"type": "str", "default": "0640"},
    "binary": {"type": "path", "default": _USUAL.product.binary},
    "engine": {"type": "str"},
    "service": {"type": "str"},
    "pid_file": {"type": "path", "default": _USUAL.pid_file},
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


def instance_of(params: Mapping[str, Any]) -> Instance:
    """The instance that a module's parameters describe."""
    name = params["instance"]
    path = params["path"]
    owner = {"owner": params["owner"], "group": params["group"]}
    return Instance(
        name=name,
        where=f"instance {name}",
        settings={**params["settings"], **params["secrets"]},
        config=FileSpec(path, _mode(params["mode"]), **owner, kind=is_configuration) if path else None,
        binary=params["binary"] if path else "",
        service=service_of(params["service"], params["pid_file"]) if params["service"] else None,
        drop_in=params["limits"],
        directories=[FileSpec(directory, 0o750, **owner) for directory in params["directories"]],
        state=params["state"],
        address=_address(params),
        credentials=logins(params, str(params["secrets"].get("requirepass") or "")),
        fallback_engine=_engine(params["engine"]),
        accept_eviction=bool(params.get("accept_eviction")),
    )


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
