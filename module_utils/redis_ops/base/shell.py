"""Words of a command line that a person pastes into a shell. Pure."""

from __future__ import annotations

import shlex


def quoted(text: str) -> str:
    """The text as one word of bash, without any character that a terminal acts on or does not show.

    A name of a user or a file may hold anything. What is pasted has to run as it reads.
    """
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(map(_escaped, text)) + "'"


def _escaped(char: str) -> str:
    """A character inside $'...' (bash(1), QUOTING); what cannot be shown is told as the bytes that it is in UTF-8."""
    if char in "\\'":
        return f"\\{char}"
    if char.isprintable():
        return char
    return "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape"))
