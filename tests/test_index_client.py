"""The index client with real servers on loopback: its results, its requests, its errors."""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import json
import re
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import pytest
import trustme
from cannedserver import CannedResponse, ReceivedRequest, serve_responses
from conftest import MakeWheelhouse
from packaging.utils import canonicalize_name
from simpleserver import IndexServer, ServerFeatures, serve
from wheelhouse import Wheelhouse, project_json

from minreq.errors import (
    ArchiveUnreadable,
    DefaultIndexUnknown,
    HashMismatch,
    IndexInsecure,
    IndexOffline,
    IndexStatusError,
    IndexUnreachable,
    PageUnreadable,
    PipSettingInvalid,
    ProjectNotFound,
    ProjectQuarantined,
    SizeMismatch,
    StoreUnwritable,
)
from minreq.index.client import IndexClient
from minreq.index.defaultindex import default_index, parse_pip_help
from minreq.index.settings import IndexSettings
from minreq.index.simple import ProjectStatus, file_from_url
from minreq.model import Wheel
from minreq.system import cachefile

JSON = "application/vnd.pypi.simple.v1+json"
A, B = canonicalize_name("a"), canonicalize_name("b")

SCENARIO = """
explanation = "Two projects."
requirements = ["a"]
[wheels]
a."1.0" = { requires = ["b>1"], files = { "a/__init__.py" = "import b", "a/more.py" = "x = 1" } }
a."2.0" = { yanked = "broken", requires_python = ">=3.8", upload_time = "2026-01-31T12:00:00Z" }
b."2.0" = {}
"""

Connect = Callable[..., IndexClient]


@pytest.fixture
def house(make_wheelhouse: MakeWheelhouse) -> Wheelhouse:
    return make_wheelhouse(SCENARIO)


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Connect]:
    """Make a client with these settings and a fresh cache, or the cache given; it waits for nothing."""
    numbers = itertools.count()
    with ExitStack() as stack:

        def make(index_url: str | None = None, *, cache: Path | None = None, **settings: Any) -> IndexClient:
            where = cache or tmp_path / f"cache-{next(numbers)}"
            urls = {"index_url": index_url, "extra_index_urls": (), "find_links": ()} | settings
            return stack.enter_context(IndexClient(IndexSettings.from_urls(**urls), where, pause=lambda _: None))

        yield make


def newest(client: IndexClient, name: str = "a") -> Wheel:
    file = client.files(canonicalize_name(name))[-1]
    assert isinstance(file, Wheel)
    return file


def ranges(server: IndexServer) -> list[str]:
    return [request.range for request in server.requests if request.range is not None]


@pytest.mark.parametrize("features", [ServerFeatures(), ServerFeatures(json=False)], ids=["json", "html"])
def test_files_of_an_index(house: Wheelhouse, connect: Connect, features: ServerFeatures) -> None:
    """JSON and HTML give the same files, sorted by version."""
    with serve(house, features) as server:
        found = connect(server.url).files(A)
    assert [file.filename for file in found] == ["a-1.0-py3-none-any.whl", "a-2.0-py3-none-any.whl"]
    assert [file.sha256 for file in found] == [archive.sha256 for archive in house.of("a")]
    assert [file.url for file in found] == [f"{server.origin}/files/{file.filename}" for file in found]
    assert found[1].yanked == "broken"
    assert str(found[1].requires_python) == ">=3.8"


def test_files_of_a_folder_and_of_find_links(house: Wheelhouse, connect: Connect) -> None:
    """A `file:` index, a folder of archives and a page give the same files, each once."""
    page = house.folder / "links.html"
    page.write_text("".join(f'<a href="files/{archive.path.name}">x</a>' for archive in house.archives))
    for settings in (
        {"index_url": house.url},
        {"no_index": True, "find_links": (house.files.as_uri(),)},
        {"no_index": True, "find_links": (page.as_uri(),)},
        {"index_url": house.url, "extra_index_urls": (house.url,), "find_links": (page.as_uri(),)},
    ):
        found = connect(**settings).files(A)
        assert [file.filename for file in found] == ["a-1.0-py3-none-any.whl", "a-2.0-py3-none-any.whl"]
        assert [file.sha256 for file in found] == [archive.sha256 for archive in house.of("a")]
        assert [file.size for file in found] == [archive.size for archive in house.of("a")]


def test_all_locations_are_merged(house: Wheelhouse, make_wheelhouse: MakeWheelhouse, connect: Connect) -> None:
    """As in pip: files that only an extra index has count; two files with one name both stay, the main index's first.

    By default, no index can add a version of a project of another index (dependency confusion).
    """
    other = make_wheelhouse(
        """
        explanation = "Another a 1.0, and a newer one."
        requirements = ["a"]
        [wheels]
        a."1.0" = { requires = ["c"] }
        a."3.0" = {}
        """
    )
    with serve(house) as main, serve(other) as extra:
        found = connect(main.url, extra_index_urls=(extra.url,), first_index=False).files(A)
        extra.requests.clear()
        first = connect(main.url, extra_index_urls=(extra.url,)).files(A)
        requests = [*extra.requests]
        missing = connect(extra.url, extra_index_urls=(main.url,)).files(B)
    one, another = house.of("a")[0].sha256, other.of("a")[0].sha256
    assert [str(file.version) for file in found] == ["1.0", "1.0", "2.0", "3.0"]
    assert [file.sha256 for file in found[:2]] == [one, another]
    assert [str(file.version) for file in first] == ["1.0", "2.0"]
    assert not requests, "the extra index does not see the name"
    assert len(missing) == 1, "what the first does not have, the next may"


