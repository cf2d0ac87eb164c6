"""The files of the user that a cell needs, for workers that do not have the files of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from minreq.config import Settings
from minreq.errors import InvalidOptions
from minreq.system import regularfile

#: The most bytes of all files together: they go to the worker with each cell.
_MOST_BYTES = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedFiles:
    """The content of the files, by their place in the folder of a worker: ``smokes/0/smoke.py``."""

    contents: Mapping[str, bytes]


def pack_files(settings: Settings) -> PackedFiles:
    """Return the files that *settings* name; raise ``InvalidOptions`` for what cannot go to another machine."""
    if faults := list(_find_faults(settings)):
        raise InvalidOptions(faults)
    contents = dict(_read_files(settings))
    if (size := sum(map(len, contents.values()))) > _MOST_BYTES:
        limit = f"at most {_MOST_BYTES:,} can go to a worker with each cell"
        raise InvalidOptions([f"the files of the cells have {size:,} bytes, and {limit}"])
    return PackedFiles(contents=contents)


def unpack_files(settings: Settings, packed: PackedFiles, folder: Path) -> Settings:
    """Write the files into *folder*; return *settings* with their new places, and the names that a lock records."""
    for name, content in packed.contents.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return replace(
        settings,
        smokes=_new_places(folder, "smokes", settings.smokes),
        smoke_files=_new_places(folder, "smoke_files", settings.smoke_files),
        profiles=_new_places(folder, "profiles", settings.profiles),
        requirement_files=_new_places_or_urls(folder, "requirement_files", settings.requirement_files),
        constraints=_new_places_or_urls(folder, "constraints", settings.constraints),
    )


def _find_faults(settings: Settings) -> Iterator[str]:
    for smoke in settings.smokes:
        if not smoke.is_file():
            yield f"--smoke '{smoke}' is a command, whose files are on this machine; --scheduler needs a script"
    for path in settings.smoke_files:
        if not path.is_absolute() and len(path.parts) > 1:
            yield f"--smoke-file {path} lies in a folder of this machine; with --scheduler, name a file or folder here"
    for url in settings.index.find_links:
        if "://" not in url:
            yield f"--find-links {url} is a folder of this machine; the workers of --scheduler need a URL"


def _read_files(settings: Settings) -> Iterator[tuple[str, bytes]]:
    for kind in ("smokes", "smoke_files", "profiles", "requirement_files", "constraints"):
        for number, path in enumerate(getattr(settings, kind)):
            if not isinstance(path, Path):
                continue
            inner = sorted(path.rglob("*")) if path.is_dir() else [path]
            for file in inner:
                if file.is_file() and "__pycache__" not in file.parts:
                    yield f"{kind}/{number}/{file.relative_to(path.parent).as_posix()}", regularfile.read_whole(file)


def _new_places(folder: Path, kind: str, paths: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(folder / kind / str(number) / path.name for number, path in enumerate(paths))


def _new_places_or_urls(folder: Path, kind: str, paths: tuple[Path | str, ...]) -> tuple[Path | str, ...]:
    return tuple(
        folder / kind / str(number) / path.name if isinstance(path, Path) else path for number, path in enumerate(paths)
    )
