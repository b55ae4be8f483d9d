"""Give an instance another name: its service, its files and its data move.

Order of the effects, so that the run after one that was killed goes on where it ended: the data is saved, the host
remembers which name the instance gets, the old service neither runs nor starts at boot, the data moves, the new
configuration is written, the old files go away, and last what this host remembers of the instance gets the new name.
Until then it counts as the old instance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, Union

from ..base import moves
from ..base.errors import ApplyFailed, plain, told
from ..base.files import write
from ..base.statefile import keep_private
from ..base.trees import make_directory
from ..model import conffile
from ..model.desired import DesiredState
from ..platform.layout import Layout
from ..platform.service import Service
from ..server import datasets
from ..server.persistence import Content
from ..view.instance import InstanceView, record_of
from ..view.record import Record
from . import aside
from .foresee import Outcome
from .live import RunningServer


def what(old: Layout, new: Layout) -> str:
    """For people."""
    place = ", with its service, its files and its data" if old.moves_to(new) else ""
    return f"rename instance {old.instance} to {new.instance}{place}"


def foresee_rename(view: InstanceView, outcome: Outcome, new: Layout) -> Outcome:
    """The same outcome of the instance with its new name."""
    old = _layout(view)
    names = {old.config: new.config, f"{old.service}.service": f"{new.service}.service", old.service: new.service}
    names.update({before: after for before, after in _places(old, new).values() if before != after})

    def renamed(text: str) -> str:
        for before in sorted(names, key=len, reverse=True):
            text = text.replace(before, names[before])
        return text

    rest = [renamed(action) for action in outcome.actions if not action.startswith(("restart ", "start "))]
    diff = [{key: renamed(text) for key, text in part.items()} for part in outcome.diff]
    return Outcome(True, [what(old, new), *rest], diff, [], restarted=old.moves_to(new))


def must_be_possible(view: InstanceView, new: Layout) -> None:
    """Raises ApplyFailed, before anything is touched, when its data can't move, or the server would not find a file then."""
    try:
        _must_be_possible(view, new)
    except OSError as error:
        raise ApplyFailed(f"{view.instance.where}: {told(error)}; nothing was changed") from None


def _must_be_possible(view: InstanceView, new: Layout) -> None:
    source, target = _way(view, new)
    if source == target:
        return
    names = _names(view, source, target)
    begun = view.record.renaming() == new.instance
    taken = {*moves.names_in(target, _owner(view))} & {*names, *(() if begun else _own(view))}
    if taken:
        raise ApplyFailed(
            f"{view.instance.where}: {target} has {', '.join(map(plain, sorted(taken)[:3]))} already; expected a directory "
            "without data; look at what is there, and move it away"
        )
    strange = [name for name in datasets.others_parts(view.store) if name.endswith(".manifest")]
    if strange and view.store.aof.parent.name in names:
        raise ApplyFailed(
            f"{view.instance.where}: {view.store.aof.parent} also holds the append-only file of another server "
            f"({plain(strange[0])}); expected a directory of its own; let that server write its data elsewhere first"
        )
    if names and not moves.is_one_file_system(source, target):
        raise ApplyFailed(
            f"{view.instance.where}: {target} is on another file system than {source}; expected the same one, so that the "
            f"data can be renamed; declare dir: {source}, or move the data yourself while the server is stopped"
        )
    for name, value in sorted(_values(view, new).items()):
        within, _, rest = str(value).partition(f"{source}/")
        if not within and rest.partition("/")[0] in names:
            raise ApplyFailed(
                f"{view.instance.where}: {name} names a file in {source}, and that moves with the data to {target}; expected "
                "a file outside the data directory; move it in a run of its own first"
            )


def rename(view: InstanceView, new: Layout) -> Content:
    """Carry it out. What runs under the old name is saved and stopped.

    Returns what must come back. Raises ApplyFailed.
    """
    try:
        return _rename(view, new)
    except OSError as error:
        raise ApplyFailed(
            f"{view.instance.where}: {told(error)}; the instance is stopped half-way between its names, and nothing of its "
            "data is lost; mend that, and run again"
        ) from None


