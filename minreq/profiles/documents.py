"""The TOML of a profile: its own file, a file for each provider or family of them, and the profile it extends."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

# Only read: tomlkit, which writes as well, takes ten times as long.
if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from minreq.errors import ProfileInvalid

#: The profiles that come with minreq: one folder each.
FOLDER = Path(__file__).parent

#: The file in the folder of a profile.
PROFILE = "profile.toml"

#: What to look for in programs that use the root, beside the profile.
SCAN = "scan.toml"

#: Tables whose entries are declarations: one of the same name replaces the other whole.
_DECLARATIONS = ("environment", "features", "forms", "providers", "undeclared")
_NOTHING: Mapping[str, dict[str, Any]] = MappingProxyType({})


def document(file: Path, known: Mapping[str, dict[str, Any]] = _NOTHING) -> dict[str, Any]:
    """What *file*, the files in ``providers`` beside it and what it extends say together; paths are absolute.

    What it extends is one of those that are *known* by name, or one that comes with minreq. Raises `ProfileInvalid`.
    """
    content = _absolute(read(file), file.parent.absolute())
    for each in sorted(file.parent.glob("providers/*.toml")):
        declared = content.setdefault("providers", {})
        for name, table in read(each).items():
            if name in declared:
                raise ProfileInvalid(each, (f"{name}: there is another provider of that name",))
            declared[name] = table
    base = content.pop("extends", None)
    return content if base is None else _extended(file, str(base), content, known)


def _extended(file: Path, name: str, content: dict[str, Any], known: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    base = FOLDER / name / PROFILE
    if name not in known and not base.is_file():
        there = ", ".join(sorted({*known, *(each.parent.name for each in FOLDER.glob(f"*/{PROFILE}"))}))
        raise ProfileInvalid(file, (f"extends: there is no profile {name!r}; there are: {there}",))
    below = known[name] if name in known else document(base)
    merged = {**below, **content, "refused": [*below.get("refused", ()), *content.get("refused", ())]}
    for key in _DECLARATIONS:
        if isinstance(content.get(key, {}), dict):
            merged[key] = {**below.get(key, {}), **content.get(key, {})}
    return merged


def read(file: Path) -> dict[str, Any]:
    """Return the content of *file*. Raises `ProfileInvalid`."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProfileInvalid(file, (error.strerror or str(error),)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileInvalid(file, (str(error),)) from error


def _absolute(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Scripts are named relative to the folder of the profile that declares them; what lies beside it is said too."""
    if (folder / SCAN).is_file():
        content["scan"] = str(folder / SCAN)
    features = content.get("features", {})
    for table, key in ((content, "first"), *((each, "file") for each in features.values() if isinstance(each, dict))):
        if isinstance(table.get(key), str):
            table[key] = str(folder / table[key])
    real = content.get("real")
    if isinstance(real, dict) and isinstance(real.get("files"), list):
        real["files"] = [str(folder / each) if isinstance(each, str) else each for each in real["files"]]
    return content
