"""A tree with deferred imports, as programs see it: one tree, in which every import that can be is deferred."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from minreq.build.lazy.rewrite import rewrite
from minreq.build.lazy.trialtree import RUNTIME_FILE, read_runtime
from minreq.imports.analyze import analyze_module

FILES: Mapping[str, str] = {
    "p/__init__.py": "import sys\n",
    "p/late.py": """
import time
from typing import NamedTuple

count = 0
time.sleep(0.05)

class Late:
    def __init__(self, value): self.value = value
    def __eq__(self, other): return self.value == other.value

class Pair(NamedTuple):
    one: int

class Third: pass
""",
    "p/fails.py": "\nraise ValueError('fails')",
    "p/user.py": """'The user.'
from __future__ import annotations
import inspect
from p.late import Late, Pair as Two
from p import fails
from p.missing import nothing
import q.deep

class Box:
    def __init__(self, inner: Late) -> None:
        self.inner = inner

    def get(self) -> Late:
        return self.inner

def make(value) -> Late:
    return Late(value)

def pair() -> Two: return Two(1)

def deep(): return q.deep.value

def fail():
    return fails.x  # this line
""",
    "p/plain.py": """
from p.late import Late
from p.user import Box as B

def f(x: Late, y: "B" = None) -> "list[Late]":
    return Late(x)

def __getattr__(name):
    if name == "own":
        return 7
    raise AttributeError(name)
""",
    "p/again.py": "from p.user import Late as L\ndef f(): return L(1)\n",
    # A library whose models and schemas are built when they are needed, as those of pydantic are.
    "p/models.py": """
import inspect, typing

class Model:
    def __init_subclass__(cls) -> None: cls.fields = None

    @classmethod
    def rebuild(cls) -> dict:
        cls.fields = typing.get_type_hints(cls)
        return cls.fields

def make_schema(function):
    return {name: each.annotation for name, each in inspect.signature(function).parameters.items()}
""",
    "p/forms.py": """
from p.late import Late, Pair, Third
from q.deep import value
from p.models import Model

class Form(Model):
    late: "Late"

class Note:
    third: "Third"

def send(form: Form, pair: Pair, *more: "Pair") -> "list[Pair]": return [value]
""",
    "p/textforms.py": """
from __future__ import annotations
from p.late import Late, Pair, Third
from q.deep import value
from p.models import Model

class Form(Model):
    late: Late

class Note:
    third: Third

def send(form: Form, pair: Pair, *more: Pair) -> list[Pair]: return [value]
""",
    "p/stars.py": "from q.deep import *\nfrom p.two import value\ndef f(): return value\n",
    "p/two.py": "value = 2",
    "q/__init__.py": "",
    "q/deep.py": "value = 5",
    "n/part.py": "value = 6",
}
SUBMODULES = {
    "p": (("p", ("p.late", "p.user")), ("n", ("n.part",))),
    "q": (("q", ("q.deep", "p.late")),),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("tree"), edits=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree without edits."""
    return write_tree(tmp_path_factory.mktemp("whole"), edits=False)


def write_tree(folder: Path, *, edits: bool) -> Path:
    for path, text in FILES.items():
        name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        is_package = path.endswith("__init__.py")
        module = analyze_module(
            text.encode(), name, is_package=is_package, late_annotations=sys.version_info >= (3, 14)
        )
        assert module is not None
        found = rewrite(module, module.deferrable, submodules=SUBMODULES.get(name, ()))
        folder.joinpath(path).parent.mkdir(exist_ok=True)
        folder.joinpath(path).write_bytes(found if edits else text.encode())
    folder.joinpath(RUNTIME_FILE).write_bytes(read_runtime())
    return folder


