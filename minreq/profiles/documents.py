"""The TOML of a profile: its own file, a file for each provider or family of them, and the profile it extends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from minreq.errors import ProfileInvalid

#: The profiles that come with minreq: one folder each.
FOLDER = Path(__file__).parent

#: The file in the folder of a profile.
PROFILE = "profile.toml"

#: Tables whose entries are declarations: one of the same name replaces the other whole.
_DECLARATIONS = ("environment", "features", "forms", "providers", "undeclared")


def document(file: Path) -> dict[str, Any]:
    """What *file*, the files in ``providers`` beside it and what it extends say together; paths are absolute.

    Raises `ProfileInvalid`.
    """
    content = _absolute(_read(file), file.parent)
    for each in sorted(file.parent.glob("providers/*.toml")):
        declared = content.setdefault("providers", {})
        for name, table in _read(each).items():
            if name in declared:
                raise ProfileInvalid(each, (f"{name}: there is another provider of that name",))
            declared[name] = table
    base = content.pop("extends", None)
    return content if base is None else _extended(file, str(base), content)


def _extended(file: Path, name: str, content: dict[str, Any]) -> dict[str, Any]:
    base = FOLDER / name / PROFILE
    if not base.is_file():
        known = ", ".join(sorted(each.parent.name for each in FOLDER.glob(f"*/{PROFILE}")))
        raise ProfileInvalid(file, (f"extends: no profile {name!r} comes with minreq; there are: {known}",))
    below = document(base)
    merged = {**below, **content, "refused": [*below.get("refused", ()), *content.get("refused", ())]}
    for key in _DECLARATIONS:
        if isinstance(content.get(key, {}), dict):
            merged[key] = {**below.get(key, {}), **content.get(key, {})}
    return merged


def _read(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = tomlkit.parse(file.read_text(encoding="utf-8")).unwrap()
    except (OSError, TOMLKitError, UnicodeDecodeError) as error:
        raise ProfileInvalid(file, (str(error),)) from error
    return content


def _absolute(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Scripts are named relative to the folder of the profile that declares them."""
    features = content.get("features", {})
    for table, key in ((content, "first"), *((each, "file") for each in features.values() if isinstance(each, dict))):
        if isinstance(table.get(key), str):
            table[key] = str(folder / table[key])
    return content
