"""Import what a smoke imports, from a tree and in isolation, and return what was recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeAlias

from minreq.model import Script
from minreq.smoke.pythonrun import run_python
from minreq.smoke.runsetup import RunSetup
from minreq.smoke.start import Access
from minreq.system import temporary

Record: TypeAlias = Literal["loaded", "costs", "effects"]

#: The most seconds of one import.
_TIMEOUT = 300
_NO_RESULT = "the process ended without a result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the import of one module costs, without the modules that it imports."""

    seconds: float
    bytes: int


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
    #: The module that imported each module first.
    importers: Mapping[str, str] = field(default_factory=dict)
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

    setup: RunSetup
    script: Script | None
    modules: Sequence[str]
    #: The folders of what the runtime provides.
    provided: Sequence[Path]

    def watch(self, tree: Path, record: Record) -> ImportRecord:
        """Run the program on *tree*."""
        folders = [tree, *self.provided]
        script = self.script
        environment = {**self.setup.plan.environment, **(script.environment if script else {})}
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
                Access(writable=own, readable=[*([script.file.parent] if script else []), *folders]),
                environment={"PYTHONHASHSEED": "0", **environment},
                seconds=_TIMEOUT,
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
        costs={name: Cost(seconds=seconds, bytes=size) for name, (seconds, size) in found.get("costs", {}).items()},
        importers=found.get("importers", {}),
        aliases=found.get("aliases", {}),
        effects=found.get("effects", {}),
    )


def read_script() -> str:
    """Return the source of the script that imports and records."""
    return resources.files("minreq.imports").joinpath("importwatch.py").read_text("utf-8")
