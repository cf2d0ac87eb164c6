"""Patterns of model names, in texts of any language, and of the files that may contain one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

#: A model name with its provider: words with slashes, colons (ARNs) and ``@`` between them.
_PREFIXED_NAME = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9*][\w.:@+*-]*(?:/[\w.:@+*-]+)*")
#: Paths of files and addresses have that form too.
_FILE_NAME = re.compile(
    r"(?:\.(?:c?[jt]sx?|m[jt]s|py|json|ya?ml|toml|lock|md|rst|txt|html?|s?css|svg|png|jpe?g|sh))$|\*\*|//"
)
#: A model name without a provider: nearly all have a version (``gpt-4o``) or parts (``command-r``).
_BARE_NAME = re.compile(r"(?=.*[\d/-])[A-Za-z0-9][\w.:@/-]+")
#: One word of a key: ``fallbackModelIds``, ``EMBEDDING_MODEL``.
_WORD_IN_KEY = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_KEY_WORDS = (b"model", b"llm", b"fallback")
_MODEL_WORDS = frozenset({"fallback", "fallbacks", "llm", "llms", "model", "models"})
#: How configurations refer to a value from elsewhere.
_REFERENCE = re.compile(r"^os\.environ/|\$\{|\$\(|\{\{|^\$[A-Za-z_]")


def is_model_key(key: str) -> bool:
    """Whether the value of *key* is the name of a model."""
    return any(word.lower() in _MODEL_WORDS for word in _WORD_IN_KEY.findall(key))


def looks_like_model_name(text: str) -> bool:
    """Whether *text* has the form of a model name without its provider."""
    return _BARE_NAME.fullmatch(text) is not None


def is_reference(text: str) -> bool:
    """Whether *text* refers to a value that is put in later, such as a variable."""
    return _REFERENCE.search(text) is not None


def provider_prefix(text: str, prefixes: Mapping[str, str], *, exact: bool = True) -> str | None:
    """Return the part before the first slash if it is one of *prefixes* and *text* has the form of a model name.

    Where only the beginning of a text is known (*exact* is false), the prefix and the slash are enough.
    """
    prefix, slash, _ = text.partition("/")
    if not slash or prefix not in prefixes:
        return None
    if exact and (not _PREFIXED_NAME.fullmatch(text) or _FILE_NAME.search(text)):
        return None
    return prefix


#: Searched in bytes in lower case. Each pattern begins with a literal: that makes the search fast.
_KEY_IN_PYTHON = [
    re.compile(word + rb"""[\w-]*["']?\]?\s*(?::[^=\n]{1,60})?[=:]\s*[\[({\s]*f?["']""") for word in _KEY_WORDS
]
_KEY_ELSEWHERE = [re.compile(word + rb"""[\w-]*["']?\s*\??\s*[:=,}]""") for word in _KEY_WORDS]


_TEXT_METHODS = frozenset({*dir(str), *dir(bytes)})


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Decides from the bytes of a file whether it is worth parsing."""

    #: The root package, in lower case.
    module: bytes
    #: The prefixes of models, without their slashes.
    prefixes: tuple[bytes, ...]
    #: Ends of the names of its functions. A file may call one that another module of the code base imports.
    calls: tuple[bytes, ...]

    def matches(self, content: bytes, *, python: bool) -> bool:
        """Whether *content* names the root, a prefix, one of its functions, or a key for models.

        In Python the key must be followed by a string.
        """
        # A file has far fewer slashes than there are prefixes to search for.
        if any(part.endswith(self.prefixes) for part in content.split(b"/")[:-1]):
            return True
        if python and any(part.endswith(self.calls) for part in content.split(b"(")[:-1]):
            return True
        lower = content.lower()
        if self.module in lower:
            return True
        patterns = _KEY_IN_PYTHON if python else _KEY_ELSEWHERE
        # Searching for the word alone first is much faster than searching for the whole pattern.
        return any(word in lower and pattern.search(lower) for word, pattern in zip(_KEY_WORDS, patterns, strict=True))


def make_file_filter(module: str, prefixes: Iterable[str], functions: Iterable[str]) -> FileFilter:
    """Return the filter for the root *module*, the *prefixes* of models and the *functions* that take models."""
    # Every string has an encode() method too: a call of that name shows nothing.
    calls = sorted(name for name in functions if name not in _TEXT_METHODS)
    ends = [each for each in calls if not any(each != other and each.endswith(other) for other in calls)]
    return FileFilter(
        module.lower().encode(),
        tuple(map(str.encode, sorted(prefixes))),
        tuple(map(str.encode, ends)),
    )
