"""`minreq versions` as a user meets it: releases of a wheelhouse, by size and by where they load."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from commanding import Project, project

SCENARIO = """
explanation = "Newer releases of `app` have wheels for newer systems alone."
requirements = ["app"]
program = "import app"
[wheels.app."1.0"]
requires = ["needed", "unused", "other ; sys_platform == 'win32'"]
files = { "app/__init__.py" = "import needed", "app/big/data.txt" = "0123456789" }
[wheels.app."2.0"]
requires = ["needed"]
tag = ["cp310-abi3-manylinux_2_28_x86_64", "cp310-abi3-macosx_11_0_arm64"]
[wheels.app."3.0rc1"]
[wheels.app."0.9"]
yanked = true
[wheels.app."0.8"]
requires_python = "<3"
[wheels]
needed."1.0" = {}
unused."1.0" = {}
other."1.0" = {}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return project(SCENARIO, tmp_path_factory.mktemp("versions"))


def test_sizes_and_where_they_load(made: Project) -> None:
    done = made.minreq("versions", "app", "--platform", "lambda-python3.11-x86_64", "--json", "-q")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert [each["version"] for each in found["releases"]] == ["2.0", "1.0", "0.8"]
    newest, older, oldest = found["releases"]
    assert (newest["loads"], newest["why_not"]) == (False, "its wheels are for manylinux_2_28_x86_64")
    assert newest["platforms"] == ["macosx_11_0_arm64", "manylinux_2_28_x86_64"]
    assert (older["loads"], older["requirements"], older["parts"]["app/big"]) == (True, 2, 10)
    assert oldest["why_not"] == "requires Python <3"
    assert found["warnings"] == [
        (
            "for lambda-python3.11-x86_64 an installer takes app 1.0 and does not mention 2.0: "
            "its wheels are for manylinux_2_28_x86_64"
        )
    ]


def test_that_a_target_means_an_older_one_is_part_of_the_result(made: Project) -> None:
    done = made.minreq("versions", "app", "--platform", "lambda-python3.11-x86_64", "-q")
    assert done.out.splitlines()[-1].startswith(
        "for lambda-python3.11-x86_64 an installer takes app 1.0 and does not mention 2.0: "
    )


def test_a_platform_on_which_the_newest_loads_is_not_warned_of(made: Project) -> None:
    done = made.minreq("versions", "app", "--last", "1", "--platform", "lambda-python3.12-x86_64")
    assert (done.status, "does not mention" in done.out) == (0, False)
    assert done.out.splitlines()[0].split() == ["app", "unpacked", "requires", "loads", "largest", "parts"]
    assert done.out.splitlines()[1].split()[0] == "2.0"


def test_nothing_of_the_range(made: Project) -> None:
    done = made.minreq("versions", "app>9")
    assert (done.status, done.sentences) == (
        4,
        ["no version of app that can be used satisfies app>9; the newest that can be used is 2.0"],
    )


def test_the_minimal_total_and_a_picture(made: Project) -> None:
    done = made.minreq(
        *("versions", "app<2", "--last", "1", "--trace", "--smoke", "smoke.py", "--plot", "sizes.svg", "--json", "-q")
    )
    assert done.status == 0, done.err
    (release,) = json.loads(done.out)["releases"]
    assert release["minimal_bytes"] > release["bytes"]
    assert not made.lock.exists()
    picture = ET.fromstring(made.folder.joinpath("sizes.svg").read_text())  # noqa: S314 - Our own.
    told = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"app: unpacked bytes of the wheel", "1.0", "size of a lock"} <= set(told)


def test_the_wheel_is_the_one_that_a_lock_takes(tmp_path: Path) -> None:
    """The highest build number; a wheel for another Python or a yanked one is no choice."""
    own = project(
        """
        explanation = "One release with several wheels for each platform."
        requirements = ["app"]
        [wheels]
        app."1.0" = { tag = ["py3-none-any", "2-py3-none-any", "10-py3-none-any"] }
        """,
        tmp_path,
    )
    done = own.minreq("versions", "app", "--json", "-q")
    (release,) = json.loads(done.out)["releases"]
    assert release["wheel"] == "app-1.0-10-py3-none-any.whl"


def test_a_trace_needs_a_smoke(made: Project, tmp_path: Path) -> None:
    done = made.minreq("versions", "app", "--trace", "--plot", str(tmp_path / "no" / "sizes.svg"))
    assert (done.status, done.sentences[0].startswith("nothing to run: ")) == (2, True)
