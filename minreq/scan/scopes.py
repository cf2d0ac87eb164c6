"""The scopes of a Python file, and the bindings of its names."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

#: Nodes with a scope of their own.
FUNCTION_NODES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, slots=True)
class Binding:
    """Where a name gets its value."""

    kind: Literal["value", "element", "key", "import", "unknown"]
    #: For ``value`` the value; for ``element`` and ``key`` the expression that is iterated over.
    expression: ast.expr | None = None
    #: For ``import``: the module, and the name in it ("" for the module itself).
    module: str = ""
    name: str = ""
    #: For ``unknown``: why the value is unknown.
    reason: str = ""


@dataclass(slots=True)
class Scope:
    """The scope of a module, class or function."""

    module: Module
    parent: Scope | None = None
    node: ast.AST | None = None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    functions: dict[str, Scope] = field(default_factory=dict)
    classes: dict[str, Scope] = field(default_factory=dict)

    @property
    def enclosing_class(self) -> Scope | None:
        """The class around this scope, if any."""
        scope: Scope | None = self
        while scope is not None and not isinstance(scope.node, ast.ClassDef):
            scope = scope.parent
        return scope


class ModuleFinder(Protocol):
    """Finds the modules of the code base."""

    def find(self, module: str, level: int, file: str) -> Module | None:
        """Return the *module* that *file* imports if it is in the code base; *level* as in `ast.ImportFrom`."""
        ...


class Module:
    """A Python file: its tree and its scopes."""

    def __init__(self, file: str, tree: ast.Module, finder: ModuleFinder) -> None:
        self.file, self.tree, self.finder = file, tree, finder
        #: The scope of each function, class and module node.
        self.scopes: dict[ast.AST, Scope] = {}

    @cached_property
    def scope(self) -> Scope:
        """The scope of the module. Reading it fills `scopes`."""
        scope = Scope(self, node=self.tree)
        self.scopes[self.tree] = scope
        _bind_all(self.tree.body, scope)
        return scope


def _bind_all(body: Sequence[ast.AST], scope: Scope) -> None:
    waiting: list[ast.AST] = list(reversed(body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, FUNCTION_NODES):
            inner = _open_scope(node, scope)
            _bind_parameters(node, inner)
            if not isinstance(node, ast.Lambda):
                scope.functions[node.name] = inner
                _bind_all(node.body, inner)
                waiting += [
                    *node.decorator_list,
                    *node.args.defaults,
                    *(each for each in node.args.kw_defaults if each),
                ]
            else:
                _bind_all([node.body], inner)
        elif isinstance(node, ast.ClassDef):
            inner = _open_scope(node, scope)
            scope.classes[node.name] = inner
            _bind_all(node.body, inner)
            waiting += [*node.decorator_list, *node.bases, *(each.value for each in node.keywords)]
        else:
            for name, binding, target in _find_bindings(node):
                _bind(name, binding, target, scope)
            waiting += reversed([*ast.iter_child_nodes(node)])


def _open_scope(node: ast.AST, scope: Scope) -> Scope:
    inner = Scope(scope.module, parent=scope, node=node)
    scope.module.scopes[node] = inner
    return inner


def _bind_parameters(node: FunctionNode, inner: Scope) -> None:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = dict(zip(reversed(positional), reversed(arguments.defaults), strict=False))
    defaults |= {each: value for each, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value}
    for each in [*positional, *arguments.kwonlyargs, *filter(None, (arguments.vararg, arguments.kwarg))]:
        bindings = inner.bindings.setdefault(each.arg, [])
        if each in defaults:
            bindings.append(Binding("value", defaults[each]))
        bindings.append(Binding("unknown", reason=f"is the parameter {each.arg}"))


def _bind(name: str, binding: Binding, target: str, scope: Scope) -> None:
    if target == "self":
        owner = scope.enclosing_class
        if owner is not None:
            owner.bindings.setdefault(name, []).append(binding)
    else:
        scope.bindings.setdefault(name, []).append(binding)


def _find_bindings(node: ast.AST) -> Iterator[tuple[str, Binding, str]]:  # noqa: C901 - A case for each form there is.
    """Yield each bound name with its binding, and ``self`` where the name is an attribute of ``self``."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _assignment_bindings(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
            yield from _assignment_bindings(target, value)
        case ast.AugAssign(target=ast.Name(id=name)):
            yield name, Binding("unknown", reason=f"is put together in {name}"), ""
        case ast.For() | ast.AsyncFor() | ast.comprehension():
            yield from _iteration_bindings(node.target, node.iter)
        case ast.withitem(optional_vars=ast.Name(id=name), context_expr=value):
            yield name, Binding("value", value), ""
        case ast.Import(names=names):
            for each in names:
                top = each.name.partition(".")[0]
                yield each.asname or top, Binding("import", module=each.name if each.asname else top), ""
        case ast.ImportFrom(names=names):
            module = "." * node.level + (node.module or "")
            for each in names:
                yield each.asname or each.name, Binding("import", module=module, name=each.name), ""
        case _:
            pass


def _assignment_bindings(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, Binding, str]]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, Binding("value", value), ""
        case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name), _:
            yield name, Binding("value", value), "self"
        case ((ast.Tuple(elts=left) | ast.List(elts=left)), (ast.Tuple(elts=right) | ast.List(elts=right))):
            if len(left) == len(right):
                for one, other in zip(left, right, strict=True):
                    yield from _assignment_bindings(one, other)
        case ((ast.Tuple(elts=left) | ast.List(elts=left)), _):
            for each in left:
                if isinstance(each, ast.Name):
                    yield each.id, Binding("element", value), ""
        case _:
            pass


def _iteration_bindings(target: ast.expr, iterated: ast.expr) -> Iterator[tuple[str, Binding, str]]:
    match target, iterated:
        case ast.Name(id=name), _:
            yield name, Binding("element", iterated), ""
        case ast.Tuple(elts=[ast.Name(id=key), ast.Name(id=value)]), ast.Call(
            func=ast.Attribute(attr="items", value=of)
        ):
            yield key, Binding("key", of), ""
            yield (
                value,
                Binding("element", ast.Call(func=ast.Attribute(value=of, attr="values"), args=[], keywords=[])),
                "",
            )
        case ((ast.Tuple(elts=elements) | ast.List(elts=elements)), _):
            for each in elements:
                if isinstance(each, ast.Name):
                    yield each.id, Binding("element", iterated), ""
        case _:
            pass


def scope_of(name: str, scope: Scope) -> Scope | None:
    """Return the scope that binds *name* for code in *scope*. Methods do not see the names of their class body."""
    where: Scope | None = scope
    while where is not None:
        if name in where.bindings and (where is scope or not isinstance(where.node, ast.ClassDef)):
            return where
        where = where.parent
    return None


def find_module(scope: Scope, module: str) -> Module | None:
    """Return the *module* that the file of *scope* imports if it is in the code base; leading dots: relative."""
    name = module.lstrip(".")
    importer = scope.module
    return importer.finder.find(name, len(module) - len(name), importer.file)
