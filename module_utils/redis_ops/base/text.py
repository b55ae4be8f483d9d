"""Text from elsewhere, as a terminal or a report may show it. Pure."""

from __future__ import annotations


def printable(text: str, *, lines: bool = False) -> str:
    """The text with U+FFFD for what could move a cursor, reorder letters or is no character at all.

    lines: whether it may have several lines. Otherwise a blank stands where one ends.
    """
    if text.isprintable():
        return text
    kept = {"\n": "\n" if lines else " "}
    return "".join(char if char.isprintable() else kept.get(char, "\ufffd") for char in text)
