"""Explain a failure of a smoke by a file: one that is absent, one that it cannot write, or one that is hidden."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from minreq.model import Plan
from minreq.smoke.paths import WORKING_FOLDER
from minreq.smoke.results import StageResult
from minreq.smoke.visible import has_secret_name

#: The name of a relative path, or of one that the script made absolute itself.
_NO_FILE = re.compile(rf"No such file or directory: '(?:{re.escape(WORKING_FOLDER)})?(?P<name>[^'/{{][^']*)'")
#: As for a file that may not be opened.
_CLOSED_FILE = re.compile(r"Permission denied: '(?P<path>[^']+)'")


def explain_absent_file(plan: Plan, failure: StageResult) -> str:
    """Return what to do about the missing file that *failure* names, "" where it names none that the user has."""
    scripts = (script for group in plan.groups for script in group.scripts)
    script = next((each for each in scripts if each.stage == failure.behaviour.stage), None)
    names = _NO_FILE.findall(f"{failure.traceback}\n{failure.behaviour.status}")
    # A command runs in the folder of the user.
    if script is None or script.folder is not None or not names:
        return ""
    name = names[-1]
    if ".." not in Path(name).parts and Path(name).is_file():
        return f"a script runs in an empty folder; give it the file with --smoke-file {shlex.quote(name)}"
    if (script.file.parent / name).is_file():
        beside = f"the file lies beside {script.file.name}, so open Path(__file__).parent / {name!r}"
        return f"a script runs in an empty folder; {beside}"
    return ""


def explain_read_only_file(failure: StageResult) -> str:
    """Return where a smoke can write if *failure* is about a file that it cannot write, "" otherwise."""
    if "Read-only file system" not in failure.behaviour.status:
        return ""
    return (
        "a smoke can write into its environment, its working directory, its home and its temporary folder, and nowhere "
        "else; let the smoke make the package write there, for example by a variable for its cache folder"
    )


def explain_hidden_file(failure: StageResult) -> str:
    """Return how a smoke gets a file that is made for keys if *failure* is about one, "" otherwise."""
    match = _CLOSED_FILE.search(failure.behaviour.status)
    if match is None or not has_secret_name(Path(match["path"]).name):
        return ""
    name = shlex.quote(Path(match["path"]).name)
    return (
        f"minreq hides files that are made for keys; if the smoke needs this one, and you trust every package with it, "
        f"put it into the working directory with --smoke-file {name}"
    )
