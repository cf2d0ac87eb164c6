"""What the documentation tells a reader to type can be typed, and what it points at is there."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest
import tomlkit
import yaml
from samplelock import LOCK

from minreq import api
from minreq.cli import diff, lockview, root
from minreq.cli.output import SCHEMA, to_json
from minreq.config import Settings
from minreq.config.artifacts import BUILD_OPTIONS
from minreq.config.options import parse_byte_count
from minreq.lockfile import difference
from minreq.model import LAMBDA_UPLOAD_LIMIT

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("examples/**/*.md")),
]
#: What is written for other programs than a shell.
EXAMPLES = [path for path in sorted(ROOT.glob("examples/**/*")) if path.is_file() and path.suffix != ".md"]
_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
#: Where a command ends that another follows, in a shell.
_ENDS = {"&&", "||", "|", ";", ">", ">>"}


def snippets(path: Path, *languages: str) -> Iterator[str]:
    for match in _FENCE.finditer(path.read_text("utf-8")):
        if match["language"] in languages:
            yield match["text"]


def commands(text: str) -> Iterator[list[str]]:
    """The command lines of minreq in what is typed, or run by a script."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True) if "minreq " in line else []
        for index, word in enumerate(words):
            if Path(word).name == "minreq" and (index == 0 or words[index - 1] in _ENDS):
                rest = words[index + 1 :]
                ends = [number for number, each in enumerate(rest) if each in _ENDS]
                yield rest[: ends[0]] if ends else rest


def typed() -> Iterator[tuple[str, list[str]]]:
    for page in PAGES:
        for text in snippets(page, "console"):
            for words in commands("\n".join(line for line in text.splitlines() if line.startswith("$ "))):
                yield f"{page.relative_to(ROOT)}: minreq {shlex.join(words)}", words
    for script in (ROOT / "examples/pip-layer/build.sh", ROOT / "examples/github-actions/minreq.yml"):
        lines = [line.strip() for line in script.read_text("utf-8").replace("\\\n", " ").splitlines()]
        for words in commands("\n".join(line for line in lines if line.startswith("minreq "))):
            yield f"{script.relative_to(ROOT)}: minreq {shlex.join(words)}", words
    for name in root.list_commands(click.Context(root)):
        command = root.get_command(click.Context(root), name)
        assert command is not None
        for words in commands(command.epilog or ""):
            yield f"minreq {name} --help: minreq {shlex.join(words)}", words


TYPED = list(typed())


def understand(words: list[str]) -> None:
    """Let the parser of the command read its arguments; it raises what a user would see."""
    # `minreq COMMAND --help` is about all of them, and `minreq --version` about none.
    if not words or words[0].isupper() or words[0].startswith("-"):
        return
    name, *arguments = words
    command = root.get_command(click.Context(root), name)
    assert command is not None, f"there is no command {name}"
    if isinstance(command, click.Group) and arguments:
        name, *arguments = arguments
        command = command.get_command(click.Context(command), name)
        assert command is not None, f"there is no command {name}"
    # Asked for help, it prints that and is done; what is wrong it says by another exception.
    with suppress(click.exceptions.Exit), command.make_context(name, arguments):
        pass


