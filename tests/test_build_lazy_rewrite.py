"""Which imports of a module can be deferred, and how its source is rewritten: by its text alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from minreq.analyze.kinds import COLD_CALL
from minreq.build.lazy.native import FIRST_VERSION, is_sound_natively, rewrite_natively
from minreq.build.lazy.rewrite import NOTICE, is_sound, rewrite
from minreq.imports import analyze, reads
from minreq.imports.analyze import analyze_module
from minreq.imports.sourcemodule import SourceModule


def read(source: str, name: str = "p.m", *, is_package: bool = False, late: bool = False) -> SourceModule:
    found = analyze_module(source.encode(), name, is_package=is_package, late_annotations=late)
    assert found is not None
    return found


def defer(source: str, *names: str, **options: object) -> str:
    """Return *source* with *names* deferred, without the notice."""
    module = read(source, **options)  # type: ignore[arg-type]
    assert {*names} <= module.deferrable, module.refusals
    found = rewrite(module, names)
    assert is_sound(module.source, found, names)
    text = found.decode()
    assert text.count(NOTICE) == 1
    return text.replace(f"  {NOTICE}", "").replace(NOTICE, "")


DEFER = '_minreq_module = __import__("_minreq_lazy").defer'


class TestRefusals:
    """In doubt a name is not deferred."""

    @pytest.mark.parametrize(
        ("source", "reason"),
        [
            ("from q import a\nclass B(a): pass", reads.READ_AT_IMPORT),
            ("from q import a\n@a\ndef f(): pass", reads.READ_AT_IMPORT),
            ("from q import a\ndef f(x=a): pass", reads.READ_AT_IMPORT),
            ("from q import a\ndef f(*, x=a): pass", reads.READ_AT_IMPORT),
            ("from q import a\nif isinstance(1, a): pass", reads.READ_AT_IMPORT),
            ("from q import a\nx = [a for y in z]", reads.READ_AT_IMPORT),
            ("from q import a\nx = lambda y=a: y", reads.READ_AT_IMPORT),
            ("from q import a\nclass B:\n    x: a", reads.READ_AT_IMPORT),
            ("from __future__ import annotations\nfrom q import a\nclass B(C):\n    x: a", reads.READ_AT_IMPORT),
            ("from q import a\ndef f(x: a): pass", reads.READ_AT_IMPORT),
            ("from q import a\n@register\ndef f(x: a): pass", reads.READ_AT_IMPORT),
            ("from q import a\ndef f(x: 'a'): pass", reads.READ_AT_IMPORT),
            ("from q import a\ndef f(x: Optional['a']): pass", reads.READ_AT_IMPORT),
            ("from __future__ import annotations\nfrom q import a\ndef f(x: L['a']): pass", reads.IN_ANNOTATION),
            ("from __future__ import annotations\nfrom q import a\ndef f(x: List[L['a']]): pass", reads.IN_ANNOTATION),
            ("from __future__ import annotations\nfrom q import a\ndef f(x: g('a')): pass", reads.IN_ANNOTATION),
            ("from __future__ import annotations\nfrom q import a\ndef f(x: \"List['a']\"): pass", reads.IN_ANNOTATION),
            ("from q import a\nclass B:\n    @register\n    def f(self) -> a: pass", reads.READ_AT_IMPORT),
            ("from q import a\nX = List['a']", reads.IN_STRING),
            ("from q import a\nX = TypeVar('X', bound='a')", reads.IN_STRING),
            ("from q import a\n__all__ = a.__all__ + ['x']", reads.READ_AT_IMPORT),
            ("from q import a\n__all__ = ['x', *a.__all__]", reads.READ_AT_IMPORT),
            ("from q import a\nif a.TYPE_CHECKING: import x", reads.READ_AT_IMPORT),
            ("from q import a\ndef f(*x: '*tuple[a]'): pass", reads.READ_AT_IMPORT),
            ("from __future__ import annotations\nfrom q import a\ndef f(*x: '*tuple[a]'): pass", reads.IN_ANNOTATION),
            ("from q import a\nlook_up = globals", reads.READS_GLOBALS),
            ("from q import a\ndef f(): return globals()['a']", reads.READS_GLOBALS),
            ("from q import a\ndef f(): exec('a')", reads.READS_GLOBALS),
            ("from q import a\nx = dict(locals())", reads.READS_GLOBALS),
            ("from q import a\ndef f():\n    global a\n    a = 1", reads.ASSIGNED),
            ("from q import a\ndef f():\n    global a\n    import a", reads.ASSIGNED),
            ("from q import a\nclass B:\n    a = a", reads.IN_CLASS),
            ("from q import a\ndef f(): return f'{a=}'", reads.IN_FORMAT),
            ("from q import a\na = 1", "bound more than once"),
            ("from q import a\nfrom r import a", "bound more than once"),
            ("import q.a\nimport q.b", "bound more than once"),
            ("from q import a\nfor a in (): pass", "bound more than once"),
            ("from q import a\ndel a", "bound more than once"),
            ("from q import __version__ as __a__\n", "a name of the interpreter"),
            ("x = 1; from q import a", "its statement shares a line with another"),
            ("from q import a; x = 1", "its statement shares a line with another"),
            ("import sys\nfrom q import a\nsys.modules[__name__] = 1", "the module replaces itself or its namespace"),
            (
                "from q import a\nif x:\n    def __getattr__(name): pass",
                "the module has a __getattr__ of its own that cannot be joined",
            ),
        ],
    )
    def test_a_name_that_the_module_needs_is_not_deferred(self, source: str, reason: str) -> None:
        module = read(source)
        refused = "a" if "a" in module.imports else "q" if "q" in module.imports else "__a__"
        assert module.refusals[refused] in {reason, reads.READ_AT_IMPORT}
        assert module.refusals[refused] == reason or "class B:\n    a = a" in source

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="no type parameters")
    @pytest.mark.parametrize("member", ["def f[T](self, x: a) -> T: pass", "type X[T] = list[a]"])
    def test_what_has_type_parameters_sees_the_names_of_its_class(self, member: str) -> None:
        module = read(f"from __future__ import annotations\nfrom q import a\nclass B:\n    a = int\n    {member}")
        assert module.refusals == {"a": reads.IN_CLASS}

    @pytest.mark.parametrize(
        "source",
        [
            "try:\n    from q import a\nexcept ImportError: a = None",
            "if x:\n    from q import a",
            "from q import *",
            "from __future__ import annotations",
            "from .... import a",
        ],
    )
    def test_an_import_that_is_conditional_is_not_looked_at(self, source: str) -> None:
        assert read(source).imports == {}

    @pytest.mark.parametrize("source", [b"\xef\xbb\xbfimport a", b"x = (", b"# coding: latin-1\n", b"a\rb", b"\xff"])
    def test_what_cannot_be_read_for_sure_is_not_changed(self, source: bytes) -> None:
        assert analyze_module(source, "m", is_package=False, late_annotations=False) is None

    def test_the_strings_of_all_are_no_reads(self) -> None:
        assert read("from q import a\n__all__ = ['a']").deferrable == {"a"}

    def test_the_call_of_a_cold_tree_reads_no_name(self) -> None:
        assert read(f"'doc'; {COLD_CALL}\nfrom q import a").deferrable == {"a"}

    def test_names_of_other_scopes_are_no_reads(self) -> None:
        source = (
            "from q import a\ndef f(a): return a\ndef g():\n    a = 1\n    return [a for a in ()], lambda a: a\n"
            "if TYPE_CHECKING:\n    class B(a): pass\n"
        )
        module = read(source)
        assert module.deferrable == {"a"}
        assert not module.reads


class TestRewriting:
    """Every byte and every line stays, but for the deferred names."""

    @pytest.mark.parametrize(
        ("source", "names", "expected"),
        [
            ("from q import a\n", ["a"], f"{DEFER}(__name__, 1, 'q', 'a')\n"),
            ("import q.r as a\n", ["a"], f"{DEFER}(__name__, 1, '', 'q.r as a')\n"),
            ("from . import a  # why\n", ["a"], f"{DEFER}(__name__, 1, '.', 'a')  # why\n"),
            ("from q import a, b as c, d\n", ["c"], f"from q import a, d; {DEFER}(__name__, 1, 'q', 'b as c')\n"),
            ("from q import a, \\\n  b\n", ["b"], f"from q import a; {DEFER}(__name__, 1, 'q', 'b')\n\n"),
            (
                "from q import (  # first\n    a,  # one\n    b,\n)  # last\n",
                ["a"],
                f"from q import (  # first\n      # one\n    b,\n); {DEFER}(__name__, 1, 'q', 'a')  # last\n",
            ),
            (
                "from q import (\n    a,  # one\n    b\n)\n",
                ["a", "b"],
                f"{DEFER}(__name__, 1, 'q', 'a, b')\n# one\n\n\n",
            ),
            (
                "from q import a\ndef f(): return a.b, a, [a for x in a]\n",
                ["a"],
                (
                    f"{DEFER}(__name__, 1, 'q', 'a')\ndef f(): return _minreq_module.a.b, _minreq_module.a, "
                    "[_minreq_module.a for x in _minreq_module.a]\n"
                ),
            ),
            (
                (
                    "from __future__ import annotations\nfrom q import a\n"
                    "def f(x: Callable[['a'], int], y: 'List[ a]' = 1) -> 'a | None': pass\n"
                ),
                ["a"],
                (
                    f"from __future__ import annotations\n{DEFER}(__name__, 2, 'q', 'a')\n"
                    "def f(x: Callable[['_minreq_module.a'], int], "
                    "y: 'List[_minreq_module.a]' = 1) -> '_minreq_module.a | None': pass\n"
                ),
            ),
            (
                "from q import a\ndef f():\n    if a.TYPE_CHECKING: pass\n",
                ["a"],
                f"{DEFER}(__name__, 1, 'q', 'a')\ndef f():\n    if _minreq_module.a.TYPE_CHECKING: pass\n",
            ),
            (
                "from __future__ import annotations\nfrom q import a\ndef f(x: '(a | None)'): pass\n",
                ["a"],
                (
                    f"from __future__ import annotations\n{DEFER}(__name__, 2, 'q', 'a')\n"
                    "def f(x: '_minreq_module.a | None'): pass\n"
                ),
            ),
            (
                "import json\ndef f(x: Literal['json'], y: 'Literal[\"json\"]', z: Annotated[int, 'json']): pass\n",
                ["json"],
                (
                    f"{DEFER}(__name__, 1, '', 'json')\n"
                    "def f(x: Literal['json'], y: 'Literal[\"json\"]', z: Annotated[int, 'json']): pass\n"
                ),
            ),
            (
                "from __future__ import annotations\nfrom q import a\ndef f(x: a): pass\n",
                ["a"],
                (
                    f"from __future__ import annotations\n{DEFER}(__name__, 2, 'q', 'a')\n"
                    "def f(x: _minreq_module.a): pass\n"
                ),
            ),
            ("from q import a\r\nx = 1\r\n", ["a"], f"{DEFER}(__name__, 1, 'q', 'a')\r\nx = 1\r\n"),
            (
                "from q import a\ndef __getattr__(name): raise AttributeError(name)\n\nx = 1",
                ["a"],
                (
                    f"{DEFER}(__name__, 1, 'q', 'a')\ndef __getattr__(name): raise AttributeError(name)\n\n"
                    '__import__("_minreq_lazy").keep_getattr(__name__); x = 1'
                ),
            ),
        ],
    )
    def test_names_leave_their_statement(self, source: str, names: list[str], expected: str) -> None:
        assert defer(source, *names) == expected

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="the positions in f-strings are wrong")
    def test_a_read_in_an_f_string(self) -> None:
        assert "f'{_minreq_module.a} {{a}}'" in defer("from q import a\ndef f(): return f'{a} {{a}}'\n", "a")

    def test_annotations_that_are_evaluated_late_stay_expressions(self) -> None:
        found = defer("from q import a\n@register\ndef f(x: a): pass\n", "a", late=True)
        assert found.endswith("def f(x: _minreq_module.a): pass\n")

    @pytest.mark.parametrize(
        ("source", "line"),
        [
            ("import a\n", 1),
            ("# comment\nimport a\n", 1),
            ("\nimport a\n", 1),
            ("#!/usr/bin/python\n# two\nimport a\n", 2),
            ("'''One\ntwo\nthree.'''\nimport a\n", 3),
            ("def f(\n): pass\nimport a\n", 1),
        ],
    )
    def test_the_first_line_that_can_says_that_the_file_is_changed(self, source: str, line: int) -> None:
        found = rewrite(read(source), ["a"])
        lines = found.decode().splitlines()
        assert NOTICE in lines[line - 1]
        assert len(lines) == len(source.splitlines())
        assert ast.get_docstring(ast.parse(found)) == ast.get_docstring(ast.parse(source))

    @pytest.mark.parametrize("source", ["", "x = 1", "x = 1\n"])
    def test_a_package_serves_its_submodules(self, source: str) -> None:
        found = rewrite(read(source, "p", is_package=True), [], submodules=(("p", ("p.a", "p.b")), ("p.n", ("p.n.x",))))
        assert found.decode().splitlines()[-1] == (
            "__import__(\"_minreq_lazy\").serve_modules(__name__, '.a .b'); "
            "__import__(\"_minreq_lazy\").serve_modules('p.n', '.x')"
        )
        assert found.decode().splitlines()[0] == (f"{source.strip()}  {NOTICE}" if source else NOTICE)

    def test_modules_with_effects_are_loaded_in_the_place_of_the_import(self) -> None:
        found = rewrite(read("from q import a\n"), ["a"], loads={"a": ["r.s", "r"]})
        assert "'q', 'a'); __import__(\"_minreq_lazy\").load('r r.s')" in found.decode()

    def test_a_source_that_has_the_name_of_the_runtime_is_not_changed(self) -> None:
        assert not read(f"from q import a\n{analyze.MODULE_NAME} = 1\n").deferrable

    @pytest.mark.parametrize(
        "text", ["def f(): return a\n", "a\n", "class B:\n    def f(self): return [a for x in ()]\n"]
    )
    def test_code_that_reads_a_deferred_name_as_a_global_is_not_sound(self, text: str) -> None:
        assert is_sound(text.encode(), text.encode(), ["b"])
        assert not is_sound(text.encode(), text.encode(), ["a"])

    def test_a_source_whose_lines_have_other_numbers_is_not_sound(self) -> None:
        module = read(
            "from __future__ import annotations\nfrom q import a\ndef f(x: 'List['\n    'a]'): pass\nx = 1\n", "q"
        )
        found = rewrite(module, ["a"], submodules=(("q", ("q.b",)),))
        assert found.count(b"\n") == module.source.count(b"\n")
        assert not is_sound(module.source, found, ["a"])

    @pytest.mark.parametrize(
        "text", ["def f(x: L['_minreq_module.a']): pass\n", "def f(x: '_minreq_module.b'): pass\n"]
    )
    def test_another_annotation_means_another_thing(self, text: str) -> None:
        source = text.replace("_minreq_module.", "").replace("'b'", "'a'").encode()
        assert is_sound(source, source)
        assert not is_sound(source, text.encode())


class TestNative:
    """From Python 3.15 on the interpreter defers imports itself (PEP 810)."""

    @pytest.mark.parametrize(
        ("source", "names", "expected"),
        [
            ("from q import a\ndef f(x: a): return a\n", ["a"], "lazy from q import a\ndef f(x: a): return a\n"),
            ("import q.r as a\n", ["a"], "lazy import q.r as a\n"),
            ("from . import (\n    a,  # one\n)\n", ["a"], "lazy from . import (\n    a,  # one\n)\n"),
            ("from q import a, b as c\n", ["c"], "from q import a; lazy from q import b as c\n"),
            ("from q import (\n  a, b\n)\nx = a\n", ["b"], "from q import a; lazy from q import b\n\n\nx = a\n"),
        ],
    )
    def test_the_statement_becomes_lazy(self, source: str, names: list[str], expected: str) -> None:
        found = rewrite_natively(read(source, late=True), names)
        assert found.decode().replace(f"  {NOTICE}", "") == expected
        assert found.count(NOTICE.encode()) == 1
        assert is_sound_natively(source.encode(), found)

    def test_modules_with_effects_are_loaded(self) -> None:
        found = rewrite_natively(read("from q import a\n"), ["a"], loads={"a": ["r.s"]})
        assert found.decode().startswith("lazy from q import a; __import__('r.s')")

    @pytest.mark.skipif(sys.version_info < FIRST_VERSION, reason="the interpreter has no lazy imports")
    def test_the_interpreter_defers(self, tmp_path: Path) -> None:
        tmp_path.joinpath("late.py").write_text("a = 1")
        tmp_path.joinpath("user.py").write_bytes(rewrite_natively(read("from late import a\n"), ["a"]))
        code = "import sys, user; print('late' in sys.modules, user.a, 'late' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout == "False 1 True\n"


def test_a_text_that_is_no_annotation_warns_of_nothing() -> None:
    r"""It may be a pattern such as ``x['\s']``, of which Python warns where it is read as code."""
    assert reads.names_in_text("x['\\s']")[0] == {"x"}
