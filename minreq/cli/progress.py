"""Shows progress on stderr: a live display on a terminal, lines in a log."""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import cached_property
from threading import RLock
from types import MappingProxyType
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName
from packaging.version import Version
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from minreq.cli import text, wording
from minreq.counts import pluralize
from minreq.model import Answer, Evidence, Resolution
from minreq.reporting import Reporter, Step

if TYPE_CHECKING:
    from rich.live import Live

_PRESENT = {
    Step.SCAN: "Scanning",
    Step.RESOLVE: "Resolving",
    Step.MAP: "Mapping",
    Step.REFERENCE: "Running",
    Step.TRACE: "Tracing",
    Step.SETTLE: "Settling",
    Step.COMPARE: "Comparing",
    Step.WATCH: "Watching",
    Step.IMPORT: "Importing",
    Step.BUILD: "Building",
    Step.DEFER: "Deferring",
    Step.PROVE: "Proving",
    Step.COMPILE: "Compiling",
    Step.CERTIFY: "Certifying",
    Step.WRITE: "Writing",
}
#: The events that are counted, in the order of the summary of a step.
_COUNTED = ("added", "declined", "needed", "not needed", "measured")
_PAST = {
    Step.SCAN: "Scanned",
    Step.RESOLVE: "Resolved",
    Step.MAP: "Mapped",
    Step.REFERENCE: "Ran",
    Step.TRACE: "Traced",
    Step.SETTLE: "Settled",
    Step.COMPARE: "Compared",
    Step.WATCH: "Watched",
    Step.IMPORT: "Imported",
    Step.BUILD: "Built",
    Step.DEFER: "Tried",
    Step.PROVE: "Proved",
    Step.COMPILE: "Compiled",
    Step.CERTIFY: "Certified",
    Step.WRITE: "Wrote",
}
# The summary of a step that counted nothing.
_DEFAULT_SUMMARIES = {
    Step.SCAN: "no file that could call a model",
    Step.RESOLVE: "the closure",
    Step.MAP: "the closure",
    Step.REFERENCE: "the smoke with nothing left out",
    Step.TRACE: "no questions",
    Step.COMPARE: "with the reference",
    Step.WATCH: "the files that the smoke opens",
    Step.IMPORT: "the program",
    Step.BUILD: "the tree",
    Step.DEFER: "imports that nothing uses yet",
    Step.PROVE: "by the smoke, on the lock alone",
    Step.COMPILE: "what nothing compiled yet, for its size",
    Step.CERTIFY: "one run without each distribution",
    Step.WRITE: "the lock and its evidence",
}
_PASSED_OVER = "Passed over"
_VERB_WIDTH = len(_PASSED_OVER) + 2
_WHAT_WIDTH = 32
_RECENT = 5
#: Columns by which the rest of a wrapped line is indented.
_HANGING = 4
_FRAMES_PER_SECOND = 10


@contextmanager
def show_progress(*, quiet: bool, verbose: bool) -> Iterator[Progress]:
    """Show the events of the reporter on stderr. At the end the display disappears and its lines remain."""
    console = Console(stderr=True, quiet=quiet, highlight=False)
    # With FORCE_COLOR rich takes a log for a terminal, so this asks the stream too.
    is_drawn = sys.stderr.isatty() and console.is_interactive and not quiet
    progress = Progress(console, drawn=is_drawn, verbose=verbose)
    with _make_display(progress, console) if is_drawn else nullcontext():
        yield progress


def _make_display(progress: Progress, console: Console) -> Live:
    from rich.live import Live  # noqa: PLC0415 # Only a terminal needs it.

    # Standard output is for the result only, also while the display is drawn.
    return Live(progress, console=console, refresh_per_second=_FRAMES_PER_SECOND, transient=True, redirect_stdout=False)


