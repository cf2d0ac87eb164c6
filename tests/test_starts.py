"""Where minreq starts programs, and what reaches an interpreter that it starts."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import minreq

PACKAGE = Path(minreq.__file__).parent

#: The one module that starts an interpreter on code of packages, and the scripts behind it.
LAUNCHING = {
    "smoke/start.py": "starts every isolated process",
    "smoke/launcher/launch.py": "isolates itself, then becomes the command",
    "smoke/launcher/namespaces.py": "forks in the isolation, to be the first of the new processes",
    "smoke/launcher/processes.py": "forks in the isolation, to end what is left running",
    "smoke/child/_minreq_fork.py": "forks in a run, which is isolated",
    "imports/importwatch.py": "runs the first stage in the isolation",
    "build/importprobe.py": "forks in the isolation, to import modules apart from each other",
}

#: Every other module that starts a program: which one, and why it runs no code of a package.
OTHERS = {
    "smoke/isolation.py": "the launcher, to try it: on /bin/true, or on an interpreter with an empty program",
    "smoke/emulatorprocess.py": "minreq's own interpreter with -I, on minreq's emulator",
    "interpreter.py": "an interpreter with -I and -S, on a script of minreq that asks for facts",
    "index/defaultindex.py": "minreq's own interpreter with -I, on pip's help",
    "index/credentials.py": "the keyring program of the user, as pip does",
    "environment.py": "minreq's own interpreter with -I, on pip-tools",
    "lockfile/revision.py": "git cat-file, which runs nothing that a repository configures",
    "build/slim/strip.py": "strip, which reads files and runs none",
    "system/workers.py": "minreq's own interpreter with -I, on functions of minreq",
}

#: Those of them that start an interpreter: it must not see the working folder, nor variables such as PYTHONPATH.
INTERPRETERS = {
    *("smoke/isolation.py", "smoke/emulatorprocess.py", "interpreter.py", "index/defaultindex.py"),
    *("environment.py", "system/workers.py"),
}

#: Modules of the standard library whose functions start programs or processes.
STARTING_MODULES = {"subprocess", "multiprocessing", "pty", "concurrent.futures.process"}
#: The same for single functions.
STARTING_FUNCTIONS = {
    *("os.system", "os.popen", "os.fork", "os.forkpty", "os.startfile"),
    *("concurrent.futures.ProcessPoolExecutor", "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell"),
    *("runpy.run_path", "runpy.run_module"),
}
STARTING_PREFIXES = ("os.exec", "os.spawn", "os.posix_spawn")
#: What such modules have that starts nothing.
HARMLESS = {
    *("subprocess.DEVNULL", "subprocess.PIPE", "subprocess.STDOUT"),
    *("subprocess.CalledProcessError", "subprocess.SubprocessError", "subprocess.TimeoutExpired"),
}


def find_starts(tree: ast.Module) -> Iterator[str]:
    """Yield the full name of each function that starts a program, as *tree* names it.

    A type that stands in an annotation starts nothing.
    """
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {
                each.asname or each.name.partition(".")[0]: (each.asname and each.name) or each.name.partition(".")[0]
                for each in node.names
            }
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    annotations = {
        id(inner)
        for node in ast.walk(tree)
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if annotation is not None
        for inner in ast.walk(annotation)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and id(node) not in annotations:
            found = _full_name(node, names)
            if found is not None and _starts(found):
                yield found


def _full_name(node: ast.expr, names: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        above = _full_name(node.value, names)
        return None if above is None else f"{above}.{node.attr}"
    return None


def _starts(name: str) -> bool:
    if name in HARMLESS or name in STARTING_MODULES:
        return False
    module = name.rpartition(".")[0]
    return module in STARTING_MODULES or name in STARTING_FUNCTIONS or name.startswith(STARTING_PREFIXES)


def starting_modules() -> dict[str, set[str]]:
    """Each module of minreq that starts programs, with the functions that do."""
    found: dict[str, set[str]] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        name = file.relative_to(PACKAGE).as_posix()
        # Scripts of a smoke, which run in isolation.
        if not name.startswith("profiles/"):
            starts = set(find_starts(ast.parse(file.read_text("utf-8"))))
            found |= {name: starts} if starts else {}
    return found


def test_one_module_starts_interpreters_on_code_of_packages() -> None:
    """A module that starts a program is in one of the tables, with a reason; and both tables are up to date."""
    assert starting_modules().keys() == {*LAUNCHING, *OTHERS}
    assert OTHERS.keys() >= INTERPRETERS
    assert starting_modules()["smoke/start.py"] == {"subprocess.Popen"}


@pytest.mark.parametrize("module", sorted(OTHERS))
def test_interpreters_for_own_work_are_isolated(module: str) -> None:
    """``-I``: neither the working folder nor a variable decides what is imported."""
    text = (PACKAGE / module).read_text("utf-8")
    constants = {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
    starts_interpreter = "sys.executable" in text or "executable" in text or "-c" in constants
    assert ("-I" in constants) == (module in INTERPRETERS)
    assert starts_interpreter or module not in INTERPRETERS


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import subprocess\nsubprocess.run([])", {"subprocess.run"}),
        ("import subprocess as s\ns.Popen([])", {"subprocess.Popen"}),
        ("from subprocess import check_output as c\nc([])", {"subprocess.check_output"}),
        ("import os\nos.execv('', [])\nos.posix_spawnp\nos.spawnl", {"os.execv", "os.posix_spawnp", "os.spawnl"}),
        ("from os import system\nrun = system", {"os.system"}),
        (
            "import concurrent.futures\nconcurrent.futures.ProcessPoolExecutor()",
            {"concurrent.futures.ProcessPoolExecutor"},
        ),
        ("import multiprocessing\nmultiprocessing.Process()", {"multiprocessing.Process"}),
        ("import asyncio\nasyncio.create_subprocess_exec", {"asyncio.create_subprocess_exec"}),
        ("import subprocess\ndef f(p: subprocess.Popen[str]) -> subprocess.Popen[str]: ...", set()),
        ("import subprocess\nexcept_ = subprocess.TimeoutExpired, subprocess.PIPE", set()),
    ],
)
def test_starts_are_found(source: str, found: set[str]) -> None:
    assert set(find_starts(ast.parse(source))) == found
