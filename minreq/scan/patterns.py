"""What a text says about a model, whatever the language it stands in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

#: The whole of a text that may be a model with its provider: words, with slashes, colons (ARNs) and ``@`` between.
_MODEL = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9*][\w.:@+*-]*(?:/[\w.:@+*-]+)*")
#: Files and addresses have the form of a model too.
_FILE = re.compile(
    r"(?:\.(?:c?[jt]sx?|m[jt]s|py|json|ya?ml|toml|lock|md|rst|txt|html?|s?css|svg|png|jpe?g|sh))$|\*\*|//"
)
#: A name of a model without a provider: nearly all have a version (``gpt-4o``) or parts (``command-r``).
_BARE = re.compile(r"(?=.*[\d/-])[A-Za-z0-9][\w.:@/-]+")
#: The words of a name: ``fallbackModelIds``, ``EMBEDDING_MODEL``.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_WORDS = (b"model", b"llm", b"fallback")
_MODEL_WORDS = frozenset({"fallback", "fallbacks", "llm", "llms", "model", "models"})
#: What stands in configurations for a value from elsewhere.
_REFERENCE = re.compile(r"^os\.environ/|\$\{|\$\(|\{\{|^\$[A-Za-z_]")


def names_a_model(key: str) -> bool:
    """Whether what stands under *key* is the name of a model."""
    return any(word.lower() in _MODEL_WORDS for word in _WORD.findall(key))


def may_be_bare(text: str) -> bool:
    """Whether *text* has the form of a name of a model without its provider."""
    return _BARE.fullmatch(text) is not None


def is_reference(text: str) -> bool:
    """Whether *text* stands for a value that is put in later."""
    return _REFERENCE.search(text) is not None


def prefix_of(text: str, prefixes: Mapping[str, str], *, exact: bool = True) -> str | None:
    """Return what stands before the first slash of a model of a known provider.

    Of a text of which only the beginning is known the slash is enough.
    """
    prefix, slash, _ = text.partition("/")
    if not slash or prefix not in prefixes:
        return None
    if exact and (not _MODEL.fullmatch(text) or _FILE.search(text)):
        return None
    return prefix


#: On bytes in lower case. They begin with a literal, which is what makes a search fast.
_MODEL_IN_PYTHON = [
    re.compile(word + rb"""[\w-]*["']?\]?\s*(?::[^=\n]{1,60})?[=:]\s*[\[({\s]*f?["']""") for word in _WORDS
]
_MODEL_ELSEWHERE = [re.compile(word + rb"""[\w-]*["']?\s*\??\s*[:=,}]""") for word in _WORDS]


_OF_TEXTS = frozenset({*dir(str), *dir(bytes)})


@dataclass(frozen=True, slots=True)
class Sieve:
    """Tells which files are worth a parser, from their bytes."""

    #: The root, in lower case.
    module: bytes
    #: The prefixes of models, without their slashes.
    prefixes: tuple[bytes, ...]
    #: What calls of its functions end with, which another module of the code base may hand on.
    calls: tuple[bytes, ...]

    def holds(self, content: bytes, *, python: bool) -> bool:
        """Whether there is the root, a prefix, or a name for models with a text behind it (in Python) or anything."""
        # There are far fewer slashes in a file than there are prefixes to look for in all of it.
        if any(part.endswith(self.prefixes) for part in content.split(b"/")[:-1]):
            return True
        if python and any(part.endswith(self.calls) for part in content.split(b"(")[:-1]):
            return True
        lower = content.lower()
        if self.module in lower:
            return True
        patterns = _MODEL_IN_PYTHON if python else _MODEL_ELSEWHERE
        # To look for a word alone is much faster than to look for what may follow it.
        return any(word in lower and pattern.search(lower) for word, pattern in zip(_WORDS, patterns, strict=True))


def sieve(module: str, prefixes: Iterable[str], functions: Iterable[str]) -> Sieve:
    """Return the sieve for the root *module*, the *prefixes* of models and the *functions* that take them."""
    # Every text has an encode() too: a file that calls one says nothing by it.
    calls = sorted(name for name in functions if name not in _OF_TEXTS)
    ends = [each for each in calls if not any(each != other and each.endswith(other) for other in calls)]
    return Sieve(
        module.lower().encode(),
        tuple(map(str.encode, sorted(prefixes))),
        tuple(map(str.encode, ends)),
    )
