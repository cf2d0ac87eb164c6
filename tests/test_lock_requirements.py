"""`minreq lock` with requirements files: markers, hashes and notes, as a user meets them."""

from __future__ import annotations

from pathlib import Path

import pytest
from commanding import Project, project

from minreq.cli import main
from minreq.lockfile import evidence

SCENARIO = """
explanation = "A root, and distributions that a requirements file names."
requirements = ["app"]
program = "import app"
[wheels.app."1.0"]
requires = ["needed"]
files = { "app/__init__.py" = "import needed" }
[wheels]
needed."1.0" = {}
needed."2.0" = {}
colour."1.0" = {}
broken."1.0" = { requires = ["needed ; python_version ~= 'banana'"] }
odd."1.0" = { requires = ["needed ; 'x' in extras"] }
"""
NEVER = "; sys_platform == 'win32'"
LOCK = ("lock", "app", "--smoke", "smoke.py", "-j", "2")


@pytest.fixture
def made(tmp_path: Path) -> Project:
    return project(SCENARIO, tmp_path)


@pytest.fixture
def inside(made: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The folder and the environment of this process are those of a user."""
    monkeypatch.chdir(made.folder)
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    return made


def kept(made: Project) -> dict[str, str]:
    """Return the evidence of each kept distribution: who asked for it, or its kind."""
    lock = evidence.load(made.evidence.read_text("utf-8"))
    return {each.candidate.name: getattr(each.evidence, "asked_by", each.evidence.kind) for each in lock.selection.kept}


def test_options_that_do_not_apply(made: Project) -> None:
    """They have no effect, and a note tells so; they ended in a KeyError."""
    options = ("--whole", "--also", "--with", "--override", "--smoke-with")
    done = made.minreq(*LOCK, *(word for option in options for word in (option, f"colour {NEVER}")))
    assert done.status == 0, done.err
    for option in options:
        note = f'{option} colour; sys_platform == "win32": has no effect, since the marker holds on no platform of the'
        assert note in " ".join(done.err.split())
    assert kept(made) == {"app": "root", "needed": "failure"}


def test_lines_that_do_not_apply(made: Project) -> None:
    """They are no request: neither for a stranger nor for what the closure has anyway."""
    (made.folder / "r.in").write_text(f"colour {NEVER}\nneeded<2 {NEVER}\n")
    (made.folder / "c.txt").write_text(f"needed<2 {NEVER}\nneeded<3 ; python_version > '3'\n")
    done = made.minreq(*LOCK, "-r", "r.in", "-c", "c.txt")
    assert done.status == 0, done.err
    assert kept(made) == {"app": "root", "needed": "failure"}
    assert "needed==2.0" in made.lock.read_text()
    # What applies nowhere is no input of the lock.
    (made.folder / "r.in").write_text(f"other {NEVER}\n")
    assert made.minreq(*LOCK, "-r", "r.in", "-c", "c.txt", "--check").status == 0


def test_hashes(made: Project) -> None:
    """The hashes of the user choose the files; the lock is stale when they change."""
    digests = {each.path.name.partition("-py3")[0]: each.sha256 for each in made.wheelhouse.archives}
    right = (
        f"app==1.0 --hash=sha256:{digests['app-1.0']}\n"
        f"needed --hash=sha256:{digests['needed-1.0']} --hash=sha256:{'0' * 64}\n"
    )
    (made.folder / "r.in").write_text(right)
    done = made.minreq(*LOCK, "-r", "r.in")
    assert done.status == 0, done.err
    assert f"needed==1.0 \\\n    --hash=sha256:{digests['needed-1.0']}" in made.lock.read_text()
    assert made.minreq(*LOCK, "-r", "r.in", "--check").status == 0
    (made.folder / "r.in").write_text(right.replace("0" * 64, "1" * 64))
    assert made.minreq(*LOCK, "-r", "r.in", "--check").sentences[1:] == ["-r r.in has changed"]


@pytest.mark.parametrize(
    ("lines", "status", "sentence"),
    [
        (
            "app==1.0 --hash=sha256:{app}\nneeded==1.0 --hash=sha256:" + "0" * 64,
            4,
            "needed 1.0 has no file with a hash of -r r.in (line 2); correct the hashes if you trust the files",
        ),
        (
            "app==1.0 --hash=sha256:{app}",
            4,
            "or add the line --no-require-hashes: needed==2.0 --hash=sha256:{needed}",
        ),
        ("needed --hash=md5:00", 2, "r.in, line 1: --hash=md5:00: 'md5' is not accepted, as in pip"),
        ("app==1.0 --hash=sha256:" + "0" * 64, 4, "app 1.0 has no file with a hash of -r r.in (line 1)"),
        ("needed ; python_version ~= 'banana'", 2, "r.in, line 1: the marker 'python_version ~= \"banana\"' cannot be"),
        ("-r sub/../r.in", 2, "r.in: names r.in, which leads back to it"),
        ("needed @ https://index.invalid/needed.zip", 2, "is a URL, which has no version to lock"),
        (
            "-c c.txt",
            4,
            "app 1.0 requires needed, against needed @ https://index.invalid/n.zip (-c c.txt (line 1))",
        ),
        ("broken", 4, "has no value"),
        ("odd", 4, "has no value"),
    ],
)
def test_refusals(inside: Project, lines: str, status: int, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each names the place and the reason."""
    (app,), (_, needed) = inside.wheelhouse.of("app"), inside.wheelhouse.of("needed")
    Path("c.txt").write_text("needed @ https://index.invalid/n.zip\ncolour @ https://index.invalid/c.zip")
    Path("r.in").write_text(lines.format(app=app.sha256))
    assert main([*LOCK, "-r", "r.in", "--index-url", inside.wheelhouse.url]) == status
    assert sentence.format(needed=needed.sha256) in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--whole", "colour @ https://index.invalid/colour.zip"), "is a URL, which has no version to lock"),
        (("--also", "colour ; python_version ~= 'banana'"), "cannot be evaluated: "),
    ],
)
def test_options_that_are_refused(
    arguments: tuple[str, str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lock", "app", "--smoke", __file__, *arguments]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())


def test_a_root_that_does_not_apply(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lock", f"app {NEVER}", "--smoke", __file__]) == 2
    assert "the marker does not hold on this platform" in " ".join(capsys.readouterr().err.split())


def test_notes_of_a_file(made: Project) -> None:
    """An option without effect and an extra that is not there stop nothing."""
    (made.folder / "r.in").write_text("-e ./folder\n--use-feature=fast-deps\ncolour[x]\n")
    done = made.minreq(*LOCK, "-r", "r.in")
    assert done.status == 0, done.err
    said = " ".join(done.err.split())
    assert "-r r.in (line 1): -e ./folder is a project in development, which has no release to lock" in said
    assert "-r r.in (line 2): --use-feature has no effect: it concerns pip itself" in said
    assert "colour 1.0 has no extra 'x', so that adds nothing; it has none" in said
    assert kept(made)["colour"] == "-r r.in"
