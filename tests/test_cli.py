"""The command line: `python -m minreq`, and `main` with a fake engine."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from threading import Thread

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from samplelock import EXPECTED, LOCK

from minreq import errors
from minreq.cli import main
from minreq.cli.engine import Engine
from minreq.config import STDOUT, Settings, VerifySettings
from minreq.lockfile.requirements import render
from minreq.model import BuildForecast, Lock
from minreq.profiles import loader
from minreq.providers.needs import FeatureAddition, NeededDistribution
from minreq.reporting import Reporter, Step


@pytest.fixture(autouse=True)
def _empty_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working directory, and none of the variables that change what is printed."""
    monkeypatch.chdir(tmp_path)
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MINREQ_CACHE_DIR", str(tmp_path / "cache"))


class FakeEngine(Engine):
    """Records its arguments and returns the sample lock, or raises."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.locked: list[Settings] = []
        self.verified: list[VerifySettings] = []
        self.pruned: list[Path] = []

    def lock(self, settings: Settings, reporter: Reporter) -> Lock:
        reporter.began(Step.RESOLVE)
        reporter.resolved(LOCK.resolution)
        self.locked.append(settings)
        if self.error is not None:
            raise self.error
        return LOCK

    def forecast_build(self, lock: Lock, settings: Settings) -> BuildForecast | None:
        assert (lock, settings) == (LOCK, self.locked[-1])
        return BuildForecast(slim="cold", bytes=101_234_567)

    def list_uncovered_features(self, lock: Lock, settings: Settings) -> tuple[FeatureAddition, ...]:
        assert (lock, settings) == (LOCK, self.locked[-1])
        orjson = NeededDistribution(name=canonicalize_name("orjson"), version=Version("3.11"), bytes=400_000)
        found = {"audio": (), "caching": (orjson,), "router": None}
        return tuple(
            FeatureAddition(feature=name, release="litellm==1.106.2", providers=("openai",), distributions=each)
            for name, each in found.items()
        )

    def verify(self, settings: VerifySettings, reporter: Reporter) -> Lock:
        reporter.began(Step.PROVE, "6 distributions alone")
        self.verified.append(settings)
        return LOCK

    def prune(self, cache_dir: Path) -> int:
        self.pruned.append(cache_dir)
        return 3 << 20


def minreq(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "minreq", *arguments], capture_output=True, text=True, check=False, encoding="utf-8"
    )


class TestAsAUser:
    """The real program, in its own process."""

    def test_version(self) -> None:
        done = minreq("--version")
        assert (done.returncode, done.stdout, done.stderr) == (0, f"minreq {version('minreq')}\n", "")

    def test_help_names_every_command(self) -> None:
        done = minreq("-h")
        assert (done.returncode, done.stderr) == (0, "")
        lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
        for line in (
            "lock Make the smallest lock with which the smoke passes.",
            "verify Run the smoke of a lock again and compare.",
            "explain Explain why a distribution is in a lock or left out.",
            "exposure Find imports of left-out distributions in the kept code.",
            "guard Write a module that logs misses in production.",
            "analyze Show what a tree of packages consists of.",
            "diff Show the differences between two locks.",
            "cache Show or shrink the cache of wheels and index pages.",
        ):
            assert line in lines

    def test_commands_stand_in_the_order_of_work(self) -> None:
        lines = minreq("--help").stdout.splitlines()
        headings = [line for line in lines if line.endswith(":") and not line.startswith((" ", "Usage", "Options"))]
        assert headings == ["Start:", "Lock:", "Inspect:", "Ship:", "Maintain:"]

    def test_index_options_have_a_help_of_their_own(self) -> None:
        """They are the same for many commands, so there is one line for them in the help of each."""
        done, index = minreq("verify", "--help"), minreq("verify", "--help-index")
        assert (done.returncode, index.returncode) == (0, 0)
        assert "--index-url" not in done.stdout
        assert "--help-index  Show the 11 options of the index and exit." in done.stdout
        names = {word.rstrip(",") for line in index.stdout.splitlines() for word in line.split()[:2]}
        assert {"--index-url", "--find-links", "--no-binary"} <= names
        assert "--python" not in index.stdout

    @pytest.mark.parametrize("command", ["lock", "providers"])
    def test_help_names_every_feature(self, command: str) -> None:
        profile = loader.find_profile(canonicalize_name("litellm"), ())
        assert profile is not None
        text = " ".join(minreq(command, "--help").stdout.split())
        default, others = (
            ", ".join(feature.name for feature in profile.features if feature.default is is_default)
            for is_default in (True, False)
        )
        assert f"by default: {default}; by name also: {others}." in text

    def test_without_arguments_there_is_help_on_stderr(self) -> None:
        done = minreq()
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("Usage: minreq [OPTIONS] COMMAND [ARGS]...")

    def test_help_of_a_command_has_headings_and_examples(self) -> None:
        done = minreq("lock", "--help")
        assert done.returncode == 0
        lines = done.stdout.splitlines()
        for heading in ("Smoke:", "Contents of the lock:", "Versions:", "Platform:", "Lock:", "Runs:"):
            assert heading in lines
        assert lines[-10:-2] == [
            "  minreq lock --providers openai,bedrock",
            "  minreq lock litellm==1.78.7 --providers openai --features chat,streaming",
            "  minreq lock mlflow-skinny --smoke my_smoke.py",
            "  minreq lock -r requirements.in --providers bedrock --provided boto3==1.44.0",
            "  minreq lock langchain-openai sentry-sdk --smoke my_smoke.py",
            "  minreq lock . --smoke 'pytest -q tests/smoke' --smoke-with pytest",
            "  minreq lock --scan src",
            "  minreq lock --check",
        ]

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["lok"], "error: no such command 'lok'"),
            (["lock", "--provders", "x"], "error: no such option"),
            (["lock", "a>>1"], "error: invalid value for '[ROOT]...': 'a>>1' is not a requirement: "),
            (["lock", "--budget", "250M"], "error: invalid value for '--budget': '250M' is not a number of bytes"),
            (["lock", "-P", "a b"], "error: invalid value for '-P' / '--upgrade-package': 'a b' is not the name"),
            (["lock"], "error: nothing to run: name the providers of the program (--providers openai,bedrock), "),
            (
                ["lock", "--name", "api", "-p", "openai"],
                (
                    "error: no lock is named 'api' "
                    "(no locks are configured; omit --name, or add [tool.minreq.locks.NAME])"
                ),
            ),
            (
                ["export"],
                (
                    "error: missing option '--format'. Choose from: pylock, uv, uv-excludes, pdm, pex, dockerfile, "
                    "cyclonedx, vex, openvex, wheelhouse; see"
                ),
            ),
            (["completion"], "error: missing argument '{bash|fish|zsh}'. Choose from: bash, fish, zsh; see `minreq"),
            (["lock", "./nothere"], "error: there is no folder ./nothere"),
            (["verify", "--path", "a", "--python", "b"], "error: --path and --python name two things to verify"),
        ],
    )
    def test_usage_errors(self, arguments: list[str], sentence: str) -> None:
        done = minreq(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(sentence)
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize(
        "arguments", [["verify"], ["explain", "x"], ["exposure"], ["diff", "requirements-minimal.txt", "b.txt"]]
    )
    def test_without_a_lock(self, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The error names the lock, not the evidence that is missing too."""
        monkeypatch.chdir(tmp_path)
        done = minreq(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("error: no lock at requirements-minimal.txt; restore it, or make the lock with")

    @pytest.mark.parametrize(
        "arguments",
        ["verify .", "explain x --lock .", "exposure .", "diff . .", "guard . -o out", "export . --format uv",
         "build . -o x", "analyze . --lock .", "check . --lock ."],
    )  # fmt: skip
    def test_a_folder_is_no_lock(
        self, arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert main([*arguments.split(), "-q"]) == 2
        out, err = capsys.readouterr()
        assert (out, err.startswith("error: .: is a folder; name the file of a lock")) == ("", True)

    def test_a_value_that_is_no_url(self, capsys: pytest.CaptureFixture[str]) -> None:
        """No option takes it; until then it is part of a command line that minreq composes."""
        assert main(["lock", "nobody", "--providers", "https://["]) == 2
        assert "no profile" in capsys.readouterr().err

    def test_help_needs_no_heavy_import(self) -> None:
        program = """
            import sys
            from minreq.cli import main
            main(["lock", "--help"])
            heavy = {"hishel", "httpx", "installer", "resolvelib", "rich", "tomlkit"}
            heavy |= {"minreq.config.matrix", "minreq.matrix"}
            raise SystemExit(", ".join(sorted(heavy.intersection(sys.modules))) or 0)
        """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.parametrize("command", ["lock -p openai -o", "lock --html", "export --format uv -o", "guard -o"])
    def test_a_file_named_as_standard_output_is_refused(self, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        """For pathlib `./-` and `-` are one path, so that minreq would print what the user wants as a file."""
        assert main([*command.split(), "./-"], engine=FakeEngine()) == 2
        assert "'./-' is a file named -, and - alone is standard output" in capsys.readouterr().err

    def test_where_the_cache_is(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert minreq("cache", "-q", "dir").stdout == f"{tmp_path / 'cache'}\n"
        assert json.loads(minreq("cache", "dir", "--json").stdout) == {"schema": 1, "dir": str(tmp_path / "cache")}
        monkeypatch.delenv("MINREQ_CACHE_DIR")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert minreq("cache", "dir").stdout.endswith("minreq\n")


class TestLock:
    """`minreq lock`."""

    def test_flags_and_configuration_become_settings(self, tmp_path: Path) -> None:
        (tmp_path / "pyproject.toml").write_text('[tool.minreq]\nproviders = ["openai"]\ntimeout = 5\nhashes = false\n')
        engine = FakeEngine()
        arguments = ["-p", "bedrock,openai", "-p", "azure", "--include", "Py_YAML", "--hashes", "-j2", "-i", "u"]
        assert main(["lock", "litellm==1.78.7", *arguments], engine=engine) == 0
        (settings,) = engine.locked
        assert settings.root == Requirement("litellm==1.78.7")
        assert settings.providers == ("bedrock", "openai", "azure")
        assert settings.include == ("py-yaml",)
        assert (settings.timeout, settings.hashes, settings.jobs, settings.index.index_url) == (5.0, True, 2, "u")
        assert settings.cache_dir == tmp_path / "cache"

    def test_it_ends_with_a_summary_on_stderr(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["lock", "-p", "openai"], engine=FakeEngine()) == 0
        out, err = capsys.readouterr()
        assert out == ""
        assert err.splitlines()[-3:] == [
            "  pip install --no-deps --require-hashes -r requirements-minimal.txt -t python/",
            "or build a smaller, proven layer with",
            "  minreq build -o layer.zip",
        ]

    def test_the_lock_goes_to_stdout_when_asked(self, capsys: pytest.CaptureFixture[str]) -> None:
        engine = FakeEngine()
        assert main(["lock", "-p", "openai", "-o", "-", "--quiet"], engine=engine) == 0
        assert capsys.readouterr() == (render(LOCK), "")
        assert engine.locked[0].output == STDOUT

    def test_an_unwritable_output_is_reported_before_the_work(self, capsys: pytest.CaptureFixture[str]) -> None:
        engine = FakeEngine()
        assert main(["lock", "-p", "openai", "-o", "nowhere/lock.txt"], engine=engine) == 2
        assert capsys.readouterr().err == (
            "error: cannot write nowhere/lock.txt: there is no folder nowhere; create it (mkdir -p nowhere), or name "
            "another path\n"
        )
        assert engine.locked == []

    def test_check_reports_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["lock", "-p", "openai", "--check"], engine=FakeEngine()) == 0
        out, err = capsys.readouterr()
        assert (out, err.splitlines()[-1]) == ("", "requirements-minimal.txt is up to date")
        assert main(["lock", "-p", "openai", "--check", "-q"], engine=FakeEngine()) == 0
        assert capsys.readouterr() == ("", "")

    def test_dry_run_reports_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["lock", "-p", "openai", "--dry-run"], engine=FakeEngine()) == 0
        assert "Nothing written (--dry-run), in 0." in capsys.readouterr().err

    def test_json_is_the_result(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["lock", "-p", "openai", "--json", "-o", "lock.txt"], engine=FakeEngine()) == 0
        out, err = capsys.readouterr()
        assert out == (EXPECTED / "lock.json").read_text(encoding="utf-8")
        assert "Kept" not in err

    def test_json_names_no_file_that_is_not_written(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["lock", "-p", "openai", "--json", "-o", "-", "-q"], engine=FakeEngine()) == 0
        result = json.loads(capsys.readouterr().out)
        assert (result["output"], result["evidence"]) == (None, None)
        assert result["requirements"] == render(LOCK)


class TestVerify:
    """`minreq verify`."""

    def test_it_holds(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "pyproject.toml").write_text('[tool.minreq.locks.api]\nproviders = ["openai"]\n')
        engine = FakeEngine()
        assert main(["verify", "--name", "api", "--path", "function.zip"], engine=engine) == 0
        (settings,) = engine.verified
        assert (settings.lock, settings.path) == (Path("requirements-minimal-api.txt"), Path("function.zip"))
        out, err = capsys.readouterr()
        assert out == ""
        assert err.splitlines()[-1] == "requirements-minimal-api.txt holds: 6 distributions, verified"

    def test_json_is_the_result(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["verify", "other.txt", "--json", "-q"], engine=FakeEngine()) == 0
        expected = {"schema": 1, "lock": "other.txt", "holds": True, "stages": list(LOCK.stages)}
        assert json.loads(capsys.readouterr().out) == expected


def test_prune_reports_the_freed_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = FakeEngine()
    assert main(["cache", "prune"], engine=engine) == 0
    assert main(["cache", "prune", "--json"], engine=engine) == 0
    assert capsys.readouterr().out == 'freed 3.0 MiB\n{\n "schema": 1,\n "freed": 3145728\n}\n'
    assert engine.pruned == [tmp_path / "cache"] * 2


class TestErrors:
    """One handler: an exit status and a sentence for each branch."""

    @pytest.mark.parametrize(
        ("error", "status", "reason"),
        [
            (errors.LockStale("requirements-minimal.txt", ["litellm is yanked"]), 1, "stale"),
            (errors.ProofFailed("requirements-minimal.txt", ["openai/chat: no module named 'jiter'"]), 1, "proof"),
            (
                errors.OverBudget(300, 200, ["a 150"], ("cold", None), is_compiled=True, is_measured=True),
                1,
                "budget",
            ),
            (errors.PlatformUnproven(["lambda-python3.12-x86_64"], "host"), 1, "unproven"),
            (errors.NothingToRun(), 2, "usage"),
            (errors.BaselineFailure("the smoke fails"), 3, "baseline"),
            (errors.ResolutionFailure("conflict"), 4, "resolution"),
            (errors.IndexFailure("no network"), 5, "index"),
            (KeyboardInterrupt(), 130, "interrupted"),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
    )
    def test_exit_status_and_sentence(
        self, error: BaseException, status: int, reason: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        sentence = str(error) or "interrupted"
        assert main(["lock", "-p", "openai", "-q"], engine=FakeEngine(error)) == status
        assert capsys.readouterr() == ("", f"error: {sentence}\n")
        assert main(["lock", "-p", "openai", "-q", "--json"], engine=FakeEngine(error)) == status
        out = json.loads(capsys.readouterr().out)
        assert out == {"schema": 1, "error": sentence, "reason": reason, "exit_status": status}

    def test_what_a_terminal_would_act_upon_is_spelled_out(self, capsys: pytest.CaptureFixture[str]) -> None:
        error = errors.IndexFailure("bad \x1b[2Jwheel\nsecond line\n  part")
        assert main(["lock", "-p", "openai", "-q"], engine=FakeEngine(error)) == 5
        assert capsys.readouterr().err == "error: bad \\x1b[2Jwheel\\nsecond line\n  part\n"

    def test_no_color(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setenv("NO_COLOR", "1")
        assert main(["lock"]) == 2
        assert capsys.readouterr().err.startswith("error: nothing to run")

    def test_a_defect_is_not_hidden(self) -> None:
        """An unexpected error keeps its traceback."""
        with pytest.raises(ZeroDivisionError):
            main(["lock", "-p", "openai", "-q"], engine=FakeEngine(ZeroDivisionError()))

    def test_in_a_thread_signals_are_left_alone(self, capsys: pytest.CaptureFixture[str]) -> None:
        statuses: list[int] = []
        thread = Thread(target=lambda: statuses.append(main(["cache", "dir"])))
        thread.start()
        thread.join()
        assert statuses == [0]
        assert capsys.readouterr().out


ENGINE = """
import sys
sys.path.insert(0, TESTS)
from importlib.metadata import version
from pathlib import Path
from minreq.cli import main, open_standard_streams
from minreq.cli.engine import Engine
from minreq.reporting import Step
from samplelock import LOCK

class Waiting(Engine):
    def lock(self, settings, reporter):
        reporter.began(Step.TRACE)
        try:
            print("ready", flush=True)
            sys.stdin.readline()
        finally:
            Path("cleaned").touch()
        return LOCK

open_standard_streams()
raise SystemExit(main(sys.argv[1:], engine=Waiting()))
"""

Start = Callable[[Sequence[str]], "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start minreq with an engine that waits for a line on stdin; return once it does."""
    running: list[subprocess.Popen[str]] = []

    def started(arguments: Sequence[str]) -> subprocess.Popen[str]:
        program = ENGINE.replace("TESTS", repr(str(EXPECTED.parent)))
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield started
    for process in running:
        with process:
            process.kill()


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_ends_it_after_cleaning_up(start: Start, number: signal.Signals) -> None:
    process = start(["lock", "-p", "openai", "-q"])
    process.send_signal(number)
    _, err = process.communicate()
    assert (process.returncode, err) == (130, "error: interrupted\n")
    assert Path("cleaned").exists()


@pytest.mark.skipif(os.name == "nt", reason="pipes are those of POSIX")
def test_a_closed_pipe_prints_no_error(start: Start) -> None:
    process = start(["lock", "-p", "openai", "-q", "-o", "-"])
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stdin.write("\n")
    process.stdin.flush()
    assert (process.stderr.read(), process.wait()) == ("", 141)


@pytest.mark.skipif(os.name == "nt", reason="the terminal is one of POSIX")
def test_on_a_terminal_it_draws_and_cleans_up_after_itself() -> None:
    parent, child = pty.openpty()
    program = ENGINE.replace("TESTS", repr(str(EXPECTED.parent)))
    done = subprocess.run(
        [sys.executable, "-c", program, "lock", "-p", "openai"],
        input="\n",
        stdout=subprocess.PIPE,
        stderr=child,
        text=True,
        check=True,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(child)
    drawn = os.read(parent, 1 << 16).decode()
    os.close(parent)
    assert done.stdout == "ready\n"
    assert "Tracing" in drawn
    assert "\x1b[?25h" in drawn, "the cursor is back"
    assert "Traced" in drawn
