"""Files are compiled in workers, once each, from sources of the store only, and recognized later by their hash."""

from __future__ import annotations

import os
import py_compile
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from minreq.smoke.compiler import Compiler
from minreq.smoke.isolation import choose_isolation
from minreq.system import regularfile, temporary
from minreq.wheels import storedtree
from minreq.wheels.storedtree import TreeIndex

TREE = "a" * 64


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    lib = tmp_path / "unpacked" / TREE / "lib" / "p" / "lib"
    lib.mkdir(parents=True)
    for number in range(8):
        (lib / f"m{number}.py").write_text(f"x = {number}\n" * 50)
    (lib / "broken.py").write_text("x = = 1\n")
    return tmp_path / "unpacked" / TREE


def check(tree: Path) -> TreeIndex:
    """Check *tree* as the next lock does, without an index."""
    sources = {each.relative_to(tree).as_posix(): regularfile.sha256(each) for each in tree.rglob("*.py")}
    return storedtree.check_tree(tree, TreeIndex(hashes=sources))


def make_compiler(tree: Path, limit: float) -> Compiler:
    """Return a compiler for the store of *tree* that compiles for *limit* seconds at most."""
    executable = Path(sys.executable).resolve()
    seen = [Path(sys.base_prefix), executable.parent.parent]
    return Compiler(executable, choose_isolation(tree.parent, seen), 2, limit)


@pytest.fixture
def compiler(tree: Path) -> Iterator[Compiler]:
    with make_compiler(tree, 300) as made:
        yield made


def test_sources_are_compiled_in_parallel_and_recorded(compiler: Compiler, tree: Path) -> None:
    sources = [str(tree / "lib" / "p" / "lib" / f"m{number}.py") for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda source: compiler.compile(source, 0), sources * 2))
    files = sorted(tree.rglob("*.pyc"))
    assert len(files) == 8
    check(tree)
    assert sorted(tree.rglob("*.pyc")) == files
    assert len((tree / "compiled.txt").read_text().splitlines()) == 8
    assert compiler.compile(sources[0], 2)
    assert len(list(tree.rglob("*.opt-2.pyc"))) == 1


def test_only_sources_of_the_store_are_compiled(compiler: Compiler, tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("x = 1")
    lib = tree / "lib"
    for path in (outside, lib / ".." / "lib" / "p" / "lib" / "m1.py", lib / "p" / "lib" / "broken.py"):
        assert not compiler.compile(str(path), 0)
    assert not compiler.compile(str(lib / "p" / "lib" / "m1.py"), 3)
    assert not list(tmp_path.rglob("*.pyc"))


def test_a_compiled_file_is_measured_and_not_written(compiler: Compiler, tree: Path, tmp_path: Path) -> None:
    source = tree / "lib" / "p" / "lib" / "m1.py"
    expected = py_compile.compile(str(source), str(tmp_path / "m1.pyc"), "p/lib/m1.py")
    assert expected is not None
    assert compiler.measure(str(source), "p/lib/m1.py") == Path(expected).stat().st_size
    assert compiler.measure(str(source.with_name("broken.py")), "broken.py") == 0
    assert compiler.measure(expected, "m1.pyc") is None
    assert not list(tree.rglob("*.pyc"))


def test_sources_that_take_hours_are_left_to_the_run(tree: Path) -> None:
    """Python compiles the code of a ``finally`` twice, and that of one within it four times."""
    slow = tree / "lib" / "p" / "lib" / "slow.py"
    lines = [f"{' ' * depth}try:\n{' ' * depth} b()\n{' ' * depth}finally:\n" for depth in range(19)]
    slow.write_text("".join(lines) + " " * 19 + "a()\n")
    with make_compiler(tree, 0.5) as compiler:
        assert compiler.measure(str(slow), "slow.py") is None
        assert not compiler.compile(str(slow), 0)
        assert not compiler.compile(str(slow.with_name("m1.py")), 0)
    assert not list(tree.rglob("*.pyc"))


@pytest.mark.parametrize("damage", [b"", b"x"], ids=["emptied", "changed"])
def test_a_compiled_file_that_changed_is_removed(compiler: Compiler, tree: Path, damage: bytes) -> None:
    compiler.compile(str(tree / "lib" / "p" / "lib" / "m1.py"), 0)
    (file,) = tree.rglob("*.pyc")
    file.write_bytes(damage)
    (file.parent / "planted.cpython-312.pyc").write_bytes(b"x")
    check(tree)
    assert not list(tree.rglob("*.pyc"))


def test_bytecode_of_a_source_that_changed_is_removed(compiler: Compiler, tree: Path) -> None:
    """Also where size and time of the source stay, by which Python would take it."""
    source = tree / "lib" / "p" / "lib" / "m1.py"
    compiler.compile(str(source), 0)
    check(tree)
    assert list(tree.rglob("*.pyc"))
    status = source.stat()
    source.write_bytes(source.read_bytes().replace(b"1", b"2"))
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
    check(tree)
    assert not list(tree.rglob("*.pyc"))


def test_a_list_that_is_a_link_is_not_followed(compiler: Compiler, tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    (tree / "compiled.txt").symlink_to(outside)
    assert compiler.compile(str(tree / "lib" / "p" / "lib" / "m1.py"), 0)
    assert outside.read_text() == "mine"
    assert len((tree / "compiled.txt").read_text().splitlines()) == 1


def test_a_temporary_folder_is_removed_when_its_owner_is_gone(tmp_path: Path) -> None:
    """Not before. A folder with a similar name stays, and so does the target of a link."""
    held = temporary.TemporaryFolder(tmp_path)
    left = temporary.TemporaryFolder(tmp_path)
    (left.path / "closed" / "inner").mkdir(parents=True)
    (left.path / "closed").chmod(0)
    left.release()
    mine = tmp_path / "minreq-mine"
    mine.mkdir()
    (tmp_path / "minreq-abcdefgh.tmp").symlink_to(mine)
    temporary.remove_abandoned(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([held.path, mine, tmp_path / "minreq-abcdefgh.tmp"])
    held.remove()
    assert not held.path.exists()


def test_concurrent_removals_spare_folders_in_use(tmp_path: Path) -> None:
    """A removal at any moment removes no folder that its owner still uses."""
    over = threading.Event()

    def remove_abandoned() -> None:
        while not over.is_set():
            temporary.remove_abandoned(tmp_path)

    with ThreadPoolExecutor(2) as pool:
        removals = [pool.submit(remove_abandoned) for _ in range(2)]
        for _ in range(300):
            with temporary.make_temporary_folder(tmp_path) as folder:
                (folder / "x").write_text("x")
                assert [each.name for each in folder.iterdir()] == ["x"]
        over.set()
        for each in removals:
            each.result()
    assert list(tmp_path.iterdir()) == []
