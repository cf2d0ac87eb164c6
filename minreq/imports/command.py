"""Measure what the import of a program costs, in isolation, and which lines pay for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from minreq import interpreter as runtime
from minreq.analyze import importfolders
from minreq.config import AnalyzeSettings
from minreq.errors import ArtifactUnreadable, ImportFails, SandboxMissing, TreeUnreadable
from minreq.imports.analyze import analyze_module
from minreq.imports.costs import (
    ImportGraph,
    LineCost,
    ModuleCost,
    Saving,
    add_costs,
    cost_lines,
    cost_modules,
)
from minreq.imports.program import Program, read_program
from minreq.imports.statements import Statement, read_line, read_statements
from minreq.imports.watch import Cost, ImportRecord, ImportWatcher, Place
from minreq.interpreter import Interpreter
from minreq.reporting import Reporter, Step
from minreq.smoke.interrupts import end_runs_on_interrupt
from minreq.smoke.isolation import choose_isolation
from minreq.smoke.pythonrun import IsolatedPython
from minreq.smoke.visible import list_installations
from minreq.system import temporary
from minreq.system.disclosure import close_process

__all__ = ["ImportAnalysis", "ImportLine", "ModuleCost", "analyze_imports"]

#: The lines that cost most: for each of them, what the import would cost without it.
_EXAMINED = 200
#: From this version on, the interpreter evaluates annotations when somebody asks for them (PEP 649).
_LATE_ANNOTATIONS = (3, 14)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportLine:
    """A line in the tree that imports."""

    #: The file in the tree.
    path: str
    line: int
    statement: Statement
    #: What it was the first to import, with all that this loads.
    modules: int
    cost: Cost
    #: What is not loaded without the line.
    saving: Saving


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportAnalysis:
    """What the import of a program costs."""

    path: Path
    #: What the program runs: ``import litellm``, or the name of a script.
    program: str
    #: What all modules cost together.
    cost: Cost
    #: The seconds of the collection of garbage, which no module is charged with.
    collected: float
    #: An importer before what it imports.
    modules: tuple[ModuleCost, ...]
    #: The lines of the tree that cost most, the dearest first.
    lines: tuple[ImportLine, ...]
    #: The folders of the tree that the program imports from.
    folders: tuple[Path, ...]

    def show_place(self, place: Place) -> str:
        """Return ``litellm/utils.py:34`` for a line in the tree, else the module and the line."""
        return f"{find_path(place.file, self.folders) or place.module}:{place.line}" if place.line else self.program


def analyze_imports(settings: AnalyzeSettings, reporter: Reporter) -> ImportAnalysis:
    """Run the imports of the program that *settings* name on the tree, twice, and return what they cost.

    Nothing is written into the tree. Raises ``ImportFails``, ``SandboxMissing``, ``TreeUnreadable``,
    ``InvalidOptions``, and the errors of reading a lock and of finding an interpreter.
    """
    program = read_program(settings)
    with temporary.make_temporary_folder() as scratch, _open_tree(settings, scratch) as (interpreter, folders):
        isolation = choose_isolation(
            scratch / "unpacked",
            installations=list_installations(interpreter.base_executable, interpreter.folders),
        )
        if settings.require_sandbox and not isolation.kernel:
            raise SandboxMissing(isolation.fallback_reason)
        reporter.note(isolation.description)
        if not isolation.kernel:
            close_process()
        compiled = scratch / "compiled"
        compiled.mkdir()
        watcher = ImportWatcher(
            setup=IsolatedPython(executable=interpreter.base_executable, isolation=isolation),
            environment=program.environment,
            script=program.script,
            modules=program.modules,
            provided=folders[1:],
            compiled=compiled,
        )
        with end_runs_on_interrupt():
            reporter.began(Step.IMPORT, f"`{program.statement}`")
            # The first run also compiles, so that the second one measures what a program takes every time.
            lines, costs = (_watch(watcher, folders[0], record, program, settings) for record in ("lines", "costs"))
        late = interpreter.platform.python_version.release[:2] >= _LATE_ANNOTATIONS
        return _describe(settings.path, program, folders, lines, costs, late_annotations=late)


@contextmanager
def _open_tree(settings: AnalyzeSettings, scratch: Path) -> Iterator[tuple[Interpreter, tuple[Path, ...]]]:
    """Yield the interpreter that imports, and the folders that it imports from."""
    is_environment = (settings.path / "pyvenv.cfg").is_file()
    named = settings.python or (str(settings.path.absolute()) if is_environment else None)
    interpreter = runtime.find_interpreter(Path(named) if named else None)
    if is_environment:
        yield interpreter, runtime.site_folders(runtime.find_interpreter(settings.path.absolute()))
        return
    version = interpreter.platform.python_version
    try:
        with importfolders.open_tree(settings.path, scratch) as folder:
            yield (
                interpreter,
                importfolders.find_import_folders(folder, (version.major, version.minor), named=settings.path),
            )
    except ArtifactUnreadable as error:
        raise TreeUnreadable(error.path, error.why) from error


def _watch(
    watcher: ImportWatcher, folder: Path, record: str, program: Program, settings: AnalyzeSettings
) -> ImportRecord:
    found = watcher.watch(folder, record)  # type: ignore[arg-type]
    if found.error:
        raise ImportFails(settings.path, program.statement, found.failure)
    return found


def _describe(
    path: Path,
    program: Program,
    folders: tuple[Path, ...],
    record: ImportRecord,
    costs: ImportRecord,
    *,
    late_annotations: bool,
) -> ImportAnalysis:
    modules = cost_modules(costs.costs, record)
    in_tree = [(each, file) for each in cost_lines(modules) if (file := find_path(each.place.file, folders))]
    examined = in_tree[:_EXAMINED]
    graph = ImportGraph(record)
    sources = _SourceReader(late_annotations=late_annotations)
    return ImportAnalysis(
        path=path,
        program=program.statement,
        cost=add_costs(each.own for each in modules.values()),
        collected=costs.collected,
        modules=tuple(modules.values()),
        lines=tuple(_describe_line(each, file, graph, costs.costs, sources) for each, file in examined),
        folders=folders,
    )


def _describe_line(
    line: LineCost, path: str, graph: ImportGraph, costs: Mapping[str, Cost], sources: _SourceReader
) -> ImportLine:
    statement = sources.read(line.place)
    names = [each.name for each in statement.uses]
    return ImportLine(
        path=path,
        line=line.place.line,
        statement=statement,
        modules=line.modules,
        cost=line.cost,
        saving=graph.find_saving(line.place, names, costs),
    )


class _SourceReader:
    """Reads the sources of lines; each source once."""

    def __init__(self, *, late_annotations: bool) -> None:
        self._late_annotations = late_annotations
        self._sources: dict[str, bytes] = {}
        self._statements: dict[str, Mapping[int, Statement]] = {}

    def read(self, place: Place) -> Statement:
        """Return the import in the line *place*."""
        if place.file not in self._sources:
            self._sources[place.file], self._statements[place.file] = self._analyze(place)
        return self._statements[place.file].get(place.line) or read_line(self._sources[place.file], place.line)

    def _analyze(self, place: Place) -> tuple[bytes, Mapping[int, Statement]]:
        file = Path(place.file)
        try:
            source = file.read_bytes()
        except OSError:  # What has no source was compiled elsewhere.
            return b"", {}
        module = analyze_module(
            source,
            place.module,
            is_package=file.name == "__init__.py",
            late_annotations=self._late_annotations,
        )
        return source, read_statements(module) if module is not None else {}


def find_path(file: str, folders: Sequence[Path]) -> str:
    """Return the path of *file* in the one of *folders* that has it, "" if none has."""
    for folder in folders:
        if file.startswith(f"{folder}/"):
            return file[len(str(folder)) + 1 :]
    return ""
