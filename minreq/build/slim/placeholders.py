"""Placeholders: modules in a tree that report what was left out, when a program imports or opens it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from packaging.utils import NormalizedName

from minreq.analyze.kinds import REPORTING_MODULE
from minreq.build.slim.files import Rule, folders_of
from minreq.build.slim.select import SERVICE_DATA, FileSelection

#: The reporting module, at the top of the tree; every placeholder calls it.
FILE = f"{REPORTING_MODULE}.py"

_BY_CONVENTION = "by the conventions of packaging no program needs it"
_BY_REACH = "neither the smoke nor anything that is kept reaches it"

_REASONS = {
    Rule.SCRIPTS: _BY_CONVENTION,
    Rule.STUBS: _BY_CONVENTION,
    Rule.SOURCES: _BY_CONVENTION,
    Rule.TESTS: _BY_CONVENTION,
    Rule.DOCS: _BY_CONVENTION,
    Rule.PACKAGES: _BY_REACH,
    Rule.DATA: _BY_REACH,
    Rule.SERVICES: _BY_REACH,
    Rule.UNOPENED: "the smoke did not open it",
    Rule.DROPPED: "a --drop pattern matches it",
}
#: The rules that the level ``safe`` does not use.
_RULES_OF_SMOKE = (Rule.PACKAGES, Rule.DATA, Rule.SERVICES, Rule.UNOPENED)

_REPORTING_MODULE = '''\
"""Reports what a build left out of this tree; minreq-build.json beside this file lists all of it.

An import of left-out code raises an error that names the build. For data files a program has to begin with::

    import _minreq_build

    _minreq_build.watch()
"""

import errno
import json
import logging
import os
import sys


REASONS = {reasons}
BY_SMOKE = {by_smoke}


def left_out(name, rule):
    """Log and raise that the module *name* is not here. The log is for importers that catch the error."""
    sentence = _sentence(name, name.replace(".", "/") + "*", rule)
    logging.getLogger("minreq").warning(sentence)
    raise ImportError(sentence, name=name)


def watch():
    """From now on report each left-out data file that is opened. A check whether a file exists is not seen."""
    here = os.path.dirname(os.path.abspath(__file__)) + os.sep
    with open(here + "minreq-build.json", encoding="utf-8") as file:
        left_out_files = {{path: rule for rule, paths in json.load(file)["removed"].items() for path in paths}}

    def hook(event, arguments):
        if event != "open" or not isinstance(arguments[0], (str, bytes, os.PathLike)):
            return
        path = os.path.abspath(os.fsdecode(arguments[0]))
        inside = path[len(here) :].replace(os.sep, "/")
        if not path.startswith(here) or inside not in left_out_files or os.path.exists(path):
            return
        if isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
        sentence = _sentence(inside, inside, left_out_files[inside])
        logging.getLogger("minreq").warning(sentence)
        raise FileNotFoundError(errno.ENOENT, sentence, path)

    sys.addaudithook(hook)


def _sentence(what, pattern, rule):
    instead = " or with --slim cold" if rule in BY_SMOKE else ""
    return (
        f"{{what}} is not in this tree: `minreq build --slim {level}` of {lock} left it out, since {{REASONS[rule]}}; "
        f"to get it back, build again with --keep '{{pattern}}'{{instead}}"
    )
'''


#: A folder of data that botocore and boto3 list as a service: so their errors name minreq and the option.
_SERVICE_PLACEHOLDER = "(minreq build left out the data of other services; get one back with --keep-service NAME)"
_SERVICE_FILES = ("service-2.json", "resources-1.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """A source file that reports that code was left out."""

    module: str
    #: The rule that left the code out; of a package, the rule for its first file.
    rule: Rule


def plan_placeholders(selection: FileSelection) -> Mapping[str, Placeholder]:
    """Return the placeholders of a tree, by the path of their source files.

    A package that is left out as a whole gets one placeholder, at its outermost folder. A module that is left out
    beside kept ones gets its own. A namespace package gets none: code that looks into it must still find what is left.
    """
    kept_folders = {folder for file in selection.kept for folder in folders_of(file.path)}
    kept_modules = {file.module for file in selection.kept}
    modules = kept_modules | {removed.file.module for removed in selection.removed}
    found: dict[str, Placeholder] = {}
    for removed in selection.removed:
        file = removed.file
        if file.module is None or file.module in kept_modules or removed.rule is Rule.SCRIPTS:
            continue
        packages = (folder for folder in folders_of(file.path) if folder.replace("/", ".") in modules)
        outermost = next((folder for folder in packages if folder not in kept_folders), None)
        module = file.module if outermost is None else outermost.replace("/", ".")
        if all(part.isidentifier() for part in module.split(".")):
            is_package = outermost is not None or PurePosixPath(file.path).name.startswith("__init__.")
            stem = module.replace(".", "/")
            path = f"{stem}/__init__.py" if is_package else f"{stem}.py"
            found.setdefault(path, Placeholder(module=module, rule=removed.rule))
    return dict(sorted(found.items()))


def plan_service_placeholders(selection: FileSelection) -> Mapping[str, NormalizedName]:
    """Return the placeholders for data of AWS services: the paths of empty files, with their owners.

    A file is called as those that are left out: ``service-2.json`` describes clients, ``resources-1.json`` resources.
    A data folder of a distribution of which no code is left gets none.
    """
    owners_of_code = {file.owner for file in selection.kept if file.module is not None}
    found: dict[str, NormalizedName] = {}
    for removed in selection.removed:
        match = SERVICE_DATA.match(removed.file.path)
        name = PurePosixPath(removed.file.path).name.removesuffix(".gz")
        if match is not None and name in _SERVICE_FILES and removed.file.owner in owners_of_code:
            found[f"{match['data']}/{_SERVICE_PLACEHOLDER}/0/{name}"] = removed.file.owner
    return dict(sorted(found.items()))


def placeholder_source(rule: Rule) -> str:
    """Return the source of a placeholder for code that *rule* left out."""
    return f"from {REPORTING_MODULE} import left_out\n\nleft_out(__name__, {json.dumps(rule.value)})\n"


def reporting_module(level: str, lock: str) -> str:
    """Return the source of the reporting module; *lock* is the name of the lock."""
    reasons = {rule.value: reason for rule, reason in _REASONS.items()}
    return _REPORTING_MODULE.format(
        level=level,
        lock=lock.replace('"', "'"),
        reasons=json.dumps(reasons, indent=4),
        by_smoke=json.dumps([rule.value for rule in _RULES_OF_SMOKE]),
    )
