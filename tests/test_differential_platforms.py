"""A lock for two platforms, and the real pip on each of the two: the same versions where both can have them.

It compares an eighth of the cases of `test_differential`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import pytest
from differentialcase import MACHINE, OTHER_MACHINE, Case, cases, describe
from hypothesis import HealthCheck, given, seed, settings
from packaging.requirements import Requirement
from packaging.tags import Tag
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version
from pipdeviations import Comparison, Result, find_deviation
from pipprocess import start_pip
from test_differential import CASES, CASES_OF_A_TEST, ask_pip, host, resolve_case, serve

from minreq.errors import MinreqError
from minreq.model import Platform, Resolution
from minreq.resolver.releases import applies


@cache
def other() -> Platform:
    """The host with another processor."""
    tags = (Tag(each.interpreter, each.abi, each.platform.replace(MACHINE, OTHER_MACHINE)) for each in host().tags)
    markers = {**host().markers, "platform_machine": OTHER_MACHINE}
    return replace(host(), name="other", markers=markers, tags=tuple(tags))


@dataclass(frozen=True, slots=True, kw_only=True)
class Platforms:
    """What pip would install on each platform, and what minreq would pin for both."""

    case: Case
    pip: tuple[Result, Result]
    minreq: Resolution | str

    @property
    def has_deviation(self) -> bool:
        """Whether pip fails on a platform by a difference on purpose."""
        found = Result(files={}) if isinstance(self.minreq, Resolution) else Result(error=self.minreq)
        return any(
            find_deviation(Comparison(case=self.case, pip=pip, minreq=found)) is not None
            for pip in self.pip
            if pip.files is None or self.case.has_defect("metadata version")
        )

    @property
    def versions(self) -> dict[str, Version] | None:
        """The versions of both platforms, ``None`` where pip refuses one, or they need two versions of a project."""
        joined: dict[str, Version] = {}
        for result in self.pip:
            if result.files is None:
                return None
            for name, filename in result.files.items():
                version = parse_wheel_filename(filename)[1]
                if joined.setdefault(name, version) != version:
                    return None
        return joined

    @property
    def outcome(self) -> str:
        """What they do."""
        lock = "no lock" if isinstance(self.minreq, str) else "a lock"
        return f"same versions, {lock}" if self.versions is not None else f"no common versions, {lock}"

    def describe_difference(self) -> str | None:
        """Return what is wrong, ``None`` where the two agree."""
        expected = self.versions
        if isinstance(self.minreq, str):
            return None if expected is None else "minreq refuses"
        if expected is not None:
            found = {str(name): pin.version for name, pin in self.minreq.pins.items()}
            return None if found == expected else "other versions"
        missing = [each for platform in (host(), other()) for each in find_missing(self.case, self.minreq, platform)]
        return f"not installable: {missing}" if missing else None


def find_missing(case: Case, resolution: Resolution, platform: Platform) -> Iterator[str]:
    """Yield each requirement that the pins do not satisfy on *platform*, by the requirements of the case alone."""
    releases = {(name, Version(each.version)): each for name, of in case.projects.items() for each in of}
    waiting = [(Requirement(each), "") for each in case.requirements]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, parent_extra = waiting.pop()
        if not any(applies(requirement, platform, extra) for extra in {"", parent_extra}):
            continue
        name = canonicalize_name(requirement.name)
        pin = resolution.pins.get(name)
        if pin is None or not requirement.specifier.contains(pin.version, prereleases=True):
            yield f"{requirement} on {platform.name}"
            continue
        if not any(tag in platform.tags for wheel in pin.wheels for tag in wheel.tags):
            yield f"a wheel of {name} on {platform.name}"
        release = releases[name, pin.version]
        for extra in {"", *requirement.extras} - {extra for key, extra in seen if key == name}:
            seen.add((name, extra))
            if not extra or extra in release.extras:
                waiting += [(Requirement(each), extra) for each in release.requires]


@pytest.fixture(scope="module")
def compare_platforms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Case], Platforms]]:
    """Ask both about one case after the other."""
    folder = tmp_path_factory.mktemp("pip")
    with serve() as server, start_pip() as worker:

        def compare(case: Case) -> Platforms:
            url = server.show(case)
            pip = ask_pip(worker, case, url, folder), ask_pip(worker, case, url, folder, other())
            try:
                return Platforms(case=case, pip=pip, minreq=resolve_case(case, host(), other()))
            except MinreqError as error:
                return Platforms(case=case, pip=pip, minreq=f"{type(error).__name__}: {error}")

        yield compare


@pytest.mark.one_python
@pytest.mark.parametrize("part", range(max(1, CASES // 8 // CASES_OF_A_TEST)))
def test_same_versions_as_pip_on_each_platform(part: int, compare_platforms: Callable[[Case], Platforms]) -> None:
    """Where pip needs two versions of a project, a lock has one that both platforms can install, or none."""
    counts: Counter[str] = Counter()

    @seed(part)
    @settings(
        max_examples=min(CASES // 8, CASES_OF_A_TEST),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases())
    def compare(case: Case) -> None:
        compared = compare_platforms(replace(case, builds=False))
        difference = compared.describe_difference()
        deviates = difference is not None and compared.has_deviation
        counts["a deviation" if deviates else compared.outcome] += 1
        assert difference is None or deviates, (
            f"{difference}\n{describe(case)}\npip:    {compared.pip}\nminreq: {compared.minreq}"
        )

    compare()
    print(f"differential platforms, part {part}: {dict(counts)}")  # noqa: T201
