"""The public functions that lead to an import of a left-out distribution, found in the source alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version
from samplelock import LOCK, candidate, with_selection

from minreq.exposure import callrecords
from minreq.exposure.callparser import read_calls
from minreq.exposure.features import Features
from minreq.exposure.sites import ImportSite, find_import_sites
from minreq.model import Asker, Frame, Kept, LeftOut, Lock, QuestionKind, Request
from minreq.profiles.loader import find_profile
from minreq.profiles.planner import distributions_of_features_not_run

APP, LIB, FAR = (canonicalize_name(name) for name in ("app", "lib", "far"))


def lock_of(files: Mapping[str, str]) -> Lock:
    """`app` requires `lib`, and `lib` requires `far`. The trace loaded all files without an underscore."""
    kept = tuple(
        Kept(
            candidate=candidate(name, "1.0"),
            evidence=Request(distribution=name, asked_by="root" if name == APP else "required by app"),
            bytes=1,
            loaded=tuple(file for file in files if file.startswith(f"{name}/") and "/_" not in file.replace("__", "")),
        )
        for name in (APP, LIB, FAR)
    )
    left_out = tuple(
        LeftOut(candidate=candidate(name, "1.0"), bytes=1, reason="never asked for", modules=(name,))
        for name in ("gone", "missing")
    )
    lock = with_selection(replace(LOCK, certificate=None), kept, left_out)
    requires = {APP: frozenset({LIB}), LIB: frozenset({FAR})}
    return replace(lock, resolution=replace(lock.resolution, root=APP, requires=requires))


def sites_in(folder: Path, files: Mapping[str, str], features: Features | None = None) -> tuple[ImportSite, ...]:
    folders: dict[NormalizedName, Path] = {}
    for name, text in files.items():
        top = canonicalize_name(name.partition("/")[0])
        folders[top] = folder / top
        path = folder / top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return find_import_sites(lock_of(files), folders, features=features or Features())


def names_in(folder: Path, files: Mapping[str, str]) -> dict[str, str | None]:
    """The names of the functions that lead to the only site in *files*, each with the handler on its way."""
    (site,) = sites_in(folder, files)
    return {each.name: each.handler for each in site.functions}


HOLDS = "def _load():\n    import gone\n"


@pytest.mark.parametrize(
    ("files", "names"),
    [
        pytest.param({"app/__init__.py": "def run():\n    import gone"}, {"app.run()"}, id="it holds the import"),
        pytest.param({"app/__init__.py": HOLDS + "def run():\n    _load()"}, {"app.run()"}, id="one call"),
        pytest.param(
            {"app/__init__.py": HOLDS + "def _b():\n    _load()\ndef run():\n    return _b()"},
            {"app.run()"},
            id="two calls",
        ),
        pytest.param({"app/__init__.py": HOLDS + "def run():\n    pass"}, set(), id="nothing calls it"),
        pytest.param(
            {"app/__init__.py": "class Client:\n    def __init__(self):\n        import gone"},
            {"app.Client()"},
            id="constructor",
        ),
        pytest.param(
            {"app/__init__.py": "class _C:\n    def __init__(self):\n        import gone\ndef run():\n    return _C()"},
            {"app.run()"},
            id="call of a class",
        ),
        pytest.param(
            {
                "app/__init__.py": "from app import _base\nclass Client(_base.Base):\n    def __init__(self):\n"
                "        super().__init__()",
                "app/_base.py": "class Base:\n    def __init__(self):\n        import gone",
            },
            {"app.Client()"},
            id="constructor of a base",
        ),
        pytest.param(
            {
                "app/__init__.py": "class C:\n    def run(self):\n        self._load()\n"
                "    def _load(self):\n        import gone"
            },
            {"app.C.run()"},
            id="through self",
        ),
        pytest.param(
            {
                "app/__init__.py": "class B:\n    def run(self):\n        self._load()\n    def _load(self): ...\n"
                "class _C(B):\n    def _load(self):\n        import gone"
            },
            {"app.B.run()"},
            id="through self of a base",
        ),
        pytest.param(
            {
                "app/__init__.py": "from app import _a, b\n",
                "app/_a.py": "def _load():\n    import gone\n",
                "app/b.py": "def _load():\n    pass\ndef run():\n    _load()",
            },
            set(),
            id="the same name in another module",
        ),
        pytest.param(
            {
                "app/__init__.py": "",
                "app/_a.py": "def load():\n    import gone\n",
                "app/b.py": "from . import _a\nimport app._a as other\nload = print\ndef run():\n    load()\n"
                "def go():\n    other.load()",
            },
            {"app.b.go()"},
            id="the same name in another module, and an alias",
        ),
        pytest.param(
            {"app/__init__.py": "from ._a import *", "app/_a.py": "def run():\n    import gone\n"},
            {"app.run()"},
            id="star",
        ),
        pytest.param(
            {"app/__init__.py": "from ._a import _run as run", "app/_a.py": "def _run():\n    import gone\n"},
            {"app.run()"},
            id="exported by another name",
        ),
        pytest.param(
            {
                "app/__init__.py": "from .sub import go",
                "app/sub/__init__.py": "from .._tools import load\ndef go():\n    load()",
                "app/_tools.py": "from app._deep import fetch as load",
                "app/_deep.py": "def fetch():\n    import gone",
            },
            {"app.go()"},
            id="passed on by modules, relative imports",
        ),
        pytest.param(
            {
                "app/__init__.py": "TABLE = {\n    'run': ('._a', 'run'),\n}\ndef __getattr__(name):\n"
                "    module, name = TABLE[name]\n    return getattr(import_module(module, __name__), name)",
                "app/_a.py": "def run():\n    import gone",
            },
            {"app.run()"},
            id="table of lazy imports",
        ),
        pytest.param(
            {"app/__init__.py": "async def _load():\n    import gone\nasync def run():\n    return await _load()"},
            {"app.run()"},
            id="async",
        ),
        pytest.param(
            {"app/__init__.py": "def run():\n    def load():\n        import gone\n    return load()"},
            {"app.run()"},
            id="nested",
        ),
        pytest.param(
            {
                "app/__init__.py": "def client(f):\n    def wrapper(*a):\n        import gone\n        return f(*a)\n"
                "    return wrapper\n@client\ndef run():\n    pass"
            },
            {"app.run()"},
            id="decorator",
        ),
        pytest.param(
            {"app/__init__.py": HOLDS + "def _each(f):\n    f()\ndef run():\n    _each(lambda: _load())"},
            {"app.run()"},
            id="lambda",
        ),
        pytest.param(
            {"app/__init__.py": HOLDS + "def run(_load):\n    _load()\ndef go():\n    _load = print\n    _load()"},
            set(),
            id="local names",
        ),
        pytest.param(
            {"app/__init__.py": HOLDS + "def run(x):\n    return [_load for _load in x], [_load() for y in x]"},
            {"app.run()"},
            id="names of a comprehension",
        ),
        pytest.param(
            {
                "app/__init__.py": "import lib\n_client = lib.Client()\ndef run():\n    return _client.get()\n"
                "def go(client: 'lib.Client | None' = None):\n    client.get()\ndef no(client):\n    client.get()",
                "lib/__init__.py": "class Client:\n    def get(self):\n        import gone",
            },
            {"app.run()", "app.go()", "lib.Client.get()"},
            id="methods of instances",
        ),
        pytest.param(
            {
                "app/__init__.py": "class _T:\n    def send(self):\n        import gone\nclass C:\n"
                "    def __init__(self):\n"
                "        self._t = _T()\n    def get(self):\n        self._t.send()"
            },
            {"app.C.get()"},
            id="attribute of an instance",
        ),
        pytest.param(
            {"app/__init__.py": "class C:\n    class D:\n        def run(self):\n            import gone"},
            {"app.C.D.run()"},
            id="class in a class",
        ),
        pytest.param(
            {
                "app/__init__.py": "class C:\n    @property\n    def _t(self):\n"
                "        import gone\n    def run(self):\n"
                "        return self._t.x"
            },
            {"app.C.run()"},
            id="property",
        ),
        pytest.param(
            {"app/__init__.py": HOLDS + "if TYPE_CHECKING:\n    def run():\n        _load()"},
            set(),
            id="for type checkers",
        ),
    ],
)
def test_functions_that_lead_to_an_import(files: Mapping[str, str], names: set[str], tmp_path: Path) -> None:
    assert {*names_in(tmp_path, files)} == names


@pytest.mark.parametrize(
    ("caller", "handler"),
    [
        ("try:\n        _load()\n    except Exception:\n        return 8", "except Exception at app/__init__.py:9"),
        ("with suppress(ImportError):\n        _load()", "suppress(ImportError) at app/__init__.py:7"),
        ("try:\n        _load()\n    except KeyError:\n        return 8", None),
        ("try:\n        _load()\n    except Exception as e:\n        raise OSError from e", None),
        ("try:\n        pass\n    except Exception:\n        _load()", None),
        ("try:\n        return lambda: _load()\n    except Exception:\n        return 8", None),
    ],
)
def test_a_handler_of_the_caller_alters_the_result(caller: str, handler: str | None, tmp_path: Path) -> None:
    """The import is raised again as another error, and the caller goes on without it."""
    load = (
        "def _load():\n    try:\n        import gone\n    except ImportError as e:\n"
        "        raise ImportError('install') from e"
    )
    (site,) = sites_in(tmp_path, {"app/__init__.py": f"{load}\ndef run():\n    {caller}"})
    (function,) = site.functions
    assert (function.name, function.handler, function.calls) == ("app.run()", handler, 1)
    assert site.raised_again == "except ImportError at app/__init__.py:4"
    assert site.unguarded


def test_another_error_passes_a_handler_of_failed_imports(tmp_path: Path) -> None:
    load = "def _load():\n    try:\n        import gone\n    except ImportError as e:\n        raise Missing from e\n"
    first = "def first():\n    try:\n        _load()\n    except ImportError:\n        pass\n"
    second = "def second():\n    try:\n        _load()\n    except Missing:\n        pass\n"
    names = names_in(tmp_path, {"app/__init__.py": load + first + second})
    assert names == {"app.first()": None, "app.second()": "except Missing at app/__init__.py:14"}


def test_a_function_may_return_and_raise(tmp_path: Path) -> None:
    text = (
        HOLDS
        + "def run(x):\n    if x:\n        _load()\n    try:\n        _load()\n    except ImportError:\n        pass"
    )
    (site,) = sites_in(tmp_path, {"app/__init__.py": text})
    found = [(each.name, each.handler is None, each.frame.line) for each in site.functions]
    assert sorted(found) == [("app.run()", False, 7), ("app.run()", True, 5)]


def test_what_public_functions_reach_comes_first(tmp_path: Path) -> None:
    """A function of the root before one of its requirement, and both before what nothing public reaches."""
    files = {
        "app/__init__.py": "def _unused():\n    import gone\n",
        "app/run.py": "def run():\n    from lib import _load\n    _load()\n",
        "far/__init__.py": "def go():\n    import missing",
        "lib/__init__.py": "def _load():\n    import gone\n",
    }
    sites = sites_in(tmp_path, {**files, "app/__init__.py": files["app/__init__.py"] + "from app.run import run"})
    assert [site.frame.file for site in sites] == ["lib/__init__.py", "far/__init__.py", "app/__init__.py"]
    assert [[each.name for each in site.functions] for site in sites] == [["app.run()"], ["far.go()"], []]


def test_functions_of_features_come_first(tmp_path: Path) -> None:
    files = {"app/__init__.py": "def a():\n    import gone\ndef z():\n    import gone\ndef m():\n    a()\n    z()"}
    features = Features(
        adding={canonicalize_name("gone"): ("extra",)},
        known_functions=frozenset({"app.m()", "app.z()"}),
        functions_not_run=frozenset({"app.z()"}),
    )
    first, second = sites_in(tmp_path, files, features)
    assert [each.name for each in first.functions] == ["app.z()"]
    assert [each.name for each in second.functions] == ["app.a()"]
    assert (first.features, second.features) == (("extra",), ("extra",))


@pytest.mark.parametrize("adding", [{}, {canonicalize_name("missing"): ("http2",)}], ids=["none", "http2"])
def test_what_a_top_level_package_exports_comes_before_inner_packages(
    adding: Mapping[NormalizedName, tuple[str, ...]], tmp_path: Path
) -> None:
    """Even where the trace loaded what the inner packages export. Among those at the top, a known feature decides."""
    files = {
        "app/__init__.py": "",
        "app/inner/__init__.py": "def run():\n    import gone",
        "lib/__init__.py": "def send():\n    from lib import _http2\n",
        "lib/_http2.py": "import missing",
    }
    sites = sites_in(tmp_path, files, Features(adding=adding))
    assert [site.frame.file for site in sites] == ["lib/_http2.py", "app/inner/__init__.py"]
    assert [site.reach for site in sites] == ["led to", "traced"]
    other = {**files, "app/__init__.py": "def run():\n    import gone\n"}
    sites = sites_in(tmp_path, other, Features(adding=adding))
    first = ["lib/_http2.py", "app/__init__.py"] if adding else ["app/__init__.py", "lib/_http2.py"]
    assert [site.frame.file for site in sites] == [*first, "app/inner/__init__.py"]


def test_a_namespace_package_is_no_package_around(tmp_path: Path) -> None:
    """It exports no names, so the package below it is at the top."""
    files = {"app/cloud/store/__init__.py": "def run():\n    import gone", "lib/__init__.py": "import app.cloud.store"}
    (site,) = sites_in(tmp_path, files)
    assert [(each.name, each.is_top_level) for each in site.functions] == [("app.cloud.store.run()", True)]


def test_the_function_whose_import_fails_is_followed(tmp_path: Path) -> None:
    """A file that fails while it is loaded fails in the function that imports it, however far that is."""
    files = {
        "app/__init__.py": "def run():\n    from lib import fetch\n    return fetch()",
        "lib/__init__.py": "def fetch():\n    import lib._middle\n",
        "lib/_middle.py": "import lib._deep",
        "lib/_deep.py": "import gone",
    }
    (site,) = sites_in(tmp_path, files)
    assert (site.reach, site.steps) == ("led to", 2)
    assert {each.name for each in site.functions} == {"app.run()", "lib.fetch()"}


@pytest.mark.parametrize(
    "text",
    [
        "x = y\ny = x\ndef run():\n    x()",
        "def run(a, b, c):\n    a = b or c or a\n    b = a or c or b\n    c = a or b or c\n    return a()",
        "from app import *\nclass A(A):\n    def run(self):\n        self.run()",
        "def f():\n    return f\nrun = f()()()\nx" + ".y" * 300 + "()",
    ],
)
def test_circles_of_names_end(text: str, tmp_path: Path) -> None:
    (site,) = sites_in(tmp_path, {"app/__init__.py": text + "\ndef go():\n    import gone"})
    assert [each.name for each in site.functions] == ["app.go()"]


#: Every part of `CallFacts` has something here.
OF_EACH_KIND = """
from contextlib import suppress
from app._star import *

