"""Standard streams that are closed, full or broken; and texts of others, which cannot pass for lines of minreq."""

from __future__ import annotations

import ast
import json
import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from commanding import Project, project
from samplelock import LOCK

from minreq.cli import commands, output
from minreq.cli.text import printable, printable_block, wrap_block, wrap_row
from minreq.lockfile import evidence
from minreq.lockfile.requirements import render


def test_on_a_terminal_an_error_is_wrapped_at_words(tmp_path: Path) -> None:
    parent, child = pty.openpty()
    environment = {**os.environ, "COLUMNS": "40", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "minreq", "explain", "x"]
    assert subprocess.run(command, stderr=child, env=environment, cwd=tmp_path, check=False).returncode == 2
    os.close(child)
    lines = os.read(parent, 1 << 16).decode().splitlines()
    os.close(parent)
    assert lines == [
        "error: no lock at",
        "  requirements-minimal.txt; restore it,",
        "  or make the lock with `minreq lock`",
    ]
    assert wrap_block("a b\n  " + "c" * 5 + " d", 6) == "a b\n  ccccc\n    d"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("short  row", "short  row"),
        (
            "  name  1.0  it fails without that distribution",
            "  name  1.0  it fails without that\n             distribution",
        ),
        ("Names: aaaa, bbbb, cccc, dddd, eeee, ffff, gggg", "Names: aaaa, bbbb, cccc, dddd, eeee,\n  ffff, gggg"),
        ("  9  " + "a" * 36, "  9\n    " + "a" * 36),
        (" " * 50, " " * 50),
        ("a wide column of a row here  last one of it", "a wide column of a row here  last one of\n  it"),
    ],
)
def test_a_row_is_wrapped_below_its_last_column(line: str, expected: str) -> None:
    assert wrap_row(line, 40) == expected


def test_on_a_terminal_results_are_wrapped_and_commands_are_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    lines = ["System      Linux, which isolates the smoke here", f"minreq lock --providers {'openai,' * 5}bedrock"]
    output.print_lines(lines)
    assert capsys.readouterr().out.splitlines() == lines
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    output.print_lines(lines)
    wrapped = ["System      Linux, which isolates the", " " * 12 + "smoke here"]
    assert capsys.readouterr().out.splitlines() == [*wrapped, lines[1]]


SCENARIO = """
explanation = "A root with a dependency."
requirements = ["app"]
program = "import app"
[wheels]
app."1.0" = { requires = ["needed"], files = { "app/__init__.py" = "import needed" } }
needed."1.0" = {}
"""
#: Commands that print a result.
PRINTING = (
    *("--help", "lock --help", "completion bash", "cache dir", "explain --tree"),
    *("diff requirements-minimal.txt requirements-minimal.txt --json", "analyze .", "scan . --json"),
)
LOST = "error: cannot write the result to standard output: "


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lock."""
    folder = tmp_path_factory.mktemp("lock")
    (folder / "requirements-minimal.txt").write_text(render(LOCK), "utf-8")
    (folder / "requirements-minimal.evidence.json").write_text(evidence.dump(LOCK), "utf-8")
    return folder


def run(command: str, redirection: str, folder: Path, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Run minreq by a shell with *redirection*; return the status and what came out."""
    line = f"{sys.executable} -m minreq {command} {redirection}"
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", cwd=folder, check=False,
        env={**os.environ, "NO_COLOR": "1", "MINREQ_CACHE_DIR": str(folder / "cache"), **(env or {})},
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.one_python
@pytest.mark.parametrize("command", PRINTING)
def test_a_result_that_cannot_be_written_is_an_error(command: str, folder: Path) -> None:
    """One sentence, and never status 0: whoever reads the result has none."""
    usual = run(command, "", folder)
    assert usual[1]
    for redirection, why in ((">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")):
        status, _, err = run(command, redirection, folder)
        assert (status, err.splitlines()[-1]) == (
            1, f"{LOST}{why}; the files that the command writes are complete"
        )  # fmt: skip


