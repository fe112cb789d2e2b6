"""Every place of a module where a small change of its code must be noticed, found by walking its syntax tree.

1. A comparison moves its edge (`<` and `<=`, `>` and `>=`) or turns round (`==`, `is`, `in` and their opposites).
2. Arithmetic changes its direction (`+` and `-`, `*` and `//`, `<<` and `>>`); a sign is dropped.
3. A number is one more, and one less; a truth value is the other.
4. `and` and `or`, `min` and `max`, `any` and `all` change places; a `not` is dropped.

Annotations, decorators and text are left alone. A mutant is the whole module with one of these changes.
"""

import ast
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
SYMBOLS = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is",
    ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in", ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/",
    ast.FloorDiv: "//", ast.Mod: "%", ast.LShift: "<<", ast.RShift: ">>", ast.And: "and", ast.Or: "or",
}  # fmt: skip
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}


class Mutant(NamedTuple):
    """One change, and where it is. `n`: its number in its module. `part`: the source that it changes."""

    file: str
    n: int
    line: int
    column: int
    what: str
    part: str
    line_text: str

    @property
    def name(self) -> str:
        return f"{self.file}:{self.line}:{self.column} {self.what}"


class _Change(NamedTuple):
    """`at`: the operand after the operator that changes, or the node itself."""

    at: ast.expr
    what: str
    part: ast.AST
    apply: Callable[[], None]


def mutants(source: str, file: str) -> list[Mutant]:
    """All mutants of a module, in the order of its lines."""
    lines = source.splitlines()
    return [
        Mutant(
            file, n, change.at.lineno, change.at.col_offset + 1, change.what,
            " ".join((ast.get_source_segment(source, change.part) or "").split()), lines[change.at.lineno - 1].strip(),
        )
        for n, change in enumerate(_changes(ast.parse(source)))
    ]  # fmt: skip


def mutated(source: str, n: int) -> ast.Module:
    """The module with its n-th change."""
    tree = ast.parse(source)
    _changes(tree)[n].apply()
    return ast.fix_missing_locations(tree)


def _changes(tree: ast.Module) -> list[_Change]:
    found = [change for node in _code(tree) for change in _of(node)]
    return sorted(found, key=lambda change: (change.at.lineno, change.at.col_offset, change.what))


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all inside it, without annotations and decorators."""
    yield node
    for name, value in ast.iter_fields(node):
        if name not in {"annotation", "returns", "decorator_list"}:
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _code(child)


def _of(node: ast.AST) -> Iterator[_Change]:
    """The changes of one node."""
    match node:
        case ast.Compare():
            operands = [node.left, *node.comparators]
            for n, operator in enumerate(node.ops):
                instead = COMPARISONS[type(operator)]()
                pair = _from_to(operands[n], operands[n + 1])
                yield _Change(
                    operands[n + 1], _swap(operator, instead), pair, partial(node.ops.__setitem__, n, instead)
                )
        case ast.BinOp(right=operand) | ast.AugAssign(value=operand) if type(node.op) in ARITHMETIC:
            instead = ARITHMETIC[type(node.op)]()
            yield _Change(operand, _swap(node.op, instead), node, partial(setattr, node, "op", instead))
        case ast.BoolOp(op=operator, values=[_, operand, *_]):
            instead = ast.Or() if isinstance(operator, ast.And) else ast.And()
            yield _Change(operand, _swap(operator, instead), node, partial(setattr, node, "op", instead))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            twice = ast.UnaryOp(ast.Not(), operand)
            yield _Change(node, "not is dropped", node, partial(setattr, node, "operand", twice))
        case ast.UnaryOp(op=ast.USub()):
            yield _Change(node, "- is dropped", node, partial(setattr, node, "op", ast.UAdd()))
        case ast.Call(func=ast.Name(id=name) as function) if name in CALLS:
            yield _Change(node, f"{name} becomes {CALLS[name]}", node, partial(setattr, function, "id", CALLS[name]))
        case ast.Constant(value=bool() | int() | float() as value):
            others = [not value] if isinstance(value, bool) else [value - 1, value + 1]
            for other in others:
                yield _Change(node, f"{value} becomes {other}", node, partial(setattr, node, "value", other))


def _from_to(first: ast.expr, last: ast.expr) -> ast.expr:
    """Where the source of both operands and what is between them stands."""
    pair = ast.copy_location(ast.Tuple([]), first)
    pair.end_lineno, pair.end_col_offset = last.end_lineno, last.end_col_offset
    return pair


def _swap(operator: ast.AST, instead: ast.AST) -> str:
    return f"{SYMBOLS[type(operator)]} becomes {SYMBOLS[type(instead)]}"
