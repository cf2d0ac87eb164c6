"""Describe the exception that ended a stage, and the exceptions that led to it."""

from __future__ import annotations

import os
import traceback

#: The attribute of minreq's own exceptions; its value is the name of the distribution that was declined.
DECLINED = "_minreq_declined"


def exception_chain(error: BaseException) -> list[BaseException]:
    """Return *error*, then what led to it: causes, contexts and members of groups, the outermost first."""
    chain: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or any(each is other for other in chain):
            continue
        chain.append(each)
        # Groups of 3.11, and of the backport; any other exception may have an attribute of that name, for anything.
        members = getattr(each, "exceptions", ())
        waiting += [each.__cause__, each.__context__, *(members if isinstance(members, (list, tuple)) else ())]
    return chain


def declined_distributions(error: BaseException) -> list[str]:
    """Return the distributions whose declined import or look-up is among what led to *error*."""
    # Not `hasattr`: some exceptions pass attributes on to another object, which has any.
    names = [each.__dict__[DECLINED] for each in exception_chain(error) if DECLINED in each.__dict__]
    return list(dict.fromkeys(names))


def missing_modules(error: BaseException) -> list[str]:
    """Return the modules that a ModuleNotFoundError among what led to *error* names."""
    names = [each.name for each in exception_chain(error) if isinstance(each, ModuleNotFoundError)]
    return list(dict.fromkeys(name for name in names if name and isinstance(name, str)))


def text_of(value: object) -> str:
    """Return ``str(value)``, which fails in some exceptions."""
    try:
        return str(value)
    except Exception as fault:  # noqa: BLE001 - Whatever it is, it must not hide what happened first.
        return f"(no text: {type(fault).__name__})"


def describe(error: BaseException) -> str:
    """Return the type and the first line of *error*."""
    lines = text_of(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}".rstrip(": ")


def format_traceback(error: BaseException) -> str:
    """Return the traceback as the interpreter would print it, without the driver that ran the script."""
    begin = error.__traceback__
    while begin is not None and os.path.basename(begin.tb_frame.f_code.co_filename).startswith("_minreq_"):
        begin = begin.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, begin))
    except Exception as fault:  # noqa: BLE001 - An exception that cannot be printed must not hide that there was one.
        return f"{describe(error)} (its traceback cannot be printed: {describe(fault)})"
