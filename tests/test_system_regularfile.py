"""`regularfile.read` reads regular files up to a limit, and allocates no more than they have."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from minreq.system import regularfile


@pytest.mark.parametrize("most", [0, 1, 1 << 20, (3 << 20) - 1, 3 << 20, 1 << 40])
def test_read_stops_at_the_limit(most: int, tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    file = tmp_path / "file"
    file.write_bytes(content)
    assert regularfile.read(file, most) == content[:most]
    assert regularfile.read_end(file, most) == content[max(len(content) - most, 0) :]


def test_a_small_file_allocates_little(tmp_path: Path) -> None:
    """Even with a high limit."""
    file = tmp_path / "file"
    file.write_bytes(b"a = 1\n")
    tracemalloc.start()
    try:
        assert regularfile.read(file, 1 << 30) == b"a = 1\n"
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_other_files_raise_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for each in (tmp_path, tmp_path / "pipe", tmp_path / "nothing"):
        with pytest.raises(OSError, match=each.name):
            regularfile.read(each, 9)


def test_no_link_is_followed_below_a_folder(tmp_path: Path) -> None:
    """Neither at the end of a path nor on its way: a process that minreq does not trust writes there."""
    inside, secret = tmp_path / "inside", tmp_path / "secret"
    for folder in (inside / "folder", secret):
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"content")
    (inside / "link").symlink_to(secret / "file")
    (inside / "way").symlink_to(secret)
    os.mkfifo(inside / "pipe")
    assert regularfile.read(inside / "folder" / "file", 99, below=inside) == b"content"
    assert regularfile.read_end(inside / "folder" / "file", 4, below=inside) == b"tent"
    for name in ("link", "way/file", "pipe", "folder", "nothing"):
        with pytest.raises(OSError, match=name.partition("/")[0]):
            regularfile.read(inside / name, 99, below=inside)
