"""Run a command as a user without rights, from a test that root runs.

The interpreter may lie in a folder that only root may enter. So the command runs in a mount namespace of its own, where
that folder shows the interpreter alone.
"""

import ctypes
import os
import sys
import tempfile
from pathlib import Path

NOBODY = 65534
_LIBC = ctypes.CDLL(None, use_errno=True)
_NEW_MOUNTS, _BIND, _RECURSIVE, _PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000


def command(*arguments: str) -> list[str]:
    """Return the command line that runs *arguments*, and changes nothing if this is a user without rights already."""
    return [sys.executable, __file__, *arguments] if os.geteuid() == 0 else [*arguments]


def main() -> None:
    """Become nobody, then the command."""
    _check(_LIBC.unshare(_NEW_MOUNTS))
    _mount(None, "/", None, _RECURSIVE | _PRIVATE)
    prefix = Path(sys.base_prefix).resolve()
    closed = [folder for folder in reversed(prefix.parents) if not folder.stat().st_mode & 0o001]
    if closed:
        with tempfile.TemporaryDirectory() as stage:
            _mount(str(prefix), stage, None, _BIND | _RECURSIVE)
            _mount("tmpfs", str(closed[0]), "tmpfs", 0, "mode=755")
            prefix.mkdir(parents=True)
            _mount(stage, str(prefix), None, _BIND | _RECURSIVE)
            _check(_LIBC.umount2(stage.encode(), 2))
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    texts = [None if each is None else os.fsencode(each) for each in (source, target, kind, data)]
    _check(_LIBC.mount(texts[0], texts[1], texts[2], flags, texts[3]))


def _check(status: int) -> None:
    if status != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    main()
