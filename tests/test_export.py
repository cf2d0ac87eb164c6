"""A lock in every format, read or installed by the tool it is for; environments and other locks against it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from importlib.metadata import distributions
from pathlib import Path
from typing import ClassVar

import pytest
import tomlkit
from commanding import Project, project
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from lib4sbom.parser import SBOMParser
from packaging.pylock import Pylock
from packaging.utils import canonicalize_name
from packaging.version import Version
from samplelock import KEPT, LOCK

from minreq.build.build import build
from minreq.cli import diff as printing
from minreq.config import BuildSettings
from minreq.errors import ExtraMissing
from minreq.lockfile import cyclonedx, difference, dockerfile, pinnedroots, uv
from minreq.model import Lock, Selection
from minreq.reporting import Reporter
from minreq.system import temporary
from minreq.wheels import repacking

SCENARIO = '''
explanation = "The root declares more than is imported, with and without an extra; a dependency does so too."
requirements = ["app"]
program = "import app"
[wheels.app."1.0"]
requires = ["needed[fast]", "unused>1"]
extras = { quick = ["speed"] }
files = { "app/__init__.py" = "import needed" }
[wheels.needed."1.0"]
metadata = """\
Metadata-Version: 2.1
Name: needed
Version: 1.0
Requires-Dist: leaf
Provides-Extra: fast
Requires-Dist: accelerator; extra == "fast"
License: a long text
Classifier: License :: OSI Approved :: MIT License
"""
files = { "needed/__init__.py" = "import leaf" }
[wheels]
unused."2.0" = {}
accelerator."1.0" = {}
speed."1.0" = {}
[wheels.leaf."1.0"]
metadata = """\
Metadata-Version: 2.4
Name: leaf
Version: 1.0
License-Expression: MIT OR Apache-2.0
"""
'''


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with its lock; tests write other files beside it."""
    made = project(SCENARIO, tmp_path_factory.mktemp("exporting"))
    made.make_lock()
    return made


