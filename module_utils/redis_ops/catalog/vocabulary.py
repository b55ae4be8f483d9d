"""The words the tables are written in: what they take from the rest of the package, and the kinds many options share."""

from __future__ import annotations

from ..base.engine import By, Engine
from .kinds import (
    Bool,
    BufferLimits,
    Enum,
    FileName,
    Integer,
    Integers,
    KeyspaceEvents,
    Memory,
    MemoryOrPercent,
    Octal,
    Path,
    Percentiles,
    SavePoints,
    Secret,
    Text,
    Words,
    WordSet,
)
from .option import Apply, Option, Origin, Trait

INT_MAX = 2**31 - 1

YES_NO = Bool()
COUNT = Integer(0, INT_MAX)  # Redis keeps it in an int
POSITIVE = Integer(1, INT_MAX)
LARGE = Integer()  # in a long
PERCENT = Integer(0, 100)
PORT = Integer(0, 65535)
BYTES = Memory()
TEXT = Text()
PATH = Path()
FILE_NAME = FileName()
SECRET = Secret()
PROTECTED_ACTION = Enum(("no", "yes", "local"))

__all__ = [
    "BYTES",
    "COUNT",
    "FILE_NAME",
    "INT_MAX",
    "LARGE",
    "PATH",
    "PERCENT",
    "PORT",
    "POSITIVE",
    "PROTECTED_ACTION",
    "SECRET",
    "TEXT",
    "YES_NO",
    "Apply",
    "BufferLimits",
    "By",
    "Engine",
    "Enum",
    "Integer",
    "Integers",
    "KeyspaceEvents",
    "Memory",
    "MemoryOrPercent",
    "Octal",
    "Option",
    "Origin",
    "Percentiles",
    "SavePoints",
    "Trait",
    "WordSet",
    "Words",
]
