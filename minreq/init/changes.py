"""Decides what `minreq init` writes: values in, texts out; nothing is read or written here."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files as package_files

import yaml
from packaging.requirements import Requirement

from minreq.init.deployment import Deployment, Tool
from minreq.init.project import PRE_COMMIT, PYPROJECT, Host, Project
from minreq.interpreter import preset_names
from minreq.scan.usage import FeatureUse, Usage
from minreq.system.yamltext import read_events

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SMOKE = "smoke.py"
#: What Lambda allows for the function with its layers, unpacked.
_BUDGET = "250MiB"
#: The Python that the templates name.
_TEMPLATE_PYTHON = '"3.12"'
_HOOK_ID = "minreq-check"
_HOOK = f"""\
- repo: local
  hooks:
    - id: {_HOOK_ID}
      name: minreq lock --check
      entry: minreq lock --check --quiet
      language: system
      files: ^(pyproject\\.toml|requirements-minimal.*\\.(txt|evidence\\.json))$
      pass_filenames: false
"""
_GITHUB_FILE, _GITLAB_FILE, _GITLAB_PART = ".github/workflows/minreq.yml", ".gitlab-ci.yml", ".gitlab/minreq.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A file to write."""

    #: Relative to the folder, with ``/``.
    path: str
    #: ``None``: there is no such file yet.
    old: str | None
    new: str

    @property
    def diff(self) -> tuple[str, ...]:
        """The lines of a unified diff, without line ends."""
        old = "/dev/null" if self.old is None else f"a/{self.path}"
        lines = (self.old or "").splitlines(), self.new.splitlines()
        return tuple(difflib.unified_diff(*lines, old, f"b/{self.path}", lineterm=""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What decides the texts, beside the files of the project."""

    #: As the configuration names it.
    root: Requirement
    #: Where the checks run; ``None``: nowhere.
    host: Host | None
    usage: Usage
    #: Of the interpreter that runs minreq: ``3.12``.
    python: str
    #: What the code imports the root as; "" for the name of the root.
    module: str = ""

    @property
    def needs_smoke(self) -> bool:
        """Whether the code does what no smoke of a provider shows."""
        return not self.usage.providers or bool(self.usage.uncovered_features)


def plan_changes(project: Project, choices: Choices) -> tuple[Change, ...]:
    """Return the files to write. A file that is there is added to, never replaced; what it has is not added again."""
    changes: list[Change] = []
    pyproject = project.files.get(PYPROJECT)
    table = _add_table(pyproject, project, choices) if project.table_line is None else None
    if table is not None:
        changes.append(Change(path=PYPROJECT, old=pyproject, new=table))
    if table is not None and choices.needs_smoke and SMOKE not in project.files:
        changes.append(Change(path=SMOKE, old=None, new=_write_smoke(choices)))
    job = _job_file(project, choices.host)
    if job is not None and job not in project.files:
        changes.append(Change(path=job, old=None, new=_write_job(choices, project)))
    hooks = project.files.get(PRE_COMMIT)
    if hooks is not None and _HOOK_ID not in hooks and (added := _add_hook(hooks)) is not None:
        changes.append(Change(path=PRE_COMMIT, old=hooks, new=added))
    return tuple(changes)


def advise(project: Project, choices: Choices, changes: Sequence[Change]) -> Iterator[str]:
    """Yield what *changes* leave to a person, since minreq edits no file of another tool that it cannot add to."""
    written = {each.path for each in changes}
    if project.table_line is None and PYPROJECT not in written:
        yield f"{PYPROJECT}: `tool` is written in a way that no table can be added to; write it as [tool.NAME] tables"
    if SMOKE in written:
        yield f"{SMOKE}: call what the program calls, and check the answers"
    elif PYPROJECT in written and choices.needs_smoke:
        yield f"{SMOKE}: it is there already, and `minreq lock` will run it"
    for each in choices.usage.unknown:
        yield f"{each.place}: the model {each.reason}; add its provider to `providers`"
    yield from _advise_on_job(project, _job_file(project, choices.host), written)
    hooks = project.files.get(PRE_COMMIT)
    if hooks is not None and _HOOK_ID not in hooks and PRE_COMMIT not in written:
        yield f"{PRE_COMMIT}: add this hook by hand: {' '.join(_HOOK.split())}"
    platforms = choose_platforms(project.deployments)
    if project.table_line is None and platforms:
        listed = " and ".join(platforms)
        yield f"the smoke runs on this machine; `allow-unproven` accepts what it finds for {listed}, too"
    if project.table_line is None and len(platforms) > 1:
        output = _choose_output(project.deployments)
        builds = " and ".join(_write_build_command(platform, output) for platform in platforms)
        yield f"make a layer for each architecture: {builds}"
    for deployment in _list_first_places(project.deployments):
        yield f"{deployment.place.file}: {_describe_use_of_layer(deployment.tool, len(platforms))}"


def _advise_on_job(project: Project, job: str | None, written: Collection[str]) -> Iterator[str]:
    if job == _GITLAB_PART:
        yield f"{_GITLAB_FILE}: add `include: {{local: {_GITLAB_PART}}}`"
    if job in written:
        yield "the job installs minreq from tools/minreq: add a checkout there, for example as a git submodule"
        if project.is_subfolder:
            yield "this is no top folder of a repository: move the job there, and let it run in this folder"


#: What a person writes into the file of each tool.
_USES_OF_LAYER: Mapping[Tool, str] = {
    "sam": "name {layer}.zip as ContentUri of the layer",
    "serverless": "name the folder {layer} as the path of the layer",
    "cdk": "pass {layer}.zip to Code.from_asset",
    "docker": "RUN pip install --no-deps --only-binary :all: --require-hashes -r requirements-minimal.txt",
}


def _describe_use_of_layer(tool: Tool, architectures: int) -> str:
    use = _USES_OF_LAYER[tool]
    if tool == "docker":
        return use
    if architectures > 1:
        return f"{use.format(layer='layer-ARCHITECTURE')}, by the architecture of the function"
    return f"make the layer by `minreq build`, and {use.format(layer='layer')}"


def _choose_output(deployments: Sequence[Deployment]) -> str:
    """Return what a build writes: a folder where the Serverless Framework makes the zip itself."""
    tools = [each.tool for each in deployments if each.tool != "docker"]
    return "layer" if tools[:1] == ["serverless"] else "layer.zip"


def choose_platforms(deployments: Sequence[Deployment]) -> tuple[str, ...]:
    """Return the platform of each architecture of the functions.

    None where there is no function, where they run on several Pythons, or where a platform is no preset.
    """
    functions = [each for each in deployments if each.tool != "docker"]
    names = {f"lambda-python{each.python}-{each.architecture or 'x86_64'}" for each in functions}
    is_one_python = len({each.python for each in functions}) == 1
    return tuple(sorted(names)) if is_one_python and names <= {*preset_names()} else ()


def _write_build_command(platform: str, output: str) -> str:
    return f"`minreq build --platform {platform} -o {output.replace('layer', 'layer-' + platform.rpartition('-')[2])}`"


def choose_python(deployments: Sequence[Deployment]) -> str | None:
    """Return the Python that all functions and images run on, ``None`` if it is unknown or differs."""
    pythons = {each.python for each in deployments}
    return next(iter(pythons)) if len(pythons) == 1 else None


def _add_table(pyproject: str | None, project: Project, choices: Choices) -> str | None:
    """Return *pyproject* with ``[tool.minreq]`` at its end; what stood there stays, byte for byte.

    ``None`` where TOML allows no such table, as after ``tool = {}``.
    """
    usage = choices.usage
    table: dict[str, object] = {"root": str(choices.root)}
    if usage.providers:
        table["providers"] = list(usage.providers)
    if usage.opt_in_features:
        table["features"] = ["default", *usage.opt_in_features]
    if choices.needs_smoke:
        table["smoke"] = [SMOKE]
    python, platforms = choose_python(project.deployments), choose_platforms(project.deployments)
    if python is not None and python != choices.python:
        table["python"] = python
    if platforms:
        # Of Lambda only the names of its wheels are known here: the smoke runs on this machine.
        table |= {"platform": [*platforms], "allow-unproven": True}
    added = f"[tool.minreq]\n{_format_values(table)}"
    if any(each.tool != "docker" for each in project.deployments):
        # A lock is no layer yet: Lambda limits the size of what a build writes.
        build = {"output": _choose_output(project.deployments), "slim": "cold", "budget": _BUDGET}
        added += f"\n[tool.minreq.build]\n{_format_values(build)}"
    before = pyproject or ""
    end = _line_end(before)
    gap = "" if not before or before.endswith(end * 2) else end if before.endswith("\n") else end * 2
    text = before + gap + added.replace("\n", end)
    try:
        tomllib.loads(text)
    except ValueError:
        return None
    return text


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _format_values(table: Mapping[str, object]) -> str:
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in table.items())


def _write_smoke(choices: Choices) -> str:
    """Return a script that imports the root and names each place that no smoke of a provider covers."""
    module = choices.module or choices.root.name.lower().replace("-", "_")
    places = [*_describe_uncovered(choices.usage)]
    return "\n".join(
        [
            f'"""Shows that the program works with what is installed: `minreq lock` keeps what {SMOKE} needs.',
            "",
            "Call here what the program calls, against a server of your own on 127.0.0.1, and check the answers.",
            '"""',
            "",
            f"import {module}  # noqa: F401",
            *(["", "# No smoke of a provider covers these:", *(f"# - {each}" for each in places)] if places else []),
            "",
        ]
    )


