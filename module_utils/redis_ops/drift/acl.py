"""ACL users: those of the running server against those of its files. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..findings import Finding
from .states import State, found

_SYNONYMS = {
    "allkeys": "~*",
    "allchannels": "&*",
    "allcommands": "+@all",
    "nocommands": "-@all",
}


@dataclass
class User:
    """What a user may do, each part as the server would list it."""

    enabled: bool = False
    nopass: bool = False
    passwords: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    channels: set[str] = field(default_factory=set)
    commands: list[str] = field(default_factory=list)
    other: set[str] = field(default_factory=set)

    def differences(self, other: User) -> list[str]:
        """The names of what differs; never a password."""
        return [name for name, value in vars(self).items() if value != getattr(other, name)]

    def take(self, rule: str) -> None:
        """One rule, as ACL SETUSER takes it."""
        words: dict[str, dict[str, Any]] = {
            "on": {"enabled": True},
            "off": {"enabled": False},
            "nopass": {"nopass": True, "passwords": set()},
            "resetpass": {"nopass": False, "passwords": set()},
            "resetkeys": {"keys": set()},
            "resetchannels": {"channels": set()},
            "clearselectors": {"other": {word for word in self.other if not word.startswith("(")}},
            "reset": vars(User()),
            "sanitize-payload": {},  # what a user does without a word
        }
        word = _SYNONYMS.get(rule.lower(), rule)
        if word.lower() in words:
            vars(self).update(words[word.lower()])
        elif word[0] in "><#!":
            self._password(word)
        elif word[0] in "~%":
            self.keys.add("~" + word[4:] if word.lower().startswith("%rw~") else word)
        elif word[0] == "&":
            self.channels.add(word)
        elif word[0] in "+-":
            self._command(word.lower())
        else:
            self.other.add(" ".join(word.split()))

    def _password(self, word: str) -> None:
        mark, text = word[0], word[1:]
        hashed = text.lower() if mark in "#!" else hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        if mark in "<!":
            self.passwords.discard(hashed)
        else:
            self.passwords.add(hashed)
            self.nopass = False

    def _command(self, rule: str) -> None:
        """A later rule replaces an earlier one on the same name; +@all and -@all replace all of them."""
        name = rule[1:]
        if name == "@all":
            self.commands = [rule] if rule[0] == "+" else []
            return
        self.commands = [known for known in self.commands if known[1:].partition("|")[0] != name and known[1:] != name]
        self.commands.append(rule)


def parse(words: Iterable[str]) -> User:
    """The rules of one user, in order (Redis documentation, ACL)."""
    user = User()
    for rule in _joined(words):
        user.take(rule)
    if "~*" in user.keys:
        user.keys = {"~*"}
    if "&*" in user.channels:
        user.channels = {"&*"}
    return user


def _joined(words: Iterable[str]) -> Iterator[str]:
    """Selectors in one piece: '(+get', '~a)' -> '(+get ~a)'."""
    open_selector: list[str] = []
    for word in words:
        if open_selector or word.startswith("("):
            open_selector.append(word)
            if word.endswith(")"):
                yield " ".join(open_selector)
                open_selector = []
        elif word:
            yield word


def findings(
    running: Sequence[Sequence[str]], stored: Sequence[Sequence[str]], password: str, where: str
) -> Iterator[Finding]:
    """running: the words of each line of ACL LIST; stored: the arguments of each `user` line of the file that the
    server starts with. password: the declared requirepass, '' for none.
    """
    lives = {words[1]: parse(words[2:]) for words in running if len(words) > 1}
    files = {words[0]: parse(words[1:]) for words in stored if words}
    # without a line of its own, the default user is what requirepass makes of it
    start = ["on", "~*", "&*", "+@all", f">{password}" if password else "nopass"]
    files.setdefault("default", parse(start))
    for name in sorted(lives.keys() | files.keys()):
        live, file = lives.get(name), files.get(name)
        if live is None or file is None:
            actual = "in the file only" if live is None else "in the running server only"
        elif differs := live.differences(file):
            actual = f"running and file differ in {', '.join(differs)}"
        else:
            continue
        yield found(
            f"acl.{name}",
            f"{where}: ACL user {name}",
            State.LIVE_NOT_PERSISTED,
            expected="the same running and in the file",
            actual=actual,
            why="Redis documentation, ACL: a restart reads the file",
            remedy="CONFIG REWRITE or ACL SAVE keeps what runs; ACL DELUSER, ACL LOAD or a restart takes it back",
        )
