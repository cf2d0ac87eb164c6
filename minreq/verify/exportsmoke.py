"""Write the smoke of a lock as one script that calls the real endpoints (``minreq verify --export-smoke``).

minreq writes the script and never runs it: credentials and costs are the user's.
"""

from __future__ import annotations

import ast
import io
import json
import pprint
import tokenize
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minreq.config import STDOUT, VerifySettings
from minreq.errors import NothingToExport
from minreq.lockfile import writing
from minreq.model import Lock, Plan, Script
from minreq.profiles.loader import Profile, RealEndpoints
from minreq.system import regularfile
from minreq.task import fromlock

#: Fields in arguments that only the emulator fills.
_EMULATOR_FIELDS = ("{http}", "{https}", "{private_key}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedSmoke:
    """The script and its stages."""

    text: str
    #: The stages of the script, in the order of the plan.
    stages: tuple[str, ...]
    #: The stages of the lock that the script does not have.
    left_out: tuple[str, ...]


def export(settings: VerifySettings, output: Path) -> ExportedSmoke:
    """Write the script of the lock in *settings* to *output*, unless that is ``STDOUT``; nothing is run.

    Raises ``LockMissing``, ``EvidenceUnreadable``, ``SmokeMissing``, ``SmokeFileMissing``, ``SmokeUnusable``,
    ``SmokeFileUnusable``, ``NothingToExport`` and ``OutputUnwritable``.
    """
    lock_file, moved, moved_files = settings.lock, settings.smokes, settings.smoke_files
    lock, _ = fromlock.read_lock(lock_file)
    if settings.names_places:
        fromlock.require_places(lock, lock_file, moved, moved_files)
    profile = fromlock.find_profile(lock, lock_file)
    plan = fromlock.read_plan(lock, lock_file, moved, moved_files)
    if output == STDOUT:
        return render_script(lock, plan, profile)
    script = render_script(lock, plan, profile, filename=output.name)
    writing.write_files({output: script.text})
    return script


def render_script(lock: Lock, plan: Plan, profile: Profile | None, *, filename: str = "canary.py") -> ExportedSmoke:
    """Return the script that makes the calls of *plan*; its usage text names it *filename*.

    Raises ``NothingToExport`` where the plan has no call of a profile.
    """
    real_endpoints = profile.real_endpoints if profile else None
    scripts = [script for group in plan.groups for script in group.scripts]
    stages = [stage for script in scripts if real_endpoints and (stage := _stage(script, real_endpoints)) is not None]
    if profile is None or real_endpoints is None or not stages:
        raise NothingToExport([script.stage for script in scripts])
    names = tuple(stage.name for stage in stages)
    return ExportedSmoke(
        text=_script_head(lock, filename) + _script_body(stages, real_endpoints),
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
        """The name of its feature function in the script."""
        return self.file.stem


def _stage(script: Script, real_endpoints: RealEndpoints) -> _Stage | None:
    """Return *script* as a stage of the exported smoke; ``None`` when only the emulator can answer it."""
    calls = script.environment.get("MINREQ_CALLS")
    if calls is None or script.stage.rpartition("/")[2] in real_endpoints.without:
        return None
    return _Stage(name=script.stage, file=script.file, calls=_real_calls(json.loads(calls), real_endpoints))


def _real_calls(calls: Iterable[Mapping[str, Any]], real_endpoints: RealEndpoints) -> list[dict[str, Any]]:
    """Return the calls without arguments for the emulator; calls that are then equal appear once."""
    found: dict[str, dict[str, Any]] = {}
    for call in calls:
        arguments = {
            name: value
            for name, value in call["arguments"].items()
            if name not in real_endpoints.arguments and not any(mark in json.dumps(value) for mark in _EMULATOR_FIELDS)
        }
        same = json.dumps([call["model"], arguments], sort_keys=True)
        found.setdefault(same, {"name": call["name"], "model": call["model"], "arguments": arguments})
    return list(found.values())


#: The text before the calls; it names the command and the file.
HEAD = '''\
# minreq: skip this file
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


def _script_head(lock: Lock, filename: str) -> str:
    words = {"{command}": lock.command, "{root}": lock.resolution.root, "{filename}": filename}
    head = HEAD
    for word, value in words.items():
        head = head.replace(word, value)
    return head


def _script_body(stages: Collection[_Stage], real_endpoints: RealEndpoints) -> str:
    neighbours = {file.stem for file in real_endpoints.files}
    features = {stage.function: stage.file for stage in stages}
    models = sorted({call["model"] for stage in stages for call in stage.calls})
    parts = [
        "import json\nimport os\nimport sys\nimport traceback\n\n",
        "#: The models that are called. Names of deployments and endpoints are yours: change them here.\n",
        "MODELS = {\n",
        *(f"    {model!r}: {model!r},\n" for model in models),
        "}\n\n",
        "# What the features share.\n\n",
        *(_shared_code(file, neighbours) for file in real_endpoints.files),
        "# The features.\n\n\n",
        *(_feature_function(name, file, neighbours) for name, file in features.items()),
        "#: Each stage: its feature, and the calls it makes.\n",
        "STAGES = {\n",
        *(f"    {stage.name!r}: ({stage.function}, {_python_literal(stage.calls)}),\n" for stage in stages),
        "}\n\n",
        _TAIL,
    ]
    return "".join(parts)


def _python_literal(value: object) -> str:
    """Return *value* as a Python literal."""
    return pprint.pformat(value, width=100, sort_dicts=False).replace("\n", "\n    ")


def _shared_code(file: Path, neighbours: Collection[str]) -> str:
    """Return the code of *file* without its docstring and without imports from its *neighbours*."""
    return "\n".join(_code_lines(file, neighbours)).strip("\n") + "\n\n\n"


def _feature_function(name: str, file: Path, neighbours: Collection[str]) -> str:
    """Return the code of *file* as a function."""
    text = regularfile.read_text(file)
    documentation = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    body = "\n".join(_code_lines(file, neighbours)).strip("\n")
    return f"def {name}() -> None:\n    {_docstring(documentation)}\n{indent_code(body)}\n\n\n"


def _docstring(text: str) -> str:
    return repr(text) if '"' in text or "\\" in text else f'"""{text}"""'


def indent_code(code: str) -> str:
    """Return *code* as it stands in a function. The lines inside of a string stay: they are its value."""
    inside, starts = set[int](), list[int]()
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        kind = tokenize.tok_name[token.type]
        # Before Python 3.12 an f-string is one token, too.
        if kind.endswith("STRING_START"):
            starts.append(token.start[0])
        elif kind == "STRING" or kind.endswith("STRING_END"):
            first = token.start[0] if kind == "STRING" else starts.pop()
            inside.update(range(first + 1, token.end[0] + 1))
    lines = code.split("\n")
    return "\n".join(
        line if number in inside or not line.strip() else f"    {line}" for number, line in enumerate(lines, 1)
    )


def _code_lines(file: Path, neighbours: Collection[str]) -> Iterator[str]:
    text = regularfile.read_text(file)
    dropped_lines: set[int] = set()
    for node in ast.parse(text).body:
        is_documentation = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_neighbour = isinstance(node, ast.ImportFrom) and (node.module or "") in neighbours
        if is_documentation or is_neighbour:
            dropped_lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    # Other characters than this one end no line for the parser.
    yield from (line for number, line in enumerate(text.split("\n"), 1) if number not in dropped_lines)
