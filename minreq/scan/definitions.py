"""Finds what Python names refer to, across scopes and modules: bindings, classes, functions, dictionaries."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from minreq.scan.scopes import Binding, Scope, find_module, scope_of

#: A name is followed through no more definitions than this.
MAX_DEPTH = 25


@dataclass(frozen=True, slots=True)
class Item:
    """A value in a dictionary, with the scope of its expression."""

    expression: ast.expr
    scope: Scope


#: A dictionary that is written out in the code. The key of an item is its constant, or the source of its expression.
Table = Mapping[str, Item]


def find_dictionary(expression: ast.expr, scope: Scope, depth: int = 0) -> Table | None:  # noqa: C901 - As above.
    """Return the dictionary that *expression* refers to; ``None`` where no dictionary is written out."""
    if depth > MAX_DEPTH:
        return None
    match expression:
        case ast.Dict(keys=keys, values=items):
            table: dict[str, Item] = {}
            for key, item in zip(keys, items, strict=True):
                if key is None:
                    table |= find_dictionary(item, scope, depth + 1) or {}
                elif isinstance(key, ast.Constant) and isinstance(key.value, str):
                    table[key.value] = Item(item, scope)
                else:
                    table[ast.unparse(key)] = Item(item, scope)
            return table
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
            return {each.arg: Item(each.value, scope) for each in keywords if each.arg is not None}
        case ast.Name() | ast.Attribute():
            for binding, owner in bindings_of(expression, scope, depth + 1):
                if binding.kind == "value" and binding.expression is not None:
                    table_or_none = find_dictionary(binding.expression, owner, depth + 1)
                    if table_or_none is not None:
                        return table_or_none
    return None


def bindings_of(expression: ast.expr, scope: Scope, depth: int = 0) -> Iterator[tuple[Binding, Scope]]:
    """Yield the bindings of a name, or of an attribute of a module or class of the code base, each with its scope."""
    if depth > MAX_DEPTH:
        return
    if isinstance(expression, ast.Name):
        where = scope_of(expression.id, scope)
        if where is None:
            return
        for binding in where.bindings[expression.id]:
            module = find_module(where, binding.module) if binding.kind == "import" and binding.name else None
            if module is not None and binding.name in module.scope.bindings:
                yield from bindings_of(ast.Name(id=binding.name), module.scope, depth + 1)
            else:
                yield binding, where
    elif isinstance(expression, ast.Attribute):
        owner = owner_of(expression.value, scope, depth + 1)
        if owner is not None:
            for binding in owner.bindings.get(expression.attr, ()):
                yield binding, owner


def owner_of(expression: ast.expr, scope: Scope, depth: int = 0) -> Scope | None:  # noqa: PLR0911 - As above.
    """Return the module or class of the code base that *expression* refers to, or whose instance it is."""
    if depth > MAX_DEPTH:
        return None
    if isinstance(expression, ast.Name) and expression.id in {"self", "cls"}:
        return scope.enclosing_class
    if isinstance(expression, ast.Call):
        return owner_of(expression.func, scope, depth + 1)
    found = class_of(expression, scope, depth + 1)
    if found is not None:
        return found
    for binding, where in bindings_of(expression, scope, depth + 1):
        if binding.kind == "import":
            # In ``from . import name`` the module is just the dot.
            dot = "" if binding.module.endswith(".") or not binding.name else "."
            module = find_module(where, f"{binding.module}{dot}{binding.name}")
            if module is not None:
                return module.scope
        elif isinstance(binding.expression, ast.Call):
            return owner_of(binding.expression.func, where, depth + 1)
    return None


def class_of(expression: ast.expr, scope: Scope, depth: int = 0) -> Scope | None:
    """Return the class of the code base that *expression* names."""
    return _find_definition(expression, scope, "classes", depth)


def function_of(expression: ast.expr, scope: Scope, depth: int = 0) -> Scope | None:
    """Return the function of the code base that *expression* names."""
    return _find_definition(expression, scope, "functions", depth)


def _find_definition(
    expression: ast.expr, scope: Scope, kind: Literal["classes", "functions"], depth: int
) -> Scope | None:
    if depth > MAX_DEPTH:
        return None
    if isinstance(expression, ast.Name):
        where: Scope | None = scope
        while where is not None:
            found: dict[str, Scope] = getattr(where, kind)
            if expression.id in found:
                return found[expression.id]
            for binding in where.bindings.get(expression.id, ()):
                module = find_module(where, binding.module) if binding.kind == "import" and binding.name else None
                if module is not None:
                    return _find_definition(ast.Name(id=binding.name), module.scope, kind, depth + 1)
            where = where.parent
    elif isinstance(expression, ast.Attribute):
        owner = owner_of(expression.value, scope, depth + 1)
        if owner is not None:
            members: dict[str, Scope] = getattr(owner, kind)
            return members.get(expression.attr)
    return None
