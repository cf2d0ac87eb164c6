"""Explaining from the evidence why a distribution is kept or left out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.utils import canonicalize_name
from samplelock import KEPT, LEFT_OUT, LOCK, with_selection

from minreq.cli.explain import _chain
from minreq.errors import UnknownDistribution
from minreq.explain.explain import ChainStep, explain, import_tree
from minreq.model import Asker, Frame, Kept, QuestionKind


def renamed(kept: Kept, *via: str) -> Kept:
    return replace(kept, via=via)


def test_the_chain_begins_at_the_smoke_and_names_the_distribution_of_each_file() -> None:
    kept = KEPT[4]
    assert kept.question is not None
    frames = tuple(
        Frame(file=file, line=line, function="<module>")
        for file, line in (("boto3/session.py", 2), ("smoke/a.py", 1), ("<string>", 1))
    )
    kept = replace(kept, question=replace(kept.question, frames=frames))
    lock = with_selection(LOCK, (*KEPT[:4], kept, KEPT[5]), LEFT_OUT)
    chain = explain(lock, "requests", filename="x").chain
    assert [(step.frame.file, step.distribution) for step in chain] == [
        ("smoke/a.py", None),
        ("boto3/session.py", "boto3"),
    ]


def test_a_distribution_is_named_where_its_file_does_not() -> None:
    """On 80 columns, a third column for what the path says would be one too many."""
    steps = [("google/auth/x.py", "google-auth"), ("typing_extensions.py", "typing-extensions"), ("smoke/a.py", None)]
    chain = tuple(
        ChainStep(frame=Frame(file=file, line=1, function="f"), distribution=canonicalize_name(name) if name else None)
        for file, name in steps
    )
    assert list(_chain(chain, "import x")) == [
        "  google/auth/x.py:1      f  google-auth",
        "  typing_extensions.py:1  f",
        "  smoke/a.py:1            f",
        "    import x",
    ]


def test_the_file_whose_import_failed_has_its_distribution() -> None:
    """The file was never loaded, and is the last of the chain."""
    left_out = next(each for each in LEFT_OUT if each.question is not None)
    assert left_out.question is not None
    frame = Frame(file="httpx/_main.py", line=8, function="<module>")
    asker = Asker(need=QuestionKind.IMPORT, name="click", frame=frame, distribution=canonicalize_name("httpx"))
    told = replace(left_out, question=replace(left_out.question, frames=(frame,)), askers=(asker,))
    lock = with_selection(LOCK, KEPT, tuple(told if each is left_out else each for each in LEFT_OUT))
    assert [step.distribution for step in explain(lock, told.candidate.name, filename="x").chain] == ["httpx"]


def test_a_module_leads_to_its_distribution() -> None:
    assert explain(LOCK, "charset_normalizer", filename="x").entry.candidate.name == "charset-normalizer"
    assert explain(LOCK, "tokenizers.models", filename="x").entry.candidate.name == "tokenizers"


def test_a_left_out_one_would_bring_what_is_left_out_too() -> None:
    """Distributions that are kept, provided or counted already cost nothing."""
    requires = {
        "tokenizers": frozenset({"hf-xet", "requests", "botocore"}),
        "hf-xet": frozenset({"tokenizers"}),
        "litellm": frozenset({"tokenizers"}),
    }
    lock = replace(LOCK, resolution=replace(LOCK.resolution, requires=requires))  # type: ignore[arg-type]
    found = explain(lock, "tokenizers", filename="x")
    assert dict(found.brings) == {"hf-xet": 7_200_000}
    assert found.declared_by == ("hf-xet", "litellm")


def test_a_kept_one_costs_what_only_it_imports() -> None:
    """Distributions that another one imports, or that the user requested, do not count."""
    boto3, charset, litellm, mcp, requests, tiktoken = KEPT
    kept = (
        renamed(boto3, "litellm"),
        renamed(charset, "requests"),
        renamed(litellm, "smoke"),
        renamed(mcp, "tiktoken", "boto3"),
        renamed(requests, "tiktoken"),
        renamed(tiktoken, "litellm"),
    )
    lock = with_selection(LOCK, kept, LEFT_OUT)
    assert dict(explain(lock, "tiktoken", filename="x").brings) == {
        "charset-normalizer": charset.bytes,
        "requests": requests.bytes,
    }
    assert dict(explain(lock, "charset-normalizer", filename="x").brings) == {}


def test_the_certificate_is_explained() -> None:
    outcome = explain(LOCK, "charset-normalizer", filename="x").outcome
    assert outcome is not None
    assert outcome.result is not None
    assert outcome.result.kind == "difference"
    assert explain(LOCK, "mcp", filename="x").outcome is None


def test_an_unknown_name() -> None:
    with pytest.raises(UnknownDistribution, match="did you mean tiktoken"):
        explain(LOCK, "tiktokken", filename="requirements-minimal.txt")


def test_the_tree_shows_the_imports_of_each_once() -> None:
    """A cycle ends. Distributions that nothing imports are at the top, the root first."""
    boto3, charset, litellm, mcp, requests, tiktoken = KEPT
    kept = (
        boto3,
        renamed(charset, "requests"),
        renamed(litellm, "tiktoken", "litellm"),
        renamed(mcp),
        renamed(requests, "boto3", "tiktoken"),
        renamed(tiktoken, "litellm"),
    )
    branches = list(import_tree(with_selection(LOCK, kept, LEFT_OUT)))
    assert [(each.depth, each.kept.candidate.name, each.repeated) for each in branches] == [
        (0, "litellm", False),
        (1, "boto3", False),
        (2, "requests", False),
        (3, "charset-normalizer", False),
        (1, "tiktoken", False),
        (2, "litellm", True),
        (2, "requests", True),
        (0, "mcp", False),
    ]


def test_a_cycle_that_nothing_else_imports_is_shown() -> None:
    boto3, charset, litellm, mcp, requests, tiktoken = KEPT
    kept = (boto3, charset, litellm, renamed(mcp, "requests"), renamed(requests, "mcp"), tiktoken)
    told = [each.kept.candidate.name for each in import_tree(with_selection(LOCK, kept, LEFT_OUT))]
    assert sorted(set(told)) == sorted(each.candidate.name for each in kept)
