"""Reads how a project is shipped: files of SAM, CloudFormation, the Serverless Framework, AWS CDK and Docker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from minreq.init.codefiles import list_code_files
from minreq.scan.usage import Place
from minreq.system import regularfile, yamltext

Tool = Literal["sam", "serverless", "cdk", "docker"]

_YAML_FILES: dict[str, Tool] = {
    "template.yaml": "sam",
    "template.yml": "sam",
    "template.json": "sam",
    "serverless.yml": "serverless",
    "serverless.yaml": "serverless",
}
_RUNTIME = re.compile(r"python(?P<python>3\.\d+)")
#: The keys of CloudFormation, and in small letters those of the Serverless Framework.
_ARCHITECTURE_KEYS = {"architectures", "architecture"}
_ARCHITECTURES = {"arm64", "x86_64"}
#: ``FROM --platform=linux/arm64 public.ecr.aws/lambda/python:3.12 AS build``
_FROM = re.compile(r"\s*FROM\s+(?:--platform=(?P<platform>\S+)\s+)?\S*python:(?P<python>3\.\d+)", re.IGNORECASE)
_CDK_RUNTIME = re.compile(r"Runtime\.PYTHON_3_(?P<minor>\d+)")
_CDK_ARCHITECTURE = re.compile(r"Architecture\.(?P<name>ARM_64|X86_64)")
_CDK_SUFFIXES = {".py", ".ts", ".js"}
#: The most files of a CDK app that are searched, and the most bytes of any file.
_MOST_FILES, _MOST_BYTES = 500, 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """How a function is shipped, as one line says."""

    place: Place
    tool: Tool
    #: Without the patch version: ``3.12``.
    python: str
    #: As AWS names it: ``arm64``; "" where the file does not say.
    architecture: str = ""

    @property
    def description(self) -> str:
        """For a person: ``Python 3.12 on arm64``."""
        return f"Python {self.python}" + (f" on {self.architecture}" if self.architecture else "")


def find_deployments(folder: Path) -> tuple[Deployment, ...]:
    """Return what the files directly in *folder* say; of a CDK app its code is searched, too.

    A file that cannot be read, or is not what its name says, says nothing.
    """
    found: list[Deployment] = []
    for name, tool in _YAML_FILES.items():
        with suppress(OSError, ValueError, RecursionError, yaml.YAMLError):
            found += _read_yaml(_read(folder / name), name, tool)
    with suppress(OSError, ValueError):
        found += _read_dockerfile(_read(folder / "Dockerfile"))
    if (folder / "cdk.json").is_file():
        found += _read_cdk(folder)
    return tuple(found)


def _read(path: Path) -> str:
    return regularfile.read(path, _MOST_BYTES).decode()


def _read_yaml(text: str, name: str, tool: Tool) -> Iterator[Deployment]:
    """Yield a deployment for each runtime. What a function does not say is that of all functions of the file."""
    found: list[tuple[int, str, str]] = []
    document = next(yamltext.compose_all(text), None)
    shared = _find_entry(_find_entry(document, "Globals"), "Function") or _find_entry(document, "provider")
    shared_runtime, shared_architecture = _read_function(shared)
    for mapping in _mappings(document):
        runtime, architecture = _read_function(mapping)
        # A function with an architecture of its own has the runtime of all.
        python = runtime or (shared_runtime if architecture and mapping is not shared else "")
        if python:
            found.append((_find_line(mapping), python, architecture or shared_architecture))
    for line, python, architecture in sorted(found):
        yield Deployment(place=Place(file=name, line=line), tool=tool, python=python, architecture=architecture)


def _find_entry(node: yaml.Node | None, name: str) -> yaml.Node | None:
    entries = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for key, value in entries if key.value == name), None)


def _read_function(node: yaml.Node | None) -> tuple[str, str]:
    """Return the version of Python and the architecture that *node* itself says, "" for what it does not say."""
    if not isinstance(node, yaml.MappingNode):
        return "", ""
    entries = {key.value.lower(): value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
    architectures = {each for key in _ARCHITECTURE_KEYS & {*entries} for each in _scalars(entries[key])}
    runtime = entries.get("runtime")
    match = _RUNTIME.fullmatch(runtime.value) if isinstance(runtime, yaml.ScalarNode) else None
    return match["python"] if match else "", min(architectures & _ARCHITECTURES, default="")


def _find_line(mapping: yaml.MappingNode) -> int:
    """Return the line of the runtime, or else of the mapping."""
    lines = [value.start_mark.line for key, value in mapping.value if str(key.value).lower() == "runtime"]
    return next(iter(lines), mapping.start_mark.line) + 1


def _mappings(node: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    waiting, seen = [node], set[int]()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, yaml.MappingNode):
            yield each
            waiting += [value for _, value in each.value]
        elif isinstance(each, yaml.SequenceNode):
            waiting += each.value


def _scalars(node: yaml.Node) -> Iterator[str]:
    for each in node.value if isinstance(node, yaml.SequenceNode) else [node]:
        if isinstance(each, yaml.ScalarNode):
            yield each.value


def _read_dockerfile(text: str) -> Iterator[Deployment]:
    """Yield the last image of Python: it is the one that runs, the ones before build."""
    found = [(number, match) for number, line in enumerate(text.splitlines(), 1) if (match := _FROM.match(line))]
    for number, match in found[-1:]:
        platform = (match["platform"] or "").rpartition("/")[2]
        architecture = {"arm64": "arm64", "amd64": "x86_64"}.get(platform, "")
        yield Deployment(
            place=Place(file="Dockerfile", line=number),
            tool="docker",
            python=match["python"],
            architecture=architecture,
        )


def _read_cdk(folder: Path) -> Iterator[Deployment]:
    for path in list_code_files(folder, _CDK_SUFFIXES, _MOST_FILES):
        if path.suffix == ".js" and path.with_suffix(".ts").exists():
            continue  # The TypeScript compiler wrote it.
        with suppress(OSError, ValueError):
            text = _read(path)
            for match in _CDK_RUNTIME.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                yield Deployment(
                    place=Place(file=path.relative_to(folder).as_posix(), line=line),
                    tool="cdk",
                    python=f"3.{match['minor']}",
                    architecture=_find_cdk_architecture(text, match.start()),
                )


def _find_cdk_architecture(text: str, runtime: int) -> str:
    """Return the architecture in the brackets around the runtime, or the only one of the file; "" without one."""
    for part in (_find_brackets(text, runtime), text):
        named = {match["name"] for match in _CDK_ARCHITECTURE.finditer(part)}
        if named:
            return {"ARM_64": "arm64", "X86_64": "x86_64"}[named.pop()] if len(named) == 1 else ""
    return ""


def _find_brackets(text: str, place: int) -> str:
    """Return what stands in the innermost brackets around *place*: the arguments of a call, or an object."""
    start, depth = place, 0
    while start and depth >= 0:
        start -= 1
        depth += (text[start] in ")}") - (text[start] in "({")
    end, depth = place, 0
    while end < len(text) and depth >= 0:
        depth += (text[end] in "({") - (text[end] in ")}")
        end += 1
    return text[start:end]
