"""Scopes of names in the syntax tree of one Python file: what each name may refer to; pure."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from minreq.source import syntax
from minreq.source.modulenames import absolute_name, resolve_dots

#: In a path: the result of a call, an instance of a class for example.
CALLED = "()"
#: In a path: the bases of the class before it.
SUPER = "super()"
#: A longer path, or more paths of one name, are not followed: such code computes what it calls.
_MAX_LENGTH = 400
_MAX_PATHS = 6

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(slots=True, kw_only=True)
class _Binding:
    """What the code binds to a name: a path that is known, a value, or an annotation."""

    paths: tuple[str, ...] = ()
    value: ast.expr | None = None
    annotation: ast.expr | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Scope:
    """The names of a module, of a class body or of a function."""

    module: str
    package: str
    parent: Scope | None = None
    #: The qualified name of the class or function, "" for the module.
    qualname: str = ""
    is_class: bool = False
    names: dict[str, list[_Binding]] = field(default_factory=dict)
    star_modules: list[str] = field(default_factory=list)
    #: Names that belong to the module (``global``).
    global_names: set[str] = field(default_factory=set)
    _pending: set[str] = field(default_factory=set)
    _paths_of: dict[str, list[str]] = field(default_factory=dict)
    #: Of names that are searched for other names: in a circle of names, these may be incomplete.
    _partial: dict[str, list[str]] = field(default_factory=dict)

    @property
    def function_name(self) -> str:
        """The qualified name of the function around, "" outside of functions."""
        scope: Scope | None = self
        while scope is not None and scope.is_class:
            scope = scope.parent
        return scope.qualname if scope else ""

    def qualify(self, name: str) -> str:
        """The qualified name of a function or class that this scope defines."""
        return f"{self.qualname}.{name}" if self.qualname else name

    def class_body(self, qualname: str) -> Scope:
        """The scope of the body of a class."""
        return Scope(module=self.module, package=self.package, parent=self, qualname=qualname, is_class=True)

    def function(self, node: FunctionNode, qualname: str) -> Scope:
        """The scope of a function or a lambda, with its parameters."""
        scope = Scope(module=self.module, package=self.package, parent=self, qualname=qualname)
        arguments = node.args
        parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        parameters += [each for each in (arguments.vararg, arguments.kwarg) if each]
        for parameter in parameters:
            scope.bind(parameter.arg, _Binding(annotation=parameter.annotation))
        if self.is_class and not isinstance(node, ast.Lambda) and parameters:
            decorators = {*decorator_names(node)}
            of_class = node.name in {"__new__", "__init_subclass__", "__class_getitem__"} or "classmethod" in decorators
            if "staticmethod" not in decorators:
                path = f"{self.module}.{self.qualname}{'' if of_class else CALLED}"
                scope.names[parameters[0].arg] = [_Binding(paths=(path,))]
        return scope

    def comprehension(self, node: ast.AST) -> Scope:
        """The scope of a comprehension: its code belongs to the function around, and its names do not."""
        scope = Scope(module=self.module, package=self.package, parent=self, qualname=self.function_name)
        for each in ast.iter_child_nodes(node):
            if isinstance(each, ast.comprehension):
                _bind_target(scope, each.target, None)
        return scope

    def bind(self, name: str, binding: _Binding) -> None:
        """Add what *name* may be. A name without any may be anything."""
        if name in self.global_names:
            return
        self.names.setdefault(name, []).append(binding)

    def paths(self, node: ast.expr | None) -> list[str]:  # noqa: PLR0911 - one for each kind of expression
        """The paths that the expression *node* may have; none if the source does not show one."""
        if isinstance(node, ast.Name):
            return self._look_up(node.id)
        if isinstance(node, ast.Attribute):
            attribute = f".{node.attr}"
            return [path + attribute for path in self.paths(node.value) if len(path) < _MAX_LENGTH]
        if isinstance(node, ast.Call):
            return self._paths_of_call(node)
        if isinstance(node, (ast.Await, ast.NamedExpr, ast.Starred)):
            return self.paths(node.value)
        if isinstance(node, ast.IfExp):
            return [*self.paths(node.body), *self.paths(node.orelse)][:_MAX_PATHS]
        if isinstance(node, ast.BoolOp):
            return [path for each in node.values for path in self.paths(each)][:_MAX_PATHS]
        return []

    def _paths_of_call(self, node: ast.Call) -> list[str]:
        name = syntax.last_name(node.func)
        if name == "super" and isinstance(node.func, ast.Name):
            owner = self._enclosing_class()
            classes = [f"{self.module}.{owner}"] if owner is not None else []
            return [f"{path}.{SUPER}" for path in (self.paths(node.args[0]) if node.args else classes)]
        if name == "import_module" and node.args and (text := syntax.constant_text(node.args[0])):
            module = resolve_dots(text, self.package)
            return [module] if module else []
        if name == "partial" and node.args:
            return self.paths(node.args[0])
        if name == "cast" and node.args:
            return self.annotated_paths(node.args[0])
        return [path + CALLED for path in self.paths(node.func) if len(path) < _MAX_LENGTH]

    def _enclosing_class(self) -> str | None:
        scope: Scope | None = self
        while scope is not None and not scope.is_class:
            scope = scope.parent
        return scope.qualname if scope else None

    def _look_up(self, name: str) -> list[str]:
        scope: Scope | None = self
        while scope is not None:
            if scope.parent is None:
                return [f"{self.module}.{name}"] if scope.star_modules or scope.paths_of_name(name) else []
            # A function does not see the names of the class around it.
            if name in scope.names and (scope is self or not scope.is_class):
                return scope.paths_of_name(name)
            scope = scope.parent
        return []

    def paths_of_name(self, name: str) -> list[str]:
        """The paths of a name of this scope."""
        if name in self._paths_of:
            return self._paths_of[name]
        if name in self._partial:
            return self._partial[name]
        if name in self._pending:
            return []
        self._pending.add(name)
        found: dict[str, None] = {}
        for binding in self.names.get(name, ()):
            found |= dict.fromkeys(binding.paths)
            if binding.value is not None:
                found |= dict.fromkeys(self.paths(binding.value))
            if binding.annotation is not None:
                found |= dict.fromkeys(self.annotated_paths(binding.annotation))
        self._pending.discard(name)
        paths = list(found)[:_MAX_PATHS]
        if self._pending:
            self._partial[name] = paths
        else:
            self._partial.clear()
            self._paths_of[name] = paths
        return paths

    def annotated_paths(self, node: ast.expr | None) -> list[str]:
        """The paths of a value with the annotation *node*: instances of the classes that it names."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            with suppress(*syntax.PARSE_ERRORS):
                statement = syntax.parse(node.value.strip()).body[0:1]
                return self.annotated_paths(statement[0].value) if isinstance(statement[0], ast.Expr) else []
        if isinstance(node, ast.BinOp):
            return [*self.annotated_paths(node.left), *self.annotated_paths(node.right)][:_MAX_PATHS]
        if isinstance(node, ast.Subscript):
            return self._paths_of_generic(node)
        if isinstance(node, (ast.Name, ast.Attribute)):
            return [f"{path}{CALLED}" for path in self.paths(node)]
        return []

    def _paths_of_generic(self, node: ast.Subscript) -> list[str]:
        arguments = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        name = syntax.last_name(node.value)
        if name in {"Optional", "Union"}:
            return [path for each in arguments for path in self.annotated_paths(each)][:_MAX_PATHS]
        if name in {"Annotated", "Final", "ClassVar", "Awaitable", "Coroutine"}:
            return self.annotated_paths(arguments[-1 if name == "Coroutine" else 0])
        if name in {"type", "Type"}:
            return [path.removesuffix(CALLED) for path in self.annotated_paths(arguments[0])]
        return [f"{path}{CALLED}" for path in self.paths(node.value)]