class Progress(Reporter):
    """Prints the events that it receives.

    With a display (*drawn*) the steps remain, and single events are visible for a moment. With *verbose*, or without
    a display, single events remain too.
    """

    def __init__(
        self, console: Console, *, drawn: bool, verbose: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._drawn = drawn
        self._verbose = verbose
        self._clock = clock
        # Events come from several threads; the display draws in its own thread.
        self._lock = RLock()
        self._began = clock()
        self._step: Step | None = None
        self._step_began = self._began
        self._detail = ""
        self._counts: Counter[str] = Counter()
        self._stages = 0
        #: Seconds that the whole work took the last time; ``None``: unknown.
        self.expected: float | None = None
        self._versions: Mapping[NormalizedName, Version] = MappingProxyType({})
        self._recent: deque[Text] = deque(maxlen=_RECENT)
        #: The lines that were drawn last.
        self._drawn_lines: tuple[Text, ...] = ()

    @property
    def seconds(self) -> float:
        """The seconds since the start."""
        return self._clock() - self._began

    @property
    def wrote(self) -> bool:
        """Whether the last step is writing."""
        return self._step is Step.WRITE

    def finish(self, lines: Iterable[Text | str] = ()) -> None:
        """End the last step, and print *lines*, the summary."""
        with self._lock:
            self._end_step()
        for line in lines:
            # A terminal wraps lines that are too long; a log gets them whole.
            content = _harmless(Text(line) if isinstance(line, str) else line)
            if self._drawn:
                self._print_wrapped(content)
            else:
                self._print(content)

    def began(self, step: Step, detail: str = "") -> None:
        """End the previous step with its summary, and begin *step*."""
        with self._lock:
            self._end_step()
            self._step, self._step_began, self._detail = step, self._clock(), detail
            self._counts.clear()
            self._recent.clear()

    def resolved(self, resolution: Resolution) -> None:
        """End the step; print the versions that were passed over and the notes of the resolution."""
        with self._lock:
            self._versions = {name: candidate.version for name, candidate in resolution.pins.items()}
            self._end_step(wording.describe_resolution(resolution))
            for sentence in wording.describe_passed_over(resolution):
                self._milestone(_PASSED_OVER, sentence, "yellow")
            for note in resolution.notes:
                self._milestone("Note", note, "yellow")

    def mapped(self, sizes: Mapping[NormalizedName, int]) -> None:
        """End the step with the size of a full install."""
        with self._lock:
            self._end_step(wording.describe_sizes(sizes))

    def fetched(self, filename: str, size: int) -> None:
        """Count the wheel; print it only if *verbose*."""
        with self._lock:
            self._counts["fetched"] += 1
            self._counts["fetched bytes"] += size
            if self._verbose:
                self._event("<", "blue", filename, text.format_size(size))

    def scanned(self, done: int, files: int) -> None:
        """Show the number of files that are read."""
        with self._lock:
            self._detail = f"{done:,} of {pluralize(files, 'file')}" if done < files else pluralize(files, "file")

    def planned(self, stages: int) -> None:
        """Remember how many *stages* a run of the smoke has."""
        with self._lock:
            self._stages = stages

    def stage_ended(self, stage: str) -> None:  # noqa: ARG002 - The display counts them.
        """Count the stage."""
        with self._lock:
            self._counts["stages"] += 1

    def answered(self, answer: Answer) -> None:
        """Print the distribution that was accepted or declined, and why."""
        with self._lock:
            self._counts["added" if answer.accepted else "declined"] += 1
            sign, style = ("+", "green") if answer.accepted else ("-", "red")
            self._event(sign, style, self._versioned(answer.distribution), wording.describe_answer(answer))

    def settled(self, name: NormalizedName, evidence: Evidence | None) -> None:
        """Print a distribution that is not needed. Needed ones are expected, so only *verbose* prints them."""
        with self._lock:
            self._counts["needed" if evidence else "not needed"] += 1
            if evidence is None:
                self._event("-", "red", self._versioned(name), "the smoke passes without it")
            elif self._verbose or self._drawn:
                self._event("=", "green", self._versioned(name), wording.describe_evidence(evidence))

    def provided(self, provider: str, needs: Collection[NormalizedName], failure: str) -> None:
        """Print how many distributions *provider* needs, or the *failure* of its measurement."""
        with self._lock:
            self._counts["measured"] += 1
            sign, style = ("-", "red") if failure else ("=", "green")
            self._event(sign, style, provider, failure or f"needs {pluralize(len(needs), 'distribution')}")

    def repeated(self, why: str) -> None:
        """Print *why* the trace starts again, and reset the counts."""
        with self._lock:
            self._counts["added"] = self._counts["declined"] = 0
            self._milestone("Again", why, "yellow")

    def print_line(self, line: str) -> None:
        """Print *line* as it is."""
        with self._lock:
            self._print(Text(text.printable(line)))

    def note(self, sentence: str) -> None:
        """Print *sentence* on its own line."""
        with self._lock:
            self._milestone("Note", sentence, "yellow")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines of the display: the current step and its last events."""
        # Do not wait for the lock: the drawing thread holds locks of rich, and an event that prints waits for those
        # while it holds this lock.
        if self._lock.acquire(blocking=False):
            try:
                self._drawn_lines = tuple(self._draw())
            finally:
                self._lock.release()
        yield from self._drawn_lines

    @cached_property
    def _frames(self) -> list[str]:
        from rich.spinner import Spinner  # noqa: PLC0415 # As above.

        return Spinner("dots" if self._console.encoding.startswith("utf") else "line").frames

    def _draw(self) -> Iterator[Text]:
        if self._step is None:
            return
        tallies = ", ".join(part for part in (self._detail, self._stage_count(), *self._tallies()) if part)
        seconds = self._clock() - self._step_began
        frame = self._frames[int(seconds * _FRAMES_PER_SECOND) % len(self._frames)]
        line = _line(f"{_PRESENT[self._step]} {frame}", "cyan", tallies, text.format_duration(seconds))
        line.no_wrap, line.overflow = True, "ellipsis"
        yield line
        yield from self._recent
        if self.expected is not None:
            whole = f"{text.format_duration(self.seconds)} of about {text.format_duration(self.expected)}"
            yield Text(f"{'In all':{_VERB_WIDTH}}{whole}", style="dim")

    def _end_step(self, summary: str = "") -> None:
        if self._step is None:
            return
        took = text.format_duration(self._clock() - self._step_began)
        summary = summary or ", ".join(self._tallies()) or self._detail
        # After the last trace there is often nothing to settle, and then nothing to say.
        if summary or self._step is not Step.SETTLE:
            self._milestone(_PAST[self._step], summary or _DEFAULT_SUMMARIES[self._step], "green", took)
        self._step = None

    def _stage_count(self) -> str:
        """Return how many stages ended in this step; one run has them all, and some steps have several runs."""
        done = self._counts["stages"]
        if not done:
            return ""
        return f"{done} of {self._stages} stages" if done <= self._stages else pluralize(done, "stage")

    def _tallies(self) -> list[str]:
        counts = self._counts
        tallies = [f"{counts[what]} {what}" for what in _COUNTED if counts[what]]
        if counts["fetched"]:
            tallies.append(
                f"{pluralize(counts['fetched'], 'wheel')} fetched ({text.format_size(counts['fetched bytes'])})"
            )
        return tallies

    def _versioned(self, name: NormalizedName) -> str:
        return f"{name} {self._versions[name]}" if name in self._versions else name

    def _milestone(self, verb: str, content: str, style: str, took: str = "") -> None:
        """Print a line that remains. A terminal wraps a long one at words, below its first word."""
        line = _line(verb, style, content, took)
        if not self._drawn:
            self._print(line)
            return
        head, rest = line.divide([_VERB_WIDTH])
        for part in rest.wrap(self._console, max(self._console.width - _VERB_WIDTH, 1)):
            part.rstrip()
            self._print(head.append_text(part))
            head = Text(" " * _VERB_WIDTH)

    def _event(self, sign: str, style: str, what: str, why: str) -> None:
        """Show a line that the display replaces later; without a display, print it."""
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"  {sign} ", style=style)
        line.append(f"{text.printable(what):{_WHAT_WIDTH}}  ")
        line.append(text.printable(why), style="dim")
        if self._verbose or not self._drawn:
            self._print(line)
        else:
            self._recent.append(line)

    def _print_wrapped(self, line: Text) -> None:
        """Print *line*, wrapped at words: below its last column, or indented where it has none."""
        width = self._console.width
        if line.cell_len <= width:
            self._console.print(line)
            return
        column = text.find_last_column(line.plain, width)
        indent = column or (len(line.plain) - len(line.plain.lstrip()) + _HANGING)
        head, rest = line[:column], line[column:]
        for number, part in enumerate(rest.wrap(self._console, width - indent)):
            part.rstrip()
            self._console.print((Text(" " * indent) if number else head).append_text(part))

    def _print(self, line: Text) -> None:
        # Never wrapped: a program that reads the log finds each event on one line.
        self._console.print(line, soft_wrap=True)


def _harmless(line: Text) -> Text:
    """Return *line*; without its colours if it has what a terminal would obey."""
    plain = text.printable(line.plain)
    return line if plain == line.plain else Text(plain, no_wrap=line.no_wrap, overflow=line.overflow)


def _line(verb: str, style: str, content: str, took: str) -> Text:
    line = Text(f"{verb:{_VERB_WIDTH}}", style="")
    line.stylize(f"bold {style}")
    line.append(text.printable(content))
    return line.append(f"  {took}", style="dim") if took else line
