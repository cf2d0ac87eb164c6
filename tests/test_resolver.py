"""The resolver: one scenario for each rule, the reads of the index, and the real index."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
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
from minreq.model import PassedOver, Platform, Resolution, Runtime, Sdist, Wheel
from minreq.requirements import UserRequirement
from minreq.resolver import ResolverInput, extend, resolve
from minreq.resolver.background import BackgroundWork
from minreq.resolver.finder import ReleaseFinder
from minreq.resolver.provider import Provider, RequirementChains
from minreq.resolver.search import solve
from minreq.source.imports import StaticImportFinder

PLATFORMS = {
    "host": linux(),
    "old-glibc": linux(glibc=17),
    "arm-3.10": linux("arm-3.10", python="3.10.5", machine="aarch64", glibc=28),
}


class IndexWithoutRequiresPython(FolderIndex):
    """An index without requires-python, like a folder for find-links."""

    def files(self, name: NormalizedName) -> tuple[Wheel | Sdist, ...]:
        return tuple(replace(file, requires_python=None) for file in super().files(name))


def user_requirements(requirements: list[str], origin: str) -> tuple[UserRequirement, ...]:
    return tuple(UserRequirement(requirement=Requirement(text), origin=f"{origin} {text}") for text in requirements)


def _make_runtime(names: list[str] | None) -> Runtime | None:
    if names is None:
        return None
    distributions = frozenset(map(canonicalize_name, names))
    return Runtime(name="cloud", python="3.12", distributions=distributions, date=date(2026, 11, 30))


def make_input(scenario: Scenario, table: dict[str, Any], index: FolderIndex) -> ResolverInput:
    """Return the input of a scenario; remove the keys it uses from *table*."""
    root = Requirement(scenario.root)
    return ResolverInput(
        root=root,
        host=PLATFORMS[table.pop("host", "host")],
        targets=tuple(PLATFORMS[name] for name in table.pop("targets", ())),
        available=user_requirements(table.pop("available", []), "--with"),
        whole=user_requirements(table.pop("whole", []), "--whole"),
        provided=user_requirements(table.pop("provided", []), "--provided"),
        runtime=_make_runtime(table.pop("runtime", None)),
        constraints=user_requirements(table.pop("constraints", []), "--constraint"),
        overrides=user_requirements(table.pop("overrides", []), "--override"),
        preferred={canonicalize_name(name): Version(v) for name, v in table.pop("preferred", {}).items()},
        passed_over=tuple(
            PassedOver(name=canonicalize_name(root.name), version=Version(version), reason=reason)
            for version, reason in (text.split(": ", 1) for text in table.pop("passed_over_before", ()))
        ),
        known_bad={
            canonicalize_name(name): frozenset(map(Version, versions))
            for name, versions in table.pop("known_bad", {}).items()
        },
        exclude_newer=table.pop("exclude_newer", None),
        only_binary=frozenset(table.pop("only_binary", ())),
        no_binary=frozenset(table.pop("no_binary", ())),
        builder=index if table.pop("sdists", False) else None,
    )


def check(resolution: Resolution, expected: dict[str, Any], index: FolderIndex) -> None:
    """Compare with the expected values of a scenario; remove the keys it uses from *expected*."""
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
    assert not set(expected.pop("metadata_never_read", ())) & set(index.metadata_read)


@pytest.mark.parametrize("path", sorted((SCENARIOS / "resolver").glob("*.toml")), ids=lambda path: path.stem)
def test_scenario(path: Path, tmp_path: Path) -> None:
    """Each file explains why it exists."""
    scenario = load(path)
    assert scenario.explanation
    house = write(scenario, tmp_path / "house")
    table = dict(scenario.resolve)
    index = (
        IndexWithoutRequiresPython(house) if table.pop("metadata_only_requires_python", False) else FolderIndex(house)
    )
    index.only_binary = frozenset(table.pop("refused_by_builder", ()))
    inputs = make_input(scenario, table, index)
    if "error" in table:
        with pytest.raises(errors.MinreqError) as caught:
            resolve(inputs, index, StaticImportFinder(index))
        assert (type(caught.value).__name__, table.pop("says")) == (
            table.pop("error"),
            str(caught.value).split(" (file")[0],
        )
    else:
        check(resolve(inputs, index, StaticImportFinder(index)), table, index)
    assert not table, "keys of [resolve] that nothing read"


def root_with_extras(make_wheelhouse: MakeWheelhouse) -> tuple[FolderIndex, ResolverInput]:
    """A root with extras, one of which requires a version that the pins do not allow."""
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
    return FolderIndex(house), ResolverInput(root=Requirement("a"), host=linux())


def test_extend_adds_and_keeps_every_pin(make_wheelhouse: MakeWheelhouse) -> None:
    """An extra adds its closure; existing pins stay, although newer versions exist."""
    index, inputs = root_with_extras(make_wheelhouse)
    base = resolve(inputs, index, StaticImportFinder(index))
    assert sorted(base.pins) == ["a", "b", "d"]
    extended = extend(base, Requirement("a[tools]"), inputs, index)
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
    """An extra that requires another version than a pin raises an error that explains it."""
    index, inputs = root_with_extras(make_wheelhouse)
    base = resolve(inputs, index, StaticImportFinder(index))
    with pytest.raises(errors.VersionsConflict) as caught:
        extend(base, Requirement("a[clash]"), inputs, index)
    assert str(caught.value) == (
        "cannot resolve a[clash]: a 1.0 with its extra clash requires b>=2, and b 1.0 is pinned already; "
        "replace that requirement with --override 'b>=2.0'"
    )


def test_extend_by_an_unknown_extra(make_wheelhouse: MakeWheelhouse) -> None:
    """A missing extra is a note, as in pip."""
    index, inputs = root_with_extras(make_wheelhouse)
    base = resolve(inputs, index, StaticImportFinder(index))
    grown = extend(base, Requirement("a[mcp]"), inputs, index)
    assert grown.pins == base.pins
    assert grown.notes == ("a 1.0 has no extra 'mcp', so that adds nothing; it has clash, none, tools",)


class StrangeIndex(FolderIndex):
    """An index with a version none of whose files can be read after all."""

    def releases(self, name: NormalizedName) -> Mapping[Version, tuple[Wheel | Sdist, ...]]:
        return {**super().releases(name), Version("9"): ()}


def test_a_version_without_a_readable_file(make_wheelhouse: MakeWheelhouse) -> None:
    """The resolver passes over it; the result lists it for the root."""
    index = StrangeIndex(make_wheelhouse(BROKEN.replace('"b<2"', '"b"').replace('requires = ["broken"]', "")))
    resolution = resolve(ResolverInput(root=Requirement("a"), host=linux()), index, StaticImportFinder(index))
    assert {name: str(pin.version) for name, pin in resolution.pins.items()} == {"a": "2.0", "b": "2.0"}
    assert [(str(p.version), p.reason) for p in resolution.passed_over] == [
        ("9", "it has no file whose name can be read")
    ]


class BrokenIndex(FolderIndex):
    """An index with one page that fails."""

    def files(self, name: NormalizedName) -> tuple[Wheel | Sdist, ...]:
        if name == "broken":
            raise errors.IndexStatusError(500, "https://index.example/simple/broken/")
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


def test_a_failing_index_ends_the_resolution(make_wheelhouse: MakeWheelhouse) -> None:
    """Else the result would depend on which pages happen to be reachable."""
    index = BrokenIndex(make_wheelhouse(BROKEN))
    with pytest.raises(errors.IndexStatusError):
        resolve(ResolverInput(root=Requirement("a"), host=linux()), index, StaticImportFinder(index))


def test_a_failed_prefetch_fails_no_resolution(make_wheelhouse: MakeWheelhouse) -> None:
    """The resolver prefetches `broken` for the newest `b`, and then no pin requires it."""
    index = BrokenIndex(make_wheelhouse(BROKEN))
    resolution = resolve(ResolverInput(root=Requirement("a==1.0"), host=linux()), index, StaticImportFinder(index))
    assert sorted(resolution.pins) == ["a", "b"]


def test_each_page_and_wheel_is_read_once(make_wheelhouse: MakeWheelhouse) -> None:
    """However often the search comes back to a project."""
    scenario = (SCENARIOS / "resolver" / "step-back.toml").read_text()
    index = FolderIndex(make_wheelhouse(scenario))
    resolve(ResolverInput(root=Requirement("a"), host=linux()), index, StaticImportFinder(index))
    assert len(index.projects) == len(set(index.projects))
    assert len(index.metadata_read) == len(set(index.metadata_read))


def test_search_gives_up(make_wheelhouse: MakeWheelhouse) -> None:
    """A search with too many steps raises an error instead of running for ever."""
    index = FolderIndex(make_wheelhouse(BROKEN))
    with BackgroundWork() as ahead:
        provider = Provider(ReleaseFinder(ResolverInput(root=Requirement("a"), host=linux()), index, ahead))
        requirements = provider.user_requirements(UserRequirement(requirement=Requirement("a==1.0"), origin="--with"))
        with pytest.raises(errors.ResolutionTooDeep, match="gave up resolving a after 1 steps"):
            solve(provider, RequirementChains(), requirements, "a", max_rounds=1)


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
def test_any_resolution_is_valid_and_independent_of_order(
    releases: dict[tuple[str, str], list[str]], data: st.DataObject
) -> None:
    """Every requirement of every pin is satisfied or in a note; the order of files in the index changes nothing."""
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
                resolution = resolve(
                    ResolverInput(root=Requirement("a"), host=linux()), index, StaticImportFinder(index)
                )
            except errors.MinreqError as error:
                answers.append(type(error).__name__)
                continue
            answers.append(
                str({name: pin.version for name, pin in resolution.pins.items()})
                + str(resolution.notes)
                + str(resolution.passed_over)
            )
            notes = " ".join(resolution.notes)
            for name, pin in resolution.pins.items():
                for requirement in map(Requirement, releases[name, str(pin.version)]):
                    chosen = resolution.pins.get(canonicalize_name(requirement.name))
                    held = chosen is not None and requirement.specifier.contains(chosen.version, prereleases=True)
                    assert held or f"{name} {pin.version} requires {requirement}" in notes
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
    """From metadata alone, exactly the pins that pip would install."""
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
        resolution = resolve(
            ResolverInput(root=Requirement(requirement), host=host), client, StaticImportFinder(client)
        )
    assert {name: str(pin.version) for name, pin in resolution.pins.items()} == expected
