"""Finds the AWS services that Python code makes clients of."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from minreq.scan import python, walk
from minreq.scan.constants import evaluate
from minreq.scan.scopes import Module, Scope
from minreq.source import syntax
from minreq.system import regularfile

#: Functions and methods of boto3, botocore and aiobotocore whose first argument is the name of a service.
_CLIENT_FUNCTIONS = frozenset({"client", "resource", "create_client"})
_SERVICE_ARGUMENT = "service_name"


def find_services(paths: Iterable[Path], arguments: Mapping[str, str]) -> frozenset[str]:
    """Return the texts in the code of *paths* that name services where code makes clients; other texts do no harm.

    *arguments* has, by function, the argument of the root that names a service: ``Cache(type="s3")``. Files that are
    not Python are passed over.
    """
    files = (Path(file) for path in paths for file in walk.find_files(path))
    return frozenset(name for file in files if file.suffix in walk.PYTHON for name in _services_in(file, arguments))


def _services_in(file: Path, arguments: Mapping[str, str]) -> Iterator[str]:
    try:
        module = Module(str(file), python.parse(regularfile.read_text(file, errors="replace")), _NoModules())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    functions = _CLIENT_FUNCTIONS | {
        each.asname
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.module == "boto3"
        for each in node.names
        if each.asname and each.name in _CLIENT_FUNCTIONS
    }
    waiting: list[tuple[ast.AST, Scope]] = [(module.tree, module.scope)]
    while waiting:
        node, scope = waiting.pop()
        scope = module.scopes.get(node, scope)
        if isinstance(node, ast.Call):
            for expression in _service_arguments(node, arguments, functions):
                yield from (each.text for each in evaluate(expression, scope).texts if each.exact)
        waiting += [(child, scope) for child in ast.iter_child_nodes(node)]


def _service_arguments(
    call: ast.Call, arguments: Mapping[str, str], client_functions: frozenset[str]
) -> Iterator[ast.expr]:
    function = syntax.last_name(call.func)
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    if function in client_functions:
        yield from call.args[:1]
        if _SERVICE_ARGUMENT in keywords:
            yield keywords[_SERVICE_ARGUMENT]
    elif function in arguments and arguments[function] in keywords:
        yield keywords[arguments[function]]


class _NoModules:
    """A code base whose modules are not followed."""

    def find(self, module: str, level: int, file: str) -> Module | None:
        """Return no module."""
        del module, level, file
        return None
