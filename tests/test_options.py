"""Every option of every command, from the command line and from ``pyproject.toml``: what it changes.

An option changes what the engine gets, or what the user sees. A new option without a row fails.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import logging
import os
from collections.abc import Iterator, Mapping
from datetime import date
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
import tomlkit
from packaging.requirements import Requirement
from samplelock import LOCK
from test_exposure import found as found_sites

import minreq
from minreq.cli import commands, main
from minreq.config import BuildSettings, Settings, VerifySettings, VersionsSettings, artifacts
from minreq.config.exports import EnvironmentSettings, ExportSettings
from minreq.config.options import parse_provided
from minreq.config.settings import IndexOptions
from minreq.errors import LockMissing
from minreq.lockfile import difference
from minreq.reporting import Reporter, Step
from minreq.smoke.isolation import SANDBOX_VARIABLE

PACKAGE = Path(minreq.__file__).parent
ROOT = Path(__file__).parents[1]

#: The arguments without which a command does nothing.
BASE: Mapping[str, list[str]] = {
    "init": [],
    "lock": ["a", "--smoke", "smoke.py"],
    "verify": [],
    "explain": ["x"],
    "exposure": [],
    "guard": ["--output", "out"],
    "providers": ["litellm"],
    "scan": [],
    "doctor": [],
    "build": ["--output", "out"],
    "analyze": [".", "--imports", "--module", "a"],
    "matrix": ["--root", "a", "--smoke", "smoke.py"],
    "versions": ["a", "--trace", "--smoke", "smoke.py"],
    "diff": ["old.txt"],
    "export": ["--format", "pylock"],
    "sync": ["--python", "x"],
    "check": [],
    "cache dir": [],
    "cache prune": [],
    "completion": ["bash"],
}

#: Option to text and the value that the engine gets; several commands may share an option.
VALUES: Mapping[str, tuple[str, Any]] = {
    "--allow-pth": ("Some.Name", ("some-name",)),
    "--also": ("b>1", (Requirement("b>1"),)),
    "--budget": ("1,000", 1000),
    "--bytecode": ("none", "none"),
    "--cert": ("ca.pem", "ca.pem"),
    "--client-cert": ("me.pem", "me.pem"),
    "--constraint": ("c.txt", (Path("c.txt"),)),
    "--drop": ("a/*", ("a/*",)),
    "--exclude": ("b", ("b",)),
    "--exclude-newer": ("3 days", "3 days"),
    "--extra-index-url": ("https://b.example", ("https://b.example",)),
    "--features": ("chat,tools", ("chat", "tools")),
    "--find-links": ("wheels", ("wheels",)),
    "--hot": ("log.txt", (Path("log.txt"),)),
    "--html": ("page.html", Path("page.html")),
    "--include": ("b", ("b",)),
    "--index-strategy": ("unsafe-best-match", "unsafe-best-match"),
    "--index-url": ("https://a.example", "https://a.example"),
    "--jobs": ("7", 7),
    "--keep": ("a/*", ("a/*",)),
    "--keep-service": ("s3", ("s3",)),
    "--last": ("3", 3),
    "--one-per": ("minor", "minor"),
    "--sbom": ("bom.json", Path("bom.json")),
    "--scheduler": ("tcp://127.0.0.1:1", "tcp://127.0.0.1:1"),
    "--tls-ca-file": ("ca.pem", "ca.pem"),
    "--tls-cert": ("me.pem", "me.pem"),
    "--tls-key": ("me.key", "me.key"),
    "--lock": ("other.txt", Path("other.txt")),
    "--max-zip": ("5", 5),
    "--no-binary": ("b,c", ("b", "c")),
    "--only-binary": ("b,c", ("b", "c")),
    "--override": ("b>1", (Requirement("b>1"),)),
    "--path": ("tree", Path("tree")),
    "--plot": ("sizes.svg", Path("sizes.svg")),
    "--prefix": ("lib", "lib"),
    "--profiles": ("profiles", (Path("profiles"),)),
    "--provided": ("b==1", (parse_provided("b==1"),)),
    "--prove-modules": ("cold", "cold"),
    "--providers": ("openai,bedrock", ("openai", "bedrock")),
    "--python": ("py", "py"),
    "--requirement": ("r.in", (Path("r.in"),)),
    "--reserve": ("5", 5),
    "--root": ("b", Requirement("b")),
    "--runtime": ("lambda-python3.12", "lambda-python3.12"),
    "--settle": ("runs", "runs"),
    "--slim": ("none", "none"),
    "--smoke-file": ("data", (Path("data"),)),
    "--smoke-with": ("pytest", (Requirement("pytest"),)),
    "--timeout": ("7", 7.0),
    "--trusted-host": ("a.example", ("a.example",)),
    "--upgrade-package": ("b", ("b",)),
    "--whole": ("b>1", (Requirement("b>1"),)),
    "--with": ("b>1", (Requirement("b>1"),)),
}
#: The same for one command alone.
VALUES_OF: Mapping[tuple[str, str], tuple[list[str], Any]] = {
    ("analyze", "--module"): (["--module", "b"], ("a", "b")),
    ("lock", "--smoke"): (["--smoke", "b.py"], (Path("smoke.py"), Path("b.py"))),
    ("matrix", "--root"): (["--root", "b"], (Requirement("a"), Requirement("b"))),
    ("matrix", "--providers"): (["--providers", "openai,bedrock"], (("openai", "bedrock"),)),
    ("matrix", "--python"): (["--python", "py"], ("py",)),
    ("matrix", "--platform"): (["--platform", "p"], ("p",)),
    ("matrix", "--smoke"): (["--smoke", "b.py"], (Path("smoke.py"), Path("b.py"))),
    ("matrix", "--output"): (["--output", "b"], Path("b")),
    ("matrix", "--build"): (["--build", "unused"], {"build", "unused"}),
    ("matrix", "--features"): (["--features", "chat", "--providers", "openai"], {("chat",), (("openai",),)}),
    ("init", "--ci"): (["--ci", "gitlab"], "gitlab"),
    ("lock", "--project"): (["--project", "."], Path()),
    ("versions", "--smoke"): (["--smoke", "b.py"], (Path("smoke.py"), Path("b.py"))),
    # The caller named a place, unlike the configuration.
    ("verify", "--smoke"): (["--smoke", "b.py"], {(Path("b.py"),), True}),
    ("verify", "--smoke-file"): (["--smoke-file", "data"], {(Path("data"),), True}),
    ("build", "--lazy-bound"): (["--lazy-bound", "1ms", "--lazy"], {0.001, True}),
    ("build", "--lazy-diff"): (["--lazy-diff", "a.diff", "--lazy"], {Path("a.diff"), True}),
    ("build", "--smoke"): (["--smoke", "b.py"], (Path("b.py"),)),
    ("lock", "--hashes"): (["--no-hashes"], False),
    ("lock", "--annotate"): (["--no-annotate"], False),
    ("build", "--scan"): (["--scan", "src"], (Path("src"),)),
    ("lock", "--scan"): (["--scan", "src"], (Path("src"),)),
    ("lock", "--features"): (["--features", "chat", "--providers", "openai"], {("chat",), ("openai",)}),
    ("lock", "--allow-unknown"): (["--allow-unknown", "--scan", "src"], {True, (Path("src"),)}),
    ("lock", "--output"): (["--output", "b.txt"], Path("b.txt")),
    ("lock", "--platform"): (["--platform", "p"], ("p",)),
    ("build", "--platform"): (["--platform", "p"], "p"),
    ("versions", "--platform"): (["--platform", "p"], ("p",)),
    ("guard", "--output"): (["--output", "b"], Path("b")),
    ("build", "--output"): (["--output", "b"], Path("b")),
    ("build", "--max-zip"): (["--max-zip", "5", "--layers"], {5, True}),
    ("export", "--output"): (["--output", "b"], Path("b")),
    ("export", "--format"): (["--format", "uv"], {"uv", Path("uv-minimal.toml")}),
    ("export", "--advisories"): (
        ["--format", "vex", "--advisories", "a.json"],
        {"vex", Path("requirements-minimal.vex.cdx.json"), (Path("a.json"),)},
    ),
    ("sync", "--dry-run"): (["--dry-run"], True),
    ("sync", "--python"): (["--python", "y"], "y"),
}
#: Tests elsewhere that show what the user sees.
TESTED = {
    ("analyze", "--imports"): "test_analyze.py",
    ("lock", "--misses"): "test_trust.py",
    ("lock", "--html"): "test_cli_lockpage.py",
    ("lock", "--all"): "test_lock_everylock.py",
    ("verify", "--export-smoke"): "test_verify.py",
    ("verify", "--against-full"): "test_verify_against.py",
    ("verify", "--smoke-with"): "test_verify_against.py",
    ("explain", "--tree"): "test_trust.py",
    ("exposure", "--fail-on"): "test_trust.py",
    ("versions", "--trace"): "test_versions.py",
    ("matrix", "--measure"): "test_matrix.py",
    ("export", "--build"): "test_export_vex.py",
    ("init", "--yes"): "test_init.py",
}
#: Options that change what is printed, each with a test below.
PRINTED = {("diff", "--format"), ("exposure", "--all"), ("doctor", "--require-sandbox")}
#: What every command has.
COMMON = {"--json", "--no-color", "--quiet", "--verbose"}
#: What `test_output` tests.
OUTPUT = {*COMMON, "--name", "--help-index"}
SANDBOX = "--require-sandbox"


class Called(Exception):
    """The engine was called."""

    def __init__(self, method: str, arguments: tuple[Any, ...]) -> None:
        super().__init__(method)
        self.method, self.arguments = method, arguments


class Recorder:
    """An engine that does nothing but tell how it was called."""

    def read_previous_evidence(self, _settings: Settings) -> None:
        return None

    def __getattr__(self, method: str) -> Any:
        def call(*arguments: Any) -> None:
            raise Called(method, tuple(each for each in arguments if not isinstance(each, Reporter)))

        return call


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINREQ_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_COLOR", "")
    return tmp_path


def find_commands() -> Iterator[tuple[str, click.Command]]:
    for name in commands._COMMANDS:
        found = import_module(f"minreq.cli.{name}").command
        inner = getattr(found, "commands", {})
        yield from ((f"{name} {each}", command) for each, command in inner.items()) if inner else [(name, found)]


def find_options() -> Iterator[tuple[str, click.Option]]:
    for name, command in find_commands():
        yield from ((name, each) for each in command.params if isinstance(each, click.Option))


def long_name(option: click.Option) -> str:
    return next(each for each in option.opts if each.startswith("--"))


ALL = [(command, option) for command, option in find_options()]
CHANGING = [
    (command, option)
    for command, option in ALL
    if long_name(option) not in OUTPUT and (command, long_name(option)) not in {*TESTED, *PRINTED}
]


def name_case(value: object) -> str:
    return long_name(value) if isinstance(value, click.Option) else str(value)


def call(command: str, *arguments: str) -> dict[str, Any]:
    """Return what the engine gets, by path of the field."""
    with pytest.raises(Called) as called:
        main([*command.split(), *arguments], engine=Recorder())  # type: ignore[arg-type]  # It has all methods.
    return dict(flatten(called.value.method, called.value.arguments))


def flatten(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from flatten(f"{path}.{field.name}", getattr(value, field.name))
    elif path.count(".") == 0 and isinstance(value, tuple):
        for number, each in enumerate(value):
            yield from flatten(f"{path}.{number}", each)
    else:
        yield path, value


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    return {path: after.get(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def expected(command: str, option: click.Option) -> tuple[list[str], set[Any]]:
    name = long_name(option)
    if (command, name) in VALUES_OF:
        arguments, value = VALUES_OF[command, name]
        return arguments, value if isinstance(value, set) else {value}
    if option.is_flag:
        return [name], {True}
    text, value = VALUES[name]
    return [name, text], {value}


def test_every_option_has_a_row() -> None:
    assert {command for command, _ in find_commands()} == BASE.keys()
    rows = {*VALUES_OF, *TESTED, *PRINTED}
    known = {(command, long_name(option)) for command, option in ALL}
    assert rows <= known
    missing = {
        (command, long_name(option))
        for command, option in CHANGING
        if not option.is_flag and (command, long_name(option)) not in rows and long_name(option) not in VALUES
    }
    assert missing == set()
    assert len(ALL) > 200


@pytest.mark.parametrize(("command", "option"), CHANGING, ids=name_case)
def test_an_option_reaches_the_engine(command: str, option: click.Option, folder: Path) -> None:
    """It changes one field, or the same field of several settings, to its value, and nothing else."""
    del folder
    arguments, values = expected(command, option)
    # A project is a root of its own.
    base = BASE[command] if "--project" not in arguments else ["--smoke", "smoke.py"]
    found = changes(call(command, *base), call(command, *base, *arguments))
    assert {*found.values()} == values
    fields = {path.rpartition(".")[2] for path in found}
    assert len(fields) == len(values)
    assert option.name is not None


SWITCHES = [(command, option) for command, option in ALL if option.secondary_opts]


@pytest.mark.parametrize(("command", "option"), SWITCHES, ids=name_case)
def test_a_switch_of_the_configuration_and_its_opposite(command: str, option: click.Option, folder: Path) -> None:
    """``require-sandbox = true`` is obeyed by every command that has the option, and ``--no-`` turns it off."""
    name = long_name(option).removeprefix("--")
    of_build = command == "build" and name in artifacts.BUILD_OPTIONS
    table: dict[str, Any] = {"build": {name: True}} if of_build else {name: True}
    base = [*BASE[command], *(["--scan", "src"] if name == "allow-unknown" else [])]
    before = call(command, *base)
    (folder / "pyproject.toml").write_text(tomlkit.dumps({"tool": {"minreq": table}}))
    by_configuration = changes(before, call(command, *base))
    # What is the default already changes nothing.
    assert {*by_configuration.values()} <= {True}
    assert by_configuration or name in {"hashes", "annotate"}
    off = call(command, *base, f"--no-{name}")
    assert {*changes(before, off).values()} <= {False}


#: Commands that run code of packages, or build it.
RUNNING = {"analyze", "lock", "matrix", "verify", "providers", "build", "versions", "export", "sync"}


def test_commands_that_run_code_have_the_option() -> None:
    have = {command for command, option in ALL if long_name(option) == SANDBOX}
    assert have == {*RUNNING, "doctor"}


def test_require_sandbox_of_doctor(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del folder
    monkeypatch.setenv(SANDBOX_VARIABLE, "hooks")
    assert main(["doctor"]) == 0
    assert main(["doctor", SANDBOX]) == 1
    assert "the kernel cannot isolate" in capsys.readouterr().err


def test_common_options() -> None:
    """One meaning, so one declaration: no command has them of its own, and none lacks them."""
    for command in BASE:
        assert {long_name(option) for name, option in ALL if name == command} >= COMMON, command
    texts = {(long_name(option), option.help, *option.opts) for _, option in ALL if long_name(option) in COMMON}
    assert len(texts) == len(COMMON)


@pytest.mark.parametrize("command", [name for name in BASE if " " not in name])
def test_help_at_80_columns(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is longer, examples included, and no option breaks a name such as ``tools-streaming``."""
    monkeypatch.setenv("COLUMNS", "80")
    main([command, "--help"])
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    options = text.partition(":\n")[2]
    assert "--quiet" in options
    assert not [line for line in options.splitlines() if line.endswith("-")]


