"""Find where a module reads the names that it imports: as it runs, or later; nothing is run."""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from minreq.analyze.kinds import COLD_CALL
from minreq.imports.bindings import (
    defaults_of,
    find_bindings,
    imported_as,
    is_type_checking,
    parameters_of,
)
from minreq.imports.sourcemodule import Span, TextWithNames
from minreq.source import syntax

READ_AT_IMPORT = "the module reads it as it runs"
IN_STRING = "a string names it that is evaluated as the module runs"
IN_ANNOTATION = "a string in an annotation may be the name or a value"
IN_FORMAT = "an f-string reads it"
IN_CLASS = "a class binds the name too"
ASSIGNED = "a function assigns it"
READS_GLOBALS = "the module reads its own namespace"

#: A string in one of these stands for a type.
_GENERICS = frozenset(
    {
        *("Annotated", "AsyncGenerator", "AsyncIterable", "AsyncIterator", "Awaitable", "Callable", "ClassVar"),
        *("Collection", "Coroutine", "DefaultDict", "Deque", "Dict", "Final", "FrozenSet", "Generator", "Iterable"),
        *("Iterator", "List", "Mapping", "MutableMapping", "MutableSequence", "Optional", "Sequence", "Set", "Tuple"),
        *("Type", "Union", "dict", "frozenset", "list", "set", "tuple", "type"),
    }
)
#: Functions that read the namespace of the module around them, whoever calls them.
_NAMESPACE_CALLS = frozenset({"globals", "eval", "exec"})
#: The same without arguments.
_NAMESPACE_CALLS_BARE = frozenset({"vars", "dir", "locals"})
_COLD_CALL = ast.unparse(ast.parse(COLD_CALL, mode="eval"))
#: What an expression may begin with that reads names, besides a name.
_BEGINNINGS = frozenset("(['\"")
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(slots=True)
class Scope:
    """A scope inside of the module."""

    is_class: bool
    names: Collection[str]
    global_names: Collection[str] = ()
    #: Whether it has type parameters alone; what is in it sees the names of the class around it.
    has_type_parameters: bool = False


@dataclass(slots=True, kw_only=True)
class Reads:
    """What `ReadFinder` finds."""

    spans: dict[str, set[Span]] = field(default_factory=lambda: defaultdict(set))
    refusals: dict[str, str] = field(default_factory=dict)
    #: The line of each refusal.
    refused_at: dict[str, int] = field(default_factory=dict)
    strings: list[TextWithNames] = field(default_factory=list)
    #: Names of the module, or of the interpreter, that are read and not imported.
    others: set[str] = field(default_factory=set)
    #: Why no name of the module can be deferred.
    refusal: str = ""


