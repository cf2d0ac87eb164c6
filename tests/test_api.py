"""minreq as another tool calls it: values and errors, nothing printed."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeWheelhouse
from samplelock import LOCK

from minreq import api
from minreq.config import BuildSettings, IndexOptions, Settings, VerifySettings
from minreq.config.keywords import convert_keywords
from minreq.config.settings import format_command, lock_settings
from minreq.errors import InvalidOptions, UnknownProvider

#: As a program without a type checker calls it.
ANY: Any = api
SCENARIO = """
explanation = "One of two dependencies is imported."
requirements = ["app"]
program = "import app"
[wheels.app."1.0"]
requires = ["needed", "unused"]
files = { "app/__init__.py" = "import needed" }
[wheels]
needed."1.0" = {}
unused."1.0" = {}
"""


def test_lock_read_export_diff(
    make_wheelhouse: MakeWheelhouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A lock is made, read back, written in another format and compared; errors are values too."""
    house = make_wheelhouse(SCENARIO)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINREQ_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    smoke = tmp_path / "smoke.py"
    smoke.write_text("import app\n")

    made = api.lock("app", smokes=["smoke.py"], index_url=house.url, budget="1MB", jobs=2)
    assert [kept.candidate.name for kept in made.selection.kept] == ["app", "needed"]
    assert [each.candidate.name for each in api.read().selection.left_out] == ["unused"]

    exported = api.export("uv-excludes")
    assert exported.output == Path("requirements-minimal.excludes.txt")
    assert exported.output.read_text().endswith("\nunused\n")
    lock = Path("requirements-minimal.txt")
    assert api.diff(lock, lock).is_empty

    assert api.export("uv", output=api.STDOUT).text.startswith("# ")
    assert api.explain("needed").entry.candidate.name == "needed"
    assert api.exposure(index_url=house.url).sites == ()
    assert [str(each.version) for each in api.versions("app", index_url=house.url).releases] == ["1.0"]
    assert api.verify(index_url=house.url, jobs=1, timeout=60).behaviour == made.behaviour

    built = api.build("layer.zip", bytecode="none", index_url=house.url)
    analysis = api.analyze("layer.zip", lock=lock, budget="1MB", reserve=1)
    assert analysis.left == 10**6 - 1 - analysis.bytes
    assert (built.bytes, built.slim, built.bytecode) == (analysis.bytes, "safe", "none")
    assert {"app", "needed"} <= {part.name for part in analysis.parts}
    imports = api.analyze_imports("layer.zip", lock=lock)
    assert imports.program == "import app"
    assert [(each.path, each.line) for each in imports.lines] == [("app/__init__.py", 1)]

    with pytest.raises(api.MinreqError) as caught:
        api.check(str(tmp_path))
    assert (caught.value.exit_status, caught.value.reason) == (1, "environment")
    assert capfd.readouterr() == ("", "")


def test_names_are_there() -> None:
    """What is promised can be imported."""
    assert all(hasattr(api, name) for name in api.__all__)


