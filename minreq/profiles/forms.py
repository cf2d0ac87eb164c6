"""Providers that call alike: a form has the calls, a provider of that form the words that differ."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from minreq.profiles.table import Table

#: A word in a text of a form; of ``{http}`` and the like the run knows more.
_WORD = re.compile(r"\{(?!(?:https?|private_key)\})(\w+)\}")


def filled(name: str, provider: Table, forms: Mapping[str, Any]) -> Table:
    """The table of the *provider* called *name* with the calls of its form, ``{word}`` being its ``words``.

    A call with a word that the provider does not have is left out: not every provider has embeddings. ``{name}`` is
    the name of the provider.
    """
    form = provider.text("form", "")
    words = {"name": name, **provider.strings("words")}
    if not form:
        return provider
    calls = (forms.get(form) or {}).get("calls")
    if not isinstance(calls, list):
        provider.fault("form", f"no form {form!r} with calls")
        return provider
    return provider.with_more("calls", [_said(call, words) for call in calls if _asked(call) <= words.keys()])


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