class ReadFinder(ast.NodeVisitor):
    """Visits a module and finds the reads of *imported* names.

    *locate* returns where a node is in the source. With *late_annotations* annotations are evaluated when somebody asks
    for them, and with *text_annotations* never.
    """

    def __init__(
        self,
        imported: Collection[str],
        locate: Callable[[ast.AST], Span],
        *,
        text_annotations: bool,
        late_annotations: bool,
    ) -> None:
        self.found = Reads()
        self._imported = frozenset(imported)
        self._locate = locate
        self._text_annotations = text_annotations
        self._late_annotations = late_annotations
        self._scopes: list[Scope] = []
        #: Whether the code runs with the module.
        self._is_eager = True
        #: Collects the names of an annotation that does not stay as it is.
        self._names: set[str] | None = None
        self._in_format = False

    def _refuse(self, name: str, reason: str, node: ast.AST) -> None:
        if name in self._imported and name not in self.found.refusals:
            self.found.refusals[name] = reason
            self.found.refused_at[name] = getattr(node, "lineno", 0)

    @contextmanager
    def _inside(self, scope: Scope | None = None, *, later: bool = False) -> Iterator[None]:
        """Be in *scope*; what it has runs *later* than the module."""
        was_eager, names = self._is_eager, self._names
        if later:
            self._is_eager, self._names = False, None
        if scope is not None:
            self._scopes.append(scope)
        yield
        if scope is not None:
            self._scopes.pop()
        self._is_eager, self._names = was_eager, names

    def _visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    # Names.

    def visit_Name(self, node: ast.Name) -> None:
        """Note a read of an imported name."""
        name = node.id
        if name not in self._imported:
            if isinstance(node.ctx, ast.Load) and self._is_of_module(name, node):
                self.found.others.add(name)
                if name in _NAMESPACE_CALLS:
                    self.found.refusal = READS_GLOBALS
            return
        if not isinstance(node.ctx, ast.Load):
            if any(name in scope.global_names for scope in self._scopes):
                self._refuse(name, ASSIGNED, node)
            return
        if not self._is_of_module(name, node):
            return
        if self._in_format and sys.version_info < (3, 12):
            self._refuse(name, IN_FORMAT, node)  # The positions of its nodes are wrong.
        if self._names is not None:
            self._names.add(name)
        elif self._is_eager:
            self._refuse(name, READ_AT_IMPORT, node)
        self.found.spans[name].add(self._locate(node))

    def _is_of_module(self, name: str, node: ast.Name) -> bool:
        """Whether *name* is that of the module here; refuse a name that a class has too."""
        sees_class = True
        for scope in reversed(self._scopes):
            if scope.is_class:
                if sees_class and name in scope.names:
                    self._refuse(name, IN_CLASS, node)
                    return False
            elif name in scope.global_names:
                return True
            elif name in scope.names:
                return False
            sees_class = sees_class and scope.has_type_parameters
        return True

    def _bind_imports(self, node: ast.Import | ast.ImportFrom) -> None:
        for name in map(imported_as, node.names):
            if any(name in scope.global_names for scope in self._scopes):
                self._refuse(name, ASSIGNED, node)

    visit_Import = visit_ImportFrom = _bind_imports  # noqa: N815 - The names of `ast.NodeVisitor`.

    # Scopes.

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._visit_all((*node.decorator_list, *defaults_of(node.args)))
        parameters = parameters_of(node.args)
        bindings = find_bindings(node.body)
        local = {*bindings.local_names, *(each.arg for each in parameters)} - bindings.global_names
        with self._inside(self._type_parameters(node)):
            for annotation in (*(each.annotation for each in parameters), node.returns):
                if annotation is not None:
                    self._visit_annotation(annotation)
            with self._inside(Scope(False, local, bindings.global_names), later=True):
                self._visit_all(node.body)

    visit_FunctionDef = visit_AsyncFunctionDef = _visit_function  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Visit a lambda: its body runs later."""
        self._visit_all(defaults_of(node.args))
        local = {each.arg for each in parameters_of(node.args)} | {*find_bindings([node.body]).names}
        with self._inside(Scope(False, local), later=True):
            self.visit(node.body)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Visit a class: its body runs with the module."""
        self._visit_all(node.decorator_list)
        bindings = find_bindings(node.body)
        with self._inside(self._type_parameters(node)):
            self._visit_all((*node.bases, *(each.value for each in node.keywords)))
            with self._inside(Scope(True, bindings.local_names, bindings.global_names)):
                # Who makes the class may evaluate its annotations.
                is_plain = not (node.decorator_list or node.bases or node.keywords)
                for each in node.body:
                    if isinstance(each, ast.AnnAssign):
                        self._visit_annotated(each, in_plain_class=is_plain)
                    else:
                        self.visit(each)

    def _type_parameters(self, node: ast.AST) -> Scope | None:
        """Return the scope of the type parameters of *node*, which is there from Python 3.12 on."""
        parameters = getattr(node, "type_params", ())
        if not parameters:
            return None
        scope = Scope(False, {each.name for each in parameters}, has_type_parameters=True)
        with self._inside(scope, later=True):
            self._visit_all(child for each in parameters for child in ast.iter_child_nodes(each))
        return scope

    def _visit_comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        names = {each.id for part in node.generators for each in ast.walk(part.target) if isinstance(each, ast.Name)}
        self.visit(node.generators[0].iter)
        with self._inside(Scope(False, names)):
            self._visit_all(part.iter for part in node.generators[1:])
            self._visit_all(test for part in node.generators for test in part.ifs)
            self._visit_all((node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,))

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _visit_comprehension  # noqa: N815

    def visit_TypeAlias(self, node: ast.AST) -> None:
        """Visit ``type x = ...``, which is evaluated when somebody asks for it."""
        with self._inside(self._type_parameters(node)), self._inside(later=True):
            self.visit(node.value)  # type: ignore[attr-defined]

    # Annotations.

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Visit an annotated assignment outside of a class."""
        self._visit_annotated(node, in_plain_class=False)

    def _visit_annotated(self, node: ast.AnnAssign, *, in_plain_class: bool) -> None:
        self._visit_all((node.target, node.value))
        in_function = bool(self._scopes) and not self._scopes[-1].is_class
        if not in_function:  # There it is never evaluated.
            self._visit_annotation(node.annotation, in_class=bool(self._scopes) and not in_plain_class)

    def _visit_annotation(self, node: ast.expr, *, in_class: bool = False) -> None:
        """Visit an annotation; the class around it may evaluate it where it is *in_class*."""
        names: set[str] = set()
        was, self._names = self._names, names
        self.visit(node)
        self._names = was
        stays = in_class or (self._is_eager and not (self._text_annotations or self._late_annotations))
        self._find_strings(node, stays=stays)
        for name in names if stays else ():
            self._refuse(name, READ_AT_IMPORT, node)

    def _find_strings(self, node: ast.expr, *, stays: bool) -> None:
        """Find the names in the strings of an annotation; refuse those of one that *stays*, or that may be a value."""
        for place, text, is_certain in find_texts(node):
            names, inside = names_in_text(text)
            doubtful = inside if is_certain and not stays else names | inside
            for name in sorted(doubtful):
                self._refuse(name, READ_AT_IMPORT if stays else IN_ANNOTATION, place)
            if found := names & self._imported - doubtful:
                self.found.strings.append(TextWithNames(span=self._locate(place), names=found, text=text))

    # What reads names by their text.

    def visit_Constant(self, node: ast.Constant) -> None:
        """Refuse names in a string that runs with the module; it may be evaluated."""
        if self._is_eager and self._names is None and isinstance(node.value, str):
            for name in frozenset().union(*names_in_text(node.value)):
                self._refuse(name, IN_STRING, node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """Visit an assignment; strings in a list of ``__all__`` are no reads: who uses them asks the module."""
        targets = [each.id for each in node.targets if isinstance(each, ast.Name)]
        if targets == ["__all__"] and isinstance(node.value, (ast.List, ast.Tuple)):
            self._visit_all(each for each in node.value.elts if not isinstance(each, ast.Constant))
        else:
            self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        """Visit a statement that is an expression, but for a docstring and the call of a cold tree."""
        is_call = isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute)
        if isinstance(node.value, ast.Constant) or (is_call and ast.unparse(node.value) == _COLD_CALL):
            return
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        """Visit a call; refuse all names where the module reads its own namespace."""
        if isinstance(node.func, ast.Name):
            is_bare = not (node.args or node.keywords) and node.func.id in _NAMESPACE_CALLS_BARE
            # In a function, `locals` has its own names.
            if is_bare and not self._scopes:
                self.found.refusal = READS_GLOBALS
        self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Visit an f-string; ``{name=}`` shows the source, which must not change."""
        previous = ""
        for each in node.values:
            if isinstance(each, ast.FormattedValue) and previous.rstrip().endswith("="):
                for name in _WORD.findall(previous):
                    self._refuse(name, IN_FORMAT, node)
            previous = syntax.constant_text(each) or ""
        was, self._in_format = self._in_format, True
        self._visit_all(each for each in node.values if isinstance(each, ast.FormattedValue))
        self._in_format = was

    def visit_TemplateStr(self, node: ast.AST) -> None:
        """Refuse the names in a t-string, which has the source of its values."""
        for each in ast.walk(node):
            if isinstance(each, ast.Name):
                self._refuse(each.id, IN_FORMAT, each)

    def visit_If(self, node: ast.If) -> None:
        """Visit a condition, without what only type checkers see; the condition itself is evaluated."""
        if is_type_checking(node.test):
            self._visit_all((node.test, *node.orelse))
        else:
            self.generic_visit(node)


