"""Reads YAML documents and files of variables (``.env``)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from minreq.scan.findings import FileFindings
from minreq.scan.patterns import is_model_key
from minreq.scan.usage import ScanRules
from minreq.system import yamltext

#: YAML 1.1, https://yaml.org/type/bool.html. Quoted, these words are strings and have another tag.
_BOOLEAN, _TRUE = "tag:yaml.org,2002:bool", {"true", "yes", "on"}

#: ``export KEY="value" # comment``
_VARIABLE = re.compile(
    r"""^\s*(?:export\s+)?(?P<key>[\w.-]+)\s*=\s*(?:"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>[^']*)'|(?P<bare>.*?))\s*(?:\s\#.*)?$"""
)


class InvalidYaml(ValueError):
    """The text is no YAML. The part before the fault was read."""


def read_yaml(text: str, rules: ScanRules, findings: FileFindings) -> None:
    """Add to *findings* what the documents in *text* contain. Raises `InvalidYaml`, and ``RecursionError``."""
    try:
        for node in yamltext.compose_all(text):
            _Document(rules, findings).visit(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise InvalidYaml(f"{error.problem} in line {mark.line + 1}" if mark else str(error.problem)) from error
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidYaml(str(error).splitlines()[0] if str(error) else type(error).__name__) from error


class _Document:
    """Reads one document. A node with an anchor is read once, however often it is referred to."""

    def __init__(self, rules: ScanRules, findings: FileFindings) -> None:
        self._rules, self._findings = rules, findings
        #: Identities of nodes. Python reuses them after this document is freed, so each document has its own set.
        self._visited: set[int] = set()

    def visit(self, node: yaml.Node, key: str = "") -> None:
        waiting = [(node, key)]
        while waiting:
            node, key = waiting.pop()
            if id(node) in self._visited:
                continue
            self._visited.add(id(node))
            if isinstance(node, yaml.ScalarNode):
                self._read_scalar(node, key)
            elif isinstance(node, yaml.SequenceNode):
                waiting += [(each, key) for each in node.value]
            elif isinstance(node, yaml.MappingNode):
                waiting += self._children_of_mapping(node)

    def _read_scalar(self, node: yaml.ScalarNode, key: str) -> None:
        if key not in self._rules.other_keys:
            self._findings.add_text(_line(node), node.value, is_model=is_model_key(key))

    def _children_of_mapping(self, node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, str]]:
        entries = {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
        parameters = entries.get(self._rules.parameters)
        for key, value in entries.items():
            if parameters is not None and key == self._rules.alias:
                if isinstance(value, yaml.ScalarNode):
                    self._findings.add_alias(value.value)
            elif value is parameters and isinstance(value, yaml.MappingNode):
                yield from self._read_deployment(value)
            else:
                if isinstance(value, yaml.MappingNode):
                    self._read_settings(key, value)
                yield value, key

    def _read_settings(self, name: str, settings: yaml.MappingNode) -> None:
        for key, value in settings.value:
            if isinstance(key, yaml.ScalarNode) and isinstance(value, yaml.ScalarNode):
                description = f"{name}.{key.value}"
                feature = self._rules.settings.get(description)
                if feature is not None and value.tag == _BOOLEAN and value.value.lower() in _TRUE:
                    self._findings.add_feature_use(_line(key), feature, description)

    def _read_deployment(self, parameters: yaml.MappingNode) -> Iterator[tuple[yaml.Node, str]]:
        for key, value in parameters.value:
            if key.value == "model" and isinstance(value, yaml.ScalarNode):
                self._findings.add_deployment(_line(value), value.value)
            else:
                yield value, key.value if isinstance(key, yaml.ScalarNode) else ""
            provider = self._rules.hints.get(key.value) if isinstance(key, yaml.ScalarNode) else None
            if provider is not None:
                description = f"{self._rules.parameters}.{key.value}"
                self._findings.add_model_name(
                    _line(key), f"{key.value}=", where="call", description=description, provider=provider
                )


def read_variables(text: str, rules: ScanRules, findings: FileFindings) -> None:
    """Add to *findings* what a file of variables (``.env``) contains."""
    for number, line in enumerate(text.splitlines(), 1):
        match = _VARIABLE.match(line)
        if match is not None:
            value = next(each for each in (match["double"], match["single"], match["bare"]) if each is not None)
            feature = rules.variables.get(match["key"])
            if feature is not None and value.lower() in _TRUE:
                findings.add_feature_use(number, feature, match["key"])
            for each in value.split(","):
                findings.add_text(number, each.strip(), is_model=is_model_key(match["key"]))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
