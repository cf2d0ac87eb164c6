"""Names that statements bind in their own scope; nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

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
    name = "TYPE_CHECKING"
    return (isinstance(test, ast.Name) and test.id == name) or (isinstance(test, ast.Attribute) and test.attr == name)


def imported_as(alias: ast.alias) -> str:
    """Return the name that *alias* binds."""
    return alias.asname or alias.name.partition(".")[0]


def _visit(node: ast.AST, found: Bindings, *, in_comprehension: bool) -> None:
    inside: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, _FUNCTIONS):
        found.names.append(node.name)
        inside = (*node.decorator_list, *defaults_of(node.args))
    elif isinstance(node, ast.ClassDef):
        found.names.append(node.name)
        inside = (*node.decorator_list, *node.bases, *(each.value for each in node.keywords))
    elif isinstance(node, ast.Lambda):
        inside = defaults_of(node.args)
    elif isinstance(node, _COMPREHENSIONS):
        in_comprehension = True
    elif isinstance(node, ast.NamedExpr):
        # Its target belongs to the scope around a comprehension.
        found.names.append(node.target.id)
        inside = (node.value,)
    elif isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load) and not in_comprehension:
            found.names.append(node.id)
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        found.names += map(imported_as, node.names)
    elif isinstance(node, ast.Global):
        found.global_names.update(node.names)
    elif isinstance(node, ast.Nonlocal):
        found.nonlocal_names.update(node.names)
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        found.names.append(node.name)
    elif isinstance(node, ast.MatchMapping) and node.rest:
        found.names.append(node.rest)
    elif _TYPE_ALIAS is not None and isinstance(node, _TYPE_ALIAS):
        found.names.append(node.name.id)  # type: ignore[attr-defined]
        inside = ()
    for each in inside:
        _visit(each, found, in_comprehension=in_comprehension)