def find_texts(annotation: ast.AST, *, is_certain: bool = True) -> Iterator[tuple[ast.AST, str, bool]]:
    """Yield the strings in *annotation* that may be names, and whether each is one for certain.

    No value of ``Literal``, and nothing that ``Annotated`` adds, is a name.
    """
    text = syntax.constant_text(annotation) if isinstance(annotation, ast.expr) else None
    if text is not None:
        yield annotation, text, is_certain
    elif isinstance(annotation, ast.Subscript):
        generic, arguments = syntax.last_name(annotation.value), annotation.slice
        if generic == "Annotated" and isinstance(arguments, ast.Tuple):
            arguments = arguments.elts[0]
        if generic != "Literal":
            yield from find_texts(arguments, is_certain=is_certain and generic in _GENERICS)
    else:
        is_certain = is_certain and isinstance(annotation, (ast.Tuple, ast.List, ast.BinOp))
        for each in ast.iter_child_nodes(annotation):
            yield from find_texts(each, is_certain=is_certain)


def names_in_text(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that *text* reads as an expression, and those in strings in it."""
    nothing = frozenset[str](), frozenset[str]()
    if text.startswith("*"):  # No expression: an annotation of ``*arguments``.
        return frozenset(), frozenset().union(*names_in_text(text[1:]))
    begins_as_name = text.strip()[:1].isidentifier() or text.strip()[:1] in _BEGINNINGS
    if len(text) > 1000 or not begins_as_name:  # noqa: PLR2004 - No annotation is longer.
        return nothing
    try:
        tree = syntax.parse_expression(text)
    except syntax.PARSE_ERRORS:
        return nothing
    names = frozenset(each.id for each in ast.walk(tree) if isinstance(each, ast.Name))
    inside = [names_in_text(each) for _, each, _ in find_texts(tree.body) if each != text]
    return names, frozenset().union(*(found for both in inside for found in both))
