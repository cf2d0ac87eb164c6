"""The imports in one file of Python, as lines tell them at once, and as its syntax tree tells them exactly; pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from minreq.model import Frame, Need, Question
from minreq.source import syntax
from minreq.source.handlers import LARGEST, Block, Handler, blocks, lambda_lines, optional_because, raising_again
from minreq.system import regularfile

MODULE_LEVEL = "<module>"

#: Names in parentheses end where those do, whatever comments say; another that opens ends the search, so that a text
#: made to be slow takes no longer than others.
_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+(?P<base>[.\w]+)[ \t]+import[ \t]+"
    rb"(?P<names>\((?:[^()#]*#[^\n]*\n)*[^()#]*\)|[^\n#]*)"
    rb"|import[ \t]+(?P<modules>[^\n#;]+))",
    re.MULTILINE,
)
_COMMENT = re.compile(r"#[^\n]*")
#: A text that may name a module of a package: `"a.b"`, `".b"`.
_NAME = re.compile(rb"[\"'](\.{0,2}[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+|\.{1,2}[A-Za-z_]\w*)[\"']")
#: A call such as ``import_module("x")``; a name without end would be searched in the square of its length.
_CALL = re.compile(rb"(?:import|find_spec)\w{0,80}\(\s*[\"'](\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What lines that look like imports say: too much where they stand in a text, never too little."""

    #: Each with its line, and the modules that it may load, their packages too.
    imports: tuple[tuple[int, tuple[str, ...]], ...] = ()
    #: Texts that may be names of modules, with their lines.
    names: tuple[tuple[int, str], ...] = ()
    #: Top names of modules that calls import by a text.
    calls: tuple[str, ...] = ()

    @property
    def tops(self) -> frozenset[str]:
        """The top name of everything that may be imported here."""
        return frozenset(
            {module.partition(".")[0] for _, modules in self.imports for module in modules} | {*self.calls}
        )


def read_lines(source: bytes, file: str) -> Lines:
    """Return what the lines of *source* say, the *file* of which lies below ``site-packages``."""
    package = package_of(file)
    names = []
    for line, match in _found(_NAME, source):
        written = match[1].decode("utf-8", "replace")
        name = _absolute(written.lstrip("."), len(written) - len(written.lstrip(".")), package)
        if name:
            names.append((line, name))
    return Lines(
        imports=tuple((line, tuple(_named(match, package))) for line, match in _found(_IMPORT, source)),
        names=tuple(names),
        calls=tuple(sorted({name.decode("utf-8", "replace") for name in _CALL.findall(source)})),
    )


def _found(pattern: re.Pattern[bytes], source: bytes) -> Iterator[tuple[int, re.Match[bytes]]]:
    """What *pattern* finds, each with its line; those before are not counted anew."""
    line, counted = 1, 0
    for match in pattern.finditer(source):
        line += source.count(b"\n", counted, match.start())
        counted = match.start()
        yield line, match


def _named(match: re.Match[bytes], package: str) -> Iterator[str]:
    """The modules that the line of *match* may load, their packages too."""
    if (modules := match["modules"]) is not None:
        for part in modules.decode("utf-8", "replace").split(","):
            yield from prefixes(part.split(" as ")[0].strip())
        return
    written = match["base"].decode("utf-8", "replace")
    base = _absolute(written.lstrip("."), len(written) - len(written.lstrip(".")), package)
    if not base:
        return
    yield from prefixes(base)
    names = _COMMENT.sub("", match["names"].decode("utf-8", "replace"))
    for part in names.strip("()").split(","):
        yield f"{base}.{part.split(' as ')[0].strip()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A statement or call that imports."""

    line: int
    #: What it names, the widest first: ``a``, ``a.b`` of ``from a import b``.
    modules: tuple[str, ...]
    function: str
    #: ``find_spec``: that it finds nothing is an answer.
    probes: bool = False
    #: A call, no statement.
    calls: bool = False
    #: Under ``TYPE_CHECKING``.
    never_runs: bool = False
    #: What catches the failure near it.
    handler: str | None = None
    #: What catches it and raises again, most likely with advice: who gets there asked for it.
    raised_again: str | None = None

    @property
    def is_lazy(self) -> bool:
        """Whether it waits for a call."""
        return self.function != MODULE_LEVEL and not self.function.startswith("<class ")


