"""What a YAML document and a file of variables say."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from minreq.scan.gathering import Gathering
from minreq.scan.texts import names_a_model
from minreq.scan.usage import Vocabulary

_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

#: YAML 1.1, https://yaml.org/type/bool.html: quoted they are texts, and have another tag.
_BOOLEAN, _TRUE = "tag:yaml.org,2002:bool", {"true", "yes", "on"}

#: ``export KEY="value" # comment``
_VARIABLE = re.compile(
    r"""^\s*(?:export\s+)?(?P<key>[\w.-]+)\s*=\s*(?:"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>[^']*)'|(?P<bare>.*?))\s*(?:\s\#.*)?$"""
)


class Unreadable(ValueError):
    """Text that is no YAML; what stands before the fault was read."""


def read_yaml(text: str, vocabulary: Vocabulary, gathering: Gathering) -> None:
    """Put into *gathering* what the documents in *text* say; raises `Unreadable`."""
    try:
        # Nodes, not values: they know their lines, and tags of other programs (!Ref) are no matter.
        for node in yaml.compose_all(text, Loader=_LOADER):
            _Document(vocabulary, gathering).visit(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise Unreadable(f"{error.problem} in line {mark.line + 1}" if mark else str(error.problem)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(str(error).splitlines()[0] if str(error) else type(error).__name__) from error


class _Document:
    """One document; an anchor that is referred to again was read where it stands."""

    def __init__(self, vocabulary: Vocabulary, gathering: Gathering) -> None:
        self._vocabulary, self._gathering = vocabulary, gathering
        #: Identities of nodes, which are reused when the next document takes the place of this one.
        self._seen: set[int] = set()

    def visit(self, node: yaml.Node, key: str = "") -> None:
        waiting = [(node, key)]
        while waiting:
            node, key = waiting.pop()
            if id(node) in self._seen:
                continue
            self._seen.add(id(node))
            if isinstance(node, yaml.ScalarNode):
                self._scalar(node, key)
            elif isinstance(node, yaml.SequenceNode):
                waiting += [(each, key) for each in node.value]
            elif isinstance(node, yaml.MappingNode):
                waiting += self._entries(node)

    def _scalar(self, node: yaml.ScalarNode, key: str) -> None:
        if key not in self._vocabulary.other_keys:
            self._gathering.text(_line(node), node.value, is_model=names_a_model(key))

    def _entries(self, node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, str]]:
        entries = {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
        parameters = entries.get(self._vocabulary.parameters)
        for key, value in entries.items():
            if parameters is not None and key == self._vocabulary.alias:
                if isinstance(value, yaml.ScalarNode):
                    self._gathering.alias(value.value)
            elif value is parameters and isinstance(value, yaml.MappingNode):
                yield from self._deployment(value)
            else:
                if isinstance(value, yaml.MappingNode):
                    self._settings(key, value)
                yield value, key

    def _settings(self, name: str, settings: yaml.MappingNode) -> None:
        for key, value in settings.value:
            if isinstance(key, yaml.ScalarNode) and isinstance(value, yaml.ScalarNode):
                seen = f"{name}.{key.value}"
                feature = self._vocabulary.settings.get(seen)
                if feature is not None and value.tag == _BOOLEAN and value.value.lower() in _TRUE:
                    self._gathering.use(_line(key), feature, seen)

    def _deployment(self, parameters: yaml.MappingNode) -> Iterator[tuple[yaml.Node, str]]:
        for key, value in parameters.value:
            if key.value == "model" and isinstance(value, yaml.ScalarNode):
                self._gathering.deployment(_line(value), value.value)
            else:
                yield value, key.value if isinstance(key, yaml.ScalarNode) else ""
            hinted = self._vocabulary.hints.get(key.value) if isinstance(key, yaml.ScalarNode) else None
            if hinted is not None:
                seen = f"{self._vocabulary.parameters}.{key.value}"
                self._gathering.mention(_line(key), f"{key.value}=", where="call", seen=seen, provider=hinted)


def read_variables(text: str, gathering: Gathering) -> None:
    """Put into *gathering* what a file of variables (``.env``) says."""
    for number, line in enumerate(text.splitlines(), 1):
        match = _VARIABLE.match(line)
        if match is not None:
            value = next(each for each in (match["double"], match["single"], match["bare"]) if each is not None)
            for each in value.split(","):
                gathering.text(number, each.strip(), is_model=names_a_model(match["key"]))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
