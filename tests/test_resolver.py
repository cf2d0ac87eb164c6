"""The resolver: a scenario per rule, what it asks of the index, and the real index."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from conftest import MakeWheelhouse
from folderindex import FolderIndex
from hypothesis import given, settings, strategies as st
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.tags import sys_tags
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version
from platforms import linux
from wheelhouse import SCENARIOS, Release, Scenario, load, write

from minreq import errors
from minreq.index import pipconfig
from minreq.index.client import IndexClient
from minreq.model import PassedOver, Platform, Resolution, Sdist, Wheel
from minreq.requirements import StatedRequirement
from minreq.resolver import Demand, extend, resolve
from minreq.resolver.ahead import Ahead
from minreq.resolver.catalogue import Catalogue
from minreq.resolver.provider import Provider, Trail
from minreq.resolver.search import solve
from minreq.source.imports import StaticForecast

PLATFORMS = {
    "host": linux(),
    "old-glibc": linux(glibc=17),
    "arm-3.10": linux("arm-3.10", python="3.10.5", machine="aarch64", glibc=28),
}


class UntoldIndex(FolderIndex):
    """Pages that do not tell requires-python, like a folder for find-links."""

    def files(self, name: NormalizedName) -> tuple[Wheel | Sdist, ...]:
        return tuple(replace(file, requires_python=None) for file in super().files(name))


def stated(requirements: list[str], origin: str) -> tuple[StatedRequirement, ...]:
    return tuple(StatedRequirement(requirement=Requirement(text), origin=f"{origin} {text}") for text in requirements)


def demand_of(scenario: Scenario, asked: dict[str, Any], index: FolderIndex) -> Demand:
    """The demand that a scenario describes; takes from *asked* what it uses."""
    root = Requirement(scenario.root)
    return Demand(
        root=root,
        host=PLATFORMS[asked.pop("host", "host")],
        targets=tuple(PLATFORMS[name] for name in asked.pop("targets", ())),
        available=stated(asked.pop("available", []), "--with"),
        whole=stated(asked.pop("whole", []), "--whole"),
        provided=stated(asked.pop("provided", []), "--provided"),
        constraints=stated(asked.pop("constraints", []), "--constraint"),
        overrides=stated(asked.pop("overrides", []), "--override"),
        preferred={canonicalize_name(name): Version(v) for name, v in asked.pop("preferred", {}).items()},
        passed_over=tuple(
            PassedOver(name=canonicalize_name(root.name), version=Version(version), reason=reason)
            for version, reason in (text.split(": ", 1) for text in asked.pop("said_before", ()))
        ),
        refused={
            canonicalize_name(name): frozenset(map(Version, versions))
            for name, versions in asked.pop("refused", {}).items()
        },
        exclude_newer=asked.pop("exclude_newer", None),
        only_binary=frozenset(asked.pop("only_binary", ())),
        no_binary=frozenset(asked.pop("no_binary", ())),
        builder=index if asked.pop("sdists", False) else None,
    )


def check(resolution: Resolution, expected: dict[str, Any], index: FolderIndex) -> None:
    """Compare with what the scenario expects; takes from *expected* what it uses."""
    assert {name: str(pin.version) for name, pin in resolution.pins.items()} == expected.pop("pins")
    assert [f"{p.version}: {p.reason}" for p in resolution.passed_over] == expected.pop("passed_over", [])
    assert list(resolution.notes) == expected.pop("notes", [])
    assert sorted(resolution.whole) == expected.pop("whole_names", [])
    assert sorted(resolution.provided) == expected.pop("provided_names", [])
    if "requires" in expected:
        assert {name: sorted(names) for name, names in resolution.requires.items()} == expected.pop("requires")
    for name, filenames in expected.pop("wheels", {}).items():
        assert [wheel.filename for wheel in resolution.pins[canonicalize_name(name)].wheels] == filenames
    for name, filename in expected.pop("wheel", {}).items():
        assert resolution.pins[canonicalize_name(name)].wheel.filename == filename
    assert not set(expected.pop("never_looked_into", ())) & set(index.looked_into)


@pytest.mark.parametrize("path", sorted((SCENARIOS / "resolver").glob("*.toml")), ids=lambda path: path.stem)
def test_scenario(path: Path, tmp_path: Path) -> None:
    """Each file says why it exists."""
    scenario = load(path)
    assert scenario.explanation
    house = write(scenario, tmp_path / "house")
    table = dict(scenario.resolve)
    index = UntoldIndex(house) if table.pop("metadata_only_requires_python", False) else FolderIndex(house)
    index.only_binary = frozenset(table.pop("refused_by_builder", ()))
    demand = demand_of(scenario, table, index)
    if "error" in table:
        with pytest.raises(errors.MinreqError) as caught:
            resolve(demand, index, StaticForecast(index))
        assert (type(caught.value).__name__, table.pop("says")) == (
            table.pop("error"),
            str(caught.value).split(" (file")[0],
        )
    else:
        check(resolve(demand, index, StaticForecast(index)), table, index)
    assert not table, "keys of [resolve] that nothing read"


def litellm_like(make_wheelhouse: MakeWheelhouse) -> tuple[FolderIndex, Demand]:
    """A root with extras, one of which asks for what the pins do not allow."""
    house = make_wheelhouse(
        """
        explanation = ""
        requirements = ["a"]
        [wheels]
        a."1.0" = { requires = ["b<2", "d"], extras = { tools = ["tool", "b"], clash = ["b>=2"], none = [] } }
        b."1.0" = {}
        b."2.0" = {}
        d."1.0" = {}
        tool."1.0" = { requires = ["wrench", "d"] }
        wrench."1.0" = {}
        wrench."2.0" = { requires = ["d>=2"] }
        """
    )
    return FolderIndex(house), Demand(root=Requirement("a"), host=linux())


def test_extend_adds_and_keeps_every_pin(make_wheelhouse: MakeWheelhouse) -> None:
    """An extra at a hard miss brings its closure; what is pinned stays, although newer versions exist."""
    index, demand = litellm_like(make_wheelhouse)
    base = resolve(demand, index, StaticForecast(index))
    assert sorted(base.pins) == ["a", "b", "d"]
    extended = extend(base, Requirement("a[tools]"), demand, index)
    assert {name: str(pin.version) for name, pin in extended.pins.items()} == {
        "a": "1.0",
        "b": "1.0",
        "d": "1.0",
        "tool": "1.0",
        "wrench": "1.0",
    }
    assert extended.extras == {"tool": "a[tools]", "wrench": "a[tools]"}
    assert extended.requires[canonicalize_name("a")] == {"b", "d", "tool"}
    assert all(extended.pins[name] is pin for name, pin in base.pins.items())


def test_extend_conflicts_with_a_pin(make_wheelhouse: MakeWheelhouse) -> None:
    """What an extra asks for against a pin is an error that says so."""
    index, demand = litellm_like(make_wheelhouse)
    base = resolve(demand, index, StaticForecast(index))
    with pytest.raises(errors.VersionsConflict) as caught:
        extend(base, Requirement("a[clash]"), demand, index)
    assert str(caught.value) == (
        "cannot resolve a[clash]: a 1.0 with its extra clash requires b>=2, and b 1.0 is pinned already; "
        "to set that aside say --override 'b>=2.0'"
    )


def test_extend_by_an_unknown_extra(make_wheelhouse: MakeWheelhouse) -> None:
    """An extra that is not there brings nothing, which is an error."""
    index, demand = litellm_like(make_wheelhouse)
    base = resolve(demand, index, StaticForecast(index))
    with pytest.raises(errors.UnknownExtra, match=r"a 1\.0 has no extra 'mcp'; it has clash, none, tools"):
        extend(base, Requirement("a[mcp]"), demand, index)


class StrangeIndex(FolderIndex):
    """An index with a version none of whose files can be read after all."""

    def releases(self, name: NormalizedName) -> Mapping[Version, tuple[Wheel | Sdist, ...]]:
        return {**super().releases(name), Version("9"): ()}


def test_a_version_without_a_readable_file(make_wheelhouse: MakeWheelhouse) -> None:
    """It is passed over, which the result says of the root."""
    index = StrangeIndex(make_wheelhouse(BROKEN.replace('"b<2"', '"b"').replace('requires = ["broken"]', "")))
    resolution = resolve(Demand(root=Requirement("a"), host=linux()), index, StaticForecast(index))
    assert {name: str(pin.version) for name, pin in resolution.pins.items()} == {"a": "2.0", "b": "2.0"}
    assert [(str(p.version), p.reason) for p in resolution.passed_over] == [
        ("9", "it has no file whose name can be read")
    ]


class BrokenIndex(FolderIndex):
    """An index of which one page cannot be had."""

    def files(self, name: NormalizedName) -> tuple[Wheel | Sdist, ...]:
        if name == "broken":
            raise errors.IndexAnswered(500, "https://index.example/simple/broken/")
        return super().files(name)


BROKEN = """
explanation = ""
requirements = ["a"]
[wheels]
a."1.0" = { requires = ["b<2"] }
b."1.0" = {}
b."2.0" = { requires = ["broken"] }
a."2.0" = { requires = ["b"] }
"""


def test_failure_of_the_index_is_no_missing_project(make_wheelhouse: MakeWheelhouse) -> None:
    """An index that fails ends the resolution: another answer would be made of what happened to be reachable."""
    index = BrokenIndex(make_wheelhouse(BROKEN))
    with pytest.raises(errors.IndexAnswered):
        resolve(Demand(root=Requirement("a"), host=linux()), index, StaticForecast(index))


def test_what_was_only_looked_at_ahead_cannot_fail_a_resolution(make_wheelhouse: MakeWheelhouse) -> None:
    """`broken` is looked at while the newest `b` is thought likely, and then nothing asks for it."""
    index = BrokenIndex(make_wheelhouse(BROKEN))
    resolution = resolve(Demand(root=Requirement("a==1.0"), host=linux()), index, StaticForecast(index))
    assert sorted(resolution.pins) == ["a", "b"]


def test_each_page_and_wheel_is_asked_for_once(make_wheelhouse: MakeWheelhouse) -> None:
    """However often the search comes back to a project."""
    scenario = (SCENARIOS / "resolver" / "step-back.toml").read_text()
    index = FolderIndex(make_wheelhouse(scenario))
    resolve(Demand(root=Requirement("a"), host=linux()), index, StaticForecast(index))
    assert len(index.projects) == len(set(index.projects))
    assert len(index.looked_into) == len(set(index.looked_into))


def test_search_gives_up(make_wheelhouse: MakeWheelhouse) -> None:
    """A search that takes too many steps is an error with a way out, not a hang."""
    index = FolderIndex(make_wheelhouse(BROKEN))
    with Ahead() as ahead:
        provider = Provider(Catalogue(Demand(root=Requirement("a"), host=linux()), index, ahead))
        wishes = provider.stated(StatedRequirement(requirement=Requirement("a==1.0"), origin="--with"))
        with pytest.raises(errors.ResolutionTooDeep, match="gave up resolving a after 1 steps"):
            solve(provider, Trail(), wishes, "a", rounds=1)


VERSIONS = st.sampled_from(["1.0", "1.1", "2.0", "2.1rc1", "3.0"])
NAMES = st.sampled_from(["b", "c", "d", "e"])
REQUIREMENTS = st.builds(
    "{}{}".format, NAMES, st.sampled_from(["", ">=2", "<2", "!=3.0", "==1.*", "~=2.0", ">=2.1rc1", ">9"])
)
RELEASES = st.dictionaries(
    st.tuples(st.one_of(st.just("a"), NAMES), VERSIONS), st.lists(REQUIREMENTS, max_size=3), min_size=1, max_size=14
)


@given(releases=RELEASES, data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_resolution_holds_and_order_changes_nothing(
    releases: dict[tuple[str, str], list[str]], data: st.DataObject
) -> None:
    """Every requirement of every pin is satisfied or told of; the order in which an index lists files is nothing."""
    shuffled = data.draw(st.permutations(sorted(releases)))
    answers = []
    for order in (sorted(releases), shuffled):
        with TemporaryDirectory() as folder:
            scenario = Scenario(
                explanation="",
                root="a",
                requirements=("a",),
                releases=tuple(Release(name=n, version=v, requires=tuple(releases[n, v])) for n, v in order),
            )
            index = FolderIndex(write(scenario, Path(folder) / "house"))
            try:
                resolution = resolve(Demand(root=Requirement("a"), host=linux()), index, StaticForecast(index))
            except errors.MinreqError as error:
                answers.append(type(error).__name__)
                continue
            answers.append(
                str({name: pin.version for name, pin in resolution.pins.items()})
                + str(resolution.notes)
                + str(resolution.passed_over)
            )
            told = " ".join(resolution.notes)
            for name, pin in resolution.pins.items():
                for requirement in map(Requirement, releases[name, str(pin.version)]):
                    chosen = resolution.pins.get(canonicalize_name(requirement.name))
                    held = chosen is not None and requirement.specifier.contains(chosen.version, prereleases=True)
                    assert held or f"{name} {pin.version} requires {requirement}" in told
            reached, waiting = set(), ["a"]
            while waiting:
                name = canonicalize_name(waiting.pop())
                if name not in reached:
                    reached.add(name)
                    waiting += resolution.requires[name]
            assert reached == set(resolution.pins)
    assert answers[0] == answers[1]


@pytest.mark.network
@pytest.mark.parametrize("requirement", ["litellm==1.78.7", "litellm==1.106.2", "litellm-core==1.106.2"])
def test_same_pins_as_pip(requirement: str, tmp_path: Path) -> None:
    """From metadata alone, the very set and versions that pip would install."""
    report = tmp_path / "report.json"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--ignore-installed",
        "--quiet",
        "--report",
        str(report),
    ]
    subprocess.run([*pip, requirement], check=True)
    installed = json.loads(report.read_text())["install"]
    expected = {canonicalize_name(item["metadata"]["name"]): item["metadata"]["version"] for item in installed}
    host = Platform(
        name="host",
        python_version=Version(platform.python_version()),
        markers={name: str(value) for name, value in default_environment().items()},
        tags=tuple(sys_tags()),
    )
    with IndexClient(pipconfig.load(), tmp_path / "cache") as client:
        resolution = resolve(Demand(root=Requirement(requirement), host=host), client, StaticForecast(client))
    assert {name: str(pin.version) for name, pin in resolution.pins.items()} == expected