def read_places(path: str, file: str) -> tuple[Place, ...]:
    """Return the imports of the file at *path*, which is *file* below ``site-packages``, by its syntax tree."""
    try:
        source = regularfile.read(Path(path), LARGEST)
        tree = syntax.tree(source)
    except (OSError, *syntax.NO_TREE):
        return ()
    lambdas = lambda_lines(source)
    found = []
    # What surrounds a place lies in its statement of the module: no other has to be searched.
    for statement in tree.body:
        around = ast.Module(body=[statement], type_ignores=[])
        places = [*_imports(around, package_of(file))]
        beside = blocks(around, lambdas) if places else ()
        found += [_handled(place, beside, file) for place in places]
    return tuple(found)


def _handled(place: Place, around: Sequence[Block], file: str) -> Place:
    if place.probes:
        return replace(place, handler="a probe with find_spec")
    frame = Frame(file=file, line=place.line, function=place.function)
    found = optional_because(
        Question(need=Need.IMPORT, name="", frames=(frame,), stage=""), lambda _file, _line: around
    )
    again: Handler | None = None if found else raising_again(around, frame)
    return replace(
        place,
        handler=found,
        raised_again=f"{again.text} at {file}:{again.line}" if again else None,
    )


def module_of(file: str) -> str:
    """``a/b/__init__.py`` as ``a.b``."""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def package_of(file: str) -> str:
    """The package that relative imports of *file* begin at."""
    return file.rpartition("/")[0].replace("/", ".")


def prefixes(module: str) -> Iterator[str]:
    """``a``, ``a.b``, ``a.b.c``."""
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        yield ".".join(parts[:length])


def _absolute(module: str, level: int, package: str) -> str:
    """The module that a ``from`` names, "" where a relative one leads out of its package."""
    if not level:
        return module
    parts = package.split(".")
    base = parts[: len(parts) - level + 1]
    return ".".join([*base, module] if module else base) if level <= len(parts) else ""


def _imports(tree: ast.Module, package: str) -> Iterator[Place]:
    """Yield the imports of *tree* with what surrounds them."""
    waiting: list[tuple[ast.AST, str, bool]] = [(tree, MODULE_LEVEL, False)]
    while waiting:
        node, function, typing = waiting.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Place(line=node.lineno, modules=tuple(prefixes(alias.name)), function=function, never_runs=typing)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node.module or "", node.level, package)
            names = (*prefixes(base), *(f"{base}.{alias.name}" for alias in node.names)) if base else ()
            yield Place(line=node.lineno, modules=names, function=function, never_runs=typing)
        elif isinstance(node, ast.Call) and (called := _dynamic(node)) is not None:
            name, probes = called
            modules = tuple(prefixes(name))
            yield Place(
                line=node.lineno, modules=modules, function=function, probes=probes, calls=True, never_runs=typing
            )
        inner = _inside(node, function)
        if isinstance(node, ast.If) and _last_name(node.test) == "TYPE_CHECKING":
            waiting += [(child, function, True) for child in node.body]
            waiting += [(child, function, typing) for child in node.orelse]
        else:
            waiting += [(child, inner, typing) for child in ast.iter_child_nodes(node)]


def _inside(node: ast.AST, function: str) -> str:
    """The name that *node* gives to what is inside of it: a class alone is loaded with its module."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        outer = function.removeprefix("<class ").removesuffix(">")
        return node.name if function == MODULE_LEVEL else f"{outer}.{node.name}"
    if isinstance(node, ast.ClassDef):
        return f"<class {node.name}>" if function == MODULE_LEVEL else f"{function}.{node.name}"
    return function


def _dynamic(node: ast.Call) -> tuple[str, bool] | None:
    """The module that a call imports by a literal name, and whether it only probes.

    Besides the functions of the standard library there are many like ``ensure_optional_import("x")``.
    """
    name = _last_name(node.func)
    probes = name == "find_spec"
    if not (probes or "import" in name) or not node.args:
        return None
    argument = node.args[0]
    if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
        return None
    return (argument.value, probes) if all(map(str.isidentifier, argument.value.split("."))) else None


def _last_name(expression: ast.expr) -> str:
    """``c`` of ``a.b.c``, "" of what is no name."""
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else ""
