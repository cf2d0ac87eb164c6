"""The closure grows by the extra that brings least, and no other is resolved in vain."""

from __future__ import annotations

from functools import partial
from typing import BinaryIO

import pytest
from conftest import MakeWheelhouse
from folderindex import FolderIndex
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from platforms import linux
from scenariorun import FileDownloader

from minreq.errors import HostileWheel
from minreq.model import Resolution, Sdist, Wheel
from minreq.resolver import ResolverInput, extend, resolve
from minreq.source.imports import StaticImportFinder
from minreq.wheels.closure import Closure
from minreq.wheels.store import Store

A = canonicalize_name("a")

SCENARIO = """
explanation = "Three extras of `a` bring `tool`; one brings least. One brings `hidden` along, one cannot be had."
requirements = ["a"]
[wheels]
tool."1.0" = { requires = ["below"], entry_points = { "a.plugins" = { tool = "tool:run" } } }
below."1.0" = {}
other."1.0" = {}
third."1.0" = { requires = ["hidden"] }
hidden."1.0" = {}
[wheels.a."1.0".extras]
tool = ["tool"]
two = ["tool", "other"]
all = ["tool", "other", "third"]
third = ["third"]
broken = ["nowhere"]
"""


REFUSED = """
explanation = "`b` has a start-up file, which another lock accepted."
requirements = ["a"]
[wheels]
a."1.0" = { requires = ["b"] }
[wheels.b."1.0"]
entry_points = { "a.plugins" = { tool = "b:run" } }
files = { "b/__init__.py" = "", "b.pth" = "import b" }
"""


class NoArchives:
    """Of a wheel that nobody imports nothing is fetched."""

    def download(self, wheel: Wheel | Sdist, to: BinaryIO) -> None:
        raise AssertionError(wheel, to)


def closure_of(make_wheelhouse: MakeWheelhouse, asked: list[str], kind: type[Closure] = Closure) -> Closure:
    """A closure of `a` alone; what it tries to extend itself by is added to *asked*."""
    house = make_wheelhouse(SCENARIO)
    index = FolderIndex(house)
    inputs = ResolverInput(root=Requirement("a"), host=linux())

    def extended(resolution: Resolution, requirement: Requirement) -> Resolution:
        asked.append(str(requirement))
        return extend(resolution, requirement, inputs, index)

    store = Store(house.folder / "store", NoArchives())
    return kind(resolve(inputs, index, StaticImportFinder(index)), index, store, extended)


class Watched(Closure):
    """Looked at by another run each time that something of it changes."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if "import_map" in vars(self):
            owners = {owner for names in self.import_map.owners.values() for owner in names}
            assert owners <= self.resolution.pins.keys(), name


def test_who_looks_while_it_grows_sees_no_owner_without_a_pin(make_wheelhouse: MakeWheelhouse) -> None:
    closure = closure_of(make_wheelhouse, [], Watched)
    assert closure.supply("hidden", A) == "hidden"
    assert "hidden" in closure.import_map.owners


def test_the_extra_that_requires_least_is_resolved_first(make_wheelhouse: MakeWheelhouse) -> None:
    """What requires more than it brought is not resolved at all; what could bring as little is."""
    asked: list[str] = []
    closure = closure_of(make_wheelhouse, asked)
    assert closure.supply("tool", A) == "tool"
    assert (asked[0], sorted(asked)) == ("a[tool]", ["a[tool]", "a[two]"])
    assert dict(closure.resolution.extras) == {"tool": "a[tool]", "below": "a[tool]"}
    # Nothing is asked twice.
    assert closure.supply("tool", A) == "tool"
    assert len(asked) == 2


def test_a_module_that_no_extra_names_may_be_brought_along(make_wheelhouse: MakeWheelhouse) -> None:
    asked: list[str] = []
    closure = closure_of(make_wheelhouse, asked)
    assert closure.supply("hidden", A) == "hidden"
    assert closure.resolution.extras[canonicalize_name("hidden")] == "a[third]"


def test_a_module_that_no_extra_brings(make_wheelhouse: MakeWheelhouse) -> None:
    """An extra that cannot be had supplies nothing; the closure stays as it is."""
    asked: list[str] = []
    closure = closure_of(make_wheelhouse, asked)
    assert closure.supply("nonsense", A) is None
    assert closure.supply("nonsense", A) is None
    assert sorted(asked) == ["a[all]", "a[broken]", "a[third]", "a[tool]", "a[two]"]
    assert list(closure.resolution.pins) == [A]


def test_entry_points_are_read_without_a_download(make_wheelhouse: MakeWheelhouse) -> None:
    """Of what is in the closure now, and of what an extra brought."""
    closure = closure_of(make_wheelhouse, [])
    assert closure.entry_points() == {}
    closure.supply("tool", A)
    assert closure.entry_points() == {
        canonicalize_name("tool"): ("tool-1.0.dist-info", "[a.plugins]\ntool = tool:run\n")
    }


def test_a_wheel_that_is_refused_is_listed_all_the_same(make_wheelhouse: MakeWheelhouse) -> None:
    """It lies in the store since another lock accepted it; to be listed nothing of it runs, and nobody needs it."""
    house = make_wheelhouse(REFUSED)
    index, b = FolderIndex(house), canonicalize_name("b")
    inputs = ResolverInput(root=Requirement("a"), host=linux())
    resolution = resolve(inputs, index, StaticImportFinder(index))
    Store(house.folder / "store", FileDownloader(), allow_pth=[b]).unpack(resolution.pins[b].wheel)
    store = Store(house.folder / "store", FileDownloader())
    closure = Closure(resolution, index, store, partial(extend, inputs=inputs, index=index))
    with pytest.raises(HostileWheel):
        closure.unpack(b)
    tree, may_start_up = closure.unpack_tree(b)  # For an environment, which empties the file.
    assert (tree / "lib" / "b.pth").is_file()
    assert not may_start_up
    assert closure.entry_points() == {b: ("b-1.0.dist-info", "[a.plugins]\ntool = b:run\n")}
