"""The marker of a pin that has wheels for some platforms of a lock alone, so that installers on the others skip it."""

from __future__ import annotations

from collections.abc import Iterable

from minreq.model import Candidate, Lock, Platform

#: The markers that decide which wheel fits. The others change with each update of the kernel or of Python.
MARKERS = ("platform_machine", "python_version", "sys_platform", "implementation_name")


def pin_marker(candidate: Candidate, lock: Lock) -> str | None:
    """Return the marker of a pin, ``None`` where it can be installed on every platform of *lock*.

    The resolver pins a project without a wheel for a platform only where nothing requires it on that platform.
    """
    platforms = [*lock.platforms, *(each for each in [lock.proven_on] if each not in lock.platforms)]
    fitting = [each for each in platforms if _fits(candidate, each)]
    if not fitting or len(fitting) == len(platforms):
        return None
    others = [each for each in platforms if each not in fitting]
    for name in MARKERS:
        if _values(name, fitting).isdisjoint(_values(name, others)):
            return " or ".join(f'{name} == "{value}"' for value in sorted(_values(name, fitting)))
    return " or ".join(dict.fromkeys(map(platform_marker, fitting)))


def platform_marker(platform: Platform) -> str:
    """Return a marker that holds on *platform*."""
    return " and ".join(f"{name} == '{platform.markers[name]}'" for name in sorted(MARKERS) if name in platform.markers)


def _values(marker: str, platforms: Iterable[Platform]) -> frozenset[str]:
    return frozenset(platform.markers.get(marker, "") for platform in platforms)


def _fits(candidate: Candidate, platform: Platform) -> bool:
    has_wheels = candidate.sdist is None and bool(candidate.wheels)
    return not has_wheels or any(not wheel.tags.isdisjoint(platform.tags) for wheel in candidate.wheels)
