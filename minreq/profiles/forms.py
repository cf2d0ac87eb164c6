"""Providers that call alike: a form has their calls and what releases cannot do, a provider of it the words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from minreq.profiles.table import Table

#: A word in a text of a form; of ``{http}`` and the like the run knows more.
_WORD = re.compile(r"\{(?!(?:https?|private_key)\})(\w+)\}")


def filled(name: str, provider: Table, forms: Mapping[str, Any]) -> Table:
    """The table of the *provider* called *name* with what its form has, ``{word}`` being its ``words``.

    A call with a word that the provider does not have is left out: not every provider has embeddings. ``{name}`` is
    the name of the provider.
    """
    form = provider.text("form", "")
    words = {"name": name, **provider.strings("words")}
    if not form:
        return provider
    shared = forms.get(form) or {}
    if not isinstance(shared.get("calls"), list):
        provider.fault("form", f"no form {form!r} with calls")
        return provider
    for key in ("calls", "cannot"):
        known = [_said(each, words) for each in shared.get(key, ()) if _asked(each) <= words.keys()]
        provider = provider.with_more(key, known)
    return provider


def _asked(value: Any) -> frozenset[str]:
    """The words in the texts of *value*."""
    match value:
        case str():
            return frozenset(_WORD.findall(value))
        case list():
            return frozenset().union(*map(_asked, value))
        case dict():
            return frozenset().union(*map(_asked, value.values()))
    return frozenset()


def _said(value: Any, words: Mapping[str, str]) -> Any:
    """*value* with the words in it said."""
    match value:
        case str():
            return _WORD.sub(lambda match: words[match[1]], value)
        case list():
            return [_said(each, words) for each in value]
        case dict():
            return {key: _said(each, words) for key, each in value.items()}
    return value