@pytest.mark.parametrize("command", PRINTING)
def test_a_reader_that_has_left_is_no_error(command: str, folder: Path) -> None:
    """As for any program in a pipe: the status is that of a closed pipe, and nothing is printed."""
    # The reader has left for certain when the program starts.
    program = "import os, sys; r, w = os.pipe(); os.close(r); os.dup2(w, 1); os.execv(sys.executable, sys.argv[1:])"
    arguments = [sys.executable, "-c", program, sys.executable, "-m", "minreq", *shlex.split(command)]
    done = subprocess.run(
        arguments, capture_output=True, text=True, cwd=folder, check=False,
        env={**os.environ, "MINREQ_CACHE_DIR": str(folder / "cache")},
    )  # fmt: skip
    assert (done.returncode, "rror" in done.stderr) == (141, False)


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "<&-", "<&- 2>&-"])
@pytest.mark.parametrize("command", ["explain --tree", "scan .", "--help"])
def test_a_lost_standard_error_changes_nothing(command: str, redirection: str, folder: Path) -> None:
    usual = run(command, "", folder)
    assert run(command, redirection, folder)[:2] == usual[:2]


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", ">&- 2>&-", "<&- >&- 2>&-"])
def test_an_error_keeps_its_status_without_standard_error(redirection: str, folder: Path) -> None:
    for command, status in (("explain nothing --lock absent.txt", 2), ("nonsense", 2), ("lock nobody --json", 2)):
        assert run(command, redirection, folder)[0] == status


@pytest.mark.parametrize("name", sorted(commands._COMMANDS))
def test_help_of_each_command_without_standard_output(name: str, folder: Path) -> None:
    assert run(f"{name} --help", ">&-", folder)[0] == 1


#: A command, and what it does to which files.
DONE = {
    "explain --tree": ["read [tool.minreq] of pyproject.toml", "read requirements-minimal.evidence.json"],
    "diff requirements-minimal.txt": ["read requirements-minimal.evidence.json"],
    "guard -o out": ["read requirements-minimal.evidence.json", "wrote out/minreq_guard.py"],
    "analyze out --html page.html": ["read out, 1 file", "wrote page.html"],
    "cache dir": ["the cache is {cache}, by MINREQ_CACHE_DIR"],
    "cache prune": ["remove {cache}/wheels/unfinished/old"],
    "doctor": ["the cache is {cache}, by MINREQ_CACHE_DIR"],
    "export --format uv -o uv.toml": ["read requirements-minimal.txt", "wrote uv.toml"],
    "scan src": ["the cache is {cache}, by MINREQ_CACHE_DIR"],
}