def run(tree: Path, code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-S", "-B", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(tree), "LC_ALL": "C.UTF-8", **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.replace(f"{tree}{os.sep}", "")


def test_a_name_is_imported_when_it_is_read(tree: Path) -> None:
    code = (
        "import sys, p.user\n"
        "print(p.user.__doc__, sorted({'p.late', 'p.fails', 'q', 'q.deep', 'inspect'} & sys.modules.keys()))\n"
        "print(p.user.make(1).value, 'p.late' in sys.modules, 'Late' in vars(p.user), 'Two' in vars(p.user))\n"
        "print(p.user.Two, p.user.deep(), p.user.pair())\n"
        "import p.again\nprint(p.again.f().value)\n"
        "import q\nprint(q.deep.value)\n"
    )
    assert run(tree, code).splitlines() == [
        "The user. []",
        "1 True True False",
        "<class 'p.late.Pair'> 5 Pair(one=1)",
        "1",
        "5",
    ]


def test_a_submodule_is_an_attribute_of_its_package(tree: Path) -> None:
    code = (
        "import sys, p, q\nprint('p.late' in sys.modules, 'n.part' in sys.modules)\n"
        "print(p.late.__name__, sorted(set(dir(p)) & {'late', 'user'}))\n"
        "import n\nprint(n.part.value, q.late is p.late)\n"
    )
    assert run(tree, code).splitlines() == ["False False", "p.late ['late', 'user']", "6 True"]


def test_names_are_listed_patched_and_not_invented(tree: Path) -> None:
    code = (
        "import p.user, p.plain\nfrom unittest import mock\n"
        "print([each for each in dir(p.user) if not each.startswith('_')])\n"
        "with mock.patch('p.user.Late', 5):\n    print(p.user.Late)\n    p.user.Late = 3\n"
        "print(p.user.Late, hasattr(p.user, 'other'), p.plain.own, hasattr(p.plain, 'nothing'))\n"
        "p.user.Two = 4\nprint(p.user.Two)\n"
        "from p.user import *\nprint('Box' in globals())\n"
        "try:\n    p.user.other\nexcept AttributeError as error:\n    print(error, error.name)\n"
    )
    assert run(tree, code).splitlines() == [
        "['Box', 'Late', 'Two', 'annotations', 'deep', 'fail', 'fails', 'inspect', 'make', 'nothing', 'pair', 'q']",
        "5",
        "<class 'p.late.Late'> False 7 False",
        "4",
        "True",
        "module 'p.user' has no attribute 'other' other",
    ]


def test_a_name_that_was_removed_is_gone(tree: Path) -> None:
    code = (
        "import p.user\nfrom unittest import mock\nlate = p.user.Late\n"
        "with mock.patch('p.user.Late', 1), mock.patch('p.user.Two', 2):\n    pass\n"
        "print(p.user.Late is late, p.user.Two)\n"
        "del p.user.Late\nprint(hasattr(p.user, 'Late'), 'Late' in dir(p.user))\n"
    )
    assert run(tree, code) == "True <class 'p.late.Pair'>\nFalse False\n"


def test_an_import_replaces_a_name_that_is_there(tree: Path) -> None:
    code = (
        "import importlib, p.stars, p.user\nprint(p.stars.f(), p.stars.value)\n"
        "p.user.Two = 4\nimportlib.reload(p.user)\nprint(p.user.pair(), p.user.Two)\n"
    )
    assert run(tree, code) == "2 2\nPair(one=1) <class 'p.late.Pair'>\n"


def test_a_source_that_is_not_the_module_of_its_name_imports_at_once(tree: Path) -> None:
    code = (
        "import importlib.util, p, p.again as again, runpy, sys\ndel sys.modules['p.again']\n"
        "print(runpy.run_module('p.again')['f']().value, 'L' in vars(again), again.f().value)\n"
        "sys.modules['p.again'] = again\n"
        "spec = importlib.util.spec_from_file_location('elsewhere', again.__file__)\n"
        "module = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(module)\n"
        "print(module.f().value, 'L' in vars(module), runpy.run_path(p.__file__)['sys'])\n"
    )
    assert run(tree, code).splitlines() == ["1 False 1", "1 True <module 'sys' (built-in)>"]


def test_type_hints_signatures_and_sources_are_found(tree: Path) -> None:
    code = (
        "import inspect, p.user, p.plain, typing\n"
        "print(typing.get_type_hints(p.user.make), typing.get_type_hints(p.user.Box.get))\n"
        "print(typing.get_type_hints(p.plain.f))\n"
        "print(inspect.signature(p.user.Box, eval_str=True))\n"
        "print(inspect.getsourcelines(p.user.make)[1], inspect.getmodule(p.user.Late).__name__)\n"
        "print(len(inspect.getmembers(p.plain, inspect.isclass)))\n"
    )
    late = "<class 'p.late.Late'>"
    box = "typing.Optional[p.user.Box]" if sys.version_info < (3, 11) else "<class 'p.user.Box'>"
    assert run(tree, code).splitlines() == [
        f"{{'return': {late}}} {{'return': {late}}}",
        f"{{'x': {late}, 'y': {box}, 'return': list[p.late.Late]}}",
        "(inner: p.late.Late) -> None",
        "16 p.late",
        "2",
    ]


@pytest.mark.parametrize("module", ["p.forms", "p.textforms"])
def test_models_and_schemas_are_built_late(tree: Path, whole: Path, module: str) -> None:
    """Annotations of an edited module are what they were: the same objects, or text that means the same."""
    code = (
        f"import sys, typing, {module} as forms\nfrom p.models import make_schema\n"
        "print('q.deep' in sys.modules, forms.Form.fields)\n"
        "print(forms.Form.rebuild(), typing.get_type_hints(forms.Note), typing.get_type_hints(forms.send))\n"
        "print(make_schema(forms.send), forms.send.__annotations__, forms.Form.__annotations__)\n"
    )
    before, found = (run(each, code) for each in (whole, tree))
    assert (before.splitlines()[0], found.splitlines()[0]) == ("True None", "False None")
    if module == "p.textforms":  # What was text leads to the module.
        assert "'pair': '_minreq_module.Pair'" in found
        found = found.replace("_minreq_module.", "")
    assert found.splitlines()[1:] == before.splitlines()[1:]


def test_objects_are_pickled_and_copied(tree: Path) -> None:
    code = (
        "import copy, pickle, p.user\nbox = p.user.Box(p.user.make(1))\n"
        "same = pickle.loads(pickle.dumps(box))\nprint(type(same) is p.user.Box, same.inner == box.inner)\n"
        "print(pickle.loads(b'cp.user\\nTwo\\n.'), copy.deepcopy(box).inner == box.inner)\n"
    )
    assert run(tree, code) == "True True\n<class 'p.late.Pair'> True\n"


def test_threads_get_one_module(tree: Path) -> None:
    code = (
        "import p.user, threading\nstart = threading.Barrier(8)\nfound = []\n"
        "def read():\n    start.wait()\n    found.append(p.user.Late)\n"
        "threads = [threading.Thread(target=read) for _ in range(8)]\n"
        "[each.start() for each in threads]\n[each.join() for each in threads]\n"
        "print(len(found), len(set(map(id, found))), p.user.Late is found[0])\n"
    )
    assert run(tree, code) == "8 1 True\n"


def test_errors_come_at_the_first_use_and_name_the_line_of_the_import(tree: Path) -> None:
    code = (
        "import p.user, traceback\n"
        "for name in ('fails', 'fails', 'nothing'):\n"
        "    try:\n        getattr(p.user, name)\n"
        "    except Exception as error:\n"
        "        places = [(each.lineno, each.filename) for each in traceback.extract_tb(error.__traceback__)]\n"
        "        print(type(error).__name__, error, [line for line, file in places if file.endswith('user.py')])\n"
        "try:\n    p.user.fail()\nexcept ValueError as error:\n"
        "    print(traceback.extract_tb(error.__traceback__)[1].line)\n"
    )
    assert run(tree, code).splitlines() == [
        "ValueError fails [5]",
        "ValueError fails [5]",
        "ModuleNotFoundError No module named 'p.missing' [6]",
        "return _minreq_module.fails.x  # this line",
    ]


def test_nothing_is_deferred_where_the_environment_says_so(tree: Path) -> None:
    code = (
        "import sys, types\nsys.modules['p.user'] = types.SimpleNamespace(Box=1)\n"
        "import p.plain\ndel sys.modules['p.user']\n"
        "print('p.late' in sys.modules, p.plain.Late, p.plain.own, p.plain.f(1).value)\n"
        "try:\n    import p.user\nexcept Exception as error:\n    print(type(error).__name__)\n"
    )
    assert run(tree, code, MINREQ_LAZY="0").splitlines() == ["True <class 'p.late.Late'> 7 1", "ValueError"]


def test_a_module_is_executed_again(tree: Path) -> None:
    code = (
        "import importlib, p.user\np.user.make(1)\nimportlib.reload(p.user)\nprint(p.user.make(2).value, p.user.Two)\n"
    )
    assert run(tree, code) == "2 <class 'p.late.Pair'>\n"
