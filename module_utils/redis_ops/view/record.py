"""What this host remembers of an instance between two runs."""

from __future__ import annotations

import contextlib
import json
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Optional, Union

from .. import catalog
from ..base.errors import FileRefused, InvalidValue
from ..base.files import FileSpec, look, read, write
from ..base.statefile import digest, files_in, forget, keep_private, text_of
from ..model.conffile import FOLLOWS, ConfFile, Directive
from ..plan.contact import Contact
from ..plan.plan import Plan

# A module for one instance asks nobody what to do on first contact, and keeps what is not declared
_ORIGINS = {Contact.FIRST: "kept", Contact.KEPT: "kept", Contact.REPLACED: "replaced"}
_CONTACTS = {"": Contact.MANAGED, "kept": Contact.KEPT, "replaced": Contact.REPLACED}
_COMPARED_ELSEWHERE = ("user", *FOLLOWS)  # by what they mean, not as lines


@dataclass(frozen=True)
class Record:
    """path: the record of the applied settings, without secrets; '' to keep none. beside: path -> text of what a run
    writes beside the configuration file. given: 'config' and 'service' of an instance that somebody else set up.
    config: the configuration file.

    Beside it lies a file with what the server runs with: what a start that fails goes back to. It has the secrets. Both have mode 0600.
    """

    path: str
    beside: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    config: Optional[FileSpec] = None

    @property
    def last_good_path(self) -> str:
        return str(Path(self.path).with_suffix(".conf")) if self.path else ""

    def applied(self) -> Optional[dict[str, str]]:
        """What the last run left; None when there was none or its record is damaged."""
        with contextlib.suppress(ValueError, KeyError, TypeError):
            text = _read(self.path)
            return dict(json.loads(text)["settings"]) if text else None
        return None

    def files(self) -> dict[str, str]:
        """Path -> SHA-256 of what the last run wrote there."""
        return files_in(_read(self.path) or "")

    def tls(self) -> object:
        """What the server was made to load of its TLS files, see checks.tls_renewal; None without a record."""
        with contextlib.suppress(ValueError, KeyError, TypeError):
            text = _read(self.path)
            return json.loads(text)["tls"] if text else None
        return None

    def origin(self) -> Optional[Contact]:
        """How this project came by the instance; None when no run has finished here."""
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            text = _read(self.path)
            return _CONTACTS[json.loads(text).get("origin", "")] if text else None
        return None

    def note_origin(self, contact: Contact, writer: Callable[[FileSpec, str], None] = write) -> str:
        """How this project came by the instance, before a first file of somebody else changes: a run after one that was
        killed, or that failed, must not take the new file for one that everything in it is declared in.

        Returns the text of the record; '' where there is nothing to note, or a record already.
        """
        if not self.path or contact not in _ORIGINS or self.exists():
            return ""
        text = text_of(origin=_ORIGINS[contact], **self.given, **self._first())
        keep_private(self.path, text, writer)
        return text

    def first_target(self, config: FileSpec) -> FileSpec:
        """The configuration file with the mode and the owner that it had when this project came; as `config` has them where
        that is not known.
        """
        with contextlib.suppress(ValueError, KeyError, TypeError):
            found = json.loads(_read(self.path) or "")["first"]
            return replace(config, mode=int(found["mode"], 8), owner=int(found["owner"]), group=int(found["group"]))
        return config

    def given_places(self) -> tuple[str, str]:
        """The configuration file and the service of an instance that somebody else set up; '' for those of the package."""
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            found = json.loads(_read(self.path) or "{}")
            return str(found.get("config", "")), str(found.get("service", ""))
        return "", ""

    def renaming(self) -> str:
        """The name that a run began to give to the instance and did not end with; '' when there was none."""
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return str(json.loads(_read(self.path) or "")["renaming"])
        return ""

    def note_renaming(self, name: str, writer: Callable[[FileSpec, str], None] = write) -> None:
        """Before its data moves: from then on it lies under the one name or the other."""
        found: dict[str, Union[str, Mapping[str, str]]] = {}
        with contextlib.suppress(ValueError, TypeError):
            found = dict(json.loads(_read(self.path) or ""))
        keep_private(self.path, text_of(**{**found, "renaming": name}), writer)

    def is_damaged(self) -> bool:
        """Whether a run was here and the record of it says nothing, or is gone. A first run that did not finish leaves only
        how this project came by the instance.
        """
        if self.origin() in (Contact.KEPT, Contact.REPLACED):
            return False
        return self.applied() is None and any(map(_is_there, (self.path, self.last_good_path) if self.path else ()))

    def exists(self) -> bool:
        """Whether a run that has something to remember was here."""
        return _is_there(self.path)

    def last_good(self) -> Optional[str]:
        return _read(self.last_good_path) if self.path else None

    @property
    def mask_path(self) -> str:
        """A mark that a run of this project masked the unit, because its first start failed."""
        return str(Path(self.path).with_suffix(".masked"))

    def is_masked(self) -> bool:
        """Whether the mask on the unit is this project's own."""
        return bool(self.path) and Path(self.mask_path).exists()

    def note_mask(self) -> None:
        """Remember that the mask is ours."""
        if self.path:
            keep_private(self.mask_path, "")

    def forget_mask(self) -> None:
        """The unit has started since."""
        if self.path:
            forget(self.mask_path)

    def left(self) -> Optional[ConfFile]:
        """The configuration as the last run left it; None when there was none or its copy is damaged."""
        text = self.last_good()
        with contextlib.suppress(InvalidValue):
            return None if text is None else ConfFile.parse(text)
        return None

    def is_kept(self, current: Plan) -> bool:
        """Whether it says what is applied, and the way back what runs."""
        if not self.path or (current.changes_nothing_of_others and not Path(self.path).exists()):
            return True
        way_back = current.way_back is None or self.last_good() == current.way_back
        return way_back and _read(self.path) == self._text(current)

    def keep(
        self,
        current: Plan,
        writer: Callable[[FileSpec, str], None] = write,
        loaded: Optional[Mapping[str, str]] = None,
    ) -> None:
        """What is applied. writer: one that can undo it, while the change is not over. loaded: of TLS files, None for what
        an earlier run remembered.
        """
        if self.path:
            keep_private(self.path, self._text(current, loaded), writer)

    def keep_running(self, current: Plan, writer: Callable[[FileSpec, str], None] = write) -> None:
        """Before the file changes under a running server: the way back, also for a run after one that was killed."""
        if self.path and current.way_back is not None:
            keep_private(self.last_good_path, current.way_back, writer)

    def _first(self) -> dict[str, Mapping[str, str]]:
        """Mode and owner of the first configuration, as a field of a record: those of the file until there is a record."""
        if self.exists():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                return {"first": dict(json.loads(_read(self.path) or "")["first"])}
            return {}
        found = look(self.config.path, self.config.owner) if self.config is not None else None
        if found is None:
            return {}
        mode, owner, group = f"{stat.S_IMODE(found.st_mode):04o}", str(found.st_uid), str(found.st_gid)
        return {"first": {"mode": mode, "owner": owner, "group": group}}

    def _text(self, current: Plan, loaded: Optional[Mapping[str, str]] = None) -> str:
        files = {path: digest(text) for path, text in self.beside.items()}
        origin = _ORIGINS.get(current.compare.observed.contact, "")
        remembered = loaded if loaded is not None else self.tls()
        more: dict[str, Union[str, Mapping[str, str]]] = {
            **self.given,
            **({"origin": origin} if origin else {}),
            **(self._first() if origin or self.exists() else {}),
        }
        if isinstance(remembered, Mapping) and remembered:
            more["tls"] = remembered
        return text_of(settings=current.applied(), files=files, **more)


def _read(path: str) -> Optional[str]:
    """None for a record that is not there, and for one that somebody else may have put there: it says nothing."""
    with contextlib.suppress(OSError, FileRefused):
        return read(FileSpec(path)) if path else None
    return None


def _is_there(path: str) -> bool:
    with contextlib.suppress(OSError, FileRefused):
        return look(path) is not None
    return True


def foreign_lines(now: ConfFile, left: Optional[ConfFile]) -> list[Directive]:
    """The lines that set no option, of those that somebody wrote since the last run."""
    known = {(line.name, line.arguments) for line in left.directives} if left else set()
    return [line for line in now.directives if _sets_nothing(line) and (line.name, line.arguments) not in known]


def _sets_nothing(line: Directive) -> bool:
    option = catalog.find(line.name)
    return line.name not in _COMPARED_ELSEWHERE and (option is None or option.file_only)


def shown(line: Directive) -> str:
    """Not whole: what a command was renamed to is often meant to be a secret."""
    return " ".join([line.name, *line.arguments[:1]])
