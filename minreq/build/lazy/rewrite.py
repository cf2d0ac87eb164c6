"""Rewrite the source of a module so that some of its imports run later; pure.

The unit is a name. It leaves its import statement, and a call in the same line defers it. Code of the module that reads
the name reads it from the module object, which looks it up when it is not there yet (PEP 562). Every other byte and the
number of each line stay.
"""

from __future__ import annotations

import ast
import dis
import io
import tokenize
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import CodeType, MappingProxyType

from minreq.analyze.kinds import LAZY_MODULE
from minreq.imports.analyze import MODULE_NAME
from minreq.imports.bindings import is_type_checking
from minreq.imports.reads import find_texts
from minreq.imports.sourcemodule import ImportedName, ImportStatement, SourceModule
from minreq.source import syntax

#: What the first line says.
NOTICE = "# Changed by `minreq build --lazy`: some imports run later. minreq-build.json lists them."

_CALL = f'__import__("{LAZY_MODULE}")'

#: Instructions that look up a global, the last from Python 3.13 on.
_GLOBAL_READS = frozenset({"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"})

#: Packages, each with the modules that are to be attributes of it.
ServedModules = tuple[tuple[str, tuple[str, ...]], ...]

#: A piece of the source, and what replaces it.
_Change = tuple[int, int, bytes]


