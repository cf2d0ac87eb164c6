"""What stands where code was left out: importing it says which build that was, and how to get it back."""

from __future__ import annotations

#: The module that every placeholder asks, at the top of the tree.
FILE = "_minreq_build.py"

#: The text of a placeholder, whatever it stands for.
TEXT = "from _minreq_build import left_out\n\nleft_out(__name__)\n"

_MODULE = '''\
"""Told by what stands in the place of code that a build left out; minreq-build.json beside this file lists it all."""

import logging


def left_out(name):
    """Say that *name* is not here, aloud: whoever imports it may well catch what is raised."""
    pattern = name.replace(".", "/") + "*"
    sentence = (
        f"{{name}} is not in this tree: `minreq build --slim {level}` of {lock} left it out, since {reason}; "
        f"to get it back, build again with --keep '{{pattern}}'{instead}"
    )
    logging.getLogger("minreq").warning(sentence)
    raise ImportError(sentence, name=name)
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
