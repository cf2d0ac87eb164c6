"""A cold tree serves its files however it is shipped and however Python is started."""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from coldtree import SCENARIO, ColdTree, build, build_trees, run_python
from commanding import Project, project
from lambdaruntime import install_client, run_function, serve_event

#: Reaches every kind of cold file.
USE = """
import app
def use():
    import app.cold, app.native, app.sub.deep, importlib, lib.more
    return [app.sub.deep.Plugin.__name__, app.native.first, len(app.cold.read()), lib.more.x]
"""
USED = ["Plugin", 1, 31000, 1]
FUNCTION = f"{USE}\ndef handler(event, context):\n    return {{'answer': use(), 'from': app.__file__}}\n"
SPAWN = f"""{USE}
def put(queue):
    queue.put(use())
if __name__ == "__main__":
    import multiprocessing, subprocess, sys
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    process = context.Process(target=put, args=(queue,))
    process.start()
    print(queue.get(), flush=True)
    process.join()
    subprocess.run([sys.executable, "-m", "lib"], check=True)
    subprocess.run([sys.executable, "-c", "import app.sub.deep as deep; print(deep.__name__)"], check=True)
"""


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = project(SCENARIO, tmp_path_factory.mktemp("start"))
    made.make_lock()
    return made


@pytest.fixture(scope="module")
def tree(locked: Project) -> ColdTree:
    return build_trees(locked)


@pytest.mark.parametrize("options", ["-S", "-I", "-IS", "-s", "-OO", "-Xfrozen_modules=off"])
def test_options_of_python(tree: ColdTree, options: str) -> None:
    code = f"import sys\nsys.path.insert(0, {str(tree.folder)!r})\n{USE}\nprint(use())"
    done = run_python([options, "-B", "-c", code], {})
    assert (done.out, done.err) == (f"{USED}\n", "")


def test_other_processes(tree: ColdTree, tmp_path: Path) -> None:
    """`multiprocessing` with spawn, `python -m`, and programs in Python."""
    script = tmp_path / "program.py"
    script.write_text(SPAWN)
    done = run_python(["-B", str(script)], {"PYTHONPATH": str(tree.folder)})
    assert (done.out, done.err) == (f"{USED}\nmain __main__\napp.sub.deep\n", "")


def test_a_virtual_environment_and_links(tree: ColdTree, tmp_path: Path) -> None:
    """The folder of packages is a site folder, which another one on the path is a link to."""
    environment = tmp_path / "venv"
    site = environment / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    site.parent.mkdir(parents=True)
    shutil.copytree(tree.folder, site)
    environment.joinpath("pyvenv.cfg").write_text("home = /usr\n")
    link = tmp_path / "link"
    link.symlink_to(site)
    for folder in (site, link):
        code = f"import site\nsite.addsitedir({str(folder)!r})\n{USE}\nprint(use())\n"
        code += "import os; print(os.path.getsize(os.path.realpath(app.HERE / 'data' / 'table.txt')))"
        assert run_python(["-IB", "-c", code], {}).out == f"{USED}\n31000\n"


def test_two_builds_side_by_side(locked: Project, tree: ColdTree) -> None:
    """Each package is served by the tree that it is from."""
    build(locked, "other", "--slim", "cold", "--keep", "app/*", "--drop", "app/data/*", "--prove-modules", "none")
    other = locked.folder / "other"
    code = f"import sys\nsys.path[:0] = [{str(tree.folder)!r}, {str(other)!r}]\n{USE}\nprint(use())\n"
    code += f"sys.path.remove({str(tree.folder)!r})\nimport ns.part, ns\n"
    code += f"ns.__path__ = [{str(other / 'ns')!r}]\ndel sys.modules['ns.part']\n"
    code += "import ns.part.more\nprint(ns.part.more.__file__, ns.part.more.y)"
    done = run_python(["-ISB", "-c", code], {})
    assert (done.out, done.err) == (f"{USED}\n{other}/ns/part/more.py 1\n", "")


def test_a_tree_in_an_archive_says_that_it_has_to_be_unpacked(tree: ColdTree, tmp_path: Path) -> None:
    archive = tmp_path / "tree.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in (*tree.folder.glob("app/*.py"), *tree.folder.glob("_minreq_cold/*")):
            file.write(path, path.relative_to(tree.folder))
    done = run_python(["-SB", "-c", "import app"], {"PYTHONPATH": str(archive)})
    assert done.err.endswith("has cold files and cannot be imported from an archive: unpack it\n")


@pytest.mark.network
@pytest.mark.parametrize("way", ["layer", "function"])
def test_the_runtime_client_of_aws_starts_a_function(tree: ColdTree, tmp_path: Path, way: str) -> None:
    """A layer is on `PYTHONPATH`; the folder of a function, which may have the packages, is put first by the client."""
    client, task = tmp_path / "runtime", tmp_path / "task"
    install_client(client)
    if way == "layer":
        task.mkdir()
    else:
        shutil.copytree(tree.folder, task)
    task.joinpath("function.py").write_text(FUNCTION)
    path = f"{task}:{tree.folder}:{client}" if way == "layer" else str(client)
    with serve_event({}) as runtime:
        run_function(runtime, task, {"PYTHONPATH": path, "MINREQ_COLD_DIR": str(tmp_path)})
    assert runtime.error is None
    assert runtime.answer == {"answer": USED, "from": f"{tree.folder if way == 'layer' else task}/app/__init__.py"}