@pytest.fixture
def project_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that a parser itself looks for."""
    monkeypatch.chdir(tmp_path)
    for name in ("function.log", "production.log"):
        Path(name).touch()


@pytest.mark.usefixtures("project_files")
@pytest.mark.parametrize("words", [words for _, words in TYPED], ids=[name for name, _ in TYPED])
def test_commands_are_understood(words: list[str]) -> None:
    """Every command and option that a page shows exists, and takes what it is given."""
    understand(words)


#: In a sentence, and in a cell of a table: `minreq lock --check`.
_INLINE = re.compile(r"`minreq (?P<arguments>[a-z-][^`]*)`")
#: In a file of another tool: after a blank, a quote or a bracket, up to what ends the command there.
_IN_FILE = re.compile(r"(?<![\w/.-])minreq (?P<arguments>[a-z]+ [^\n`\"&|;>]*)")


def mentioned(path: Path) -> Iterator[str]:
    """The command lines of minreq in sentences, in tables, and in files of other tools."""
    text = path.read_text("utf-8").replace("\\\n", " ")
    if path.suffix == ".md":
        for match in _INLINE.finditer(_FENCE.sub("", text)):
            yield " ".join(match["arguments"].split())
        for part in snippets(path, "bash", "sh", "yaml", "dockerfile", "text", "toml"):
            yield from (match["arguments"] for match in _IN_FILE.finditer(part))
    else:
        yield from (match["arguments"] for match in _IN_FILE.finditer(text))


@pytest.mark.usefixtures("project_files")
@pytest.mark.parametrize("page", [*PAGES, *EXAMPLES], ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_sentences_are_understood(page: Path) -> None:
    """A sentence may name an option without its value, and a command without its arguments."""
    names = {*root.list_commands(click.Context(root))}
    for text in mentioned(page):
        words = shlex.split(_fill_in(text), comments=True)
        if words[0] not in names and page.suffix != ".md":
            continue  # A name in prose: "minreq is ...".
        try:
            understand(words)
        except click.MissingParameter:
            pass
        except (click.UsageError, AssertionError) as error:
            if not isinstance(error, click.BadOptionUsage) or "requires an argument" not in error.message:
                pytest.fail(f"{text}: {error}")


def _fill_in(text: str) -> str:
    """Return *text* with values in the place of words that stand for them."""
    for word, value in (("...", ""), ("VERSION", "1.0"), ("FILE|-", "function.log"), ("LOG", "function.log")):
        text = text.replace(word, value)
    # One of several.
    return re.sub(r"\b(\w+)(\|\w+)+", r"\1", text)


def _generating() -> Any:
    """The hook of the documentation."""
    spec = importlib.util.spec_from_file_location("generating", ROOT / "docs/generating.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def leaves(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from leaves(command, f"{name} ")
        elif command is not None:
            yield prefix + name, command


LEAVES = dict(leaves(root))


@pytest.mark.usefixtures("project_files")
@pytest.mark.parametrize("name", LEAVES)
def test_each_option_has_an_example(name: str) -> None:
    """In the reference; it has the option, and is understood."""
    command = LEAVES[name]
    examples = dict(_generating().list_examples(command, name))
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert len(examples) == len(options)
    for option in options:
        text = examples[max(option.opts, key=len)]
        used = {word.partition("=")[0] for word in shlex.split(text)}
        assert used & {*option.opts, *option.secondary_opts}, text
        understand(shlex.split(text)[1:])


def test_the_reference_has_the_help_of_a_terminal_and_signatures_of_python() -> None:
    """In a process of its own: click keeps the option as it was first made."""
    code = "import generating; print(generating.on_page_markdown('::: commands\\n::: api'))"
    page = subprocess.run(
        [sys.executable, "-B", "-c", code], cwd=ROOT / "docs", capture_output=True, text=True, check=True
    ).stdout
    assert {*re.findall(r"^ *(.*--help) ", page, re.MULTILINE)} == {"-h, --help"}
    signatures = re.findall(r"^```python\n(.+?)\n```", page, re.DOTALL | re.MULTILINE)
    assert 'render(lock: Lock, *, filename: str = "requirements-minimal.txt") -> str' in signatures
    for each in signatures:
        ast.parse(f"def {each}: ...")


def test_each_example_is_of_an_option() -> None:
    tables = tomlkit.parse((ROOT / "docs/options.toml").read_text("utf-8")).unwrap()
    known = {name: {max(each.opts, key=len) for each in command.params} for name, command in LEAVES.items()}
    assert {*tables} <= {"base", "all", *known}
    assert {*tables["base"]} <= {*known}
    assert {*tables["all"]} <= {option for options in known.values() for option in options}
    for name in {*tables} - {"base", "all"}:
        assert {*tables[name]} <= known[name]


def test_the_largest_zip_is_the_one_of_aws() -> None:
    """AWS calls it 50 MB, and means MiB."""
    texts = [page.read_text("utf-8") for page in PAGES]
    named = [each for text in texts for each in re.findall(r"--max-zip ([0-9][^\s`;]*)", text)]
    build = root.get_command(click.Context(root), "build")
    assert build is not None
    [option] = [each for each in build.params if isinstance(each, click.Option) and each.name == "max_zip"]
    named += re.findall(r"AWS Lambda takes (\w+) in a direct", option.help or "")
    named.append(BUILD_OPTIONS["max-zip"].example.strip('"'))
    assert len(named) == 5
    assert {parse_byte_count(each) for each in named} == {LAMBDA_UPLOAD_LIMIT}


def test_commands_are_found() -> None:
    """A check of nothing would always pass."""
    assert len(TYPED) > 60
    assert {words[0] for _, words in TYPED} > {"lock", "verify", "export", "diff", "sync", "check", "build", "explain"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_snippets_are_what_they_say(page: Path) -> None:
    for text in snippets(page, "python"):
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "api":
                assert node.attr in api.__all__
    for text in snippets(page, "toml"):
        tomlkit.parse(text)
    for text in snippets(page, "json"):
        json.loads(text)
    for text in snippets(page, "yaml"):
        yaml.safe_load(text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Within the repository; headings are checked by `tox run -e docs`."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    for match in _LINK.finditer(text):
        target = match["target"].partition("#")[0]
        if target and "://" not in target:
            assert (page.parent / target).exists(), match.group()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_are_what_they_say(path: Path) -> None:
    text = path.read_text("utf-8")
    match path.suffix:
        case ".py":
            ast.parse(text)
        case ".toml":
            tomlkit.parse(text)
        case ".json":
            json.loads(text)
        case ".yml" | ".yaml":
            yaml.safe_load(text)
        case _:
            assert text.endswith("\n")


def test_the_table_of_examples_names_all_of_them() -> None:
    named = {match["target"].partition("/")[0] for match in _LINK.finditer((ROOT / "examples/README.md").read_text())}
    assert {path.relative_to(ROOT / "examples").parts[0] for path in EXAMPLES} <= named


_JSON_PRINTERS = {"report.print_result", "report.print_text"}


def printed(module: Path) -> set[str]:
    """The keys of the dictionaries that a module of the command line prints as JSON."""
    return {
        key.value
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if (isinstance(node, ast.FunctionDef) and node.returns and ast.unparse(node.returns) == "dict[str, Any]")
        or (isinstance(node, ast.Call) and ast.unparse(node.func) in _JSON_PRINTERS)
        for within in ast.walk(node)
        if isinstance(within, ast.Dict)
        for key in within.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


#: What `lock` prints is in a module of its own; its dictionary is of settings.
PRINTING = [path for path in sorted(ROOT.glob("minreq/cli/*.py")) if path.name != "lock.py" and printed(path)]


@pytest.mark.parametrize("module", PRINTING, ids=lambda module: module.stem)
def test_every_key_of_json_is_described(module: Path) -> None:
    named = set(re.findall(r"`(\w+)`", (ROOT / "docs/json.md").read_text("utf-8")))
    assert not printed(module) - named


def test_commands_that_print_json_are_found() -> None:
    commands = {"cache", "check", "diff", "explain", "export", "exposure", "providers", "scan", "sync", "verify"}
    assert {path.stem for path in PRINTING} >= commands


def test_json_is_described() -> None:
    """Every key of a result stands in the section of its command, and no other key does."""
    settings = Settings(providers=("openai",), cache_dir=Path("cache"))
    results = {
        "lock": lockview.to_json_data(LOCK, settings),
        "diff": diff.to_json_data(difference.compare_locks(LOCK, LOCK)),
    }
    sections = {
        section.partition("\n")[0]: section for section in (ROOT / "docs/json.md").read_text("utf-8").split("\n## ")
    }
    for command, result in results.items():
        rows = [line.split("|")[1] for line in sections[command].splitlines() if line.startswith("| `")]
        assert {key for row in rows for key in re.findall(r"`(\w+)`", row)} == result.keys()
    assert json.loads(to_json({}))["schema"] == SCHEMA
    assert f"**{SCHEMA}** in this description" in sections["# What `--json` prints"]


#: A command that gets the project ``minreq`` from the index.
INSTALLS_MINREQ = re.compile(
    r"\b((pip3?|pipx|uv tool|uv pip) (install|run)|(uv|poetry|pdm) add|uv run --with|uvx)"
    r"( [^\s`|&;#]+)*? [\"']?minreq(?![\w/.-])"
)


@pytest.mark.parametrize("file", [*PAGES, *EXAMPLES], ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_installs_minreq_from_the_index(file: Path) -> None:
    """The project of that name on the index belongs to somebody else."""
    assert not INSTALLS_MINREQ.search(file.read_text("utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "pip install minreq",
            "pip install -U 'minreq>=1'",
            "pip install tox minreq",
            "pip install --python 3 minreq",
        ),
        *("uvx minreq lock", "uvx --from minreq minreq", "uv tool run minreq", "uv run --with minreq x"),
        *("uv add --dev minreq", "poetry add minreq", "pipx run minreq lock"),
    ],
)
def test_each_way_to_install_minreq_from_the_index_is_found(text: str) -> None:
    assert INSTALLS_MINREQ.search(text)
