"""`removal` removes what code of packages left in its folder, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from minreq.system import removal, temporary


def nest(folder: Path, depth: int) -> None:
    """Make *depth* folders in each other, with a file in each: deeper than a stack, and than a path may be long."""
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor))
        os.mkdir("folder", dir_fd=descriptor)
        inner = os.open("folder", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)


def test_any_depth_and_any_permissions(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    for each in (outside, folder / "moved-1", folder / "closed" / "inner"):
        each.mkdir(parents=True)
    (outside / "file").write_text("kept")
    (folder / "link").symlink_to(outside)
    (folder / "closed" / "inner" / "link").symlink_to(outside)
    os.mkfifo(folder / "pipe")
    nest(folder, 3000)
    nest(folder / "closed" / "inner", 1500)
    for each in (folder / "closed" / "inner", folder / "closed", folder / "moved-1", folder):
        each.chmod(0)
    removal.remove_tree(folder)
    assert not folder.exists()
    assert (outside / "file").read_text() == "kept"


def test_the_next_start_removes_what_a_killed_process_left(tmp_path: Path) -> None:
    """Or no minreq would start here any more."""
    abandoned = tmp_path / "minreq-abcdefgh.tmp"
    abandoned.mkdir()
    nest(abandoned, 3000)
    temporary.remove_abandoned(tmp_path)
    assert not abandoned.exists()
