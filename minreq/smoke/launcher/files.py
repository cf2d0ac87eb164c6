"""Make a root folder that shows what a process is to see, and nothing else of the machine."""

from __future__ import annotations

import os

from linux import (
    BIND,
    DETACH,
    LIBC,
    NO_DEVICES,
    NO_EXECUTION,
    NO_SUID,
    PRIVATE,
    RECURSIVE,
    bind,
    bind_with_owners,
    call,
    mount,
    set_writable,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

_DEVICES = ("null", "zero", "full", "random", "urandom")
#: Links in ``/dev``, as on any system.
_DEVICE_LINKS = (
    ("ptmx", "pts/ptmx"),
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
)
_ROOT_OPTIONS = "size=4m,mode=755"
#: Mount options of the temporary folders.
_TEMPORARY_OPTIONS = "size=256m,mode=1777"
#: Mount options of what is written into merged folders; as much as one file may have.
_LAYER_OPTIONS = "size=256m,mode=755"
_ABSENT_OPTIONS = "size=4k,mode=755"
_MASK_OPTIONS = "size=4k,mode=0"
_TERMINAL_OPTIONS = "newinstance,ptmxmode=0666,mode=620"


def change_root(files: Mapping[str, Any], owners: int | None) -> None:
    """Replace the root folder of this process, the first of its namespaces, by one that shows *files*.

    The files of the system have the owners of *owners*, a user namespace, or those that they have.
    """
    working_folder = os.getcwd()
    mount(None, "/", None, RECURSIVE | PRIVATE)
    writable = files["writable"]
    root = writable[0] + "/.root"
    os.mkdir(root)
    mount("tmpfs", root, "tmpfs", NO_SUID | NO_DEVICES, _ROOT_OPTIONS)
    _Root(root, files).fill(owners)
    os.chdir(root)
    call(LIBC.pivot_root, b".", b".", what="another root folder")
    call(LIBC.umount2, b".", DETACH, what="to leave the root folder")
    os.chdir("/")
    os.rmdir(root)
    for merged in files["merged"]:
        _merge(merged["of"], merged["at"], writable[0])
    os.chdir(working_folder)


def forbid_writing(files: Mapping[str, Any]) -> None:
    """Make the root folder read-only, but for what is writable in it."""
    set_writable("/", writable=False)
    merged = (each["at"] for each in files["merged"])
    for path in (*files["writable"], *files["temporary"], *merged, "/dev/shm", "/dev/pts"):  # noqa: S108 - Semaphores.
        set_writable(path, writable=True)


class _Root:
    """The new root folder, while it is filled; outer folders come before those in them."""

    def __init__(self, root: str, files: Mapping[str, Any]) -> None:
        self._root = root
        self._files = files
        #: Places, and whether their content is that of the machine, but for places in them.
        self._places: dict[str, bool] = {}

    def fill(self, owners: int | None) -> None:
        """Fill the root folder."""
        self._fill_devices()
        for path in sorted(self._files["system"]):
            self._show(path, owners)
        files = self._files
        steps: list[tuple[str, int, Callable[[str], None]]] = [
            *((path, 0, self._hide) for path in (*files["hidden"], *files["temporary"])),
            *((path, 1, self._show) for path in files["readable"]),
            *((path, 2, self._show_writable) for path in files["writable"]),
            *((path, 3, self._mask) for path in files["masked"]),
            *((path, 4, self._empty) for path in files["empty"]),
        ]
        for path, _, step in sorted(steps, key=lambda each: each[:2]):
            step(path)
        os.mkdir(f"{self._root}/proc")
        mount("proc", f"{self._root}/proc", "proc", NO_SUID | NO_DEVICES | NO_EXECUTION)

    def _fill_devices(self) -> None:
        folder = f"{self._root}/dev"
        for name in ("shm", "pts"):
            os.makedirs(f"{folder}/{name}")
        for name in _DEVICES:
            _make_file(f"{folder}/{name}")
            mount(f"/dev/{name}", f"{folder}/{name}", None, BIND)
        for name, target in _DEVICE_LINKS:
            os.symlink(target, f"{folder}/{name}")
        mount("tmpfs", f"{folder}/shm", "tmpfs", NO_SUID | NO_DEVICES, _TEMPORARY_OPTIONS)
        mount("devpts", f"{folder}/pts", "devpts", NO_SUID | NO_EXECUTION, _TERMINAL_OPTIONS)

    def _is_shown(self, path: str) -> bool:
        """Whether *path* is there as on the machine."""
        around = [place for place in self._places if _is_within(path, place)]
        return bool(around) and self._places[max(around, key=len)]

    def _show(self, path: str, owners: int | None = None) -> None:
        if self._is_shown(path) or not os.path.lexists(path):
            return
        target = self._root + path
        if os.path.islink(path):
            if not os.path.lexists(target):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                os.symlink(os.readlink(path), target)
        else:
            _make_mount_point(target, like=path)
            if owners is None or not bind_with_owners(path, target, owners):
                bind(path, target)
        self._places[path] = True

    def _show_writable(self, path: str) -> None:
        target = self._root + path
        _make_mount_point(target, like=path)
        # In the first of them the new root folder is mounted.
        bind(path, target, tree=path != self._files["writable"][0])
        self._places[path] = True

    def _hide(self, path: str) -> None:
        os.makedirs(self._root + path, exist_ok=True)
        mount("tmpfs", self._root + path, "tmpfs", NO_SUID | NO_DEVICES, _TEMPORARY_OPTIONS)
        self._places[path] = False

    def _mask(self, path: str) -> None:
        """Let *path* be a file or folder that nobody may open."""
        target = self._root + path
        if os.path.islink(target) or not os.path.exists(target):
            return
        if os.path.isdir(target):
            mount("tmpfs", target, "tmpfs", NO_SUID | NO_DEVICES, _MASK_OPTIONS)
        else:
            bind(self._closed_file(), target, tree=False)

    def _closed_file(self) -> str:
        file = f"{self._root}/dev/.closed"
        if not os.path.lexists(file):
            _make_file(file)
            os.chmod(file, 0)
        return file

    def _empty(self, path: str) -> None:
        """Let *path* be an empty folder, or an empty device, which is no regular file."""
        target = self._root + path
        if os.path.isdir(target):
            mount("tmpfs", target, "tmpfs", NO_SUID | NO_DEVICES, _ABSENT_OPTIONS)
        elif os.path.lexists(target):
            mount(os.devnull, target, None, BIND)


def _merge(folders: Sequence[str], target: str, writable: str) -> None:
    """Mount all *folders* on *target* as one, the first of them on top; what is written there stays in memory.

    The kernel does not rename a folder that one of *folders* has (``EXDEV``); programs that expect this copy it.
    """
    layers = f"{writable}/.layers"
    os.mkdir(layers)
    mount("tmpfs", layers, "tmpfs", NO_SUID | NO_DEVICES, _LAYER_OPTIONS)
    os.chdir(layers)
    os.mkdir("written")
    os.mkdir("work")
    # Links with short names: all names together have to fit into one page of memory.
    names = [str(number) for number in range(len(folders))]
    for name, folder in zip(names, folders):  # noqa: B905 - They have the same length.
        os.symlink(folder, name)
    options = f"lowerdir={':'.join(names)},upperdir=written,workdir=work,userxattr"
    mount("overlay", target, "overlay", NO_SUID | NO_DEVICES, options)
    os.chdir("/")
    # The merged folder keeps what it needs.
    call(LIBC.umount2, os.fsencode(layers), DETACH, what="to leave the layers")
    os.rmdir(layers)


def _make_mount_point(path: str, *, like: str) -> None:
    if os.path.isdir(like):
        os.makedirs(path, exist_ok=True)
    elif not os.path.lexists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _make_file(path)


def _make_file(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))


def _is_within(path: str, folder: str) -> bool:
    return os.path.join(path, "").startswith(os.path.join(folder, ""))
