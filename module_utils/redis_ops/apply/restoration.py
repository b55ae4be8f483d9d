"""Go back to the configuration that an instance had before this project took it over.

The unit files come back first, so that what the service starts is known; the file follows as every change does, with the
same guards; the record goes last. From then on it is somebody else's server again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..base import moves
from ..base.change import Change
from ..base.errors import ApplyFailed, InvalidInput, Problem, RedisOpsError, told
from ..base.files import FileSpec, is_open, read, write
from ..model.conffile import is_configuration
from ..model.startup import parse as parse_startup
from ..platform.packages import Package
from ..platform.service import Service
from ..view.host_declaration import Exact, HostDeclaration
from ..view.instance import Instance, record_of
from ..view.observe import owned
from . import aside
from .instances import Result, converge_all


@dataclass(frozen=True)
class First:
    """What was there before. copy: the path of the first configuration; text: what it says. unit_files: where each unit
    file lay that was moved away -> its copy.
    """

    copy: str
    text: str
    unit_files: Mapping[str, str]


def restore(declared: HostDeclaration, package: Package, name: str, *, check: bool) -> dict[str, Any]:
    """The module's result. Raises InvalidInput when there is nothing to go back to, or a key could be lost; ApplyFailed."""
    instance = _instance(declared, name)
    service = instance.service
    config = owned(instance.config, service.unit()) if service else None
    if service is None or config is None:
        raise ApplyFailed("this needs a service and a configuration file")
    first = _first(instance, service, config)
    actions = list(_actions(service, config, first))
    if check and first.unit_files:  # what the service starts then, only systemd can tell
        return {"changed": True, "converged": [{"instance": name, "actions": actions, "findings": []}], "diff": []}
    with Change() as units:
        try:
            if not check:
                _put_units_back(units, service, first)
            wanted = replace(declared, exact={name: _exact(service, config, first)})
            result = converge_all(wanted, package, restart=True, check=check, somaxconn=0, only=[name])
            if result.error:
                raise ApplyFailed(result.error)
        except (OSError, RedisOpsError) as error:
            put_back = units.put_back()
            if not check:
                with contextlib.suppress(OSError, RedisOpsError):  # the first error is the one to tell
                    service.prepare()
            raise ApplyFailed(f"{told(error)}; {put_back}") from None
    if not check:
        _forget(instance, config, first)
    return _told(result, actions)


def _instance(declared: HostDeclaration, name: str) -> Instance:
    found = {one.layout.instance: one for one in declared.resolved(declared.engine())}
    if name not in found:
        raise InvalidInput(
            [Problem(f"instance {name}", "is not declared", f"one of {', '.join(found)}", "correct the name")]
        )
    return declared.instance(found[name])


def _first(instance: Instance, service: Service, config: FileSpec) -> First:
    copies = aside.copies(config)
    text = read(FileSpec(copies[-1], kind=is_configuration)) if copies else None
    if text is None:
        raise InvalidInput(
            [
                Problem(
                    instance.where,
                    "has no copy of a first configuration",
                    f"{config.path}.DATE.{aside.MARK}, which a run writes when it takes a server over",
                    "there is nothing to go back to",
                )
            ]
        )
    return First(copies[-1], text, aside.moved_away(service.name))


def _actions(service: Service, config: FileSpec, first: First) -> Iterator[str]:
    for path in first.unit_files:
        yield f"write {path}, as it was"
    if moves.is_there(service.drop_in_path()):
        yield f"remove {service.drop_in_path()}"
    yield f"write {config.path}, as it was ({first.copy})"
    yield f"restart {service.name}"


def _put_units_back(units: Change, service: Service, first: First) -> None:
    for path, copy in first.unit_files.items():
        units.stage(FileSpec(path), read(FileSpec(copy)) or "")
    if moves.is_there(service.drop_in_path()):
        units.stage_removal(FileSpec(service.drop_in_path()))
    units.commit()
    service.prepare()


def _exact(service: Service, config: FileSpec, first: First) -> Exact:
    """The file that the service starts with by now, and what it shall say."""
    unit = service.unit()
    path = parse_startup(unit.command, unit.directory).config if unit.command else config.path
    if path == config.path:
        return Exact(path, first.text)
    return Exact(path, read(replace(config, path=path)) or "")


def _forget(instance: Instance, config: FileSpec, first: First) -> None:
    """It is not this project's any more."""
    record = record_of(instance)
    was = record.first_target(config)
    if read(config) != first.text or is_open(was):  # its service may start another file
        write(was, first.text)
    # the copy last: a run that is killed before can be done again
    for path in (*first.unit_files.values(), record.last_good_path, record.mask_path, record.path, first.copy):
        moves.remove_file(path)


def _told(result: Result, actions: list[str]) -> dict[str, Any]:
    """What became of it. A verdict on somebody else's configuration is a warning."""
    found = result.as_record()
    for one in found["converged"]:
        one["actions"] = [*actions, *(action for action in one["actions"] if action.startswith(("set ", "start ")))]
        one["findings"] = [
            {**finding, "status": "WARN"} if finding["status"] == "FAIL" else finding for finding in one["findings"]
        ]
    found.pop("failed", None)
    found.pop("msg", None)
    return {**found, "changed": True}
