"""How a server is started: the file that it reads and the options behind it. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .. import catalog
from ..base.engine import Engine
from ..base.errors import InvalidValue
from ..catalog.kinds import Value
from ..catalog.option import Trait
from .conffile import ConfFile, Directive, quote, split_arguments

PROGRAM = re.compile(r"(redis|valkey)-server(-\d[\w.]*)?")
SUPERVISION = catalog.with_trait(Trait.SUPERVISION)


@dataclass(frozen=True)
class Startup:
    """The command of a unit or of a process.

    program: as it is called. config: absolute path of the configuration file, '' when there is none.
    options: the options behind the file, in order; they win over the file.
    directory: the working directory when the server reads its file.
    """

    program: str
    config: str
    options: tuple[Directive, ...] = ()
    directory: str = "/"

    def values(self, engine: Engine) -> dict[str, Value]:
        """Canonical option name -> value, of the options behind the file."""
        return ConfFile(self.options).values(engine)

    @property
    def overriding(self) -> tuple[Directive, ...]:
        """The options that change more than the supervision of the process."""
        return tuple(option for option in self.options if option.name not in SUPERVISION)


def parse(words: Sequence[str], directory: str = "/") -> Startup:
    """words: the command with its arguments.

    Raises InvalidValue when the command does not start a Redis or Valkey server, starts a Sentinel, or takes settings from
    the standard input or from another file. The text of the error has none of the words: they may hold a password.
    """
    program = words[0] if words else ""
    if PROGRAM.fullmatch(posixpath.basename(program)) is None or "--sentinel" in words:
        raise InvalidValue("one that starts redis-server or valkey-server with its configuration file")
    rest = list(words[1:])
    if "-" in (*rest[:1], *rest[-1:]):
        raise InvalidValue("one with a configuration file instead of the standard input")
    config = ""
    if rest and not rest[0].startswith("-"):
        config = posixpath.normpath(posixpath.join(directory, rest.pop(0)))
    try:
        options = ConfFile.parse(_as_lines(rest)).directives
    except InvalidValue:
        raise InvalidValue("one with closed quotes") from None
    if any(option.name == "include" for option in options):
        raise InvalidValue("one without --include")
    return Startup(program, config, options, directory)


def _as_lines(words: Sequence[str]) -> str:
    """The options as the server appends them to its file (server.c, main): each word with -- begins a line.

    Since 7.0.1 the word behind an option without a value is its value, whatever it begins with; of --save it is not.
    """
    text = ""
    wants_value = False
    for word, following in zip(words, [*words[1:], "--"]):
        if not word.startswith("--") or wants_value:
            text += f"{quote(word)} "
            wants_value = False
            continue
        text += ("\n" if text else "") + f"{word[2:]} "
        wants_value = len(split_arguments(word) or ()) == 1
        if word.lower() == "--save" and following.startswith("--"):
            text += '""'
            wants_value = False
    return text