def _describe_uncovered(usage: Usage) -> Iterator[str]:
    for each in usage.feature_uses:
        if each.feature in usage.uncovered_features:
            yield _describe_use(each)


def _describe_use(use: FeatureUse) -> str:
    # The name of a file may have bytes that are no text.
    text = " ".join(f"{use.place}: {use.description}".split())
    return text.encode("utf-8", "backslashreplace").decode()


def _job_file(project: Project, host: Host | None) -> str | None:
    if host == "github":
        return _GITHUB_FILE
    if host == "gitlab":
        # The file of another job is not ours to edit, unless it is the one that we wrote.
        own = project.files.get(_GITLAB_FILE)
        return _GITLAB_FILE if own is None or "minreq lock" in own else _GITLAB_PART
    return None


def _write_job(choices: Choices, project: Project) -> str:
    python = choose_python(project.deployments) or choices.python
    template = package_files(__package__) / "templates" / f"{choices.host}.yml"
    return template.read_text("utf-8").replace(_TEMPLATE_PYTHON, f'"{python}"')


def _add_hook(text: str) -> str | None:
    """Return *text* with the hook as the last entry of ``repos``; ``None`` where it cannot simply be added."""
    try:
        # Events, not values: values of a few lines with anchors can be larger than any memory.
        before = read_events(text, yaml.SafeLoader)
        found = _find_repos(before)
        if found is None:
            return None
        first, last = found
        if first.start_mark is None or last.end_mark is None:
            return None
        indent, end_line = " " * first.start_mark.column, last.end_mark.line
        lines = text.splitlines(keepends=True)
        # The next key of the document, or its end; empty lines and comments before it belong to it.
        end = end_line if last.end_mark.column == 0 else len(lines)
        while end and not lines[end - 1].strip():
            end -= 1
        head, newline = "".join(lines[:end]), _line_end(text)
        hook = "".join(f"{indent}{line}{newline}" for line in _HOOK.splitlines())
        added = f"{head}{'' if head.endswith(chr(10)) else newline}{hook}{''.join(lines[end:])}"
        after = read_events(added, yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    # The events of the entry, without those of its stream, document and list.
    entry = read_events(_HOOK, yaml.SafeLoader)[3:-3]
    place = before.index(last)
    expected = [*before[:place], *entry, *before[place:]]
    return added if [*map(_describe_event, after)] == [*map(_describe_event, expected)] else None


def _find_repos(events: Sequence[yaml.Event]) -> tuple[yaml.Event, yaml.Event] | None:
    """Return the first and the last event of the list ``repos``, if the document has one that is not empty."""
    depth, found, start, is_key = 0, list[tuple[yaml.Event, yaml.Event]](), None, True
    documents = sum(isinstance(event, yaml.DocumentStartEvent) for event in events)
    if documents != 1 or not isinstance(events[2], yaml.MappingStartEvent):
        return None
    name = ""
    for event in events[3:]:
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            if depth == 0 and start is not None:
                found.append((start, event))
                start = None
        elif depth == 0 and is_key:
            name = event.value if isinstance(event, yaml.ScalarEvent) else ""
        elif depth == 0 and name == "repos":
            if not isinstance(event, yaml.SequenceStartEvent) or event.flow_style:
                return None
            start = event
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        if depth == 0:
            is_key = not is_key
    return found[0] if len(found) == 1 else None


def _describe_event(event: yaml.Event) -> tuple[object, ...]:
    """Return all of an event but its place."""
    names = ("anchor", "tag", "value", "implicit")
    return type(event), *(getattr(event, name, None) for name in names)


def _list_first_places(deployments: Sequence[Deployment]) -> Iterator[Deployment]:
    seen: set[str] = set()
    for each in deployments:
        if each.tool not in seen:
            seen.add(each.tool)
            yield each
