"""`minreq build --slim cold`: what the smoke does not open is packed, and nothing is lost."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from coldtree import ColdTree, build
from commanding import Project, project
from packaging.utils import canonicalize_name

from minreq.build.forecast import forecast_build
from minreq.build.slim.cold import PathUse
from minreq.build.slim.files import TreeFile
from minreq.build.slim.select import select_files
from minreq.config import Settings
from minreq.lockfile import evidence
from minreq.smoke.isolation import SANDBOX_VARIABLE

UNSERVED = """
explanation = "`app` has a module that asks the system for its own source."
requirements = ["app"]
program = "import app"
[wheels.app."1.0".files]
"app/__init__.py" = ""
"app/raw.py" = "import _io; _io.FileIO(__file__).close()"
"app/reader.py" = "import app.raw"
"app/other.py" = "x = 1"
"""


def _file(folder: Path, owner: str, path: str, text: str = "") -> TreeFile:
    """Write a file of a distribution, which a build may put at *path* of its tree."""
    source = folder / path
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(text)
    return TreeFile(path=path, owner=canonicalize_name(owner), source=source, size=len(text))


class TestChoice:
    """Which files are cold, and why the others are not."""

    def test_every_file_has_its_reason(self, cold_tree: ColdTree) -> None:
        hot = {reason: {*paths} for reason, paths in cold_tree.description["hot"].items()}
        assert hot.pop("metadata")
        extensions = {path.relative_to(cold_tree.whole).as_posix() for path in cold_tree.whole.glob("app/*.so")}
        assert hot == {
            "the smoke opens it": {"app/__init__.py", "app/hot.py", "lib/__init__.py", "ns/part/__init__.py"},
            "licence": {"app/LICENSE"},
            "native code opens such files": {"app/cert.pem"},
            "outside of a package": {"ns/loose.py", "loose.py"},
            "an archive would save too little": {"app/short.txt", "app/space/list.json"},
        }
        cold = {kind: {*paths} for kind, paths in cold_tree.description["cold"].items()}
        assert cold == {
            "module, imported from its archive": {
                *("app/cold.py", "app/broken.py", "app/sub/__init__.py", "app/sub/deep.py", "app/space/one.py"),
                *("app/tests/test_app.py", "lib/__main__.py", "lib/more.py", "ns/part/more.py"),
            },
            "extension module, unpacked when it is imported": extensions,
            "data, opened in its archive": {"app/table.txt", "app/data/table.txt"},
        }

    def test_the_tree_has_the_hot_files_and_an_archive_of_each_distribution(self, cold_tree: ColdTree) -> None:
        there = {
            path.relative_to(cold_tree.folder).as_posix() for path in cold_tree.folder.rglob("*") if path.is_file()
        }
        hot = {path for paths in cold_tree.description["hot"].values() for path in paths}
        own = {path for path in there - hot if path.startswith("_minreq_cold/")}
        assert there - own == hot | {"minreq-build.json"}
        assert {path for path in own if path.endswith(".zip")} == {*cold_tree.description["archives"]}
        assert {*cold_tree.description["archives"]} == {
            f"_minreq_cold/{name}.zip" for name in ("app", "lib", "ns-part")
        }

    def test_a_library_that_no_import_loads_stays(self, cold_tree: ColdTree, tmp_path: Path) -> None:
        """Python imports by a function that has the name of the file; ctypes, for example, asks the system."""
        (tmp_path / "__init__.py").touch()
        [extension] = cold_tree.whole.glob("app/native.*")
        size, owner = extension.stat().st_size, canonicalize_name("app")
        names = {"__init__.py": tmp_path / "__init__.py", "native.so": extension, "libnative.so": extension}
        files = [TreeFile(path=f"app/{name}", owner=owner, source=source, size=size) for name, source in names.items()]
        cold = select_files(files, "cold").cold
        assert cold is not None
        assert [each.file.path for each in cold.cold] == ["app/native.so"]
        assert cold.hot["app/libnative.so"].value == "the system runs or loads it"

    @pytest.mark.parametrize(
        ("source", "use"),
        [
            ("x = __file__", PathUse.NONE),
            ("x = os.listdir(dirname(__file__))", PathUse.ANY),
            ("x = os.path.isdir(join(dirname(__file__), 'plugins'))", PathUse.ANY),
            ("x = Path(__file__, '..', name).is_file()", PathUse.ANY),
        ],
    )
    def test_code_that_may_find_cold_modules_by_their_path(self, tmp_path: Path, source: str, use: PathUse) -> None:
        """It lists its folder, or looks whether it has a file."""
        files = [_file(tmp_path, "app", "app/__init__.py", source), _file(tmp_path, "app", "app/plugins/one.py")]
        cold = select_files(files, "cold", opened=["app/__init__.py"]).cold
        assert cold is not None
        assert cold.packages == {"app": use}

    @pytest.mark.parametrize(
        ("source", "use"),
        [
            ("def list(module): return os.listdir(dirname(module.__file__))", PathUse.ANY),
            ("def list(kind): return Path(inspect.getfile(kind)).parent.glob('*.py')", PathUse.ANY),
            ("x = os.listdir(dirname(__file__))", PathUse.NONE),
        ],
    )
    def test_code_that_lists_the_modules_of_another_distribution(
        self, tmp_path: Path, source: str, use: PathUse
    ) -> None:
        """A framework that is given a package does not name it."""
        files = [
            _file(tmp_path, "framework", "framework/__init__.py", source),
            _file(tmp_path, "app", "app/__init__.py"),
            _file(tmp_path, "app", "app/plugin.py"),
        ]
        cold = select_files(files, "cold", opened=["framework/__init__.py", "app/__init__.py"]).cold
        assert cold is not None
        assert cold.packages == {"app": use}

    def test_an_archive_to_import_from_stays(self, tmp_path: Path) -> None:
        """Python asks the system for it, as native code does."""
        files = [
            _file(tmp_path, "app", name, "x" * 100_000) for name in ("app/plugins.zip", "app/run.pyz", "app/a.txt")
        ]
        cold = select_files([_file(tmp_path, "app", "app/__init__.py"), *files], "cold").cold
        assert cold is not None
        assert [each.file.path for each in cold.cold] == ["app/a.txt"]


class TestProof:
    """What would be lost is found before anything is written."""

    def test_all_modules_are_compared(self, cold_tree: ColdTree) -> None:
        assert cold_tree.result["modules"] == 17

    def test_a_module_that_cannot_be_served_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Code that asks the system for a path, and not Python, does not find a cold file."""
        made = project(UNSERVED, tmp_path)
        made.make_lock()
        done = made.minreq("build", "-o", "out", "-q", "--slim", "cold", "--bytecode", "none")
        assert done.status == 1
        assert done.sentences[1:] == [
            "app.raw: imported from the whole lock, fails (FileNotFoundError) from the cold tree",
            "app.reader: imported from the whole lock, fails (FileNotFoundError) from the cold tree",
        ]
        assert "--keep PATTERN" in done.sentences[0]
        assert not made.folder.joinpath("out").exists()
        assert build(made, "out", "--slim", "cold", "--keep", "app/r*.py")["modules"] == 4
        kept = ("--slim", "cold", "--keep", "app/r*.py")
        assert build(made, "out", *kept, "--prove-modules", "cold")["modules"] == 1
        environment = {**made.environment(), SANDBOX_VARIABLE: "hooks"}
        monkeypatch.setattr(Project, "environment", lambda _: environment)
        done = made.minreq("build", "-o", "out", *kept, "--bytecode", "none", "--json", "--hot", "smoke.py")
        assert json.loads(done.out)["modules"] is None
        assert "the modules are not compared with the whole lock: the kernel does not isolate" in done.err
        assert "--hot smoke.py: no line names a cold file; a program logs one if" in " ".join(done.err.split())


