"""Writing: both files or neither, and never half of one."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from minreq.errors import OutputFolderMissing, OutputUnwritable
from minreq.lockfile.writing import check_writable, write_files


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.is_file()}


def test_files_are_written_whole_and_nothing_else_remains(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    write_files({tmp_path / "a": "new é", tmp_path / "b": "first"})
    assert contents(tmp_path) == {"a": "new é", "b": "first"}


@pytest.mark.skipif(os.name == "nt", reason="permissions are those of POSIX")
def test_permissions_stay(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o640)
    write_files({path: "new"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link, target = tmp_path / "link", tmp_path / "there" / "target"
    target.write_text("old")
    link.symlink_to(target)
    write_files({link: "new"})
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert contents(target.parent) == {"target": "new"}


def test_a_loop_of_links_is_unwritable(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(link)
    with pytest.raises(OutputUnwritable):
        write_files({link: "new"})


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "a"
    with pytest.raises(OutputUnwritable) as caught:
        write_files({path: "new"})
    folder = path.parent
    sentence = f"there is no folder {folder}; create it (mkdir -p {folder}), or name another path"
    assert str(caught.value) == f"cannot write {path}: {sentence}"


def test_the_missing_folder_behind_a_link_is_reported(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere" / "a")
    with pytest.raises(OutputFolderMissing) as caught:
        check_writable(link)
    assert (caught.value.path, caught.value.folder) == (link, tmp_path / "nowhere")


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    """Replacing works on a folder's entry, so that as root it would put a file where a device was."""
    (tmp_path / "b").mkdir()
    (tmp_path / "a").write_text("old")
    with pytest.raises(OutputUnwritable, match="it is not a regular file"):
        write_files({tmp_path / "a": "new", tmp_path / "b": "new"})
    with pytest.raises(OutputUnwritable, match="it is not a regular file"):
        write_files({Path(os.devnull): "new"})
    assert contents(tmp_path) == {"a": "old"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the full disk is a limit of POSIX")
@pytest.mark.parametrize("previous", [True, False], ids=["over old files", "into an empty folder"])
def test_a_full_disk_changes_nothing(tmp_path: Path, *, previous: bool) -> None:
    """The second file does not fit: the first, which did, is not replaced either."""
    before = {"a": "old", "b": "old"} if previous else {}
    for name, text in before.items():
        (tmp_path / name).write_text(text)
    program = """
import resource, signal, sys
from pathlib import Path
from minreq.errors import OutputUnwritable
from minreq.lockfile.writing import check_writable, write_files
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_files({Path("a"): "new", Path("b"): "x" * 2000})
except OutputUnwritable as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "cannot write b: File too large\n"
    assert contents(tmp_path) == before


@pytest.mark.parametrize("previous", [True, False], ids=["over old files", "into an empty folder"])
@pytest.mark.parametrize(
    ("failure", "seen"),
    [(PermissionError(1, "Operation not permitted"), OutputUnwritable), (KeyboardInterrupt(), KeyboardInterrupt)],
    ids=["forbidden", "interrupted"],
)
def test_a_failure_between_two_replacements_takes_back_the_first(
    tmp_path: Path, failure: BaseException, seen: type[BaseException], *, previous: bool
) -> None:
    before = {"a": "old", "b": "old"} if previous else {}
    for name, text in before.items():
        (tmp_path / name).write_text(text)

    def failing(new: Path, target: Path) -> None:
        if target.name == "b":
            raise failure
        new.replace(target)

    with pytest.raises(seen):
        write_files({tmp_path / "a": "new", tmp_path / "b": "new"}, replace=failing)
    assert contents(tmp_path) == before


def test_a_check_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    check_writable(tmp_path / "a")
    check_writable(tmp_path / "b")
    assert contents(tmp_path) == {"a": "old"}
    with pytest.raises(OutputUnwritable, match="there is no folder"):
        check_writable(tmp_path / "nowhere" / "a")
    with pytest.raises(OutputUnwritable, match="it is not a regular file"):
        check_writable(tmp_path)