def test_a_scan_and_its_progress(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import litellm\nlitellm.completion('openai/gpt-4o')\n")

    class Recorder(api.Reporter):
        files = 0

        def scanned(self, done: int, files: int) -> None:
            self.files = max(done, files)

    recorder = Recorder()
    usage = api.scan(tmp_path, reporter=recorder)
    assert ({each.provider for each in usage.provider_uses}, recorder.files) == ({"openai"}, 1)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        pytest.param(lambda: ANY.lock("a b"), "root: 'a b' is not a requirement", id="requirement"),
        pytest.param(lambda: ANY.lock(providers="openai"), "providers: 'openai' is not a sequence", id="letters"),
        pytest.param(lambda: ANY.lock(smokes=Path("a")), "smokes: PosixPath('a') is not a sequence", id="one-path"),
        pytest.param(lambda: ANY.lock(smokes=[b"a"]), "smokes: b'a' has the type bytes", id="bytes"),
        pytest.param(lambda: ANY.lock(budget="9 Mb"), "budget: '9 Mb' is not a number of bytes", id="bytes-of-budget"),
        pytest.param(lambda: ANY.lock(jobs=True), "jobs: True has the type bool", id="bool-for-a-number"),
        pytest.param(lambda: ANY.lock(output=3), "output: 3 has the type int", id="number-for-a-path"),
        pytest.param(lambda: ANY.lock(python=3.10), "python: 3.1 has the type float", id="number-for-a-version"),
        pytest.param(lambda: ANY.lock(timeout=-1), "timeout: '-1' is not a number of seconds", id="seconds"),
        pytest.param(lambda: ANY.lock(check="yes"), "check: 'yes' is not True or False", id="switch"),
        pytest.param(lambda: ANY.lock(provider=[]), "provider: is no argument; did you mean providers?", id="typo"),
        pytest.param(lambda: ANY.lock(smokes=()), "nothing to run", id="nothing"),
        pytest.param(lambda: ANY.lock("nobody", providers=["openai"]), "no profile", id="no-profile"),
        pytest.param(lambda: ANY.lock(providers=["opnai"]), "opnai", id="provider"),
        pytest.param(lambda: ANY.lock(providers=["openai"], features=["chatt"]), "chatt", id="feature"),
        pytest.param(lambda: ANY.lock(providers=["openai"], python="nowhere"), "no Python", id="python"),
        pytest.param(lambda: ANY.lock(providers=["openai"], platforms=["moon"]), "moon", id="platform"),
        pytest.param(lambda: ANY.read(3j), "path: 3j has the type complex", id="path"),
        pytest.param(lambda: ANY.render(5), "lock: it has the type int, and not Lock", id="lock"),
        pytest.param(lambda: ANY.render(LOCK, filename=3), "filename: 3 is not a name", id="name"),
        pytest.param(lambda: ANY.render(LOCK, filename="a\nb==1"), "filename: 'a\\nb==1' is not", id="two-lines"),
        pytest.param(lambda: ANY.verify(Path("no.txt")), "no lock at no.txt", id="no-lock"),
        pytest.param(lambda: ANY.compare_with_full(" "), "--against-full needs a command line", id="no-command"),
        pytest.param(lambda: ANY.compare_with_full(3j), "against_full: 3j has the type", id="command"),
        pytest.param(lambda: ANY.export("zip"), "form: 'zip' is not one of pylock", id="format"),
        pytest.param(lambda: ANY.export(["uv"]), "form: ['uv'] is not one of pylock", id="unhashable-format"),
        pytest.param(lambda: ANY.build("a.zip", slim="all"), "slim: 'all' is not one of", id="level"),
        pytest.param(lambda: ANY.build("a", platform=["x"]), "platform: ['x'] has the type list", id="one-platform"),
        pytest.param(lambda: ANY.analyze("nowhere", budget=0), "budget: '0' is not a number of bytes", id="no-bytes"),
        pytest.param(lambda: ANY.analyze_imports("a", modules=["a-b"]), "--module a-b: this is no name", id="module"),
        pytest.param(lambda: ANY.versions(last=0), "last: '0' is not a whole number above zero", id="count"),
        pytest.param(lambda: ANY.versions(index_strategy="x"), "index_strategy: 'x' is not one of", id="strategy"),
        pytest.param(lambda: ANY.diff("a", "b"), "no lock at a", id="diff"),
        pytest.param(lambda: ANY.sync("nowhere"), "no lock at", id="sync"),
        pytest.param(lambda: ANY.explain("x"), "no lock at", id="explain"),
    ],
)  # fmt: skip
def test_wrong_values(call: Any, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is an error of minreq with a sentence, as on the command line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINREQ_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(api.MinreqError) as caught:
        call()
    assert sentence in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_type_checker_finds_them_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """mypy reports a comment that ignores nothing, so each of these lines is an error for mypy."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINREQ_CACHE_DIR", str(tmp_path / "cache"))
    wrong: list[Callable[[], object]] = [
        lambda: api.lock(provider=["openai"]),  # type: ignore[call-arg]
        lambda: api.lock(providers="openai"),  # type: ignore[arg-type]
        lambda: api.lock(smokes="smoke.py"),  # type: ignore[arg-type]
        lambda: api.lock(smokes=Path("smoke.py")),  # type: ignore[arg-type]
        lambda: api.lock(settle="none"),  # type: ignore[arg-type]
        lambda: api.versions(index_strategy="all"),  # type: ignore[arg-type]
        lambda: api.scan(".", profiles="profiles"),  # type: ignore[arg-type]
        lambda: api.providers(featuers=["chat"]),  # type: ignore[call-arg]
        lambda: api.build("out.zip", keep="a/*"),  # type: ignore[arg-type]
        lambda: api.build("out.zip", slim="all"),  # type: ignore[arg-type]
        lambda: api.export("zip"),  # type: ignore[arg-type]
        lambda: api.lock(reporter="loud"),  # type: ignore[arg-type]
        lambda: api.read(None),  # type: ignore[arg-type]
        lambda: api.analyze(None),  # type: ignore[arg-type]
        lambda: api.check(None),  # type: ignore[arg-type]
        lambda: api.explain(None),  # type: ignore[arg-type]
    ]
    for call in wrong:
        with pytest.raises(InvalidOptions):
            call()


@pytest.mark.parametrize("providers", [["nobody"], ("nobody",), {"nobody"}, {"nobody": 1}.keys(), iter(["nobody"])])
def test_several(providers: api.Several[str]) -> None:
    """What a type checker takes for several values is taken."""
    with pytest.raises(UnknownProvider):
        api.lock(providers=providers)


#: Functions, and arguments with which they end soon.
FUNCTIONS: dict[str, dict[str, Any]] = {
    "analyze": {"path": "nowhere"},
    "build": {"output": "out.zip"},
    "analyze_imports": {"path": "nowhere"},
    "check": {"environment": "nowhere"},
    "diff": {"old": "nowhere"},
    "explain": {"name": "x"},
    "export": {"form": "uv"},
    "exposure": {},
    "lock": {},
    "providers": {"root": "nobody", "python": "nowhere"},
    "read": {},
    "scan": {"root": "nobody"},
    "sync": {"environment": "nowhere"},
    "verify": {"python": "nowhere"},
    "versions": {"python": "nowhere", "platforms": ["nobody"]},
}
HOSTILE: tuple[Any, ...] = (
    *(None, "", ".", "\0", "\udcff", "https://[", "x" * 5000, b"x", 0, -1, 10**400, float("nan"), 3j, [], [None], {}),
)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_hostile_values(function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a value is, the error is one of minreq, with a sentence."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINREQ_CACHE_DIR", str(tmp_path / "cache"))
    names = {*inspect.signature(getattr(api, function)).parameters} - {"options", "paths", "reporter"}
    caught = [
        error_of(lambda each=each, name=name: getattr(api, function)(**{**FUNCTIONS[function], name: each}))  # type: ignore[misc]
        for name in sorted(names)
        for value in HOSTILE
        for each in (value, [value])
    ]
    assert len([*filter(None, caught)]) > len(names) * len(HOSTILE)


def test_hostile_options() -> None:
    """The converters of all options, and the command line that a lock records, take any value or refuse it."""
    converted = 0
    for keywords, is_build in ((api.LockKeywords, False), (api.BuildKeywords, True)):
        for name in keywords.__annotations__:
            for value in HOSTILE:
                for each in (value, [value]):
                    # A function of the interface turns the other into SystemFailure.
                    with suppress(api.MinreqError, OSError):
                        found = convert_keywords({name: each}, [name], build=is_build)
                        if not is_build:
                            format_command(lock_settings({"cache_dir": Path(), "providers": ("a",), **found}, {}))
                        converted += 1
    assert converted > 100


def error_of(call: Callable[[], object]) -> str:
    """Return the sentence of the error of minreq, "" without one."""
    try:
        call()
    except api.MinreqError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("function", "keywords", "settings", "not_taken"),
    [
        (api.lock, api.LockKeywords, Settings, {"by_feature"}),
        (api.build, api.BuildKeywords, BuildSettings, set()),
        (
            api.verify,
            api.RunKeywords,
            VerifySettings,
            {"interpreter", "against_full", "smoke_with", "names_places"},
        ),
        (
            api.compare_with_full,
            api.RunKeywords,
            VerifySettings,
            {"interpreter", "smokes", "smoke_files", "against_full", "names_places"},
        ),
    ],
)
def test_keywords_are_the_options(function: Any, keywords: Any, settings: Any, not_taken: set[str]) -> None:
    """A new option is an argument, too; a type checker knows all of them."""
    named = set(inspect.signature(function).parameters) - {"options", "reporter", "command"}
    known = {each.name for kind in (settings, IndexOptions) for each in dataclasses.fields(kind)}
    assert named | set(keywords.__annotations__) | not_taken | {"index", "cache_dir"} == known | {"index", "cache_dir"}
