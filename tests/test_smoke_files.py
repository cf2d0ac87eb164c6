"""The files that a smoke needs, and smokes that are commands of one word or that name a script."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from commanding import Project, project

from minreq.errors import SmokeFileUnusable, SmokeUnusable
from minreq.lockfile import evidence
from minreq.model import Command, Group, Plan, Script, StageBehaviour
from minreq.profiles.planner import named_files
from minreq.smoke.absentfile import explain_absent_file, explain_read_only_file
from minreq.smoke.paths import WORKING_FOLDER
from minreq.smoke.results import StageResult
from minreq.task.smokefiles import locate_files
from minreq.task.task import is_command, locate_smoke

pytestmark = pytest.mark.one_python

SCENARIO = """
explanation = "A program, and a tool that runs a script."
requirements = ["app"]
[wheels.app."1.0"]
requires = ["shared", "unused"]
files = { "app/__init__.py" = "import shared" }
[wheels.shared."1.0"]
files = { "shared/__init__.py" = "VALUE = 1" }
[wheels.unused."1.0"]
[wheels.checker."1.0"]
entry_points = { console_scripts = { checker = "checker:main", mkcmd = "checker:run" } }
[wheels.checker."1.0".files]
"checker/__init__.py" = '''
import runpy, sys
def main():
    runpy.run_path(sys.argv[1], run_name="checked")
def run():
    runpy.run_path("check.py", run_name="checked")
'''
"""

READS = "import app\nprint(open('data/text.txt').read())\n"


@pytest.fixture
def made(tmp_path: Path) -> Project:
    made = project(SCENARIO, tmp_path)
    made.folder.joinpath("data").mkdir()
    made.folder.joinpath("data", "text.txt").write_text("the data")
    made.folder.joinpath("check.py").write_text(READS)
    return made


def output_of(made: Project) -> list[str]:
    lock = evidence.load(made.evidence.read_text())
    return [line for stage in lock.behaviour.stages for line in stage.output]


def test_a_script_finds_the_files_that_the_user_names(made: Project) -> None:
    command = ("lock", "app", "--smoke", "check.py", "--smoke-file", "data/text.txt")
    done = made.minreq(*command, "-q")
    assert done.status == 0, done.err
    assert output_of(made) == ["the data"]
    assert "minreq lock app --smoke check.py --smoke-file data/text.txt" in made.lock.read_text()
    assert made.minreq(*command, "--check").status == 0
    assert made.minreq("verify").status == 0
    built = made.minreq("build", "-o", "built", "--smoke", "check.py")
    assert built.status == 0, built.err


def test_a_lock_is_stale_when_a_file_of_the_smoke_changes(made: Project) -> None:
    command = ("lock", "app", "--smoke", "check.py", "--smoke-file", "data")
    assert made.minreq(*command, "-q").status == 0
    made.folder.joinpath("data", "text.txt").write_text("other data")
    stale = made.minreq(*command, "--check")
    assert stale.status == 1
    assert "smoke-file/data/text.txt" in stale.err
    verified = made.minreq("verify")
    assert verified.status == 1
    assert "the smoke is not the one the lock was proven with: smoke-file/data/text.txt" in verified.err


def test_no_run_changes_a_file_of_the_user(made: Project) -> None:
    made.folder.joinpath("check.py").write_text(f"{READS}open('data/text.txt', 'a').write('more')\n")
    done = made.minreq("lock", "app", "--smoke", "check.py", "--smoke-file", "data", "-q")
    assert done.status == 0, done.err
    assert made.folder.joinpath("data", "text.txt").read_text() == "the data"


def test_a_file_of_the_smoke_that_was_moved(made: Project) -> None:
    assert made.minreq("lock", "app", "--smoke", "check.py", "--smoke-file", "data", "-q").status == 0
    made.folder.joinpath("data").rename(made.folder / "moved")
    missing = made.minreq("verify")
    assert missing.status == 2
    assert "cannot find data, a file of the smoke of requirements-minimal.txt; name its new place" in missing.err
    made.folder.joinpath("elsewhere").mkdir()
    made.folder.joinpath("moved").rename(made.folder / "elsewhere" / "data")
    assert made.minreq("verify", "--smoke-file", "elsewhere/data").status == 0


def test_a_file_of_the_smoke_is_found_where_the_lock_was_made(made: Project, tmp_path: Path) -> None:
    made.folder.joinpath("locks").mkdir()
    command = ("lock", "app", "--smoke", "check.py", "--smoke-file", "data", "-q", "-o", "locks/lock.txt")
    assert made.minreq(*command).status == 0
    elsewhere = replace(made, folder=tmp_path)
    done = elsewhere.minreq("verify", str(made.folder / "locks" / "lock.txt"))
    assert done.status == 0, done.err


def test_the_configuration_names_files_relative_to_itself(made: Project) -> None:
    made.folder.joinpath("pyproject.toml").write_text(
        '[tool.minreq]\nroot = "app"\nsmoke = ["check.py"]\nsmoke-file = ["data/text.txt"]\n'
    )
    made.folder.joinpath("below").mkdir()
    done = replace(made, folder=made.folder / "below").minreq("lock", "-q")
    assert done.status == 0, done.err
    assert output_of(made) == ["the data"]


def test_two_files_of_one_name_in_the_configuration(made: Project) -> None:
    """For `verify` the configuration names the new places of files: each is the one with the same folders."""
    made.folder.joinpath("more").mkdir()
    made.folder.joinpath("more", "text.txt").write_text("more data")
    made.folder.joinpath("check.py").write_text(f"{READS}print(open('more/text.txt').read())\n")
    made.folder.joinpath("pyproject.toml").write_text(
        '[tool.minreq]\nroot = "app"\nsmoke = ["check.py"]\nsmoke-file = ["more/text.txt", "data/text.txt"]\n'
    )
    assert made.minreq("lock", "-q").status == 0
    assert output_of(made) == ["the data", "more data"]
    done = made.minreq("verify")
    assert done.status == 0, done.err
    assert "the smoke is not the one" not in done.err


def test_a_build_takes_more_files_for_more_scripts(made: Project) -> None:
    made.folder.joinpath("first.py").write_text("import app\n")
    assert made.minreq("lock", "app", "--smoke", "first.py", "-q").status == 0
    command = ("build", "-o", "built", "--smoke", "check.py")
    failed = made.minreq(*command)
    assert failed.status == 3
    assert "give it the file with --smoke-file data/text.txt" in failed.err
    done = made.minreq(*command, "--smoke-file", "data/text.txt")
    assert done.status == 0, done.err


def test_without_the_file_the_message_says_how_to_give_it(made: Project) -> None:
    done = made.minreq("lock", "app", "--smoke", "check.py")
    assert done.status == 3
    assert "a script runs in an empty folder; give it the file with --smoke-file data/text.txt" in done.err


def test_a_command_of_one_word(made: Project) -> None:
    done = made.minreq("lock", "app", "--smoke", "mkcmd", "--smoke-with", "checker", "-q")
    assert done.status == 0, done.err
    assert output_of(made) == ["the data"]
    # Neither does a folder of that name make it anything else, once it was a command.
    made.folder.joinpath("other", "mkcmd").mkdir(parents=True)
    done = replace(made, folder=made.folder / "other").minreq("verify", "../requirements-minimal.txt")
    assert done.status == 0, done.err


def test_a_command_that_resembles_a_script(made: Project) -> None:
    done = made.minreq("lock", "app", "--smoke", "checker check.py", "--smoke-with", "checker", "-q")
    assert done.status == 0, done.err


def test_a_word_that_nobody_has_as_a_command(made: Project) -> None:
    done = made.minreq("lock", "app", "--smoke", "nothing")
    assert done.status == 3
    assert "no installed distribution has the command 'nothing'" in done.err
    done = made.minreq("lock", "app", "--smoke", "python -c pass")
    assert (done.status, "python needs a script, or -m and a module, not -c; write" in done.err) == (3, True)
    done = made.minreq("lock", "app", "--smoke", "python")
    assert (done.status, "python needs a script, or -m and a module; write" in done.err) == (3, True)


class TestCommandOrScript:
    """What the words say, in a folder with ``check.py`` and ``my check.py``."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for name in ("check.py", "my check.py"):
            Path(name).touch()

    @pytest.mark.parametrize("smoke", ["checker check.py", "mkcmd", "../mkcmd", "pytest -q check.py"])
    def test_a_command(self, smoke: str) -> None:
        found = locate_smoke(Path(smoke), Path())
        assert isinstance(found, Command)
        assert found.words == tuple(smoke.removeprefix("../").split())

    def test_a_long_command(self) -> None:
        """It is too long for the name of a file, and so is a word of it."""
        words = ("pytest", "-k", "a" * 300)
        found = locate_smoke(Path(" ".join(words)), Path())
        assert isinstance(found, Command)
        assert found.words == words
        assert named_files(found) == {}

    def test_a_word_that_resembles_a_script(self) -> None:
        """It is a command if there are tools of the smoke."""
        with pytest.raises(SmokeUnusable) as caught:
            locate_smoke(Path("checker"), Path())
        assert str(caught.value) == (
            "--smoke checker: there is no such file; did you mean check.py? If checker is a command, name the project "
            "that has it with --smoke-with"
        )
        assert isinstance(locate_smoke(Path("checker"), Path(), has_tools=True), Command)

    @pytest.mark.parametrize(
        ("smoke", "suggestion"),
        [
            ("chekc.py", "; did you mean check.py?"),
            ("chekc.py -q", "; did you mean check.py?"),
            ("my chekc.py", "; did you mean my check.py?"),
            ("nothing.py", ""),
            ("folder/nothing", ""),
        ],
    )
    def test_a_misspelt_script(self, smoke: str, suggestion: str) -> None:
        """Tools of the smoke do not change that."""
        with pytest.raises(SmokeUnusable) as caught:
            locate_smoke(Path(smoke), Path(), has_tools=True)
        assert str(caught.value) == f"--smoke {smoke}: there is no such file{suggestion}"

    def test_what_a_lock_records(self) -> None:
        assert is_command(Path("pytest -q"))
        assert is_command(Path("mkcmd"))
        assert not is_command(Path("check.py"))
        assert not is_command(Path("tests/check"))


