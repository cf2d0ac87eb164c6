"""Find the frames that led to an import, as a question sends them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

    #: File, line and function; the body of a class is ``<class NAME>``.
    FrameInfo = tuple[str, int, str]

#: Enough for the frames from the smoke to the import.
MAX_FRAMES = 60

#: ``inspect.CO_OPTIMIZED``: set for functions, not for modules and class bodies.
_OPTIMIZED = 1
_IMPORT_MACHINERY = frozenset(
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
#: The part of the machinery that imports other distributions for itself, inside its own handlers.
_BACKPORT = "importlib_metadata"


def importing_frames(
    frame: FrameType | None, max_frames: int = MAX_FRAMES, *, is_look_up: bool = False
) -> tuple[list[FrameInfo], bool]:
    """Return the frames that led to an import, innermost first, and whether ``find_spec`` only probes for it.

    The frames of the import machinery and of minreq are left out, but for an import statement in the backport
    ``importlib_metadata``: the backport alone knows whether it goes on without, whoever called it. With *is_look_up*
    the frames led to a look-up of metadata, which the backport does for its caller.
    """
    frames: list[FrameInfo] = []
    is_probe = False
    is_statement = not is_look_up
    while frame is not None and len(frames) < max_frames:
        code = frame.f_code
        module = str(frame.f_globals.get("__name__", ""))
        if module == "importlib.util" and code.co_name == "find_spec" and not frames:
            is_probe = True
        elif not is_machinery(module, code.co_filename) or (module == _BACKPORT and is_statement):
            frames.append(frame_info(frame))
        is_statement = is_statement and code.co_filename.startswith("<frozen importlib")
        frame = frame.f_back
    return frames, is_probe


def frame_info(frame: FrameType) -> FrameInfo:
    """Return the file, the line and the function of *frame*."""
    function = frame.f_code.co_name
    if not frame.f_code.co_flags & _OPTIMIZED and function != "<module>":
        function = f"<class {function}>"
    return frame.f_code.co_filename, frame.f_lineno or 0, function


def is_machinery(module: str, file: str) -> bool:
    """Whether a frame of *module* in *file* is of the import machinery or of minreq."""
    return module in _IMPORT_MACHINERY or module.startswith("_minreq_") or file.startswith("<frozen importlib")


def lookup_error_type(frame: FrameType | None) -> type[ModuleNotFoundError] | None:
    """Return the exception that ``Distribution.from_name`` raises if that looks up metadata, else ``None``.

    The backport ``importlib_metadata``, and each vendored copy of it, raises a ``PackageNotFoundError`` of its own.
    """
    while frame is not None:
        error = frame.f_globals.get("PackageNotFoundError")
        if frame.f_code.co_name == "from_name" and isinstance(error, type) and issubclass(error, ModuleNotFoundError):
            return error
        frame = frame.f_back
    return None
