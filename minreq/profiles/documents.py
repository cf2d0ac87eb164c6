"""Reads the TOML of a profile: its own file, the files of its providers, and the profile it extends."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

# tomlkit, which can also write, takes ten times as long to read.
if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from minreq.errors import ProfileInvalid
from minreq.system import regularfile

#: The profiles that come with minreq: one folder each.
FOLDER = Path(__file__).parent

#: The file in the folder of a profile.
PROFILE = "profile.toml"

#: The file beside it with the rules of a scan.
SCAN = "scan.toml"

#: In these tables an entry of a profile replaces the whole entry of that name in the profile it extends.
_MERGED_TABLES = ("environment", "features", "forms", "providers", "undeclared")
_NOTHING: Mapping[str, dict[str, Any]] = MappingProxyType({})


def load_document(file: Path, own_profiles: Mapping[str, dict[str, Any]] = _NOTHING) -> dict[str, Any]:
    """Return the content of *file*, of the provider files beside it, and of the profile it extends; paths are absolute.

    It may extend one of *own_profiles*, by name, or a profile that comes with minreq. Raises `ProfileInvalid`.
    """
    content = _make_paths_absolute(read_toml(file), file.parent.absolute())
    for each in sorted(file.parent.glob("providers/*.toml")):
        declared = content.setdefault("providers", {})
        for name, table in read_toml(each).items():
            if name in declared:
                raise ProfileInvalid(each, (f"{name}: there is another provider of that name",))
            declared[name] = table
    base = content.pop("extends", None)
    return content if base is None else _merge_base(file, str(base), content, own_profiles)


def _merge_base(
    file: Path, name: str, content: dict[str, Any], own_profiles: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    base = FOLDER / name / PROFILE
    if name not in own_profiles and not base.is_file():
        names = ", ".join(sorted({*own_profiles, *(each.parent.name for each in FOLDER.glob(f"*/{PROFILE}"))}))
        raise ProfileInvalid(file, (f"extends: there is no profile {name!r}; there are: {names}",))
    base_content = own_profiles[name] if name in own_profiles else load_document(base)
    merged = {**base_content, **content, "refused": [*base_content.get("refused", ()), *content.get("refused", ())]}
    for key in _MERGED_TABLES:
        if isinstance(content.get(key, {}), dict):
            merged[key] = {**base_content.get(key, {}), **content.get(key, {})}
    return merged


def read_toml(file: Path) -> dict[str, Any]:
    """Return the content of *file*. Raises `ProfileInvalid` where it cannot be read or parsed."""
    try:
        return tomllib.loads(regularfile.read_text(file))
    except OSError as error:
        raise ProfileInvalid(file, (error.strerror or str(error),)) from error
    except (ValueError, RecursionError) as error:
        raise ProfileInvalid(file, (str(error),)) from error


def _make_paths_absolute(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make paths absolute: a profile names scripts relative to its own folder. Add the path of its scan rules."""
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
