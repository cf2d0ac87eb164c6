"""Finds the files of a code base that a scan reads: no files that git ignores, no code of other people."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from minreq.system import regularfile

PYTHON = frozenset({".py", ".pyi", ".pyw"})
SCRIPT = frozenset({".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts"})
YAML = frozenset({".yaml", ".yml"})
JSON = frozenset({".json", ".jsonc", ".json5"})
TOML = frozenset({".toml"})
_SUFFIXES = PYTHON | SCRIPT | YAML | JSON | TOML

#: Folders of other people's code, and of tools.
_SKIPPED_FOLDERS = frozenset(
    {
        ".git",
        ".hg",
        ".mypy_cache",
        ".nox",
        ".ruff_cache",
        ".svn",
        ".tox",
        "__pycache__",
        "node_modules",
        "site-packages",
    }
)
#: A folder with this file is a virtual environment (PEP 405).
_ENVIRONMENT_MARKER = "pyvenv.cfg"
#: Lock files hold whole dependency trees with URLs and hashes, and no calls.
_LOCK_FILES = frozenset({"package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "composer.lock"})


def is_variables_file(name: str) -> bool:
    """Whether a file of that *name* holds variables: ``.env``, ``.env.local``, ``prod.env``."""
    return name == ".env" or name.startswith(".env.") or name.endswith(".env")


def is_scannable(name: str) -> bool:
    """Whether a scan reads a file of that *name*."""
    if name in _LOCK_FILES:
        return False
    return os.path.splitext(name)[1].lower() in _SUFFIXES or is_variables_file(name)  # noqa: PTH122 - A hundred thousand times.


@dataclass(frozen=True, slots=True)
class _IgnoreRules:
    """The rules of a ``.gitignore``, and the folder they apply to, with a slash at its end."""

    folder: str
    spec: GitIgnoreSpec

    def ignores(self, path: str) -> bool | None:
        """Whether *path* (absolute, a folder with a slash at its end) is ignored; ``None``: no rule matches."""
        return self.spec.check_file(path[len(self.folder) :]).include


def find_files(start: Path) -> Iterator[str]:
    """Yield the absolute paths of the files to scan below *start*, or *start* itself if it is a file.

    A file that the user names is scanned even if git ignores it. Links to folders are not followed. Folders that cannot
    be listed are passed over in silence: the user cannot run the code in them either.
    """
    start = Path(os.path.abspath(start))  # noqa: PTH100 - Links stay as they were named.
    if start.is_file():
        yield str(start)
        return
    folder = f"{start}{os.sep}"
    rules = _rules_above(start)
    # A user who names an ignored folder wants it scanned.
    yield from _walk_folder(folder, () if _is_ignored(folder, rules) else rules)


def _rules_above(start: Path) -> tuple[_IgnoreRules, ...]:
    """The ignore rules of the folders above *start*, up to the root of the repository."""
    above: list[Path] = []
    for folder in (start, *start.parents):
        above.append(folder)
        if (folder / ".git").exists():
            break
    else:
        return ()
    root = above[-1]
    files = [root / ".git" / "info" / "exclude", *(folder / ".gitignore" for folder in reversed(above[1:]))]
    folders = [root, *reversed(above[1:])]
    return tuple(
        rules for folder, file in zip(folders, files, strict=True) if (rules := _read_rules(f"{folder}{os.sep}", file))
    )


def _read_rules(folder: str, file: Path | str) -> _IgnoreRules | None:
    try:
        text = regularfile.read_text(file, errors="replace")
        return _IgnoreRules(folder, GitIgnoreSpec.from_lines(text.split("\n")))
    except (OSError, ValueError):
        return None


def _walk_folder(folder: str, rules: Sequence[_IgnoreRules]) -> Iterator[str]:
    waiting: list[tuple[str, Sequence[_IgnoreRules]]] = [(folder, rules)]
    while waiting:
        folder, rules = waiting.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError:
            continue
        names = {entry.name for entry in entries}
        if _ENVIRONMENT_MARKER in names:
            continue
        if ".gitignore" in names and (own := _read_rules(folder, f"{folder}.gitignore")):
            rules = (*rules, own)
        for entry in entries:
            if entry.name in _SKIPPED_FOLDERS:
                continue
            if entry.is_dir(follow_symlinks=False):
                path = f"{entry.path}{os.sep}"
                if not _is_ignored(path, rules):
                    waiting.append((path, rules))
            elif is_scannable(entry.name) and not _is_ignored(entry.path, rules):
                yield entry.path


def _is_ignored(path: str, rules: Sequence[_IgnoreRules]) -> bool:
    """The innermost ``.gitignore`` with a matching rule decides (gitignore(5)). Ignored folders are never entered."""
    for each in reversed(rules):
        ignores = each.ignores(path)
        if ignores is not None:
            return ignores
    return False
