"""A task is prepared and checked before anything is fetched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cannedserver import CannedResponse, ReceivedRequest, serve_responses
from packaging.requirements import Requirement
from packaging.version import Version

from minreq.config import IndexOptions, Settings
from minreq.errors import MarkerInvalid, RequirementsUnreadable, RootNotApplicable, SmokeUnusable
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


def test_constraints_of_the_configuration_of_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path or a file URL is read; the digests of the lock have only the files that its command names."""
    Path("c.txt").write_text("b<2\n--only-binary b")
    Path("named.txt").write_text("b<3 ; python_version > '3'\nb<1 ; python_version < '3'\n")
    for setting in ("c.txt", Path("c.txt").absolute().as_uri()):
        monkeypatch.setenv("PIP_CONSTRAINT", setting)
        task = prepare_task(make_settings(constraints=(Path("named.txt"),)))
        assert [str(each.requirement.specifier) for file in task.files for each in file.constraints] == ["<2", "<3"]
        assert read_index_settings(IndexOptions(), task.files).only_binary == {"b"}
        assert "-c named.txt" in task.input_digests(Version("1.0"))
        assert "-c c.txt" not in task.input_digests(Version("1.0"))


def test_requirements_that_apply_nowhere_are_dropped() -> None:
    """Each option of the command line gets a note; the root has to apply."""
    never = Requirement("b ; sys_platform == 'win32'")
    names = ("also", "with_", "whole", "overrides", "smoke_with")
    task = prepare_task(make_settings(**dict.fromkeys(names, (never,))))
    assert [getattr(task.settings, name) for name in names] == [()] * 5
    options = ("--also", "--with", "--whole", "--override", "--smoke-with")
    assert [note.partition(":")[0] for note in task.notes] == [f'{each} b; sys_platform == "win32"' for each in options]
    with pytest.raises(RootNotApplicable):
        prepare_task(replace(make_settings(), root=Requirement("a ; sys_platform == 'win32'")))
    with pytest.raises(MarkerInvalid, match=r'--whole b; python_version ~= "x": the marker .* cannot be evaluated'):
        prepare_task(make_settings(whole=(Requirement("b ; python_version ~= 'x'"),)))


def test_a_marker_holds_on_one_of_the_platforms() -> None:
    arm = Requirement("b ; platform_machine == 'aarch64'")
    platforms = ("lambda-python3.12-x86_64", "lambda-python3.12-arm64")
    task = prepare_task(make_settings(whole=(arm,), platforms=platforms))
    assert task.settings.whole == (arm,)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("b", False),
        (f"b --hash=sha256:{'0' * 64}", True),
        (f"b --hash=sha256:{'0' * 64} \n--no-require-hashes", False),
        (f"b ; sys_platform == 'win32' --hash=sha256:{'0' * 64}", True),
        ("--require-hashes\nb", True),
    ],
)
def test_hashes_for_all(text: str, *, expected: bool) -> None:
    """One line with a hash means hashes for all, as in pip."""
    Path("a.in").write_text(text)
    assert make_input(make_settings(requirement_files=(Path("a.in"),)), IndexSettings()).require_hashes is expected


def test_a_requirements_file_of_another_machine() -> None:
    """It is fetched with the settings of the index; its credentials count for the files beside it, and stay secret."""

    def answer(request: ReceivedRequest) -> CannedResponse:
        if "authorization" not in request.headers:
            return CannedResponse(status=401)
        return CannedResponse(body={"/x/r.txt": b"b>1\n-c c.txt", "/x/c.txt": b"b<2"}[request.path])

    with serve_responses(answer) as server:
        url = server.origin.replace("//", "//me:secret@")
        task = prepare_task(make_settings(requirement_files=(f"{url}/x/r.txt",)))
    (file,) = task.files
    assert [each.place for each in (*file.requirements, *file.constraints)] == [
        f"-r {server.origin}/x/r.txt (line 1)",
        f"-c {server.origin}/x/c.txt (line 1)",
    ]
    assert task.command == f"lock a --smoke smoke.py --requirement {server.origin}/x/r.txt"


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
