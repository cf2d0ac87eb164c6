"""The frames that led to an import, as they are sent with a question."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

    #: File, line and function; the body of a class is ``<class NAME>``.
    Place = tuple[str, int, str]

#: Enough for the chain from the smoke to the import.
MOST = 60

#: ``inspect.CO_OPTIMIZED``: set for functions, not for modules and class bodies.
_OPTIMIZED = 1
_MACHINERY = frozenset(
    {
        "importlib",
        "importlib._bootstrap",
        "importlib._bootstrap_external",
        "importlib.metadata",
        "importlib.util",
        "importlib_metadata",
        "pkgutil",
    }
)


def importing_frames(frame: FrameType | None, most: int = MOST) -> tuple[list[Place], bool]:
    """Return the frames that led to an import, innermost first, and whether ``find_spec`` only probes for it.

    The machinery of import is left out, and so are we.
    """
    found: list[Place] = []
    probing = False
    while frame is not None and len(found) < most:
        code = frame.f_code
        module = str(frame.f_globals.get("__name__", ""))
        if module == "importlib.util" and code.co_name == "find_spec" and not found:
            probing = True
        elif not _is_machinery(module, code.co_filename):
            function = code.co_name
            if not code.co_flags & _OPTIMIZED and function != "<module>":
                function = f"<class {function}>"
            found.append((code.co_filename, frame.f_lineno or 0, function))
        frame = frame.f_back
    return found, probing


def _is_machinery(module: str, file: str) -> bool:
    return module in _MACHINERY or module.startswith("_minreq_") or file.startswith("<frozen importlib")


def look_up_error(frame: FrameType | None) -> type[ModuleNotFoundError] | None:
    """Return what ``Distribution.from_name`` raises when that is who looks up metadata, else ``None``.

    The backport ``importlib_metadata``, and each vendored copy of it, raises a ``PackageNotFoundError`` of its own.
    """
    while frame is not None:
        error = frame.f_globals.get("PackageNotFoundError")
        if frame.f_code.co_name == "from_name" and isinstance(error, type) and issubclass(error, ModuleNotFoundError):
            return error
        frame = frame.f_back
    return None
