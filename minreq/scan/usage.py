"""The values of a scan: the rules it follows, its findings in files, and the usage that follows from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function of the root package that calls a model, or sets something up for such calls."""

    #: The features that a call of it uses.
    features: tuple[str, ...] = ()
    #: The feature that a streaming call uses instead, "" where it cannot stream.
    streaming: str = ""
    #: Position of the model among the positional arguments; ``None``: it takes no model.
    model: int | None = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Constructor:
    """A class of another package: to call it uses a feature."""

    feature: str
    #: With this argument the call does not use it, "" where there is none.
    unless: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRules:
    """What a scan looks for. It holds only values, so that it can be sent to other processes."""

    #: The root package, as programs import it.
    module: str
    #: Functions of the root by name: ``completion``, ``Router.acompletion``.
    functions: Mapping[str, Function]
    #: The argument that takes a list of models.
    model_list: str
    #: In each entry of that list, the key of the name that programs use,
    alias: str
    #: and the key of the parameters of the call.
    parameters: str
    #: A class of another package whose name contains this calls the root with its ``model``, ``model_name`` or
    #: ``model_id``.
    wrapper: str
    #: Methods of other clients of a proxy, by the end of the dotted name: ``chat.completions.create``.
    methods: Mapping[str, Function]
    #: Keys beside ``model`` that show that an object is a request of such a client.
    companions: frozenset[str]
    #: Argument of a call -> feature.
    arguments: Mapping[str, str]
    #: Dotted name of a class of another package -> the feature that a call of it uses.
    constructors: Mapping[str, Constructor]
    #: Attribute of the root -> feature that it turns on, where the value is ``True``.
    attributes: Mapping[str, str]
    #: Environment variable -> feature that it turns on, where the value is ``true`` in a file of variables.
    variables: Mapping[str, str]
    #: Function of the root -> its argument that may name an AWS service.
    services: Mapping[str, str]
    #: Feature -> patterns of the names of models that use it.
    model_features: Mapping[str, tuple[re.Pattern[str], ...]]
    #: Setting of a proxy's configuration, with its table: ``settings.cache`` -> feature that it turns on.
    settings: Mapping[str, str]
    #: Argument of a call -> provider.
    hints: Mapping[str, str]
    #: Text before the first slash of a model name -> provider.
    prefixes: Mapping[str, str]
    #: Functions whose string arguments are no models, by the end of their names: they load files, for example.
    other_functions: frozenset[str]
    #: Keys whose values are no models: images of containers, actions of workflows, paths.
    other_keys: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line of a file. The path is relative to the scanned path and has ``/``."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelName:
    """A text that may be the name of a model."""

    place: Place
    text: str
    #: False: only the beginning is known; the program makes the rest when it runs.
    exact: bool = True
    #: ``call``: argument of a call of the root; ``model``: value under a name such as ``model``; ``text``: any other.
    where: Literal["call", "model", "text"]
    #: For the user: ``litellm.completion(model=...)``.
    description: str
    #: The provider that the call itself names, "" where it names none.
    provider: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownModel:
    """A call whose model cannot be read from the code."""

    place: Place
    #: For the user: ``litellm.completion(model=...)``.
    description: str
    #: ``comes from os.environ['MODEL']``.
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureUse:
    """A place that uses a feature."""

    place: Place
    feature: str
    #: For the user: ``litellm.completion(tools=...)``.
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedFile:
    """A file that the scan did not read, or did not read to its end."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the files contain, sorted by place. The providers of bare model names are not yet known."""

    model_names: tuple[ModelName, ...] = ()
    unknown: tuple[UnknownModel, ...] = ()
    feature_uses: tuple[FeatureUse, ...] = ()
    #: Names that a list of models gives to its models. A call by such a name needs no look-up: the list has the model.
    aliases: frozenset[str] = frozenset()
    skipped: tuple[SkippedFile, ...] = ()
    #: How many files were read.
    files: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderUse:
    """A place that uses a provider."""

    place: Place
    provider: str
    #: The name of the model, or its beginning followed by ``...``.
    model: str
    #: For the user: ``litellm.completion(model=...)``.
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The providers and features that a code base uses."""

    provider_uses: tuple[ProviderUse, ...]
    unknown: tuple[UnknownModel, ...]
    feature_uses: tuple[FeatureUse, ...]
    skipped: tuple[SkippedFile, ...]
    files: int
    #: Used features that a smoke covers only when the user names them, sorted.
    opt_in_features: tuple[str, ...] = ()
    #: Used features that no smoke of the used providers covers, sorted.
    uncovered_features: tuple[str, ...] = ()

    @property
    def providers(self) -> tuple[str, ...]:
        """The used providers, sorted."""
        return tuple(sorted({each.provider for each in self.provider_uses}))

    @property
    def features(self) -> tuple[str, ...]:
        """The used features, sorted."""
        return tuple(sorted({each.feature for each in self.feature_uses}))