def rewrite(
    module: SourceModule,
    names: Collection[str],
    *,
    submodules: ServedModules = (),
    loads: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> bytes:
    """Return the source with the imports of *names* deferred.

    *submodules* are packages, and modules that are to be attributes of them. *loads* has by deferred name modules with
    effects outside of themselves: they are loaded where the statement of the name is.
    """
    names = frozenset(names) & module.deferrable
    changes = [*_change_statements(module, names, loads), *_change_reads(module, names)]
    if names or submodules:
        changes += _wrap_getattr(module)
    text = apply_changes(module.source, changes)
    text = apply_changes(text, insert_notice(text))
    calls = []
    if module.after_getattr == (-1, False) and (names or submodules):
        calls.append(f"{_CALL}.keep_getattr(__name__)")
    for package, served in submodules:
        shown = "__name__" if package == module.name else repr(package)
        calls.append(f"{_CALL}.serve_modules({shown}, {' '.join(_shorten(each, package) for each in served)!r})")
    if calls:
        text += (b"" if text.endswith(b"\n") else b"\n") + "; ".join(calls).encode() + b"\n"
    return text


def _shorten(module: str, package: str) -> str:
    return module.removeprefix(package) if module.startswith(f"{package}.") else module


def _change_statements(
    module: SourceModule, names: Collection[str], loads: Mapping[str, Collection[str]]
) -> Iterator[_Change]:
    by_statement: dict[int, list[ImportedName]] = defaultdict(list)
    for name in names:
        by_statement[module.imports[name].statement].append(module.imports[name])
    for number in sorted(by_statement):
        statement = module.statements[number]
        deferred = sorted(by_statement[number], key=lambda each: each.span)
        aliases = ", ".join(each.alias for each in deferred)
        call = f"{MODULE_NAME} = {_CALL}.defer(__name__, {statement.line}, {deferred[0].origin!r}, {aliases!r})"
        if loaded := {module_name for each in deferred for module_name in loads.get(each.name, ())}:
            call += f"; {_CALL}.load({' '.join(sorted(loaded))!r})"
        yield (*statement.span, _replace_statement(module, statement, deferred, call))


def _replace_statement(
    module: SourceModule, statement: ImportStatement, deferred: Sequence[ImportedName], call: str
) -> bytes:
    """Return what stays of *statement* without the *deferred* names, and the *call*; comments and lines stay."""
    start, end = statement.span
    text = module.source[start:end]
    kept = [module.imports[each] for each in statement.names if module.imports[each] not in deferred]
    if not kept:
        comments = [_comment(line) for line in text.split(b"\n")]
        return b"\n".join([b"  ".join(filter(None, (call.encode(), comments[0]))), *comments[1:]])
    if b"(" not in text:
        head = f"from {kept[0].origin} import " if kept[0].origin else "import "
        shown = ", ".join(each.alias for each in kept)
        return f"{head}{shown}; {call}".encode() + b"\n" * text.count(b"\n")
    removed = []
    for each in deferred:
        after = each.span[1]
        comma = module.source.find(b",", after, end)
        # A comment between an alias and its comma may have a comma too; then the alias goes alone.
        between = module.source[after:comma] if comma >= 0 else b"#"
        removed.append((each.span[0], comma + 1 if not between.strip() else after, b""))
    body = apply_changes(module.source[:end], removed)[start:] if removed else text
    return body + f"; {call}".encode()


def _comment(line: bytes) -> bytes:
    """Return the comment in *line*, which is a part of an import statement."""
    found = line.partition(b"#")
    return (found[1] + found[2]).rstrip(b"\r")


def _change_reads(module: SourceModule, names: Collection[str]) -> Iterator[_Change]:
    changes: list[_Change] = []
    for name in names:
        changes += [
            (start, end, f"{MODULE_NAME}.".encode() + module.source[start:end])
            for start, end in module.reads.get(name, ())
        ]
    for each in module.strings:
        if found := each.names & frozenset(names):
            changes.append((*each.span, repr(_rename(each.text, found)).encode()))
    yield from changes


def _rename(text: str, names: Collection[str]) -> str:
    """Return *text*, an expression, with each of *names* read from the module."""

    class Renamer(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            if node.id not in names:
                return node
            return ast.Attribute(ast.Name(MODULE_NAME, ast.Load()), node.id, node.ctx)

    return ast.unparse(Renamer().visit(syntax.parse_expression(text)))


def _wrap_getattr(module: SourceModule) -> Iterator[_Change]:
    """Yield the call behind the module's own ``__getattr__``, which would hide the deferred names."""
    if module.after_getattr is None or module.after_getattr[0] < 0:
        return
    offset, shares_line = module.after_getattr
    call = f"{_CALL}.keep_getattr(__name__)".encode()
    line = module.source[offset : module.source.find(b"\n", offset)].strip()
    yield offset, offset, call + (b"; " if shares_line else b"  " if line else b"")


def insert_notice(source: bytes) -> Iterator[_Change]:
    """Yield the notice at the end of the first line that can have one.

    That is the line in which the docstring ends, if the source begins with one; and the second, behind ``#!``.
    """
    if not source:
        yield 0, 0, NOTICE.encode() + b"\n"
    lines = source.split(b"\n")
    tokens = tokenize.tokenize(io.BytesIO(source).readline)
    for token in tokens:
        if token.type not in {tokenize.COMMENT, tokenize.NEWLINE, tokenize.NL}:
            continue
        if token.type == tokenize.COMMENT and token.string.startswith("#!"):
            next(tokens)
            continue
        line, column = token.end if token.type == tokenize.COMMENT else token.start
        before = lines[line - 1].decode()[:column].encode()
        offset = sum(len(each) + 1 for each in lines[: line - 1]) + len(before)
        yield offset, offset, (b"  " if before.strip() else b"") + NOTICE.encode()
        return


def apply_changes(source: bytes, changes: Iterable[_Change]) -> bytes:
    """Return *source* with pieces of it replaced; they must not overlap."""
    pieces, position = [], 0
    for start, end, text in sorted(changes):
        if start < position:
            raise AssertionError(f"changes overlap at byte {start}")
        pieces += [source[position:start], text]
        position = end
    return b"".join(pieces) + source[position:]


def is_sound(source: bytes, text: bytes, names: Collection[str] = ()) -> bool:
    """Whether *text* is Python, has the lines of the *source*, and means the same but for its imports.

    No code in it may read one of the deferred *names* as a global: no look-up follows.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            before, after = syntax.parse(source), syntax.parse(text)
            if names and _reads_global(_compile(syntax.parse(text)), frozenset(names)):
                return False
    except syntax.PARSE_ERRORS:
        return False
    added = len(text.splitlines()) - len(source.splitlines())
    return added in {0, 1, 2} and _meaning(before) == _meaning(after)


def _compile(tree: ast.Module) -> CodeType:
    """Return the code of *tree* without what only type checkers see."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and is_type_checking(node.test):
            node.body = [ast.copy_location(ast.Pass(), node)]
    return compile(tree, "", "exec", dont_inherit=True)


def _reads_global(code: CodeType, names: frozenset[str]) -> bool:
    """Whether *code*, or what is defined in it, reads one of *names* where a global is looked up."""
    if not names.isdisjoint(code.co_names):
        for each in dis.get_instructions(code):
            if each.opname in _GLOBAL_READS and each.argval in names:
                return True
    return any(_reads_global(each, names) for each in code.co_consts if isinstance(each, CodeType))


def _meaning(tree: ast.Module) -> tuple[str, Sequence[int]]:
    """Return *tree* without its imports and the calls of the runtime, with each name read as it was, and its lines."""

    class Plain(ast.NodeTransformer):
        def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
            self.generic_visit(node)
            is_module = isinstance(node.value, ast.Name) and node.value.id == MODULE_NAME
            return ast.Name(node.attr, node.ctx) if is_module else node

        def visit_arg(self, node: ast.arg) -> ast.AST:
            return ast.arg(node.arg, _plain(node.annotation))

        def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
            node.returns = _plain(node.returns)
            return self.generic_visit(node)

        visit_FunctionDef = visit_AsyncFunctionDef = _visit_function  # noqa: N815

        def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
            node.annotation = _plain(node.annotation) or node.annotation
            return self.generic_visit(node)

    def _plain(annotation: ast.expr | None) -> ast.expr | None:
        """Return an annotation, its strings by what they mean."""
        if annotation is None:
            return None
        for place, text, is_certain in find_texts(annotation):
            if is_certain and isinstance(place, ast.Constant):
                with suppress(*syntax.PARSE_ERRORS):
                    place.value = ast.dump(Plain().visit(syntax.parse_expression(text)))
        found: ast.expr = Plain().visit(annotation)
        return found

    body = [each for each in tree.body if not isinstance(each, (ast.Import, ast.ImportFrom)) and not _is_call(each)]
    lines = [each.lineno for statement in body for each in ast.walk(statement) if isinstance(each, ast.stmt)]
    return ast.dump(Plain().visit(ast.Module(body, []))), lines


def _is_call(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Expr, ast.Assign)) and f"__import__('{LAZY_MODULE}')" in ast.unparse(node.value)
