"""What a built tree says about what it does not hold: an import of code always, a data file where it is asked to."""

from __future__ import annotations

#: The module that every placeholder asks, at the top of the tree.
FILE = "_minreq_build.py"

#: The text of a placeholder, whatever it stands for.
TEXT = "from _minreq_build import left_out\n\nleft_out(__name__)\n"

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


def left_out(name):
    """Say that the module *name* is not here, aloud: whoever imports it may well catch what is raised."""
    sentence = _sentence(name, name.replace(".", "/") + "*")
    logging.getLogger("minreq").warning(sentence)
    raise ImportError(sentence, name=name)


def watch():
    """From now on say it of each data file too, when it is opened; what only looks whether one is there is not seen."""
    here = os.path.dirname(os.path.abspath(__file__)) + os.sep
    with open(here + "minreq-build.json", encoding="utf-8") as file:
        gone = {{path for paths in json.load(file)["removed"].values() for path in paths}}

    def hook(event, arguments):
        if event != "open" or not isinstance(arguments[0], (str, bytes, os.PathLike)):
            return
        path = os.path.abspath(os.fsdecode(arguments[0]))
        inside = path[len(here) :].replace(os.sep, "/")
        if not path.startswith(here) or inside not in gone or os.path.exists(path):
            return
        if isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
        sentence = _sentence(inside, inside)
        logging.getLogger("minreq").warning(sentence)
        raise FileNotFoundError(errno.ENOENT, sentence, path)

    sys.addaudithook(hook)


def _sentence(what, pattern):
    return (
        f"{{what}} is not in this tree: `minreq build --slim {level}` of {lock} left it out, since {reason}; "
        f"to get it back, build again with --keep '{{pattern}}'{instead}"
    )
'''

_REASONS = {
    "none": "--drop said so",
    "safe": "by the conventions of packaging no program needs it",
    "unused": "neither the smoke nor anything that is kept reaches it",
    "traced": "the smoke did not open it",
}


def module(level: str, lock: str) -> str:
    """Return the text of the module; *lock* is the name of the lock."""
    instead = "" if level in {"none", "safe"} else " or with --slim safe"
    return _MODULE.format(level=level, lock=lock.replace('"', "'"), reason=_REASONS[level], instead=instead)
