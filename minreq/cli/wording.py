"""What happened while a lock was made, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from packaging.utils import NormalizedName

from minreq.cli.text import counted, size
from minreq.lockfile.requirements import grouped
from minreq.model import Answer, Difference, Evidence, Failure, Masked, Need, Question, Request, Resolution

# Versions that are named one by one.
_FEW = 3


def why_kept(evidence: Evidence) -> str:
    """Return the evidence in a few words."""
    match evidence:
        case Failure(stage=stage, error=error):
            # That a module is not found is what one expects, however it is wrapped; another error says something.
            is_expected = error.startswith("ModuleNotFoundError") or "No module named" in error
            return f"{_named(stage)} fails without it" + ("" if is_expected else f": {error}")
        case Difference(stage=stage, what=what):
            return f"{_named(stage)} differs without it: {what}"
        case Request(asked_by=asked_by):
            return f"asked for: {asked_by}"
        case Masked(place=place):
            return f"masked by the tools of the smoke, not certified: {place} imports it"


def _named(stage: str) -> str:
    return "the import" if stage == "import" else stage


def why_answered(answer: Answer) -> str:
    """Return why a distribution was added or declined, and where it was asked for."""
    asked = place(answer.question)
    return f"{answer.reason} ({asked})" if answer.reason else asked


def place(question: Question) -> str:
    """Return where and for which feature a name was asked for: ``litellm/utils.py:88, openai/chat``."""
    where = f"{question.frames[0].file}:{question.frames[0].line}" if question.frames else question.name
    kind = {Need.IMPORT: "", Need.PROBE: " probes", Need.METADATA: " looks up its metadata", Need.LIST: " lists"}[
        question.need
    ]
    return f"{where}{kind}, {question.stage}"


def resolved(resolution: Resolution) -> str:
    """Return the size of the closure and what it is the closure of."""
    return (
        f"{counted(len(resolution.pins), 'distribution')}, {resolution.root} {resolution.pins[resolution.root].version}"
    )


def mapped(sizes: Mapping[NormalizedName, int]) -> str:
    """Return how much a full install would bring."""
    return f"{counted(len(sizes), 'wheel')}, {size(sum(sizes.values()))} unpacked"


def passed_over(resolution: Resolution) -> Iterator[str]:
    """Return a sentence for each reason; many versions are told as a range, since the lock has them all."""
    for name, versions, reason in grouped(resolution.passed_over):
        several = f"{versions[0]} to {versions[-1]}, {len(versions)} versions"
        yield f"{name} {several if len(versions) > _FEW else ', '.join(map(str, versions))}: {reason}"
