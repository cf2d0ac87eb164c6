"""Names that statements bind in their own scope; nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from minreq.source import syntax

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
#: From Python 3.12 on.
_TYPE_ALIAS: type | None = getattr(ast, "TypeAlias", None)


@dataclass(slots=True, kw_only=True)
class Bindings:
    """What statements bind: each name as often as it is bound, and the names that they declare."""

    names: list[str] = field(default_factory=list)
    global_names: set[str] = field(default_factory=set)
    nonlocal_names: set[str] = field(default_factory=set)

    @property
    def local_names(self) -> frozenset[str]:
        """The names that belong to the scope itself."""
        return frozenset({*self.names} - self.global_names - self.nonlocal_names)


def find_bindings(nodes: Iterable[ast.AST]) -> Bindings:
    """Return what *nodes* bind, without what is bound inside of functions, classes and comprehensions in them."""
    found = Bindings()
    for node in nodes:
        _visit(node, found, in_comprehension=False)
    return found


def parameters_of(arguments: ast.arguments) -> tuple[ast.arg, ...]:
    """Return all parameters."""
    optional = (arguments.vararg, arguments.kwarg)
    return (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *filter(None, optional))


def defaults_of(arguments: ast.arguments) -> tuple[ast.expr, ...]:
    """Return the default values, which are evaluated where the function is defined."""
    return (*arguments.defaults, *filter(None, arguments.kw_defaults))


def is_type_checking(test: ast.expr) -> bool:
    """Whether *test* is ``TYPE_CHECKING`` or ``typing.TYPE_CHECKING``: false when the program runs."""
    return syntax.last_name(test) == "TYPE_CHECKING"


def imported_as(alias: ast.alias) -> str:
    """Return the name that *alias* binds."""
    return alias.asname or alias.name.partition(".")[0]


def _visit(node: ast.AST, found: Bindings, *, in_comprehension: bool) -> None:
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load) and not in_comprehension:
            found.names.append(node.id)
    elif isinstance(node, ast.Global):
        found.global_names.update(node.names)
    elif isinstance(node, ast.Nonlocal):
        found.nonlocal_names.update(node.names)
    else:
        found.names += _bound_by(node)
    in_comprehension = in_comprehension or isinstance(node, _COMPREHENSIONS)
    for each in _inside(node):
        _visit(each, found, in_comprehension=in_comprehension)


def _bound_by(node: ast.AST) -> Iterable[str]:
    """Return the names that *node* itself binds; the target of ``:=`` belongs to the scope around a comprehension."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return map(imported_as, node.names)
    if isinstance(node, ast.NamedExpr):
        return [node.target.id]
    if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        return [node.name] if node.name else []
    if isinstance(node, ast.MatchMapping):
        return [node.rest] if node.rest else []
    return [node.name.id] if _TYPE_ALIAS is not None and isinstance(node, _TYPE_ALIAS) else []  # type: ignore[attr-defined]


def _inside(node: ast.AST) -> Iterable[ast.AST]:
    """Return the parts of *node* that belong to the scope around it."""
    if isinstance(node, _FUNCTIONS):
        return (*node.decorator_list, *defaults_of(node.args))
    if isinstance(node, ast.ClassDef):
        return (*node.decorator_list, *node.bases, *(each.value for each in node.keywords))
    if isinstance(node, ast.Lambda):
        return defaults_of(node.args)
    if isinstance(node, ast.NamedExpr):
        return (node.value,)
    return () if _TYPE_ALIAS is not None and isinstance(node, _TYPE_ALIAS) else ast.iter_child_nodes(node)
