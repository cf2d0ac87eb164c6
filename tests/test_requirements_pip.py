"""minreq and the real pip read the same requirements files from the same index, and choose the same versions."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from cannedserver import CannedResponse, ReceivedRequest, serve_responses
from packaging.requirements import Requirement
from pipcases import CASES, DEVIATIONS, INDEX, Case
from pipprocess import PIP, Pip, start_pip
from wheelhouse import Release, Wheelhouse, parse, write

from minreq.config import IndexOptions, Settings
from minreq.config.options import parse_path_or_url
from minreq.errors import MinreqError
from minreq.index.client import IndexClient
from minreq.lock import LockSession
from minreq.lock.resolve import resolve_pins
from minreq.model import Resolution
from minreq.task.task import prepare_task, read_index_settings

pytestmark = pytest.mark.one_python


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


def lock_versions(arguments: list[str], index_url: str, cache: Path) -> dict[str, str] | None:
    """Return the versions that minreq chooses, ``None`` where it refuses."""
    try:
        pins = resolve_files(arguments, index_url, cache).pins
    except MinreqError:
        return None
    return {name: str(pin.version) for name, pin in pins.items() if name != "root"}


def resolve_files(arguments: list[str], index_url: str, cache: Path) -> Resolution:
    """Resolve as `minreq lock root` does with *arguments*."""
    pairs = list(zip(arguments[::2], arguments[1::2], strict=True))
    settings = Settings(
        root=Requirement("root"),
        smokes=(Path("smoke.py"),),
        requirement_files=tuple(parse_path_or_url(name) for option, name in pairs if option == "-r"),
        constraints=tuple(parse_path_or_url(name) for option, name in pairs if option == "-c"),
        index=IndexOptions(index_url=index_url),
        cache_dir=cache,
    )
    task = prepare_task(settings)
    index_settings = read_index_settings(task.settings.index, task.files)
    with IndexClient(index_settings, cache / "index") as index:
        return resolve_pins(task, index, index_settings, LockSession())


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
    found = lock_versions(arguments, house.url, tmp_path / "cache")
    if case.deviation:
        assert found == case.minreq
        assert found != expected
    else:
        assert found == expected


@contextmanager
def serve_files(files: Mapping[str, bytes]) -> Iterator[str]:
    """Serve *files* by their paths, and yield the address."""

    def answer(request: ReceivedRequest) -> CannedResponse:
        body = files.get(request.path)
        kind = "text/html" if request.path.endswith("/") else "application/octet-stream"
        return CannedResponse(status=404) if body is None else CannedResponse(body=body, headers={"Content-Type": kind})

    with serve_responses(answer) as server:
        yield server.origin


def test_a_file_by_url(pip: Pip, house: Wheelhouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it includes is relative to its URL."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smoke.py").write_text("import root")
    files = {"/x/r.txt": b"a\n-r ../more.txt\n-c c.txt", "/more.txt": b"b", "/x/c.txt": b"a<2"}
    with serve_files(files) as origin:
        arguments = ["-r", f"{origin}/x/r.txt"]
        expected = pip.resolve(tmp_path, ["--index-url", house.url, *arguments], {})
        assert lock_versions(arguments, house.url, tmp_path / "cache") == expected == {"a": "1.0", "b": "1.0"}
        missing = ["-r", f"{origin}/missing.txt"]
        assert pip.resolve(tmp_path, ["--index-url", house.url, *missing], {}) is None
        assert lock_versions(missing, house.url, tmp_path / "cache") is None


def make_sdist(filename: str) -> bytes:
    """Return a source distribution of ``odd`` 1.0.post1 in the format that *filename* has."""
    source = Release(name="odd", version="1.0.post1").source()
    content, buffer = gzip.decompress(source), io.BytesIO()
    if filename.endswith(".zip"):
        with tarfile.open(fileobj=io.BytesIO(content)) as before, zipfile.ZipFile(buffer, "w") as archive:
            for member in before.getmembers():
                stream = before.extractfile(member)
                assert stream is not None
                archive.writestr(member.name, stream.read())
        return buffer.getvalue()
    if filename.endswith(".bz2"):
        return bz2.compress(content)
    return lzma.compress(content) if filename.endswith(".xz") else gzip.compress(content)


@pytest.mark.parametrize(
    "filename",
    ["odd-1.0.post1.tgz", "odd-1.0.post1.tar.bz2", "odd-1.0.post1.tar.xz", "odd-1.0-1.tar.gz", "odd-1.0-1.zip"],
)
def test_old_names_of_source_distributions(
    filename: str, pip: Pip, house: Wheelhouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both read them; a dash in a version is no end of the name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smoke.py").write_text("import root")
    (tmp_path / filename).write_bytes(make_sdist(filename))
    (tmp_path / "links.html").write_text(f'<a href="{filename}">{filename}</a>')
    (tmp_path / "r.txt").write_text("-f links.html\nodd")
    expected = pip.resolve(tmp_path, ["--index-url", house.url, "-r", "r.txt"], {})
    assert expected == {"odd": "1.0.post1"}
    assert lock_versions(["-r", "r.txt"], house.url, tmp_path / "cache") == expected


@pytest.mark.parametrize("algorithm", ["", "md5", "sha1", "sha512"])
def test_an_index_without_sha256(
    algorithm: str, pip: Pip, house: Wheelhouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """minreq computes the hash of the file that it fetches, and notes it; the other hash is checked."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smoke.py").write_text("import root")
    (tmp_path / "r.txt").write_text("a==1.0")
    files = {f"/files/{each.path.name}": each.path.read_bytes() for each in house.archives}

    def page(name: str, *, spoil: str = "") -> bytes:
        links = []
        for each in house.of(name):
            digest = hashlib.new(algorithm or "md5", each.path.read_bytes() + spoil.encode()).hexdigest()
            fragment = f"#{algorithm}={digest}" if algorithm else ""
            links.append(f'<a href="/files/{each.path.name}{fragment}">{each.path.name}</a>')
        return "".join(links).encode()

    pages = {"/simple/root/": page("root"), "/simple/a/": page("a")}
    with serve_files({**files, **pages}) as origin:
        expected = pip.resolve(tmp_path, ["--index-url", f"{origin}/simple", "-r", "r.txt"], {})
        resolution = resolve_files(["-r", "r.txt"], f"{origin}/simple", tmp_path / "cache")
        assert {name: str(pin.version) for name, pin in resolution.pins.items() if name != "root"} == expected
    for name, pin in resolution.pins.items():
        (archive,) = (each for each in house.of(name) if each.release.version == "1.0")
        assert [wheel.sha256 for wheel in pin.wheels] == [archive.sha256]
        note = f"the index gives no SHA-256 for {archive.path.name}; the lock has that of the file that minreq"
        assert any(each.startswith(note) for each in resolution.notes)
    spoiled = {**files, **pages, "/simple/a/": page("a", spoil="x")}
    with serve_files(spoiled) as origin:
        expected = pip.resolve(tmp_path, ["--index-url", f"{origin}/simple", "-r", "r.txt"], {})
        found = lock_versions(["-r", "r.txt"], f"{origin}/simple", tmp_path / "cache-2")
        assert found == expected == (None if algorithm else {"a": "1.0"})


def test_the_documentation_has_the_deviations() -> None:
    """Each with its reason, and how many cases agree."""
    text = " ".join((Path(__file__).parents[1] / "docs" / "requirements.md").read_text("utf-8").split())
    for case in DEVIATIONS.values():
        assert case.deviation in text
    assert f"{len(CASES)} requirements files" in text
    assert f"{len(CASES) - len(DEVIATIONS)} of them" in text