def _rename(view: InstanceView, new: Layout) -> Content:
    old, record, after = _layout(view), record_of(view.instance), Record(new.state)
    had = Content()
    aside.sweep_drafts(view.instance)
    if old.moves_to(new):
        must_be_possible(view, new)
        had = _move(view, new, record, after)
    else:
        moves.rename(record.last_good_path, PurePosixPath(after.last_good_path).name)
    moves.rename(record.mask_path, PurePosixPath(after.mask_path).name)
    moves.rename(old.state, PurePosixPath(new.state).name)
    return had


def _move(view: InstanceView, new: Layout, record: Record, after: Record) -> Content:
    """Everything but what this host remembers of it. Returns as rename() does."""
    old, config, service = _layout(view), view.config, view.instance.service
    if config is None or service is None:
        raise ApplyFailed("this needs a service and a configuration file")
    had = _save(view)
    record.note_renaming(new.instance)
    _stop(service, masked=record.is_masked())
    source, target = _way(view, new)
    names = _names(view, source, target)  # the server may have written one more when it stopped
    if names:
        make_directory(target, 0o750, config.owner, config.group)
        moves.move(names, source, target, config.owner)
    if view.observed.file is not None and old.config != new.config:
        values = _values(view, new)
        text = conffile.render(
            DesiredState(view.plan.desired.engine, values), new.instance, view.observed.parsed.kept()
        )
        write(replace(config, path=new.config), text)
        if record.last_good() is not None:
            keep_private(after.last_good_path, text)
        for copy in aside.copies(config):
            moves.rename(copy, PurePosixPath(copy.replace(old.config, new.config, 1)).name)
        moves.remove_with_link(config)
    moves.remove_file(service.drop_in_path())
    moves.remove_file(record.last_good_path)
    record.forget_mask()
    return had


def _save(view: InstanceView) -> Content:
    """Before anything changes. Returns what must come back. Raises ApplyFailed when it can't save."""
    if view.connection is None:
        return Content()
    running = RunningServer(view.instance.where, view, view.connection)
    had = running.save()
    running.save_at_stop()
    view.connection.close()
    return had


def _stop(service: Service, *, masked: bool) -> None:
    """Now and at boot. masked: a run of this project has masked it."""
    if masked:
        service.prepare()
    if masked or service.enabled():
        service.withdraw()
    service.stop()


def _values(view: InstanceView, new: Layout) -> Mapping[str, Any]:
    """The settings of its file, with the places that follow its name."""
    values = dict(view.observed.parsed.values(view.plan.desired.engine))
    for name, (before, after) in _places(_layout(view), new).items():
        if name in view.instance.weak and values.get(name) == before:
            values[name] = after
    return values


def _places(old: Layout, new: Layout) -> Mapping[str, tuple[str, str]]:
    """The settings that follow the name: option -> value before and after."""
    before, after = old.settings(0), new.settings(0)
    return {name: (value, after[name]) for name, value in before.items()}


def _way(view: InstanceView, new: Layout) -> tuple[str, str]:
    """The directories that its data is in and goes to; twice the same where it stays."""
    source = str(view.store.directory)
    before, after = _places(_layout(view), new)["dir"]
    follows = "dir" in view.instance.weak and source == before
    return source, after if follows else source


def _names(view: InstanceView, source: str, target: str) -> list[str]:
    """The names in its data directory that move to another."""
    if source == target:
        return []
    names = moves.names_in(source, _owner(view))
    # other instances live in directories below that of the default one
    return [name for name in names if name in _own(view)] if _layout(view).is_default else names


def _own(view: InstanceView) -> set[str]:
    """The names that its files have."""
    store = view.store
    return {store.rdb.name, store.old_aof.name, store.aof.parent.name, view.cluster_file} - {store.directory.name, ""}


def _owner(view: InstanceView) -> Union[str, int, None]:
    return view.config.owner if view.config else None


def _layout(view: InstanceView) -> Layout:
    if view.instance.layout is None:
        raise ApplyFailed("this needs the layout of an instance")
    return view.instance.layout