class TestReports:
    """What a build, a tree and a program on it say about cold files."""

    def test_the_savings_have_a_row(self, cold_tree: ColdTree) -> None:
        [step] = [each for each in cold_tree.result["savings"] if each["step"] == "cold files"]
        assert (step["files"], step["risk"]) == (13, "low")
        sizes = [size for paths in cold_tree.description["cold"].values() for size in paths.values()]
        assert step["bytes"] == sum(sizes) - sum(each["bytes"] for each in cold_tree.description["archives"].values())

    def test_analyze_shows_what_the_archives_hold(self, cold_project: Project, cold_tree: ColdTree) -> None:
        found = json.loads(cold_project.minreq("analyze", str(cold_tree.folder), "--json").out)
        sizes = {name: cold_tree.whole.joinpath(name).stat().st_size for name in ("lib/__main__.py", "lib/more.py")}
        [lib] = [each for each in found["cold"] if each["name"] == "lib"]
        assert (lib["files"], lib["unpacked"], lib["kinds"]) == (2, sum(sizes.values()), {"code": sum(sizes.values())})
        [owner] = [each for each in found["distributions"] if each["name"] == "lib"]
        assert owner["kinds"]["cold archives"] == lib["bytes"]
        assert found["unowned"] == {}
        shown = cold_project.minreq("analyze", str(cold_tree.folder)).out
        assert "Cold files: packed, and served on demand" in shown

    def test_a_cold_access_is_logged_and_the_next_build_keeps_the_file(
        self, cold_project: Project, cold_tree: ColdTree
    ) -> None:
        code = (
            "import logging, sys\nlogging.basicConfig(stream=sys.stdout, level='INFO', format='%(name)s %(message)s')\n"
            "import app.sub.deep, app.native, app.cold, importlib, inspect, pkgutil\nimport app.cold\napp.cold.read()\n"
            "pkgutil.get_data('app', 'data/table.txt')\ninspect.getsource(app.cold)\nimport lib.__main__"
        )
        # Without a folder to write into, the extension module is loaded from memory.
        lines = cold_tree.output(code, MINREQ_COLD_DIR="/nowhere").splitlines()
        assert lines.pop() == "main lib.__main__"
        facts = [json.loads(line.removeprefix("minreq minreq-cold ")) for line in lines]
        modules = ["app.sub", "app.sub.deep", "app.native", "app.cold", "lib.__main__"]
        assert [each["module"] for each in facts if "module" in each] == modules
        assert [each["path"] for each in facts if "module" not in each] == ["app/table.txt", "app/data/table.txt"]
        assert all(each["milliseconds"] >= 0 for each in facts)
        cold_project.folder.joinpath("log.txt").write_text("\n".join(json.dumps({"message": line}) for line in lines))
        build(cold_project, "warm", "--slim", "cold", "--hot", "log.txt", "--prove-modules", "none")
        description = json.loads(cold_project.folder.joinpath("warm/minreq-build.json").read_text())
        assert {*description["hot"]["--hot"]} == {each["path"] for each in facts}
        done = cold_project.minreq("build", "-o", "out", "--hot", "none.txt")
        assert (done.status, "--hot none.txt: No such file" in done.err) == (2, True)

    def test_the_size_is_known_before(self, cold_project: Project, cold_tree: ColdTree) -> None:
        """About: the build itself adds its description, and what serves the cold files."""
        lock = evidence.load(cold_project.evidence.read_text())
        found = forecast_build(lock, Settings(cache_dir=cold_project.cache, bytecode="none"))
        assert found is not None
        assert found.slim == "cold"
        assert found.bytes == pytest.approx(cold_tree.result["bytes"], rel=0.04)

    def test_equal_inputs_give_equal_bytes(self, cold_project: Project, cold_tree: ColdTree) -> None:
        build(cold_project, "again", "--slim", "cold", "--prove-modules", "none")
        again = cold_project.folder / "again"
        for path in cold_tree.folder.rglob("*"):
            if path.is_file():
                assert path.read_bytes() == again.joinpath(path.relative_to(cold_tree.folder)).read_bytes()


