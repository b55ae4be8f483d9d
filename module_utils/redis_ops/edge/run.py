"""How a module takes its turn on a host, answers and fails."""

from __future__ import annotations

import getpass
import os
import re
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Optional, Protocol

from ..base import lock
from ..base import text as text_of
from ..base.errors import RedisOpsError, told
from ..base.owners import must_be_root
from ..platform.state import LOCK as LOCK_NAME
from ..platform.state import STATE_DIRECTORY

LOCK = f"{STATE_DIRECTORY}/{LOCK_NAME}"

# Surrogates that stand for no byte of a file: JSON may hold them.
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


class Module(Protocol):
    """The part of AnsibleModule that is used here."""

    params: dict[str, Any]

    def exit_json(self, **result: Any) -> None: ...
    def fail_json(self, msg: str, **result: Any) -> None: ...


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