def bind_names(scope: Scope, body: Sequence[ast.AST]) -> None:
    """Bind in *scope* all names that the statements of *body* bind, without those of inner scopes."""
    nodes = [*_own_statements(body)]
    for node in nodes:
        if isinstance(node, ast.Global) and scope.parent is not None:
            scope.global_names.update(node.names)
    for node in nodes:
        bind = _BINDERS.get(type(node))
        if bind is not None:
            bind(scope, node)


def _bind_definition(scope: Scope, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
    scope.bind(node.name, _Binding(paths=(f"{scope.module}.{scope.qualify(node.name)}",)))


def _bind_assignment(scope: Scope, node: ast.Assign) -> None:
    for target in node.targets:
        _bind_target(scope, target, node.value)


def _bind_annotated(scope: Scope, node: ast.AnnAssign) -> None:
    if isinstance(node.target, ast.Name):
        scope.bind(node.target.id, _Binding(value=node.value, annotation=node.annotation))


def _bind_with(scope: Scope, node: ast.With | ast.AsyncWith) -> None:
    for item in node.items:
        if item.optional_vars is not None:
            _bind_target(scope, item.optional_vars, item.context_expr)


def _bind_loop(scope: Scope, node: ast.For | ast.AsyncFor) -> None:
    _bind_target(scope, node.target, None)


def _bind_handler(scope: Scope, node: ast.ExceptHandler) -> None:
    if node.name:
        scope.bind(node.name, _Binding())


def _bind_case(scope: Scope, node: ast.match_case) -> None:
    for each in ast.walk(node.pattern):
        name = each.rest if isinstance(each, ast.MatchMapping) else getattr(each, "name", None)
        if isinstance(name, str):
            scope.bind(name, _Binding())


def bind_walrus(scope: Scope, node: ast.NamedExpr) -> None:
    """Bind the name that the expression *node* assigns."""
    _bind_target(scope, node.target, node.value)


def _bind_target(scope: Scope, target: ast.expr, value: ast.expr | None) -> None:
    if isinstance(target, ast.Name):
        scope.bind(target.id, _Binding(value=value))
    elif isinstance(target, (ast.Tuple, ast.List)):
        values = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
        for place, each in enumerate(target.elts):
            _bind_target(scope, each, values[place] if len(values) == len(target.elts) else None)
    elif isinstance(target, ast.Starred):
        _bind_target(scope, target.value, None)


def _bind_imports(scope: Scope, node: ast.Import | ast.ImportFrom) -> None:
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.partition(".")[0]
            scope.bind(alias.asname or top, _Binding(paths=(alias.name if alias.asname else top,)))
        return
    base = absolute_name(node.module or "", node.level, scope.package)
    for alias in node.names:
        if alias.name == "*":
            scope.star_modules += [base] if base else []
        else:
            scope.bind(alias.asname or alias.name, _Binding(paths=(f"{base}.{alias.name}",) if base else ()))


_BINDERS: dict[type[ast.AST], Callable[[Scope, Any], None]] = {
    ast.FunctionDef: _bind_definition,
    ast.AsyncFunctionDef: _bind_definition,
    ast.ClassDef: _bind_definition,
    ast.Import: _bind_imports,
    ast.ImportFrom: _bind_imports,
    ast.Assign: _bind_assignment,
    ast.AnnAssign: _bind_annotated,
    ast.With: _bind_with,
    ast.AsyncWith: _bind_with,
    ast.For: _bind_loop,
    ast.AsyncFor: _bind_loop,
    ast.ExceptHandler: _bind_handler,
    ast.match_case: _bind_case,
}
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _own_statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The statements of *body* in order, with their handlers and cases, without those of functions and classes."""
    waiting = [*body][::-1]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _DEFINITIONS):
            for block in ("finalbody", "orelse", "handlers", "cases", "body"):
                inner = getattr(node, block, None)
                waiting += inner[::-1] if isinstance(inner, list) else []


def decorator_names(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """The last names of the decorators of *node*."""
    for decorator in node.decorator_list:
        yield syntax.last_name(decorator.func if isinstance(decorator, ast.Call) else decorator)
