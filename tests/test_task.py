"""A task is prepared and checked before anything is fetched."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from minreq.config import IndexOptions, Settings
from minreq.errors import PipSettingInvalid, RequirementsUnreadable, SmokeUnusable
from minreq.index.client import IndexClient
from minreq.index.settings import IndexSettings
from minreq.model import Command
from minreq.resolver import ResolverInput
from minreq.task.resolverinput import make_resolver_input
from minreq.task.task import locate_smoke, prepare_task, read_index_settings
from minreq.wheels.store import Store


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory without any configuration of pip."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    Path("smoke.py").write_text("import a")


class Nowhere:
    """A downloader that fails: preparing fetches nothing."""

    def download(self, wheel: object, to: object) -> None:
        raise AssertionError(wheel, to)


def make_settings(**settings: object) -> Settings:
    values: dict[str, object] = {"smokes": (Path("smoke.py"),), **settings}
    return Settings(root=Requirement("a"), cache_dir=Path("cache"), **values)  # type: ignore[arg-type]


def make_input(settings: Settings, index: IndexSettings) -> ResolverInput:
    task = prepare_task(settings)
    with IndexClient(index, Path("index")) as client:
        return make_resolver_input(task, client, index, Store(Path("store"), Nowhere()))


@pytest.mark.parametrize(
    ("smoke", "sentence"),
    [
        ("somke.py", "--smoke somke.py: there is no such file; did you mean smoke.py?"),
        ("tests/other", "--smoke tests/other: there is no such file"),
        ("folder", "--smoke folder: it is a folder; name a script in it, such as one.py, two.py"),
        ("empty", "--smoke empty: it is a folder; name a script in it"),
        ("pytest 'a", '--smoke "pytest \'a": it is neither a file nor a command line: No closing quotation'),
    ],
)
def test_a_smoke_that_is_no_script(smoke: str, sentence: str) -> None:
    Path("empty").mkdir()
    Path("folder").mkdir()
    for name in ("one.py", "two.py", "text.txt"):
        Path("folder", name).touch()
    with pytest.raises(SmokeUnusable) as caught:
        prepare_task(make_settings(smokes=(Path("smoke.py"), Path(smoke))))
    assert str(caught.value) == sentence
    assert caught.value.exit_status == 2


def test_a_smoke_that_is_a_command_line() -> None:
    """It runs where the configuration is that names it."""
    here = Path().absolute()
    assert locate_smoke(Path("pytest -q 'a b'"), Path()) == Command(words=("pytest", "-q", "a b"), folder=here)
    above = locate_smoke(Path("../pytest -q"), Path())
    assert above == Command(words=("pytest", "-q"), folder=here / "..")


def test_a_requirements_file_that_is_not_there() -> None:
    with pytest.raises(RequirementsUnreadable, match=r"missing\.in: there is no such file"):
        prepare_task(make_settings(requirement_files=(Path("missing.in"),)))


def test_a_constraints_file_that_is_not_there() -> None:
    with pytest.raises(RequirementsUnreadable, match=r"missing\.txt: there is no such file"):
        make_input(make_settings(constraints=(Path("missing.txt"),)), IndexSettings())


def test_options_of_requirement_files_count() -> None:
    """About places they change the settings of the index, about formats the input of the resolver."""
    Path("a.in").write_text("--index-url https://index.example/simple\n--only-binary b\nb>=1\n")
    settings = make_settings(requirement_files=(Path("a.in"),))
    task = prepare_task(settings)
    index = read_index_settings(IndexOptions(index_url="https://other.example"), task.files)
    assert index.index_url == "https://index.example/simple"
    demand = make_input(settings, index)
    assert demand.only_binary == {"b"}
    assert [(str(each.requirement), each.place) for each in demand.whole] == [("b>=1", "-r a.in (line 3)")]


def test_constraints_of_the_configuration_of_pip() -> None:
    """A path or a file URL is read; what would have to be fetched is refused with what to do."""
    Path("c.txt").write_text("b<2\n")
    for named in ("c.txt", Path("c.txt").absolute().as_uri()):
        demand = make_input(make_settings(), IndexSettings(constraints=(named,)))
        assert [str(each.requirement) for each in demand.constraints] == ["b<2"]
    with pytest.raises(PipSettingInvalid, match="download it and name that"):
        make_input(make_settings(), IndexSettings(constraints=("https://index.example/c.txt",)))


def test_skipped_calls_of_a_release_are_reported() -> None:
    settings = Settings(root=Requirement("litellm"), cache_dir=Path("cache"), providers=("bedrock",))
    task = prepare_task(settings)
    assert list(task.skipped_call_notes(Version("1.78.7"))) == [
        (
            "bedrock/tools-streaming: skipped in part or whole: "
            "older releases lose the tool calls that Nova streams through InvokeModel"
        )
    ]
    assert list(task.skipped_call_notes(Version("1.106.2"))) == []


def test_a_root_without_a_profile_skips_nothing() -> None:
    assert list(prepare_task(make_settings()).skipped_call_notes(Version("1.0"))) == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, False),
        ({"portable": True}, True),
        ({"platforms": ("lambda-python3.12-x86_64",)}, True),
        ({"platforms": ("lambda-python3.12-x86_64",), "portable": False}, False),
    ],
)
def test_a_lock_for_another_platform_is_portable(settings: dict[str, object], *, expected: bool) -> None:
    assert prepare_task(make_settings(**settings)).is_portable is expected
