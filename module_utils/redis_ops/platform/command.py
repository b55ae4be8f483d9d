"""The command of a systemd unit, out of what `systemctl show` tells and what the unit's files say. Pure.

systemd shows the words of a command with single blanks between them, so a word with a blank in it can be told from two
words only by the quotes in the unit's files. What can't be told is unclear, and never a guess.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Optional

# Of ExecStart, as systemctl shows it. A path and a word may have anything in them, also what looks like the next field.
_SHOWN = re.compile(r"\{ path=(.*?) ; argv\[\]=(.*) ; (?:ignore_errors|flags)=[^;]* ; start_time=.* ; status=[^;]* \}")
_PREFIXES = "@-:+!"  # of a command line in a unit file
# Variable -> value; None for one whose value can't be told
Environment = Mapping[str, Optional[str]]


class Command(NamedTuple):
    """words: variables replaced; () when there is no command. unclear: why it can't be told, '' when it can."""

    words: tuple[str, ...]
    unclear: str = ""


def command_of(shown: str, lines: Iterable[str], environment: Environment) -> Command:
    """shown: the property ExecStart, a line for each command, of which the last one counts. lines: the values of ExecStart= in the files of the unit, in their order."""
    if not shown:
        return Command(())
    last = _SHOWN.fullmatch(shown.rpartition("\n")[2])
    if last is None:
        return Command((), "its command can't be read")
    program, text = last[1], last[2]
    words = _words(text, list(lines))
    if words is None:
        return Command((), "its command has quotes that can't be read here")
    expanded = expand([program, *words[1:]], environment)
    return Command(tuple(expanded), unclear(expanded))


def unclear(words: Sequence[str]) -> str:
    """Why the words of a command are not those that the server gets; '' when they are. Shows names of variables only."""
    if any("$" in word for word in words):
        names = re.findall(r"\$\{?\w+\}?", " ".join(words))
        return f"its command has a variable that is not known here: {', '.join(names) or '$'}"
    return ""


def expand(command: Sequence[str], environment: Environment) -> list[str]:
    """The words of a unit's command with its variables replaced (systemd.service(5), command lines).

    $NAME as a word of its own becomes as many words as its value has; ${NAME} stays within its word. A variable that is
    not set is empty. One whose value can't be told stays as it is.
    """
    words: list[str] = []
    for word in command:
        alone = re.fullmatch(r"\$(\w+)", word)
        if not alone:
            words.append(re.sub(r"\$\{(\w+)\}", lambda match: _value(environment, match), word))
            continue
        value = environment.get(alone[1], "")
        found = None if value is None else _unquoted(value)
        words += [word] if found is None else found
    return words


def environment_of(text: str) -> dict[str, Optional[str]]:
    """The variables of an EnvironmentFile: NAME=VALUE lines, values quoted or not (systemd.exec(5))."""
    found: dict[str, Optional[str]] = {}
    for line in _joined(text).splitlines():
        match = re.fullmatch(r"\s*([A-Za-z_]\w*)\s*=\s*(.*?)\s*", line)
        if match:
            found[match[1]] = _plain(match[2])
    return found


def assignments(shown: str) -> dict[str, Optional[str]]:
    """The variables of the property Environment: NAME=VALUE words, those with blanks in quotes."""
    found: dict[str, Optional[str]] = {}
    for word in _split(shown) or ():
        name, _, value = word.partition("=")
        found[name] = None if "\\" in value else value
    return found


def directives(text: str) -> list[tuple[str, str]]:
    """Name and value of each line of a unit file."""
    return re.findall(r"^[ \t]*(\w+)[ \t]*=[ \t]*(.*?)[ \t]*$", _joined(text), re.MULTILINE)


def _joined(text: str) -> str:
    """With the lines that a backslash continues as one."""
    return re.sub(r"\\\n[ \t]*", " ", text)


def _words(text: str, lines: Sequence[str]) -> Optional[list[str]]:
    if not any(set(line) & set("\"'\\") for line in lines):
        return text.split(" ")
    for line in reversed(lines):
        words = _split(line.lstrip(_PREFIXES))
        if words and " ".join(words[1:] if line.startswith("@") else words) == text:
            return words[1:] if line.startswith("@") else words
    return None


def _split(text: str) -> Optional[list[str]]:
    """Words, with quotes taken away; None when they do not close."""
    try:
        return shlex.split(text)
    except ValueError:
        return None


def _unquoted(value: str) -> Optional[list[str]]:
    """The words of a variable's value. A backslash has meanings of its own to systemd."""
    return None if "\\" in value else _split(value)


def _plain(value: str) -> Optional[str]:
    """Without its quotes; None when it is quoted in part, or has escapes."""
    if "\\" in value:
        return None
    quoted = re.fullmatch(r"""(['"])(.*)\1""", value)
    if quoted and quoted[1] not in quoted[2]:
        return quoted[2]
    return None if set(value) & set("\"'") else value


def _value(environment: Environment, match: re.Match[str]) -> str:
    value = environment.get(match[1], "")
    return match[0] if value is None else value