def test_a_project_that_only_one_location_has(house: Wheelhouse, connect: Connect, tmp_path: Path) -> None:
    """Another location may lack the project, or be missing itself."""
    missing = (tmp_path / "missing").as_uri()
    with serve(house) as server, serve_responses(lambda _: CannedResponse(status=403)) as forbidden:
        client = connect(missing, extra_index_urls=(forbidden.origin, server.url), find_links=(missing, server.origin))
        assert len(client.files(B)) == 1


def test_a_missing_project(house: Wheelhouse, connect: Connect) -> None:
    with serve(house) as server:
        client = connect(server.url, extra_index_urls=(house.url,), find_links=(house.files.as_uri(),))
        with pytest.raises(ProjectNotFound) as caught:
            client.files(canonicalize_name("nobody"))
    assert caught.value.project == "nobody"
    assert caught.value.urls == (f"{server.url}nobody/", f"{house.url}/nobody/", house.files.as_uri())
    assert "no project 'nobody'" in str(caught.value)


def test_no_location_is_configured(connect: Connect) -> None:
    with pytest.raises(ProjectNotFound, match="--no-index"):
        connect(no_index=True).files(A)


def test_files_of_other_projects_on_a_page_do_not_count(house: Wheelhouse, connect: Connect) -> None:
    page = project_json("a", house.archives).encode()
    with serve_responses(lambda _: CannedResponse(body=page, headers={"Content-Type": JSON})) as server:
        assert {file.name for file in connect(server.origin).files(A)} == {A}


def test_releases_by_version(house: Wheelhouse, connect: Connect) -> None:
    """The oldest first; a version may have no file that can be read."""
    page = json.loads(project_json("a", house.of("a")))
    page["files"].append({"filename": "a-3.0-py3-none.whl", "url": "x", "hashes": {}})
    response = CannedResponse(body=json.dumps(page).encode(), headers={"Content-Type": JSON})
    with serve_responses(lambda _: response) as server:
        found = connect(server.origin).releases(A)
    assert {str(version): [file.filename for file in files] for version, files in found.items()} == {
        "1.0": ["a-1.0-py3-none-any.whl"],
        "2.0": ["a-2.0-py3-none-any.whl"],
        "3.0": [],
    }
    assert len(found) == 3


def test_each_page_is_requested_once(house: Wheelhouse, connect: Connect) -> None:
    """Also for several threads, and after a prefetch; a failed request is not sent again either."""
    with serve(house) as server:
        client = connect(server.url)
        client.prefetch([A, B, A])
        client.prefetch([A])
        assert client.releases(A) is client.releases(A)
        client.files(B)
        for _ in range(2):
            with pytest.raises(ProjectNotFound):
                client.files(canonicalize_name("nobody"))
        assert sorted(request.path for request in server.requests) == ["/simple/a/", "/simple/b/", "/simple/nobody/"]


def test_pages_are_cached_by_the_rules_of_http(house: Wheelhouse, connect: Connect, tmp_path: Path) -> None:
    """The next client does not request a fresh page; it revalidates a page that has only a validator."""
    with serve(house) as server:
        for _ in range(2):
            connect(server.url, cache=tmp_path / "kept").files(A)
        assert len(server.requests) == 1

    def validate(request: ReceivedRequest) -> CannedResponse:
        if request.headers.get("if-none-match") == '"x"':
            return CannedResponse(status=304, headers={"ETag": '"x"'})
        return CannedResponse(body=page, headers={"Content-Type": JSON, "ETag": '"x"'})

    page = project_json("a", house.of("a")).encode()
    with serve_responses(validate) as validating:
        for _ in range(2):
            assert len(connect(validating.origin, cache=tmp_path / "validated").files(A)) == 2
        assert [request.headers.get("if-none-match") for request in validating.requests] == [None, '"x"']


