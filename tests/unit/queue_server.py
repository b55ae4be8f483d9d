"""A server of keys that have a name and a type, as far as the search for queues asks for them."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from typing import Any, Optional

from ansible.module_utils.redis_ops.base.errors import AccessDenied, CommandRefused


class Server:
    """databases: number -> type and name of each key. step: keys that one SCAN passes, whatever it is asked for.

    denied: commands that the user may not send. groups: streams that have consumer groups.
    """

    def __init__(
        self,
        databases: dict[int, Iterable[tuple[str, str]]],
        *,
        step: int = 1000,
        denied: Iterable[str] = (),
        groups: Iterable[str] = (),
    ) -> None:
        self.databases = {number: {name: kind for kind, name in keys} for number, keys in databases.items()}
        self.step, self.denied, self.groups = step, set(denied), set(groups)
        self.selected = 0
        self.sent: list[tuple[str, ...]] = []

    def info(self) -> dict[str, Any]:
        if "INFO" in self.denied:
            raise AccessDenied("NOPERM no INFO")
        sizes = {number: len(keys) for number, keys in self.databases.items() if keys}
        return {
            "redis_version": "7.0.15",
            **{f"db{n}": f"keys={size},expires=0,avg_ttl=0" for n, size in sizes.items()},
        }

    def call(self, *words: str) -> Any:
        [reply] = self.call_all([words])
        if isinstance(reply, Exception):
            raise reply
        return reply

    def call_all(self, commands: Sequence[Sequence[str]]) -> list[Any]:
        return [self._answer(tuple(words)) for words in commands]

    def _answer(self, words: tuple[str, ...]) -> Any:
        self.sent.append(words)
        if words[0] in self.denied or (f"SELECT {words[1]}" in self.denied and words[0] == "SELECT"):
            return AccessDenied(f"NOPERM no {words[0]}")
        return getattr(self, words[0].lower())(*words[1:])

    def select(self, number: str) -> str:
        self.selected = int(number)
        return "OK"

    @property
    def keys(self) -> dict[str, str]:
        return self.databases.get(self.selected, {})

    def type(self, name: str) -> str:
        return self.keys.get(name, "none")

    def xinfo(self, _: str, name: str) -> Any:
        if self.type(name) != "stream":
            return CommandRefused("ERR no such key")
        return [["name", "workers"]] if name in self.groups else []

    def scan(self, cursor: str, *words: str) -> list[Any]:
        options = dict(zip(words[::2], words[1::2]))
        start, end = int(cursor), int(cursor) + self.step
        names = list(self.keys)[start:end]
        pattern: Optional[str] = options.get("MATCH")
        found = [
            name
            for name in names
            if self.keys[name] == options["TYPE"] and (pattern is None or fnmatch.fnmatchcase(name, pattern))
        ]
        return ["0" if end >= len(self.keys) else str(end), found]
