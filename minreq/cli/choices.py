"""The values of options that a shell completes: fixed ones, and the names in a profile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import click
from click.shell_completion import CompletionItem
from packaging.utils import canonicalize_name

from minreq.config.levels import BYTECODE, INDEX_STRATEGIES, LEVELS, SETTLE_METHODS
from minreq.config.options import DEFAULT_ROOT, parse_requirement
from minreq.errors import MinreqError


def find_completion(
    name: str, *, commas: bool
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]] | None:
    """Return the function that completes a value of the option *name*; ``None`` if click does it, as for paths.

    With *commas*, it completes the last of several values.
    """
    find = _VALUES.get(name)
    if find is None:
        return None

    def complete(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, begun = incomplete.rpartition(",") if commas else ("", "", incomplete)
        return [CompletionItem(f"{before}{comma}{each}") for each in find(context) if each.startswith(begun)]

    return complete


def _list_providers(context: click.Context) -> Iterable[str]:
    return _list_names(context)[0]


def _list_features(context: click.Context) -> Iterable[str]:
    return _list_names(context)[1]


def _list_names(context: click.Context) -> tuple[Sequence[str], Sequence[str]]:
    """Return the providers and the features in the profile of the root that the command line names."""
    # Imported here: only a shell that completes needs it.
    from minreq.profiles import loader  # noqa: PLC0415

    folders = [Path(folder) for folder in context.params.get("profiles") or ()]
    # The option that is completed has no value yet, so click leaves the arguments as they are.
    try:
        root = parse_requirement(context.args[0]).name if context.args else DEFAULT_ROOT
        profile = loader.find_profile(canonicalize_name(root), folders)
    except (ValueError, MinreqError):
        # The command reports it; a shell that completes shows no errors.
        return (), ()
    if profile is None:
        return (), ()
    return [each.name for each in profile.providers], [each.name for each in profile.features]


def _list_platforms(_context: click.Context) -> Iterable[str]:
    from minreq.interpreter import preset_names  # noqa: PLC0415 # As above.

    return preset_names()


def _list_runtimes(_context: click.Context) -> Iterable[str]:
    from minreq.profiles import runtimes  # noqa: PLC0415 # As above.

    return runtimes.runtime_names()


def _list_release_choices(_context: click.Context) -> Iterable[str]:
    from minreq.config.matrix import RELEASE_CHOICES  # noqa: PLC0415 # Only one command has this option.

    return RELEASE_CHOICES


_VALUES: Mapping[str, Callable[[click.Context], Iterable[str]]] = {
    "slim": lambda _: LEVELS,
    "build": lambda _: LEVELS,
    "one-per": _list_release_choices,
    "bytecode": lambda _: BYTECODE,
    "settle": lambda _: SETTLE_METHODS,
    "index-strategy": lambda _: INDEX_STRATEGIES,
    "providers": _list_providers,
    "features": _list_features,
    "platform": _list_platforms,
    "runtime": _list_runtimes,
}
