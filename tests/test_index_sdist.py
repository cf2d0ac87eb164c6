"""pip builds wheels from source distributions, without secrets in the environment, or the build is refused."""

from __future__ import annotations

import io
import os
import sys
import tarfile
from pathlib import Path

import pytest

from minreq.errors import SdistBuildFailed
from minreq.index.sdist import build, find_refusal
from minreq.index.settings import IndexSettings
from minreq.index.simple import file_from_url
from minreq.index.urls import local_path
from minreq.interpreter import host_platform, preset_platform
from minreq.model import Sdist

# A backend inside the source itself, so that a build needs no index.
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'

BACKEND = """
import base64, hashlib, os, zipfile

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    {first}
    files = {{
        "a.py": "environment = " + repr(sorted(os.environ.items())),
        "a-{version}.dist-info/METADATA": "Metadata-Version: 2.1\\nName: a\\nVersion: {version}\\n",
        "a-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any",
        "a-{version}.dist-info/RECORD": "",
    }}
    with zipfile.ZipFile(os.path.join(wheel_directory, "a-{version}-py3-none-any.whl"), "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return "a-{version}-py3-none-any.whl"
"""


def source(folder: Path, *, first: str = "pass", version: str = "1.0") -> tuple[Sdist, Path]:
    """A source distribution of a 1.0 whose backend does *first* and builds *version*."""
    path = folder / "a-1.0.tar.gz"
    files = {"pyproject.toml": PYPROJECT, "backend.py": BACKEND.format(first=first, version=version), "PKG-INFO": ""}
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"a-1.0/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    sdist = file_from_url(path.as_uri())
    assert isinstance(sdist, Sdist)
    return sdist, path


def settings(**others: object) -> IndexSettings:
    urls = {"index_url": "https://me:s3cret@index.example/simple", "extra_index_urls": (), "find_links": ()}
    return IndexSettings.from_urls(**{**urls, "no_index": True, **others})  # type: ignore[arg-type]  # as the test says


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://configured.example/")


def test_a_wheel_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also from relative paths; the build sees pip's settings and no other variable."""
    sdist, _ = source(tmp_path)
    monkeypatch.chdir(tmp_path)
    wheel = build(sdist, Path("a-1.0.tar.gz"), python=Path(sys.executable), to=Path("built"), settings=settings())
    assert (wheel.name, wheel.version, wheel.filename) == (sdist.name, sdist.version, "a-1.0-py3-none-any.whl")
    path = local_path(wheel.url)
    assert path is not None
    assert [path] == list((tmp_path / "built").iterdir())
    assert wheel.size == path.stat().st_size
    assert wheel.sha256 is not None
    text = path.read_bytes()
    assert b"('PIP_INDEX_URL', 'https://me:s3cret@index.example/simple')" in text
    assert b"hidden" not in text
    assert b"configured.example" not in text
    assert f"('HOME', '{os.environ['HOME']}')".encode() not in text


def test_a_build_that_fails(tmp_path: Path) -> None:
    """The last lines that pip printed are shown, without passwords."""
    sdist, path = source(tmp_path, first="raise RuntimeError(os.environ['PIP_INDEX_URL'])")
    with pytest.raises(SdistBuildFailed) as caught:
        build(sdist, path, python=Path(sys.executable), to=tmp_path / "built", settings=settings())
    assert (caught.value.project, caught.value.version) == ("a", "1.0")
    assert "RuntimeError" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert list((tmp_path / "built").iterdir()) == []


def test_a_build_of_another_version(tmp_path: Path) -> None:
    sdist, path = source(tmp_path, version="2.0")
    with pytest.raises(SdistBuildFailed):
        build(sdist, path, python=Path(sys.executable), to=tmp_path / "built", settings=settings())
    assert list((tmp_path / "built").iterdir()) == []


@pytest.mark.parametrize(
    ("only", "no", "refused"),
    [
        ((), (), False),
        ((":all:",), (), True),
        (("a",), (), True),
        (("b",), (), False),
        ((":all:",), ("a",), False),
    ],
)
def test_only_binary(tmp_path: Path, only: tuple[str, ...], no: tuple[str, ...], *, refused: bool) -> None:
    sdist, _ = source(tmp_path)
    found = find_refusal(sdist, IndexSettings(only_binary=frozenset(only), no_binary=frozenset(no)), [host_platform()])
    assert (found is not None) is refused
    if found is not None:
        assert "--only-binary" in str(found)


def test_a_foreign_platform_is_refused(tmp_path: Path) -> None:
    sdist, _ = source(tmp_path)
    found = find_refusal(sdist, IndexSettings(), [host_platform(), preset_platform("lambda-python3.12-arm64")])
    assert found is not None
    assert found.exit_status == 4
    assert "lambda-python3.12-arm64" in str(found)
