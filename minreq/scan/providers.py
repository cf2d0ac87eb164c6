"""From what files say to the providers they use: prefixes, and for bare names the table of the root; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from minreq.scan.texts import prefix_of
from minreq.scan.usage import Findings, Mention, Sighting, Unknown, Usage, Vocabulary

#: What a call says counts for more than that its text stands somewhere.
_ORDER = ("call", "model", "text")


def usage(findings: Findings, vocabulary: Vocabulary, models: Callable[[], Mapping[str, str]]) -> Usage:
    """Return which providers *findings* are about.

    *models* is asked when a name has no prefix: name -> provider, in the words of the root.
    """
    naming = _Naming(vocabulary, models)
    sightings: dict[tuple[object, ...], Sighting] = {}
    unknown = {(each.place, each.why): each for each in findings.unknown}
    for mention in sorted(findings.mentions, key=lambda each: _ORDER.index(each.where)):
        if mention.text in findings.aliases and mention.where != "call":
            continue
        found = naming.of(mention)
        if isinstance(found, Sighting):
            sightings.setdefault((found.place, found.provider, found.model), found)
        elif found is not None:
            unknown.setdefault((found.place, found.why), found)
    return Usage(
        sightings=tuple(
            sorted(sightings.values(), key=lambda each: (str(each.place.file), each.place.line, each.model))
        ),
        unknown=tuple(sorted(unknown.values(), key=lambda each: (each.place.file, each.place.line, each.why))),
        uses=findings.uses,
        skipped=findings.skipped,
        files=findings.files,
    )


@dataclass(frozen=True, slots=True)
class _Naming:
    vocabulary: Vocabulary
    models: Callable[[], Mapping[str, str]]

    def of(self, mention: Mention) -> Sighting | Unknown | None:
        """Return whose model it is; ``None`` for a text that is no model."""
        prefixes = self.vocabulary.prefixes
        if mention.provider:
            return _sighting(mention, mention.provider)
        prefix = prefix_of(mention.text, prefixes, exact=mention.exact and mention.where == "text")
        if prefix is not None:
            return _sighting(mention, prefixes[prefix])
        if mention.where == "text":
            return None
        stated = self._in_table(mention.text) if mention.exact else None
        if stated is not None and (provider := self._provider(stated)) is not None:
            return _sighting(mention, provider)
        if mention.where == "model" and (stated or mention.text.partition("/")[0]) not in self._providers():
            return None
        return Unknown(place=mention.place, seen=mention.seen, why=self._why(mention, stated))

    def _in_table(self, name: str) -> str | None:
        """What the root calls the provider of *name*; a model tuned by somebody has more behind a colon."""
        models = self.models()
        while name not in models and ":" in name:
            name = name.rpartition(":")[0]
        return models.get(name)

    def _provider(self, stated: str) -> str | None:
        """The provider that the root calls *stated*: of ``vertex_ai-language-models`` the beginning says it."""
        prefixes = self.vocabulary.prefixes
        names: Iterator[str] = (stated[:end] for end in range(len(stated), 0, -1) if stated[end : end + 1] in {"", "-"})
        return next((prefixes[name] for name in names if name in prefixes), None)

    def _providers(self) -> frozenset[str]:
        """Everybody whose models the root calls."""
        return frozenset(self.models().values())

    def _why(self, mention: Mention, stated: str | None) -> str:
        if not mention.exact:
            return f"begins with {mention.text!r}, and the rest is put together at run time"
        prefix, slash, _ = mention.text.partition("/")
        if stated is None and not slash:
            return f"is {mention.text!r}, which {self.vocabulary.module} has in no list of models"
        return f"is of {stated or prefix}, which is none of the providers of the profile"


def _sighting(mention: Mention, provider: str) -> Sighting:
    model = mention.text if mention.exact else f"{mention.text}..."
    return Sighting(place=mention.place, provider=provider, model=model, seen=mention.seen)
