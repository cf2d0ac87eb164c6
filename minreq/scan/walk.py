"""The files of a code base that may say something: not what git ignores, not what others wrote."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

PYTHON = frozenset({".py", ".pyi", ".pyw"})
SCRIPT = frozenset({".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts"})
YAML = frozenset({".yaml", ".yml"})
JSON = frozenset({".json", ".jsonc", ".json5"})
TOML = frozenset({".toml"})
_SUFFIXES = PYTHON | SCRIPT | YAML | JSON | TOML

#: Folders of other people's code, and of tools.
_FOREIGN = frozenset(
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
#: In a folder that holds this there is an environment (PEP 405).
_ENVIRONMENT = "pyvenv.cfg"
#: Whole dependency trees with their URLs and hashes, and no call in them.
_LOCKS = frozenset({"package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "composer.lock"})


def is_environment_file(name: str) -> bool:
    """Whether a file of that *name* holds variables: ``.env``, ``.env.local``, ``prod.env``."""
    return name == ".env" or name.startswith(".env.") or name.endswith(".env")


def is_candidate(name: str) -> bool:
    """Whether a file of that *name* is of a kind that is read."""
    if name in _LOCKS:
        return False
    return os.path.splitext(name)[1].lower() in _SUFFIXES or is_environment_file(name)  # noqa: PTH122 - A hundred thousand times.


@dataclass(frozen=True, slots=True)
class _Rules:
    """What a ``.gitignore`` says, and the folder it holds for, with a slash at its end."""

    folder: str
    spec: GitIgnoreSpec

    def verdict(self, path: str) -> bool | None:
        """Whether *path* (absolute, a folder with a slash at its end) is ignored; ``None``: nothing is said."""
        return self.spec.check_file(path[len(self.folder) :]).include


def walk(start: Path) -> Iterator[str]:
    """Yield the absolute paths of the candidates in *start*, or *start* itself if it is a file.

    A named file is read whatever git thinks of it. Links to folders are not followed, and of folders that cannot be
    listed nothing is said: whoever scans cannot run what lies there either.
    """
    start = Path(os.path.abspath(start))  # noqa: PTH100 - Links stay as they were named.
    if start.is_file():
        yield str(start)
        return
    folder = f"{start}{os.sep}"
    rules = _outer_rules(start)
    # Who names an ignored folder means it.
    yield from _walk(folder, () if _is_ignored(folder, rules) else rules)


def _outer_rules(start: Path) -> tuple[_Rules, ...]:
    """What the folders above *start* say, up to the one that is a repository."""
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
        rules for folder, file in zip(folders, files, strict=True) if (rules := _rules(f"{folder}{os.sep}", file))
    )


def _rules(folder: str, file: Path | str) -> _Rules | None:
    try:
        with open(file, encoding="utf-8", errors="replace") as stream:  # noqa: PTH123 - Often, and from strings.
            return _Rules(folder, GitIgnoreSpec.from_lines(stream))
    except (OSError, ValueError):
        return None


def _walk(folder: str, rules: Sequence[_Rules]) -> Iterator[str]:
    waiting: list[tuple[str, Sequence[_Rules]]] = [(folder, rules)]
    while waiting:
        folder, rules = waiting.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError:
            continue
        names = {entry.name for entry in entries}
        if _ENVIRONMENT in names:
            continue
        if ".gitignore" in names and (own := _rules(folder, f"{folder}.gitignore")):
            rules = (*rules, own)
        for entry in entries:
            if entry.name in _FOREIGN:
                continue
            if entry.is_dir(follow_symlinks=False):
                path = f"{entry.path}{os.sep}"
                if not _is_ignored(path, rules):
                    waiting.append((path, rules))
            elif is_candidate(entry.name) and not _is_ignored(entry.path, rules):
                yield entry.path


def _is_ignored(path: str, rules: Sequence[_Rules]) -> bool:
    """The innermost file that says anything decides (gitignore(5)); what lies in an ignored folder is never asked."""
    for each in reversed(rules):
        verdict = each.verdict(path)
        if verdict is not None:
            return verdict
    return False
