"""A cold tree serves its files however it is shipped and however Python is started."""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from coldtree import ColdTree, build, run_python
from commanding import Project
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


@pytest.mark.parametrize("options", ["-S", "-I", "-IS", "-s", "-OO", "-Xfrozen_modules=off"])
def test_options_of_python(cold_tree: ColdTree, options: str) -> None:
    code = f"import sys\nsys.path.insert(0, {str(cold_tree.folder)!r})\n{USE}\nprint(use())"
    done = run_python([options, "-B", "-c", code], {})
    assert (done.out, done.err) == (f"{USED}\n", "")


@pytest.mark.parametrize("ending", ["/", "//", "/app/..", "/."])
def test_other_names_of_the_folder(cold_tree: ColdTree, ending: str) -> None:
    code = f"import sys\nsys.path.insert(0, {str(cold_tree.folder)!r} + {ending!r})\n{USE}\nprint(use())"
    done = run_python(["-ISB", "-c", code], {})
    assert (done.out, done.err) == (f"{USED}\n", "")


def test_a_folder_of_a_package_comes_first_on_the_path(cold_tree: ColdTree) -> None:
    """Then it is also asked for each module that serving needs."""
    code = "import lib, sys\nsys.path.insert(0, lib.__path__[0])\nimport more, hashlib\nprint(more.x, hashlib.__name__)"
    assert cold_tree.output(code) == "1 hashlib\n"


def test_a_relative_path_to_a_folder_of_a_package(cold_tree: ColdTree) -> None:
    code = "import app, os, sys\nos.chdir(app.HERE.parent)\nsys.path.insert(0, 'app/space')\nimport one\n"
    code += "print(one.one, one.__file__)"
    assert cold_tree.same_output(code) == "1 TREE/app/space/one.py\n"


def test_other_processes(cold_tree: ColdTree, tmp_path: Path) -> None:
    """`multiprocessing` with spawn, `python -m`, and programs in Python."""
    script = tmp_path / "program.py"
    script.write_text(SPAWN)
    done = run_python(["-B", str(script)], {"PYTHONPATH": str(cold_tree.folder)})
    assert (done.out, done.err) == (f"{USED}\nmain __main__\napp.sub.deep\n", "")


def test_a_virtual_environment_and_links(cold_tree: ColdTree, tmp_path: Path) -> None:
    """The folder of packages is a site folder, which another one on the path is a link to."""
    environment = tmp_path / "venv"
    site = environment / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    site.parent.mkdir(parents=True)
    shutil.copytree(cold_tree.folder, site)
    environment.joinpath("pyvenv.cfg").write_text("home = /usr\n")
    link = tmp_path / "link"
    link.symlink_to(site)
    for folder in (site, link):
        code = f"import site\nsite.addsitedir({str(folder)!r})\n{USE}\nprint(use())\n"
        code += "import os; print(os.path.getsize(os.path.realpath(app.HERE / 'data' / 'table.txt')))"
        assert run_python(["-IB", "-c", code], {}).out == f"{USED}\n31000\n"


def test_two_builds_side_by_side(cold_project: Project, cold_tree: ColdTree) -> None:
    """Each package is served by the tree that it is from; a folder may have a dot, as in ``lib/python3.12``."""
    build(
        cold_project, "other.12", "--slim", "cold", "--keep", "app/*", "--drop", "app/data/*", "--prove-modules", "none"
    )
    other = cold_project.folder / "other.12"
    code = f"import sys\nsys.path[:0] = [{str(cold_tree.folder)!r}, {str(other)!r}]\n{USE}\nprint(use())\n"
    code += f"sys.path.remove({str(cold_tree.folder)!r})\nimport ns.part, ns\n"
    code += f"ns.__path__ = [{str(other / 'ns')!r}]\ndel sys.modules['ns.part']\n"
    code += "import ns.part.more\nprint(ns.part.more.__file__, ns.part.more.y)"
    done = run_python(["-ISB", "-c", code], {})
    assert (done.out, done.err) == (f"{USED}\n{other}/ns/part/more.py 1\n", "")


def test_a_tree_in_an_archive_says_that_it_has_to_be_unpacked(cold_tree: ColdTree, tmp_path: Path) -> None:
    archive = tmp_path / "cold_tree.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in (*cold_tree.folder.glob("app/*.py"), *cold_tree.folder.glob("_minreq_cold/*")):
            file.write(path, path.relative_to(cold_tree.folder))
    done = run_python(["-SB", "-c", "import app"], {"PYTHONPATH": str(archive)})
    assert done.err.endswith("has cold files and cannot be imported from an archive: unpack it\n")


@pytest.mark.network
@pytest.mark.parametrize("way", ["layer", "function"])
def test_the_runtime_client_of_aws_starts_a_function(cold_tree: ColdTree, tmp_path: Path, way: str) -> None:
    """A layer is on `PYTHONPATH`; the folder of a function, which may have the packages, is put first by the client."""
    client, task = tmp_path / "runtime", tmp_path / "task"
    install_client(client)
    if way == "layer":
        task.mkdir()
    else:
        shutil.copytree(cold_tree.folder, task)
    task.joinpath("function.py").write_text(FUNCTION)
    path = f"{task}:{cold_tree.folder}:{client}" if way == "layer" else str(client)
    with serve_event({}) as runtime:
        run_function(runtime, task, {"PYTHONPATH": path, "MINREQ_COLD_DIR": str(tmp_path)})
    assert runtime.error is None
    assert runtime.answer == {"answer": USED, "from": f"{cold_tree.folder if way == 'layer' else task}/app/__init__.py"}
