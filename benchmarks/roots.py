"""Are locks right? Each lock is installed by pip, without minreq, and compared with a full install of the same root.

The smokes are in ``benchmarks/roots/smoke_ROOT.py``. For each root, one after the other:

1. ``minreq lock ROOT --smoke FILE``.
2. pip installs ROOT with all its dependencies into a virtual environment. The smoke runs there twice, as
   ``python FILE`` in an empty folder, with few environment variables.
3. pip installs the lock into a new virtual environment at the same path. The smoke runs there. The exit status and each
   line of stdout and stderr must be the same as in the full install.
4. The smoke runs without one kept distribution at a time. If nothing changes, the distribution was removable. The
   distributions that the user requested, such as the root, are not tested.

Writes a table in Markdown into ``benchmarks/results/``, again after each root. Needs the package index; the
smokes use loopback at most.

    tox run -e roots                                  # all roots
    tox run -e roots -- flask black
    tox run -e roots -- --full-only sphinx            # only the smoke on the full install
    tox run -e roots -- flask -- --certify            # options for `minreq lock`
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import PackagePath, distributions
from pathlib import Path

from full_install import environment, install, without
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rootsreport import Installed, LockRun, Row, SmokeRun, Task, first_difference, header, row_line, write

RESULTS = Path(__file__).parent / "results"
SMOKES = Path(__file__).parent / "roots"

#: Seconds for one lock, and for one run of a smoke.
_LOCK_LIMIT = 3600
_SMOKE_LIMIT = 600
#: What the virtual environment has of itself.
_TOOLS = frozenset({"pip", "setuptools"})
#: Files of ``.dist-info`` that the installer writes.
_OF_INSTALLER = frozenset({"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"})


def main() -> None:
    """Compare all roots, or those that are named, and write the table."""
    own, options_of_lock = split_arguments(sys.argv[1:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("roots", nargs="*", metavar="NAME", help="the roots; default: all")
    parser.add_argument("--list", action="store_true", help="print the names of the roots")
    parser.add_argument("--full-only", action="store_true", help="run the smokes on the full installs only")
    parser.add_argument("--show", action="store_true", help="print what the smokes print")
    parser.add_argument("--keep", type=Path, help="keep locks and evidence in this folder")
    parser.add_argument("--results", default=RESULTS, type=Path)
    options = parser.parse_args(own)
    tasks = find_tasks()
    if unknown := {*options.roots} - tasks.keys():
        parser.error(f"no smoke for {', '.join(sorted(unknown))}")
    if options.list:
        print(*tasks, sep="\n")
        return
    rows: list[Row] = []
    for name in options.roots or tasks:
        rows.append(compare(tasks[name], options_of_lock, full_only=options.full_only, keep=options.keep))
        print("\n".join((*header(), row_line(rows[-1]))), flush=True)
        if options.show and rows[-1].full is not None:
            print(*rows[-1].full.lines, sep="", flush=True)
        if not options.full_only:
            write(rows, options.results, options_of_lock)
    if options.full_only and any(row.notes for row in rows):
        sys.exit(1)


def split_arguments(arguments: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the arguments before and after ``--``."""
    if "--" not in arguments:
        return arguments, ()
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def find_tasks() -> Mapping[str, Task]:
    """Return the tasks by name.

    The last paragraph of a smoke's docstring is ``Root: NAME; has FEATURES.``
    """
    tasks = {}
    for smoke in sorted(SMOKES.glob("smoke_*.py")):
        docstring = ast.get_docstring(ast.parse(smoke.read_text(encoding="utf-8"))) or ""
        root, _, features = docstring.split("\n\n")[-1].removeprefix("Root: ").removesuffix(".").partition("; has ")
        task = Task(root=Requirement(root), smoke=smoke, features=features)
        tasks[task.name] = task
    return tasks


def compare(task: Task, options: Sequence[str], *, full_only: bool, keep: Path | None) -> Row:
    """Make the lock of a root, install it, and compare it with the full install."""
    row = Row(task=task)
    with tempfile.TemporaryDirectory(prefix="minreq-roots-") as folder:
        scratch = Path(folder)
        smoke = Path(shutil.copy(task.smoke, scratch))
        lock_file = scratch / "lock" / "requirements-minimal.txt"
        lock_file.parent.mkdir()
        if not full_only:
            row.lock = make_lock(task, smoke, lock_file.parent, options)
            if row.lock.status:
                row.notes.append(f"minreq ends with status {row.lock.status}: {error_of(row.lock)}")
            elif keep is not None:
                shutil.copytree(lock_file.parent, keep / task.name, dirs_exist_ok=True)
        examine_full_install(row, smoke, scratch)
        if row.lock is not None and not row.lock.status:
            examine_lock(row, row.lock, smoke, lock_file, scratch)
    return row


