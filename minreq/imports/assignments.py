"""Find what a module changes in others, and which of its own names its functions assign; nothing is run."""

from __future__ import annotations

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from minreq.imports.bindings import imported_as, is_type_checking
from minreq.source.modulenames import resolve_dots
from minreq.source.syntax import constant_text, last_name

#: A function that a module registers for itself: until the module is loaded, it has nothing to do after a fork.
_OF_ITSELF = "register_at_fork"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def find_assigned(nodes: Iterable[ast.AST], module: str, package: str) -> frozenset[str]:
    """Return the names, each with its module, that *nodes* of *module* may assign later.

    These are names that a function declares ``global``, and attributes of what is imported.
    """
    found: set[str] = set()
    imported: dict[str, set[str]] = defaultdict(set)
    attributes: list[tuple[str, str]] = []
    for node in nodes:
        if isinstance(node, ast.Global):
            found |= {f"{module}.{name}" for name in node.names}
        elif isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and not isinstance(node.ctx, ast.Load):
                attributes.append((node.value.id, node.attr))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for name, target in _targets_of(node, package):
                imported[name].add(target)
    return frozenset(found).union(*({f"{each}.{name}" for each in imported[owner]} for owner, name in attributes))


def _targets_of(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, str]]:
    """Yield the names that *node* binds, each with what it stands for."""
    base = resolve_dots("." * node.level + (node.module or ""), package) if isinstance(node, ast.ImportFrom) else ""
    for each in node.names:
        name = imported_as(each)
        if isinstance(node, ast.ImportFrom):
            yield name, f"{base}.{each.name}"
        else:
            yield name, each.name if each.asname else name


def count_submodules(tree: ast.Module, module: str, package: str) -> Counter[str]:
    """Return the names under which *module*, as it runs, imports its submodules of the same name, and how often."""
    return Counter(
        name
        for each in _find_running(tree.body)
        if isinstance(each, (ast.Import, ast.ImportFrom))
        for name, target in _targets_of(each, package)
        if target == f"{module}.{name}"
    )


def changes_imported(tree: ast.Module, module: str) -> bool:
    """Whether *tree*, the *module*, as it runs, changes what it imports, or may do so.

    It assigns or deletes an attribute or an item, as in ``Logger.trace = trace``, or calls something for no result, as
    in ``registry.register(handler)`` and ``@registry.register``. What a function does that it calls so counts, too. A
    decorator of the standard library, such as ``@abc.Mapping.register``, concerns the decorated alone.
    """
    statements = [*_find_running(tree.body)]
    called = {_root(target) for each in statements for target in _changed_by(each) if isinstance(target, ast.Name)}
    for function in [each for each in statements if isinstance(each, ast.FunctionDef) and each.name in called]:
        statements += _find_running(function.body)
    imported = {
        imported_as(alias)
        for each in statements
        if isinstance(each, (ast.Import, ast.ImportFrom))
        for alias in each.names
    }
    objects = {
        imported_as(alias)
        for each in statements
        if isinstance(each, ast.ImportFrom)
        if each.level or (each.module or "").partition(".")[0] not in sys.stdlib_module_names
        for alias in each.names
    }
    decorators = {_root(decorator) for each in statements for decorator in _find_methods(each)}
    return bool(decorators & objects) or any(
        _root(target) in imported and not _is_below(target, module)
        for each in statements
        for target in _changed_by(each)
    )


def _is_below(target: ast.expr, module: str) -> bool:
    """Whether *target* is a module in `sys.modules` below *module*: an import of it runs *module* first."""
    if not isinstance(target, ast.Subscript) or ast.unparse(target.value) != "sys.modules":
        return False
    key = target.slice
    first = (
        key.values[0]
        if isinstance(key, ast.JoinedStr) and key.values
        else key.left
        if isinstance(key, ast.BinOp)
        else key
    )
    if isinstance(first, ast.FormattedValue):
        first = first.value
    is_own = isinstance(first, ast.Name) and first.id == "__name__" and first is not key
    return is_own or (constant_text(first) or "").startswith(f"{module}.")


def _find_running(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield all statements that run with the module when it is imported."""
    for each in statements:
        yield each
        if not isinstance(each, _FUNCTIONS):
            for name in ("orelse",) if _is_for_others(each) else ("body", "orelse", "finalbody"):
                yield from _find_running(getattr(each, name, ()))
            for handler in (*getattr(each, "handlers", ()), *getattr(each, "cases", ())):
                yield from _find_running(handler.body)


def _is_for_others(statement: ast.stmt) -> bool:
    """Whether the body of *statement* is for type checkers, or for the module as a script."""
    if not isinstance(statement, ast.If):
        return False
    test = statement.test
    names = isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"
    return names or is_type_checking(test)


def _find_methods(statement: ast.stmt) -> Iterator[ast.expr]:
    """Yield the decorators of *statement* that are attributes of something."""
    for decorator in getattr(statement, "decorator_list", ()):
        function = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(function, ast.Attribute):
            yield function


def _changed_by(statement: ast.stmt) -> Iterator[ast.expr]:
    """Yield the attributes and items that *statement* assigns or deletes, and what it calls for no result."""
    if isinstance(statement, (ast.Assign, ast.Delete)):
        yield from (each for each in statement.targets if isinstance(each, (ast.Attribute, ast.Subscript)))
    elif isinstance(statement, (ast.AugAssign, ast.AnnAssign)) and not isinstance(statement.target, ast.Name):
        yield statement.target
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        function = statement.value.func
        if last_name(function) != _OF_ITSELF:
            yield function
        if isinstance(function, ast.Name) and function.id in {"setattr", "delattr"}:
            yield from statement.value.args[:1]


def _root(expression: ast.expr) -> str:
    """Return ``a`` for ``a.b[c].d`` and ``a().b``."""
    while isinstance(expression, (ast.Attribute, ast.Subscript, ast.Call)):
        expression = expression.func if isinstance(expression, ast.Call) else expression.value
    return expression.id if isinstance(expression, ast.Name) else ""
