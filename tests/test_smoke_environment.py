"""The environment of a run, compared with a virtual environment that an installer filled with the same wheels."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile
from packaging.utils import canonicalize_name
from scenariorun import open_scenario
from wheelhouse import Wheelhouse, parse, write

from minreq.minimize.observe import Observation, observe_environment
from minreq.minimize.runner import SmokeRunner
from minreq.smoke.isolation import SANDBOX_VARIABLE

SCENARIO = """
explanation = "All places into which a wheel may install."
requirements = ["app"]
program = "import app"
[lock]
allow-pth = ["allowed"]
[wheels.app."1.0"]
requires = ["tool", "data", "headers", "allowed", "refused", "laid", "over", "names"]
[wheels.app."1.0".files]
"app/__init__.py" = ""
"app/part/__init__.py" = "def fail(): raise OSError"
[wheels.tool."1.0"]
files = { "tool/__init__.py" = "def main(): print('console script')" }
entry_points = { console_scripts = { minreq-console = "tool:main" } }
[wheels.tool."1.0".scripts]
minreq-shell = "#!/bin/sh\\necho shell script\\n"
minreq-python = "#!python\\nprint('Python script')\\n"
[wheels.data."1.0".files]
"data/__init__.py" = ""
"data-1.0.data/data/share/kernels/one.json" = "{}"
"data-1.0.data/data/etc/data.conf" = "x"
[wheels.headers."1.0".files]
"headers.py" = ""
"headers-1.0.data/headers/headers.h" = "int x;"
[wheels.allowed."1.0".files]
"allowed.pth" = "import sys; sys.started = [*getattr(sys, 'started', ()), 'allowed']\\n"
[wheels.refused."1.0".files]
"refused.pth" = "import sys; sys.started = [*getattr(sys, 'started', ()), 'refused']\\n"
[wheels.laid."1.0"]
files = { "laid/__init__.py" = "NAME = 'laid'", "laid/own.py" = "" }
[wheels.over."1.0"]
requires = ["laid"]
files = { "over.py" = "", "laid/__init__.py" = "NAME = 'over'" }
[wheels.names."1.0"]
files = { "space/names/__init__.py" = "" }
"""

#: Prints what a program can see of its environment; paths are relative to the prefix.
FACTS = """
import base64, hashlib, json, os, pkgutil, shutil, site, subprocess, sys, sysconfig
from importlib.metadata import distributions
def inside(path):
    path = str(path)
    for name, prefix in {"ENV": sys.prefix, "BASE": sys.base_prefix}.items():
        if path.startswith(prefix):
            return name + path[len(prefix):]
    return path
def tree(folder):
    for parent, folders, files in os.walk(os.path.join(sys.prefix, folder)):
        folders[:] = sorted(each for each in folders if each != "__pycache__")
        yield from (inside(os.path.join(parent, name)) for name in [*folders, *files] if name != "!minreq.pth")
def run(name):
    path = shutil.which(name)
    done = subprocess.run([name], capture_output=True, text=True)
    with open(path) as file:
        line = file.readline()
    return [inside(path), done.stdout, done.stderr, os.stat(path).st_mode & 0o777, line.replace(sys.prefix, "PREFIX")]
def is_as_recorded(path):
    content = path.locate().read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    return path.size == len(content) and path.hash.value == digest
def listed(each):
    return [each.metadata["Name"], each.read_text("INSTALLER"), sorted(
        [str(path), inside(os.path.realpath(path.locate())), is_as_recorded(path)]
        for path in each.files if path.name not in {"INSTALLER", "RECORD"} and path.suffix != ".pyc")]
