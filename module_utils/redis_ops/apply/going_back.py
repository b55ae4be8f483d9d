"""After a start that failed: the files and the server as they were before."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

from ..base.change import Change, PutBack
from ..base.errors import ApplyFailed, RedisOpsError, told
from ..base.files import FileSpec, write
from ..catalog.kinds import Value
from ..model import conffile
from ..model.desired import known
from ..plan.contact import Contact
from ..platform.service import Service
from ..view.instance import InstanceView
from . import starting


@dataclass(frozen=True)
class Back:
    """view: as it was before the files changed. files: the change. first_record: of a first contact, see
    Record.note_origin(); '' otherwise. switch_aof: lets the started server turn its AOF on or off, with all of its data.
    """

    view: InstanceView
    files: Change
    first_record: str
    switch_aof: Callable[[bool], None]

    def to_what_ran(self, *, aof: Optional[bool]) -> str:
        """The server with the settings that it had before the run. aof: whether it saved its data in an AOF when it was
        stopped; None where it was not stopped. Says how that went.
        """
        service, record = self._stop(), self.view.record
        before = record.last_good()
        first = before if before is None or aof is None else self._loading(before, aof=aof)
        if before is not None and _is_ours(before):
            self.files.settle(record.last_good_path)  # where somebody else's own file is back, nothing of ours stays
        left = _left(self._put_back(first))
        switch = (lambda: self._switch(before or "", on=not aof)) if first != before else None
        return self._serve(service, left, switch)

    def to_what_was_there(self) -> str:
        """The files of a server that did not run. It is started only where an earlier run has left what it ran with."""
        service, record = self._stop(), self.view.record
        if not self.files.changed:
            return "the server does not start; this run changed nothing"
        # a run before this one may have written a file that nobody ever started with: not one to go back to
        before = record.last_good()
        result = self._put_back(None if before is None else self._loading(before, aof=self.view.aof))
        if before is not None:
            return self._serve(service, _left(result))
        if self.view.contact is not Contact.FRESH:
            return f"the server did not start; {result}"
        with contextlib.suppress(RedisOpsError):
            service.forbid()  # what is back is not ours: the package's own settings must not run
        record.note_mask()
        return f"the server did not start; {result}, and it stays stopped"

    def _stop(self) -> Service:
        service = self.view.instance.service
        if service is None:
            raise ApplyFailed("this needs a service")
        with contextlib.suppress(RedisOpsError):
            service.stop()
        return service

    def _loading(self, text: str, *, aof: bool) -> str:
        """The same configuration, which loads the data that was saved last."""
        values = conffile.ConfFile.parse(text).values(self.view.plan.desired.engine)
        return text if values.get("appendonly", False) is aof else with_values(self.view, text, appendonly=aof)

    def _put_back(self, text: Optional[str]) -> PutBack:
        """text: what the configuration shall be; None for what it was before the run."""
        config, record = self.view.config, self.view.record
        with contextlib.suppress(OSError, RedisOpsError):  # then the file goes back that was there
            if config is not None and text is not None and text != self.view.observed.file:
                if self.first_record and _is_ours(text):
                    self.files.goes_back_to(FileSpec(record.path, 0o600), self.first_record)
                self.files.goes_back_to(config, text)
        return self.files.put_back()

    def _serve(self, service: Service, left: str, switch: Optional[Callable[[], None]] = None) -> str:
        """Start the old server. switch: what is left to do then. Says how that went."""
        try:
            service.prepare()
            service.start()
            starting.wait_until_serving(self.view)
        except (RedisOpsError, OSError) as error:
            return f"the server did not start with the new settings, nor with the old ones ({told(error)}){left}"
        try:
            if switch is not None:
                switch()
        except (RedisOpsError, OSError) as error:
            left += f"; its appendonly is not as it was: {told(error)}"
        if left:
            return f"the server did not start with the new settings; it serves now{left}"
        return "the server did not start with the new settings; the old file is back and the old settings serve"

    def _switch(self, text: str, *, on: bool) -> None:
        """The running server first, so that a start at any time finds its data."""
        self.switch_aof(on)
        if self.view.config is not None:
            write(self.view.config, text)


def with_values(view: InstanceView, text: str, **values: Value) -> str:
    """The same configuration with other values. Of two lines of an option a server takes the last one."""
    engine = view.plan.desired.engine
    added = [line for name, value in values.items() for line in conffile.lines(known(name), value, engine)]
    return "\n".join([text.rstrip("\n"), *added, ""])


def _left(result: PutBack) -> str:
    return f"; {result}" if result.failed else ""


def _is_ours(text: str) -> bool:
    return text.startswith(conffile.HEADER_START)
