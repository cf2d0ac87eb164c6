"""What may happen to a file of a cache."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

#: The content of the file outside of the cache to which links lead.
OUTSIDE = b"a file of the user\n"


def flip(path: Path, outside: Path) -> None:
    del outside
    data = bytearray(path.read_bytes())
    for place in range(0, len(data), 64):  # A database has room that nobody reads.
        data[place] ^= 1
    path.write_bytes(data)


def cut(path: Path, outside: Path) -> None:
    del outside
    os.truncate(path, path.stat().st_size // 2)


def fill(content: bytes) -> Callable[[Path, Path], None]:
    def write(path: Path, outside: Path) -> None:
        del outside
        path.write_bytes(content)

    return write


def replace_by(make: Callable[[Path, Path], object]) -> Callable[[Path, Path], None]:
    def change(path: Path, outside: Path) -> None:
        path.unlink()
        make(path, outside)

    return change


def make_folder(path: Path, outside: Path) -> None:
    del outside
    path.mkdir()
    (path / "inside").write_text("x")


DAMAGES: Mapping[str, Callable[[Path, Path], None]] = {
    "flipped": flip,
    "cut": cut,
    "emptied": fill(b""),
    "garbage": fill(b"\xff\x00]}garbage\n" * 9),
    "a folder": replace_by(make_folder),
    "a link": replace_by(lambda path, outside: path.symlink_to(outside)),
    "a link to nothing": replace_by(lambda path, _: path.symlink_to(path.parent / "nothing")),
    "a pipe": replace_by(lambda path, _: os.mkfifo(path)),
    "deleted": lambda path, _: path.unlink(),
    "unreadable": lambda path, _: path.chmod(0),
}
