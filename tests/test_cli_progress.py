"""Progress and summary: the lines of a log, the display of a terminal, and what remains of it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version
from rich.console import Console
from samplelock import ALL, DIFFERENCE, EXPECTED, KEPT, LEFT_OUT, LOCK, question, with_selection

from minreq.cli import lockview, wording
from minreq.cli.durations import read_duration, write_duration
from minreq.cli.progress import Progress
from minreq.cli.text import align_columns, format_duration, format_size, printable
from minreq.cli.wording import describe_evidence, describe_place
from minreq.config import STDOUT, Settings
from minreq.counts import pluralize
from minreq.model import Answer, BuildForecast, Failure, QuestionKind
from minreq.reporting import Step
from minreq.system import cachefile

SETTINGS = Settings(cache_dir=Path("cache"), providers=("openai", "bedrock"))


class Stage:
    """A console of 100 columns that records, and a clock that the test moves."""

    def __init__(self, *, terminal: bool, verbose: bool = False, encoding: str = "utf-8") -> None:
        self._stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        self.console = Console(
            file=self._stream, width=100, force_terminal=terminal, color_system=None, highlight=False, _environ={}
        )
        self.now = 0.0
        self.progress = Progress(self.console, drawn=terminal, verbose=verbose, clock=lambda: self.now)

    @property
    def text(self) -> str:
        self._stream.flush()
        buffer = self._stream.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()

    def show_display(self) -> None:
        """Print what the display shows at this moment."""
        self.console.print("- display -")
        self.console.print(self.progress)
        self.console.print("- end -")


def answers() -> Iterator[Answer]:
    for kept in KEPT:
        if kept.question is not None:
            yield Answer(distribution=kept.candidate.name, accepted=True, question=kept.question, reason="")
    for left_out in LEFT_OUT:
        if left_out.question is not None:
            name, reason = left_out.candidate.name, left_out.reason
            yield Answer(distribution=name, accepted=False, question=left_out.question, reason=reason)


def play(stage: Stage) -> None:
    """A lock from its first event to its last."""
    progress = stage.progress
    progress.expected = 61.2
    progress.began(Step.RESOLVE, "litellm")
    stage.now += 3.1
    progress.resolved(LOCK.resolution)
    progress.began(Step.MAP)
    stage.now += 0.9
    progress.mapped({each.candidate.name: each.bytes for each in ALL})
    progress.began(Step.TRACE, "openai, bedrock")
    progress.fetched("tiktoken-0.12.0-py3-none-any.whl", 1_100_000)
    progress.answered(next(answers()))
    progress.repeated("boto3 was declined at a.py:1 and is needed at b.py:2")
    for answer in answers():
        progress.answered(answer)
    progress.planned(4)
    for name in ("import", "openai/chat", "bedrock/chat"):
        progress.stage_ended(name)
    stage.now += 8.3
    stage.show_display()
    progress.began(Step.SETTLE)
    for kept in KEPT[:-1]:
        progress.settled(kept.candidate.name, kept.evidence)
    progress.settled(KEPT[-1].candidate.name, None)
    progress.settled(canonicalize_name("unheard-of"), None)
    stage.now += 70
    progress.began(Step.COMPARE, "two references")
    progress.note("the first reference\x1b[2J took long")
    progress.began(Step.PROVE, "6 distributions alone")
    stage.now += 2
    progress.began(Step.WRITE, "requirements-minimal.txt")
    progress.finish(lockview.format_lines(LOCK, SETTINGS, progress.seconds))
    stage.show_display()


@pytest.mark.parametrize(
    ("expected", "terminal", "verbose"),
    [
        ("progress-log.txt", False, False),
        ("progress-log-verbose.txt", False, True),
        ("progress-terminal.txt", True, False),
        ("progress-terminal-verbose.txt", True, True),
    ],
)
def test_a_whole_lock(expected: str, *, terminal: bool, verbose: bool) -> None:
    """The output of a whole lock, in a log and on a terminal of 100 columns."""
    stage = Stage(terminal=terminal, verbose=verbose)
    play(stage)
    assert stage.text == (EXPECTED / expected).read_text(encoding="utf-8")


def test_every_line_of_a_log_is_complete() -> None:
    """A log neither wraps nor cuts lines."""
    stage = Stage(terminal=False)
    stage.progress.note("word " * 100 + "end")
    stage.progress.finish(["x" * 300])
    first, second = stage.text.splitlines()
    assert first.endswith("word end")
    assert second == "x" * 300


def test_a_terminal_indents_what_is_wrapped() -> None:
    stage = Stage(terminal=True)
    stage.progress.finish(["  left  " + "word " * 30 + "end", "short", "  zip  1  " + "word " * 16 + "a" * 90])
    first, second, last, *with_hash = stage.text.splitlines()
    assert (first.startswith("  left  word"), len(first) <= 100) == (True, True)
    assert second.startswith("        word")
    assert second.endswith("word end")
    assert last == "short"
    # A hash is not broken.
    assert [line.strip() for line in with_hash] == ["zip  1  " + "word " * 15 + "word", "a" * 90]


def test_without_unicode_the_spinner_is_ascii() -> None:
    stage = Stage(terminal=True, encoding="ascii")
    stage.progress.began(Step.TRACE)
    stage.show_display()
    assert stage.text.splitlines()[1].startswith("Tracing -")


def test_many_versions_are_a_range() -> None:
    versions = [f"1.{minor}" for minor in range(9, 5, -1)]
    passed_over = tuple(replace(LOCK.resolution.passed_over[0], version=Version(each)) for each in versions)
    (sentence,) = wording.describe_passed_over(replace(LOCK.resolution, passed_over=passed_over))
    assert sentence.startswith("litellm 1.9 to 1.6, 4 versions: it needs certifi")


def test_a_step_without_counts_has_a_default_summary() -> None:
    stage = Stage(terminal=False)
    for step in Step:
        stage.progress.began(step)
    stage.progress.finish()
    assert stage.text == (EXPECTED / "progress-bare.txt").read_text(encoding="utf-8")


def test_the_display_does_not_wait_for_what_prints() -> None:
    """The drawing thread holds locks of rich that printing waits for; waiting for each other would hang for ever."""
    printing, drawn = Event(), Event()

    class Slow(Console):
        def print(self, *_: object, **__: object) -> None:
            printing.set()
            met.append(drawn.wait(10))

    met: list[bool] = []
    progress = Progress(Slow(), drawn=True, clock=lambda: 0.0)
    progress.began(Step.SETTLE)
    thread = Thread(target=progress.note, args=("a sentence",))
    thread.start()
    assert printing.wait(10)
    console = Console(file=io.StringIO())
    console.print(progress)
    drawn.set()
    thread.join()
    assert met == [True]


def test_a_failure_leaves_the_step_unfinished() -> None:
    """A step that did not end has no line that says so: the error is what follows."""
    stage = Stage(terminal=False)
    stage.progress.began(Step.PROVE, "6 distributions alone")
    assert stage.text == ""


def test_the_ending_fits_the_settings() -> None:
    def ending(settings: Settings) -> str:
        *_, last = lockview.format_lines(LOCK, settings, 4.0)
        return last.plain

    assert ending(replace(SETTINGS, dry_run=True)) == "Nothing written (--dry-run), in 4.0 s"
    *_, install, _, build = lockview.format_lines(LOCK, replace(SETTINGS, output=Path("my locks/a.txt")), 4.0)
    assert install.plain == "  pip install --no-deps --require-hashes -r 'my locks/a.txt' -t python/"
    assert build.plain.endswith("minreq build 'my locks/a.txt' -o layer.zip")
    assert ending(replace(SETTINGS, output=STDOUT)) == ""


def test_what_is_over_the_limit_shows() -> None:
    kept = (replace(KEPT[0], bytes=300_000_000),)
    texts = list(
        lockview.format_lines(
            with_selection(LOCK, kept, ()), SETTINGS, 1.0, build=BuildForecast(slim="unused", bytes=190_049_999)
        )
    )
    (row,) = (text for text in texts if text.plain.startswith("  this lock"))
    assert row.plain == f"  this lock     300,000,000  114.4%  [{'#' * 30}]"
    assert [span.style for span in row.spans] == ["red"]
    verdict, _, advice, build, other, install = (text.plain for text in texts[-6:])
    assert verdict.startswith("Over the 262,144,000 bytes of AWS Lambda by about 37,856,000 bytes, bytecode included")
    assert advice == "Build a smaller, proven layer of about 190,000,000 bytes with"
    assert build == "  minreq build -o layer.zip --slim unused"
    assert other == "or, where the size does not matter, install the lock with"
    assert install.startswith("  pip install ")


def test_a_lock_near_its_budget_with_bytecode_is_reported() -> None:
    settings = replace(SETTINGS, budget=250_000_000)
    kept = (replace(KEPT[0], bytes=150_000_000, sources=80_000_000),)
    texts = [text.plain for text in lockview.format_lines(with_selection(LOCK, kept, ()), settings, 1.0)]
    (row,) = (text for text in texts if text.startswith("  with bytecode, about"))
    assert row.split()[3:5] == ["246,000,000", "98.4%"]
    assert "Unpacked bytes, compared with the 250,000,000 of the budget" in texts
    assert "About 4,000,000 of the 250,000,000 bytes of the budget left, bytecode included" in texts
    assert texts[-1] == "  minreq build -o layer.zip --slim cold"
    measured = with_selection(LOCK, (replace(kept[0], compiled=99_999_999),), ())
    texts = [text.plain for text in lockview.format_lines(measured, settings, 1.0)]
    (row,) = (text for text in texts if text.startswith("  with bytecode"))
    assert row.split()[2:4] == ["249,999,999", "99.9%"]
    without = replace(settings, bytecode="none")
    texts = [text.plain for text in lockview.format_lines(measured, without, 1.0)]
    assert not [each for each in texts if "bytes of the budget left" in each]
    assert texts[-1] == "  minreq build -o layer.zip --bytecode none"
    assert texts[-3].startswith("  pip install --no-deps --require-hashes --no-compile")


def test_why_something_is_kept() -> None:
    """A missing module is the expected error and is not shown; another error is."""
    name = canonicalize_name("a")
    failure = Failure(distribution=name, stage="openai/chat", error="TypeError: no", method="run")
    assert describe_evidence(failure) == "openai/chat fails without it: TypeError: no"
    wrapped = replace(failure, error="APIError: No module named 'jiter'")
    assert describe_evidence(wrapped) == "openai/chat fails without it"
    assert describe_evidence(replace(failure, error="ModuleNotFoundError: No module named 'a'", stage="import")) == (
        "the import fails without it"
    )
    assert describe_evidence(DIFFERENCE) == "the import differs without it: warnings"


def test_where_something_was_asked_for() -> None:
    assert describe_place(question("a", "import", "b.py", QuestionKind.PROBE)) == "b.py:73 probes, import"
    assert (
        describe_place(question("a", "import", "b.py", QuestionKind.METADATA))
        == "b.py:73 looks up its metadata, import"
    )
    assert describe_place(replace(question("a.b", "openai/chat"), frames=())) == "a.b, openai/chat"


def test_numbers_and_words() -> None:
    assert [format_size(count) for count in (0, 1500, 1 << 20, 206_889_123)] == [
        "0 KiB",
        "1 KiB",
        "1.0 MiB",
        "197.3 MiB",
    ]
    assert [format_duration(seconds) for seconds in (0.04, 59.9, 60, 125)] == [
        "0.0 s",
        "59.9 s",
        "1 min 00 s",
        "2 min 05 s",
    ]
    assert [pluralize(number, "wheel") for number in (0, 1, 2, 1200)] == [
        "0 wheels",
        "1 wheel",
        "2 wheels",
        "1,200 wheels",
    ]
    assert [pluralize(number, "second") for number in (0.5, 1.0, 300.0)] == ["0.5 seconds", "1 second", "300 seconds"]
    assert align_columns([("a", "1", ""), ("bc", "23", "x")], right=frozenset({1})) == ["a    1", "bc  23  x"]
    assert printable("a\tb\x1b[0m\u2028é\n") == "a\\tb\\x1b[0m\\u2028é\\n"


def test_steps_with_several_runs() -> None:
    """More stages than one run has: how many there will be, nobody knows."""
    stage = Stage(terminal=True)
    stage.progress.planned(1)
    stage.progress.began(Step.SETTLE)
    for _ in range(3):
        stage.progress.stage_ended("import")
    stage.show_display()
    assert "Settling ⠋   3 stages  0.0 s" in stage.text


def test_durations(tmp_path: Path) -> None:
    """Of the last lock by the same command; a damaged file is forgotten."""
    assert read_duration(tmp_path, "lock a") is None
    write_duration(tmp_path, "lock a", 12.34)
    write_duration(tmp_path, "lock b", 2)
    assert (read_duration(tmp_path, "lock a"), read_duration(tmp_path, "lock b")) == (12.3, 2.0)
    for damage in (b"", b"[", b"[]", b"{}", b'{"x": {}}', b"[" * 60_000):
        cachefile.write(tmp_path / "durations.json", damage, tmp_path)
        assert read_duration(tmp_path, "lock a") is None
    write_duration(tmp_path, "lock a", 1)
    assert read_duration(tmp_path, "lock a") == 1.0
    for number in range(300):
        write_duration(tmp_path, f"lock {number}", 1)
    assert read_duration(tmp_path, "lock a") is None
    write_duration(tmp_path / "nowhere" / "deep", "lock a", 1)
