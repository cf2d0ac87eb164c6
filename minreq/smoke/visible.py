"""Decide which files of the machine a child sees.

It sees what it needs: the system's programs and libraries, the interpreter, the smoke and what lies beside it, and the
wheels. It sees no home, no folder that contains one, and no file that is made for keys.
"""

from __future__ import annotations

import os
import pwd
import re
import stat
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: Programs, libraries and what they read. All users see the same.
_SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/nix/store",
    "/gnu/store",
    "/var/lib/ca-certificates",
    "/sys/devices/system",
)
#: Where other programs keep keys, sockets and files that no smoke has to see.
_PRIVATE_FOLDERS = ("/run", "/home", "/root")
#: Where every user may write.
_TEMPORARY_FOLDERS = ("/tmp", "/var/tmp")  # noqa: S108 - Hidden, not used.

#: Names of files and folders that are made for keys.
_SECRET_NAME = re.compile(
    r"\.(?:ssh|aws|azure|gnupg|kube|docker|gcloud|password-store|netrc|pypirc|npmrc|pgpass|git-credentials|envrc)"
    r"|\.env(?!\.(?:example|sample|template|dist)$)(?:\..*)?|_netrc|id_(?:rsa|dsa|ecdsa|ed25519)"
    r"|.*\.(?:key|p12|pfx|jks|keystore|kdbx|ppk)|credentials\.json"
)
#: A certificate has such a name too.
_MAY_BE_SECRET = re.compile(r".*\.(?:pem|crt)")
_PRIVATE_KEY = b"PRIVATE KEY-----"
_KEY_FILE_SIZE = 64 << 10
#: Their content is not the user's own, or is large.
_NOT_SEARCHED = frozenset(
    {"__pycache__", "node_modules", "site-packages", ".tox", ".nox", ".mypy_cache", ".ruff_cache"}
)
#: In a larger folder, the files that are nearest to it are searched.
_MAX_SEARCHED = 20_000
#: Configurations of installers; the addresses of indexes in them may have passwords.
_INSTALLER_FILES = ("/etc/pip.conf", "/etc/xdg/pip", "/etc/uv")
_FILE_VARIABLES = ("PIP_CONFIG_FILE", "UV_CONFIG_FILE", "NETRC")


@dataclass(frozen=True, slots=True, kw_only=True)
class VisibleFiles:
    """What a child sees of the machine; all paths are absolute."""

    #: Files of the system.
    system: tuple[Path, ...]
    #: Files that the smoke needs beside those.
    readable: tuple[Path, ...]
    #: Paths in them that nobody may open.
    masked: tuple[Path, ...]
    #: Folders that are there, and empty.
    hidden: tuple[Path, ...]
    #: Empty folders in which the child may write.
    temporary: tuple[Path, ...]


def find_visible(projects: Iterable[Path], installations: Iterable[Path]) -> VisibleFiles:
    """Return what a child sees that needs the files of *projects* and of *installations*."""
    projects, installations = _narrow(projects), _narrow(installations)
    temporary = list_temporary_folders()
    return VisibleFiles(
        system=tuple(path for path in map(Path, _SYSTEM) if path.exists()),
        readable=tuple(dict.fromkeys((*projects, *installations))),
        masked=tuple(sorted({*_find_secrets(projects), *_installer_files(installations), *_files_of_root()})),
        hidden=tuple(folder for folder in list_hidden_folders() if folder not in temporary),
        temporary=temporary,
    )


def list_hidden_folders() -> tuple[Path, ...]:
    """Return the folders that a child sees as empty, but for the paths in them that it is to see."""
    candidates = [*_PRIVATE_FOLDERS, *_TEMPORARY_FOLDERS, tempfile.gettempdir(), *_homes()]
    candidates.append(os.environ.get("XDG_RUNTIME_DIR", "/"))
    return tuple(_outermost(candidates))


def list_temporary_folders() -> tuple[Path, ...]:
    """Return the temporary folders of the machine and of this process."""
    return tuple(_outermost([*_TEMPORARY_FOLDERS, tempfile.gettempdir()]))


def is_too_wide(path: Path) -> bool:
    """Whether *path* contains a home, or another folder of which a child may see no more than it needs."""
    private = {Path(each) for each in (*_PRIVATE_FOLDERS, *_TEMPORARY_FOLDERS, *_homes())}
    private |= {place.resolve() for place in private}
    names = {path, path.resolve()}
    # A project may have a temporary folder of its own in it.
    return path.is_dir() and (
        Path(tempfile.gettempdir()).resolve() in names
        or any(place.is_relative_to(each) for place in private for each in names)
    )


def has_secret_name(name: str) -> bool:
    """Whether a file or folder of this *name* is made for keys."""
    return _SECRET_NAME.fullmatch(name) is not None


