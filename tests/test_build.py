"""`minreq build` as a user meets it: a lock of a wheelhouse at every level, what is left out, and what says so."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from commanding import Done, Project, project

from minreq import interpreter
from minreq.build import output
from minreq.build.forecast import forecast_build
from minreq.build.slim.select import FileSelection
from minreq.build.slim.write import WrittenFiles
from minreq.build.tree import BuiltTree
from minreq.config import BuildSettings, Settings
from minreq.lockfile import evidence
from minreq.smoke.isolation import SANDBOX_VARIABLE

SCENARIO = """
explanation = "`app` has a part of every kind; its smoke uses little of it."
requirements = ["app"]
program = '''
import app
print(app.answer, app.table())
'''
[wheels.app."1.0"]
requires = ["needed", "unused"]
scripts = { app = "#!python\\nimport app" }
[wheels.app."1.0".files]
"app/__init__.py" = '''
import pathlib
from needed import answer
def table():
    return (pathlib.Path(__file__).parent / "table.json").read_text()
def later():
    from app.later import work
    return work
'''
"app/table.json" = "[1]"
"app/other.json" = "[2]"
"app/app.pyi" = "answer: int"
"app/native.c" = "int a;"
"app/LICENSE.txt" = "Yours."
"app/template.py" = "{{ no python }}"
"app/later/__init__.py" = "import app.named"
"app/later/work.py" = "x = 1"
"app/named.py" = "y = 1"
"app/unreached/__init__.py" = "z = 1"
"app/unreached/deep/__init__.py" = ""
"app/web/index.html" = "<html>"
"app/tests/__init__.py" = ""
"app/tests/test_app.py" = "import app"
"app/docs/index.md" = "# app"
"app/testing.py" = "from app.test import helper"
"app/test/__init__.py" = "helper = 1"
[wheels]
needed."1.0" = { files = { "needed/__init__.py" = "answer = 42", "needed/extra.py" = "raise SystemError" } }
unused."1.0" = {}
"""

ALWAYS = {"minreq-build.json"}
METADATA = {f"{name}-1.0.dist-info/{file}" for name in ("app", "needed") for file in ("METADATA", "RECORD", "WHEEL")}
NEEDED = {"needed/__init__.py", "needed/extra.py"}
CODE = {"app/__init__.py", "app/named.py", "app/testing.py", "app/template.py", "app/test/__init__.py"}
CODE |= {"app/later/__init__.py", "app/later/work.py"}
UNREACHED = {"app/unreached/__init__.py", "app/unreached/deep/__init__.py"}
DATA = {"app/table.json", "app/other.json", "app/LICENSE.txt"}
CONVENTIONAL = {"app/app.pyi", "app/native.c", "app/docs/index.md", "app/tests/test_app.py"}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A lock; not to be changed."""
    made = project(SCENARIO, tmp_path_factory.mktemp("built"))
    made.make_lock("--budget", "1MB")
    return made


@pytest.fixture
def own(locked: Project, tmp_path: Path) -> Project:
    """A copy of the lock with its smoke, to be changed; store and index are shared."""
    folder = tmp_path / "own"
    shutil.copytree(locked.folder, folder)
    return replace(locked, folder=folder)


def built(own: Project, *arguments: str) -> dict[str, Any]:
    """Build into the folder `out`."""
    done = own.minreq("build", "-o", "out", "-q", "--json", "--bytecode", "none", *arguments)
    assert done.status == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_size_is_known_before(own: Project) -> None:
    """About: the build itself adds its description, and placeholders that report what is left out."""
    done = own.minreq("build", "-o", "out", "-q", "--json", "--slim", "unused")
    assert done.status == 0, done.err
    lock = evidence.load(own.evidence.read_text())
    # Where no level fits, the smallest is told.
    found = forecast_build(lock, Settings(cache_dir=own.cache, budget=1))
    assert found is not None
    assert found.slim == "unused"
    assert found.bytes == pytest.approx(json.loads(done.out)["bytes"], rel=0.04)
    assert (own.cache / "forecasts.json").exists()
    assert forecast_build(lock, Settings(cache_dir=own.folder)) is None


