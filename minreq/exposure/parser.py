"""Finds the imports in one Python file: fast by its lines, and exactly by its syntax tree; pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from minreq.model import Frame, Question, QuestionKind
from minreq.source import syntax
from minreq.source.modulenames import absolute_name, resolve_dots, with_parents
from minreq.source.optionalimports import (
    MAX_SOURCE_BYTES,
    Block,
    Handler,
    find_blocks,
    find_optional_reason,
    find_raised_names,
    find_reraising_handler,
    lambda_lines,
)
from minreq.system import regularfile

MODULE_LEVEL = "<module>"

#: Names in parentheses end at the closing one; comments in them do not count. A second opening parenthesis ends the
#: match, so that no source can make the search slow.
_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+(?P<base>[.\w]+)[ \t]+import[ \t]+"
    rb"(?P<names>\((?:[^()#]*#[^\n]*\n)*[^()#]*\)|[^\n#]*)"
    rb"|import[ \t]+(?P<modules>[^\n#;]+))",
    re.MULTILINE,
)
_COMMENT = re.compile(r"#[^\n]*")
#: A text that may be the name of a module in a package: `"a.b"`, `".b"`.
_NAME = re.compile(rb"[\"'](\.{0,2}[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+|\.{1,2}[A-Za-z_]\w*)[\"']")
#: A call such as ``import_module("x")``. The name is bounded: an endless one would take quadratic time.
_CALL = re.compile(rb"(?:import|find_spec)\w{0,80}\(\s*[\"'](\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportLines:
    """The imports that the lines of a file seem to make. Lines inside texts count too, so these may be too many."""

    #: The line of each import with the modules that it may load, their packages included.
    imports: tuple[tuple[int, tuple[str, ...]], ...] = ()
    #: Texts that may be names of modules, with their lines.
    module_texts: tuple[tuple[int, str], ...] = ()
    #: Top names of modules that a call imports by a text.
    called_modules: tuple[str, ...] = ()

    @property
    def tops(self) -> frozenset[str]:
        """The top names of all modules that the file may import."""
        return frozenset(
            {module.partition(".")[0] for _, modules in self.imports for module in modules} | {*self.called_modules}
        )


def read_lines(source: bytes, file: str) -> ImportLines:
    """Return the imports in the lines of *source*, the content of *file* below ``site-packages``."""
    package = package_of(file)
    names = []
    for line, match in syntax.matches_with_lines(_NAME, source):
        name = resolve_dots(match[1].decode("utf-8", "replace"), package)
        if name:
            names.append((line, name))
    return ImportLines(
        imports=tuple(
            (line, tuple(_modules_of_match(match, package)))
            for line, match in syntax.matches_with_lines(_IMPORT, source)
        ),
        module_texts=tuple(names),
        called_modules=tuple(sorted({name.decode("utf-8", "replace") for name in _CALL.findall(source)})),
    )


def _modules_of_match(match: re.Match[bytes], package: str) -> Iterator[str]:
    """The modules that the line of *match* may load, their packages included."""
    if (modules := match["modules"]) is not None:
        for part in modules.decode("utf-8", "replace").split(","):
            yield from with_parents(part.split(" as ")[0].strip())
        return
    base = resolve_dots(match["base"].decode("utf-8", "replace"), package)
    if not base:
        return
    yield from with_parents(base)
    names = _COMMENT.sub("", match["names"].decode("utf-8", "replace"))
    for part in names.strip("()").split(","):
        yield f"{base}.{part.split(' as ')[0].strip()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportStatement:
    """A statement that imports, or a call that does."""

    line: int
    #: The modules it names, outermost first: ``a``, ``a.b`` for ``from a import b``.
    modules: tuple[str, ...]
    function: str
    #: A call of ``find_spec``, which does not fail.
    is_probe: bool = False
    #: A call, no statement.
    is_call: bool = False
    #: Under ``TYPE_CHECKING``.
    never_runs: bool = False
    #: The handler of its failure.
    handler: str | None = None
    #: A handler that catches the failure and raises an error, most likely with advice for the user.
    raised_again: str | None = None
    #: The names of the exceptions that such a handler raises instead.
    raised_names: tuple[str, ...] = ()

    @property
    def is_lazy(self) -> bool:
        """Whether it runs only when its function is called."""
        return self.function != MODULE_LEVEL and not self.function.startswith("<class ")


def read_statements(path: str, file: str) -> tuple[ImportStatement, ...]:
    """Return the imports in the syntax tree of the file at *path*, which is *file* below ``site-packages``."""
    try:
        source = regularfile.read(Path(path), MAX_SOURCE_BYTES)
        tree = syntax.parse(source)
    except (OSError, *syntax.PARSE_ERRORS):
        return ()
    lambdas = lambda_lines(source)
    found = []
    # Only the blocks of the same top-level statement can be around an import: search no others.
    for node in tree.body:
        subtree = ast.Module(body=[node], type_ignores=[])
        statements = [*_imports(subtree, package_of(file))]
        blocks = find_blocks(subtree, lambdas) if statements else ()
        found += [_with_handler(statement, blocks, file) for statement in statements]
    return tuple(found)


def _with_handler(statement: ImportStatement, blocks: Sequence[Block], file: str) -> ImportStatement:
    if statement.is_probe:
        return replace(statement, handler="a probe with find_spec")
    frame = Frame(file=file, line=statement.line, function=statement.function)
    found = find_optional_reason(
        Question(need=QuestionKind.IMPORT, name="", frames=(frame,), stage=""), lambda _file, _line: blocks
    )
    reraising: Handler | None = None if found else find_reraising_handler(blocks, frame)
    return replace(
        statement,
        handler=found,
        raised_again=f"{reraising.text} at {file}:{reraising.line}" if reraising else None,
        raised_names=tuple(sorted(find_raised_names(blocks, frame))) if reraising else (),
    )


def module_of(file: str) -> str:
    """Return the name of the module in *file*: ``a.b`` for ``a/b/__init__.py``."""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def package_of(file: str) -> str:
    """Return the package of *file*, where its relative imports begin."""
    return file.rpartition("/")[0].replace("/", ".")


def _imports(tree: ast.Module, package: str) -> Iterator[ImportStatement]:
    """Yield the imports of *tree*."""
    waiting: list[tuple[ast.AST, str, bool]] = [(tree, MODULE_LEVEL, False)]
    while waiting:
        node, function, typing = waiting.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield ImportStatement(
                    line=node.lineno, modules=tuple(with_parents(alias.name)), function=function, never_runs=typing
                )
        elif isinstance(node, ast.ImportFrom):
            base = absolute_name(node.module or "", node.level, package)
            names = (*with_parents(base), *(f"{base}.{alias.name}" for alias in node.names)) if base else ()
            yield ImportStatement(line=node.lineno, modules=names, function=function, never_runs=typing)
        elif isinstance(node, ast.Call) and (called := _imported_by_call(node)) is not None:
            name, is_probe = called
            modules = tuple(with_parents(name))
            yield ImportStatement(
                line=node.lineno, modules=modules, function=function, is_probe=is_probe, is_call=True, never_runs=typing
            )
        inner = _qualified_name(node, function)
        if isinstance(node, ast.If) and syntax.last_name(node.test) == "TYPE_CHECKING":
            waiting += [(child, function, True) for child in node.body]
            waiting += [(child, function, typing) for child in node.orelse]
        else:
            waiting += [(child, inner, typing) for child in ast.iter_child_nodes(node)]


def _qualified_name(node: ast.AST, function: str) -> str:
    """The name of the function around the children of *node*. A class body runs with its module, so it has brackets."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        outer = function.removeprefix("<class ").removesuffix(">")
        return node.name if function == MODULE_LEVEL else f"{outer}.{node.name}"
    if isinstance(node, ast.ClassDef):
        if function.startswith("<class "):
            return f"{function.removesuffix('>')}.{node.name}>"
        return f"<class {node.name}>" if function == MODULE_LEVEL else f"{function}.{node.name}"
    return function


def _imported_by_call(node: ast.Call) -> tuple[str, bool] | None:
    """The module that a call imports by a literal name, and whether the call is a probe.

    Many projects have their own functions for this, such as ``ensure_optional_import("x")``.
    """
    name = syntax.last_name(node.func)
    is_probe = name == "find_spec"
    if not (is_probe or "import" in name) or not node.args:
        return None
    argument = node.args[0]
    if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
        return None
    return (argument.value, is_probe) if all(map(str.isidentifier, argument.value.split("."))) else None