class TestModules:
    """A cold module is as any other."""

    def test_modules_are_imported_with_their_attributes(self, cold_tree: ColdTree) -> None:
        code = (
            "import importlib\n"
            "for name in ('app.cold', 'app.sub', 'app.sub.deep', 'app.space', 'app.space.one', 'ns.part.more'):\n"
            "    module = importlib.import_module(name)\n"
            "    spec = module.__spec__\n"
            "    print(name, module.__file__, module.__package__, getattr(module, '__path__', None), spec.origin,\n"
            "          spec.cached, sorted(vars(module).keys() - {'__builtins__', '__annotations__'}))\n"
        )
        found = cold_tree.same_output(code)
        assert len(found.splitlines()) == 6

    def test_errors_are_the_same(self, cold_tree: ColdTree) -> None:
        code = (
            "import importlib\n"
            "for name in ('app.broken', 'app.nothing', 'app.cold.inside', 'lib.nothing', 'app.data'):\n"
            "    try:\n"
            "        print(importlib.import_module(name).__path__)\n"
            "    except ImportError as error:\n"
            "        print(type(error).__name__, error, error.name)\n"
        )
        assert "No module named 'nowhere'" in cold_tree.same_output(code)

    def test_modules_are_listed(self, cold_tree: ColdTree) -> None:
        code = "import app, pkgutil\nfor each in pkgutil.walk_packages(app.__path__, 'app.'):\n    print(each[1:])"
        assert "('app.sub', True)\n('app.sub.deep', False)\n" in cold_tree.same_output(code)

    def test_the_source_of_a_module_is_there(self, cold_tree: ColdTree) -> None:
        code = (
            "import app.cold, inspect, pickle, traceback\n"
            "print(inspect.getsource(app.cold.Value), inspect.getsourcefile(app.cold.fail))\n"
            "print(app.cold.__loader__.get_source('app.cold')[:9], app.cold.__loader__.is_package('app.cold'))\n"
            "print(type(pickle.loads(pickle.dumps(app.cold.Value()))) is app.cold.Value)\n"
            "try:\n    app.cold.fail()\nexcept ValueError:\n    print(traceback.format_exc())\n"
        )
        assert 'raise ValueError("cold")  # this line' in cold_tree.same_output(code)

    def test_an_extension_module_is_unpacked_once(self, cold_tree: ColdTree, tmp_path: Path) -> None:
        code = "import app.native\nprint(app.native.first, app.native.__file__, app.native.__spec__.origin)"
        whole = cold_tree.same_output(code)
        assert cold_tree.output(code, MINREQ_COLD_DIR=str(tmp_path)).replace(str(cold_tree.folder), "TREE") == whole
        [file] = tmp_path.glob("minreq-cold-*/*")
        before = file.stat().st_ino
        cold_tree.output(code, MINREQ_COLD_DIR=str(tmp_path))
        assert [each.stat().st_ino for each in tmp_path.glob("minreq-cold-*/*")] == [before]

    def test_archives_have_members_of_two_methods(self, cold_tree: ColdTree) -> None:
        """A large extension module is smaller by LZMA; the other tests import it."""
        with zipfile.ZipFile(cold_tree.folder / "_minreq_cold" / "app.zip") as archive:
            methods = {info.filename.partition(".")[0]: info.compress_type for info in archive.infolist()}
        assert methods["app/native"] == zipfile.ZIP_LZMA
        assert methods["app/second"] == methods["app/cold"] == zipfile.ZIP_DEFLATED

    def test_the_cache_has_a_limit(self, cold_tree: ColdTree, tmp_path: Path) -> None:
        """What was used least recently goes."""
        code = "from _minreq_cold import unpacked\nunpacked._MAX_BYTES = {}\nimport app.native, time\n"
        code += "time.sleep(0.01)\nimport app.second\nprint(app.native.first, app.second.__name__)"
        for limit, names in ((1 << 30, ["native", "second"]), (1_300_000, ["second"]), (1, ["second"])):
            assert cold_tree.output(code.format(limit), MINREQ_COLD_DIR=str(tmp_path)) == "1 app.second\n"
            there = [*tmp_path.glob("minreq-cold-*/*")]
            assert sorted(path.name.partition("-")[2].partition(".")[0] for path in there) == names
            for path in there:
                path.unlink()

    def test_an_entry_point_is_loaded(self, cold_tree: ColdTree) -> None:
        code = "import importlib.metadata as m\n[each] = m.entry_points(group='app.plugins')\nprint(each.load())"
        assert cold_tree.same_output(code) == "<class 'app.sub.deep.Plugin'>\n"


