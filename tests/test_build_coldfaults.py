"""A cold tree that is damaged says so; one without a folder to write into serves all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from coldtree import ColdTree

DAMAGED = "is a cold file of this tree, and its archive {} is damaged, missing or of another build; "


@pytest.fixture
def copy(cold_tree: ColdTree, tmp_path: Path) -> ColdTree:
    """To be damaged."""
    shutil.copytree(cold_tree.folder, tmp_path / "copy")
    return replace(cold_tree, folder=tmp_path / "copy")


def cut(archive: Path) -> None:
    """What is left of it has no index."""
    archive.write_bytes(archive.read_bytes()[:-2000])


def swap(archive: Path) -> None:
    shutil.copyfile(archive.with_name("lib.zip"), archive)


@pytest.mark.parametrize("damage", [cut, swap, Path.unlink], ids=["cut", "swapped", "missing"])
def test_an_archive_that_is_not_the_one_of_the_build(copy: ColdTree, damage: object) -> None:
    archive = copy.folder / "_minreq_cold" / "app.zip"
    assert callable(damage)
    damage(archive)
    done = copy.run("import app.cold")
    said = done.err.splitlines()[-1]
    assert said.startswith("ImportError: app.zip " + DAMAGED.format(archive))
    done = copy.run(
        "import app\ntry:\n    open(app.HERE / 'table.txt')\nexcept OSError as error:\n    print(error.strerror)"
    )
    assert done.out.startswith("app.zip " + DAMAGED.format(archive))
    assert copy.output("import lib.more, app.hot; print(lib.more.x)") == "1\n"


def test_a_changed_byte_concerns_one_file(copy: ColdTree) -> None:
    archive = copy.folder / "_minreq_cold" / "app.zip"
    content = archive.read_bytes()
    place = content.index(b"app/sub/deep.py") + len("app/sub/deep.py") + 3
    archive.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    done = copy.run("import app.cold, app.sub.deep")
    assert done.err.splitlines()[-1].startswith("ImportError: app/sub/deep.py " + DAMAGED.format(archive))


def test_an_archive_that_would_fill_the_memory(cold_tree: ColdTree) -> None:
    """It is of somebody else, and unpacks to far more bytes than the file has."""
    code = """
