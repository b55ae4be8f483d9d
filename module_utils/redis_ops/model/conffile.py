"""redis.conf: read as Redis reads it, written whole by us.

Only whole-line comments exist: `hz 10  # why` is three extra arguments to Redis and stops the server from starting.
Parsing follows config.c loadServerConfigFromString and sdssplitargs: names in any case, the last line of an option
wins, `save` lines add up, buffer limits add up by class.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .. import catalog
from ..base.engine import Engine
from ..base.errors import InvalidValue
from ..catalog.kinds import BufferLimits, SavePoints, Value
from ..catalog.option import Option, Trait
from . import default_user
from .desired import MASK, DesiredState, known

HEADER_START = "# Managed by Ansible (redis_server, "
HEADER = """\
# Managed by Ansible (redis_server, instance {instance}). Edits by hand are found by the next run and replaced:
# change redis_server_settings in the inventory instead.
"""
KEPT = """
# Kept as found: written by Redis, Sentinel or an operator, and not the inventory's to decide
"""
FOLLOWS = known("replicaof").names
_BLANKS = " \t\r\v\f"  # isspace(3) in the C locale; str.isspace knows more than Redis does
_ENDS = " \t\r"  # of a line, and of a word without quotes (config.c, sds.c sdssplitargs)

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "a": "\a"}


@dataclass(frozen=True)
class Unreadable:
    """A value that its kind does not accept; equal to nothing that is wanted."""

    text: str


@dataclass(frozen=True)
class Directive:
    """One line. name: lower case. arguments: unquoted. line: counted from 1, in the included file that `source` names.
    behind: an `include` stands before it in its file.
    """

    name: str
    arguments: tuple[str, ...]
    line: int
    source: str = ""
    behind: bool = False

    def text(self) -> str:
        return " ".join([self.name, *map(quote, self.arguments)])

    @property
    def is_default_user(self) -> bool:
        """Whether it gives the rules of the default user, whose passwords beat requirepass."""
        return self.name == "user" and self.arguments[:1] == ("default",)

    @property
    def kept(self) -> bool:
        """Whether a rewrite by us must not lose it. A default user that may do everything without a password, as CONFIG
        REWRITE writes it down, is what there is without a line.
        """
        rules = self.arguments[1:]
        says_nothing = default_user.is_unrestricted(rules) and default_user.passwords(rules) is None
        return catalog.has_trait(self.name, Trait.KEPT_LINE) and not (self.is_default_user and says_nothing)


@dataclass(frozen=True)
class ConfFile:
    """A parsed file, in its own order."""

    directives: tuple[Directive, ...]

    @classmethod
    def parse(cls, text: str) -> ConfFile:
        """Raises InvalidValue, with the line, when quotes do not close."""
        directives = []
        for number, line in enumerate(text.split("\n"), start=1):
            stripped = line.strip(_ENDS)
            if not stripped or stripped.startswith("#"):
                continue
            words = split_arguments(stripped)
            if words is None:
                raise InvalidValue(f"closed quotes in line {number}")
            directives.append(Directive(words[0].lower(), tuple(words[1:]), number))
        return cls(tuple(directives))

    def including(self, read: Callable[[str], Mapping[str, str]], directory: str) -> ConfFile:
        """The same with the lines of included files in their places, as the server reads them.

        read: an absolute path, with * and ? since Redis 7.0 -> path and text of each file that matches, in order.
        directory: where the server works when it begins to read; a `dir` line changes that for what follows.
        Raises InvalidValue, naming the file, when one can't be read as a configuration or includes itself.
        """
        return ConfFile(tuple(_including(self.directives, read, [directory], ())))

    def values(self, engine: Engine) -> dict[str, Value]:
        """Canonical option name -> value, or Unreadable; what a server that reads this file would have."""
        texts: dict[str, str] = {}
        saving: set[str] = set()
        for directive in self.directives:
            option = catalog.find(directive.name)
            if option is None or option.file_only:
                continue
            text = " ".join(directive.arguments)
            if directive.name == "save" and len(directive.arguments) > 2 and not engine.reached("redis 7.0"):
                text = ""  # 6.2 reads several pairs on one line as none at all
            if directive.name == "save" and _starts_anew(directive, saving, engine):
                texts.pop(option.name, None)
            adds_up = isinstance(option.kind_at(engine), (SavePoints, BufferLimits)) and text
            texts[option.name] = f"{texts.get(option.name, '')} {text}".strip() if adds_up else text
        return {name: read_value(known(name), text, engine) for name, text in texts.items()}

    def renamed_commands(self) -> dict[str, str]:
        """Command in upper case -> its new name, '' for one that was taken away."""
        lines = [line.arguments for line in self.directives if line.name == "rename-command"]
        return {words[0].upper(): words[1] for words in lines if len(words) == 2}

    def lines_of(self, names: frozenset[str]) -> list[Directive]:
        """The lines of the options with these canonical names."""
        found = ((line, catalog.find(line.name)) for line in self.directives)
        return [line for line, option in found if option is not None and option.name in names]

    def kept(self) -> list[Directive]:
        """The lines that a rewrite by us must not lose."""
        return [directive for directive in self.directives if directive.kept]


def _starts_anew(save: Directive, files: set[str], engine: Engine) -> bool:
    """Whether the server forgets earlier save points here: 6.2 at the first line of each file, later ones at each line
    behind an `include`. files: those with such a line so far; this one is added.
    """
    first = save.source not in files
    files.add(save.source)
    return save.behind if engine.reached("redis 7.0") else first


def _including(
    directives: Iterable[Directive],
    read: Callable[[str], Mapping[str, str]],
    directory: list[str],
    inside: tuple[str, ...],
) -> Iterator[Directive]:
    """directory: one item, which a `dir` line replaces. inside: the files that include this one."""
    behind = False
    for line in directives:
        if line.name == "dir" and line.arguments:
            directory[0] = posixpath.join(directory[0], line.arguments[0])
        if line.name != "include" or not line.arguments:
            yield replace(line, behind=behind)
            continue
        behind = True
        for path, text in read(posixpath.normpath(posixpath.join(directory[0], line.arguments[0]))).items():
            if path in inside:
                raise InvalidValue(f"no file that includes itself, as {path} does")
            try:
                found = ConfFile.parse(text)
            except InvalidValue as error:
                raise InvalidValue(f"{error.expected} of {path}") from None
            lines = [replace(part, source=path) for part in found.directives]
            yield from _including(lines, read, directory, (*inside, path))


def is_configuration(text: str) -> bool:
    """Whether a text is a redis.conf, perhaps one with mistakes: most of its lines name an option."""
    names = [words[0] for words in map(str.split, text.split("\n")) if words and not words[0].startswith("#")]
    return 2 * sum(catalog.find(name) is not None for name in names) > len(names)


def read_value(option: Option, text: str, engine: Engine) -> Value:
    """The value, or Unreadable. A secret that a server has is any text."""
    try:
        return text if option.secret else option.parse(text, engine)
    except InvalidValue:
        return Unreadable(text)


def render(desired: DesiredState, instance: str, kept: Iterable[Directive] = ()) -> str:
    """The whole file. Groups in the catalogue's order, each with its reason and the guide's section."""
    parts = [HEADER.format(instance=instance)]
    for key, group in catalog.GROUPS.items():
        options = [option for option in catalog.OPTIONS if option.group == key and option.name in desired.values]
        if not options:
            continue
        title = f"{group.title} (guide {group.guide})" if group.guide else group.title
        parts.append("\n" + "".join(f"# {line}\n" for line in (title, *group.why.splitlines())))
        parts.extend(
            line + "\n" for option in options for line in lines(option, desired.values[option.name], desired.engine)
        )
    kept_lines = [directive.text() + "\n" for directive in kept]
    if kept_lines:
        parts.extend([KEPT, *kept_lines])
    return "".join(parts)


def lines(option: Option, value: Value, engine: Engine) -> list[str]:
    """The lines that give `option` this value."""
    name = option.spelled_at(engine)
    return [" ".join([name, *map(quote, arguments)]) for arguments in option.kind_at(engine).arguments(value)]


def mask(text: str) -> str:
    """The text with every secret value and every password of a `user` line hidden, for diffs and logs.

    In comments too: an old password that somebody commented out is still a password somewhere.
    """
    return "\n".join(map(_masked_line, text.split("\n")))


def secrets_in(text: str) -> set[str]:
    """The secret words of a file, to be kept out of an error that quotes it: as they are, and as the file spells them."""
    found = set()
    for line in text.split("\n"):
        words = [word for word in _secret_words(line) if word]
        spelled = line.strip(_BLANKS).split(None, 1)[1:] if words else []
        found |= {*words, *(quote(word).strip('"') for word in words), *(part.strip("\"'") for part in spelled)}
    return found - {""}


def _masked_line(line: str) -> str:
    if not _secret_words(line):
        return line
    comment, words = _words(line)
    shown = [words[0].lower(), *(MASK if word in _secret_words(line) else quote(word) for word in words[1:])]
    if words[0].lower() == "user":
        shown = [
            word[0] + MASK if word.startswith(default_user.PASSWORD_MARKS) and index else quote(word)
            for index, word in enumerate(words)
        ]
    return comment + " ".join(shown)


def _secret_words(line: str) -> list[str]:
    """Those arguments of a line, or of a line that was commented out, that must not be shown."""
    _, words = _words(line)
    if not words:
        return []
    option = catalog.find(words[0])
    if option is not None and option.secret:
        return [word for word in words[1:] if word]
    if words[0].lower() == "user":
        return [word[1:] for word in words[1:] if word.startswith(default_user.PASSWORD_MARKS)]
    return []


def _words(line: str) -> tuple[str, Sequence[str]]:
    """The comment mark of a line and its words; where quotes do not close, the words between blanks."""
    stripped = line.strip(_BLANKS)
    content = stripped.lstrip("#" + _BLANKS)
    return stripped[: len(stripped) - len(content)], split_arguments(content) or content.split()


def quote(argument: str) -> str:
    """An argument as redis.conf needs it: bare when plain, else in double quotes."""
    if argument and re.search(r"[\s\"'\\\x00-\x1f\x7f]", argument) is None:
        return argument
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\x{ord(found[0]):02x}", escaped) + '"'


def split_arguments(line: str) -> Sequence[str] | None:
    """sdssplitargs: words, 'single' and "double" quoted; None when quotes do not close or touch the next word."""
    words: list[str] = []
    position = 0
    while True:
        while position < len(line) and line[position] in _BLANKS:
            position += 1
        if position == len(line):
            return words
        word, position = _next_word(line, position)
        if position < 0:
            return None
        words.append(word)


def _next_word(line: str, position: int) -> tuple[str, int]:
    """One word and where it ends; -1 when it never does."""
    word: list[str] = []
    mark = ""
    while position < len(line):
        char = line[position]
        if mark and char == mark:
            position += 1
            closed = position == len(line) or line[position] in _BLANKS
            return _joined(word), position if closed else -1
        if mark == '"' and char == "\\" and position + 1 < len(line):
            text, position = _escape(line, position + 1)
            word.append(text)
            continue
        if mark == "'" and line.startswith("\\'", position):
            word.append("'")
            position += 2
            continue
        if not mark and char in _ENDS:
            break
        if not mark and char in "\"'":
            mark = char
        else:
            word.append(char)
        position += 1
    return _joined(word), -1 if mark else position


def _joined(parts: list[str]) -> str:
    """Bytes that were escaped one by one make characters together."""
    return "".join(parts).encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def _escape(line: str, position: int) -> tuple[str, int]:
    """What follows a backslash inside double quotes."""
    if re.match(r"x[0-9a-fA-F]{2}", line[position:]):
        return bytes([int(line[position + 1 : position + 3], 16)]).decode("utf-8", "surrogateescape"), position + 3
    return _ESCAPES.get(line[position], line[position]), position + 1
