"""What a page is built from: the head, and blocks in the order in which a person needs them. Any kind of report uses any block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from .plot import Plots

if TYPE_CHECKING:
    from .model import Row


@dataclass(frozen=True)
class Heading:
    """mark: a badge before it. quiet: what stands beside it in small."""

    text: str
    quiet: str = ""
    mark: str = ""
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph. strong: its first words, in bold. style: '', quiet, doubt, note or example."""

    text: str
    style: str = ""
    strong: str = ""


@dataclass(frozen=True)
class Command:
    """A line to copy."""

    text: str


@dataclass(frozen=True)
class Items:
    """A list of texts. code: in a fixed width."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class Marked:
    """A line of a list: a name, a badge, and a text. anchor: the section that it leads to."""

    mark: str
    name: str
    text: str = ""
    anchor: str = ""


@dataclass(frozen=True)
class MarkedItems:
    """Marked lines as a list."""

    items: tuple[Marked, ...]


@dataclass(frozen=True)
class Pills:
    """Badges with numbers."""

    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Bar:
    """One check of the history. height: percent of the highest."""

    mark: str
    height: float
    told: str


@dataclass(frozen=True)
class History:
    """Bars beside one another, the oldest first."""

    bars: tuple[Bar, ...]
    caption: str


@dataclass(frozen=True)
class Cards:
    """Rows with all that is known of them. placed: whether each one says where it is."""

    rows: tuple[Row, ...]
    placed: bool = False


@dataclass(frozen=True)
class Findings:
    """Rows as a table. heads: of what, expected and actual. trusted: else they are shown in grey. sources: in a column.

    placed: whether each row says where it is.
    """

    rows: tuple[Row, ...]
    caption: str
    heads: tuple[str, str, str]
    trusted: bool = True
    sources: bool = True
    placed: bool = False


@dataclass(frozen=True)
class Tile:
    """One number with its name. quiet: in small below it."""

    title: str
    text: str
    quiet: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Tiles:
    """Numbers that everybody asks for first."""

    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class Line:
    """A row of numbers. loud: in bold."""

    name: str
    values: tuple[str, ...]
    loud: bool = False


@dataclass(frozen=True)
class Group:
    """Rows of numbers of one subject. quiet: what stands beside its name in small."""

    name: str
    quiet: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Numbers:
    """A table of numbers in groups."""

    groups: tuple[Group, ...]
    heads: tuple[str, ...]
    caption: str
    trusted: bool = True


@dataclass(frozen=True)
class Table:
    """marks: a badge for each row, or none at all."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pairs:
    """Names and texts. names, texts: whether these are in a fixed width."""

    pairs: tuple[tuple[str, str], ...]
    names: bool = False
    texts: bool = False


@dataclass(frozen=True)
class Share:
    """A part of a bar. x, width: percent."""

    mark: str
    count: int
    x: float
    width: float


@dataclass(frozen=True)
class Fold:
    """What opens with a click. style: fold, long (never open in print) or host."""

    heading: Heading
    blocks: tuple[Block, ...]
    open: bool = False
    style: str = "fold"
    shares: tuple[Share, ...] = ()


@dataclass(frozen=True)
class Section:
    """A part of the page. anchor: by which it can be linked."""

    blocks: tuple[Block, ...]
    anchor: str = ""


Block = Union[
    Heading, Text, Command, Items, MarkedItems, Pills, History, Cards, Findings, Tiles, Numbers, Table, Pairs, Fold, Section,
    Plots,
]  # fmt: skip


@dataclass(frozen=True)
class Reason:
    """One line of the head."""

    strong: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Page:
    """title: of the window. word: the verdict. sentences: what it comes to. todo: what to do now. about: when and of what."""

    title: str
    word: str
    sentences: tuple[str, ...]
    about: str
    blocks: tuple[Block, ...]
    footer: str
    todo: str = ""
    reasons: tuple[Reason, ...] = ()
