"""Finding imports in kept code that would reach left-out distributions, without running the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from samplelock import LOCK, asker, candidate, with_selection

from minreq.exposure.parser import read_lines
from minreq.exposure.sites import ImportSite, find_import_sites
from minreq.model import Kept, LeftOut, Lock, Request

APP = canonicalize_name("app")


def lock_of(*, loaded: tuple[str, ...] = ("app/__init__.py",), declined_at: str = "") -> Lock:
    """`app` is kept; `gone` and the portion `shared.gone` of a namespace are left out."""
    kept = Kept(
        candidate=candidate("app", "1.0"),
        evidence=Request(distribution=APP, asked_by="root"),
        bytes=1,
        loaded=loaded,
    )
    askers = (asker("gone", "app", declined_at, "import"),) if declined_at else ()
    left_out = tuple(
        LeftOut(candidate=candidate(name, "1.0"), bytes=1, reason="never asked for", modules=modules, askers=askers)
        for name, modules in (("gone", ("gone",)), ("gone-too", ("shared.gone",)))
    )
    return with_selection(replace(LOCK, certificate=None), (kept,), left_out)


def found(folder: Path, files: Mapping[str, str], lock: Lock | None = None) -> tuple[ImportSite, ...]:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return find_import_sites(lock or lock_of(), {APP: folder})


@pytest.mark.parametrize(
    ("text", "module", "function", "handler"),
    [
        ("import gone", "gone", "<module>", None),
        ("import os, gone.deep as g", "gone", "<module>", None),
        ("def f():\n    from gone.deep import x", "gone", "f", None),
        ("class C:\n    async def f(self):\n        def g():\n            import gone", "gone", "C.f.g", None),
        ("class C:\n    import gone", "gone", "<class C>", None),
        ("from shared import gone, kept", "shared.gone", "<module>", None),
        ("import shared.gone.deep", "shared.gone", "<module>", None),
        ("try:\n    import gone\nexcept ImportError:\n    pass", "gone", "<module>", "except ImportError at"),
        ("try:\n    import gone\nexcept ImportError as e:\n    raise OSError from e", "gone", "<module>", None),
        ("with suppress(Exception):\n    import gone", "gone", "<module>", "suppress(Exception) at"),
        ("def f():\n    return importlib.import_module('gone.deep')", "gone", "f", None),
        ("x = __import__('gone')", "gone", "<module>", None),
        ("x = ensure_optional_import('gone')", "gone", "<module>", None),
        ("x = find_spec('gone')", "gone", "<module>", "a probe with find_spec"),
    ],
)
def test_an_import_is_found(text: str, module: str, function: str, handler: str | None, tmp_path: Path) -> None:
    (site,) = found(tmp_path, {"app/__init__.py": text})
    assert (site.module, site.frame.function, site.reach) == (module, function, "traced")
    assert site.frame.file == "app/__init__.py"
    assert site.frame.line == 1 + text[: text.index("gone")].count("\n")
    assert (site.handler or "").startswith(handler or "")
    assert (site.handler is None) is (handler is None)
    assert site.unguarded is (handler is None)
    if handler and "at" in handler:
        assert "app/__init__.py:" in str(site.handler)
        assert str(tmp_path) not in str(site.handler)


@pytest.mark.parametrize(
    "text",
    [
        "from .gone import x",
        "import gone_not",
        "# import gone",
        "'''\nimport gone\n'''",
        "if TYPE_CHECKING:\n    import gone",
        "if typing.TYPE_CHECKING:\n    def f():\n        import gone",
        "import shared.kept",
        "print('gone')",
        "import gone as",
    ],
)
def test_other_code_is_no_import_site(text: str, tmp_path: Path) -> None:
    assert found(tmp_path, {"app/__init__.py": text, "app/gone.py": "x = 1"}) == ()


def test_the_chain_from_traced_code_is_found(tmp_path: Path) -> None:
    """The nearest place in loaded files, and the number of imports between."""
    files = {
        "app/__init__.py": "def start():\n    from app import middle",
        "app/middle.py": "from . import (\n    far,\n)",
        "app/far.py": "import gone",
        "app/apart.py": "import gone",
    }
    far, apart = found(tmp_path, files)
    assert (far.frame.file, far.reach, far.steps) == ("app/far.py", "led to", 2)
    assert far.led_by is not None
    assert (far.led_by.file, far.led_by.line, far.led_by.function) == ("app/__init__.py", 2, "start")
    assert far.unguarded
    assert (apart.frame.file, apart.reach, apart.unguarded) == ("app/apart.py", "apart", False)


def test_a_handler_in_the_chain_catches_failures_while_the_file_is_loaded(tmp_path: Path) -> None:
    """It does not catch failures in later calls."""
    files = {
        "app/__init__.py": "def start():\n    try:\n        from app import far\n    except ImportError:\n        pass",
        "app/far.py": "def f():\n    import gone\nimport gone",
    }
    lazy, eager = found(tmp_path, files)
    assert (lazy.frame.line, lazy.reach, lazy.unguarded) == (2, "led to", True)
    assert (eager.frame.line, eager.unguarded) == (3, False)
    assert eager.handler == "except ImportError at app/__init__.py:4"


def test_another_chain_without_a_handler_counts(tmp_path: Path) -> None:
    guarded = "try:\n    from app import far\nexcept ImportError:\n    pass\n"
    files = {
        "app/__init__.py": guarded + "def f():\n    import app.other",
        "app/other.py": "import app.far",
        "app/far.py": "import gone",
    }
    (site,) = found(tmp_path, files)
    assert (site.reach, site.steps, site.unguarded) == ("led to", 2, True)


@pytest.mark.parametrize("name", ["app.far", ".far"])
def test_a_table_of_names_leads_to_its_modules(name: str, tmp_path: Path) -> None:
    """Lazy packages import by names in tables. Failing imports behind them must not count as unreachable."""
    table = f"TABLE = {{'x': {name!r}}}\ndef __getattr__(name):\n    return import_module(TABLE[name], __name__)"
    files = {"app/__init__.py": table, "app/far.py": "import app.farther", "app/farther.py": "import gone"}
    (site,) = found(tmp_path, files)
    assert (site.frame.file, site.reach, site.steps, site.unguarded) == ("app/farther.py", "led to", 2, True)
    assert site.led_by is not None
    assert (site.led_by.line, site.led_by.function) == (1, "by name")


def test_sites_whose_handler_raises_come_later(tmp_path: Path) -> None:
    """They fail too, but with advice, and only when the user asked for the feature."""
    advice = "try:\n    import gone\nexcept ImportError as error:\n    raise RuntimeError('install gone') from error\n"
    plain, advised = found(tmp_path, {"app/__init__.py": advice + "def f():\n    import gone"})
    assert (plain.frame.line, plain.raised_again) == (6, None)
    assert (advised.frame.line, advised.unguarded) == (2, True)
    assert advised.raised_again == "except ImportError at app/__init__.py:3"


def test_imports_are_cached_beside_the_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is named by the hash of the wheel, so its tree never changes. A damaged cache is made again."""
    tree = tmp_path / "lib"
    files = {"app/__init__.py": "def f():\n    from app import far", "app/far.py": "import gone"}
    expected = found(tree, files)
    assert find_import_sites(lock_of(), {APP: tree}, use_cache=True) == expected
    kept = tmp_path / "imports.json"
    whole = kept.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("minreq.exposure.importindex.read_lines", None)
        patched.setattr("minreq.exposure.importindex.read_statements", None)
        patched.setattr("minreq.exposure.importindex.read_calls", None)
        assert find_import_sites(lock_of(), {APP: tree}, use_cache=True) == expected
    for damaged in (b"", whole[:-5], whole.replace(b"gone", b"goon")):
        kept.write_bytes(damaged)
        assert find_import_sites(lock_of(), {APP: tree}, use_cache=True) == expected
        assert kept.read_bytes() == whole


