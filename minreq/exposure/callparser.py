"""Reads the functions, classes and calls of one Python file from its syntax tree; pure.

Names become *paths*, dotted names that begin with a module: ``a.b.Class().method`` is the method of an instance, and
``a.b.Class.super().method`` that of its bases. A path says how the source spells a name; `callgraph` finds what it is.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minreq.exposure.parser import MODULE_LEVEL, module_of, package_of
from minreq.exposure.scopes import CALLED, COMPREHENSIONS, SUPER, Scope, bind_names, bind_walrus, decorator_names
from minreq.source import syntax
from minreq.source.optionalimports import GUARDS, MAX_SOURCE_BYTES, Clause, guarding_clauses
from minreq.system import regularfile


@dataclass(frozen=True, slots=True, kw_only=True)
class NameUse:
    """A place where code uses a name."""

    path: str
    line: int
    #: The function around it; ``<module>``: none. The code of a lambda belongs to the function around the lambda.
    function: str
    is_call: bool = False
    #: It decorates the function, which then runs the code that the decorator returns.
    is_decorator: bool = False
    #: The clauses of the blocks around it in its function, innermost block first.
    clauses: tuple[tuple[Clause, ...], ...] = ()


@dataclass(slots=True, kw_only=True)
class ClassFacts:
    """A class: the paths of its bases, and by attribute the paths of what the attribute may be."""

    bases: tuple[str, ...]
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class CallFacts:
    """The functions, classes and calls of a file, by qualified name (``Class.method``, ``outer.inner``)."""

    module: str
    #: With the paths of what each returns.
    functions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: Those that run when an attribute is read.
    properties: set[str] = field(default_factory=set)
    classes: dict[str, ClassFacts] = field(default_factory=dict)
    #: Other names of the module: imported, or assigned.
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: The modules of which all names are imported.
    star_modules: tuple[str, ...] = ()
    uses: tuple[NameUse, ...] = ()


def read_calls(path: str, file: str) -> CallFacts:
    """Return the calls of the file at *path*, which is *file* below ``site-packages``; none if it is no Python."""
    empty = CallFacts(module=module_of(file))
    try:
        tree = syntax.parse(regularfile.read(Path(path), MAX_SOURCE_BYTES))
        return _Reader(tree, empty.module, package_of(file)).facts
    except (OSError, *syntax.PARSE_ERRORS):
        return empty


class _Reader:
    """Walks the tree of a file. It keeps the scope, and the clauses around, of the node that it is at."""

    def __init__(self, tree: ast.Module, module: str, package: str) -> None:
        self.facts = CallFacts(module=module)
        self._uses: list[NameUse] = []
        self._scope = Scope(module=module, package=package)
        self._clauses: tuple[tuple[Clause, ...], ...] = ()
        self._visitors: dict[type[ast.AST], Callable[[Any], None]] = {
            ast.FunctionDef: self._visit_function,
            ast.AsyncFunctionDef: self._visit_function,
            ast.ClassDef: self._visit_class,
            ast.Lambda: self._visit_lambda,
            ast.Call: self._visit_call,
            ast.Name: self._visit_name,
            ast.Attribute: self._visit_name,
            ast.If: self._visit_if,
            ast.Assign: self._visit_assignment,
            ast.NamedExpr: self._visit_walrus,
            ast.AnnAssign: self._visit_annotated,
            **dict.fromkeys(COMPREHENSIONS, self._visit_comprehension),
            **dict.fromkeys(GUARDS, self._visit_guarded),
            **dict.fromkeys((ast.Constant, ast.Load, ast.Store, ast.Import, ast.ImportFrom, ast.Pass), self._skip),
        }
        bind_names(self._scope, tree.body)
        self._visit_all(tree.body)
        self.facts.names = self._named_paths()
        self.facts.star_modules = tuple(self._scope.star_modules)
        self.facts.uses = tuple(self._uses)

    def _named_paths(self) -> dict[str, tuple[str, ...]]:
        """The paths of the names of the scope that are not just functions and classes of its own."""
        found: dict[str, tuple[str, ...]] = {}
        for name in self._scope.names:
            own = f"{self.facts.module}.{self._scope.qualify(name)}"
            paths = tuple(path for path in self._scope.paths_of_name(name) if path != own)
            found |= {name: paths} if paths else {}
        return found

    def _visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self._visit(node)

    def _visit(self, node: ast.AST) -> None:
        visit = self._visitors.get(type(node), self._visit_children)
        visit(node)

    def _visit_call(self, node: ast.Call) -> None:
        self._add_uses(node.func, node.lineno, is_call=True)
        self._visit_inside(node.func)
        self._visit_all(node.args)
        for keyword in node.keywords:
            self._visit(keyword.value)

    def _visit_name(self, node: ast.Name | ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Load):
            self._add_uses(node, node.lineno)
        self._visit_inside(node)

    def _visit_comprehension(self, node: ast.AST) -> None:
        outer, self._scope = self._scope, self._scope.comprehension(node)
        self._visit_children(node)
        self._scope = outer

    def _visit_if(self, node: ast.If) -> None:
        if syntax.last_name(node.test) == "TYPE_CHECKING":
            self._visit_all(node.orelse)
        else:
            self._visit_children(node)

    def _visit_assignment(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._add_attribute(target, node.value)
        self._visit_children(node)

    def _visit_annotated(self, node: ast.AnnAssign) -> None:
        self._add_attribute(node.target, node.value, node.annotation)
        if node.value:
            self._visit(node.value)

    def _visit_walrus(self, node: ast.NamedExpr) -> None:
        bind_walrus(self._scope, node)
        self._visit(node.value)

    def _visit_children(self, node: ast.AST) -> None:
        for name in node._fields:
            child = getattr(node, name, None)
            if isinstance(child, ast.AST):
                self._visit(child)
            elif isinstance(child, list):
                for each in child:
                    if isinstance(each, ast.AST):
                        self._visit(each)

    def _skip(self, node: ast.AST) -> None:
        """Visit nothing: *node* has no names."""

    def _visit_guarded(self, node: ast.AST) -> None:
        """Visit the children of *node*, those in its guarded body under its clauses."""
        clauses = tuple(guarding_clauses(node))
        body = {id(each) for each in getattr(node, "body", ())} if clauses else set()
        before = self._clauses
        for child in ast.iter_child_nodes(node):
            self._clauses = (clauses, *before) if id(child) in body else before
            self._visit(child)
        self._clauses = before

    def _visit_inside(self, node: ast.expr) -> None:
        """Visit what is inside of the name *node*: ``a.b`` in ``a.b.c``, the call in ``a().b``."""
        if isinstance(node, ast.Attribute):
            self._visit(node.value)
        elif not isinstance(node, ast.Name):
            self._visit(node)

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        qualname = self._scope.qualify(node.name)
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            self._add_uses(called, decorator.lineno, is_decorator=True, function=qualname)
            self._visit_all([*decorator.args, *decorator.keywords] if isinstance(decorator, ast.Call) else [])
        self._visit_all([*node.args.defaults, *(each for each in node.args.kw_defaults if each)])
        returned = self._scope.annotated_paths(node.returns)
        self.facts.functions[qualname] = (*self.facts.functions.get(qualname, ()), *returned)
        if any(name.endswith("property") for name in decorator_names(node)):
            self.facts.properties.add(qualname)
        self._visit_body(self._scope.function(node, qualname), node.body)

    def _visit_lambda(self, node: ast.Lambda) -> None:
        self._visit_all([*node.args.defaults, *(each for each in node.args.kw_defaults if each)])
        self._visit_body(self._scope.function(node, self._scope.function_name), [node.body])

    def _visit_class(self, node: ast.ClassDef) -> None:
        qualname = self._scope.qualify(node.name)
        self._visit_all([*node.decorator_list, *(keyword.value for keyword in node.keywords)])
        bases = tuple(path for base in node.bases for path in self._scope.paths(_without_arguments(base)))
        self.facts.classes[qualname] = ClassFacts(bases=bases)
        outer, self._scope = self._scope, self._scope.class_body(qualname)
        bind_names(self._scope, node.body)
        self._visit_all(node.body)
        attributes = self.facts.classes[qualname].attributes
        for name, paths in self._named_paths().items():
            attributes[name] = (*attributes.get(name, ()), *paths)
        self._scope = outer

    def _visit_body(self, scope: Scope, body: Sequence[ast.AST]) -> None:
        before = self._scope, self._clauses
        self._scope, self._clauses = scope, ()
        bind_names(scope, body)
        self._visit_all(body)
        self._scope, self._clauses = before

    def _add_uses(
        self, node: ast.expr, line: int, *, is_call: bool = False, is_decorator: bool = False, function: str = ""
    ) -> None:
        for path in self._scope.paths(node):
            self._uses.append(
                NameUse(
                    path=path,
                    line=line,
                    function=function or self._scope.function_name or MODULE_LEVEL,
                    is_call=is_call,
                    is_decorator=is_decorator,
                    clauses=self._clauses,
                )
            )

    def _add_attribute(self, target: ast.expr, value: ast.expr | None, annotation: ast.expr | None = None) -> None:
        """Record what ``self.name`` may be."""
        if not isinstance(target, ast.Attribute):
            return
        for path in self._scope.paths(target.value):
            owner = path.removeprefix(f"{self.facts.module}.").removesuffix(CALLED)
            if path.endswith(CALLED) and owner in self.facts.classes:
                attributes = self.facts.classes[owner].attributes
                found = (*self._scope.paths(value), *self._scope.annotated_paths(annotation))
                attributes[target.attr] = (*attributes.get(target.attr, ()), *found)


def _without_arguments(base: ast.expr) -> ast.expr:
    """``Base`` for ``Base[T]``."""
    return base.value if isinstance(base, ast.Subscript) else base


def last_part(path: str) -> str:
    """The last name of *path*, without the mark of a call."""
    return path.rpartition(".")[2].rstrip(CALLED)


def parts_of(path: str) -> Iterator[str]:
    """The names of *path*, each followed by the mark of a call for each time that the path calls it."""
    for part in path.split("."):
        name = SUPER if part.startswith(SUPER) else part.rstrip(CALLED)
        yield name
        yield from [CALLED] * ((len(part) - len(name)) // len(CALLED))
