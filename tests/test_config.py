"""Settings: joined from flags and pyproject.toml, with all faults at once, and back to a command line."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import click
import pytest
import tomlkit
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from minreq.cli import build as build_command, lock as lock_command
from minreq.config import STDOUT, IndexOptions, Settings, VerifySettings, options as o
from minreq.config.artifacts import BUILD_OPTIONS, build_settings
from minreq.config.levels import SETTLE_METHODS, choose_from
from minreq.config.pyproject import Configuration, find_configuration, read_build_values, read_values
from minreq.config.reductions import name_reductions
from minreq.config.settings import format_command, lock_settings, parse_command, relock_settings, verify_settings
from minreq.errors import ConfigurationUnreadable, InvalidOptions, NothingToRun, UnknownLock

CACHE_DIR = Path("cache")
_KEEPING = ("-r", "--whole", "--include")
CACHE = {"cache_dir": CACHE_DIR}
OPENAI = {**CACHE, "providers": ("openai",)}


def configured(table: Mapping[str, Any], name: str | None = None, file: str = "pyproject.toml") -> Mapping[str, Any]:
    return read_values(Configuration(file=Path(file), table=table), name)


class TestConversion:
    """Texts become values; invalid texts have a sentence."""

    def test_requirements_names_and_pins(self) -> None:
        assert o.parse_requirement("a[b]>1") == Requirement("a[b]>1")
        assert o.parse_project_name("Py_YAML") == "py-yaml"
        assert o.parse_provided("boto3 == 1.44.0") == o.Provided(
            name=canonicalize_name("boto3"), version=Version("1.44.0")
        )
        assert str(o.parse_provided("Boto3==1.44.0")) == "boto3==1.44.0"

    def test_numbers(self) -> None:
        assert o.parse_count("3") == 3
        assert o.parse_byte_count("262,144_000") == o.parse_byte_count("250MiB") == 262_144_000
        assert o.parse_byte_count("0.5 kB") == 500
        assert o.parse_seconds("0.5") == 0.5
        assert choose_from(SETTLE_METHODS)("runs") == "runs"

    @pytest.mark.parametrize(
        ("convert", "text", "sentence"),
        [
            (o.parse_requirement, "a>>1", "'a>>1' is not a requirement: "),
            (o.parse_project_name, "a b", "'a b' is not the name of a project"),
            (o.parse_provided, "boto3>=1", "'boto3>=1' is not NAME==VERSION"),
            (o.parse_provided, "boto3==1.*", r"'boto3==1\.\*' is not NAME==VERSION"),
            (o.parse_count, "0", "'0' is not a whole number above zero"),
            (o.parse_count, "²", "'²' is not a whole number above zero"),
            (o.parse_byte_count, "250M", "'250M' is not a number of bytes, such as 262144000, 262MB or 250MiB"),
            (o.parse_byte_count, "3,5MB", "'3,5MB' is not a number of bytes"),
            (o.parse_byte_count, "1,2,3", "'1,2,3' is not a number of bytes"),
            (o.parse_byte_count, "1.5", "'1.5' is not a number of bytes"),
            (o.parse_byte_count, "0MB", "'0MB' is not a number of bytes above zero"),
            (o.parse_byte_count, "9" * 5000, "'9{5000}' is not a number of bytes above zero"),
            (o.parse_seconds, "nan", "'nan' is not a number of seconds above zero"),
            (o.parse_seconds, "inf", "'inf' is not a number of seconds above zero"),
            (o.parse_seconds, "soon", "'soon' is not a number of seconds above zero"),
            (choose_from(SETTLE_METHODS), "fork", "'fork' is not one of auto, runs"),
        ],
    )
    def test_invalid_values(self, convert: Any, text: str, sentence: str) -> None:
        with pytest.raises(ValueError, match=f"^{sentence}"):
            convert(text)


class TestPyproject:
    """The table, checked as a whole."""

    @pytest.mark.parametrize("name", [name for name, option in o.OPTIONS.items() if option.configurable])
    def test_the_example_of_the_reference(self, name: str) -> None:
        """Each key has an example that minreq reads."""
        values = configured(tomlkit.parse(f"{name} = {o.OPTIONS[name].example}").unwrap())
        assert values[o.OPTIONS[name].field] is not None

    @pytest.mark.parametrize("name", BUILD_OPTIONS)
    def test_the_example_of_a_build(self, name: str) -> None:
        table = tomlkit.parse(f"[build]\n{name} = {BUILD_OPTIONS[name].example}").unwrap()
        values = read_build_values(Configuration(file=Path("pyproject.toml"), table=table), None)
        assert values[BUILD_OPTIONS[name].field] is not None

    def test_every_kind_of_value(self) -> None:
        table = {
            "root": "litellm-core",
            "providers": ["openai"],
            "with": ["orjson>3"],
            "provided": ["boto3==1.44.0"],
            "budget": 1000,
            "timeout": 2.5,
            "exclude-newer": date(2026, 10, 1),
            "hashes": False,
        }
        assert configured(table) == {
            "root": Requirement("litellm-core"),
            "providers": ("openai",),
            "with_": (Requirement("orjson>3"),),
            "provided": (o.parse_provided("boto3==1.44.0"),),
            "budget": 1000,
            "timeout": 2.5,
            "exclude_newer": "2026-10-01",
            "hashes": False,
            "output": Path("requirements-minimal.txt"),
        }

    def test_paths_are_relative_to_the_file(self) -> None:
        table = {
            "smoke": ["smoke.py"],
            "output": "out/lock.txt",
            "find-links": ["wheels", "https://index.example/links"],
            "python": ".venv/bin/python",
        }
        assert configured(table, file="../../pyproject.toml") == {
            "smokes": (Path("../../smoke.py"),),
            "output": Path("../../out/lock.txt"),
            "find_links": ("../../wheels", "https://index.example/links"),
            "python": "../../.venv/bin/python",
        }
        table = {"output": "-", "python": "python3.12"}
        assert configured(table, file="../pyproject.toml") == {"output": STDOUT, "python": "python3.12"}

    def test_named_locks_share_and_override(self) -> None:
        table = {"smallest": True, "locks": {"api": {"providers": ["openai"]}, "job": {"smallest": False}}}
        assert configured(table, "api") == {
            "smallest": True,
            "providers": ("openai",),
            "output": Path("requirements-minimal-api.txt"),
        }
        assert configured(table, "job") == {"smallest": False, "output": Path("requirements-minimal-job.txt")}

    def test_the_only_lock_need_not_be_named(self) -> None:
        assert configured({"locks": {"api": {"providers": ["openai"]}}})["providers"] == ("openai",)

    def test_one_of_several_must_be_named(self) -> None:
        table: dict[str, Any] = {"locks": {"api": {}, "job": {}}}
        with pytest.raises(UnknownLock) as caught:
            configured(table)
        assert str(caught.value) == (
            "several locks are configured; choose one with --name (configured in [tool.minreq.locks]: api, job)"
        )

    def test_an_unknown_name_has_a_suggestion(self) -> None:
        with pytest.raises(UnknownLock, match=r"no lock is named 'apj'; did you mean 'api'\?"):
            configured({"locks": {"api": {}}}, "apj")
        with pytest.raises(UnknownLock, match=r"no lock is named 'api' \(no locks are configured; omit --name"):
            configured({}, "api")

    def test_all_faults_at_once_each_with_its_key(self) -> None:
        table = {
            "provders": [],
            "smoke": "smoke.py",
            "hashes": "yes",
            "jobs": True,
            "timeout": "5",
            "exclude-newer": 5,
            "upgrade": True,
            "locks": {"api": {"include": ["a b"], "jobs": -1}},
        }
        with pytest.raises(InvalidOptions) as caught:
            configured(table)
        assert caught.value.faults == (
            "pyproject.toml: tool.minreq.provders: unknown key; did you mean 'providers'?",
            "pyproject.toml: tool.minreq.smoke: is not an array of strings",
            "pyproject.toml: tool.minreq.hashes: is not true or false",
            "pyproject.toml: tool.minreq.jobs: is not an integer",
            "pyproject.toml: tool.minreq.timeout: is not an integer or a number",
            "pyproject.toml: tool.minreq.exclude-newer: is not a string or a date",
            "pyproject.toml: tool.minreq.upgrade: works only on the command line, as --upgrade",
            "pyproject.toml: tool.minreq.locks.api.include: 'a b' is not the name of a project",
            "pyproject.toml: tool.minreq.locks.api.jobs: '-1' is not a whole number above zero",
        )
        assert str(caught.value).startswith(
            "9 options are wrong:\n  pyproject.toml: tool.minreq.provders: unknown key;"
        )

    @pytest.mark.parametrize("locks", [[], {"api": 1}])
    def test_locks_are_tables(self, locks: Any) -> None:
        with pytest.raises(InvalidOptions) as caught:
            configured({"locks": locks})
        assert str(caught.value) == "pyproject.toml: tool.minreq.locks: is not a table of tables, one for each lock"


class TestFind:
    """The nearest file that has the table, as ruff and black look for theirs."""

    def test_above_and_past_files_of_others(self, tmp_path: Path) -> None:
        inner = tmp_path / "a" / "b"
        inner.mkdir(parents=True)
        (tmp_path / "pyproject.toml").write_text('[tool.minreq]\nproviders = ["openai"]\n')
        (tmp_path / "a" / "pyproject.toml").write_text("[tool.other]\n")
        (inner / "pyproject.toml").write_text("tool = 1\n")
        found = find_configuration(inner)
        assert found == Configuration(file=Path("../../pyproject.toml"), table={"providers": ["openai"]})
        assert find_configuration(tmp_path) == Configuration(
            file=Path("pyproject.toml"), table={"providers": ["openai"]}
        )

    def test_an_unreadable_file(self, tmp_path: Path) -> None:
        """A file that cannot be read may have the table, so it is an error."""
        file = tmp_path / "pyproject.toml"
        file.write_text("x = 1")
        file.chmod(0)
        if os.access(file, os.R_OK):
            pytest.skip("this user reads everything")
        with pytest.raises(ConfigurationUnreadable, match="Permission denied"):
            find_configuration(tmp_path)

    def test_there_is_none(self, tmp_path: Path) -> None:
        assert find_configuration(tmp_path) is None

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"[tool.minreq", "Expected"),
            (b"[tool.minreq]\na = '\xff'", "utf-8"),
            (b"tool.minreq = 1", "tool.minreq is not a table"),
        ],
    )
    def test_a_file_that_cannot_be_read_might_have_been_the_one(self, tmp_path: Path, content: bytes, why: str) -> None:
        file = tmp_path / "pyproject.toml"
        file.write_bytes(content)
        with pytest.raises(ConfigurationUnreadable, match=why) as caught:
            find_configuration(tmp_path)
        assert str(caught.value).startswith(f"cannot read the configuration {file}: ")


class TestSettings:
    """A flag wins, and contradictions are reported."""

    def test_a_flag_wins(self) -> None:
        config = {"providers": ("openai",), "timeout": 5.0, "hashes": False, "no_index": True, "jobs": 2}
        flags = {**CACHE, "providers": ("bedrock",), "timeout": None, "hashes": True, "smokes": (), "no_index": False}
        told = lock_settings(flags, config)
        assert told == Settings(
            cache_dir=CACHE_DIR,
            providers=("bedrock",),
            timeout=5.0,
            hashes=True,
            jobs=2,
            index=IndexOptions(no_index=False),
        )

    def test_order_and_repetition_of_names_have_no_effect(self) -> None:
        told = lock_settings({**OPENAI, "include": ("b", "a", "b"), "platforms": ("y", "x")}, {})
        assert (told.include, told.platforms) == (("a", "b"), ("x", "y"))

    def test_nothing_to_run(self) -> None:
        with pytest.raises(NothingToRun, match=r"--providers openai,bedrock.*--smoke FILE.*pyproject\.toml"):
            lock_settings(CACHE, {})
        assert lock_settings({**CACHE, "smokes": (Path("s.py"),)}, {}).providers == ()

    @pytest.mark.parametrize(
        ("recorded", "name"), [({"root": Requirement("b>1")}, "b>1"), ({"project": Path()}, r"the project in \.")]
    )
    def test_the_options_of_a_lock_of_another_root_are_not_used(self, recorded: dict[str, Any], name: str) -> None:
        flags = {**CACHE, "root": Requirement("a")}
        with pytest.raises(NothingToRun, match=rf"minimal\.txt is for {name}, so its options are not used"):
            relock_settings(flags, {}, lambda _: {**recorded, "smokes": (Path("s.py"),)})
        with pytest.raises(NothingToRun, match=r"nothing to run: name the providers"):
            relock_settings(flags, {}, lambda _: {})

    @pytest.mark.parametrize(
        ("flags", "fault"),
        [
            ({"include": ("a",), "exclude": ("a",)}, "a is in both --include and --exclude"),
            ({"exclude": ("litellm",)}, "--exclude litellm: the root cannot be left out"),
            ({"provided": (o.parse_provided("litellm==1"),)}, "--provided litellm: the lock has to contain the root"),
            ({"check": True, "output": STDOUT}, "--check needs a lock on disk, but --output is -"),
            (
                {"providers": (), "features": ("chat",)},
                "--features selects stages of --providers, but no provider is named",
            ),
        ],
    )
    def test_contradictions(self, flags: Mapping[str, Any], fault: str) -> None:
        with pytest.raises(InvalidOptions) as caught:
            lock_settings({**OPENAI, **flags}, {})
        assert caught.value.faults == (fault,)


class TestVerifySettings:
    """The settings of verify come from the same configuration."""

    def test_the_configured_lock_is_verified(self) -> None:
        config = {
            "output": Path("x.txt"),
            "jobs": 2,
            "python": "python3.11",
            "index_url": "u",
            "providers": ("openai",),
        }
        told = verify_settings({**CACHE, "timeout": 3.0}, config)
        assert told == VerifySettings(
            cache_dir=CACHE_DIR,
            lock=Path("x.txt"),
            interpreter="python3.11",
            jobs=2,
            timeout=3.0,
            index=IndexOptions(index_url="u"),
        )

    def test_without_configuration(self) -> None:
        assert verify_settings(CACHE, {}).lock == Path("requirements-minimal.txt")
        assert verify_settings({**CACHE, "lock": Path("y")}, {"output": Path("x")}).lock == Path("y")

    def test_one_artifact_at_a_time(self) -> None:
        with pytest.raises(InvalidOptions, match="--path and --python"):
            verify_settings({**CACHE, "path": Path("a"), "python": "b"}, {})


@pytest.mark.parametrize(
    ("command", "reductions"),
    [
        ("lock --providers openai,bedrock", ["fewer --providers", "fewer --features"]),
        ("lock --providers openai", ["fewer --features"]),
        ("lock --providers openai --features chat", []),
        ("lock a --smoke smoke.py", ["a --smoke that uses less"]),
        (
            "lock --providers openai,azure --features chat --smoke smoke.py --include b -r c.in --whole d",
            ["fewer --providers", "a --smoke that uses less", *(f"fewer distributions of {each}" for each in _KEEPING)],
        ),
    ],
)
def test_a_lock_has_less_of_what_it_was_made_with(command: str, reductions: list[str]) -> None:
    """Advice to name fewer providers helps nobody whose lock has none."""
    assert [*name_reductions(parse_command(command.replace("-r", "--requirement")))] == reductions


class TestCommand:
    """The command in the header of the lock."""

    def test_defaults_are_omitted(self) -> None:
        assert format_command(lock_settings(OPENAI, {})) == "lock --providers openai"

    def test_every_choice_is_included_once(self) -> None:
        flags = {
            **CACHE,
            "root": Requirement("litellm==1.78.7"),
            "providers": ("openai", "bedrock"),
            "with_": (Requirement("a>1"), Requirement("b")),
            "provided": (o.parse_provided("boto3==1.44.0"),),
            "smokes": (Path("smoke/check.py"),),
            "hashes": False,
            "budget": 5,
        }
        config = {"smallest": True, "output": Path("out.txt"), "only_binary": (":all:",)}
        assert format_command(lock_settings(flags, config)) == (
            "lock litellm==1.78.7 --providers openai,bedrock --smoke smoke/check.py --with 'a>1' --with b "
            "--provided boto3==1.44.0 --smallest --budget 5 --output out.txt --no-hashes --only-binary :all:"
        )

    def test_facts_of_the_machine_and_of_indexes_are_omitted(self) -> None:
        flags = {
            **OPENAI,
            "index_url": "https://user:secret@index.example/simple",
            "trusted_hosts": ("index.example",),
            "python": "bin/python",
            "jobs": 7,
            "timeout": 9.0,
            "upgrade": True,
            "check": True,
            "requirement_files": (Path("/home/someone/requirements.in").absolute(),),
        }
        assert format_command(lock_settings(flags, {})) == "lock --providers openai --requirement requirements.in"

    def test_the_command_makes_the_same_settings(self) -> None:
        """The command line understands the command in the header."""
        flags = {**OPENAI, "with_": (Requirement("a>1"),), "smallest": True, "annotate": False}
        told = lock_settings(flags, {})
        arguments = shlex.split(format_command(told))[1:]
        context = lock_command.command.make_context("lock", arguments)
        given = {key: value for key, value in context.params.items() if key not in {"name", "as_json"}}
        assert lock_settings({**given, **CACHE}, {}) == told


def test_every_option_is_a_flag_of_its_name() -> None:
    """Each key of pyproject.toml is a flag, and each flag is a key."""
    flags = {
        name.removeprefix("--")
        for parameter in lock_command.command.params
        if isinstance(parameter, click.Option)
        for name in parameter.opts
        if name.startswith("--")
    }
    assert flags - {"all", "help-index", "html", "name", "json", "misses", "no-color", "quiet", "verbose"} == set(
        o.OPTIONS
    ) - {"root", "by-feature"}


def test_every_option_sets_a_field() -> None:
    fields = {*Settings.__dataclass_fields__, *IndexOptions.__dataclass_fields__}
    assert {option.field for option in o.OPTIONS.values()} == fields - {"index", "cache_dir"}


class TestReadCommand:
    """The command line in a lock gives back its settings."""

    def test_what_was_written_is_read(self) -> None:
        told = lock_settings(
            {
                **CACHE,
                "root": Requirement("a[b]>=1"),
                "providers": ("bedrock", "openai"),
                "features": ("chat",),
                "smokes": (Path("smoke/a b.py"), Path("c.py")),
                "with_": (Requirement("x>1"),),
                "provided": (o.parse_provided("boto3==1.44.0"),),
                "smallest": True,
                "hashes": False,
                "budget": 7,
                "output": Path("x.txt"),
                "platforms": ("lambda-python3.12-x86_64",),
                "runtime": "lambda-python3.12",
            },
            {},
        )
        read = parse_command(format_command(told))
        assert lock_settings({**CACHE, **read}, {}) == told

    @pytest.mark.parametrize(
        ("text", "why"), [("lock --smock x", "--smock is no option of lock"), ("lock --smoke", "--smoke has no value")]
    )
    def test_what_was_not_written_by_minreq_is_refused(self, text: str, why: str) -> None:
        with pytest.raises(ValueError, match=why):
            parse_command(text)


class TestBuilds:
    """`[tool.minreq.build]`: the options of ``build``, with their names."""

    def test_a_flag_wins_over_the_table_of_a_lock_over_the_table_of_all(self) -> None:
        table = {
            "budget": 262_144_000,
            "build": {"output": "layer.zip", "slim": "unused", "reserve": 1000, "keep": ["a/*"], "smoke": ["s.py"]},
            "bytecode": "none",
            "locks": {"one": {"build": {"slim": "traced", "yes-traced": True}}, "two": {"build": {"budget": "1MB"}}},
        }
        configuration = Configuration(file=Path("sub/pyproject.toml"), table=table)
        two = build_settings(CACHE, read_values(configuration, "two"), read_build_values(configuration, "two"))
        assert (two.budget, two.bytecode) == (1_000_000, "none")
        found = build_settings(
            {**CACHE, "reserve": 5, "yes_traced": False},
            read_values(configuration, "one"),
            read_build_values(configuration, "one"),
        )
        assert (found.output, found.lock) == (Path("sub/layer.zip"), Path("sub/requirements-minimal-one.txt"))
        assert (found.slim, found.reserve, found.yes_traced, found.budget) == ("traced", 5, False, 262_144_000)
        assert (found.keep, found.smokes) == (("a/*",), (Path("sub/s.py"),))

    def test_a_lock_knows_nothing_of_builds(self) -> None:
        assert "build" not in configured({"build": {"slim": "none"}})

    def test_every_fault_is_reported_with_its_key(self) -> None:
        table = {"build": {"slim": "all", "buget": 1, "layers": "yes"}, "locks": {"one": {"build": [1]}}}
        with pytest.raises(InvalidOptions) as caught:
            configured(table, "one")
        assert caught.value.faults == (
            "pyproject.toml: tool.minreq.build.slim: 'all' is not one of none, safe, cold, unused, traced",
            "pyproject.toml: tool.minreq.build.buget: unknown key; did you mean 'budget'?",
            "pyproject.toml: tool.minreq.build.layers: is not true or false",
            "pyproject.toml: tool.minreq.locks.one.build: is not a table",
        )

    @pytest.mark.parametrize(
        ("flags", "sentence"),
        [
            ({}, "name the output of the build with -o: a folder or FILE.zip"),
            ({"output": Path("a.zip"), "layers": True}, "--layers writes several archives; name a folder with -o"),
            ({"output": Path("a"), "max_zip": 1}, "--max-zip limits archives, but the output is a folder"),
        ],
    )
    def test_what_does_not_go_together(self, flags: Mapping[str, Any], sentence: str) -> None:
        with pytest.raises(InvalidOptions) as caught:
            build_settings({**CACHE, **flags}, {})
        assert caught.value.faults == (sentence,)

    def test_its_words_are_those_of_the_command(self) -> None:
        flags = {name for parameter in build_command.command.params for name in parameter.opts}
        assert {f"--{name}" for name in BUILD_OPTIONS} <= flags
