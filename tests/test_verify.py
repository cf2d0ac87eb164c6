"""`minreq verify` as a user meets it: a lock of a wheelhouse, changed in every way, and trees built from it."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from commanding import Project, project
from wheelhouse import project_html

SCENARIO = """
explanation = "`needed` is imported, without `helper` there is a warning, `asked` is kept on request, `unused` is not."
requirements = ["app"]
program = '''
import app
print(app.answer)
'''
[wheels]
app."1.0" = { requires = ["needed", "helper", "asked", "unused"], files = { "app/__init__.py" = '''
import warnings
from needed import answer
try:
    import helper
except ImportError:
    warnings.warn("no helper", stacklevel=1)
''' } }
needed."1.0" = { files = { "needed/__init__.py" = "answer = 42" } }
needed."2.0" = { files = { "needed/__init__.py" = "answer = 43" } }
helper."1.0" = {}
asked."1.0" = {}
unused."1.0" = {}
"""


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A lock that holds; not to be changed."""
    made = project(SCENARIO, tmp_path_factory.mktemp("locked"))
    (made.folder / "constraints.txt").write_text("needed<2\n")
    made.make_lock("--whole", "asked", "--constraint", "constraints.txt")
    return made


@pytest.fixture
def own(locked: Project, tmp_path: Path) -> Project:
    """A copy of the lock with its smoke, to be changed; store and index are shared."""
    folder = tmp_path / "own"
    shutil.copytree(locked.folder, folder)
    return replace(locked, folder=folder)


@pytest.fixture
def tree(locked: Project, tmp_path: Path) -> Path:
    """What an installer makes of the lock."""
    folder = tmp_path / "tree"
    folder.mkdir()
    for name in ("app", "asked", "helper", "needed"):
        archive = locked.wheelhouse.of(name)[0]
        with zipfile.ZipFile(archive.path) as wheel:
            wheel.extractall(folder)
    return folder


def without(project: Project, chosen: Callable[[str], bool]) -> str:
    """Delete the first line that is *chosen* from the lock; return it."""
    lines = project.lock.read_text().splitlines(keepends=True)
    index = next(index for index, line in enumerate(lines) if chosen(line))
    gone = lines.pop(index)
    project.lock.write_text("".join(lines))
    return gone


def test_a_lock_that_nobody_touched_holds(locked: Project) -> None:
    before = {path: path.read_bytes() for path in locked.folder.iterdir()}
    done = locked.minreq("verify")
    assert (done.status, done.out) == (0, "")
    assert done.err.splitlines()[-1] == "requirements-minimal.txt holds: 4 distributions, verified"
    assert {path: path.read_bytes() for path in locked.folder.iterdir()} == before
    assert list((locked.store / "unfinished").iterdir()) == []