def python(folder: Path, code: str) -> Done:
    done = subprocess.run(
        [sys.executable, "-S", "-B", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(folder)},
    )
    return Done(status=done.returncode, out=done.stdout, err=done.stderr)


def check_records(folder: Path) -> None:
    """What a RECORD lists is there, as it says, and everything that belongs to a distribution is listed (PEP 376)."""
    listed = set()
    for record in folder.glob("*.dist-info/RECORD"):
        for path, digest, size in csv.reader(record.read_text().splitlines()):
            listed.add(path)
            if digest:
                content = folder.joinpath(path).read_bytes()
                found = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                assert (digest, size) == (f"sha256={found}", str(len(content))), path
    assert listed == files(folder) - ALWAYS - {"_minreq_build.py"}


class TestLevels:
    """What is left of the tree, file by file."""

    def test_none_is_what_an_installer_makes(self, own: Project) -> None:
        result = built(own, "--slim", "none")
        everything = ALWAYS | METADATA | NEEDED | CODE | UNREACHED | DATA | CONVENTIONAL
        everything |= {"bin/app", "app/web/index.html", "app/tests/__init__.py"}
        assert files(own.folder / "out") == everything
        assert own.folder.joinpath("out/bin/app").read_text().startswith("#!/usr/bin/env python3\n")
        check_records(own.folder / "out")
        assert [step["step"] for step in result["savings"]] == ["left-out distributions"]

    def test_safe_leaves_out_what_no_program_reads(self, own: Project) -> None:
        result = built(own)
        placeholders = {"_minreq_build.py", "app/tests/__init__.py"}
        expected = ALWAYS | METADATA | NEEDED | CODE | UNREACHED | DATA | {"app/web/index.html"} | placeholders
        assert files(own.folder / "out") == expected
        check_records(own.folder / "out")
        steps = {step["step"]: step["files"] for step in result["savings"][1:]}
        assert steps == {"scripts": 1, "type stubs": 1, "C sources": 1, "tests": 2, "docs": 1}

    def test_unused_leaves_out_whole_folders_that_nothing_kept_names(self, own: Project) -> None:
        built(own, "--slim", "unused", "--html", "page.html")
        assert '"left out: unreached packages"' in own.folder.joinpath("page.html").read_text()
        placeholders = {"_minreq_build.py", "app/tests/__init__.py", "app/unreached/__init__.py"}
        assert files(own.folder / "out") == ALWAYS | METADATA | NEEDED | CODE | DATA | placeholders
        check_records(own.folder / "out")
        told = json.loads(own.folder.joinpath("out/minreq-build.json").read_text())
        assert told["removed"]["unreached packages"] == {
            "app/unreached/__init__.py": 5,
            "app/unreached/deep/__init__.py": 0,
        }
        assert told["removed"]["unopened data folders"] == {"app/web/index.html": 6}

    def test_traced_leaves_out_what_the_smoke_did_not_open(self, own: Project) -> None:
        result = built(own, "--slim", "traced")
        opened = {"app/__init__.py", "needed/__init__.py", "app/table.json"}
        placeholders = {"_minreq_build.py", "needed/extra.py", "app/named.py", "app/testing.py", "app/template.py"}
        placeholders |= {f"app/{name}/__init__.py" for name in ("later", "test", "tests", "unreached")}
        tree = own.folder / "out"
        assert files(tree) == ALWAYS | METADATA | opened | {"app/LICENSE.txt"} | placeholders
        check_records(tree)
        sizes = sum(tree.joinpath(path).stat().st_size for path in opened)
        assert result["opened_bytes"] == result["opened_bytes_with_sources"] == sizes

    def test_of_compiled_files_the_sources_are_told_apart(self, own: Project) -> None:
        result = built(own, "--slim", "traced", "--bytecode", "add")
        sources = ("app/__init__.py", "needed/__init__.py")
        tree = own.folder / "out"
        sizes = sum(tree.joinpath(path).stat().st_size for path in sources)
        assert result["opened_bytes_with_sources"] == result["opened_bytes"] + sizes


