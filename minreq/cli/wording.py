"""Words for evidence, answers and resolutions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from packaging.utils import NormalizedName

from minreq.cli.text import describe_absence, format_size
from minreq.counts import pluralize
from minreq.lockfile.requirements import group_passed_over
from minreq.model import (
    Answer,
    Difference,
    Evidence,
    Failure,
    Kept,
    Masked,
    Question,
    QuestionKind,
    Request,
    Resolution,
)

# The most versions that a note names one by one.
_MAX_VERSIONS = 3
# The most importers that a row names.
_MAX_IMPORTERS = 3


def describe_evidence(evidence: Evidence) -> str:
    """Return *evidence* in a few words."""
    match evidence:
        case Failure(stage=stage, error=error):
            # "Module not found" is the expected error, so only another error is worth showing.
            is_expected = error.startswith("ModuleNotFoundError") or "No module named" in error
            return f"{_stage_name(stage)} fails {describe_absence(evidence.hidden)}" + (
                "" if is_expected else f": {error}"
            )
        case Difference(stage=stage, what=what):
            return f"{_stage_name(stage)} differs {describe_absence(evidence.hidden)}: {what}"
        case Request(asked_by=asked_by):
            return f"requested: {asked_by}"
        case Masked(place=place):
            return f"not tested, since the tools of the smoke require it too: {place} imports it"


def describe_kept(kept: Kept) -> str:
    """Return who imports *kept*, and its evidence: what distinguishes it from others comes first."""
    via = [name for name in kept.via if name != kept.candidate.name]
    count, named = len(via), ", ".join(via[:_MAX_IMPORTERS])
    rest = f" and {pluralize(count - _MAX_IMPORTERS, 'other')}" if count > _MAX_IMPORTERS else ""
    importers = f"{named}{rest} {'imports' if count == 1 else 'import'} it; " if count else ""
    extra = f"; from {kept.extra}" if kept.extra else ""
    return importers + describe_evidence(kept.evidence) + extra


def _stage_name(stage: str) -> str:
    return "the import" if stage == "import" else stage


def describe_answer(answer: Answer) -> str:
    """Return why the trace accepted or declined a distribution, and which code asked."""
    place = describe_place(answer.question)
    return f"{answer.reason} ({place})" if answer.reason else place


def describe_place(question: Question) -> str:
    """Return the line that asked and the stage: ``litellm/utils.py:88, openai/chat``."""
    where = f"{question.frames[0].file}:{question.frames[0].line}" if question.frames else question.name
    kind = {
        QuestionKind.IMPORT: "",
        QuestionKind.PROBE: " probes",
        QuestionKind.METADATA: " looks up its metadata",
        QuestionKind.LIST: " lists",
    }[question.need]
    return f"{where}{kind}, {question.stage}"


def describe_resolution(resolution: Resolution) -> str:
    """Return the size of the closure and the version of its root."""
    count, root = pluralize(len(resolution.pins), "distribution"), resolution.root
    return f"{count}, {root} {resolution.pins[root].version}"


def describe_sizes(sizes: Mapping[NormalizedName, int]) -> str:
    """Return how many wheels a full install has, and their size."""
    return f"{pluralize(len(sizes), 'wheel')}, {format_size(sum(sizes.values()))} unpacked"


def describe_passed_over(resolution: Resolution) -> Iterator[str]:
    """Return a sentence for each reason. Many versions become a range: the lock lists them all."""
    for name, versions, reason in group_passed_over(resolution.passed_over):
        several = f"{versions[0]} to {versions[-1]}, {len(versions)} versions"
        yield f"{name} {several if len(versions) > _MAX_VERSIONS else ', '.join(map(str, versions))}: {reason}"
