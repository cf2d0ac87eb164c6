"""Find what looks like a key in what a smoke printed: that goes into the evidence, which people commit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from minreq.model import Behaviour, Difference, Evidence, Failure, StageBehaviour

#: The forms that providers give to their keys, so that programs find them in texts.
_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b(?:"
    r"sk-[A-Za-z0-9_-]{20,}"  # OpenAI, Anthropic and others
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"  # AWS
    r"|AIza[A-Za-z0-9_-]{35}"  # Google
    r"|(?:gh[pousr]|github_pat)_[A-Za-z0-9_]{30,}"
    r"|glpat-[A-Za-z0-9_-]{20,}"
    r"|hf_[A-Za-z0-9]{30,}"
    r"|pypi-[A-Za-z0-9_-]{50,}"
    r"|xox[abeprs]-[A-Za-z0-9-]{10,}"  # Slack
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\."  # A JSON Web Token
    r")"
)
_SHOWN_LENGTH = 6


def describe_keys(behaviour: Behaviour, evidence: Iterable[Evidence] = ()) -> Iterator[str]:
    """Yield a note for each stage that printed, warned or logged what looks like a key, and for each in *evidence*."""
    for stage in behaviour.stages:
        if note := _describe(f"what {stage.stage} printed or logged", _texts(stage)):
            yield note
    for each in evidence:
        if isinstance(each, Failure | Difference):
            texts = [each.error] if isinstance(each, Failure) else [each.with_it, each.without_it]
            if note := _describe(f"what {each.stage} printed without {each.distribution}", texts):
                yield note


def _describe(what: str, texts: Iterable[str]) -> str:
    match = _KEY.search("\n".join(texts))
    if match is None:
        return ""
    return (
        f"{what} looks like a key ({match[0][:_SHOWN_LENGTH]}...), and is in the evidence: look at the evidence before "
        "you commit it"
    )


def _texts(stage: StageBehaviour) -> Iterator[str]:
    yield stage.status
    yield from stage.output
    yield from stage.errors
    yield from stage.warnings
    yield from stage.logs
    yield from stage.connections
