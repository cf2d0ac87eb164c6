"""Evaluates the markers of requirements for several platforms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName

#: What `Marker.evaluate` raises: for values that cannot be compared, and for a variable that requirements do not have
#: (``'x' in extras``), which older releases of packaging raise as ``KeyError``.
MARKER_ERRORS = (UndefinedComparison, UndefinedEnvironmentName, KeyError)


def applies(marker: Marker | None, environments: Iterable[Mapping[str, str]]) -> bool:
    """Whether *marker* holds in any of *environments*, the markers of platforms.

    Raises ``ValueError`` for a marker that cannot be evaluated: ``python_version ~= 'banana'``.
    """
    if marker is None:
        return True
    try:
        return any(marker.evaluate({**environment, "extra": ""}) for environment in environments)
    except MARKER_ERRORS as error:
        raise ValueError(f"the marker {str(marker)!r} cannot be evaluated: {error}") from error