class TestPlaceholders:
    """Code that was left out says so."""

    def test_an_import_says_which_build_left_it_out_and_how_to_get_it_back(self, own: Project) -> None:
        built(own, "--slim", "unused")
        said = python(own.folder / "out", "import app.unreached.deep").err
        assert said.splitlines()[-1] == (
            "ImportError: app.unreached is not in this tree: `minreq build --slim unused` of requirements-minimal.txt "
            "left it out, since neither the smoke nor anything that is kept reaches it; to get it back, build again "
            "with --keep 'app/unreached*' or with --slim cold"
        )
        built(own, "--slim", "unused", "--keep", "app/unreached*")
        assert python(own.folder / "out", "import app.unreached.deep") == Done(status=0, out="", err="")

    def test_what_the_user_dropped_is_told_as_that(self, own: Project) -> None:
        built(own, "--slim", "unused", "--drop", "app/later/*")
        said = python(own.folder / "out", "import app.later.work").err
        assert (
            "left it out, since a --drop pattern matches it; to get it back, build again with --keep 'app/later*'\n"
            in said
        )

    def test_it_is_said_aloud_to_whoever_catches_it(self, own: Project) -> None:
        built(own, "--slim", "traced")
        done = python(own.folder / "out", "try:\n    import app.later\nexcept ImportError:\n    print('caught')")
        assert (done.status, done.out) == (0, "caught\n")
        assert done.err.startswith("app.later is not in this tree: ")


class TestData:
    """Data that was left out has no placeholder; what can be told of it is told."""

    SMOKE = """
import app, pathlib
folder = pathlib.Path(app.__file__).parent
try:
    print((folder / "other.json").read_text())
except FileNotFoundError:
    print({})
"""

    def test_a_build_that_fails_says_which_file_the_smoke_asked_for(self, own: Project, tmp_path: Path) -> None:
        tmp_path.joinpath("reads.py").write_text(self.SMOKE.format("'none'"))
        arguments = ("-q", "--smoke", str(tmp_path / "reads.py"), "--drop", "app/o*.json")
        done = own.minreq("build", "-o", "out", *arguments)
        assert done.status == 1
        assert done.sentences[-1] == (
            "the smoke tries to open app/other.json, left out by the rule --drop; --keep 'app/other.json' keeps it"
        )

    def test_a_smoke_that_goes_on_without_is_told(self, own: Project, tmp_path: Path) -> None:
        tmp_path.joinpath("reads.py").write_text(self.SMOKE.format("'[2]'"))
        arguments = ("--smoke", str(tmp_path / "reads.py"), "--drop", "app/other.json")
        result = built(own, *arguments)
        assert result["missed"] == [{"path": "app/other.json", "rule": "--drop"}]
        assert "keeps it; the smoke passes without it" in own.minreq("build", "-o", "out", *arguments).err

    def test_a_program_that_asks_for_it_is_told_of_each_file(self, own: Project) -> None:
        built(own, "--slim", "traced")
        code = "import app, _minreq_build; _minreq_build.watch(); open(app.__path__[0] + '/{}', '{}')"
        said = python(own.folder / "out", code.format("other.json", "r")).err.splitlines()
        sentence = (
            "app/other.json is not in this tree: `minreq build --slim traced` of requirements-minimal.txt left it out, "
            "since the smoke did not open it; to get it back, build again with --keep 'app/other.json' or with "
            "--slim cold"
        )
        assert said[0] == sentence
        assert said[-1].startswith(f"FileNotFoundError: [Errno 2] {sentence}: ")
        # Neither what is there, nor what never was, nor what is written anew.
        assert python(own.folder / "out", code.format("table.json", "r")) == Done(status=0, out="", err="")
        assert "No such file or directory" in python(own.folder / "out", code.format("never.json", "r")).err
        assert python(own.folder / "out", code.format("other.json", "w")).status == 0