def make_lock(task: Task, smoke: Path, folder: Path, options: Sequence[str]) -> LockRun:
    """Run ``minreq lock`` in *folder*."""
    report("minreq lock", task)
    command = [sys.executable, "-m", "minreq", "lock", str(task.root), "--smoke", str(smoke), "--json", *options]
    start = time.monotonic()
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LOCK_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return LockRun(status=-1, result={}, stderr=str(error), seconds=_LOCK_LIMIT)
    seconds = time.monotonic() - start
    try:
        result = json.loads(done.stdout)
    except ValueError:
        result = {}
    return LockRun(status=done.returncode, result=result, stderr=done.stderr, seconds=seconds)


def error_of(lock: LockRun) -> str:
    """Return the error of a lock that failed, in one line."""
    lines = [line.strip() for line in lock.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["no message"])[-1]


def examine_full_install(row: Row, smoke: Path, scratch: Path) -> None:
    """Run the smoke twice where pip installed everything that the root declares."""
    report("full install", row.task)
    at = environment(scratch / "environment")
    install(at, [str(row.task.root)])
    row.declared = look_into(at)
    row.full, again = run_smoke(at, smoke, scratch), run_smoke(at, smoke, scratch)
    if row.full.status:
        last = row.full.stderr.strip().splitlines()[-1:]
        row.notes.append(f"the smoke fails on the full install: {' '.join(last)}")
    if row.full.lines != again.lines:
        row.notes.append(f"two runs on the full install differ: {first_difference(row.full, again)}")
    shutil.rmtree(at)


def examine_lock(row: Row, lock: LockRun, smoke: Path, lock_file: Path, scratch: Path) -> None:
    """Run the smoke where pip installed the lock, then without each distribution."""
    report("the lock, installed by pip", row.task)
    at = environment(scratch / "environment")
    install(at, ["-r", str(lock_file)], "--no-deps", "--require-hashes")
    row.installed = look_into(at)
    row.on_lock = run_smoke(at, smoke, scratch)
    if row.full is not None and not row.is_equal:
        row.notes.append(f"**differs**: {first_difference(row.full, row.on_lock)}")
    if row.declared is not None:
        row.notes += compare_installs(row.declared, row.installed, lock)
    row.removable = []
    for name, evidence in sorted(lock.kept.items()):
        if evidence != "request":
            report(f"without {name}", row.task)
            with without(at, name):
                if run_smoke(at, smoke, scratch).lines == row.on_lock.lines:
                    row.removable.append(name)
    if row.removable:
        row.notes.append(f"removable: {', '.join(row.removable)}")


def compare_installs(declared: Installed, installed: Installed, lock: LockRun) -> Iterator[str]:
    """Yield what the lock has and the full install has not, and the other way round in minreq's numbers."""
    for name, version in sorted(installed.versions.items()):
        other = declared.versions.get(name)
        if other is None:
            yield f"not declared: {name}"
        elif other != version:
            yield f"pip takes {name} {other}, minreq {version}"
    if lock.closure_size != len(declared.versions):
        yield f"minreq counts {lock.closure_size} declared"
    if noise := lock.result.get("noise"):
        yield f"minreq does not compare {', '.join(noise)}"


def look_into(at: Path) -> Installed:
    """Return what pip installed into the virtual environment."""
    (packages,) = at.glob("lib/python*/site-packages")
    versions: dict[str, str] = {}
    size = 0
    for each in distributions(path=[str(packages)]):
        name = canonicalize_name(each.metadata["Name"])
        if name not in _TOOLS:
            versions[name] = each.version
            size += sum(size_of(file) for file in each.files or ())
    return Installed(versions=versions, bytes=size)


def size_of(file: PackagePath) -> int:
    """Return the size of a file of a wheel, and 0 for what the installer added."""
    path = Path(str(file.locate()))
    is_added = file.suffix == ".pyc" or file.name in _OF_INSTALLER
    return path.stat().st_size if path.is_file() and not is_added else 0


def run_smoke(at: Path, smoke: Path, scratch: Path) -> SmokeRun:
    """Run the smoke as a person would: ``python FILE`` in an empty folder, with the environment activated."""
    folders = {name: scratch / name for name in ("home", "temporary", "work")}
    for folder in folders.values():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    variables = {
        "PATH": os.pathsep.join((str(at / "bin"), os.defpath)),
        "VIRTUAL_ENV": str(at),
        "HOME": str(folders["home"]),
        "TMPDIR": str(folders["temporary"]),
        "LC_ALL": "C.UTF-8",
    }
    command = [str(at / "bin" / "python"), str(smoke)]
    start = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=folders["work"],
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
    ) as process:
        status: int | str
        try:
            stdout, stderr = process.communicate(timeout=_SMOKE_LIMIT)
            status = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, stderr = process.communicate()
            status = f"none after {_SMOKE_LIMIT} s"
    return SmokeRun(status=status, stdout=stdout, stderr=stderr, seconds=time.monotonic() - start)


def report(what: str, task: Task) -> None:
    """Report progress on stderr."""
    print(f"{datetime.now(tz=timezone.utc):%H:%M:%S} {task.name}: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