def ran(locked: Project, *command: str | Path) -> str:
    """Run another tool without an index and without a word of configuration."""
    environment = {"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(
        command, cwd=locked.folder, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_pylock(locked: Project) -> None:
    """It is a valid pylock.toml with the pins, the hashes and the addresses of the lock."""
    done = locked.minreq("export", "--format", "pylock", "-q")
    assert (done.status, done.out, done.err) == (0, "", "")
    text = locked.folder.joinpath("pylock.minimal.toml").read_text()
    document = Pylock.from_dict(tomlkit.parse(text).unwrap())
    found = {package.name: package for package in document.packages}
    assert sorted(found) == ["app", "leaf", "needed"]
    for name, package in found.items():
        (archive,) = locked.wheelhouse.of(name)
        assert package.wheels is not None
        (wheel,) = package.wheels
        assert wheel.hashes == {"sha256": archive.sha256}
        assert wheel.url is not None
        assert wheel.url.startswith("file://")
        assert wheel.url.endswith(f"/{archive.path.name}")
    assert locked.minreq("export", "--format", "pylock", "-q").status == 0
    assert locked.folder.joinpath("pylock.minimal.toml").read_text() == text


def test_uv(locked: Project) -> None:
    """uv is told what to leave out, and at which version the rest is."""
    done = locked.minreq("export", "--format", "uv", "-o", "uv-minimal.toml", "--json", "-q")
    assert json.loads(done.out)["output"] == "uv-minimal.toml"
    settings = tomlkit.parse(locked.folder.joinpath("uv-minimal.toml").read_text()).unwrap()["tool"]["uv"]
    assert settings["exclude-dependencies"] == ["accelerator", "unused"]
    assert settings["constraint-dependencies"] == ["app==1.0", "leaf==1.0", "needed==1.0"]
    assert locked.minreq("export", "--format", "uv-excludes", "-o", "excludes.txt", "-q").status == 0
    lines = locked.folder.joinpath("excludes.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["accelerator", "unused"]
    assert any("uv pip compile - --excludes excludes.txt" in line for line in lines)


def test_uv_is_told_what_nothing_declares() -> None:
    """What an extra brought in is a root of its own, and of an override the pin overrides for uv too."""
    assert pinnedroots.pinned_roots(LOCK)[0] == "litellm==1.106.2"
    assert "mcp==1.12.0" in pinnedroots.pinned_roots(LOCK)
    assert "requests==2.32.0" not in pinnedroots.pinned_roots(LOCK)
    text = uv.render_settings(LOCK, overridden={canonicalize_name("requests")}, made_from="lock.txt")
    settings = tomlkit.parse(text).unwrap()["tool"]["uv"]
    assert settings["override-dependencies"] == ["requests==2.32.0"]
    assert "requests==2.32.0" not in settings["constraint-dependencies"]


def test_pdm(locked: Project) -> None:
    """PDM is told the same as uv."""
    assert locked.minreq("export", "--format", "pdm", "-q").status == 0
    text = locked.folder.joinpath("pdm-minimal.toml").read_text()
    resolution = tomlkit.parse(text).unwrap()["tool"]["pdm"]["resolution"]
    assert resolution["excludes"] == ["accelerator", "unused"]
    assert resolution["overrides"] == {"app": "==1.0", "leaf": "==1.0", "needed": "==1.0"}
    assert '#    "app==1.0"' in text.splitlines()


def test_pex(locked: Project) -> None:
    """Pex reads one argument from each line."""
    done = locked.minreq("export", "--format", "pex", "-o", "-")
    assert done.out.splitlines() == ["--no-transitive", "--requirement", "requirements-minimal.txt"]


@pytest.mark.one_python
def test_dockerfile(locked: Project, tmp_path: Path) -> None:
    """Its commands, run by hand, make an environment with the lock, and with no installer."""
    assert locked.minreq("export", "--format", "dockerfile", "-q").status == 0
    lines = locked.folder.joinpath("requirements-minimal.Dockerfile").read_text().splitlines()
    image = f"FROM python:{sys.version_info[0]}.{sys.version_info[1]}-slim"
    assert [line for line in lines if line.startswith("FROM")] == [f"{image} AS install", image]
    assert 'COPY ["requirements-minimal.txt", "/install/requirements.txt"]' in lines
    shutil.copyfile(locked.lock, tmp_path / "requirements.txt")
    environment = {"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": locked.wheelhouse.url}
    for line in lines:
        command = line.removeprefix("RUN ").replace("/venv", f"{tmp_path}/venv").replace("/install", str(tmp_path))
        if line.startswith("RUN"):
            subprocess.run(["/bin/sh", "-ec", command], env=environment, capture_output=True, check=True)
    (packages,) = tmp_path.glob("venv/lib/*/site-packages")
    installed = {str(canonicalize_name(each.name)) for each in distributions(path=[str(packages)])}
    assert installed - {"setuptools"} == {"app", "leaf", "needed"}


def test_a_dockerfile_names_what_the_image_has_to_provide() -> None:
    text = dockerfile.render(LOCK, made_from='a "$x".txt', filename="Dockerfile")
    assert "so the image has to have it: botocore 1.43.0" in text
    assert r'COPY ["a \"\\$x\".txt", "/install/requirements.txt"]' in text


def test_cyclonedx(locked: Project) -> None:
    """A valid bill of materials: hashes, licences, the graph of what is kept, and where each is imported."""
    for name in ("first.cdx.json", "second.cdx.json"):
        done = locked.minreq("export", "--format", "cyclonedx", "-o", name, "-q")
        assert (done.status, done.err) == (0, "")
    text = locked.folder.joinpath("first.cdx.json").read_text()
    assert locked.folder.joinpath("second.cdx.json").read_text() == text
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    found = {each["name"]: each for each in document["components"]}
    assert sorted(found) == ["app", "leaf", "needed"]
    (archive,) = locked.wheelhouse.of("leaf")
    assert found["leaf"]["purl"] == "pkg:pypi/leaf@1.0"
    assert found["leaf"]["hashes"] == [{"alg": "SHA-256", "content": archive.sha256}]
    assert found["leaf"]["evidence"]["occurrences"][0]["location"] == "needed/__init__.py"
    assert found["leaf"]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert found["needed"]["licenses"] == [{"license": {"name": "MIT License"}}]
    graph = {each["ref"]: each.get("dependsOn", []) for each in document["dependencies"]}
    assert graph["lock"] == ["pkg:pypi/app@1.0"]
    assert graph["pkg:pypi/app@1.0"] == ["pkg:pypi/needed@1.0"]
    assert graph["pkg:pypi/needed@1.0"] == ["pkg:pypi/leaf@1.0"]


# It leaves its tables of licences open.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_scanner_reads_the_bill_of_materials_back(locked: Project) -> None:
    """lib4sbom is what cve-bin-tool reads bills of materials with."""
    done = locked.minreq("export", "--format", "cyclonedx", "-o", "read.cdx.json", "-q")
    assert done.status == 0, done.err
    reader = SBOMParser()
    reader.parse_file(str(locked.folder / "read.cdx.json"))
    found = {each["name"]: each for each in reader.get_packages()}
    assert {name: each["version"] for name, each in found.items()} == {"app": "1.0", "leaf": "1.0", "needed": "1.0"}
    (archive,) = locked.wheelhouse.of("leaf")
    assert found["leaf"]["checksum"] == [["SHA256", archive.sha256]]
    assert ["PACKAGE_MANAGER", "purl", "pkg:pypi/leaf@1.0"] in found["leaf"]["externalreference"]
    edges = {(each["source"], each["target"]) for each in reader.get_relationships() if each["type"] == "DEPENDS_ON"}
    assert edges == {("app", "needed"), ("needed", "leaf")}


def test_cyclonedx_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cyclonedx.model.bom", None)
    with pytest.raises(ExtraMissing, match=r"needs the module cyclonedx.model.bom; .* '\.\[sbom\]'"):
        cyclonedx.render(LOCK, {}, made_from="lock.txt")


def test_a_build_without_that_library_does_not_begin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The lock is not even read: a build takes minutes, and its bill of materials is written last."""
    monkeypatch.setitem(sys.modules, "cyclonedx", None)
    settings = BuildSettings(output=tmp_path / "out", sbom=tmp_path / "bom.json", cache_dir=tmp_path)
    with pytest.raises(ExtraMissing, match="`minreq build --sbom` needs the module cyclonedx;"):
        build(settings, Reporter())


def test_wheelhouse(locked: Project, tmp_path: Path) -> None:
    """Plain pip installs it from the folder alone, finds nothing missing, and the program works."""
    done = locked.minreq("export", "--format", "wheelhouse", "--json", "-q")
    assert json.loads(done.out)["repacked"] == [
        "app-1.0+minreq-py3-none-any.whl",
        "needed-1.0+minreq-py3-none-any.whl",
    ]
    before = {path.name: path.read_bytes() for path in locked.folder.joinpath("wheelhouse").iterdir()}
    assert locked.minreq("export", "--format", "wheelhouse", "-q").status == 0
    assert {path.name: path.read_bytes() for path in locked.folder.joinpath("wheelhouse").iterdir()} == before

    target = tmp_path / "installed"
    ran(locked, sys.executable, "-m", "pip", "install", "-q", "-t", target, "-r", "wheelhouse/requirements.txt")
    found = {str(canonicalize_name(each.name)): each for each in distributions(path=[str(target)])}
    assert {name: each.version for name, each in found.items()} == {
        "app": "1.0+minreq",
        "leaf": "1.0",
        "needed": "1.0+minreq",
    }
    # What nobody asked for stays declared.
    assert [line.partition(";")[0].strip() for line in found["app"].requires or ()] == ["needed[fast]", "speed"]
    assert found["needed"].requires == ["leaf"]
    subprocess.run([sys.executable, "-S", "-c", "import app"], cwd=target, check=True)
    checked = locked.minreq("check", str(target))
    assert checked.status == 0, checked.err
    assert "unmet requirement" not in checked.err


def test_what_a_killed_export_left_goes(locked: Project) -> None:
    left = temporary.TemporaryFolder(locked.folder)
    (left.path / "wheel").touch()
    left.release()
    assert locked.minreq("export", "--format", "wheelhouse", "-q").status == 0
    assert not list(locked.folder.glob(".*"))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="where nobody may make a folder")
def test_a_wheelhouse_where_none_can_be(locked: Project) -> None:
    done = locked.minreq("export", "--format", "wheelhouse", "-o", "/proc/house", "-q")
    assert done.status == 2
    assert done.sentences[0].startswith("cannot write /proc/house: ")


def test_wheelhouse_replaces_nothing_of_the_user(locked: Project) -> None:
    folder = locked.folder / "precious"
    folder.mkdir()
    folder.joinpath("diary.txt").write_text("dear")
    done = locked.minreq("export", "--format", "wheelhouse", "-o", "precious", "-q")
    assert done.status == 2
    assert "diary.txt" in done.err
    assert [each.name for each in folder.iterdir()] == ["diary.txt"]


@pytest.mark.parametrize("form", ["pylock", "uv", "uv-excludes"])
def test_standard_output(locked: Project, form: str) -> None:
    """With `-o -`, what is otherwise in the file is printed."""
    before = {each.name for each in locked.folder.iterdir()}
    printed = locked.minreq("export", "--format", form, "-o", "-")
    assert {each.name for each in locked.folder.iterdir()} == before
    as_data = json.loads(locked.minreq("export", "--format", form, "-o", "-", "--json").out)
    written = locked.minreq("export", "--format", form, "--json")
    assert (printed.status, as_data["output"]) == (0, None)
    assert printed.out == as_data["text"] == (locked.folder / json.loads(written.out)["output"]).read_text()


def test_a_folder_is_not_printed(locked: Project) -> None:
    done = locked.minreq("export", "--format", "wheelhouse", "-o", "-")
    assert (done.status, "a wheelhouse is a folder" in done.sentences[0]) == (2, True)


def test_edited_lock_is_not_exported(locked: Project) -> None:
    other = locked.folder / "edited.txt"
    other.write_text(locked.lock.read_text().replace("leaf==1.0", "leaf==9.0"))
    other.with_name("edited.evidence.json").write_bytes(locked.evidence.read_bytes())
    done = locked.minreq("export", "--format", "uv", "edited.txt", "-q")
    assert done.status == 1
    assert "leaf was changed from 1.0 to 9.0 by hand" in done.err


def test_file_that_is_gone(tmp_path: Path) -> None:
    """The index does not have a pinned file any more: it is named, and nothing is written."""
    other = project(SCENARIO, tmp_path)
    other.make_lock()
    page = other.wheelhouse.simple / "leaf" / "index.html"
    page.write_text("<!DOCTYPE html><html><body></body></html>")
    done = other.minreq("export", "--format", "pylock", "-q")
    assert done.status == 1
    assert "leaf-1.0-py3-none-any.whl is gone from the index" in done.err
    assert not other.folder.joinpath("pylock.minimal.toml").exists()


def test_sync_and_check(locked: Project, tmp_path: Path) -> None:
    """What is missing comes, what is too much goes, and the gaps that are meant are told and accepted."""
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    (unused,) = locked.wheelhouse.of("unused")
    ran(locked, environment / "bin" / "pip", "install", "-q", "--no-index", "--no-deps", unused.path)

    before = locked.minreq("check", str(environment))
    assert before.status == 1
    assert f"unused 2.0 is in {environment} and not in the lock" in before.sentences
    assert f"leaf 1.0 is not in {environment}" in before.sentences

    done = locked.minreq("sync", "--python", str(environment), "--json", "-q")
    assert done.status == 0, done.err
    installed = json.loads(done.out)["installed"]
    assert {name: installed[name] for name in ("app", "leaf", "needed")} == {
        "app": "1.0",
        "leaf": "1.0",
        "needed": "1.0",
    }
    assert "unused" not in installed

    after = locked.minreq("check", str(environment), "--json")
    (gap,) = json.loads(after.out)["gaps"]
    assert (gap["of"], gap["requirement"]) == ("app", "unused>1")


def test_sync_never_changes_its_own_environment(locked: Project) -> None:
    done = locked.minreq("sync", "--python", sys.executable, "-q")
    assert done.status == 2
    assert "minreq itself runs in" in done.err


class TestRepacking:
    PINS: ClassVar = {canonicalize_name("here"): Version("1.0")}
    PLACE: ClassVar = ({"python_version": "3.12", "sys_platform": "linux"},)

    @pytest.mark.parametrize(
        ("requirement", "extras", "expected"),
        [
            ("here>=1", (), "here>=1"),
            ("gone>=1", (), None),
            ("here[x]>=2; python_version >= '3'", (), 'here[x]; python_version >= "3"'),
            ("gone; sys_platform == 'win32'", (), None),
            ("here>=9; sys_platform == 'win32'", (), "here>=9; sys_platform == 'win32'"),
            ("gone; sys_platform == 'win32' and extra == 'x'", (), "gone; sys_platform == 'win32' and extra == 'x'"),
            ("gone; extra == 'x'", (), "gone; extra == 'x'"),
            ("gone; extra == 'x'", ("x",), None),
            ("no requirement at all !", (), "no requirement at all !"),
        ],
    )
    def test_relaxed(self, requirement: str, extras: tuple[str, ...], expected: str | None) -> None:
        assert repacking.relax_requirement(requirement, self.PINS, self.PLACE, frozenset(extras)) == expected

    def test_local(self) -> None:
        assert [str(repacking.local_version(Version(each))) for each in ("1.0", "1!2.0+cpu")] == [
            "1.0+minreq",
            "1!2.0+cpu.minreq",
        ]

    def test_contents_stay(self, locked: Project, tmp_path: Path) -> None:
        """Only metadata and record are other ones, and the record is that of what is there."""
        (archive,) = locked.wheelhouse.of("app")
        made = repacking.repack(archive.path, tmp_path, ["only; python_version > '3'"])
        with zipfile.ZipFile(archive.path) as old, zipfile.ZipFile(made) as new:
            assert new.read("app/__init__.py") == old.read("app/__init__.py")
            metadata = new.read("app-1.0+minreq.dist-info/METADATA").decode()
            recorded = new.read("app-1.0+minreq.dist-info/RECORD").decode()
            assert {line.split(",")[0] for line in recorded.splitlines()} == set(new.namelist())
        assert "Version: 1.0+minreq\n" in metadata
        assert "Requires-Dist: only; python_version > '3'\n" in metadata
        assert "unused" not in metadata


BYTES = (
    "Unpacked 133,800,000 -> 140,600,001 bytes (+6,800,001)",
    "With bytecode about 191,240,001 bytes",
    "About 70,903,999 of the 262,144,000 bytes of AWS Lambda left, bytecode included",
)


class TestDiff:
    def changed(self) -> Lock:
        """Requests is left out, hf-xet is needed, tokenizers is unknown, tiktoken has moved."""
        moved = tuple(
            replace(each, candidate=replace(each.candidate, version=Version("0.13.0")), bytes=each.bytes + 1)
            if each.candidate.name == "tiktoken"
            else each
            for each in KEPT
            if each.candidate.name != "requests"
        )
        xet = next(each for each in LOCK.selection.left_out if each.candidate.name == "hf-xet")
        requests = next(each for each in KEPT if each.candidate.name == "requests")
        needed = replace(requests, candidate=xet.candidate, bytes=xet.bytes)
        left = replace(xet, candidate=requests.candidate, bytes=requests.bytes)
        botocore = next(each for each in LOCK.selection.left_out if each.candidate.name == "botocore")
        return replace(LOCK, selection=Selection(kept=(*moved, needed), left_out=(left, botocore)))

    def test_said_aloud(self) -> None:
        """An exclusion that is needed now, and one that hits nothing any more, have headings of their own."""
        lines = list(printing.format_text(difference.compare_locks(LOCK, self.changed())))
        headings = [line for line in lines if line and not line.startswith(" ")]
        assert headings == [
            "litellm 1.106.2, locked again",
            "Left out before, needed now: 1 distribution",
            "No longer in the lock: 1 distribution",
            "Other version of 1 distribution",
            "No longer declared: 1 distribution",
            *BYTES,
        ]
        assert any(line.startswith("  hf-xet") and "left out before: never asked for" in line for line in lines)

    def test_markdown(self) -> None:
        """Nothing that comes from a program ends a cell or becomes markup."""
        lines = list(printing.format_markdown(difference.compare_locks(LOCK, self.changed())))
        rows = [line for line in lines if line.startswith("| ")]
        assert all(line.count("|") - line.count("\\|") == 5 for line in rows)
        assert "**litellm 1.106.2, locked again**" in lines

    def test_data(self) -> None:
        told = printing.to_json_data(difference.compare_locks(LOCK, self.changed()))
        assert [each["name"] for each in told["added"]] == ["hf-xet"]
        assert [each["name"] for each in told["moved"]] == ["tiktoken"]
        assert [each["name"] for each in told["idle_exclusions"]] == ["tokenizers"]

    def test_of_files(self, locked: Project) -> None:
        done = locked.minreq("diff", locked.lock.name, locked.lock.name)
        assert done.status == 0
        assert done.out.startswith("app 1.0: no changes\n")
        missing = locked.minreq("diff", "nowhere.txt", locked.lock.name)
        assert missing.status == 2

    def test_with_a_revision_of_git(self, locked: Project, tmp_path: Path) -> None:
        """One argument is enough: the lock as it was, against the one that is there."""
        shutil.copytree(locked.folder, tmp_path / "repository" / "function")
        own = replace(locked, folder=tmp_path / "repository" / "function")
        shutil.copy(own.lock, own.folder / "bare")
        shutil.copy(own.evidence, own.folder / "bare.evidence.json")
        git = shutil.which("git")
        assert git is not None
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "Lock"], ["tag", "before"]):
            subprocess.run([git, *words], cwd=own.folder.parent, check=True)
        own.evidence.write_text(own.evidence.read_text().replace('"needed"', '"renamed"'))
        for revision in ("HEAD", "before"):
            done = own.minreq("diff", revision)
            assert (done.status, "renamed" in done.out) == (0, True), done.err
        # A lock without a suffix, and so named like a revision.
        assert own.minreq("diff", "HEAD", "bare").status == 0
        for revision in ("HEAD~9", "nowhere", "--output=x", "HEAD:function"):
            done = own.minreq("diff", "--", revision)
            assert (done.status, done.sentences[0].startswith(f"{revision} is no lock, and git has no ")) == (2, True)
        shutil.rmtree(own.folder.parent / ".git")
        assert "not a git repository" in own.minreq("diff", "HEAD").err
