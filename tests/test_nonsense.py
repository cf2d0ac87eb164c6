"""Every option and every key with nonsense: a sentence and a designed status, never a traceback."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
import tomlkit
from wheelhouse import parse, write

from minreq.cli import commands, main
from minreq.config.options import OPTIONS

#: Values of one option; none is the path of something that a command could hurt.
NONSENSE = (
    *("", " ", "-", "nonsense", "-1", "1e999", "a==", "[x]", "http://["),
    *("\u00fcn\u00ef\u202ecode", "\udcff", "%s{0}", "a\nb\x1b[2J"),
)
#: Values of one key.
STRANGE: tuple[Any, ...] = (
    True, 0, -1, 1e300, "", "nonsense", "a\0b", "-", [], [1], ["", "a=="], {"a": 1}, [[]], date(1, 1, 1), "http://[",
)  # fmt: skip
#: Of these values, each option and key gets some, one after the other: all of them together take minutes.
EACH, EACH_KEY = 1, 3
STATUSES = {0, 1, 2, 3, 4, 5}
COMMANDS = sorted(commands._COMMANDS)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, a cache of its own, and an index that has nothing."""
    house = write(parse('explanation = "Nothing."\nrequirements = ["a"]'), tmp_path / "house")
    work = tmp_path / "a" / "b"
    work.mkdir(parents=True)
    (work / "smoke.py").write_text("")
    monkeypatch.chdir(work)
    monkeypatch.setenv("MINREQ_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", house.url)
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_TIMEOUT", "1")
    return work


def options(command: str) -> Iterator[click.Option]:
    """Options of *command* that take a value; of a group, those of its commands."""
    found = import_module(f"minreq.cli.{command}").command
    for each in [*getattr(found, "commands", {}).values()] or [found]:
        yield from (option for option in each.params if isinstance(option, click.Option) and not option.is_flag)


@pytest.mark.parametrize("command", COMMANDS)
def test_options(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = {"lock": ["a", "--smoke", "smoke.py"]}.get(command, [])
    values = itertools.cycle(NONSENSE)
    for option, value in ((option, next(values)) for option in options(command) for _ in range(EACH)):
        arguments = [command, *base, option.opts[-1], value]
        status = main(arguments)
        told = capsys.readouterr()
        assert status in STATUSES, arguments
        assert "Traceback" not in told.err, arguments
        assert "\x1b[2J" not in told.err, arguments
        assert status == 0 or "error" in told.err, arguments
    assert not (folder / "requirements-minimal.txt").exists()


@pytest.mark.parametrize("key", sorted(name for name, option in OPTIONS.items() if option.configurable))
def test_keys(key: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = sorted(OPTIONS).index(key) * EACH_KEY
    for value in itertools.islice(itertools.cycle(STRANGE), first, first + EACH_KEY):
        table = {"root": "a", "smoke": ["smoke.py"], key: value}
        (folder / "pyproject.toml").write_text(tomlkit.dumps({"tool": {"minreq": table}}))
        status = main(["lock"])
        told = capsys.readouterr()
        assert status in STATUSES - {0}, value
        assert "error" in told.err, value
        assert "Traceback" not in told.err, value


@pytest.mark.parametrize("value", STRANGE, ids=repr)
def test_tables(value: Any, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the place of the whole table, of all locks, and of one."""
    tables: tuple[dict[str, Any], ...] = (
        {"minreq": value},
        {"minreq": {"locks": value}},
        {"minreq": {"locks": {"x": value}}},
    )
    for table in tables:
        (folder / "pyproject.toml").write_text(tomlkit.dumps({"tool": table}))
        assert main(["lock", "a", "--smoke", "smoke.py"]) in STATUSES - {0}
        assert "error" in capsys.readouterr().err