class TestLocateFiles:
    """The names that files get in the working directory of a run."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        inside = tmp_path / "inside"
        for name in ("a.txt", "data/b.txt", "data/deep/c.txt", "data/__pycache__/d.pyc"):
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name)
        inside.mkdir()
        inside.joinpath("a.txt").write_text("another")
        monkeypatch.chdir(inside)

    @pytest.mark.parametrize(
        ("path", "names"),
        [
            ("a.txt", ["a.txt"]),
            ("./a.txt", ["a.txt"]),
            ("../a.txt", ["a.txt"]),
            ("../inside/../data/b.txt", ["data/b.txt"]),
            ("../data", ["data/b.txt", "data/deep/c.txt"]),
        ],
    )
    def test_the_path_without_what_leads_above(self, path: str, names: list[str]) -> None:
        files = locate_files([Path(path)])
        assert list(files) == names
        assert all(each.is_absolute() and each.is_file() for each in files.values())

    def test_an_absolute_path_counts_by_its_last_part(self) -> None:
        assert list(locate_files([Path("../data/deep").absolute()])) == ["deep/c.txt"]

    def test_a_file_that_is_named_twice(self) -> None:
        assert len(locate_files([Path("../data"), Path("../data/b.txt")])) == 2

    @pytest.mark.parametrize(
        ("paths", "sentence"),
        [
            (["../b.txt"], "--smoke-file ../b.txt: there is no such file; did you mean ../a.txt?"),
            (["nowhere/b.txt"], "--smoke-file nowhere/b.txt: there is no such file"),
            (["."], "--smoke-file .: it holds the working directory; name files or folders in it"),
            ([".."], "--smoke-file ..: it holds the working directory; name files or folders in it"),
            (["/dev/null"], "--smoke-file /dev/null: it is neither a file nor a folder"),
        ],
    )
    def test_what_cannot_be_copied(self, paths: list[str], sentence: str) -> None:
        with pytest.raises(SmokeFileUnusable) as caught:
            locate_files(map(Path, paths))
        assert str(caught.value) == sentence
        assert caught.value.exit_status == 2

    def test_two_files_with_one_place(self) -> None:
        with pytest.raises(SmokeFileUnusable, match=r"inside/a\.txt would have the same place, a\.txt"):
            locate_files([Path("a.txt"), Path("../a.txt")])
        Path("data").write_text("a file")
        with pytest.raises(SmokeFileUnusable, match=r"data: data/b\.txt needs a folder in its place"):
            locate_files([Path("data"), Path("../data/b.txt")])


class TestExplainAbsentFile:
    """A hint is given only for a file that the user has."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("my data.txt").touch()
        Path("smokes").mkdir()
        Path("smokes", "table.csv").touch()

    def explain(self, name: str, *, folder: Path | None = None, traceback: str = "") -> str:
        script = Script(stage="smoke/check.py", file=Path("smokes/check.py").absolute(), folder=folder)
        plan = Plan(environment={}, first=None, groups=(Group(name="smoke/check.py", scripts=(script,)),))
        status = f"FileNotFoundError: [Errno 2] No such file or directory: '{name}'"
        behaviour = StageBehaviour(stage="smoke/check.py", status="ValueError" if traceback else status)
        return explain_absent_file(plan, StageResult(behaviour=behaviour, traceback=traceback))

    @pytest.mark.parametrize("name", ["my data.txt", f"{WORKING_FOLDER}my data.txt"])
    def test_in_the_working_directory(self, name: str) -> None:
        expected = "a script runs in an empty folder; give it the file with --smoke-file 'my data.txt'"
        assert self.explain(name) == expected

    def test_beside_the_script(self) -> None:
        assert self.explain("table.csv") == (
            "a script runs in an empty folder; the file lies beside check.py, "
            "so open Path(__file__).parent / 'table.csv'"
        )

    def test_in_the_causes(self) -> None:
        assert "--smoke-file" in self.explain("", traceback="...No such file or directory: 'my data.txt'\nValueError")

    def test_none(self) -> None:
        assert self.explain("absent.txt") == ""
        assert self.explain("/etc/absent") == ""
        assert "--smoke-file" not in self.explain("../smokes/table.csv")
        assert self.explain("my data.txt", folder=Path().absolute()) == ""


@pytest.mark.parametrize(
    ("status", "is_explained"),
    [
        ("OSError: [Errno 30] Read-only file system: 'app/_tables.py'", True),
        ("OSError: [Errno 28] No space left", False),
    ],
)
def test_a_smoke_that_cannot_write_is_explained(status: str, is_explained: bool) -> None:  # noqa: FBT001
    failure = StageResult(behaviour=StageBehaviour(stage="smoke/check.py", status=status))
    assert ("can write into its environment, its working directory" in explain_read_only_file(failure)) == is_explained
