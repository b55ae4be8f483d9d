"""What a run would do to an instance, before any of it is done. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ..checks import start as starts
from ..checks import tls_renewal
from ..model import conffile
from ..plan.contact import Contact
from ..view.instance import InstanceView


@dataclass
class Outcome:
    """What a run did, or in check mode would do. actions: one line each, for people, as what to do: 'write ...'."""

    changed: bool
    actions: list[str]
    diff: list[dict[str, str]]
    pending_restart: list[dict[str, str]]
    restarted: bool = False


def foresee(view: InstanceView, *, restart: bool) -> Outcome:
    """The actions that the plan and the service need."""
    current, instance = view.plan, view.instance
    actions = [f"make {target.path}" for target in view.missing_directories]
    actions += [f"move {path} away, with a copy kept" for path in starts.replaced_files(view)]
    diff = current.diff(view.config.path) if view.config else current.diff()
    if current.file_changed and view.config:
        actions.append(f"write {view.config.path}{_note(view)}")
    elif view.config_is_open and view.config:
        actions.append(f"set mode {view.config.mode:04o} and owner of {view.config.path}")
    if instance.service and view.drop_in is not None and view.drop_in_before != view.drop_in:
        path = instance.service.drop_in_path()
        actions.append(f"write {path}")
        diff.append(
            {
                "before_header": path,
                "after_header": path,
                "before": view.drop_in_before or "",
                "after": view.drop_in,
            }
        )
    actions += [
        f"set {entry.option.name} to {current.text(entry, entry.want)} (was {current.text(entry, entry.live)})"
        + ("" if entry.declared else ", its default: no longer declared")
        for entry in current.live
    ]
    if not any(entry.option.name.startswith("tls-") for entry in current.live):
        actions += [file.action for file in stale_files(view)]
    actions += _of_service(view)
    owed = view.owed_restarts()
    restarted = bool(owed and restart and instance.service and view.connection)
    if restarted and instance.service:
        actions.append(f"restart {instance.service.name} for " + ", ".join(item["option"] for item in owed))
    if not actions and not view.record.is_kept(current):
        actions.append(f"write {instance.state}")  # a run was killed before it could
    return Outcome(bool(actions), actions, diff, [] if restarted else owed, restarted)


def stale_files(view: InstanceView) -> list[tls_renewal.Stale]:
    """The TLS files that the running server has to load again."""
    if view.tls is None or view.connection is None or view.unit is None:
        return []
    loaded = tls_renewal.Loaded.from_record(view.record.tls())
    if view.started:
        return tls_renewal.stale(view.tls, loaded, view.started, slack=0)
    return tls_renewal.stale(view.tls, loaded, tls_renewal.started_at(view.info))


def _of_service(view: InstanceView) -> list[str]:
    service = view.instance.service
    if service is None:
        return []
    found = []
    if service.masked() and not view.record.is_masked():
        found.append(f"unmask {service.name}")
    if not service.enabled() and view.contact is not Contact.KEPT:
        found.append(f"enable {service.name} at boot")
    if view.connection is None:
        found.append(f"start {service.name}")
    return found


def _note(view: InstanceView) -> str:
    """What else a person should know of a new file."""
    if is_taken_over(view):
        return ", with a copy of the old one beside it"
    return _undone(view, view.record.last_good())


def is_taken_over(view: InstanceView) -> bool:
    """Whether the file that is about to be replaced is somebody else's own. A killed run may have written ours."""
    theirs = (view.observed.file or conffile.HEADER_START).startswith(conffile.HEADER_START) is False
    return theirs and view.observed.applied is None and view.contact is not Contact.FRESH


def _undone(view: InstanceView, last_good: Optional[str]) -> str:
    """Which edits of the file by others this run puts back: what is not there as the last run left it.

    last_good: what a restart that failed put there is nobody's edit.
    """
    applied, engine = view.observed.applied, view.plan.desired.engine
    if applied is None or view.observed.file == last_good:
        return ""
    found = view.observed.parsed.values(engine)
    wrong = {
        entry.option.name: entry.option for entry in view.plan.entries if entry.file_differs and not entry.option.secret
    }
    left = {
        name: conffile.read_value(option, applied[name], engine) for name, option in wrong.items() if name in applied
    }
    names = [name for name in wrong if found.get(name) != left.get(name)]
    return f" (somebody else changed {', '.join(names)} there)" if names else ""