def list_unmasked(visible: VisibleFiles) -> tuple[list[str], list[str]]:
    """Return the *visible* paths around the masked ones, and the folders that hold both."""
    unmasked, folders = [], []
    left = [path.resolve() for path in (*visible.system, *visible.readable)]
    while left:
        path = left.pop()
        if path in visible.masked:
            continue
        if any(each.is_relative_to(path) for each in visible.masked):
            folders.append(str(path))
            with suppress(OSError):
                left += [entry for entry in path.iterdir() if not entry.is_symlink()]
        else:
            unmasked.append(str(path))
    return unmasked, folders


def list_terminals() -> list[str]:
    """Return the terminals of this user and of others."""
    with suppress(OSError):
        return ["/dev/tty", *(str(path) for path in Path("/dev/pts").iterdir() if path.name != "ptmx")]
    return ["/dev/tty"]


def list_sockets() -> list[str]:
    """Return the Unix sockets of all programs: paths, and the names of abstract ones after ``@``."""
    with suppress(OSError):
        lines = Path("/proc/net/unix").read_text("utf-8", "surrogateescape").splitlines()[1:]
        names = {line.split(maxsplit=7)[7] for line in lines if len(line.split(maxsplit=7)) > 7}  # noqa: PLR2004
        return sorted(name if name.startswith("@") else os.path.realpath(name) for name in names)
    return []


def list_beside(script: Path) -> list[Path]:
    """Return what a run may see of the folder of *script*: all of it, or the Python files where that is too wide."""
    if not is_too_wide(script.parent):
        return [script, script.parent]
    return [script, *(file for file in sorted(script.parent.glob("*.py")) if file.is_file())]


def list_installations(executable: Path, prefixes: Iterable[Path]) -> list[Path]:
    """Return what a child has to see of the interpreter *executable*, which is installed in *prefixes*."""
    return [executable, *(folder for each in prefixes for folder in list_installation(each))]


def list_installation(prefix: Path) -> list[Path]:
    """Return the folders of an interpreter that is installed in *prefix*."""
    if not is_too_wide(prefix):
        return [prefix]
    return [folder for name in ("bin", "lib", "lib64", "include") if (folder := prefix / name).is_dir()]


def _homes() -> list[str]:
    homes = [os.environ.get("HOME", "/")]
    with suppress(KeyError):
        homes.append(pwd.getpwuid(os.getuid()).pw_dir)
    return [home for home in homes if home.startswith("/") and home != "/"]


def _outermost(candidates: Iterable[str]) -> Iterator[Path]:
    found: list[Path] = []
    for each in sorted({Path(name).resolve() for name in candidates}):
        if each.is_dir() and each != Path("/") and not any(each.is_relative_to(other) for other in found):
            found.append(each)
            yield each


def _narrow(paths: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(path for path in dict.fromkeys(map(_absolute, paths)) if path.exists() and not is_too_wide(path))


def _find_secrets(folders: Iterable[Path]) -> Iterator[Path]:
    """Yield the files of keys, and the sockets, in *folders*."""
    for folder in _outermost(str(each) for each in folders):
        yield from _search(folder)


def _search(folder: Path) -> Iterator[Path]:
    """Yield the secrets in *folder*, the nearest first."""
    folders = deque([str(folder)])
    left = _MAX_SEARCHED
    while folders and left > 0:
        with suppress(OSError), os.scandir(folders.popleft()) as entries:
            for entry in entries:
                left -= 1
                if _is_secret(entry):
                    yield Path(entry.path)
                elif entry.is_dir(follow_symlinks=False):
                    if entry.name == ".git":
                        # The address of a remote repository may have a password.
                        yield Path(entry.path, "config")
                    elif entry.name not in _NOT_SEARCHED:
                        folders.append(entry.path)


def _is_secret(entry: os.DirEntry[str]) -> bool:
    if has_secret_name(entry.name):
        return True
    if entry.is_file(follow_symlinks=False):
        return bool(_MAY_BE_SECRET.fullmatch(entry.name)) and _has_private_key(entry.path)
    return not entry.is_dir() and not entry.is_symlink() and stat.S_ISSOCK(entry.stat(follow_symlinks=False).st_mode)


def _has_private_key(file: str) -> bool:
    try:
        with open(file, "rb") as stream:  # noqa: PTH123 - Thousands of them.
            return _PRIVATE_KEY in stream.read(_KEY_FILE_SIZE)
    except OSError:
        return False


def _installer_files(folders: Iterable[Path]) -> Iterator[Path]:
    named = [os.environ[name] for name in _FILE_VARIABLES if os.environ.get(name, os.devnull) != os.devnull]
    for path in (*map(Path, (*_INSTALLER_FILES, *named)), *(folder / "pip.conf" for folder in folders)):
        if path.exists():
            yield path.resolve()


def _files_of_root() -> Iterator[Path]:
    """Yield the files of ``/etc`` that only root may read, if this is root: others cannot read them anyway."""
    if os.geteuid() != 0:
        return
    folders = ["/etc"]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    continue
                mode, is_folder = entry.stat().st_mode, entry.is_dir()
                needed = stat.S_IROTH | (stat.S_IXOTH if is_folder else 0)
                if mode & needed != needed:
                    yield Path(entry.path)
                elif is_folder:
                    folders.append(entry.path)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - Links on the way keep their names.