def test_offline_reads_only_the_cache(house: Wheelhouse, connect: Connect, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with serve(house) as server:
        before = connect(server.url, cache=cache).files(A)
        online = len(server.requests)
        client = connect(server.url, cache=cache, offline=True)
        assert client.files(A) == before
        with pytest.raises(IndexOffline, match="is not in the cache, and --offline asks no index"):
            client.files(B)
        assert len(server.requests) == online


def test_files_by_name_parse_no_others(house: Wheelhouse, connect: Connect) -> None:
    with serve(house) as server:
        client = connect(server.url)
        assert [str(file.version) for file in client.files_named(A, ["a-1.0-py3-none-any.whl", "gone.whl"])] == ["1.0"]
        assert client.files_named(A, []) == ()


def test_a_small_wheel_is_fetched_with_its_directory(house: Wheelhouse, connect: Connect) -> None:
    with serve(house) as server:
        client = connect(server.url)
        wheel = newest(client)
        assert client.members(wheel)
        count = len(server.requests)
        to = io.BytesIO()
        client.download(wheel, to)
        assert hashlib.sha256(to.getvalue()).hexdigest() == wheel.sha256
        assert len(server.requests) == count


@pytest.mark.parametrize("has_ranges", [True, False], ids=["ranges", "no ranges"])
@pytest.mark.parametrize("filename", ["a-1.0-py3-none-any.whl", "a-2.0.tar.gz"])
def test_a_file_without_sha256_is_downloaded_once(
    house: Wheelhouse, connect: Connect, filename: str, *, has_ranges: bool
) -> None:
    """Its hash, its metadata and the archive itself all come from the same bytes."""
    body = house.of("a")[0].path.read_bytes()

    def answer(request: ReceivedRequest) -> CannedResponse:
        if request.path == "/a/":
            return CannedResponse(body=f'<a href="/{filename}">x</a>'.encode(), headers={"Content-Type": "text/html"})
        if "range" in request.headers and has_ranges:
            where = {"Content-Range": f"bytes 0-{len(body) - 1}/{len(body)}"}
            return CannedResponse(status=206, body=body, headers=where)
        return CannedResponse(body=body)

    with serve_responses(answer) as server:
        client = connect(server.origin)
        (found,) = client.files(A)
        identified = client.identify(found)
        assert identified.sha256 == hashlib.sha256(body).hexdigest()
        downloaded = io.BytesIO()
        client.download(identified, downloaded)
        assert downloaded.getvalue() == body
        requests = [request.path for request in server.requests]
        assert requests == ["/a/", f"/{filename}"]
        if isinstance(identified, Wheel) and isinstance(found, Wheel):
            assert client.metadata(identified).name == A
            assert client.members(identified) == client.members(found)
            client.download(identified, io.BytesIO())
        # One request for a range may find out that the server has none.
        assert len(server.requests) - len(requests) <= isinstance(identified, Wheel)


def test_a_wheel_of_a_server_without_ranges_is_downloaded_once(house: Wheelhouse, connect: Connect) -> None:
    with serve(house, ServerFeatures(ranges=False)) as server:
        client = connect(server.url)
        wheel = newest(client)
        assert client.metadata(wheel).name == A
        count = len(server.requests)
        client.download(wheel, downloaded := io.BytesIO())
        assert hashlib.sha256(downloaded.getvalue()).hexdigest() == wheel.sha256
        assert len(server.requests) == count


def test_responses_without_validator_are_not_stored(house: Wheelhouse, connect: Connect, tmp_path: Path) -> None:
    page = project_json("a", house.of("a")).encode() + b" " * 1_000_000
    with serve_responses(lambda _: CannedResponse(body=page, headers={"Content-Type": JSON})) as server:
        connect(server.origin, cache=tmp_path / "c").files(A)
    assert sum(file.stat().st_size for file in (tmp_path / "c").glob("pages*")) < 500_000


def test_a_damaged_cache_costs_only_time(house: Wheelhouse, connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "pages.sqlite").write_bytes(b"no database" * 1000)
    with serve(house) as server:
        assert len(connect(server.url, cache=tmp_path).files(A)) == 2


def test_a_cache_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnwritable):
        IndexClient(IndexSettings(), tmp_path / "file" / "cache")


def test_redirects_and_compression(house: Wheelhouse, connect: Connect) -> None:
    """Links are relative to the URL after redirects."""
    page = project_json("a", house.of("a")).encode()

    def answer(request: ReceivedRequest) -> CannedResponse:
        if request.path == "/simple/a/":
            return CannedResponse(status=301, headers={"Location": "/moved/simple/a/"})
        return CannedResponse(body=gzip.compress(page), headers={"Content-Type": JSON, "Content-Encoding": "gzip"})

    with serve_responses(answer) as server:
        found = connect(f"{server.origin}/simple").files(A)
    assert found[0].url == f"{server.origin}/moved/files/a-1.0-py3-none-any.whl"


def test_a_page_with_damaged_compression(connect: Connect) -> None:
    with serve_responses(
        lambda _: CannedResponse(body=b"no gzip", headers={"Content-Encoding": "gzip", "Content-Type": JSON})
    ) as server:
        client = connect(server.origin, retries=1)
        with pytest.raises(IndexUnreachable):
            client.files(A)


def test_redirects_without_end(connect: Connect) -> None:
    with serve_responses(lambda request: CannedResponse(status=302, headers={"Location": request.path})) as server:
        with pytest.raises(IndexUnreachable):
            connect(server.origin).files(A)
        assert len(server.requests) < 50