_environment = Project.environment


def _environment_with_hooks(project: Project) -> dict[str, str]:
    return {**_environment(project), SANDBOX_VARIABLE: "hooks"}


#: A smoke with code that bypasses hooks.
CHANGES_THE_TREE = """import app, ctypes, os, stat
libc = ctypes.CDLL(None)
if "/tree/app/" in app.__file__:
    for file in (app.__file__, app.__cached__ or app.__file__):
        descriptor = libc.open(file.encode(), os.O_WRONLY)
        libc.write(descriptor, b"#", 1)
"""


class TestWhatIsRefused:
    """Nothing is written unless it is proven, within the budget, and in its own place."""

    def test_what_fails_is_named_with_what_is_missing(self, own: Project) -> None:
        done = own.minreq("build", "-o", "out.zip", "-q", "--drop", "needed/*")
        assert done.status == 1
        assert done.sentences[0] == (
            "the tree built from requirements-minimal.txt with --slim safe --bytecode add does not work; nothing was "
            "written; keep what is missing with --keep PATTERN, or build with --slim none:"
        )
        assert done.sentences[1].startswith("smoke/smoke.py fails: ImportError: needed is not in this tree: ")
        assert not own.folder.joinpath("out.zip").exists()

    def test_code_that_changes_the_tree_which_it_is_to_prove(
        self, own: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Compiled code bypasses hooks, and the length of a file says nothing."""
        own.folder.joinpath("smoke.py").write_text(CHANGES_THE_TREE)
        monkeypatch.setattr(Project, "environment", _environment_with_hooks)
        own.lock.unlink()
        own.make_lock()
        done = own.minreq("build", "-o", "out.zip", "-q")
        assert done.status == 1
        assert done.sentences[0].startswith("code of a package changed the tree while the smoke ran on it: app/")
        assert not own.folder.joinpath("out.zip").exists()

    def test_over_budget_says_what_to_do_next(self, own: Project) -> None:
        done = own.minreq("build", "-o", "out.zip", "-q", "--budget", "5000", "--reserve", "4000")
        assert done.status == 1
        assert "and 4,000 reserved" in done.sentences[0]
        assert done.sentences[1] == "--slim cold, which loses nothing"
        assert done.sentences[2].startswith("--bytecode none, ")
        assert not own.folder.joinpath("out.zip").exists()

    def test_an_archive_that_is_too_large(self, own: Project) -> None:
        done = own.minreq("build", "-o", "out.zip", "-q", "--max-zip", "100")
        assert (done.status, done.sentences[0].startswith("the archive out.zip has ")) == (1, True)
        assert not own.folder.joinpath("out.zip").exists()

    def test_traced_wants_a_smoke_of_the_user(self, own: Project) -> None:
        text = own.evidence.read_text()
        own.evidence.write_text(text.replace('"smoke/smoke.py"', '"openai/chat"'))
        done = own.minreq("build", "-o", "out", "--slim", "traced")
        assert (done.status, done.sentences[0].endswith("with --smoke FILE, or confirm with --yes-traced")) == (2, True)

    def test_a_lock_that_was_edited(self, own: Project) -> None:
        own.lock.write_text(own.lock.read_text().replace("needed==1.0", "needed==1.1"))
        done = own.minreq("build", "-o", "out", "-q")
        assert (done.status, done.sentences[1]) == (1, "needed was changed from 1.0 to 1.1 by hand")

    @pytest.mark.parametrize(
        ("output", "why"),
        [
            ("smoke.py", "it is a file; name a folder, or a file that ends in .zip"),
            ("full", "it is a folder with something else in it (no minreq-build.json)"),
            ("nowhere/out.zip", "there is no folder nowhere; create it (mkdir -p nowhere), or name another path"),
            ("smoke.py/out.zip", "smoke.py is no folder"),
            (".", "a build replaces its folder, and this path has no name to replace; name another"),
        ],
    )
    def test_a_place_where_it_does_not_belong(self, own: Project, output: str, why: str) -> None:
        own.folder.joinpath("full").mkdir()
        own.folder.joinpath("full", "mine.txt").write_text("mine")
        done = own.minreq("build", "-o", output)
        assert (done.status, done.sentences) == (2, [f"cannot write {output}: {why}"])

    def test_a_smoke_that_writes_into_the_tree(self, own: Project, tmp_path: Path) -> None:
        """A virtual environment can be written, and so passes; a layer cannot."""
        smoke = tmp_path / "writes.py"
        smoke.write_text("import app, pathlib\n(pathlib.Path(app.__file__).parent / 'cache').write_text('')\n")
        done = own.minreq("build", "-o", "out", "-q", "--smoke", str(smoke))
        assert done.status == 1
        assert "Read-only file system: 'tree/app/cache'" in done.err
        assert not (own.folder / "out").exists()


def test_a_zip_in_the_layout_of_lambda_with_equal_bytes_from_equal_inputs(own: Project) -> None:
    arguments = ("build", "-q", "--json", "--slim", "unused", "-o")
    first, second = (json.loads(own.minreq(*arguments, name).out) for name in ("a.zip", "b.zip"))
    assert first["sha256"] == second["sha256"] == hashlib.sha256(own.folder.joinpath("a.zip").read_bytes()).hexdigest()
    with zipfile.ZipFile(own.folder / "a.zip") as archive:
        assert {info.filename.partition("/")[0] for info in archive.infolist()} == {"python"}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert [info.filename for info in archive.infolist()] == sorted(archive.namelist())
        compiled = [name for name in archive.namelist() if name.endswith(".pyc")]
        # Flags of PEP 552: by hash, not checked.
        assert {archive.read(name)[4:8] for name in compiled} == {b"\x01\x00\x00\x00"}
        archive.extractall(own.folder / "layer")
    assert not any("template" in name for name in compiled)
    assert sum(info.file_size for info in archive.infolist()) == first["bytes"]
    check_records(own.folder / "layer" / "python")


def test_compiled_files_alone(own: Project) -> None:
    built(own, "--bytecode", "only", "--prefix", "python")
    tree = own.folder / "out" / "python"
    # What is no Python stays, and so does what says that something is gone.
    assert {path for path in files(tree) if path.endswith(".py")} == {
        "_minreq_build.py",
        "app/template.py",
        "app/tests/__init__.py",
    }
    assert python(tree, "import app; print(app.answer)").out == "42\n"
    check_records(tree)


READS_ITSELF = """
explanation = "`app` finds in its own source what it may import later, and imports it at once where it has none."
requirements = ["app"]
program = "import app; print(app.answer)"
[wheels.app."1.0".files]
"app/__init__.py" = '''
import inspect, sys
try:
    inspect.getsource(sys.modules[__name__])
except OSError:
    import app.later
answer = 42
'''
"app/later.py" = "x = 1"
"app/never.py" = "y = 1"
"""


@pytest.mark.one_python
@pytest.mark.parametrize("level", ["unused", "traced"])
def test_what_is_imported_only_where_there_are_no_sources_stays(tmp_path: Path, level: str) -> None:
    made = project(READS_ITSELF, tmp_path)
    made.make_lock()
    built(made, "--slim", "traced")
    assert "left_out" in made.folder.joinpath("out/app/later.py").read_text()
    built(made, "--slim", level, "--bytecode", "only")
    tree = made.folder / "out"
    assert python(tree, "import app.later; print(app.answer)").out == "42\n"
    assert tree.joinpath("app/never.pyc").exists() == (level == "unused")


def test_what_cannot_do_without_sources_is_told_whatever_is_left_out(tmp_path: Path) -> None:
    made = project(READS_ITSELF.replace("    import app.later", "    raise"), tmp_path)
    made.make_lock()
    done = made.minreq("build", "-o", "out", "-q", "--slim", "traced", "--bytecode", "only")
    advice = "choose --bytecode add or none: without sources the smoke fails whatever is left out:"
    assert (done.status, done.sentences[0].rpartition("; ")[2]) == (1, advice)
    assert done.sentences[1].startswith("smoke/smoke.py fails: OSError: ")


def test_a_build_is_replaced_by_the_next(own: Project) -> None:
    built(own, "--slim", "none")
    built(own)
    assert not own.folder.joinpath("out", "bin").exists()
    assert {path.name for path in own.folder.iterdir() if "out" in path.name} == {"out"}


def test_an_interruption_at_the_worst_moment_keeps_the_previous_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the rename of what was there and that of what is new."""
    place = tmp_path / "out"
    for folder, text in ((place, "old"), (tmp_path / "tree", "new")):
        folder.mkdir()
        folder.joinpath("minreq-build.json").write_text(text)
    rename = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        if self.suffix == ".tmp":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    contents = {"minreq-build.json": (hashlib.sha256(b"new").hexdigest(), False)}
    nothing = WrittenFiles(
        stripped={}, placeholders={}, service_placeholders={}, compiled={}, source_of={}, replaced_sources={}
    )
    tree = BuiltTree(
        folder=tmp_path / "tree",
        selection=FileSelection(kept=(), removed=()),
        written=nothing,
        savings=(),
        contents=contents,
    )
    with pytest.raises(KeyboardInterrupt):
        output.write(BuildSettings(output=place, cache_dir=tmp_path), tree, None)
    assert place.joinpath("minreq-build.json").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"out", "tree"}


