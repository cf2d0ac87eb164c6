"""Writes the guard module for a lock."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import resources
from typing import TypeAlias

from packaging.utils import canonicalize_name

from minreq.model import Lock, QuestionKind

FILENAME = "minreq_guard.py"
#: The kinds of questions whose failure the module reports. `find_spec` and lists of distributions do not fail.
_REPORTED = (QuestionKind.IMPORT, QuestionKind.METADATA)
#: Stands for the folder of the standard library in the evidence.
_STANDARD_LIBRARY = "{python}/"
#: A handler far from the import: file, function, first and last line; see `Handler` and `Place` in ``minreq_guard.py``.
_Handler: TypeAlias = tuple[str, str, int, int]
_Place: TypeAlias = tuple[str, int, bool, tuple[_Handler, ...]]
_BEGIN, _END = "# <data>\n", "# </data>\n"


def render_guard(lock: Lock, *, filename: str) -> str:
    """Return the source of the guard for *lock*, whose requirements file is called *filename*.

    This is ``minreq_guard.py``, the file beside this one, with the data of the lock.
    """
    source = resources.files("minreq.guard").joinpath(FILENAME).read_text("utf-8")
    before, _, rest = source.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return before + _data(lock, filename) + after


def _data(lock: Lock, filename: str) -> str:
    modules = {module: each.candidate.name for each in lock.left_out for module in each.modules}
    declined: dict[str, set[_Place]] = {}
    for each in lock.left_out:
        for asker in each.askers:
            if asker.need in _REPORTED and asker.frame is not None:
                name = canonicalize_name(asker.name) if asker.need is QuestionKind.METADATA else asker.name
                handlers = tuple(
                    (each.file.removeprefix(_STANDARD_LIBRARY), each.function, each.first, each.last)
                    for each in asker.far_handlers
                )
                declined.setdefault(name, set()).add(
                    (asker.frame.file, asker.frame.line, asker.why_optional is not None, handlers)
                )
    lines = [
        f"LOCK = {_text(filename)}",
        f"COMMAND = {_text(f'minreq {lock.command}')}",
        "MODULES: Mapping[str, str] = {",
        *(f"    {_text(module)}: {_text(name)}," for module, name in sorted(modules.items())),
        "}",
        "DISTRIBUTIONS: Sequence[str] = [",
        *(f"    {_text(each.candidate.name)}," for each in lock.left_out),
        "]",
        "DECLINED: Mapping[str, Sequence[Place]] = {",
        *(f"    {_text(module)}: [{_places(places)}]," for module, places in sorted(declined.items())),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _places(places: Iterable[_Place]) -> str:
    return ", ".join(
        f"({_text(file)}, {line}, {by_handler}, [{_handlers(handlers)}])"
        for file, line, by_handler, handlers in sorted(places)
    )


def _handlers(handlers: Iterable[_Handler]) -> str:
    return ", ".join(f"({_text(file)}, {_text(function)}, {first}, {last})" for file, function, first, last in handlers)


def _text(text: str) -> str:
    """Return *text* as a Python literal. An ASCII string of JSON is one."""
    return json.dumps(text)
