"""Read the source of a module: which of its imports can be deferred, and why the others cannot; nothing is run."""

from __future__ import annotations

import ast
import codecs
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from minreq.imports.assignments import changes_imported, count_submodules, find_assigned
from minreq.imports.bindings import find_bindings, imported_as, is_type_checking
from minreq.imports.reads import ReadFinder
from minreq.imports.sourcemodule import ImportedName, ImportStatement, SourceModule, Span
from minreq.source import syntax
from minreq.source.modulenames import resolve_dots

#: What the rewritten source calls; a source that has it already is not changed.
MODULE_NAME = "_minreq_module"
_BOUND_TWICE = "bound more than once"
_DUNDER = "a name of the interpreter"
_SHARES_LINE = "its statement shares a line with another"
_REPLACED = "the module replaces itself or its namespace"
_GETATTR = "the module has a __getattr__ of its own that cannot be joined"
#: The nodes of a module that are read wherever they are in it.
_NODES = (ast.Import, ast.ImportFrom, ast.Global, ast.Attribute)
#: A module with one of these may not be what its namespace is, or may have been prepared already.
_REPLACING = re.compile(
    rb"sys\.modules\[\s*__name__|sys\.modules\[[^]\n]*\]\s*=[^=]|\b__lazy_modules__\b|" + MODULE_NAME.encode()
)


def analyze_module(source: bytes, name: str, *, is_package: bool, late_annotations: bool) -> SourceModule | None:
    """Return what can be deferred in *source*, the module *name*; ``None`` where it cannot be read for sure.

    With *late_annotations* the interpreter evaluates annotations when somebody asks for them (Python 3.14).
    """
    tree = _parse(source)
    if tree is None:
        return None
    lines = _Lines(source)
    package = name if is_package else name.rpartition(".")[0]
    statements, imports = _find_imports(tree, lines, package)
    nodes = [each for each in ast.walk(tree) if isinstance(each, _NODES)]
    bindings = find_bindings(_running(tree.body))
    known = SourceModule(
        name=name,
        source=source,
        star_imports=_find_star_imports(nodes, package),
        has_all="__all__" in bindings.names,
        assigned=find_assigned(nodes, name, package),
        changes_imported=changes_imported(tree, name),
        shared_with_submodules=frozenset(Counter(bindings.names) - count_submodules(tree, name, package)),
    )
    if not imports:
        return known
    refusals = {each: _BOUND_TWICE for each, count in Counter(bindings.names).items() if count > 1}
    refusals |= {each: _DUNDER for each in imports if each.startswith("__")}
    refusals |= {
        each: _SHARES_LINE for each, found in imports.items() if _shares_line(source, statements[found.statement].span)
    }
    finder = ReadFinder(
        imports, lines.locate, text_annotations=_has_text_annotations(tree), late_annotations=late_annotations
    )
    finder.visit(tree)
    after_getattr, refusal = _find_getattr(tree, lines, bindings.names)
    if _REPLACING.search(source):
        refusal = _REPLACED
    if refusal or finder.found.refusal:
        refusals = dict.fromkeys(imports, refusal or finder.found.refusal)
    refusals = {**finder.found.refusals, **refusals}
    return replace(
        known,
        statements=statements,
        imports=imports,
        refusals={each: why for each, why in refusals.items() if each in imports},
        refused_at={
            each: line
            for each, line in finder.found.refused_at.items()
            if refusals[each] == finder.found.refusals[each]
        },
        reads={each: frozenset(spans) for each, spans in finder.found.spans.items()},
        strings=tuple(finder.found.strings),
        after_getattr=after_getattr,
        shared_with_submodules=known.shared_with_submodules | finder.found.others.difference(bindings.names),
    )


def _find_star_imports(nodes: Iterable[ast.AST], package: str) -> frozenset[str]:
    return frozenset(
        base
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
        if (base := _origin_module(node, package))
    )


