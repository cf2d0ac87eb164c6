"""minreq and the real pip read the same requirements files from the same index, and choose the same versions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from pipcases import CASES, DEVIATIONS, INDEX, Case
from pipprocess import PIP, Pip, start_pip
from wheelhouse import Wheelhouse, parse, write

from minreq.config import IndexOptions, Settings
from minreq.errors import MinreqError
from minreq.index.client import IndexClient
from minreq.lock.resolve import resolve_pins
from minreq.task.task import prepare_task, read_index_settings


@pytest.fixture(scope="module")
def pip() -> Iterator[Pip]:
    with start_pip() as running:
        yield running


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Wheelhouse:
    return write(parse(INDEX), tmp_path_factory.mktemp("index") / "house")


def fill_in(text: str, house: Wheelhouse) -> str:
    """Replace ``@NAME-VERSION@`` by the hash of the file, ``@NAME-VERSION:url@`` by its URL."""

    def value(match: re.Match[str]) -> str:
        file, _, kind = match[1].partition(":")
        path = next(each.path for each in house.archives if each.path.name.startswith(f"{file.lower()}"))
        if kind == "url":
            return path.as_uri()
        digest = hashlib.new(kind or "sha256", path.read_bytes()).hexdigest()
        return digest if file == file.lower() else digest.upper()

    return re.sub(r"@([\w.-]+(?::\w+)?)@", value, text)


def write_case(case: Case, folder: Path, house: Wheelhouse) -> list[str]:
    """Write the files of the case, and return the arguments that name them."""
    texts = {"requirements.txt": case.requirements, **case.files}
    if case.constraints is not None:
        texts["constraints.txt"] = case.constraints
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else fill_in(text, house).encode())
    (folder / "smoke.py").write_text("import root")
    constraints = ["-c", "constraints.txt"] if case.constraints is not None else []
    lock_file = ["-r", "pylock.toml"] if "pylock.toml" in case.files else []
    return ["-r", "requirements.txt", *lock_file, *constraints]


def lock_versions(arguments: list[str], house: Wheelhouse, cache: Path) -> dict[str, str] | None:
    """Return the versions that minreq chooses, ``None`` where it refuses."""
    pairs = list(zip(arguments[::2], arguments[1::2], strict=True))
    settings = Settings(
        root=Requirement("root"),
        smokes=(Path("smoke.py"),),
        requirement_files=tuple(Path(name) for option, name in pairs if option == "-r"),
        constraints=tuple(Path(name) for option, name in pairs if option == "-c"),
        index=IndexOptions(index_url=house.url),
        cache_dir=cache,
    )
    try:
        task = prepare_task(settings)
        index_settings = read_index_settings(task.settings.index, task.files)
        with IndexClient(index_settings, cache / "index") as index:
            pins = resolve_pins(task, index, index_settings).pins
    except MinreqError:
        return None
    return {name: str(pin.version) for name, pin in pins.items() if name != "root"}


@pytest.mark.parametrize("name", CASES)
def test_as_pip(name: str, pip: Pip, house: Wheelhouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same versions, or both refuse; a deviation is one that is meant."""
    case = CASES[name]
    if case.since > PIP:
        pytest.skip(f"pip {PIP} is too old")
    arguments = write_case(case, tmp_path, house)
    by_pip = pip.resolve(tmp_path, ["--index-url", house.url, *arguments], case.environment)
    expected = None if by_pip is None else {key: value for key, value in by_pip.items() if key != "root"}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for key, value in case.environment.items():
        monkeypatch.setenv(key, value)
    found = lock_versions(arguments, house, tmp_path / "cache")
    if case.deviation:
        assert found == case.minreq
        assert found != expected
    else:
        assert found == expected


def test_the_documentation_has_the_deviations() -> None:
    """Each with its reason, and how many cases agree."""
    text = " ".join((Path(__file__).parents[1] / "docs" / "requirements.md").read_text("utf-8").split())
    for case in DEVIATIONS.values():
        assert case.deviation in text
    assert f"{len(CASES)} requirements files" in text
    assert f"{len(CASES) - len(DEVIATIONS)} of them" in text
