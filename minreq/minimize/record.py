"""Make of the behaviour of a run what is recorded in the evidence; pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce

from minreq.minimize.compare import (
    BODY,
    BODY_HEADERS,
    IN_ORDER,
    ORDER_OF,
    Deviation,
    VolatileParts,
    collect_volatile_parts,
    keep_common_parts,
    sort_request_key,
)
from minreq.minimize.volatiletext import PLACEHOLDER, is_short_time, join_volatile, normalize_text, split_volatile
from minreq.model import Behaviour, RecordedRequest, StageBehaviour


def normalize_behaviour(
    behaviour: Behaviour,
    noise: Iterable[Deviation] = (),
    others: Sequence[Behaviour] = (),
    *,
    with_fast_clock: Sequence[Behaviour] = (),
    now: float | None = None,
) -> Behaviour:
    """Return *behaviour* to be recorded: without *noise* and what is new in each run, and in one order.

    What looks new in each run stays in a line where all *others*, runs that did the same, have it, too. A time of day
    and a duration stay only where runs *with_fast_clock* have them. The moment *now* is the clock, and does not stay.
    """
    noisy = {(deviation.stage, deviation.what) for deviation in noise}
    return Behaviour(
        stages=tuple(
            _StageRecord(
                noisy=noisy,
                others=_find_stage(others, stage),
                with_fast_clock=_find_stage(with_fast_clock, stage),
                now=now,
            ).normalize(stage)
            for stage in behaviour.stages
        )
    )


def _find_stage(runs: Iterable[Behaviour], stage: StageBehaviour) -> tuple[StageBehaviour, ...]:
    return tuple(each for run in runs for each in run.in_stages({stage.stage}).stages)


@dataclass(frozen=True, slots=True, kw_only=True)
class _StageRecord:
    """Normalizes one stage; the other runs are of the same stage."""

    noisy: Container[tuple[str, str]]
    others: Sequence[StageBehaviour]
    with_fast_clock: Sequence[StageBehaviour]
    now: float | None

    def normalize(self, stage: StageBehaviour) -> StageBehaviour:
        """Return *stage* as it is recorded."""
        requests = () if (stage.stage, "requests") in self.noisy else stage.requests
        normalized = (self.normalize_request(stage.stage, each) for each in requests)
        return replace(
            stage,
            output=self.normalize_lines(stage, "output"),
            errors=self.normalize_lines(stage, "errors"),
            warnings=self.normalize_lines(stage, "warnings"),
            logs=self.normalize_lines(stage, "logs"),
            exits=self.normalize_lines(stage, "exits"),
            connections=self.normalize_lines(stage, "connections"),
            requests=tuple(sorted(normalized, key=sort_request_key)),
        )

    def normalize_lines(self, stage: StageBehaviour, what: str) -> tuple[str, ...]:
        """Return the lines of the kind *what*."""
        if (stage.stage, what) in self.noisy:
            return ()
        steady = self.collect_steady_parts(what, self.others)
        with_fast_clock = self.collect_steady_parts(what, self.with_fast_clock)

        def keeps(place: tuple[str, int], part: str) -> bool:
            is_proven = not is_short_time(part) or part in with_fast_clock.get(place, ())
            return is_proven and part in steady.get(place, ())

        lines = []
        for line in getattr(stage, what):
            look, parts = split_volatile(line, self.now)
            kept = (part if keeps((look, place), part) else PLACEHOLDER for place, part in enumerate(parts))
            lines.append(join_volatile(look, tuple(kept)))
        in_order = what in IN_ORDER and (stage.stage, f"{ORDER_OF}{what}") not in self.noisy
        return tuple(lines if in_order else sorted(lines))

    def collect_steady_parts(self, what: str, runs: Sequence[StageBehaviour]) -> VolatileParts:
        """Return what looks new in each run, and is the same in all *runs*."""
        collected = [collect_volatile_parts(getattr(run, what), self.now) for run in runs]
        return reduce(keep_common_parts, collected) if collected else {}

    def normalize_request(self, stage: str, request: RecordedRequest) -> RecordedRequest:
        """Return *request* as it is recorded."""
        dropped = BODY_HEADERS if (stage, BODY) in self.noisy else frozenset()
        headers = (
            (name, normalize_text(value))
            for name, value in request.headers
            if (stage, f"request header {name}") not in self.noisy and name not in dropped
        )
        body = "" if (stage, BODY) in self.noisy else normalize_text(request.body)
        return replace(request, target=normalize_text(request.target), headers=tuple(headers), body=body)
