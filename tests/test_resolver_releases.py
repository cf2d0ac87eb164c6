"""Which files of a release an installer takes, and what a damaged file is."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import MakeWheelhouse
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name
from packaging.version import Version
from platforms import linux
from simpleserver import serve

from minreq.errors import HashMismatch, IndexFailure, SizeMismatch
from minreq.index.client import IndexClient
from minreq.index.settings import IndexSettings
from minreq.model import Sdist, Wheel
from minreq.resolver import Incompatibility, ResolverInput, choose_files, resolve
from minreq.source.imports import StaticImportFinder

HOST, ARM = linux(), linux("arm", machine="aarch64")


def wheel(tag: str = "py3-none-any", *, yanked: str | None = None, python: str | None = None) -> Wheel:
    """A wheel of `a` 1.0."""
    filename = f"a-1.0-{tag}.whl"
    return Wheel(
        name=canonicalize_name("a"),
        version=Version("1.0"),
        filename=filename,
        url=f"https://index.example/{filename}",
        sha256=None,
        tags=parse_tag("-".join(tag.split("-")[-3:])),
        requires_python=None if python is None else SpecifierSet(python),
        yanked=yanked,
    )


def sdist(*, yanked: str | None = None) -> Sdist:
    name, filename = canonicalize_name("a"), "a-1.0.tar.gz"
    url = f"https://index.example/{filename}"
    return Sdist(name=name, version=Version("1.0"), filename=filename, url=url, sha256=None, yanked=yanked)


@pytest.mark.parametrize(
    ("files", "taken", "yanked"),
    [
        ([wheel(), wheel("2-py3-none-any"), wheel("10-py3-none-any")], "a-1.0-10-py3-none-any.whl", None),
        ([wheel(), wheel("cp312-cp312-manylinux_2_28_x86_64")], "a-1.0-cp312-cp312-manylinux_2_28_x86_64.whl", None),
        ([wheel(), wheel("2-py3-none-any", yanked="why")], "a-1.0-py3-none-any.whl", None),
        ([wheel(), wheel("2-py3-none-any", python="<3")], "a-1.0-py3-none-any.whl", None),
        ([wheel(yanked="why"), wheel("cp312-cp312-win_amd64")], "a-1.0-py3-none-any.whl", "why"),
        ([wheel(yanked="why"), sdist()], "a-1.0.tar.gz", None),
        ([wheel(yanked="why"), sdist(yanked="")], "a-1.0-py3-none-any.whl", "why"),
        ([wheel("py2.py3-none-any"), wheel()], "a-1.0-py3-none-any.whl", None),
    ],
)
def test_choice(files: list[Wheel | Sdist], taken: str, yanked: str | None) -> None:
    """The best tag and the last build of what fits; a yanked file only where nothing else fits."""
    release = choose_files(files, [HOST], platforms=[HOST], builds=True)
    assert not isinstance(release, Incompatibility)
    file = release.wheel or release.sdist
    assert file is not None
    assert (file.filename, release.yanked) == (taken, yanked)


@pytest.mark.parametrize(
    ("files", "required_on", "reason"),
    [
        ([wheel("cp312-cp312-manylinux_2_28_x86_64")], [HOST], None),
        ([wheel("cp312-cp312-manylinux_2_28_x86_64")], [ARM], "has no wheel for arm"),
        ([wheel("cp312-cp312-manylinux_2_28_x86_64")], [HOST, ARM], "has no wheel for arm"),
        ([wheel("cp312-cp312-manylinux_2_28_aarch64")], [ARM], None),
        ([wheel(python="<3")], [HOST], "requires Python <3, and the host has 3.12.1"),
        ([sdist()], [HOST], "has no wheel for the host, and its source is built for the host alone"),
    ],
)
def test_platforms(files: list[Wheel | Sdist], required_on: list[object], reason: str | None) -> None:
    """A wheel is needed where something requires the project, and nowhere else."""
    platforms = [each for each in (HOST, ARM) if each in required_on]
    release = choose_files(files, platforms, platforms=[HOST, ARM], builds=True)
    assert (str(release) if isinstance(release, Incompatibility) else None) == reason


@pytest.mark.parametrize(("length", "error"), [(None, HashMismatch), (10, SizeMismatch)])
def test_a_damaged_file_is_no_broken_release(
    length: int | None, error: type[IndexFailure], make_wheelhouse: MakeWheelhouse, tmp_path: Path
) -> None:
    """Else whoever can damage a file could choose an older version."""
    house = make_wheelhouse(
        """
        explanation = ""
        requirements = ["a"]
        [wheels]
        a."1.0" = {}
        a."2.0" = {}
        """
    )
    file = house.files / "a-2.0-py3-none-any.whl"
    file.write_bytes(b"x" * (length or file.stat().st_size))
    with serve(house) as server, IndexClient(IndexSettings(index_url=server.url), tmp_path / "cache") as index:
        inputs = ResolverInput(root=Requirement("a"), host=HOST)
        with pytest.raises(error, match=r"a-2\.0-py3-none-any\.whl"):
            resolve(inputs, index, StaticImportFinder(index))
