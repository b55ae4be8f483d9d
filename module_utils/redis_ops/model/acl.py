"""ACL users: what a line of rules makes of a user, and where two users differ. Pure.

A server lists what it made of the rules. Redis 7.2 and Valkey keep the rules on commands as they were given. Before, only
the set of commands is kept, and listed in whatever categories and commands come near it (acl.c ACLDescribeUserCommandRules):
there, rules with categories cannot be compared, and are not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..base.engine import Engine

KEEPS_RULES = "redis 7.2"
HIDES_SANITIZE = "valkey 9.0"  # its ACL LIST has neither sanitize-payload nor skip-sanitize-payload
SYNONYMS = {
    "allkeys": "~*",
    "allchannels": "&*",
    "allcommands": "+@all",
    "nocommands": "-@all",
}


@dataclass
class Grant:
    """What may be done with what: the user's own, or one selector's. keys: pattern -> some of RW."""

    keys: dict[str, str] = field(default_factory=dict)
    channels: set[str] = field(default_factory=set)
    databases: str = ""
    future: bool = False  # commands of later versions too, which is what +@all means beyond naming all of them
    rules: list[str] = field(default_factory=list)

    def take(self, rule: str) -> None:
        """One rule, as ACL SETUSER takes it. One that is not known here is passed over: nobody could compare it."""
        word = SYNONYMS.get(rule.lower(), rule)
        low = word.lower()
        if low == "resetkeys":
            self.keys = {}
        elif low == "resetchannels":
            self.channels = set()
        elif low in ("alldbs", "resetdbs") or low.startswith("db="):
            self.databases = "" if low == "alldbs" else ",".join(sorted(low[3:].split(","))) if "=" in low else "none"
        elif word[0] in "~%":
            access, _, pattern = word[1:].partition("~") if word[0] == "%" else ("RW", "", word[1:])
            known = "" if word == "~*" else self.keys.get(pattern, "")
            access = "".join(sorted({*known, *access.upper()}))
            self.keys = {**({} if word == "~*" else self.keys), pattern: access}
        elif word[0] == "&":
            self.channels = {"*"} if word == "&*" else {*self.channels, word[1:]}
        elif word[0] in "+-":
            self._command(low)

    def _command(self, rule: str) -> None:
        """A later rule replaces an earlier one on the same name; +@all and -@all replace all of them."""
        name = rule[1:]
        if name == "@all":
            self.future, self.rules = rule[0] == "+", []
            return
        self.rules = [known for known in self.rules if known[1:].partition("|")[0] != name and known[1:] != name]
        self.rules.append(rule)

    def differences(self, other: Grant, engine: Engine) -> list[str]:
        """The names of what certainly differs."""
        differing = {
            "keys": self._reached() != other._reached(),
            "channels": self.channels != other.channels,
            "databases": self.databases != other.databases,
            "commands": self._runs_other_commands(other, engine),
        }
        return [name for name, differs in differing.items() if differs]

    def _reached(self) -> Mapping[str, str]:
        everything = {"*": "RW"}  # to read and to write; beside it, other patterns say nothing
        return everything if self.keys.get("*") == "RW" else self.keys

    def _runs_other_commands(self, other: Grant, engine: Engine) -> bool:
        if self.future != other.future:
            return True
        if engine.reached(KEEPS_RULES):
            return self.rules != other.rules
        if any("@" in rule for rule in (*self.rules, *other.rules)):
            return False  # nobody can tell
        return self._exceptions() != other._exceptions()

    def _exceptions(self) -> set[str]:
        """The rules that make a difference to what +@all or -@all, or a rule on the whole command, already says."""
        base = "+" if self.future else "-"
        whole = {rule[1:]: rule[0] for rule in self.rules if "|" not in rule}
        return {rule for rule in self.rules if rule[0] != _before(rule, whole, base)}


def _before(rule: str, whole: Mapping[str, str], base: str) -> str:
    """'+' or '-': what holds for the command of this rule without it."""
    command, _, part = rule[1:].partition("|")
    return whole.get(command, base) if part else base


@dataclass
class User:
    """What a user may do, each part as the server would list it. opened: whether a new grant has all channels."""

    opened: bool = False
    enabled: bool = False
    nopass: bool = False
    sanitized: bool = True
    passwords: set[str] = field(default_factory=set)
    own: Grant = field(default_factory=Grant)
    selectors: list[Grant] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.own = self._grant()

    def _grant(self) -> Grant:
        return Grant(channels={"*"} if self.opened else set())

    def differences(self, other: User, engine: Engine) -> list[str]:
        """The names of what certainly differs; never a password."""
        names = ["enabled", "nopass", "passwords", *([] if engine.reached(HIDES_SANITIZE) else ["sanitized"])]
        differing = [name for name in names if getattr(self, name) != getattr(other, name)]
        differing += self.own.differences(other.own, engine)
        pairs = zip(self.selectors, other.selectors)
        if len(self.selectors) != len(other.selectors) or any(a.differences(b, engine) for a, b in pairs):
            differing.append("selectors")
        return differing

    def take(self, rule: str) -> None:
        """One rule, as ACL SETUSER takes it."""
        word = rule.lower()
        if word in ("on", "off"):
            self.enabled = word == "on"
        elif word in ("nopass", "resetpass"):
            self.nopass, self.passwords = word == "nopass", set()
        elif word in ("sanitize-payload", "skip-sanitize-payload"):
            self.sanitized = word == "sanitize-payload"
        elif word == "clearselectors":
            self.selectors = []
        elif word == "reset":
            vars(self).update(vars(User(self.opened)))
        elif rule[0] in "><#!":
            self._password(rule)
        elif rule[0] == "(":
            selector = self._grant()
            for inner in rule[1:-1].split():
                selector.take(inner)
            self.selectors.append(selector)
        else:
            self.own.take(rule)

    def _password(self, word: str) -> None:
        mark, text = word[0], word[1:]
        known = text.lower() if mark in "#!" else hashed(text)
        if mark in "<!":
            self.passwords.discard(known)
        else:
            self.passwords.add(known)
            self.nopass = False


def hashed(password: str) -> str:
    """As a server lists a password: SHA-256 in hexadecimal digits."""
    return hashlib.sha256(password.encode("utf-8", "surrogateescape")).hexdigest()


def parse(words: Iterable[str], *, opened: bool = False) -> User:
    """The rules of one user, in order (Redis documentation, ACL). opened: acl-pubsub-default is allchannels."""
    user = User(opened)
    for rule in _joined(words):
        user.take(rule)
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


def of_file(text: str) -> list[Sequence[str]]:
    """The users of an aclfile, which knows no quotes: name and rules of each."""
    lines = [line.split() for line in text.split("\n")]
    return [words[1:] for words in lines if words[:1] == ["user"]]


def is_file(text: str) -> bool:
    """Whether a text is an aclfile: users and comments, and nothing else."""
    return all(words[0] == "user" or words[0].startswith("#") for words in map(str.split, text.split("\n")) if words)


def users(lines: Iterable[Sequence[str]], *, opened: bool) -> dict[str, User]:
    """Users by name. lines: name and rules of each, the last one of a name counts."""
    return {words[0]: parse(words[1:], opened=opened) for words in lines if words}


def listed(lines: Iterable[str]) -> dict[str, User]:
    """The users of ACL LIST, which quotes nothing: no rule has a blank."""
    found = (line.split(" ") for line in lines)
    return {words[1]: parse(words[2:]) for words in found if len(words) > 1}


def default_user(password: str) -> User:
    """The default user where no line of a file is about it. password: requirepass, '' for none."""
    return parse(["on", f">{password}" if password else "nopass", "~*", "&*", "+@all"])
