"""Servers on this host that nobody declared: running, or about to run after the next boot. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ..base.engine import Engine
from ..base.errors import FileRefused, InvalidValue
from ..base.files import FileSpec, read
from ..catalog.kinds import Value
from ..model.conffile import ConfFile, is_configuration
from ..model.startup import Startup, parse
from ..platform import processes, units
from ..platform.current import here
from ..platform.layout import DEFAULT_INSTANCE, PRODUCTS, Layout
from ..platform.places import Identity, identity
from ..platform.processes import Process
from ..platform.units import Unit
from ..server.persistence import Store

_ANY_ENGINE = Engine("redis", (7, 0))  # to read a file whose server is unknown


@dataclass(frozen=True)
class Stranger:
    """One of them. instance: its name where an earlier run or the package brought it, '' where somebody else did.

    product: redis or valkey. unit: None when no service starts it. process: None when it only waits for a boot.
    memory: bytes that it has or may take. directory: where its data is, config: the file that its unit reads; '' when
    unknown. place: what that directory really is. store: its data files, by the file that its unit reads; None when that
    can't be told. aof: whether that file says appendonly yes.
    """

    product: str
    instance: str
    unit: Optional[Unit]
    process: Optional[Process]
    memory: int = 0
    directory: str = ""
    config: str = ""
    place: Identity = ""
    store: Optional[Store] = None
    aof: bool = False

    @property
    def stays(self) -> str:
        """What becomes of its keys when it is stopped, in brackets behind a command. One that runs may persist nothing."""
        parts = ["send it SAVE first"] if self.process else []
        parts += [f"its data stays in {self.directory}"] if self.directory else []
        return f" ({'; '.join(parts)})" if parts else ""

    @property
    def stop(self) -> str:
        """The command that ends it, and what becomes of its keys."""
        command = f"systemctl disable --now {self.unit.name}" if self.unit is not None else f"kill {self.pid}"
        return f"{command}{self.stays}"

    @property
    def name(self) -> str:
        """As a person finds it on the host."""
        if self.unit is not None:
            return f"{self.unit.name}.service"
        return f"process {self.process.pid}" if self.process else "a server"

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    @property
    def ports(self) -> list[int]:
        return sorted({port for _, port in self.process.listeners}) if self.process else []


def strangers(declared: Sequence[Unit], *, systemd: bool) -> list[Stranger]:
    """declared: the units of the declared instances. Servers in containers are left out: their hosts are others."""
    names = {unit.name for unit in declared}
    pids = {unit.pid for unit in declared if unit.pid}
    running = [found for found in processes.all_servers() if found.pid not in pids and not found.contained]
    known = _instances()
    seen = units.look(found.unit for found in running if found.unit) if systemd else {}
    found = [_stranger(seen.get(process.unit), process, known) for process in running if process.unit not in names]
    if systemd:
        busy = names | {process.unit for process in running}
        found += [_stranger(unit, None, known) for unit in _stopped() if unit.enabled and unit.name not in busy]
    return found


def dormant() -> list[Stranger]:
    """Servers that do not run and do not start at boot, of which somebody wrote the unit or the configuration."""
    known = _instances()
    found = [_stranger(unit, None, known) for unit in _stopped() if not unit.enabled]
    return [one for one in found if one.unit and (one.unit.fragment_is_foreign or _is_somebody_s(one))]


def of_units() -> list[Stranger]:
    """Each server that runs, starts at boot or was set up by somebody, by what the file of its unit says. One that runs may
    have another directory by now.
    """
    running = [process.unit for process in processes.all_servers() if process.unit]
    seen = {unit.name: unit for unit in units.look([*units.candidates(), *running]).values()}
    known = _instances()
    found = [_stranger(unit, None, known) for unit in seen.values() if _starts_a_server(unit)]
    return [
        one
        for one in found
        if one.unit and (one.unit.pid or one.unit.enabled or one.unit.fragment_is_foreign or _is_somebody_s(one))
    ]


def _stopped() -> list[Unit]:
    """Every unit that would start a server and has not. An alias counts as the unit that it stands for."""
    seen = {unit.name: unit for unit in units.look(units.candidates()).values()}
    return [unit for _, unit in sorted(seen.items()) if not unit.pid and _starts_a_server(unit)]


def _is_somebody_s(stranger: Stranger) -> bool:
    package = PRODUCTS[stranger.product].package
    return Path(stranger.config).is_file() and not here().packages.is_untouched(package, stranger.config)


def _stranger(unit: Optional[Unit], process: Optional[Process], known: Mapping[str, tuple[str, str]]) -> Stranger:
    """What runs says where its data is; of a server that does not run, the command and the file of its unit say it."""
    startup, values = _startup(unit), _values(unit)
    if process is not None:
        name, program = process.unit, process.program
        directory, place = process.directory, process.place
    else:
        name, program = unit.name if unit else "", startup.program if startup else ""
        directory = _directory(startup, values)
        place = identity(directory)
    product, instance = known.get(name, ("", ""))
    return Stranger(
        product or ("valkey" if "valkey" in program else "redis"),
        instance,
        unit,
        process,
        max(process.resident if process else 0, _maxmemory(values)),
        directory,
        startup.config if startup else "",
        place,
        Store.of({**values, "dir": directory}, _ANY_ENGINE) if values is not None else None,
        bool(values and values.get("appendonly")),
    )


def _starts_a_server(unit: Unit) -> bool:
    """Also one whose command can't be read: it may."""
    return unit.loaded and (bool(unit.unclear) or _startup(unit) is not None)


def _startup(unit: Optional[Unit]) -> Optional[Startup]:
    try:
        return parse(unit.command, unit.directory) if unit and not unit.unclear else None
    except InvalidValue:
        return None


def _values(unit: Optional[Unit]) -> Optional[Mapping[str, Value]]:
    """What its next start has; None where its file can't be read, or includes others."""
    startup = _startup(unit)
    if unit is None or startup is None:
        return None
    try:
        text = read(FileSpec(startup.config, owner=unit.user or None, kind=is_configuration)) if startup.config else ""
        lines = ConfFile.parse(text or "")
    except (InvalidValue, FileRefused, OSError):
        return None
    if (startup.config and text is None) or any(line.name == "include" for line in lines.directives):
        return None
    if lines.directives and not is_configuration(text or ""):
        return None
    return ConfFile((*lines.directives, *startup.options)).values(_ANY_ENGINE)


def _maxmemory(values: Optional[Mapping[str, Value]]) -> int:
    found = (values or {}).get("maxmemory", 0)
    return found if isinstance(found, int) else 0


def _directory(startup: Optional[Startup], values: Optional[Mapping[str, Value]]) -> str:
    """Where a start with these values works; '' where that can't be told."""
    if startup is None or values is None:
        return ""
    found = values.get("dir", "")
    return str(Path(startup.directory, found)) if isinstance(found, str) else ""


def _instances() -> dict[str, tuple[str, str]]:
    """Unit -> product and name of every instance that a package brings or an earlier run remembers."""
    found = {}
    for name, product in PRODUCTS.items():
        prefix = f"{name}-"
        state = Path(Layout(product, DEFAULT_INSTANCE, systemd=True).state).parent
        remembered = [path.stem[len(prefix) :] for path in state.glob(f"{prefix}*.json")]
        for instance in (DEFAULT_INSTANCE, *remembered):
            found[Layout(product, instance, systemd=True).service] = (name, instance)
    return found
