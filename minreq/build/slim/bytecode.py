"""Compile sources for a read-only tree: the compiled files are valid whatever the time of their source."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from minreq.errors import PythonUnusable
from minreq.smoke.isolation import Isolation
from minreq.smoke.start import Access, start_isolated
from minreq.system import regularfile, temporary
from minreq.wheels import compiledsizes

#: The number of parts does not depend on the machine, so that the bytes do not either: one process for so many sources.
_PARTS = 4
_SOURCES_OF_PART = 50
#: Bytes from the end of what the interpreter prints where it fails.
_ERROR_SIZE = 4096

#: The target interpreter runs this. It reads lines from stdin: the path of the source, of the compiled file, and the
#: path to show. It prints the paths that it cannot compile. On load Python does not check the source hash (PEP 552).
_SCRIPT = """
import py_compile, sys
for line in sys.stdin.read().splitlines():
    source, compiled, shown = line.split("\\t")
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    try:
        py_compile.compile(source, compiled, shown, doraise=True, invalidation_mode=mode)
    except (py_compile.PyCompileError, UnicodeError, ValueError):
        print(shown)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeCompiler:
    """The interpreter that compiles, how it is isolated, and the tag of its compiled files."""

    python: Path
    #: ``cpython-312``
    tag: str
    isolation: Isolation

    def compile(self, folder: Path, paths: Sequence[str], *, beside: bool, jobs: int) -> tuple[str, ...]:
        """Compile the sources *paths* of *folder*; return those that are no valid Python, such as templates.

        With *beside* the compiled file lies beside its source, and Python can load it without the source. Otherwise it
        lies in ``__pycache__`` under the *tag*. Equal sources give equal bytes. Raises ``PythonUnusable``.
        """
        lines = [
            f"{folder / path}\t{folder / compiled_path(path, self.tag, beside=beside)}\t{path}"
            for path in sorted(paths)
        ]
        count = min(-(-len(lines) // _SOURCES_OF_PART), _PARTS)
        with ThreadPoolExecutor(jobs) as pool:
            parts = pool.map(lambda number: self._compile_part(folder, lines[number::count]), range(count))
            return tuple(sorted(path for part in parts for path in part))

    def _compile_part(self, folder: Path, lines: Sequence[str]) -> list[str]:
        with temporary.make_temporary_folder() as own, (own / "errors").open("w+b") as errors:
            process = start_isolated(
                self.isolation,
                [str(self.python), "-S", "-s", "-B", "-W", "ignore", "-c", _SCRIPT],
                Access(writable=own, also_writable=(folder,)),
                # A set constant is written in the order of its hashes.
                environment={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"},
                folder=own,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
            )
            output: str = process.communicate("\n".join(lines))[0]
            if process.returncode:
                text = regularfile.read_end(own / "errors", _ERROR_SIZE, below=own).decode("utf-8", "replace")
                last = text.strip().splitlines()
                problem = last[-1] if last else f"status {process.returncode}"
                raise PythonUnusable(str(self.python), f"it does not compile ({problem})")
        return output.splitlines()


def compiled_path(path: str, tag: str, *, beside: bool) -> str:
    """Return the path of the compiled file of the source *path*."""
    if beside:
        return f"{path}c"
    return compiledsizes.compiled_path(path, tag)
