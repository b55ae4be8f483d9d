"""One instance as far as it can be looked at. What can't be read is part of the answer, and hides nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Optional, Union

from ..base.errors import FileUnreadable, RedisOpsError
from ..platform.units import Unit
from . import observe
from .instance import Instance, InstanceView


@dataclass(frozen=True)
class Attempt:
    """view: None where nothing could be looked at; without the configuration file where only that can't be read.
    problems: what could not be looked at, and why; empty for nothing. unit: None when no service starts it.
    """

    instance: Instance
    unit: Optional[Unit] = None
    view: Optional[InstanceView] = None
    problems: Sequence[Union[RedisOpsError, OSError]] = field(default_factory=tuple)

    def seen(self) -> InstanceView:
        """All of it. Raises the first of the problems."""
        for problem in self.problems:
            raise problem
        if self.view is None:
            raise RedisOpsError(f"{self.instance.where}: it could not be looked at")
        return self.view

    def close(self) -> None:
        """End the connection that the look opened."""
        if self.view is not None and self.view.connection is not None:
            self.view.connection.close()


def attempt(instance: Instance, unit: Optional[Unit] = None) -> Attempt:
    """unit: of its service, when that is known already. Never raises for what a host may be."""
    if unit is None and instance.service is not None:
        unit = instance.service.unit()
    problems: list[Union[RedisOpsError, OSError]] = []
    for part in (instance, replace(instance, config=None)):
        try:
            return Attempt(instance, unit, observe.look(part, unit), problems)
        except (RedisOpsError, OSError) as error:  # noqa: PERF203 - the second look is for what the first could not see
            problems.append(error)
            if not isinstance(error, FileUnreadable):
                break
    return Attempt(instance, unit, None, problems)
