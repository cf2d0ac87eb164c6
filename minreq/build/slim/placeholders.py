"""What a built tree says about what it does not hold: an import of code always, a data file where it is asked to."""

from __future__ import annotations

import json

from minreq.build.slim.leaves import Rule

#: The module that every placeholder asks, at the top of the tree.
FILE = "_minreq_build.py"

_CONVENTION = "by the conventions of packaging no program needs it"
_UNREACHED = "neither the smoke nor anything that is kept reaches it"

_REASONS = {
    Rule.SCRIPTS: _CONVENTION,
    Rule.STUBS: _CONVENTION,
    Rule.SOURCES: _CONVENTION,
    Rule.TESTS: _CONVENTION,
    Rule.DOCS: _CONVENTION,
    Rule.PACKAGES: _UNREACHED,
    Rule.DATA: _UNREACHED,
    Rule.SERVICES: _UNREACHED,
    Rule.UNOPENED: "the smoke did not open it",
    Rule.DROPPED: "--drop said so",
}
#: Those that the level ``safe`` has none of.
_BY_SMOKE = (Rule.PACKAGES, Rule.DATA, Rule.SERVICES, Rule.UNOPENED)

_MODULE = '''\
"""What a build left out of this tree; minreq-build.json beside this file lists it all.

An import of code that was left out says so by itself. Of data files nobody is told, unless the program begins with::

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
    """Say that the module *name* is not here, aloud: whoever imports it may well catch what is raised."""
    sentence = _sentence(name, name.replace(".", "/") + "*", rule)
    logging.getLogger("minreq").warning(sentence)
    raise ImportError(sentence, name=name)


def watch():
    """From now on say it of each data file too, when it is opened; what only looks whether one is there is not seen."""
    here = os.path.dirname(os.path.abspath(__file__)) + os.sep
    with open(here + "minreq-build.json", encoding="utf-8") as file:
        gone = {{path: rule for rule, paths in json.load(file)["removed"].items() for path in paths}}

    def hook(event, arguments):
        if event != "open" or not isinstance(arguments[0], (str, bytes, os.PathLike)):
            return
        path = os.path.abspath(os.fsdecode(arguments[0]))
        inside = path[len(here) :].replace(os.sep, "/")
        if not path.startswith(here) or inside not in gone or os.path.exists(path):
            return
        if isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
        sentence = _sentence(inside, inside, gone[inside])
        logging.getLogger("minreq").warning(sentence)
        raise FileNotFoundError(errno.ENOENT, sentence, path)

    sys.addaudithook(hook)


def _sentence(what, pattern, rule):
    instead = " or with --slim safe" if rule in BY_SMOKE else ""
    return (
        f"{{what}} is not in this tree: `minreq build --slim {level}` of {lock} left it out, since {{REASONS[rule]}}; "
        f"to get it back, build again with --keep '{{pattern}}'{{instead}}"
    )
'''


def text(rule: Rule) -> str:
    """Return the text of a placeholder for code that *rule* left out."""
    return f"from _minreq_build import left_out\n\nleft_out(__name__, {json.dumps(rule.value)})\n"


def module(level: str, lock: str) -> str:
    """Return the text of the module; *lock* is the name of the lock."""
    reasons = {rule.value: reason for rule, reason in _REASONS.items()}
    return _MODULE.format(
        level=level,
        lock=lock.replace('"', "'"),
        reasons=json.dumps(reasons, indent=4),
        by_smoke=json.dumps([rule.value for rule in _BY_SMOKE]),
    )