import app.part, laid, space
facts = {
    "path": [inside(each) for each in sys.path[1:]],
    "executable": inside(sys.executable),
    "flags": str(sys.flags),
    "paths": {name: inside(path) for name, path in sysconfig.get_paths().items()},
    "site": [[inside(each) for each in site.getsitepackages()], site.ENABLE_USER_SITE],
    "files": sorted({*tree(""), *tree("lib64/")}),
    "links": [inside(os.path.realpath(os.path.join(sys.prefix, name))) for name in (
        "bin/python", "bin/python3", "bin/python%d.%d" % sys.version_info[:2], "lib64")],
    "modules": sorted([each.name, each.ispkg] for each in pkgutil.iter_modules(sys.path[1:])),
    "distributions": sorted(map(listed, distributions())),
    "programs": list(map(run, ["minreq-shell", "minreq-python", "minreq-console"])),
    "hard links": [os.stat(each).st_nlink for each in (app.__file__, app.part.__file__)],
    "file": inside(app.part.__file__),
    "code": inside(app.part.fail.__code__.co_filename),
    "namespace": list(map(inside, space.__path__)),
    "laid": laid.NAME,
    "started": sys.started,
    "finders": [getattr(each, "__name__", type(each).__name__) for each in sys.meta_path],
}
print(json.dumps(facts))
"""


def run_in_virtual_environment(house: Wheelhouse, program: str, folder: Path) -> str:
    """Return what *program* prints in a virtual environment with all wheels."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "lib" / version / "site-packages"
    for archive in sorted(house.archives, key=lambda each: each.release.name):
        name = archive.release.name
        headers = folder / "include" / "site" / version / name
        schemes = {"purelib": site, "platlib": site, "scripts": folder / "bin", "headers": headers, "data": folder}
        with WheelFile.open(archive.path) as source:
            destination = SchemeDictionaryDestination(
                {scheme: str(path) for scheme, path in schemes.items()},
                interpreter=str(folder / "bin" / "python"),
                script_kind="posix",
                overwrite_existing=True,
            )
            install(source, destination, additional_metadata={"INSTALLER": b"pip\n"})
    (site / "refused.pth").write_bytes(b"")  # It may not run, and an installer has no such choice.
    file = house.folder / "facts.py"
    file.write_text(program)
    environment = {"PATH": f"{folder}/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PYTHONNOUSERSITE": "1"}
    done = subprocess.run(
        [folder / "bin" / "python", file], env=environment, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    return done.stdout


@pytest.fixture(params=["merged", "copied", "hooks"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the environment is made, and what isolates it."""
    if request.param == "hooks":
        monkeypatch.setenv(SANDBOX_VARIABLE, "hooks")
    return str(request.param)


@contextmanager
def runner_of(house: Wheelhouse, program: str, way: str) -> Iterator[SmokeRunner]:
    """Open a runner for *program*."""
    house.program.write_text(program)
    with open_scenario(house) as opened:
        runner = opened.runner
        isolation = runner.setup.isolation
        if isolation.kernel != (way != "hooks") or (way == "merged" and not isolation.merges):
            pytest.skip(f"not here: {way}")
        yield replace(runner, setup=replace(runner.setup, isolation=replace(isolation, merges=way == "merged")))


def observe(house: Wheelhouse, program: str, way: str) -> Observation:
    """Run *program* with all that the scenario has."""
    with runner_of(house, program, way) as runner:
        observation = observe_environment(runner, runner.closure.resolution.pins, "test")
        assert observation.failure is None, observation.failure
        return observation


def test_a_program_sees_what_an_installer_leaves(tmp_path: Path, way: str) -> None:
    """But for the one file that loads minreq's hook, and activation scripts."""
    house = write(parse(SCENARIO), tmp_path / "house")
    found = json.loads("".join(observe(house, FACTS, way).behaviour.stages[0].output))
    expected: dict[str, Any] = json.loads(run_in_virtual_environment(house, FACTS, tmp_path / "venv"))
    expected["files"] = [
        each
        for each in expected["files"]
        if not each.startswith(("ENV/bin/activate", "ENV/bin/Activate", "ENV/.gitignore"))
    ]
    for fact, value in expected.items():
        assert found[fact] == value, fact
    assert {*found["started"]} == {"allowed"}  # Twice: `site` reads the folder of a virtual environment twice.
    assert found["laid"] == "over"


def test_loaded_files_are_those_of_the_store(tmp_path: Path, way: str) -> None:
    """As in a trace, so that their owners are known; the place that imported them too."""
    house = write(parse(SCENARIO), tmp_path / "house")
    program = "import app.part, laid.own"
    observation = observe(house, program, way)
    unpacked = (house.folder / "store" / "unpacked").as_posix()
    names = {file.removeprefix(unpacked).partition("/lib/")[2]: file for file in observation.importer_of_file}
    assert {"app/__init__.py", "app/part/__init__.py", "laid/__init__.py", "laid/own.py"} <= names.keys()
    owners = {"laid/own.py": "laid", "laid/__init__.py": "over"}
    with runner_of(house, program, way) as runner:
        path_map = runner.setup.make_path_map(Path("/none"))
        assert {name: path_map.owner_of(names[name]) for name in owners} == owners
    importer = observation.importer_of_file[names["app/part/__init__.py"]]
    assert importer is not None
    assert importer.file == str(house.program)
    assert observation.stage_of_file[names["laid/own.py"]] == "smoke/program"


def test_sources_are_compiled_in_the_store(tmp_path: Path, way: str) -> None:
    """A program sees a compiled file as soon as it has imported a module, whether the store had it before or not."""
    house = write(parse(SCENARIO), tmp_path / "house")
    program = """
import importlib.util, os, app.part
print(os.path.exists(importlib.util.cache_from_source(app.part.__file__)))
try:
    app.part.fail()
except OSError as error:
    print(error.__traceback__.tb_next.tb_frame.f_code.co_filename)
"""
    for _ in range(2):
        assert observe(house, program, way).behaviour.stages[0].output == ("True", "app/part/__init__.py")
        assert list((house.folder / "store" / "unpacked").rglob("part/__pycache__/*.pyc"))


WRITING_SCENARIO = """
explanation = "Packages that change what lies beside them."
requirements = ["app"]
program = "import app"
[wheels.app."1.0".files]
"app/__init__.py" = ""
"app/data/count.txt" = "1"
"app/data/old.txt" = "old"
"app/data/more/deep.txt" = "deep"
"app/version.py" = "VERSION = 1"
"top.txt" = "top"
[wheels.app."1.0".scripts]
app-program = "#!/bin/sh\\necho installed\\n"
"""

#: Each line prints what a virtual environment shows, too.
WRITING_PROGRAM = """
import json, os, shutil, subprocess, sys, sysconfig
import app
here, site = os.path.dirname(app.__file__), sysconfig.get_path("purelib")
data, count = os.path.join(here, "data"), os.path.join(here, "data", "count.txt")
def read(path):
    with open(path) as file:
        return file.read()
def write(path, text, mode="w"):
    with open(path, mode) as file:
        file.write(text)
    return read(path)
facts = {}
facts["a new file"] = write(os.path.join(here, "table.json"), "{}")
write(os.path.join(here, "_table.py"), "NAME = 'generated'")
import app._table
facts["a generated module"] = [app._table.NAME, os.path.basename(app._table.__cached__)[:6]]
write(os.path.join(here, "version.py"), "VERSION = 10 + 2")
import app.version
facts["a changed module"] = app.version.VERSION
facts["appended"] = write(count, "2", "a")
before = os.stat(os.path.join(data, "old.txt"))
facts["deleted"] = [os.remove(os.path.join(data, "old.txt")), os.path.exists(os.path.join(data, "old.txt"))]
facts["written again"] = [write(os.path.join(data, "old.txt"), "new"), sorted(os.listdir(data))]
shutil.rmtree(os.path.join(data, "more"))
os.mkdir(os.path.join(data, "more"))
facts["a folder replaced"] = os.listdir(os.path.join(data, "more"))
os.replace(os.path.join(here, "table.json"), count)
facts["a file replaced"] = [read(count), sorted(os.listdir(here))]
os.rename(os.path.join(site, "top.txt"), os.path.join(here, "moved.txt"))
facts["a file moved"] = [read(os.path.join(here, "moved.txt")), os.path.exists(os.path.join(site, "top.txt"))]
shutil.move(data, os.path.join(here, "other"))
facts["a folder moved"] = [os.path.exists(data), sorted(os.listdir(os.path.join(here, "other")))]
facts["beside the packages"] = write(os.path.join(site, "new.txt"), "new")
facts["the script"] = write(shutil.which("app-program"), "#!/bin/sh\\necho changed\\n")
facts["its output"] = subprocess.run(["app-program"], capture_output=True, text=True).stdout
facts["the prefix"] = write(os.path.join(sys.prefix, "etc.conf"), "x")
other = "import app, sys; open(sys.argv[1], 'a').write('other'); import app._table; print(app._table.NAME)"
shared = os.path.join(here, "shared.txt")
write(shared, "this ")
facts["another process"] = subprocess.run([sys.executable, "-c", other, shared], capture_output=True, text=True).stdout
facts["what both wrote"] = read(shared)
workers = [subprocess.Popen([sys.executable, "-c", other, shared + n], stdout=subprocess.DEVNULL) for n in "12"]
[each.wait() for each in workers]
facts["two at a time"] = [read(shared + n) for n in "12"]
facts["rights"] = [oct(os.stat(path).st_mode) for path in (here, shared, os.path.join(here, "version.py"))]
facts["links"] = [os.stat(path).st_nlink for path in (shared, os.path.join(here, "version.py"), app.__file__)]
print(json.dumps(facts))
"""


def read_tree(folder: Path) -> dict[str, bytes]:
    """Return all files of the wheels below *folder*, except compiled ones."""
    files = (path for path in folder.rglob("*/lib/**/*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_packages_write_as_in_a_virtual_environment(tmp_path: Path, way: str) -> None:
    """What one run writes is gone with it: the store stays as it is, and the next run sees nothing of it."""
    house = write(parse(WRITING_SCENARIO), tmp_path / "house")
    unpacked = house.folder / "store" / "unpacked"
    assert observe(house, "import app", way).failure is None
    stored = read_tree(unpacked)
    expected = json.loads(run_in_virtual_environment(house, WRITING_PROGRAM, tmp_path / "venv"))
    for _ in range(2):
        found = json.loads("".join(observe(house, WRITING_PROGRAM, way).behaviour.stages[0].output))
        for fact, value in expected.items():
            assert found[fact] == value, fact
        assert read_tree(unpacked) == stored


def test_a_file_in_the_way_of_a_folder_is_no_crash(tmp_path: Path, way: str) -> None:
    """An installer fails at the second of the two; a run takes what it can get."""
    text = """
explanation = "The data of one wheel lies where the other has a folder."
requirements = ["app"]
program = "import app"
[wheels.app."1.0"]
requires = ["a", "b"]
[wheels.a."1.0".files]
"a.py" = ""
"a-1.0.data/data/share/x/y" = "a"
[wheels.b."1.0"]
requires = ["a"]
[wheels.b."1.0".files]
"b.py" = ""
"b-1.0.data/data/share/x" = "b"
"b-1.0.data/data/lib" = "b"
"""
    house = write(parse(text), tmp_path / "house")
    program = "import a, b, os, sys; print(open(os.path.join(sys.prefix, 'share', 'x', 'y')).read())"
    assert observe(house, program, way).behaviour.stages[0].output == ("a",)


def test_a_set_without_wheels_is_an_environment(tmp_path: Path, way: str) -> None:
    house = write(parse(SCENARIO), tmp_path / "house")
    with runner_of(house, "import importlib.metadata; print(list(importlib.metadata.distributions()))", way) as runner:
        observation = observe_environment(runner, [], "test")
    assert observation.behaviour.stages[0].output == ("[]",)


def test_many_wheels_fit_into_one_mount(tmp_path: Path, way: str) -> None:
    """Names of layers are short: the kernel takes one page of options, and more layers than it takes are copied."""
    house = write(parse(SCENARIO), tmp_path / "house")
    with runner_of(house, "import importlib.metadata as m; print(len(list(m.distributions())))", way) as runner:
        store = runner.setup.isolation.unpacked
        trees = []
        for number in range(400 if way == "merged" else 3):
            information = store / f"{number:064}" / "lib" / f"p{number}-1.0.dist-info"
            information.mkdir(parents=True)
            (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: p{number}\nVersion: 1.0\n")
            trees.append(information.parents[1])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(runner.closure), "unpack_tree", lambda _closure, name: (trees[int(name[1:])], False))
            names = [canonicalize_name(f"p{number}") for number in range(len(trees))]
            observation = observe_environment(runner, names, "test")
    assert observation.failure is None
    assert observation.behaviour.stages[0].output == (str(len(trees)),)
