"""The smoke of a lock as one plain script that calls the real endpoints (``minreq verify --export-smoke``).

minreq writes it and never runs it: credentials and cost are the user's.
"""

from __future__ import annotations

import ast
import json
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minreq import recalling
from minreq.errors import NothingToExport
from minreq.lockfile import writing
from minreq.model import Lock, Plan, Script
from minreq.profiles.loading import Profile, Real

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


def export(lock_file: Path, output: Path) -> Canary:
    """Write the script of the lock in *lock_file* to *output*; nothing is run.

    Raises ``LockMissing``, ``EvidenceUnreadable``, ``NothingToExport`` and ``OutputUnwritable``.
    """
    lock, _ = recalling.read(lock_file)
    profile = recalling.profile(lock, lock_file)
    made = canary(lock, recalling.plan(lock, lock_file), profile)
    writing.write({output: made.text})
    return made


def canary(lock: Lock, plan: Plan, profile: Profile | None) -> Canary:
    """Return the script that makes the calls of *plan*; raises ``NothingToExport`` where it has none of a profile."""
    real = profile.real if profile else None
    scripts = [script for group in plan.groups for script in group.scripts]
    chosen: dict[Script, list[dict[str, Any]]] = {}
    for script in scripts:
        feature = script.stage.rpartition("/")[2]
        if real and "MINREQ_CALLS" in script.environment and feature not in real.without:
            chosen[script] = _calls(json.loads(script.environment["MINREQ_CALLS"]), real)
    if profile is None or real is None or not chosen:
        raise NothingToExport([script.stage for script in scripts])
    stages = tuple(script.stage for script in chosen)
    return Canary(
        text=_text(lock, chosen, profile.first.parent, real),
        stages=stages,
        left_out=tuple(script.stage for script in scripts if script.stage not in stages),
    )


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


def _text(lock: Lock, chosen: Mapping[Script, list[dict[str, Any]]], folder: Path, real: Real) -> str:
    shared = {file.stem for file in folder.glob("*.py")}
    files = {script.file: _function(script.file) for script in chosen}
    models = sorted({call["model"] for calls in chosen.values() for call in calls})
    parts = [
        _HEAD.replace("{command}", lock.command).replace("{root}", lock.resolution.root),
        "import json\nimport os\nimport sys\nimport traceback\n",
        "#: The models that are called. Names of deployments and endpoints are yours: change them here.\n",
        f"MODELS = {_literal({model: model for model in models})}\n",
        "\n# What the features share.\n",
        *(_module(file, shared) for file in (folder / "smoke_calls.py", real.file)),
        "\n# The features.\n",
        *(_defined(file, name, shared) for file, name in files.items()),
        "\n#: Each stage: its feature, and the calls it makes.\n",
        "STAGES = {\n",
        *(_stage(script, files[script.file], calls) for script, calls in chosen.items()),
        "}\n\n",
        _TAIL,
    ]
    return "".join(parts)


def _function(file: Path) -> str:
    return file.stem


def _stage(script: Script, function: str, calls: list[dict[str, Any]]) -> str:
    return f"    {script.stage!r}: ({function}, {_literal(calls)}),\n"


def _literal(value: object) -> str:
    """*value* as Python says it."""
    import pprint  # noqa: PLC0415 - Nothing else needs it.

    return pprint.pformat(value, width=100, sort_dicts=False).replace("\n", "\n    ")


def _module(file: Path, shared: Collection[str]) -> str:
    """The code of *file*, without its documentation and without imports from its neighbours."""
    return "\n".join(_lines(file, shared)).strip("\n") + "\n\n\n"


def _defined(file: Path, name: str, shared: Collection[str]) -> str:
    """The code of *file* as a function."""
    text = file.read_text("utf-8")
    documentation = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    body = "\n".join(_lines(file, shared)).strip("\n")
    return f'def {name}() -> None:\n    """{documentation}"""\n{textwrap.indent(body, "    ")}\n\n\n'


def _lines(file: Path, shared: Collection[str]) -> Iterator[str]:
    text = file.read_text("utf-8")
    gone: set[int] = set()
    for node in ast.parse(text).body:
        is_documentation = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_neighbour = isinstance(node, ast.ImportFrom) and (node.module or "") in shared
        if is_documentation or is_neighbour:
            gone.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    yield from (line for number, line in enumerate(text.splitlines(), 1) if number not in gone)
