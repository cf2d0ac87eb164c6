"""The wheelhouse itself: what other tests stand on."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from conftest import MakeWheelhouse
from installer.sources import WheelFile
from packaging.metadata import Metadata
from packaging.utils import parse_sdist_filename, parse_wheel_filename
from simpleserver import ServerFeatures, serve
from wheelhouse import SCENARIOS, load, parse, write

JSON = "application/vnd.pypi.simple.v1+json"

EVERYTHING = """
explanation = "One release with every key."
requirements = ["a"]
program = "import a"
[wheels]
a."1.0" = { requires = ["b>1 ; python_version >= '3'"], requires_python = ">=3.8", yanked = "broken", upload_time = "2026-01-31T12:00:00Z", tag = ["py3-none-any", "cp312-abi3-manylinux_2_28_x86_64"], extras = { x = ["c", "d ; sys_platform == 'linux' or os_name == 'nt'"] }, files = { "a/__init__.py" = "import b" }, scripts = { go = "#!python" }, entry_points = { console_scripts = { a = "a:main" } } }
b."2.0" = {}
c."1.0" = { sdist = true }
"""  # noqa: E501 - TOML keeps an inline table on one line.


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, follow_redirects=True) as client:
        yield client


def test_wheel_is_valid_and_reproducible(make_wheelhouse: MakeWheelhouse) -> None:
    """The wheel satisfies `installer`, RECORD included, and the same scenario gives the same bytes."""
    one, two = make_wheelhouse(EVERYTHING), make_wheelhouse(EVERYTHING)
    assert [a.sha256 for a in one.archives] == [a.sha256 for a in two.archives]
    for archive in one.archives:
        if not archive.release.sdist:
            with WheelFile.open(archive.path) as wheel:
                wheel.validate_record()


def test_metadata_reads_back(make_wheelhouse: MakeWheelhouse) -> None:
    """METADATA is what `packaging` accepts, extras with their markers included."""
    archive = make_wheelhouse(EVERYTHING).of("a")[0]
    with zipfile.ZipFile(archive.path) as wheel:
        metadata = Metadata.from_email(wheel.read("a-1.0.dist-info/METADATA"))
        assert wheel.read("a-1.0.dist-info/entry_points.txt") == b"[console_scripts]\na = a:main\n"
        assert wheel.read("a-1.0.data/scripts/go") == b"#!python"
    assert metadata.provides_extra == ["x"]
    assert list(map(str, metadata.requires_dist or ())) == [
        'b>1; python_version >= "3"',
        'c; extra == "x"',
        'd; (sys_platform == "linux" or os_name == "nt") and extra == "x"',
    ]


def test_file_names_parse(make_wheelhouse: MakeWheelhouse) -> None:
    """A release has a wheel for each tag, or a source distribution."""
    house = make_wheelhouse(EVERYTHING)
    assert [parse_wheel_filename(a.path.name)[1].public for a in house.of("a")] == ["1.0", "1.0"]
    assert parse_sdist_filename(house.of("c")[0].path.name)[0] == "c"
    assert house.of("a")[0].value.yanked == "broken"


def test_misspelt_key_is_refused() -> None:
    """A key nobody reads would make a test say less than it seems to."""
    with pytest.raises(ValueError, match="dropt"):
        parse('explanation = ""\nrequirements = ["a"]\ndropt = []')
    with pytest.raises(ValueError, match=r"a 1\.0: .*require'"):
        parse('explanation = ""\nrequirements = ["a"]\n[wheels]\na."1.0" = { require = [] }')


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.toml")), ids=lambda path: path.stem)
def test_shared_scenarios_load_and_write(path: Path, tmp_path: Path) -> None:
    """Every shared scenario is well formed and says why it exists."""
    scenario = load(path)
    house = write(scenario, tmp_path / "house")
    assert scenario.explanation
    assert not set(scenario.kept) & set(scenario.dropped)
    assert {*scenario.kept, *scenario.dropped} <= {a.release.name for a in house.archives}


def test_pip_installs_from_folder_and_find_links(make_wheelhouse: MakeWheelhouse, tmp_path: Path) -> None:
    """The folder is an index to pip, the flat folder a find-links place, and the source distribution builds offline."""
    house = make_wheelhouse(
        'explanation = ""\nrequirements = ["a"]\n[wheels]\na."1.0" = { requires = ["b"] }\nb."1.0" = { sdist = true }'
    )
    for number, options in enumerate((["--index-url", house.url], ["--no-index", "--find-links", str(house.files)])):
        target = tmp_path / f"target-{number}"
        command = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run([*command, "--target", target, *options, "a"], check=True)
        assert {path.name for path in target.iterdir()} >= {"a", "b", "a-1.0.dist-info", "b-1.0.dist-info"}


def test_server_answers_json_html_ranges_and_metadata(make_wheelhouse: MakeWheelhouse, client: httpx.Client) -> None:
    """Every form of the Simple API that the features names."""
    house = make_wheelhouse(EVERYTHING)
    archive = house.of("a")[0]
    with serve(house, ServerFeatures(metadata=True)) as index:
        entry = client.get(f"{index.url}a/", headers={"Accept": JSON}).json()["files"][0]
        assert entry["core-metadata"].keys() == {"sha256"}
        assert entry["upload-time"] == "2026-01-31T12:00:00Z"
        assert entry["yanked"] == "broken"
        assert 'data-requires-python="&gt;=3.8"' in client.get(f"{index.url}a/").text
        assert 'href="a/"' in client.get(index.url).text
        assert 'data-yanked="broken"' in client.get(f"{index.url}a").text  # redirected
        file = f"{index.origin}/files/{archive.path.name}"
        content = archive.path.read_bytes()
        for wanted, got in (("-22", content[-22:]), ("0-3", b"PK\x03\x04"), ("4-", content[4:])):
            response = client.get(file, headers={"Range": f"bytes={wanted}"})
            assert (response.status_code, response.content) == (206, got)
        assert client.get(file, headers={"Range": "bytes=99999999-"}).status_code == 416
        assert client.get(file).content == content
        assert client.get(f"{file}.metadata").text.startswith("Metadata-Version")
    assert index.requests[0].path == "/simple/a/"
    assert index.requests[0].accept == JSON


def test_server_can_lack_things_and_fail(make_wheelhouse: MakeWheelhouse, client: httpx.Client) -> None:
    """What an index in the field may lack, each by a switch."""
    house = make_wheelhouse(EVERYTHING)
    features = ServerFeatures(ranges=False, json=False, failures={"/simple/b/": 500}, credentials="me:secret")
    with serve(house, features) as index:
        assert client.get(f"{index.url}a/").status_code == 401
        client.auth = httpx.BasicAuth("me", "secret")
        file = f"{index.origin}/files/{house.of('a')[0].path.name}"
        assert client.get(file, headers={"Range": "bytes=-22"}).status_code == 200
        assert client.get(f"{index.url}a/", headers={"Accept": JSON}).text.startswith("<!DOCTYPE html>")
        assert client.get(f"{index.url}b/").status_code == 500
        for url in (f"{index.url}missing/", f"{file}.metadata", f"{index.origin}/elsewhere"):
            assert client.get(url).status_code == 404


def test_server_revalidates_pages(make_wheelhouse: MakeWheelhouse, client: httpx.Client) -> None:
    """Pages carry an ETag, so that a cache can ask whether they changed."""
    with serve(make_wheelhouse(EVERYTHING)) as index:
        etag = client.get(f"{index.url}a/").headers["ETag"]
        assert client.get(f"{index.url}a/", headers={"If-None-Match": etag}).status_code == 304
        assert client.head(f"{index.url}a/").content == b""
