"""minreq's resolver and the real pip on the same generated indexes: the same files, or a deviation on purpose.

``MINREQ_DIFFERENTIAL_CASES`` is the number of cases, by default 100.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TypeVar
from urllib.parse import unquote

import pipdeviations
import pytest
from differentialcase import Archive, Case, File, cases, describe, html_page, json_page, read_shape
from hypothesis import HealthCheck, given, seed, settings
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version
from pipdeviations import HASHES_DIFFER, Comparison, Result, find_deviation
from pipprocess import Pip, start_pip
from wheelhouse import SCENARIOS

from minreq import interpreter
from minreq.errors import HashMismatch, MinreqError, ProjectNotFound, SdistBuildFailed
from minreq.index import archive, coremetadata, simple
from minreq.model import Metadata, Platform, Resolution, Sdist, Wheel
from minreq.requirements import UserRequirement, applies
from minreq.resolver import ResolverInput, resolve
from minreq.resolver.background import BackgroundWork
from minreq.resolver.finder import ReleaseFinder
from minreq.resolver.provider import Provider, RequirementChains
from minreq.resolver.search import Solution, solve

#: Cases of one test, so that several processes share them.
CASES_OF_A_TEST = 100
CASES = int(os.environ.get("MINREQ_DIFFERENTIAL_CASES", "100"))


F = TypeVar("F", bound=Wheel | Sdist)


class EverythingIsImported:
    """As pip, minreq then relaxes no requirement."""

    def find_import(self, root: Wheel, blocked: str, sample: Wheel | None) -> str:
        return f"{root.name}: {blocked} {sample is None}"


@dataclass(slots=True)
class CaseServer:
    """Serves one case after the other on loopback."""

    origin: str = ""
    number: int = 0
    answers: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def show(self, case: Case) -> str:
        """Serve *case*; return the URL of its index, a new one each time."""
        self.number += 1
        kind = "application/vnd.pypi.simple.v1+json" if case.json else "text/html"
        self.answers.clear()
        for name in case.projects:
            page = json_page(case, name) if case.json else html_page(case, name)
            self.answers[f"/{self.number}/simple/{name}/"] = kind, page.encode()
            for each in case.archives(name):
                path = f"/{self.number}/files/{each.filename}"
                self.answers[path] = "application/octet-stream", each.content
                if case.metadata_files:
                    self.answers[f"{path}.metadata"] = "text/plain", each.metadata
        return f"{self.origin}/{self.number}/simple/"


@contextmanager
def serve() -> Iterator[CaseServer]:
    server = CaseServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is BaseHTTPRequestHandler's.
            """Stay silent."""

        def do_GET(self) -> None:
            path = unquote(self.path)
            kind, body = server.answers.get(path, ("text/plain", b""))
            status, headers = (200 if path in server.answers else 404), {"Content-Type": kind}
            asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range") or "")
            if asked is not None and body:
                first = int(asked[1]) if asked[1] else max(0, len(body) - int(asked[2]))
                last = min(len(body), int(asked[2]) + 1) if asked[1] and asked[2] else len(body)
                headers["Content-Range"] = f"bytes {first}-{last - 1}/{len(body)}"
                status, body = 206, body[first:last]
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server.origin = f"http://127.0.0.1:{http.server_address[1]}"
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def ask_pip(pip: Pip, case: Case, url: str, folder: Path, other: Platform | None = None) -> Result:
    """Return what pip would install here, or on the *other* platform."""
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(case.constraints) + "\n")
    options = ["--no-cache-dir", "--index-url", url, "--constraint", str(constraints)]
    if not case.builds:
        options += ["--only-binary", ":all:"]
    if other is not None:
        options += ["--platform", other.tags[0].platform, "--target", str(folder / "other")]
    installed = pip.install(folder, [*options, *case.requirements], {}, markers=other.markers if other else None)
    if isinstance(installed, str):
        return Result(error=installed)
    urls = {each["metadata"]["name"]: each["download_info"]["url"] for each in installed}
    files: dict[str, str] = {canonicalize_name(name): unquote(url.rpartition("/")[2]) for name, url in urls.items()}
    if changed := case.changed_files & {*files.values()}:
        # A dry run downloads no file whose metadata the index has; an install does.
        return Result(error=f"{HASHES_DIFFER}: {changed}")
    return Result(files=files)


class CaseIndex:
    """The index of a case, read without HTTP by the parsers of minreq."""

    def __init__(self, case: Case) -> None:
        self._case = case
        archives = (archive for name in case.projects for archive in case.archives(name))
        self._archives = {archive.filename: archive for archive in archives}

    def releases(self, name: NormalizedName) -> Mapping[Version, tuple[Wheel | Sdist, ...]]:
        if name not in self._case.projects:
            raise ProjectNotFound(name, ())
        page = json_page(self._case, name) if self._case.json else html_page(self._case, name)
        kind = "application/vnd.pypi.simple.v1+json" if self._case.json else "text/html"
        parsed = simple.parse(page.encode(), content_type=kind, url=f"https://index.example/simple/{name}/")
        files = [file for link in parsed.links if (file := simple.file_from_link(link)) is not None]
        return {file.version: tuple(each for each in files if each.version == file.version) for file in files}

    def metadata(self, wheel: Wheel) -> Metadata:
        if self._case.metadata_files:
            return coremetadata.parse(self._archives[wheel.filename].metadata, wheel)
        with archive.open_zip(io.BytesIO(self._archives[wheel.filename].content), wheel) as opened:
            return coremetadata.parse(archive.read_metadata(opened, wheel), wheel)

    def identify(self, file: F) -> F:
        """Raise `HashMismatch` as the index client does."""
        found = hashlib.sha256(self._archives[file.filename].content).hexdigest()
        if file.sha256 not in {None, found}:
            raise HashMismatch(file.filename, str(file.sha256), found)
        return replace(file, sha256=found)

    def build(self, sdist: Sdist) -> Wheel:
        """Return what the build makes, without running it."""
        self.identify(sdist)
        source = self._archives[sdist.filename]
        if source.release.defect in {"no zip", "no build"}:
            raise SdistBuildFailed(sdist.name, str(sdist.version), ())
        wheel = Archive(source.name, source.release, File())
        self._archives[wheel.filename] = wheel
        return Wheel(
            name=sdist.name,
            version=sdist.version,
            filename=wheel.filename,
            url=f"https://index.example/built/{wheel.filename}",
            sha256=hashlib.sha256(wheel.content).hexdigest(),
            tags=frozenset(),
        )


@cache
def host() -> Platform:
    return interpreter.find_interpreter(None).platform


def resolve_case(case: Case, *targets: Platform) -> Resolution:
    """Resolve for the host, or for *targets*; raise `MinreqError`."""
    root, *others = map(Requirement, case.requirements)
    index = CaseIndex(case)
    environments = [platform.markers for platform in (host(), *targets)]
    inputs = ResolverInput(
        root=root,
        host=host(),
        targets=targets,
        available=tuple(UserRequirement(requirement=each, origin=f"--with {each}") for each in others),
        # The reader of requirements files leaves out what does not apply.
        constraints=tuple(
            UserRequirement(requirement=each, origin=f"--constraint {each}")
            for each in map(Requirement, case.constraints)
            if applies(each.marker, environments)
        ),
        only_binary=frozenset() if case.builds else frozenset({":all:"}),
        builder=index if case.builds else None,
    )
    resolution = resolve(inputs, index, EverythingIsImported())
    for pin in resolution.pins.values():
        # As the store does, before a byte of the file is used.
        index.identify(pin.sdist or pin.wheel)
    return resolution


def ask_minreq(case: Case) -> Result:
    """Return what minreq would pin."""
    try:
        pins = resolve_case(case).pins
    except MinreqError as error:
        return Result(error=f"{type(error).__name__}: {error}")
    return Result(files={name: (pin.sdist or pin.wheel).filename for name, pin in pins.items()})


@pytest.fixture(scope="module")
def compare_case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Case], Comparison]]:
    """Ask both about one case after the other."""
    folder = tmp_path_factory.mktemp("pip")
    with serve() as server, start_pip() as worker:

        def compare(case: Case) -> Comparison:
            pip = ask_pip(worker, case, server.show(case), folder)
            return Comparison(case=case, pip=pip, minreq=ask_minreq(case))

        yield compare


@pytest.mark.parametrize("path", sorted((SCENARIOS / "shapes").glob("*.toml")), ids=lambda path: path.stem)
def test_shape(path: Path, compare_case: Callable[[Case], Comparison]) -> None:
    """Shapes of graphs on which resolvers are tested: pip and minreq find the same pins or none."""
    case, expected = read_shape(path.read_text("utf-8"))
    compared = compare_case(case)
    if isinstance(expected, str):
        assert compared.pip.files is None
        assert f"requires {expected}" in str(compared.minreq.error)
    else:
        files = {name: f"{name.replace('-', '_')}-{version}-py3-none-any.whl" for name, version in expected.items()}
        assert compared.minreq.files == files
        assert compared.agree or find_deviation(compared) is not None, compared.pip


def test_the_documentation_has_the_deviations() -> None:
    """`PYTHONPATH=tests:. python tests/pipdeviations.py > docs/pip.md` writes the page again."""
    assert (Path(__file__).parents[1] / "docs" / "pip.md").read_text("utf-8") == pipdeviations.page()


def test_what_conflicts_again_and_again_is_pinned_first() -> None:
    """Without that, this search takes two thousand rounds, and larger ones end in no answer at all."""
    case, _ = read_shape((SCENARIOS / "shapes" / "again-and-again.toml").read_text("utf-8"))
    inputs = ResolverInput(root=Requirement("app"), host=host())
    with BackgroundWork() as background:
        provider = Provider(ReleaseFinder(inputs, CaseIndex(case), background))
        user_requirement = UserRequirement(requirement=inputs.root, origin="app")
        requirements = provider.user_requirements(user_requirement)
        result = solve(provider, RequirementChains(), requirements, "app", max_rounds=100)
    assert not isinstance(result, Solution)
    assert {conflict.name for conflict in result} == {"build-rules"}


@pytest.mark.one_python
@pytest.mark.parametrize("part", range(max(1, CASES // CASES_OF_A_TEST)))
def test_same_files_as_pip(part: int, compare_case: Callable[[Case], Comparison]) -> None:
    """Each case is a new index; each part has cases of its own, the same in each run."""
    counts: Counter[str] = Counter()

    @seed(part)
    @settings(
        max_examples=min(CASES, CASES_OF_A_TEST),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases())
    def compare(case: Case) -> None:
        compared = compare_case(case)
        deviation = find_deviation(compared)
        counts[compared.outcome if deviation is None else deviation.title] += 1
        assert compared.agree or deviation is not None, (
            f"{describe(case)}\npip:    {compared.pip}\nminreq: {compared.minreq}"
        )

    compare()
    # `pytest -rP` shows it.
    print(f"differential part {part}: {dict(counts)}")  # noqa: T201
