"""The pages of the reference, made from the code: a line such as ``::: commands`` stands for what is generated."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import click

from minreq import api, errors
from minreq.cli import build, lock, root
from minreq.cli.options import SHOWN_OPTIONS
from minreq.config import BuildSettings, IndexOptions, Settings
from minreq.config.artifacts import BUILD_OPTIONS
from minreq.config.options import OPTIONS, Option

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: An example of each option, by command.
_EXAMPLES: Mapping[str, Mapping[str, str]] = tomllib.loads(Path(__file__).with_name("options.toml").read_text("utf-8"))
_TYPES: Mapping[type, str] = {str: "string", int: "integer", float: "number", date: "date"}
#: A field of a class, in a line of its source.
_FIELD = re.compile(r"    (?P<name>[a-z0-9_]+): (?P<type>[^=]+?)( = .*)?")
#: Characters of a line of code: more are cut off on a screen of 1280 pixels, between the two tables of contents.
_COLUMNS = 80
_UNITS = frozenset({"BYTES", "SECONDS"})
#: The root is an argument of the command, so it has no help of its own.
_ROOT_HELP = "The package to minimize, as a requirement."
#: The defaults that depend on the machine or on other options.
_DEFAULTS: Mapping[tuple[str | None, str], str] = {
    ("lock", "root"): '`"litellm"`',
    ("lock", "python"): "the interpreter that runs minreq",
    ("lock", "jobs"): "the number of processors",
    ("lock", "platform"): "this machine",
    ("lock", "features"): "those by default",
    ("lock", "portable"): "true with `platform`",
    ("lock", "index-url"): "as pip",
    ("lock", "output"): '`"requirements-minimal.txt"`, for a named lock `"requirements-minimal-NAME.txt"`',
    ("build", "budget"): "that of the lock",
    ("build", "bytecode"): '`"add"`, or that of the lock',
    ("build", "lazy-bound"): '`"0.2ms"`',
    ("build", "output"): "none: name one here or with `-o`",
    ("build", "prefix"): "`python` in a zip, the top in a folder",
    ("build", "platform"): "the only one of the lock",
}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the lines that stand for something generated (a hook of MkDocs)."""
    generated = {
        "::: commands": _commands,
        "::: configuration": lambda: _configuration(OPTIONS, lock.command, Settings),
        "::: builds": lambda: _configuration(BUILD_OPTIONS, build.command, BuildSettings),
        "::: errors": _errors,
        "::: api": _api,
    }
    lines: list[str] = []
    for line in markdown.splitlines():
        lines += generated[line]() if line in generated else [line]
    return "\n".join(lines)


def _commands() -> Iterator[str]:
    context = click.Context(root, info_name="minreq", **root.context_settings)
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        if command is not None:
            yield from _help(command, context, name)


def _help(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=_COLUMNS, max_content_width=_COLUMNS)
    context.meta[SHOWN_OPTIONS] = "all"
    yield from (f"### {context.command_path}", "", "```text", command.get_help(context), "```", "")
    examples = [*list_examples(command, context.command_path.removeprefix("minreq "))]
    if examples:
        yield from ("| option | for example |", "| --- | --- |")
        yield from (f"| `{option}` | `{example}` |" for option, example in examples)
        yield ""
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            inner = command.get_command(context, each)
            if inner is not None:
                yield from _help(inner, context, each)


def list_examples(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
    """Yield each option of *command* with a command line; an option without one raises ``KeyError``."""
    own, shared, base = (_EXAMPLES.get(key, {}) for key in (name, "all", "base"))
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            option = max(parameter.opts, key=len)
            text = own[option] if option in own else shared[option].replace("BASE", base.get(name, ""))
            yield option, f"minreq {name} {text.strip()}".replace("  ", " ")


def _configuration(options: Mapping[str, Option], command: click.Command, settings: type) -> Iterator[str]:
    """Yield the table of *options*: their texts are those of the help of *command*, their defaults of *settings*."""
    flags = {each.name: each for each in command.params if isinstance(each, click.Option)}
    defaults = {each.name: each.default for each in (*fields(settings), *fields(IndexOptions))}
    yield "| key | takes | means | default | example |"
    yield "| --- | --- | --- | --- | --- |"
    for option in options.values():
        if option.configurable:
            flag = flags.get(option.field)
            default = _DEFAULTS.get((command.name, option.name)) or _as_toml(defaults[option.field])
            example = f"`{option.name} = {option.example}`"
            yield f"| `{option.name}` | {_describe_type(option, flag)} | {_describe(flag)} | {default} | {example} |"


def _describe(flag: click.Option | None) -> str:
    """Return the help of *flag* without the default, which has a column of its own."""
    text = (flag.help if flag is not None else None) or _ROOT_HELP
    return re.sub(r" Default: .*| \(the default\)", "", text).replace("|", "\\|")


def _describe_type(option: Option, flag: click.Option | None) -> str:
    if option.switch:
        return "true or false"
    one = "path" if option.path else " or ".join(_TYPES[each] for each in option.toml)
    unit = flag.metavar.lower() if flag is not None and flag.metavar in _UNITS else ""
    return f"array of {one}s" if option.many else f"{one}, in {unit}" if unit else one


def _as_toml(value: Any) -> str:
    """Return a default as it would stand in the file; "" for none."""
    match value:
        case bool():
            return f"`{str(value).lower()}`"
        case None | ():
            return ""
        case int() | float():
            return f"`{value:g}`"
        case _:
            return f'`"{value}"`'


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
            yield from (
                f"### minreq.api.{name}",
                "",
                "```python",
                f"{name}{_signature(member, _COLUMNS - len(name))}",
                "```",
                "",
            )
            yield from (inspect.getdoc(member) or "", "")
    for name in api.__all__:
        member = getattr(api, name)
        if inspect.isclass(member) and inspect.getdoc(member):
            yield from (f"### minreq.api.{name}", "", inspect.getdoc(member) or "", "")
            yield from _attributes(member)


def _signature(function: Any, width: int) -> str:
    text = _spell(str(inspect.signature(function)))
    text = re.sub(r"<?PosixPath\('?([^')]+)'?\)>?", r'Path("\1")', text)
    # An annotation is text, and no literal as a default is.
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text).replace("'", '"')
    return (
        text
        if len(text) <= width
        else text.replace("(", "(\n    ", 1).replace(", ", ",\n    ").replace(") ->", ",\n) ->")
    )


def _spell(annotation: str) -> str:
    """Return *annotation* with what the aliases of the module stand for."""
    return annotation.replace("PathLike", "str | Path").replace("RequirementLike", "str | Requirement")


def _attributes(kind: type) -> Iterator[str]:
    """Yield the table of the fields of a dataclass or of keywords; a comment ``#:`` above a field is its meaning."""
    comments: list[str] = []
    rows: list[str] = []
    for line in inspect.getsource(kind).splitlines():
        text = line.strip()
        if text.startswith("#:"):
            comments.append(text.removeprefix("#:").strip())
        elif match := _FIELD.fullmatch(line):
            meaning = " ".join(comments).replace("``", "`").replace("|", "\\|")
            kind_of_value = _spell(match["type"]).replace("|", "\\|")
            rows.append(f"| `{match['name']}` | `{kind_of_value}` | {meaning} |")
            comments = []
    if rows:
        yield from ("| name | type | means |", "| --- | --- | --- |", *rows, "")