@pytest.mark.one_python
class TestLines:
    """Whatever line is taken out, the answer is no, and the first sentence says what that does."""

    @pytest.mark.parametrize(
        ("line", "sentence"),
        [
            (
                "needed==",
                "needed was removed from the file: smoke/smoke.py fails: ModuleNotFoundError: No module named",
            ),
            (
                "app==",
                "app was removed from the file: smoke/smoke.py fails: ModuleNotFoundError: No module named 'app'",
            ),
            (
                "helper==",
                "helper was removed from the file: warnings of smoke/smoke.py also has 'UserWarning: no helper",
            ),
            ("asked==", "asked was removed from the file"),
            ("    --hash", "the hash of app-1.0-py3-none-any.whl was removed from the file"),
            ("    # via", "the comment '# via root' of app was removed from the file"),
            ("--require-hashes", "--require-hashes was removed from the file; without it an installer that follows"),
            ("# root", "line 14, '# root: app', was removed from the file"),
        ],
    )
    def test_taken_out(self, own: Project, line: str, sentence: str) -> None:
        without(own, lambda each: each.startswith(line))
        done = own.minreq("verify", "-q")
        assert (done.status, done.out) == (1, "")
        assert done.sentences[0] == "requirements-minimal.txt is not proven:"
        assert done.sentences[1].startswith(sentence)

    def test_any_line_at_all(self, own: Project) -> None:
        """Also where what is left cannot be read as a lock any more."""
        lines = own.lock.read_text().splitlines(keepends=True)
        for index in range(0, len(lines), 4):
            own.lock.write_text("".join(lines[:index] + lines[index + 1 :]))
            assert own.minreq("verify", "-q").status == 1, lines[index]

    def test_what_the_smoke_does_not_miss_is_said_to_be_asked_for(self, own: Project) -> None:
        without(own, lambda line: line.startswith("asked=="))
        assert own.minreq("verify", "-q").sentences[1:] == [
            "asked was removed from the file",
            "the smoke passes without asked, which is in the lock because it was requested: --whole asked",
        ]

    def test_another_version_is_installed_and_its_behaviour_told(self, own: Project) -> None:
        old, new = own.wheelhouse.of("needed")
        text = own.lock.read_text().replace("needed==1.0", "needed==2.0").replace(old.sha256, new.sha256)
        own.lock.write_text(text)
        assert own.minreq("verify", "-q").sentences[1] == (
            "needed was changed from 1.0 to 2.0 by hand: output of smoke/smoke.py was '42' and is '43'"
        )

    def test_a_version_without_its_hash_cannot_be_installed(self, own: Project) -> None:
        own.lock.write_text(own.lock.read_text().replace("needed==1.0", "needed==2.0"))
        assert own.minreq("verify", "-q").sentences[1:] == [
            "the index has no file of needed 2.0 that fits and has a hash of the lock",
            "needed was changed from 1.0 to 2.0 by hand",
        ]

    def test_a_line_that_was_added_is_installed_too(self, own: Project) -> None:
        archive = own.wheelhouse.of("unused")[0]
        with own.lock.open("a") as file:
            file.write(f"unused==1.0 --hash=sha256:{archive.sha256}\n")
        assert own.minreq("verify", "-q").sentences[1:] == ["unused was added to the file by hand"]


class TestIndex:
    """What became of the pinned files."""

    @pytest.fixture
    def apart(self, own: Project, tmp_path: Path) -> Project:
        """An index of its own to be changed, and a new store."""
        shutil.copytree(own.wheelhouse.folder, tmp_path / "index")
        return replace(own, wheelhouse=replace(own.wheelhouse, folder=tmp_path / "index"), cache=tmp_path / "cache")

    def test_a_yanked_file_is_named(self, apart: Project) -> None:
        archives = [replace(a, release=replace(a.release, yanked="broken")) for a in apart.wheelhouse.of("needed")]
        (apart.wheelhouse.simple / "needed" / "index.html").write_text(project_html(archives))
        assert apart.minreq("verify", "-q").sentences[1:] == ["needed-1.0-py3-none-any.whl is yanked: broken"]

    def test_a_file_that_is_gone_is_named(self, apart: Project) -> None:
        (apart.wheelhouse.simple / "needed" / "index.html").write_text(project_html(()))
        assert apart.minreq("verify", "-q").sentences[1:] == ["needed-1.0-py3-none-any.whl is gone from the index"]

    def test_a_file_that_is_gone_may_still_be_in_the_store(self, apart: Project, locked: Project) -> None:
        shutil.rmtree(apart.wheelhouse.simple / "needed")
        own_cache = replace(apart, cache=locked.cache)
        assert own_cache.minreq("verify", "-q").sentences[1:] == ["needed-1.0-py3-none-any.whl is gone from the index"]

    def test_a_file_that_was_changed_is_not_used(self, apart: Project) -> None:
        (apart.wheelhouse.files / "needed-1.0-py3-none-any.whl").write_bytes(b"something else")
        done = apart.minreq("verify", "-q")
        assert done.status == 5
        assert done.sentences[0].startswith("needed-1.0-py3-none-any.whl has the SHA-256 ")


