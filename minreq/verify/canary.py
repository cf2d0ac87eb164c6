"""The smoke of a lock as one plain script that calls the real endpoints (``minreq verify --export-smoke``).

minreq writes it and never runs it: credentials and cost are the user's.
"""

from __future__ import annotations

import ast
import json
import pprint
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minreq.errors import NothingToExport
from minreq.lockfile import writing
from minreq.model import Lock, Plan, Script
from minreq.profiles.loading import Profile, Real
from minreq.task import recall

#: Where in an argument the emulator shows.
_EMULATED = ("{http}", "{https}", "{private_key}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """The script, and what it does."""

    text: str
    #: The stages it has, in the order of the plan.
    stages: tuple[str, ...]
    #: Stages of the lock that it has not.
    left_out: tuple[str, ...]


def export(lock_file: Path, output: Path, moved: Sequence[Path] = ()) -> Canary:
    """Write the script of the lock in *lock_file* to *output*; nothing is run.

    *moved* are scripts that may not be where they were. Raises ``LockMissing``, ``EvidenceUnreadable``,
    ``SmokeMissing``, ``NothingToExport`` and ``OutputUnwritable``.
    """
    lock, _ = recall.read(lock_file)
    profile = recall.profile(lock, lock_file)
    made = canary(lock, recall.plan(lock, lock_file, moved), profile, filename=output.name)
    writing.write({output: made.text})
    return made


def canary(lock: Lock, plan: Plan, profile: Profile | None, *, filename: str = "canary.py") -> Canary:
    """Return the script that makes the calls of *plan*; it calls itself *filename*.

    Raises ``NothingToExport`` where the plan has no call of a profile.
    """
    real = profile.real if profile else None
    scripts = [script for group in plan.groups for script in group.scripts]
    stages = [stage for script in scripts if real and (stage := _stage(script, real)) is not None]
    if profile is None or real is None or not stages:
        raise NothingToExport([script.stage for script in scripts])
    names = tuple(stage.name for stage in stages)
    return Canary(
        text=_head(lock, filename) + _text(stages, real),
        stages=names,
        left_out=tuple(script.stage for script in scripts if script.stage not in names),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    name: str
    file: Path
    calls: list[dict[str, Any]]

    @property
    def function(self) -> str:
        """What its feature is called in the script."""
        return self.file.stem


def _stage(script: Script, real: Real) -> _Stage | None:
    """*script* as a stage of the canary; ``None`` for what only the emulator can be asked."""
    asked = script.environment.get("MINREQ_CALLS")
    if asked is None or script.stage.rpartition("/")[2] in real.without:
        return None
    return _Stage(name=script.stage, file=script.file, calls=_calls(json.loads(asked), real))


def _calls(calls: Iterable[Mapping[str, Any]], real: Real) -> list[dict[str, Any]]:
    """The calls without what is the emulator's; those that are the same then, once."""
    found: dict[str, dict[str, Any]] = {}
    for call in calls:
        arguments = {
            name: value
            for name, value in call["arguments"].items()
            if name not in real.arguments and not any(mark in json.dumps(value) for mark in _EMULATED)
        }
        same = json.dumps([call["model"], arguments], sort_keys=True)
        found.setdefault(same, {"name": call["name"], "model": call["model"], "arguments": arguments})
    return list(found.values())


_HEAD = '''\
"""Calls the real endpoints as the smoke of this lock calls an emulator; run it after a deployment.

    minreq {command}

Written by `minreq verify --export-smoke`, which never runs it. It needs what the lock installs and nothing of minreq.
Credentials and addresses come from the environment, as {root} reads them; each call costs what the provider asks.

    python {filename}            # all stages
    python {filename} STAGE...   # some of them
    python {filename} --list     # their names

Exit status: 0 when every stage passed, else 1.
"""

'''
_TAIL = '''
def main(chosen: list[str]) -> int:
    """Run the stages; a stage that fails ends none of the others."""
    if chosen == ["--list"]:
        print(*STAGES, sep="\\n")
        return 0
    unknown = [stage for stage in chosen if stage not in STAGES]
    if unknown:
        print("no such stage:", *unknown, file=sys.stderr)
        return 1
    failed = []
    for stage, (feature, asked) in STAGES.items():
        if chosen and stage not in chosen:
            continue
        os.environ["MINREQ_CALLS"] = json.dumps([{**call, "model": MODELS[call["model"]]} for call in asked])
        try:
            feature()
        except Exception:
            traceback.print_exc()
            failed.append(stage)
        print("FAILED" if stage in failed else "passed", stage, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
'''


def _head(lock: Lock, filename: str) -> str:
    words = {"{command}": lock.command, "{root}": lock.resolution.root, "{filename}": filename}
    head = _HEAD
    for word, said in words.items():
        head = head.replace(word, said)
    return head


def _text(stages: Collection[_Stage], real: Real) -> str:
    neighbours = {file.stem for file in real.files}
    features = {stage.function: stage.file for stage in stages}
    models = sorted({call["model"] for stage in stages for call in stage.calls})
    parts = [
        "import json\nimport os\nimport sys\nimport traceback\n\n",
        "#: The models that are called. Names of deployments and endpoints are yours: change them here.\n",
        "MODELS = {\n",
        *(f"    {model!r}: {model!r},\n" for model in models),
        "}\n\n",
        "# What the features share.\n\n",
        *(_module(file, neighbours) for file in real.files),
        "# The features.\n\n\n",
        *(_defined(name, file, neighbours) for name, file in features.items()),
        "#: Each stage: its feature, and the calls it makes.\n",
        "STAGES = {\n",
        *(f"    {stage.name!r}: ({stage.function}, {_literal(stage.calls)}),\n" for stage in stages),
        "}\n\n",
        _TAIL,
    ]
    return "".join(parts)


def _literal(value: object) -> str:
    """*value* as Python says it."""
    return pprint.pformat(value, width=100, sort_dicts=False).replace("\n", "\n    ")


def _module(file: Path, neighbours: Collection[str]) -> str:
    """The code of *file*, without its documentation and without imports from its *neighbours*."""
    return "\n".join(_lines(file, neighbours)).strip("\n") + "\n\n\n"


def _defined(name: str, file: Path, neighbours: Collection[str]) -> str:
    """The code of *file* as a function."""
    text = file.read_text("utf-8")
    documentation = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    body = "\n".join(_lines(file, neighbours)).strip("\n")
    return f'def {name}() -> None:\n    """{documentation}"""\n{textwrap.indent(body, "    ")}\n\n\n'


def _lines(file: Path, neighbours: Collection[str]) -> Iterator[str]:
    text = file.read_text("utf-8")
    gone: set[int] = set()
    for node in ast.parse(text).body:
        is_documentation = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_neighbour = isinstance(node, ast.ImportFrom) and (node.module or "") in neighbours
        if is_documentation or is_neighbour:
            gone.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    yield from (line for number, line in enumerate(text.splitlines(), 1) if number not in gone)
