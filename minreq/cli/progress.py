"""Progress on stderr: a calm display on a terminal, complete lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from threading import RLock
from types import MappingProxyType

from packaging.utils import NormalizedName
from packaging.version import Version
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from minreq.cli import narration, text
from minreq.model import Answer, Evidence, Resolution
from minreq.reporting import Reporter, Step

_DOING = {
    Step.SCAN: "Scanning",
    Step.RESOLVE: "Resolving",
    Step.MAP: "Mapping",
    Step.BASELINE: "Running",
    Step.TRACE: "Tracing",
    Step.SETTLE: "Settling",
    Step.COMPARE: "Comparing",
    Step.WATCH: "Watching",
    Step.BUILD: "Building",
    Step.PROVE: "Proving",
    Step.CERTIFY: "Certifying",
    Step.WRITE: "Writing",
}
#: What events come to, in the order it is told.
_COUNTED = ("added", "declined", "needed", "not needed", "measured")
_DONE = {
    Step.SCAN: "Scanned",
    Step.RESOLVE: "Resolved",
    Step.MAP: "Mapped",
    Step.BASELINE: "Ran",
    Step.TRACE: "Traced",
    Step.SETTLE: "Settled",
    Step.COMPARE: "Compared",
    Step.WATCH: "Watched",
    Step.BUILD: "Built",
    Step.PROVE: "Proved",
    Step.CERTIFY: "Certified",
    Step.WRITE: "Wrote",
}
# What is said where nothing was counted.
_OUTCOMES = {
    Step.SCAN: "no file that could call a model",
    Step.RESOLVE: "the closure",
    Step.MAP: "the closure",
    Step.BASELINE: "the smoke with nothing left out",
    Step.TRACE: "nothing was asked for",
    Step.SETTLE: "nothing was left to try",
    Step.COMPARE: "with the baseline",
    Step.WATCH: "the files that the smoke opens",
    Step.BUILD: "the tree",
    Step.PROVE: "by the smoke, on nothing but the lock",
    Step.CERTIFY: "each left out once",
    Step.WRITE: "the lock and its evidence",
}
_PASSED_OVER = "Passed over"
_VERB_WIDTH = len(_PASSED_OVER) + 2
_WHAT_WIDTH = 32
_RECENT = 5
_FRAMES_PER_SECOND = 10


@contextmanager
def watching(*, quiet: bool, verbose: bool) -> Iterator[Progress]:
    """Show on stderr what the reporter given is told; at the end the display is gone and its lines remain."""
    console = Console(stderr=True, quiet=quiet, highlight=False)
    # FORCE_COLOR makes a terminal of everything to rich; a log in colours is still a log.
    is_drawn = sys.stderr.isatty() and console.is_interactive and not quiet
    progress = Progress(console, drawn=is_drawn, verbose=verbose)
    # Standard output is for the result alone, also while something is drawn.
    display = Live(
        progress, console=console, refresh_per_second=_FRAMES_PER_SECOND, transient=True, redirect_stdout=False
    )
    with display if is_drawn else nullcontext():
        yield progress


class Progress(Reporter):
    """Prints what it is told.

    Where a display is *drawn*, the steps remain and the single events pass by in it; *verbose* lets them remain too,
    as they do where nothing can be drawn.
    """

    def __init__(
        self, console: Console, *, drawn: bool, verbose: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._drawn = drawn
        self._verbose = verbose
        self._clock = clock
        # Events come from several threads, the display asks from one of its own.
        self._lock = RLock()
        self._began = clock()
        self._step: Step | None = None
        self._step_began = self._began
        self._detail = ""
        self._counts: Counter[str] = Counter()
        self._versions: Mapping[NormalizedName, Version] = MappingProxyType({})
        self._recent: deque[Text] = deque(maxlen=_RECENT)
        #: As it was drawn last.
        self._moving: tuple[Text, ...] = ()
        self._frames = Spinner("dots" if console.encoding.startswith("utf") else "line").frames

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return self._clock() - self._began

    @property
    def wrote(self) -> bool:
        """Whether it came to writing."""
        return self._step is Step.WRITE

    def finished(self, lines: Iterable[Text | str] = ()) -> None:
        """Everything is done: the last step has ended, and *lines* sum it up."""
        with self._lock:
            self._end_step()
        for line in lines:
            # A window cuts a row of a table that is too long for it; a log has the whole of it.
            content = Text(line) if isinstance(line, str) else line
            overflow = content.overflow if self._drawn else None
            self._console.print(content, soft_wrap=not self._drawn, no_wrap=content.no_wrap, overflow=overflow)

    def began(self, step: Step, detail: str = "") -> None:
        """End the step before, with what it came to."""
        with self._lock:
            self._end_step()
            self._step, self._step_began, self._detail = step, self._clock(), detail
            self._counts.clear()
            self._recent.clear()

    def resolved(self, resolution: Resolution) -> None:
        """End the step, and say which versions were passed over and what was set aside."""
        with self._lock:
            self._versions = {name: candidate.version for name, candidate in resolution.pins.items()}
            self._end_step(narration.resolved(resolution))
            for sentence in narration.passed_over(resolution):
                self._milestone(_PASSED_OVER, sentence, "yellow")
            for note in resolution.notes:
                self._milestone("Note", note, "yellow")

    def mapped(self, sizes: Mapping[NormalizedName, int]) -> None:
        """End the step with what a full install would bring."""
        with self._lock:
            self._end_step(narration.mapped(sizes))

    def fetched(self, filename: str, size: int) -> None:
        """Count it; alone it is of no interest."""
        with self._lock:
            self._counts["fetched"] += 1
            self._counts["fetched bytes"] += size
            if self._verbose:
                self._event("<", "blue", filename, text.size(size))

    def scanned(self, done: int, files: int) -> None:
        """Show how far it is."""
        with self._lock:
            self._detail = f"{done:,} of {text.counted(files, 'file')}" if done < files else text.counted(files, "file")

    def answered(self, answer: Answer) -> None:
        """Say what was added or declined, and why."""
        with self._lock:
            self._counts["added" if answer.accepted else "declined"] += 1
            sign, style = ("+", "green") if answer.accepted else ("-", "red")
            self._event(sign, style, self._versioned(answer.distribution), narration.why_answered(answer))

    def settled(self, name: NormalizedName, evidence: Evidence | None) -> None:
        """Say what is not needed after all; that the others are needed is what was expected."""
        with self._lock:
            self._counts["needed" if evidence else "not needed"] += 1
            if evidence is None:
                self._event("-", "red", self._versioned(name), "the smoke passes without it")
            elif self._verbose or self._drawn:
                self._event("=", "green", self._versioned(name), narration.why_kept(evidence))

    def provided(self, provider: str, needs: Collection[NormalizedName], failure: str) -> None:
        """Say how much it needs, or why that could not be found."""
        with self._lock:
            self._counts["measured"] += 1
            sign, style = ("-", "red") if failure else ("=", "green")
            self._event(sign, style, provider, failure or f"needs {text.counted(len(needs), 'distribution')}")

    def repeated(self, why: str) -> None:
        """Begin to count anew."""
        with self._lock:
            self._counts["added"] = self._counts["declined"] = 0
            self._milestone("Again", why, "yellow")

    def note(self, sentence: str) -> None:
        """Say it as it is."""
        with self._lock:
            self._milestone("Note", sentence, "yellow")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What moves: the step at hand, and what happened last in it."""
        # Never waited for: whoever renders holds locks of rich, for which an event that prints waits with this one.
        if self._lock.acquire(blocking=False):
            try:
                self._moving = tuple(self._drawing())
            finally:
                self._lock.release()
        yield from self._moving

    def _drawing(self) -> Iterator[Text]:
        if self._step is None:
            return
        tallies = ", ".join(part for part in (self._detail, *self._tallies()) if part)
        seconds = self._clock() - self._step_began
        frame = self._frames[int(seconds * _FRAMES_PER_SECOND) % len(self._frames)]
        line = _line(f"{_DOING[self._step]} {frame}", "cyan", tallies, text.duration(seconds))
        line.no_wrap, line.overflow = True, "ellipsis"
        yield line
        yield from self._recent

    def _end_step(self, outcome: str = "") -> None:
        if self._step is None:
            return
        took = text.duration(self._clock() - self._step_began)
        came_to = outcome or ", ".join(self._tallies()) or self._detail or _OUTCOMES[self._step]
        self._milestone(_DONE[self._step], came_to, "green", took)
        self._step = None

    def _tallies(self) -> list[str]:
        counts = self._counts
        tallies = [f"{counts[what]} {what}" for what in _COUNTED if counts[what]]
        if counts["fetched"]:
            tallies.append(f"{text.counted(counts['fetched'], 'wheel')} fetched ({text.size(counts['fetched bytes'])})")
        return tallies

    def _versioned(self, name: NormalizedName) -> str:
        return f"{name} {self._versions[name]}" if name in self._versions else name

    def _milestone(self, verb: str, content: str, style: str, took: str = "") -> None:
        """A line that remains."""
        self._print(_line(verb, style, content, took))

    def _event(self, sign: str, style: str, what: str, why: str) -> None:
        """A line that passes by, where lines can."""
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"  {sign} ", style=style)
        line.append(f"{text.printable(what):{_WHAT_WIDTH}}  ")
        line.append(text.printable(why), style="dim")
        if self._verbose or not self._drawn:
            self._print(line)
        else:
            self._recent.append(line)

    def _print(self, line: Text) -> None:
        # Never folded, so that what reads a log finds the line whole.
        self._console.print(line, soft_wrap=True)


def _line(verb: str, style: str, content: str, took: str) -> Text:
    line = Text(f"{verb:{_VERB_WIDTH}}", style="")
    line.stylize(f"bold {style}")
    line.append(text.printable(content))
    return line.append(f"  {took}", style="dim") if took else line
