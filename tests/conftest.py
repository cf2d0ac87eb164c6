"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from wheelhouse import Wheelhouse, parse, write

#: Turns the text of a scenario into a wheelhouse in a folder of its own.
MakeWheelhouse = Callable[[str], Wheelhouse]


@pytest.fixture
def make_wheelhouse(tmp_path: Path) -> MakeWheelhouse:
    """Write the scenario of the text given; each call makes another folder."""
    numbers = count(1)
    return lambda text: write(parse(text), tmp_path / f"wheelhouse-{next(numbers)}")
