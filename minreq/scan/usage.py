"""What a code base says about the models it calls: the words to look for, what was seen, and what that comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function of the root package that calls a model, or sets something up for such calls."""

    #: What a call of it uses.
    features: tuple[str, ...] = ()
    #: Used instead where the call streams, "" where it cannot.
    streaming: str = ""
    #: Position of the model among the positional arguments; ``None``: it takes no model.
    model: int | None = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What to look for; mappings that can be sent to another process."""

    #: The root package, as programs import it.
    module: str
    #: By name: ``completion``, ``Router.acompletion``.
    functions: Mapping[str, Function]
    #: The argument with the models that share a name, and in each of them the keys of the name and of what is called.
    model_list: str
    alias: str
    parameters: str
    #: Classes of other packages whose names hold this call the root with ``model``, ``model_name`` or ``model_id``.
    wrapper: str
    #: By the end of its name, what another client of a proxy calls: ``chat.completions.create``.
    methods: Mapping[str, Function]
    #: Keys that stand beside the model in what such a client sends.
    companions: frozenset[str]
    #: Argument of a call -> feature.
    arguments: Mapping[str, str]
    #: Setting in the configuration of a proxy that is true, with the key of its table, ``settings.cache`` -> feature.
    settings: Mapping[str, str]
    #: Argument of a call -> provider.
    hints: Mapping[str, str]
    #: What stands before the first slash of a model -> provider.
    prefixes: Mapping[str, str]
    #: Ends of the names of functions whose strings are no models: they load files of the same form.
    other_functions: frozenset[str]
    #: Keys whose values are no models: images of containers, actions of workflows, paths.
    other_keys: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line of a file, relative to what was scanned, with ``/``."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A text that may be the name of a model."""

    place: Place
    text: str
    #: False: only the beginning is known, the rest is put together at run time.
    exact: bool = True
    #: ``call``: what a call of the root is given; ``model``: under a name such as ``model``; ``text``: anywhere else.
    where: Literal["call", "model", "text"]
    #: For a person: ``litellm.completion(model=...)``.
    seen: str
    #: Said by the call itself, "" if it is not.
    provider: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A call whose model cannot be read from the code."""

    place: Place
    seen: str
    #: ``comes from os.environ['MODEL']``.
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A feature in use."""

    place: Place
    feature: str
    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A file that was passed over."""

    file: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What files hold, before it is known what bare names mean; sorted by place."""

    mentions: tuple[Mention, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    uses: tuple[Use, ...] = ()
    #: Names that a list of models gives to models: what is called by them is known from that list.
    aliases: frozenset[str] = frozenset()
    skipped: tuple[Skipped, ...] = ()
    #: How many files were looked at.
    files: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A provider in use."""

    place: Place
    provider: str
    #: The name of the model, or its beginning followed by ``...``.
    model: str
    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Which providers and features a code base uses."""

    sightings: tuple[Sighting, ...]
    unknown: tuple[Unknown, ...]
    uses: tuple[Use, ...]
    skipped: tuple[Skipped, ...]
    files: int
    #: Features in use that a lock covers only when they are named, sorted.
    named: tuple[str, ...] = ()
    #: Features in use that the smokes of none of the providers cover, sorted.
    uncovered: tuple[str, ...] = ()

    @property
    def providers(self) -> tuple[str, ...]:
        """Sorted."""
        return tuple(sorted({each.provider for each in self.sightings}))

    @property
    def features(self) -> tuple[str, ...]:
        """Sorted."""
        return tuple(sorted({each.feature for each in self.uses}))