def test_what_a_smoke_of_the_user_touches_stays(own: Project, tmp_path: Path) -> None:
    smoke = tmp_path / "more.py"
    smoke.write_text("import app.unreached\n")
    assert built(own, "--slim", "unused", "--smoke", str(smoke))["stages"] == ["smoke/smoke.py", "smoke/more.py"]
    assert UNREACHED - {"app/unreached/deep/__init__.py"} <= files(own.folder / "out")
    smoke.write_text("import app.nothing\n")
    done = own.minreq("build", "-o", "out", "-q", "--smoke", str(smoke))
    assert (done.status, "smoke/more.py even with the whole lock installed" in done.err) == (3, True)


def test_another_platform_gets_its_own_wheels_and_the_tree_of_the_host_is_proven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = "lambda-python{}.{}-arm64".format(*sys.version_info)
    if target not in interpreter.preset_names():
        pytest.skip("Lambda does not have this version of Python")
    tag = "cp{0}{1}-cp{0}{1}-manylinux2014_aarch64".format(*sys.version_info)
    text = SCENARIO.replace('needed."1.0" = { ', f'needed."1.0" = {{ tag = ["py3-none-any", "{tag}"], ')
    made = project(text, tmp_path)
    made.make_lock("--platform", target, "--allow-unproven")
    assert built(made, "--slim", "traced")["target"] == target
    assert f"Tag: {tag}" in made.folder.joinpath("out/needed-1.0.dist-info/WHEEL").read_text()
    assert "left_out" in made.folder.joinpath("out/needed/extra.py").read_text()
    done = made.minreq("build", "-o", "out", "--platform", "lambda-python3.10-x86_64")
    assert (done.status, f"is for {target}, not for lambda-python3.10-x86_64;" in done.err) == (2, True)
    made.folder.joinpath("change.py").write_text(CHANGES_THE_TREE)
    monkeypatch.setattr(Project, "environment", _environment_with_hooks)
    done = made.minreq("build", "-o", "changed", "-q", "--smoke", "change.py", "--bytecode", "none")
    assert (done.status, "code of a package changed the tree while the smoke ran on it: app/" in done.err) == (1, True)
    assert not made.folder.joinpath("changed").exists()
