"""Import what a smoke imports, from a tree and in isolation, and return what was recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from minreq.model import Script
from minreq.smoke.pythonrun import PythonSetup, run_python
from minreq.smoke.start import Access
from minreq.system import temporary

Record: TypeAlias = Literal["loaded", "costs", "lines", "effects"]

#: The most seconds of one import.
_TIMEOUT = 300
_NO_RESULT = "the process ended without a result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the import of one module costs, without the modules that it imports."""

    seconds: float
    bytes: int


class Place(NamedTuple):
    """A line that imports."""

    #: ``__main__`` for the script of a smoke; "" where no line of the program imports.
    module: str
    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutedImport:
    """An import that ran, whether or not the module was loaded before."""

    #: The module that was running; "" for the program itself.
    importer: str
    place: Place
    target: str
    #: The names that it reads from the target.
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRecord:
    """What an import did."""

    #: The traceback of an import that failed; "" otherwise.
    error: str
    #: Processor seconds.
    seconds: float = 0.0
    #: The most bytes of memory.
    peak: int = 0
    #: The file of each loaded module, the folder of a namespace package; "" for those of the interpreter.
    modules: Mapping[str, str] = field(default_factory=dict)
    #: The module and the name of each deferred import that ran.
    resolved: frozenset[tuple[str, str]] = frozenset()
    #: The same for the lazy imports of the interpreter that did not run.
    unresolved: frozenset[tuple[str, str]] = frozenset()
    costs: Mapping[str, Cost] = field(default_factory=dict)
    #: The processor seconds of the collection of garbage, which the costs do not have.
    collected: float = 0.0
    #: The module that imported each module first.
    importers: Mapping[str, str] = field(default_factory=dict)
    #: The line that imported each module first.
    places: Mapping[str, Place] = field(default_factory=dict)
    imports: Sequence[ExecutedImport] = ()
    #: By module: the modules that it has as attributes under their own names.
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: What the execution of modules changed outside of them.
    effects: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def failure(self) -> str:
        """The last line of the traceback of an import that failed."""
        return self.error.strip().rpartition("\n")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportWatcher:
    """Imports from trees. The program is the *script* of the first stage, or imports of *modules*."""

    setup: PythonSetup
    #: The variables of all stages of the program.
    environment: Mapping[str, str]
    script: Script | None
    modules: Sequence[str]
    #: The folders of what the runtime provides.
    provided: Sequence[Path]
    #: A folder for compiled files, where the tree has none or must not be changed.
    compiled: Path | None = None

    def watch(self, tree: Path, record: Record) -> ImportRecord:
        """Run the program on *tree*."""
        folders = [tree, *self.provided]
        script = self.script
        environment = {**self.environment, **(script.environment if script else {})}
        compiled = [self.compiled] if self.compiled else []
        if self.compiled:
            environment["PYTHONPYCACHEPREFIX"] = str(self.compiled)
        with temporary.make_temporary_folder() as own:
            task = {
                "folders": [*map(str, folders)],
                "script": str(script.file) if script else "",
                "modules": [*self.modules],
                "record": record,
                "results": str(own / "results"),
            }
            (own / "task").write_text(json.dumps(task), "utf-8")
            status = run_python(
                self.setup,
                read_script(),
                [str(own / "task")],
                Access(
                    writable=own, also_writable=compiled, readable=[*([script.file.parent] if script else []), *folders]
                ),
                environment={"PYTHONHASHSEED": "0", **environment},
                seconds=_TIMEOUT,
                compiles=bool(compiled),
            )
            if status is None:
                return ImportRecord(error=f"no end after {_TIMEOUT} seconds")
            results = own / "results"
            return _read(json.loads(results.read_text("utf-8"))) if results.exists() else ImportRecord(error=_NO_RESULT)


def _read(found: Mapping[str, Any]) -> ImportRecord:
    return ImportRecord(
        error=found["error"],
        seconds=found["seconds"],
        peak=found.get("peak", 0),
        modules=found["modules"],
        resolved=frozenset((module, name) for module, name in found.get("resolved", ())),
        unresolved=frozenset((module, name) for module, name in found.get("unresolved", ())),
        collected=found.get("collected", 0.0),
        costs={name: Cost(seconds=seconds, bytes=size) for name, (seconds, size) in found.get("costs", {}).items()},
        importers=found.get("importers", {}),
        places={name: Place(*place) for name, place in found.get("places", {}).items()},
        imports=[
            ExecutedImport(importer=importer, place=Place(*place), target=target, names=frozenset(names))
            for importer, place, target, names in found.get("imports", ())
        ],
        aliases=found.get("aliases", {}),
        effects=found.get("effects", {}),
    )


def read_script() -> str:
    """Return the source of the script that imports and records."""
    return resources.files("minreq.imports").joinpath("importwatch.py").read_text("utf-8")