class TestWhatIsMissing:
    """Files that a verification needs."""

    def test_no_lock(self, own: Project) -> None:
        own.lock.unlink()
        done = own.minreq("verify", "-q")
        assert (done.status, done.sentences) == (
            2,
            ["no lock at requirements-minimal.txt; restore it, or make the lock with `minreq lock`"],
        )

    def test_no_evidence(self, own: Project) -> None:
        own.evidence.unlink()
        done = own.minreq("verify", "-q")
        assert done.status == 2
        assert done.sentences[0].startswith("no evidence at requirements-minimal.evidence.json; restore it")

    def test_no_text(self, own: Project) -> None:
        own.lock.write_bytes(b"\xff\xfe")
        assert own.minreq("verify", "-q").status == 2

    def test_the_command_of_another_version(self, own: Project) -> None:
        own.evidence.write_text(own.evidence.read_text().replace('"lock app --smoke', '"lock app --smock'))
        done = own.minreq("verify", "-q")
        assert done.status == 2
        assert "command: --smock is no option of lock" in done.sentences[0]

    def test_the_smoke_is_found_beside_the_lock_or_where_one_says(self, own: Project) -> None:
        (own.folder / "elsewhere").mkdir()
        there = replace(own, folder=own.folder / "elsewhere")
        assert there.minreq("verify", str(own.lock), "-q").status == 0
        (own.folder / "smoke.py").replace(there.folder / "smoke.py")
        done = own.minreq("verify", "-q")
        told = "cannot find smoke.py, the smoke of requirements-minimal.txt; name its new place with --smoke"
        assert done.status == 2
        assert done.sentences[0].startswith(told)
        assert own.minreq("verify", "-q", "--smoke", "elsewhere/smoke.py").status == 0
        exported = own.minreq("verify", "--export-smoke", "canary.py", "--smoke", "elsewhere/smoke.py")
        assert "makes a call of a profile that a real endpoint could answer" in exported.sentences[0]

    def test_a_misspelled_place_is_not_ignored(self, own: Project) -> None:
        def verify(*options: str) -> tuple[int, list[str]]:
            done = own.minreq("verify", "-q", *options)
            return done.status, done.sentences

        lock = "requirements-minimal.txt"
        added = f"--smoke more.py: {lock} has no script of this name; `minreq lock --smoke` adds one to a lock"
        assert verify("--smoke", "more.py") == (2, [added])
        assert verify("--smoke", "nowhere/smoke.py") == (2, ["--smoke nowhere/smoke.py: there is no such file"])
        assert verify("--smoke-file", "data") == (
            2,
            [f"--smoke-file data: the smoke of {lock} has no file of this name"],
        )
        exported = own.minreq("verify", "--export-smoke", "canary.py", "--smoke", "more.py")
        assert (exported.status, exported.sentences) == (2, [added])

    def test_a_smoke_that_changed_is_told(self, own: Project) -> None:
        (own.folder / "smoke.py").write_text("import app\nprint(app.answer + 1)\n")
        assert own.minreq("verify", "-q").sentences[1:] == [
            "output of smoke/smoke.py was '42' and is '43'",
            "the smoke is not the one the lock was proven with: smoke/smoke.py",
        ]

    def test_what_a_smoke_does_only_sometimes_is_no_difference(
        self, own: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It changed, and its output differs in each run."""
        # With isolation by the kernel, nothing that the run writes outlives it.
        environment = {**own.environment(), "MINREQ_SANDBOX": "hooks"}
        monkeypatch.setattr(Project, "environment", lambda _project: environment)
        # The one folder of the machine that a run without namespaces may write into.
        counter = Path("/dev/shm") / own.folder.parent.name  # noqa: S108
        (own.folder / "smoke.py").write_text(
            f"import app, pathlib\np = pathlib.Path({str(counter)!r})\np.exists() or print(1)\np.touch()\nprint(42)\n"
        )
        try:
            assert own.minreq("verify", "-q").status == 0
        finally:
            counter.unlink(missing_ok=True)


class TestPath:
    """`--path`: a tree as it is."""

    def test_a_folder_holds_and_nothing_is_written_into_it(self, own: Project, tree: Path) -> None:
        before = sorted(tree.rglob("*"))
        done = own.minreq("verify", "--path", str(tree), "-q")
        assert (done.status, done.err) == (0, "")
        assert sorted(tree.rglob("*")) == before

    def test_a_layer(self, own: Project, tree: Path, tmp_path: Path) -> None:
        """AWS Lambda has packages of a layer in ``python``, or deeper."""
        layer = tmp_path / "layer"
        versioned = layer / "python" / "lib" / f"python3.{sys.version_info[1]}" / "site-packages"
        versioned.mkdir(parents=True)
        for path in tree.iterdir():
            shutil.move(path, versioned if path.name.startswith("needed") else layer / "python")
        assert own.minreq("verify", "--path", str(layer), "-q").status == 0

    def test_a_zip(self, own: Project, tree: Path, tmp_path: Path) -> None:
        archive = shutil.make_archive(str(tmp_path / "function"), "zip", tree)
        assert own.minreq("verify", "--path", archive, "-q").status == 0
        assert list((own.store / "unfinished").iterdir()) == []

    def test_what_is_lacking_and_what_is_too_much_is_named(self, own: Project, tree: Path) -> None:
        for path in tree.glob("needed*"):
            shutil.rmtree(path)
        with zipfile.ZipFile(own.wheelhouse.of("unused")[0].path) as wheel:
            wheel.extractall(tree)
        done = own.minreq("verify", "--path", str(tree), "-q")
        assert done.status == 1
        assert done.sentences[1] == (
            f"needed 1.0 is not in {tree}, unused 1.0 is in {tree} and not in the lock: "
            "smoke/smoke.py fails: ModuleNotFoundError: No module named 'needed'"
        )

    def test_another_version_is_named(self, own: Project, tree: Path) -> None:
        for path in tree.glob("needed*"):
            shutil.rmtree(path)
        with zipfile.ZipFile(own.wheelhouse.of("needed")[1].path) as wheel:
            wheel.extractall(tree)
        (said,) = own.minreq("verify", "--path", str(tree), "-q").sentences[1:]
        assert said.startswith(f"needed is 2.0 in {tree} and 1.0 in the lock: output of smoke/smoke.py was '42'")

    @pytest.mark.parametrize("name", ["../evil.py", "/evil.py", "a/../../evil.py", "..\\evil.py"])
    def test_a_zip_that_leads_out_is_refused(self, own: Project, tmp_path: Path, name: str) -> None:
        with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
            archive.writestr(name, "")
        done = own.minreq("verify", "--path", str(tmp_path / "evil.zip"), "-q")
        assert done.status == 2
        assert done.sentences[0].endswith("leads out of it")

    def test_a_zip_with_links_is_refused(self, own: Project, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "links.zip", "w") as archive:
            member = zipfile.ZipInfo("link")
            member.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(member, "/etc")
        done = own.minreq("verify", "--path", str(tmp_path / "links.zip"), "-q")
        assert (done.status, done.sentences[0].endswith("its member 'link' is a link")) == (2, True)

    @pytest.mark.parametrize(("name", "why"), [("nothing.zip", "No such file"), ("smoke.py", "File is not a zip file")])
    def test_no_tree(self, own: Project, name: str, why: str) -> None:
        done = own.minreq("verify", "--path", name, "-q")
        assert done.status == 2
        assert done.sentences[0].startswith(f"cannot verify {name}: {why}")


class TestPython:
    """`--python`: what is installed in an environment."""

    @pytest.fixture
    def environment(self, tree: Path, tmp_path: Path) -> Path:
        folder = tmp_path / "environment"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        (site,) = folder.glob("lib/python*/site-packages")
        shutil.copytree(tree, site, dirs_exist_ok=True)
        return folder

    def test_it_holds(self, own: Project, environment: Path) -> None:
        done = own.minreq("verify", "--python", str(environment / "bin" / "python"), "-q")
        assert (done.status, done.err) == (0, "")
        assert not list(environment.rglob("lib/**/app/__pycache__"))

    def test_what_is_lacking_is_named(self, own: Project, environment: Path) -> None:
        for path in environment.glob("lib/python*/site-packages/helper*"):
            shutil.rmtree(path)
        python = str(environment / "bin" / "python")
        done = own.minreq("verify", "--python", python, "-q")
        assert done.status == 1
        assert done.sentences[1].startswith(f"helper 1.0 is not in {python}: warnings of smoke/smoke.py also has")

    def test_an_environment_is_no_path(self, own: Project, environment: Path) -> None:
        done = own.minreq("verify", "--path", str(environment), "-q")
        assert done.status == 2
        assert done.sentences[0].endswith("it is a virtual environment; name its interpreter with --python")


def test_what_the_runtime_provides_is_there_for_the_run(tmp_path: Path) -> None:
    made = project(SCENARIO, tmp_path)
    made.make_lock("--provided", "needed==1.0")
    assert "\nneeded==" not in made.lock.read_text()
    assert made.minreq("verify", "-q").status == 0


def test_what_is_built_from_source_is_pinned_by_its_source_and_built_again(tmp_path: Path) -> None:
    """Each build makes other bytes, so the hash of a built wheel would hold for nobody."""
    made = project(
        SCENARIO.replace("[wheels]", '[wheels]\nsourced."1.0" = { sdist = true }', 1)
        .replace('"unused"]', '"unused", "sourced"]', 1)
        .replace("import warnings", "import warnings, sourced", 1),
        tmp_path,
    )
    made.make_lock()
    text = made.lock.read_text()
    (sdist,) = made.wheelhouse.of("sourced")
    assert f"sourced==1.0 \\\n    --hash=sha256:{sdist.sha256}\n" in text
    assert "# note: built from source, which --only-binary :all: refuses: sourced\n" in text
    assert replace(made, cache=tmp_path / "another").minreq("verify", "-q").status == 0
    made.make_lock()
    assert made.lock.read_text() == text


#: It prints times of all kinds; what `zone` gives is the same in each run.
TIMES = """
explanation = "Of the times that are printed, one is the same in each run."
requirements = ["app"]
program = '''
import time
began = time.perf_counter()
import app
print(app.when(), object())
print(time.strftime("%H:%M:%S"), time.strftime("%Y-%m-%dT%H:%M:%SZ"))
print(f"3 passed in {time.perf_counter() - began:.2f}s")
'''
[wheels]
app."1.0" = { requires = ["zone"], files = { "app.py" = '''
def when():
    try:
        from zone import when
    except ImportError:
        return "opens at 08:00:00, 2024-01-01T00:00:00Z, in 1.0 s"
    return when
''' } }
zone."1.0" = { files = { "zone.py" = "when = 'opens at 09:00:00, 2024-01-01T13:00:00Z, in 2.5 s'" } }
zone."2.0" = { files = { "zone.py" = "when = 'opens at 09:30:00, 2024-01-01T13:00:00Z, in 2.5 s'" } }
"""


def test_times_are_compared_where_they_stay_the_same(tmp_path: Path) -> None:
    """A lock records them, and the clock, durations and addresses in no lock are a deviation."""
    made = project(TIMES, tmp_path)
    made.make_lock("--with", "zone<2")
    [stage] = json.loads(made.evidence.read_text())["behaviour"]["stages"]
    assert stage["output"] == [
        "opens at 09:00:00, 2024-01-01T13:00:00Z, in 2.5 s <object object at #>",
        "# #",
        "3 passed in #s",
    ]
    assert made.minreq("verify").status == 0
    tree = tmp_path / "tree"
    tree.mkdir()
    for archive in (made.wheelhouse.of("app")[0], made.wheelhouse.of("zone")[1]):
        with zipfile.ZipFile(archive.path) as wheel:
            wheel.extractall(tree)
    done = made.minreq("verify", "--path", str(tree))
    assert done.status == 1
    assert "opens at 09:30:00" in done.err