class Failing(Recorder):
    """An engine that reports something, logs something, and fails."""

    def __getattr__(self, method: str) -> Any:
        def call(*arguments: Any) -> None:
            logging.getLogger("minreq.room").info("read the-lock")
            for reporter in arguments:
                if isinstance(reporter, Reporter):
                    reporter.began(Step.MAP, "the detail")
                    reporter.note("the note")
                    reporter.fetched("the-file.whl", 5)
            raise LockMissing(Path("the-lock"), "lock")

        return call


OUTPUT_CASES = [(command, option) for command, option in ALL if long_name(option) in OUTPUT]


@pytest.mark.parametrize(("command", "option"), OUTPUT_CASES, ids=name_case)
def test_output(command: str, option: click.Option, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = long_name(option)
    arguments = [*command.split(), *BASE[command]]
    if name == "--help-index":
        assert main([*arguments, name], engine=Failing()) == 0  # type: ignore[arg-type]
        printed = capsys.readouterr().out
        assert "--index-url" in printed
        assert "--json" not in printed
        return
    if name == "--name":
        assert main([*arguments, "--name", "x"], engine=Failing()) == 2  # type: ignore[arg-type]
        table = {"locks": {name: {"output": f"of-{name}.txt", "index-url": f"https://{name}.example"} for name in "xy"}}
        (folder / "pyproject.toml").write_text(tomlkit.dumps({"tool": {"minreq": table}}))
        assert changes(*(call(command, *BASE[command], "--name", each) for each in "xy"))
        return
    main(arguments, engine=Failing())  # type: ignore[arg-type]  # It has all methods.
    plain = capsys.readouterr()
    status = main([*arguments, name], engine=Failing())  # type: ignore[arg-type]
    found = capsys.readouterr()
    if name == "--json":
        document = json.loads(found.out)
        assert document["schema"] == 1
        assert status == 0 or document["exit_status"] == status
        with pytest.raises(ValueError, match=r".*"):
            json.loads(plain.out)
    elif name == "--no-color":
        assert os.environ["NO_COLOR"] == "1"
    elif name == "--quiet":
        assert (status, found.out) == (0 if command in WITHOUT_WORK else 2, plain.out)
        errors = [line for line in found.err.splitlines() if line.startswith("error: ")]
        assert found.err.splitlines() == errors
        assert len(errors) == (command not in WITHOUT_WORK)
        # The same before the command, for all.
        main([name, *arguments], engine=Failing())  # type: ignore[arg-type]
        assert capsys.readouterr() == found
    elif name == "--verbose":
        assert found.out == plain.out
        if command not in WITHOUT_WORK:
            assert "  . read the-lock" in found.err.splitlines()
        if "the note" in plain.err and command != "matrix":  # Its cells fetch in processes of their own.
            assert "the-file.whl" in found.err
        assert "the-file.whl" not in plain.err
        assert "the-lock\n" not in plain.err
        main([name, *arguments], engine=Failing())  # type: ignore[arg-type]
        assert capsys.readouterr() == found
        assert main([*arguments, name, "--quiet"], engine=Failing()) == 2  # type: ignore[arg-type]
        assert "exclude each other" in capsys.readouterr().err


#: Commands whose result needs no engine.
WITHOUT_WORK = {"cache dir", "completion"}

#: A command, and a sentence for a person at its end.
SENTENCES = {
    "check": ("check", SimpleNamespace(lock=SimpleNamespace(selection=SimpleNamespace(kept=())), gaps=())),
    "guard -o out": ("guard", Path("out/minreq_guard.py")),
    "verify --export-smoke x.py": ("export_smoke", SimpleNamespace(stages=("import",), left_out=("a/chat",))),
}


@pytest.mark.parametrize("command", SENTENCES)
def test_quiet_leaves_no_sentence_of_success(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit status is the answer; what is for people goes to stderr, and `-q` drops it."""
    del folder
    method, answer = SENTENCES[command]
    engine = SimpleNamespace(**{method: lambda *_: answer})
    assert main(command.split(), engine=engine) == 0  # type: ignore[arg-type]
    out, err = capsys.readouterr()
    assert (out, err != "") == ("", True)
    assert main([*command.split(), "-q"], engine=engine) == 0  # type: ignore[arg-type]
    assert capsys.readouterr() == ("", "")


def test_format_of_diff(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del folder
    engine = SimpleNamespace(diff=lambda _old, _new: difference.compare_locks(LOCK, LOCK))
    printed = []
    for form in ("text", "markdown"):
        assert main(["diff", "a", "b", "--format", form], engine=engine) == 0  # type: ignore[arg-type]
        printed.append(capsys.readouterr().out)
    assert printed[0] != printed[1]
    assert ["**" in each or "|" in each for each in printed] == [False, True]


def test_all_of_exposure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"app/__init__.py": "".join(f"import app.m{each}\n" for each in range(12))}
    sites = found_sites(folder, {**files, **{f"app/m{each}.py": "import gone" for each in range(12)}})
    engine = SimpleNamespace(expose=lambda _settings, _reporter: SimpleNamespace(sites=tuple(sites)))
    assert main(["exposure"], engine=engine) == 0  # type: ignore[arg-type]
    first = capsys.readouterr().out
    assert main(["exposure", "--all"], engine=engine) == 0  # type: ignore[arg-type]
    every = capsys.readouterr().out
    assert "--all prints them" in first
    assert "--all prints them" not in every
    assert len(every.splitlines()) == len(first.splitlines()) + 1


def test_a_row_of_exposure_names_few_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The widest row sets the width of the column, and a file may have dozens of such imports."""
    sites = found_sites(folder, {"app/__init__.py": "import gone\n" * 6})
    engine = SimpleNamespace(expose=lambda _settings, _reporter: SimpleNamespace(sites=tuple(sites)))
    assert main(["exposure"], engine=engine) == 0  # type: ignore[arg-type]
    assert "app/__init__.py:1 (also 2, 3, 4 and 2 more)" in capsys.readouterr().out


@pytest.mark.parametrize(("case", "file"), sorted(TESTED.items()), ids=str)
def test_what_is_tested_elsewhere(case: tuple[str, str], file: str) -> None:
    command, option = case
    text = ROOT.joinpath("tests", file).read_text("utf-8")
    assert f'"{command}"' in text
    assert f'"{option}"' in text


#: Settings, and the files that use them.
USERS: Mapping[type, tuple[str, ...]] = {
    Settings: ("lock/*.py", "task/*.py", "providers/*.py", "config/settings.py"),
    VerifySettings: ("verify/*.py",),
    BuildSettings: ("build/*.py", "build/lazy/*.py", "build/slim/*.py"),
    VersionsSettings: ("versions.py",),
    ExportSettings: ("export/*.py",),
    EnvironmentSettings: ("environment.py",),
    IndexOptions: ("task/task.py",),
}


@pytest.mark.parametrize("settings", USERS, ids=lambda each: each.__name__)
def test_every_field_is_read(settings: type) -> None:
    """A setting that no code reads would be an option without effect."""
    files = [file for pattern in USERS[settings] for file in PACKAGE.glob(pattern)]
    read = {
        node.attr
        for file in files
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
    }
    named = {field.name for field in dataclasses.fields(settings)}
    shown_by_cli = {"html", "plot"}
    assert named - read <= shown_by_cli


def test_dates_are_taken_from_the_configuration(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(tomlkit.dumps({"tool": {"minreq": {"exclude-newer": date(2026, 1, 2)}}}))
    assert call("lock", *BASE["lock"])["lock.0.exclude_newer"] == "2026-01-02"


#: The options of files and folders that a command writes; all other paths are read.
WRITTEN = [
    (command, option)
    for command, option in ALL
    if long_name(option) in {"--output", "--html", "--plot", "--lazy-diff", "--sbom", "--export-smoke"}
]


@pytest.mark.parametrize(("command", "option"), WRITTEN, ids=name_case)
def test_a_hyphen_is_standard_output_or_an_error(
    command: str, option: click.Option, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No option writes a file of that name. The metavar says which ones print."""
    name = long_name(option)
    arguments = [*command.split(), *BASE[command], *(["--lazy"] if name == "--lazy-diff" else []), name, "-"]
    if "-" in (option.metavar or "").split("|"):
        with pytest.raises(Called):
            main(arguments, engine=Recorder())  # type: ignore[arg-type]
        if name in {"--html", "--plot"}:
            assert main([*arguments, "--json"], engine=Recorder()) == 2  # type: ignore[arg-type]
            found = json.loads(capsys.readouterr().out)["error"]
            assert found == f"{name} - and --json both print to standard output; name a file for {name}"
    else:
        assert main(arguments, engine=Recorder()) == 2  # type: ignore[arg-type]
        assert capsys.readouterr().err.startswith(f"error: {name} -: ")
    assert not (folder / "-").exists()