def _parse(source: bytes) -> ast.Module | None:
    """Return the tree of *source*, ``None`` if it is no Python in UTF-8 whose lines end in a line feed."""
    if source.startswith(codecs.BOM_UTF8) or b"\r" in source.replace(b"\r\n", b""):
        return None
    try:
        source.decode("utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = syntax.parse(source)
    except syntax.PARSE_ERRORS:
        return None
    return None if _names_other_encoding(source) else tree


def _names_other_encoding(source: bytes) -> bool:
    head = b"\n".join(source.splitlines()[:2]).lower()
    return b"coding" in head and b"utf-8" not in head and b"utf8" not in head


class _Lines:
    """Finds the offsets of nodes."""

    def __init__(self, source: bytes) -> None:
        self.starts = [0]
        for line in source.split(b"\n")[:-1]:
            self.starts.append(self.starts[-1] + len(line) + 1)

    def locate(self, node: ast.AST) -> Span:
        """Return the span of *node*."""
        place = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
        (line, column), (end_line, end_column) = place
        return self.starts[line - 1] + column, self.starts[end_line - 1] + end_column


def _running(statements: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield *statements* without what only type checkers see."""
    for each in statements:
        if isinstance(each, ast.If) and is_type_checking(each.test):
            yield from _running(each.orelse)
        else:
            yield each


def _find_imports(
    tree: ast.Module, lines: _Lines, package: str
) -> tuple[dict[int, ImportStatement], dict[str, ImportedName]]:
    statements: dict[int, ImportStatement] = {}
    imports: dict[str, ImportedName] = {}
    for number, node in enumerate(tree.body):
        if not isinstance(node, (ast.Import, ast.ImportFrom)) or node.names[0].name == "*":
            continue
        base = _origin_module(node, package) if isinstance(node, ast.ImportFrom) else ""
        if base is None or base == "__future__":
            continue
        origin = "." * node.level + (node.module or "") if isinstance(node, ast.ImportFrom) else ""
        for each in node.names:
            name = imported_as(each)
            imports[name] = ImportedName(
                name=name,
                statement=number,
                alias=each.name + (f" as {each.asname}" if each.asname else ""),
                span=lines.locate(each),
                origin=origin,
                modules=(base, f"{base}.{each.name}") if base else (each.name,),
            )
        statements[number] = ImportStatement(
            span=lines.locate(node), line=node.lineno, names=tuple(map(imported_as, node.names))
        )
    return statements, imports


def _origin_module(node: ast.ImportFrom, package: str) -> str | None:
    """Return the module that *node* imports from; ``None`` where its dots lead out of the top package."""
    return resolve_dots("." * node.level + (node.module or ""), package) or None


def _has_text_annotations(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(each.name == "annotations" for each in node.names)
        for node in tree.body
    )


def _shares_line(source: bytes, span: Span) -> bool:
    start, end = span
    before = source[source.rfind(b"\n", 0, start) + 1 : start]
    after = source[end : source.find(b"\n", end) if b"\n" in source[end:] else len(source)]
    return bool(before.strip()) or after.strip()[:1] not in {b"", b"#"}


def _find_getattr(tree: ast.Module, lines: _Lines, names: Sequence[str]) -> tuple[tuple[int, bool] | None, str]:
    """Return where a call can be put behind the module's own ``__getattr__``, and why none can."""
    if "__getattr__" not in names:
        return None, ""
    for number, node in enumerate(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name == "__getattr__" and names.count("__getattr__") == 1:
            if number + 1 == len(tree.body):
                return (-1, False), ""
            following = tree.body[number + 1]
            if isinstance(following, (ast.Assign, ast.AnnAssign, ast.Expr, ast.Import, ast.ImportFrom)):
                return (lines.locate(following)[0], True), ""
            # A line without code lies between most functions.
            line = (node.end_lineno or node.lineno) + 1
            start = min([following.lineno, *(each.lineno for each in getattr(following, "decorator_list", ()))])
            return ((lines.starts[line - 1], False), "") if line < start else (None, _GETATTR)
    return None, _GETATTR
