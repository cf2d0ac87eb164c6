"""Fills forms: a form has the calls and limitations that several providers share, each provider has its own words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from minreq.profiles.table import Table

#: A ``{word}`` in a text of a form. The run fills in ``{http}`` and the like.
_WORD = re.compile(r"\{(?!(?:https?|private_key)\})(\w+)\}")


def apply_form(name: str, provider: Table, forms: Mapping[str, Any]) -> Table:
    """Return the table of *provider* with the calls and limitations of its form added.

    Each ``{word}`` of the form is replaced by that entry of the provider's ``words``, and ``{name}`` by *name*. A call
    with a word that the provider does not have is left out: not every provider has embeddings.
    """
    form = provider.string("form", "")
    words = {"name": name, **provider.string_table("words")}
    if not form:
        return provider
    shared = forms.get(form) or {}
    if not isinstance(shared.get("calls"), list):
        provider.add_fault("form", f"no form {form!r} with calls")
        return provider
    for key in ("calls", "cannot"):
        entries = [_substitute(each, words) for each in shared.get(key, ()) if _words_in(each) <= words.keys()]
        provider = provider.with_prepended(key, entries)
    return provider


def _words_in(value: Any) -> frozenset[str]:
    """Return the words in the texts of *value*."""
    match value:
        case str():
            return frozenset(_WORD.findall(value))
        case list():
            return frozenset().union(*map(_words_in, value))
        case dict():
            return frozenset().union(*map(_words_in, value.values()))
    return frozenset()


def _substitute(value: Any, words: Mapping[str, str]) -> Any:
    """Return *value* with each word in it replaced."""
    match value:
        case str():
            return _WORD.sub(lambda match: words[match[1]], value)
        case list():
            return [_substitute(each, words) for each in value]
        case dict():
            return {key: _substitute(each, words) for key, each in value.items()}
    return value
