"""The mutants of a file: small faults, one each, made by the operators of mutmut and three of ours."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation import mutators

Operator = Callable[[Any], Iterable[cst.CSTNode]]
# What changes a text only, because people judge the words of a message; and what other_arguments() stands for.
LEFT_OUT = {mutators.operator_string, mutators.operator_dict_arguments, mutators.operator_arg_removal}
# without these arguments Python does the same, on the machines that this project supports
IDLE_ARGUMENTS = {"encoding", "errors", "check", "text"}


@dataclass(frozen=True)
class Mutant:
    """One fault in one file."""

    path: str  # from the root of the project
    line: int
    code: str  # the whole file with the fault
    diff: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Place:
    """A place in a file, where operators have something to change."""

    path: str
    line: int
    node: cst.CSTNode
    module: cst.Module

    def mutants(self) -> Iterator[Mutant]:
        for kind, change in OPERATORS:
            if isinstance(self.node, kind):
                yield from map(self._mutant, change(self.node))

    def _mutant(self, other: cst.CSTNode) -> Mutant:
        before = self.module.code
        after = self.module.deep_replace(self.node, other).code
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
        diff = "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))
        return Mutant(self.path, self.line, after, diff)


@dataclass(frozen=True)
class Line:
    """A line of a file. Its rank looks random, is the same in each run, and stays when other lines change."""

    path: Path
    number: int
    rank: int


def lines(root: Path, path: Path, seed: int) -> Iterator[Line]:
    counts: dict[str, int] = {}
    name = path.relative_to(root).as_posix()
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        count = counts[text] = counts.get(text, 0) + 1
        digest = hashlib.sha256(f"{seed} {name} {text} {count}".encode()).digest()
        yield Line(path, number, int.from_bytes(digest[:8], "big"))


def sampled(root: Path, paths: Iterable[Path], seed: int) -> Iterator[Mutant]:
    """One mutant for each line that has any, the lines in the order of their rank."""
    known: dict[Path, dict[int, list[Place]]] = {}
    for line in sorted((line for path in paths for line in lines(root, path, seed)), key=lambda line: line.rank):
        if line.path not in known:
            found = known[line.path] = {}
            for place in places(root, line.path):
                found.setdefault(place.line, []).append(place)
        mutants = [mutant for place in known[line.path].get(line.number, ()) for mutant in place.mutants()]
        if mutants:
            yield mutants[line.rank % len(mutants)]


def other_arguments(node: cst.Call) -> Iterable[cst.CSTNode]:
    """An argument is None, or is left out."""
    kept = [arg for arg in node.args if _is_idle(arg)]
    for other in mutators.operator_arg_removal(node):
        if all(any(arg.deep_equals(mine) for arg in other.args) for mine in kept):
            yield other


def without_statement(node: cst.SimpleStatementLine) -> Iterable[cst.CSTNode]:
    """A call whose result nobody uses, and an addition, are left out."""
    (first, *more) = node.body
    if not more and (isinstance(first, cst.AugAssign) or (isinstance(first, cst.Expr) and is_call(first.value))):
        yield node.with_changes(body=[cst.Pass()])


def is_call(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Call)


def other_way(node: cst.If | cst.CompIf) -> Iterable[cst.CSTNode]:
    """A condition that no operator stands in is turned round."""
    if not isinstance(node.test, (cst.Comparison, cst.BooleanOperation, cst.UnaryOperation)):
        turned = cst.UnaryOperation(cst.Not(), node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()]))
        yield node.with_changes(test=turned)


def nothing_returned(node: cst.Return) -> Iterable[cst.CSTNode]:
    if node.value is not None and not (isinstance(node.value, cst.Name) and node.value.value == "None"):
        yield node.with_changes(value=cst.Name("None"), whitespace_after_return=cst.SimpleWhitespace(" "))


OPERATORS: tuple[tuple[type[cst.CSTNode], Operator], ...] = (
    *((kind, operator) for kind, operator in mutators.mutation_operators if operator not in LEFT_OUT),
    (cst.Call, other_arguments),
    (cst.SimpleStatementLine, without_statement),
    (cst.If, other_way),
    (cst.CompIf, other_way),
    (cst.Return, nothing_returned),
)
# the operators for any node have something for these only
KINDS = (
    *(kind for kind, _ in OPERATORS if kind not in {cst.CSTNode, cst.Name}),
    *(cst.BinaryOperation, cst.BooleanOperation, cst.ComparisonTarget),
    *(cst.Is, cst.IsNot, cst.In, cst.NotIn, cst.Break, cst.Continue),
)


class Finder(cst.CSTVisitor):
    """Finds the places of a file. Outside of functions only numbers change: the rest makes an import fail."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, path: str, module: cst.Module, *, tables: bool) -> None:
        super().__init__()
        self.places: list[Place] = []
        self._path, self._module, self._tables = path, module, tables
        self._depth = 0

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, (cst.Annotation, cst.Decorator)) or _is_idle(node):
            return False
        self._depth += isinstance(node, cst.FunctionDef)
        if self._is_place(node):
            line = self.get_metadata(PositionProvider, node).start.line
            self.places.append(Place(self._path, line, node, self._module))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        self._depth -= isinstance(original_node, cst.FunctionDef)

    def _is_place(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Name):
            return self._depth > 0 and node.value in {"True", "False"}
        return isinstance(node, KINDS) and (self._depth > 0 or (self._tables and isinstance(node, cst.BaseNumber)))


def _is_idle(node: cst.CSTNode) -> bool:
    """Whether a change below this node cannot change what the code does."""
    if isinstance(node, cst.Arg):
        return node.keyword is not None and node.keyword.value in IDLE_ARGUMENTS
    return isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in {"cast", "TypeVar"}


def places(root: Path, path: Path) -> list[Place]:
    """All places of a file. The tables of the catalogue are left out: tests/contract holds them against real servers."""
    wrapper = MetadataWrapper(cst.parse_module(path.read_text(encoding="utf-8")))
    name = path.relative_to(root).as_posix()
    finder = Finder(name, wrapper.module, tables="/catalog/" not in name)
    wrapper.visit(finder)
    return finder.places
