"""The pages of the reference, made from the code: a line such as ``::: commands`` stands for what is generated."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import click

from minreq import api, errors
from minreq.cli import root
from minreq.config.artifacts import BUILD_OPTIONS
from minreq.config.options import OPTIONS, Option


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the lines that stand for something generated (a hook of MkDocs)."""
    generated = {
        "::: commands": _commands,
        "::: configuration": lambda: _configuration(OPTIONS),
        "::: builds": lambda: _configuration(BUILD_OPTIONS),
        "::: errors": _errors,
        "::: api": _api,
    }
    lines: list[str] = []
    for line in markdown.splitlines():
        lines += generated[line]() if line in generated else [line]
    return "\n".join(lines)


def _commands() -> Iterator[str]:
    context = click.Context(root, info_name="minreq")
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        if command is not None:
            yield from _help(command, context, name)


def _help(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=100, max_content_width=100)
    yield from (f"### {context.command_path}", "", "```text", command.get_help(context), "```", "")
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            inner = command.get_command(context, each)
            if inner is not None:
                yield from _help(inner, context, each)


def _configuration(options: Mapping[str, Option]) -> Iterator[str]:
    yield "| key | takes |"
    yield "| --- | --- |"
    for option in options.values():
        if option.configurable:
            one = "true or false" if option.switch else "a path" if option.path else "a value"
            yield f"| `{option.name}` | {f'an array, each {one}' if option.many else one} |"


def _errors() -> Iterator[str]:
    yield "| reason | exit status | means |"
    yield "| --- | ---: | --- |"
    classes = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, errors.MinreqError)]
    for each in sorted(classes, key=lambda each: (each.exit_status, each.reason, each.__name__)):
        if "reason" in vars(each) and each.__init__ is not Exception.__init__:
            yield f"| `{each.reason}` | {each.exit_status} | {(inspect.getdoc(each) or '').splitlines()[0]} |"


def _api() -> Iterator[str]:
    for name in api.__all__:
        member = getattr(api, name)
        if inspect.isfunction(member):
            yield from (f"### minreq.api.{name}", "", "```python", f"{name}{inspect.signature(member)}", "```", "")
            yield from (inspect.getdoc(member) or "", "")
