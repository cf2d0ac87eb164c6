"""A wheelhouse with cold files of every kind, and programs that run on what is built of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commanding import Done, Project

#: What packs well, and is large enough to be packed.
LARGE = "a line of text that packs well\\n" * 1000

SCENARIO = f'''
explanation = "`app` has cold files of every kind: its smoke opens few of them."
requirements = ["app"]
program = """
import app, lib, ns.part
print(app.answer)
"""
[wheels.app."1.0"]
requires = ["lib", "ns-part"]
[wheels.app."1.0".entry_points]
"app.plugins" = {{ deep = "app.sub.deep:Plugin" }}
[wheels.app."1.0".extensions]
"app/native" = """
#include <Python.h>
static const char text[1200000] = {{1}};
static int fill(PyObject *module) {{
    return PyModule_AddIntConstant(module, "first", text[PyModule_Check(module) - 1]);
}}
static PyModuleDef_Slot slots[] = {{ {{Py_mod_exec, fill}}, {{0, NULL}} }};
static struct PyModuleDef definition = {{ PyModuleDef_HEAD_INIT, "native", NULL, 0, NULL, slots, NULL, NULL, NULL }};
PyMODINIT_FUNC PyInit_native(void) {{ return PyModuleDef_Init(&definition); }}
"""
"app/second" = """
#include <Python.h>
static const char text[200000] = {{2}};
static struct PyModuleDef definition = {{ PyModuleDef_HEAD_INIT, "second", text, -1, NULL, NULL, NULL, NULL, NULL }};
PyMODINIT_FUNC PyInit_second(void) {{ return PyModule_Create(&definition); }}
"""
[wheels.app."1.0".files]
"app/__init__.py" = """
'The application.'
import pathlib
from app.hot import answer
HERE = pathlib.Path(__file__).parent
"""
"app/hot.py" = "answer = 42"
"app/cold.py" = """
import pathlib

class Value:
    pass

def fail():
    raise ValueError("cold")  # this line

def read():
    return pathlib.Path(__file__).with_name("table.txt").read_text()
"""
"app/broken.py" = "import nowhere"
"app/table.txt" = "{LARGE}"
"app/short.txt" = "short"
"app/data/table.txt" = "{LARGE}"
"app/cert.pem" = "{LARGE}"
"app/sub/__init__.py" = "from app.sub import deep"
"app/sub/deep.py" = "class Plugin: pass"
"app/space/one.py" = "one = 1"
"app/space/list.json" = "[1]"
"app/LICENSE" = "Yours."
"app/tests/test_app.py" = "import app"
[wheels.lib."1.0".files]
"lib/__init__.py" = ""
"lib/__main__.py" = "print('main', __name__)"
"lib/more.py" = "x = 1"
"loose.py" = "__path__ = []"
[wheels.ns-part."1.0".files]
"ns/part/__init__.py" = "import os"
"ns/part/more.py" = "y = 1"
"ns/loose.py" = "z = 1"
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdTree:
    """A tree that was built with `--slim cold`, and the same with `--slim none`."""

    folder: Path
    whole: Path
    #: `minreq-build.json`
    description: Mapping[str, Any]
    result: Mapping[str, Any]

    def run(self, code: str, *arguments: str, options: Sequence[str] = ("-S", "-B"), **environment: str) -> Done:
        """Run a program on the tree, as on AWS Lambda: by `PYTHONPATH` alone."""
        return run_python([*options, "-c", code, *arguments], {"PYTHONPATH": str(self.folder), **environment})

    def output(self, code: str, *arguments: str, **environment: str) -> str:
        """Return what a program prints on the tree."""
        done = self.run(code, *arguments, **environment)
        assert done.status == 0, done.err
        return done.out

    def same_output(self, code: str) -> str:
        """Return what a program prints on both trees, without their folders."""
        found = {
            run_python(["-S", "-B", "-c", code], {"PYTHONPATH": str(folder)}).out.replace(str(folder), "TREE")
            for folder in (self.folder, self.whole)
        }
        assert len(found) == 1, found
        return found.pop()


def run_python(arguments: Sequence[str], environment: Mapping[str, str]) -> Done:
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C.UTF-8", **environment},
    )
    return Done(status=done.returncode, out=done.stdout, err=done.stderr)


def build(made: Project, name: str, *arguments: str) -> dict[str, Any]:
    """Build the lock of *made* into the folder *name*."""
    done = made.minreq("build", "-o", name, "-q", "--json", "--bytecode", "none", *arguments)
    assert done.status == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def build_trees(made: Project) -> ColdTree:
    """Build the lock of *made* cold and whole."""
    result = build(made, "cold", "--slim", "cold")
    build(made, "whole", "--slim", "none")
    folder = made.folder / "cold"
    description = json.loads(folder.joinpath("minreq-build.json").read_text())
    return ColdTree(folder=folder, whole=made.folder / "whole", description=description, result=result)