class TestData:
    """Cold data is read as any other."""

    def test_data_is_read_through_the_loader(self, cold_tree: ColdTree) -> None:
        code = (
            "import app, pkgutil, importlib.resources as resources\n"
            "print(len(pkgutil.get_data('app', 'table.txt')), pkgutil.get_data('app', 'short.txt'))\n"
            "def walk(folder):\n"
            "    for each in sorted(folder.iterdir(), key=str):\n"
            "        if each.is_dir():\n            walk(each)\n"
            "        elif each.name != '__init__.py':\n            print(each, len(each.read_bytes()))\n"
            "walk(resources.files('app'))\n"
            "walk(resources.files('app.space'))\n"
            "with resources.as_file(resources.files('app') / 'data') as place:\n    print(place.is_dir())\n"
        )
        assert "data/table.txt 31000" in cold_tree.same_output(code)

    def test_data_is_opened_by_its_path(self, cold_tree: ColdTree) -> None:
        code = (
            "import app, app.cold, os, glob, io, shutil, sys, tempfile\n"
            "print(len(app.cold.read()), len((app.HERE / 'data' / 'table.txt').read_text()))\n"
            "path = str(app.HERE / 'data' / 'table.txt')\n"
            "print(os.path.getsize(path), os.path.isfile(path), os.path.isdir(app.HERE / 'data'))\n"
            "print([os.access(path, mode) for mode in (os.R_OK, os.X_OK)], os.stat(path).st_mode)\n"
            "print(os.path.exists(path + 'x'))\n"
            "print(sorted(os.listdir(app.HERE)), sorted(e.name for e in os.scandir(app.HERE / 'data')))\n"
            "print(sorted(os.listdir(os.fsencode(app.HERE / 'data'))), sorted(map(str, app.HERE.rglob('*.txt'))))\n"
            "print(sorted(glob.glob(str(app.HERE / '**' / '*.py'), recursive=True)))\n"
            "print(sorted((root, sorted(names)) for root, _, names in os.walk(os.fsencode(app.HERE / 'data'))))\n"
            "from importlib.util import module_from_spec, spec_from_file_location\n"
            "spec = spec_from_file_location('other', app.HERE / 'space' / 'one.py')\n"
            "module = module_from_spec(spec)\nspec.loader.exec_module(module)\nprint(module.one, module.__file__)\n"
            "import runpy\nprint(runpy.run_path(str(app.HERE / 'space' / 'one.py'))['one'])\n"
            "with open(path, 'rb') as file:\n    print(len(file.read()), file.name)\n"
            "descriptor = os.open(path, os.O_RDONLY)\nprint(os.fstat(descriptor).st_size)\nos.close(descriptor)\n"
            "folder = tempfile.mkdtemp()\nshutil.copytree(app.HERE / 'data', folder + '/copy')\n"
            "print(os.path.getsize(folder + '/copy/table.txt'))\nshutil.rmtree(folder)\nprint(os.path.exists(folder))\n"
            "for mode in ('w', 'r+', 'x'):\n"
            "    try:\n        open(str(app.HERE / 'none' / 'table.txt'), mode)\n"
            "    except OSError as error:\n        print(type(error).__name__)\n"
            "for function, wrong in ((open, app.HERE / 'data'), (os.listdir, path), (os.scandir, path)):\n"
            "    try:\n        function(wrong)\n"
            "    except OSError as error:\n        print(repr(error), error.filename)\n"
        )
        found = cold_tree.same_output(code)
        assert "'table.txt'" in found
        assert "True\n31000" not in found

    def test_the_functions_that_open_paths_are_like_those_of_python(self, cold_tree: ColdTree) -> None:
        """They do not become methods of a class that has them as attributes, and other processes get them by name."""
        code = (
            "import app, os, pickle\n"
            "class Files:\n    open, stat, listdir = open, os.stat, os.listdir\n"
            "files, path = Files(), str(app.HERE / 'table.txt')\n"
            "print(len(files.open(path).read()), files.stat(path).st_size, 'table.txt' in files.listdir(app.HERE))\n"
            "for each in (open, os.open, os.stat, os.lstat, os.access, os.listdir, os.scandir):\n"
            "    print(pickle.loads(pickle.dumps(each)) is each, each.__name__, each.__doc__[:20])\n"
        )
        assert cold_tree.same_output(code).startswith("31000 31000 True\nTrue open ")