def test_several_processes_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"app/__init__.py": "import app.far", "app/far.py": "import gone"}
    expected = found(tmp_path, files)
    monkeypatch.setattr("minreq.exposure.importindex._MIN_BYTES_FOR_PROCESSES", 0)
    assert found(tmp_path, files) == expected


def test_an_import_for_type_checkers_leads_nowhere(tmp_path: Path) -> None:
    files = {"app/__init__.py": "if TYPE_CHECKING:\n    import app.far", "app/far.py": "import gone"}
    (site,) = found(tmp_path, files)
    assert site.reach == "apart"


def test_imports_that_the_trace_declined_come_last(tmp_path: Path) -> None:
    lines = ["" for _ in range(72)]
    files = {"app/__init__.py": "\n".join([*lines, "import gone"]), "app/b.py": "import gone"}
    other, declined = found(tmp_path, files, lock_of(declined_at="app/__init__.py"))
    assert (declined.declined, declined.unguarded, declined.frame.line) == (True, False, 73)
    assert not other.declined


def test_provided_distributions_are_not_missed(tmp_path: Path) -> None:
    lock = lock_of()
    provided = frozenset({canonicalize_name("gone")})
    lock = replace(lock, resolution=replace(lock.resolution, provided=provided))
    assert found(tmp_path, {"app/__init__.py": "import gone"}, lock) == ()


def test_comments_among_the_names_are_ignored() -> None:
    lines = read_lines(
        b"x = 1\nfrom .a import (  # Why (not)\n    b,  # c, d)\n    e as f,\n)\nimport g\n", "p/__init__.py"
    )
    assert lines.imports == ((2, ("p", "p.a", "p.a.b", "p.a.e", "p.a.")), (6, ("g",)))


@pytest.mark.parametrize("source", [b"import" * 10**5, b"from a import (#\n" * 10**4, b"from " + b"." * 10**6])
def test_no_text_makes_the_search_slow(source: bytes) -> None:
    """In quadratic time these sources would take hours, and a regular expression cannot be interrupted."""
    assert read_lines(source, "p/__init__.py").called_modules == ()