import lzma, tracemalloc, zlib
from _minreq_cold import archives
content, packer = bytes(1 << 24), zlib.compressobj(9, zlib.DEFLATED, -15)
deflated = packer.compress(content) + packer.flush()
filters = [{"id": lzma.FILTER_LZMA1, **archives.LZMA_FILTER, "dict_size": 1 << 16}]
packed = bytes(archives.LZMA_HEADER) + lzma.compress(content, lzma.FORMAT_RAW, filters=filters)
tracemalloc.start()
print(archives.unpack(deflated, archives.DEFLATED, 1000), archives.unpack(packed, archives.LZMA, 1000))
print(tracemalloc.get_traced_memory()[1] < 12 << 20)
print(len(archives.unpack(deflated, archives.DEFLATED, 1 << 24)), len(archives.unpack(packed, archives.LZMA, 1 << 24)))
"""
    assert cold_tree.output(code) == "None None\nTrue\n16777216 16777216\n"


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_an_index_that_cannot_be_read(copy: ColdTree, text: str) -> None:
    copy.folder.joinpath("_minreq_cold", "index.json").write_text(text)
    assert "index.json cannot be read" in copy.run("import app").err.splitlines()[-1]


EXTENSION = "import app.native; print(app.native.first, len((app.HERE / 'table.txt').read_text()))"
#: A file in memory gets the descriptor of the one before it.
EXTENSIONS = f"import app.second\n{EXTENSION}\nprint(app.second.__name__, app.second.__file__[-3:])"


def test_nothing_can_be_written(cold_tree: ColdTree, tmp_path: Path) -> None:
    """Then files are in memory. A file in the place of the folder, no folder, a folder that others can write to."""
    shared = tmp_path / "shared" / f"minreq-cold-{os.geteuid()}"
    shared.mkdir(parents=True)
    shared.chmod(0o777)
    tmp_path.joinpath("file").touch()
    for name in ("none", "file", "shared"):
        assert cold_tree.output(EXTENSIONS, MINREQ_COLD_DIR=str(tmp_path / name)) == "1 31000\napp.second .so\n"
    assert [*shared.iterdir()] == []


def test_nothing_can_be_written_and_there_is_no_memory_file(cold_tree: ColdTree, tmp_path: Path) -> None:
    done = cold_tree.run(f"import os\ndel os.memfd_create\n{EXTENSION}", MINREQ_COLD_DIR=str(tmp_path / "none"))
    said = done.err.splitlines()[-1]
    assert said.startswith("ImportError: app/native.")
    assert "which cannot be written (No such file or directory); set MINREQ_COLD_DIR to a folder with room" in said
    # There is none, or a filter of system calls forbids it.
    forbidden = "import errno, os\ndef forbid(name):\n    raise OSError(errno.EPERM, name)\nos.memfd_create = forbid\n"
    assert cold_tree.output(f"{forbidden}{EXTENSION}", MINREQ_COLD_DIR=str(tmp_path)) == "1 31000\n"
    code = f"import os\ndel os.memfd_create\n{EXTENSION}"
    assert cold_tree.output(code, MINREQ_COLD_DIR=str(tmp_path)) == "1 31000\n"
    assert [path.name for path in tmp_path.iterdir()] == [f"minreq-cold-{os.geteuid()}"]


def test_a_long_name_in_another_script(cold_tree: ColdTree) -> None:
    """A name in memory has fewer bytes than one on a disk."""
    code = f"from _minreq_cold import unpacked\nprint(unpacked._make_nameless_file('app/{'表' * 85}') > 2)"
    assert cold_tree.output(code, MINREQ_COLD_DIR="/nowhere") == "True\n"


def test_a_file_in_the_cache_that_is_not_the_one_of_the_build(cold_tree: ColdTree, tmp_path: Path) -> None:
    cold_tree.output(EXTENSION, MINREQ_COLD_DIR=str(tmp_path))
    [file] = tmp_path.glob("minreq-cold-*/*")
    content = file.read_bytes()
    for other in (content[:100], b"x" * len(content)):
        file.write_bytes(other)
        assert cold_tree.output(EXTENSION, MINREQ_COLD_DIR=str(tmp_path)) == "1 31000\n"
        assert file.read_bytes() == content
    assert [*tmp_path.glob("minreq-cold-*/*")] == [file]


def test_a_cache_that_was_filled_and_cannot_be_written(cold_tree: ColdTree, tmp_path: Path) -> None:
    """As one in an image: the file in it is used, and no other is made."""
    cold_tree.output(EXTENSION, MINREQ_COLD_DIR=str(tmp_path))
    [file] = tmp_path.glob("minreq-cold-*/*")
    code = "import errno, os\ndef refuse(path):\n    raise OSError(errno.EROFS, path)\nos.utime = refuse\n"
    code += f"{EXTENSION}\nprint({str(file)!r} in open('/proc/self/maps').read())"
    assert cold_tree.output(code, MINREQ_COLD_DIR=str(tmp_path)) == "1 31000\nTrue\n"


def test_a_folder_whose_finder_is_older_than_the_hook(cold_tree: ColdTree) -> None:
    """Another thread has asked for a module of the package before its first statement."""
    code = """
import app, sys
from importlib.machinery import FileFinder, SourceFileLoader
[folder] = app.__path__
sys.path_importer_cache[folder] = FileFinder(folder, (SourceFileLoader, [".py"]))
import app.cold
print(len(app.cold.read()))
try:
    import app.none
except ImportError as error:
    print(error)
"""
    assert cold_tree.output(code) == "31000\nNo module named 'app.none'\n"


def test_several_threads_and_processes_at_once(cold_tree: ColdTree, tmp_path: Path) -> None:
    code = """
import threading
barrier, found = threading.Barrier(8), []
def use(number):
    barrier.wait()
    import app.cold, app.native, app.sub.deep, app.space.one
    found.append((len(app.cold.read()), app.native.first, app.space.one.one))
threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
for each in threads: each.start()
for each in threads: each.join()
print({*found}, len(found))
"""
    command = [sys.executable, "-S", "-B", "-c", code]
    environment = {"PYTHONPATH": str(cold_tree.folder), "MINREQ_COLD_DIR": str(tmp_path)}
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert {each.communicate()[0] for each in processes} == {"{(31000, 1, 1)} 8\n"}
    assert len([*tmp_path.glob("minreq-cold-*/*")]) == 1