@pytest.mark.parametrize("command", DONE)
def test_verbose_names_the_files(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file once, on a line of its own on standard error; the result is the same."""
    cache = folder / "cache"
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MINREQ_CACHE_DIR", str(cache))
    monkeypatch.setenv("MINREQ_SANDBOX", "hooks")
    Path("pyproject.toml").write_text("[tool.minreq]\n")
    for name in ("src", "out", "cache/wheels/unfinished/old"):
        Path(name).mkdir(parents=True, exist_ok=True)
    Path("out/minreq_guard.py").touch()
    os.utime("cache/wheels/unfinished/old", (0, 0))
    assert commands.main([*command.split(), "-v"]) == 0
    out, err = capsys.readouterr()
    lines = err.splitlines()
    for sentence in DONE[command]:
        assert lines.count(f"  . {sentence.format(cache=cache)}") == 1
    assert commands.main([*command.split(), "-q"]) == 0
    assert capsys.readouterr() == (out, "")
    Path("pyproject.toml").unlink()


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = project(SCENARIO, tmp_path_factory.mktemp("project"))
    assert made.minreq("lock", "app", "--smoke", "smoke.py").status == 0
    return made


@pytest.mark.one_python
@pytest.mark.parametrize(
    ("redirection", "status"),
    [("", 0), (">&-", 0), (">/dev/full", 0), ("2>&-", 0), ("2>/dev/full", 0), ("<&-", 0), ("<&- >&- 2>&-", 0)],
)
def test_a_lock_without_standard_streams(redirection: str, status: int, locked: Project) -> None:
    """It prints no result to standard output; the first file that it opens does not become one."""
    before = locked.lock.read_bytes(), locked.evidence.read_bytes()
    for path in (locked.lock, locked.evidence):
        path.unlink()
    arguments = f"lock app --smoke smoke.py --index-url {locked.wheelhouse.url}"
    found = run(arguments, redirection, locked.folder, locked.environment())
    assert found[0] == status, found
    assert (locked.lock.read_bytes(), locked.evidence.read_bytes()) == before


@pytest.mark.one_python
@pytest.mark.parametrize("redirection", [">&-", ">/dev/full"])
@pytest.mark.parametrize("option", ["--json", "-o -"])
def test_a_lock_whose_result_is_lost(option: str, redirection: str, locked: Project) -> None:
    arguments = f"lock app --smoke smoke.py --index-url {locked.wheelhouse.url} {option}"
    status, _, err = run(arguments, redirection, locked.folder, locked.environment())
    assert (status, err.splitlines()[-1].startswith(LOST)) == (1, True)


def test_an_error_as_json_that_cannot_be_written(folder: Path) -> None:
    """The sentence comes by standard error all the same, with the status of the error."""
    status, _, err = run("explain x --lock absent.txt --json", ">/dev/full", folder)
    assert (status, "absent" in err) == (2, True)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a\nerror: forged",
            "a\rerror: forged",
            "\x1b[2Jforged",
            "\x9b2J",
            "a\x85b",
            "a\u2028b",
            "\u202eforged",
            "a\0b",
        ),
        *("::error::forged", "  ::error::forged", "\t::error::x", "##[error]forged", "##vso[task.complete]", "\udcff"),
        *("##teamcity[x]", "###[group]x", "a\n::set-output name=x::y", ":::error::x"),
    ],
)
def test_a_text_of_others_is_one_line_and_no_command(text: str) -> None:
    line = printable(text)
    assert line.isprintable()
    assert not line.strip().startswith("::")
    assert "##[" not in line
    assert "##vso[" not in line
    assert "##teamcity[" not in line
    assert printable(line) == line


def test_folders_of_a_run_have_names_that_people_know() -> None:
    folders = ("work/a", "temporary/b", "home/c", "env/bin/d", "e")
    text = " ".join([*(f"{{sandbox}}/{each}" for each in folders), "{port}", "{other}/"])
    assert printable(text) == "./a $TMPDIR/b ~/c env/bin/d run/e {port} {other}/"


@pytest.mark.parametrize("text", ["a: b", "std::string", "C# [x]", "#1", "## Changes", "a::b"])
def test_a_usual_text_stays(text: str) -> None:
    assert printable(text) == text


def test_only_indented_lines_of_an_error_are_lines() -> None:
    """Our own parts are indented; a line break of others is none."""
    assert printable_block("a:\n  b\n    ::error::c\nerror: d") == "a:\n  b\n    \\x3a:error::c\\nerror: d"


#: What a child prints, warns, logs and raises, and a name of a module that it asks for.
FORGING = """
import logging, sys, warnings
import app
text = "x\\n::error::forged\\nerror: forged\\rerror: forged\\x1b[2J\\u202e##[error]forged"
print(text)
print(text, file=sys.stderr)
warnings.warn(text)
logging.getLogger("x").error(text)
try:
    __import__("x\\n::error::forged")
except ImportError:
    pass
if FAILS:
    raise ValueError(text)
"""


def assert_nothing_is_forged(text: str) -> None:
    for line in text.splitlines():
        assert line.isprintable(), ascii(line)
        assert not line.strip().startswith("::"), line
        assert "##[" not in line
        assert not line.startswith(("error: forged", "forged")), line


@pytest.mark.parametrize("fails", [False, True])
def test_what_a_smoke_prints_forges_no_line(fails: bool, tmp_path: Path) -> None:  # noqa: FBT001 - pytest's.
    made = project(SCENARIO, tmp_path)
    (made.folder / "smoke.py").write_text(FORGING.replace("FAILS", str(fails)))
    done = made.minreq("lock", "app", "--smoke", "smoke.py", "-v")
    assert done.status == (3 if fails else 0), done.err
    assert not fails or "ValueError" in done.err
    assert_nothing_is_forged(done.err)
    if fails:
        return
    (made.folder / "smoke.py").write_text(FORGING.replace("FAILS", "'y'.upper() != 'Y'").replace("x", "z", 3))
    for command in (("verify",), ("explain", "needed"), ("explain", "--tree"), ("exposure",)):
        done = made.minreq(*command)
        assert "Traceback" not in done.err
        assert_nothing_is_forged(done.out + done.err)
    assert "forged" in made.evidence.read_text("utf-8")
    assert "Traceback" not in json.dumps(done.err)


def test_one_module_writes_to_the_streams() -> None:
    """Others would forget what is not ours."""
    writers = {"click.echo", "print", "sys.stdout.write", "sys.stderr.write"}
    found = {
        file.name
        for file in Path(commands.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in writers
    }
    assert found == {"output.py"}
