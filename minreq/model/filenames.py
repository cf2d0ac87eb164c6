"""The names of source distributions."""

from __future__ import annotations

from packaging.utils import NormalizedName, canonicalize_name

#: As in pip; the specification has ``.tar.gz`` alone, and older files have others.
_SUFFIXES = (".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar")


def split_sdist_filename(filename: str, project: NormalizedName | None = None) -> tuple[str, str]:
    """Return the name and the version in the name of a source distribution, both empty where it has none.

    A version may have a dash (``a-1.0-1.tar.gz``) as a name may, so the name of *project* decides where it starts;
    without it, the last dash does.
    """
    suffix = next((each for each in _SUFFIXES if filename.endswith(each)), None)
    if suffix is None:
        return "", ""
    stem = filename[: -len(suffix)]
    name, _, version = stem.rpartition("-")
    if project is not None and "-" in name:
        dashes = (place for place, character in enumerate(stem) if character == "-")
        place = next((each for each in dashes if canonicalize_name(stem[:each]) == project), None)
        return (name, version) if place is None else (stem[:place], stem[place + 1 :])
    return name, version
