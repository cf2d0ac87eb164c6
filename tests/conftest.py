"""Fixtures for all tests."""

from __future__ import annotations

import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from coldtree import SCENARIO, ColdTree, build_trees
from commanding import Project, project
from wheelhouse import Wheelhouse, parse, write

#: Turns the text of a scenario into a wheelhouse in a folder of its own.
MakeWheelhouse = Callable[[str], Wheelhouse]


def pytest_configure() -> None:
    """What runs in the background of a script ignores Ctrl-C, and so would all that the tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def make_wheelhouse(tmp_path: Path) -> MakeWheelhouse:
    """Write the scenario of the text given; each call makes another folder."""
    numbers = count(1)
    return lambda text: write(parse(text), tmp_path / f"wheelhouse-{next(numbers)}")


@pytest.fixture(scope="session")
def cold_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The lock of a wheelhouse with files of every kind; builds of it go into folders of their own."""
    made = project(SCENARIO, tmp_path_factory.mktemp("cold"))
    made.make_lock()
    return made


@pytest.fixture(scope="session")
def cold_tree(cold_project: Project) -> ColdTree:
    """What is built of it; not to be changed."""
    return build_trees(cold_project)