class Base:
    client = dict

class Client(Base):
    @property
    def inner(self):
        return Client()
    def load(self):
        import gone

make = Client

@make
def run():
    try:
        with suppress(ImportError, OSError):
            make().load()
    except:
        raise ValueError
"""


def test_calls_are_cached_beside_the_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"app/__init__.py": OF_EACH_KIND}
    expected = sites_in(tmp_path, files)
    assert expected[0].functions
    facts = read_calls(str(tmp_path / "app" / "app/__init__.py"), "app/__init__.py")
    record = json.loads(json.dumps(callrecords.to_record(facts)))
    assert all(record)
    assert callrecords.from_record(record) == facts
    folders = {APP: tmp_path / APP}
    assert find_import_sites(lock_of(files), folders, use_cache=True) == expected
    monkeypatch.setattr("minreq.exposure.importindex.read_calls", None)
    assert find_import_sites(lock_of(files), folders, use_cache=True) == expected


def test_another_way_than_the_declined_one_is_unguarded(tmp_path: Path) -> None:
    """The trace met the import under a handler. A function imports the same file without one."""
    files = {
        "app/__init__.py": "try:\n    import app._h2\nexcept ImportError:\n    pass\ndef run():\n    import app._h2",
        "app/_h2.py": "import gone",
    }
    sites_in(tmp_path, files)
    lock = lock_of(files)
    frame = Frame(file="app/_h2.py", line=1, function="<module>")
    declined = Asker(
        need=QuestionKind.IMPORT,
        name="gone",
        frame=frame,
        distribution=APP,
        why_optional="except ImportError",
        stages=(),
    )
    left_out = tuple(replace(each, askers=(declined,)) for each in lock.selection.left_out)
    lock = with_selection(lock, lock.selection.kept, left_out)
    (site,) = find_import_sites(lock, {APP: tmp_path / APP})
    assert (site.declined, site.unguarded, site.functions[0].name) == (False, True, "app.run()")


def test_features_that_bring_a_distribution() -> None:
    """The profile names what a feature adds. A feature that ran, or that the release lacks, covers nothing."""
    profile = find_profile(canonicalize_name("litellm"))
    assert profile is not None
    stages = ("import", "openai/chat", "openai/client")
    found = distributions_of_features_not_run(profile, stages, Version("1.110.2"))
    assert found[canonicalize_name("tokenizers")] == ("tokenizers",)
    assert found[canonicalize_name("hpack")] == ("http2",)
    assert canonicalize_name("httpcore2") not in found
    assert canonicalize_name("diskcache") not in found
    older = distributions_of_features_not_run(profile, stages[:2], Version("1.100.0"))
    assert older[canonicalize_name("httpcore2")] == ("client",)
    assert older[canonicalize_name("diskcache")] == ("disk-caching",)