@pytest.mark.parametrize("status", [429, 500, 503])
def test_transient_errors_are_retried(house: Wheelhouse, tmp_path: Path, status: int) -> None:
    """The client waits as `Retry-After` demands, else each time twice as long."""
    page = project_json("a", house.of("a")).encode()
    answers = iter(
        [
            CannedResponse(status=status),
            CannedResponse(status=status),
            CannedResponse(status=status, headers={"Retry-After": "7"}),
            CannedResponse(status=status, headers={"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}),
            CannedResponse(status=status, headers={"Retry-After": "100000"}),
            CannedResponse(body=page, headers={"Content-Type": JSON, "Content-Length": "9"}),
            CannedResponse(body=page, headers={"Content-Type": JSON, "Content-Length": str(len(page) + 9)}),
            CannedResponse(body=page, headers={"Content-Type": JSON}),
        ]
    )
    waits: list[float] = []
    with serve_responses(lambda _: next(answers)) as server:
        settings = IndexSettings(index_url=server.origin, retries=9)
        with IndexClient(settings, tmp_path / "cache", pause=waits.append) as client:
            with pytest.raises(PageUnreadable):
                client.files(A)
            assert waits == [0.25, 0.5, 7.0, 0.0, 30.0]
            assert len(client.files(B)) == 0
    assert waits[5:] == [0.25]


def test_a_retry_after_that_cannot_be_read(house: Wheelhouse, connect: Connect) -> None:
    page = project_json("a", house.of("a")).encode()
    answers = iter(
        [
            CannedResponse(status=503, headers={"Retry-After": "soon"}),
            CannedResponse(body=page, headers={"Content-Type": JSON}),
        ]
    )
    with serve_responses(lambda _: next(answers)) as server:
        assert len(connect(server.origin).files(A)) == 2


def test_permanent_errors_are_not_retried(connect: Connect) -> None:
    with serve_responses(lambda _: CannedResponse(status=500)) as server:
        with pytest.raises(IndexStatusError) as caught:
            connect(server.origin, retries=2).files(A)
        assert len(server.requests) == 3
    assert (caught.value.status, caught.value.url) == (500, f"{server.origin}/a/")
    assert "500" in str(caught.value)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_error_statuses_of_the_main_index(connect: Connect, status: int) -> None:
    """The main index must answer; the client sends one request."""
    with serve_responses(lambda _: CannedResponse(status=status)) as server:
        with pytest.raises(IndexStatusError):
            connect(server.origin).files(A)
        assert len(server.requests) == 1


def test_no_server_answers(connect: Connect) -> None:
    with serve_responses(lambda _: CannedResponse()) as gone:
        pass
    with pytest.raises(IndexUnreachable) as caught:
        connect(gone.origin.replace("//", "//me:s3cret@"), retries=1).files(A)
    assert caught.value.url == f"{gone.origin}/a/"
    assert "s3cret" not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"


def test_a_page_that_arrives_too_slowly(tmp_path: Path) -> None:
    """Each byte arrives in time, the page does not; the clock of this test advances a minute with each call."""
    minutes = itertools.count(step=60)
    dripping = serve_responses(lambda _: CannedResponse(body=itertools.repeat(b" "), headers={"Content-Type": JSON}))
    with dripping as server:
        settings = IndexSettings(index_url=server.origin, retries=0)
        with IndexClient(settings, tmp_path, clock=lambda: next(minutes)) as client:
            with pytest.raises(IndexUnreachable, match="slowly"):
                client.files(A)
            assert next(minutes) < 60 * 20


def test_an_archive_that_arrives_too_slowly(house: Wheelhouse, tmp_path: Path) -> None:
    """Each byte arrives in time, the archive would never; the clock of this test advances a minute with each call."""
    minutes = itertools.count(step=60)
    wheel = house.of("a")[0].value
    with serve_responses(
        lambda _: CannedResponse(body=itertools.repeat(b" "), headers={"Content-Type": "x/y"})
    ) as server:
        settings = IndexSettings(index_url=server.origin, retries=0)
        with IndexClient(settings, tmp_path, clock=lambda: next(minutes)) as client:
            with pytest.raises(IndexUnreachable, match="slowly"):
                client.download(replace(wheel, url=f"{server.origin}/a.whl", size=1 << 40), io.BytesIO())
            assert next(minutes) < 60 * 20


def test_closing_the_client_ends_a_waiting_read(tmp_path: Path) -> None:
    """An interrupted program does not wait for a silent server: the client shuts down its sockets."""
    reached, over = Event(), Event()

    def silent(_: ReceivedRequest) -> CannedResponse:
        reached.set()
        over.wait()
        return CannedResponse()

    with serve_responses(silent) as server, ThreadPoolExecutor(1) as thread:
        client = IndexClient(IndexSettings(index_url=server.origin, timeout=1000.0), tmp_path)
        reading = thread.submit(client.files, A)
        reached.wait()
        client.close()
        with pytest.raises(IndexUnreachable, match="abandoned"):
            reading.result()
        over.set()


def test_no_request_starts_after_close(tmp_path: Path) -> None:
    """Requests that wait for a thread or a connection are not sent, here to a server that never answers."""
    reached, over = Semaphore(0), Event()

    def silent(_: ReceivedRequest) -> CannedResponse:
        reached.release()
        over.wait()
        return CannedResponse()

    with serve_responses(silent) as server:
        client = IndexClient(IndexSettings(index_url=server.origin, timeout=1000.0), tmp_path)
        client.prefetch(canonicalize_name(f"p{number}") for number in range(200))
        assert reached.acquire(timeout=10)
        client.close()
        begun = 1
        while reached.acquire(blocking=False):
            begun += 1
        assert begun <= 16  # As many as there are threads.
        over.set()


def test_close_abandons_running_requests(tmp_path: Path) -> None:
    """Closing the client ends the delay before a retry, and a page that is half read."""
    waiting, reading = Event(), Event()

    def answer(page: ReceivedRequest) -> CannedResponse:
        if page.path == "/a/":
            waiting.set()
            return CannedResponse(status=503, headers={"Retry-After": "30"})
        return CannedResponse(
            body=chain([b" "], (b" " for _ in iter(reading.set, True))), headers={"Content-Type": JSON}
        )

    with serve_responses(answer) as server:
        client = IndexClient(IndexSettings(index_url=server.origin), tmp_path)
        client.prefetch([A, B])
        assert waiting.wait(10)
        assert reading.wait(10)
        client.close()
        with pytest.raises(IndexUnreachable, match="abandoned"):
            client.files(A)
        with pytest.raises(IndexUnreachable, match="abandoned"):
            client.files(B)


def test_an_unreadable_page(connect: Connect) -> None:
    with (
        serve_responses(lambda _: CannedResponse(body=b"hello", headers={"Content-Type": "text/plain"})) as server,
        pytest.raises(PageUnreadable) as caught,
    ):
        connect(server.origin).files(A)
    assert caught.value.url == f"{server.origin}/a/"


@pytest.mark.parametrize("status", ["quarantined", "archived", "deprecated"])
def test_project_status(house: Wheelhouse, connect: Connect, status: str) -> None:
    """No file of a quarantined project is used (PEP 792), even if the page lists files; other statuses are returned."""
    page = json.loads(project_json("a", house.of("a")))
    page["project-status"] = {"status": status, "reason": "a stealer"}
    body = json.dumps(page).encode()
    with serve_responses(lambda _: CannedResponse(body=body, headers={"Content-Type": JSON})) as server:
        client = connect(server.origin.replace("//", "//me:s3cret@"))
        if status == "quarantined":
            with pytest.raises(ProjectQuarantined, match=r"a is quarantined .*: a stealer") as caught:
                client.files(A)
            assert "s3cret" not in str(caught.value)
        else:
            assert len(client.files(A)) == 2
            assert client.project_status(A) == ProjectStatus(status=status, reason="a stealer")


def test_plain_http_after_a_redirect_is_refused(connect: Connect) -> None:
    """The first host is this machine, the second is not, and anybody between could change the page."""
    away = CannedResponse(status=302, headers={"Location": "http://index.example/simple/a/"})
    with serve_responses(lambda _: away) as server, pytest.raises(IndexInsecure) as caught:
        connect(server.origin).files(A)
    assert caught.value.host == "index.example"


def test_plain_http_to_another_machine_is_refused(connect: Connect) -> None:
    """As in pip, but as an error, which names the option to allow it."""
    with pytest.raises(IndexInsecure) as caught:
        connect("http://index.example:8080/simple").files(A)
    assert caught.value.host == "index.example"
    assert "--trusted-host index.example" in str(caught.value)


def test_plain_http_to_names_of_loopback(house: Wheelhouse, connect: Connect) -> None:
    """As in pip: nobody can change what travels within this machine."""
    with serve(house) as server:
        assert len(connect(server.url.replace("127.0.0.1", "localhost")).files(A)) == 2


@pytest.mark.parametrize("trusted", ["index.example", "index.example:8080"])
@pytest.mark.parametrize("said_by", ["setting", "http_proxy", "all_proxy"])
def test_proxies(
    house: Wheelhouse, connect: Connect, monkeypatch: pytest.MonkeyPatch, trusted: str, said_by: str
) -> None:
    """A proxy gets the whole URL; `--proxy` has precedence over the environment; `NO_PROXY` holds."""
    for name in ("http_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    page = project_json("a", house.of("a")).encode()
    with (
        serve_responses(lambda _: CannedResponse(body=page, headers={"Content-Type": JSON})) as proxy,
        serve(house) as direct,
    ):
        proxy_setting = None
        if said_by == "setting":
            monkeypatch.setenv("http_proxy", "http://nobody.example")
            proxy_setting = proxy.origin.removeprefix("http://")
        else:
            monkeypatch.setenv(said_by, proxy.origin)
        client = connect("http://index.example:8080/simple", trusted_hosts=(trusted,), proxy=proxy_setting)
        assert len(client.files(A)) == 2
        assert [request.path for request in proxy.requests] == ["http://index.example:8080/simple/a/"]
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert len(connect(direct.url).files(A)) == 2
        assert len(proxy.requests) == 1


def test_an_unusable_proxy(connect: Connect) -> None:
    with pytest.raises(PipSettingInvalid) as caught:
        connect("https://index.example/simple", proxy="gopher://me:s3cret@proxy.example").files(A)
    assert caught.value.value == "gopher://proxy.example"


def test_certificates(house: Wheelhouse, connect: Connect, tmp_path: Path) -> None:
    """An unknown authority fails without a retry; with `cert` or `trusted-host` it is accepted."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    pem = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(pem))
    client_cert = tmp_path / "me.pem"
    authority.issue_cert("me.example").private_key_and_cert_chain_pem.write_to_path(str(client_cert))
    page = project_json("a", house.of("a")).encode()
    with serve_responses(
        lambda _: CannedResponse(body=page, headers={"Content-Type": JSON}), context=context
    ) as server:
        with pytest.raises(IndexUnreachable, match=r"(?i)certificate"):
            connect(server.origin).files(A)
        assert len(connect(server.origin, cert=str(pem), client_cert=str(client_cert)).files(A)) == 2
        assert len(connect(server.origin, trusted_hosts=("127.0.0.1",)).files(A)) == 2
        assert len(connect(server.origin, trusted_hosts=("127.0.0.1:1", "other"), cert=str(pem)).files(A)) == 2
        with pytest.raises(IndexUnreachable):
            connect(server.origin, cert=str(tmp_path)).files(A)


@pytest.mark.parametrize("key", ["cert", "client_cert"])
def test_an_unreadable_certificate(connect: Connect, tmp_path: Path, key: str) -> None:
    (tmp_path / "pem").write_text("no certificate")
    for path in ("pem", "missing"):
        with pytest.raises(PipSettingInvalid, match=key.replace("_", "-")):
            connect("https://index.example/", **{key: str(tmp_path / path)}).files(A)


def test_credentials_of_the_url(house: Wheelhouse, connect: Connect) -> None:
    """The client sends them for pages and files, and returns them nowhere."""
    with serve(house, ServerFeatures(credentials="me:s3cret")) as server:
        client = connect(server.url.replace("//", "//me:s3cret@", 1))
        wheel = newest(client)
        assert client.metadata(wheel).name == A
        assert "s3cret" not in repr(client.files(A))
        assert {request.authorization is None for request in server.requests} == {False}


def test_credentials_are_not_written_to_disk(house: Wheelhouse, connect: Connect, tmp_path: Path) -> None:
    with serve(house, ServerFeatures(credentials="me:s3cret")) as server:
        client = connect(server.url.replace("//", "//me:s3cret@", 1), cache=tmp_path / "cache")
        client.metadata(newest(client))
        client.close()
    written = b"".join(path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert b"/simple/a/" in written
    assert b"s3cret" not in written
    assert b"bWU6czNjcmV0" not in written


def test_credentials_of_keyring(
    house: Wheelhouse, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client asks keyring after a 401, once for each host."""
    command = tmp_path / "keyring"
    command.write_text(f'#!/bin/sh\necho x >> {tmp_path}/log\necho \'{{"username": "me", "password": "s3cret"}}\'\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with serve(house, ServerFeatures(credentials="me:s3cret")) as server:
        client = connect(server.url, keyring_provider="subprocess")
        client.files(A)
        client.files(B)
    assert (tmp_path / "log").read_text() == "x\n"


def test_credentials_stay_with_their_host(house: Wheelhouse, connect: Connect) -> None:
    """A redirect to another host gets none."""
    page = project_json("a", house.of("a")).encode()
    with (
        serve_responses(lambda _: CannedResponse(body=page, headers={"Content-Type": JSON})) as other,
        serve_responses(
            lambda request: CannedResponse(status=302, headers={"Location": f"{other.origin}{request.path}"})
        ) as main,
    ):
        connect(main.origin.replace("//", "//me:s3cret@")).files(A)
        assert "authorization" in main.requests[0].headers
        assert "authorization" not in other.requests[0].headers


def test_metadata_beside_the_wheel(house: Wheelhouse, connect: Connect) -> None:
    """PEP 658: the client requests nothing of the archive."""
    with serve(house, ServerFeatures(metadata=True)) as server:
        client = connect(server.url)
        found = client.metadata(client.files(A)[0])  # type: ignore[arg-type]  # a wheel
        assert [str(requirement) for requirement in found.requires] == ["b>1"]
        assert [request.path for request in server.requests] == ["/simple/a/", "/files/a-1.0-py3-none-any.whl.metadata"]


def test_missing_metadata_file_beside_the_wheel(house: Wheelhouse, connect: Connect) -> None:
    """A missing metadata file leads to the archive."""
    failures = {"/files/a-2.0-py3-none-any.whl.metadata": 404}
    with serve(house, ServerFeatures(metadata=True, failures=failures)) as server:
        client = connect(server.url)
        assert client.metadata(newest(client)).name == A


def test_metadata_beside_the_wheel_with_a_wrong_hash(house: Wheelhouse, connect: Connect) -> None:
    with serve(house, ServerFeatures(metadata=True)) as server:
        honest = newest(connect(server.url))
        page = {f"/{A}/": project_json("a", house.of("a"), metadata=True).encode()}
        body = b"Metadata-Version: 2.1\nName: a\nVersion: 2.0\nRequires-Dist: evil\n"
        with serve_responses(
            lambda request: CannedResponse(body=page.get(request.path, body), headers={"Content-Type": JSON})
        ) as dishonest:
            client = connect(dishonest.origin)
            with pytest.raises(HashMismatch) as caught:
                client.metadata(newest(client))
    assert caught.value.expected == honest.metadata_sha256
    assert caught.value.found == hashlib.sha256(body).hexdigest()


def test_metadata_and_directory_by_one_range(house: Wheelhouse, connect: Connect, tmp_path: Path) -> None:
    """Both come from the end of the archive, and are recorded: the next client requests neither."""
    with serve(house) as server:
        for _ in range(2):
            client = connect(server.url, cache=tmp_path / "cache")
            wheel = client.files(A)[0]
            assert isinstance(wheel, Wheel)
            assert client.metadata(wheel).version == wheel.version
            assert [member.path for member in client.members(wheel)] == [
                "a-1.0.dist-info/METADATA",
                "a-1.0.dist-info/RECORD",
                "a-1.0.dist-info/WHEEL",
                "a/__init__.py",
                "a/more.py",
            ]
        assert len(ranges(server)) == 1


def test_prefetched_metadata_is_requested_once(house: Wheelhouse, connect: Connect) -> None:
    with serve(house) as server:
        client = connect(server.url)
        wheels = [file for file in client.files(A) if isinstance(file, Wheel)]
        client.prefetch_metadata(wheels)
        client.prefetch_members(wheels)
        assert [str(client.metadata(wheel).version) for wheel in wheels] == ["1.0", "2.0"]
        assert all(client.members(wheel) for wheel in wheels)
        assert len({request.path for request in server.requests}) == 3


@pytest.mark.parametrize("json", [True, False], ids=["size known", "size unknown"])
def test_a_large_wheel_is_read_in_parts(make_wheelhouse: MakeWheelhouse, connect: Connect, *, json: bool) -> None:
    """The client fetches only the requested members, neighbours together."""
    house = make_wheelhouse(
        """
        explanation = "A wheel larger than its tail."
        requirements = ["a"]
        [wheels.a."1.0".files]
        "a/__init__.py" = "import b"
        "a/other.py" = "import c"
        "a/unpacked.bin" = "PLACEHOLDER"
        "a/z.py" = "import d"
        """.replace("PLACEHOLDER", _incompressible(600_000))
    )
    with serve(house, ServerFeatures(json=json)) as server:
        client = connect(server.url)
        wheel = newest(client)
        assert len(client.members(wheel)) == 7
        first = len(ranges(server))
        found = client.read(wheel, ["a/__init__.py", "a/other.py", "a/z.py", "a/z.py"])
        assert found == {"a/__init__.py": b"import b", "a/other.py": b"import c", "a/z.py": b"import d"}
        assert first == 1
        assert len(ranges(server)) <= 4
        assert all(request.range for request in server.requests if request.path.startswith("/files/"))


def _incompressible(length: int) -> str:
    digests = (hashlib.sha512(str(number).encode()).hexdigest() for number in range(length // 128 + 1))
    return "".join(digests)[:length]


@pytest.mark.parametrize("refusal", [200, 403, 405, 416, 501])
def test_a_server_without_ranges_sends_the_wheel_once(house: Wheelhouse, connect: Connect, refusal: int) -> None:
    """The client requests no second range."""
    with serve(house) as files:
        page = project_json("a", house.of("a")).replace("../../files", f"{files.origin}/files").encode()

        def answer(request: ReceivedRequest) -> CannedResponse:
            if request.path == "/a/":
                return CannedResponse(body=page.replace(files.origin.encode(), b""), headers={"Content-Type": JSON})
            if "range" in request.headers and refusal != 200:
                return CannedResponse(status=refusal)
            return CannedResponse(body=(house.files / Path(request.path).name).read_bytes())

        with serve_responses(answer) as server:
            client = connect(server.origin)
            wheel, other = client.files(A)
            assert isinstance(wheel, Wheel)
            assert isinstance(other, Wheel)
            assert client.metadata(wheel).name == A
            assert client.read(wheel, ["a/more.py"]) == {"a/more.py": b"x = 1"}
            assert client.metadata(other).name == A
            tried = ["range" in request.headers for request in server.requests[1:]]
    assert tried == [True, False, False]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no Content-Range"),
        pytest.param({"Content-Range": "bytes 1-5/*"}, id="no total"),
        pytest.param({"Content-Range": "bytes 1-5/1000"}, id="another range"),
        pytest.param({"Content-Range": "bytes 0-5/5"}, id="beyond the end"),
    ],
)
def test_an_invalid_range(house: Wheelhouse, connect: Connect, headers: dict[str, str]) -> None:
    """The client downloads the whole wheel instead."""
    page = project_json("a", house.of("a")).replace("../../files", "/files").encode()

    def answer(request: ReceivedRequest) -> CannedResponse:
        if request.path == "/a/":
            return CannedResponse(body=page, headers={"Content-Type": JSON})
        if "range" in request.headers:
            return CannedResponse(status=206, body=b"nonsense", headers=headers)
        return CannedResponse(body=(house.files / Path(request.path).name).read_bytes())

    with serve_responses(answer) as server:
        client = connect(server.origin)
        assert client.metadata(newest(client)).name == A


def test_a_range_of_another_file(house: Wheelhouse, connect: Connect) -> None:
    """The archive must have the size that the index declares."""
    page = project_json("a", house.of("a")).replace("../../files", "/files").encode()
    size = house.of("a")[1].size

    def answer(request: ReceivedRequest) -> CannedResponse:
        if request.path == "/a/":
            return CannedResponse(body=page, headers={"Content-Type": JSON})
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers["range"])
        assert match is not None
        total = size + 1
        return CannedResponse(
            status=206, body=b"x" * size, headers={"Content-Range": f"bytes {match[1]}-{match[2]}/{total}"}
        )

    with serve_responses(answer) as server:
        client = connect(server.origin)
        with pytest.raises(SizeMismatch) as caught:
            client.members(newest(client))
    assert (caught.value.expected, caught.value.actual) == (size, size + 1)


def test_a_broken_zip(house: Wheelhouse, connect: Connect) -> None:
    archive = house.of("a")[1]
    archive.path.write_bytes(b"x" * archive.size)
    with serve(house) as server:
        client = connect(server.url)
        with pytest.raises(ArchiveUnreadable) as caught:
            client.metadata(newest(client))
    assert caught.value.filename == archive.path.name


def test_local_wheels_are_read_in_place(house: Wheelhouse, connect: Connect) -> None:
    client = connect(house.url)
    wheel = newest(client, "b")
    assert client.metadata(wheel).name == B
    assert client.read(wheel, ["b/__init__.py"]) == {"b/__init__.py": b""}
    buffer = io.BytesIO()
    client.download(wheel, buffer)
    assert buffer.getvalue() == house.of("b")[0].path.read_bytes()


def test_a_missing_local_wheel(house: Wheelhouse, connect: Connect) -> None:
    client = connect(house.url)
    wheel = newest(client, "b")
    house.of("b")[0].path.unlink()
    with pytest.raises(ArchiveUnreadable, match="No such file"):
        client.members(wheel)
    with pytest.raises(ArchiveUnreadable, match="No such file"):
        client.download(wheel, io.BytesIO())


def test_a_page_lists_a_missing_file(house: Wheelhouse, connect: Connect) -> None:
    """The listing has it as the page does; only reading it raises."""
    house.of("b")[0].path.unlink()
    assert newest(connect(house.url), "b").sha256 == house.of("b")[0].sha256


def test_download(house: Wheelhouse, connect: Connect) -> None:
    """It starts at the position of the file, and after a failure there again."""
    body = house.of("b")[0].path.read_bytes()
    answers = iter(
        [
            CannedResponse(status=503, body=b"sorry"),
            CannedResponse(body=body[:-7], headers={"Content-Length": str(len(body))}),
            CannedResponse(body=body),
        ]
    )
    with serve_responses(lambda _: next(answers)) as server:
        wheel = file_from_url(f"{server.origin}/b-2.0-py3-none-any.whl")
        assert isinstance(wheel, Wheel)
        buffer = io.BytesIO(b"before")
        buffer.seek(6)
        connect(server.origin).download(wheel, buffer)
    assert buffer.getvalue() == b"before" + body


@pytest.mark.parametrize("served", [-1, 1])
def test_download_of_another_size(house: Wheelhouse, connect: Connect, served: int) -> None:
    """A larger archive than declared raises at once, a smaller one at its end."""
    with serve(house) as server:
        client = connect(server.url)
        wheel = newest(client)
        path = house.files / wheel.filename
        path.write_bytes(path.read_bytes()[:-1] if served < 0 else path.read_bytes() + b"x")
        with pytest.raises(SizeMismatch) as caught:
            client.download(wheel, io.BytesIO())
    assert caught.value.actual - caught.value.expected == served


def test_an_endless_download_is_stopped(house: Wheelhouse, connect: Connect) -> None:
    page = project_json("a", house.of("a")).replace("../../files", "/files").encode()

    def answer(request: ReceivedRequest) -> CannedResponse:
        if request.path == "/a/":
            return CannedResponse(body=page, headers={"Content-Type": JSON})
        return CannedResponse(body=itertools.repeat(b"x" * 1000))

    with serve_responses(answer) as server:
        client = connect(server.origin)
        with pytest.raises(SizeMismatch):
            client.download(newest(client), io.BytesIO())


def test_a_download_that_is_refused(house: Wheelhouse, connect: Connect) -> None:
    with serve(house, ServerFeatures(failures={"/files/b-2.0-py3-none-any.whl": 404})) as server:
        client = connect(server.url)
        with pytest.raises(IndexStatusError) as caught:
            client.download(newest(client, "b"), io.BytesIO())
    assert caught.value.status == 404


def test_default_index_of_pip(tmp_path: Path) -> None:
    """minreq reads it from the pip beside it, once for each version of pip."""
    found = default_index(tmp_path)
    assert re.fullmatch(r"https://[^/]+/simple/?", found)
    (remembered,) = tmp_path.glob("default-index-*")
    cachefile.write(remembered, b"https://remembered.example/simple", tmp_path / "unfinished")
    assert default_index(tmp_path) == "https://remembered.example/simple"
    remembered.write_bytes(remembered.read_bytes().replace(b"remembered", b"evil"))
    assert default_index(tmp_path) == found


def test_the_default_index_in_the_help_of_pip() -> None:
    """Old and new versions of pip break the line differently."""
    text = "  -i, --index-url <url>\n     Base URL of the Index\n     (default https://index.example/simple). This"
    assert parse_pip_help(text) == "https://index.example/simple"
    with pytest.raises(DefaultIndexUnknown, match="--index-url"):
        parse_pip_help("--index-url <url>  Base URL. --other (default 3)")


@pytest.mark.network
def test_the_real_index(tmp_path: Path) -> None:
    """The newest litellm is outlined by few requests although its wheel has tens of megabytes."""
    from minreq.index.pipconfig import load  # noqa: PLC0415 - the configuration of this machine, in this test alone

    with IndexClient(load(), tmp_path) as client:
        files = client.files(canonicalize_name("litellm"))
        assert len(files) > 1000
        wheel = next(file for file in reversed(files) if isinstance(file, Wheel) and file.yanked is None)
        assert canonicalize_name("proxy") in client.metadata(wheel).extras
        sources = [member.path for member in client.members(wheel) if member.path.endswith("/__init__.py")]
        assert set(client.read(wheel, sources)) == set(sources)
