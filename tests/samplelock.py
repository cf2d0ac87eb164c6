"""A small lock with one of everything, as values; and any lock at all, for properties."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st
from packaging.tags import Tag, parse_tag
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from minreq.model import (
    Asker,
    Behaviour,
    Candidate,
    Certificate,
    Difference,
    Evidence,
    Failure,
    Frame,
    Kept,
    LeftOut,
    Lock,
    Outcome,
    PassedOver,
    Platform,
    Question,
    QuestionKind,
    RecordedRequest,
    Request,
    Resolution,
    Selection,
    StageBehaviour,
    Wheel,
)

EXPECTED = Path(__file__).with_name("expected")

MARKERS = {
    "implementation_name": "cpython",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "6.1.0",
    "python_version": "3.12",
    "sys_platform": "linux",
}
HOST = Platform(
    name="host",
    python_version=Version("3.12.1"),
    markers=MARKERS,
    tags=(
        Tag("cp312", "cp312", "manylinux_2_28_x86_64"),
        Tag("cp312", "cp312", "linux_x86_64"),
        Tag("cp310", "abi3", "manylinux_2_28_x86_64"),
        Tag("cp310", "abi3", "linux_x86_64"),
        Tag("py3", "none", "any"),
    ),
)
LAMBDA = replace(HOST, name="lambda-python3.12-x86_64", markers={**MARKERS, "platform_release": "5.10"})


def wheel(name: str, version: str, tag: str = "py3-none-any", size: int | None = 1000) -> Wheel:
    """A wheel whose digest follows from its name; as read back from evidence, so without a URL."""
    filename = f"{name.replace('-', '_')}-{version}-{tag}.whl"
    return Wheel(
        name=canonicalize_name(name),
        version=Version(version),
        filename=filename,
        url="",
        sha256=hashlib.sha256(filename.encode()).hexdigest(),
        tags=parse_tag(tag),
        size=size,
    )


def candidate(name: str, version: str, *tags: str) -> Candidate:
    """A candidate with a wheel for each of *tags*."""
    wheels = sorted((wheel(name, version, tag) for tag in tags or ("py3-none-any",)), key=lambda each: each.filename)
    return Candidate(name=canonicalize_name(name), version=Version(version), wheel=wheels[0], wheels=tuple(wheels))


def question(
    name: str, stage: str, file: str = "litellm/main.py", need: QuestionKind = QuestionKind.IMPORT
) -> Question:
    return Question(
        need=need, name=name, frames=(Frame(file=file, line=73, function="<module>"),), stage=stage, order=4
    )


def failure(name: str, stage: str = "import") -> Failure:
    error = f"ModuleNotFoundError: No module named {name!r}"
    return Failure(distribution=canonicalize_name(name), stage=stage, error=error, method="fork")


def asker(name: str, owner: str, file: str, *stages: str, why_optional: str | None = None) -> Asker:
    return Asker(
        need=QuestionKind.IMPORT,
        name=name,
        frame=Frame(file=file, line=73, function="<module>"),
        distribution=canonicalize_name(owner),
        why_optional=why_optional,
        stages=stages,
    )


DIFFERENCE = Difference(
    distribution=canonicalize_name("charset-normalizer"),
    stage="import",
    what="warnings",
    with_it="",
    without_it="RequestsDependencyWarning: no character detection (requests)",
)

KEPT = (
    Kept(
        candidate=candidate("boto3", "1.43.0"),
        evidence=failure("boto3", "bedrock/chat"),
        bytes=1_500_000,
        via=("litellm",),
        providers=("bedrock",),
        question=question("boto3", "bedrock/chat", "litellm/llms/bedrock/base_aws_llm.py"),
        askers=(asker("boto3", "litellm", "litellm/llms/bedrock/base_aws_llm.py", "bedrock/chat"),),
        loaded=("boto3/__init__.py", "boto3/session.py"),
    ),
    Kept(
        candidate=candidate("charset-normalizer", "3.4.0", "py3-none-any", "cp312-cp312-manylinux_2_28_x86_64"),
        evidence=DIFFERENCE,
        bytes=300_000,
        via=("requests",),
        question=question("charset_normalizer", "import", "requests/__init__.py"),
    ),
    Kept(
        candidate=candidate("litellm", "1.106.2", "cp310-abi3-manylinux_2_28_x86_64"),
        evidence=Request(distribution=canonicalize_name("litellm"), asked_by="root"),
        bytes=127_700_000,
        sources=42_200_000,
    ),
    Kept(
        candidate=candidate("mcp", "1.12.0"),
        evidence=failure("mcp", "openai/tools"),
        bytes=900_000,
        via=("litellm",),
        providers=("bedrock", "openai"),
        question=question("mcp", "openai/tools", "litellm/responses/mcp/litellm_proxy_mcp_handler.py"),
        extra="litellm[mcp]",
    ),
    Kept(
        candidate=candidate("requests", "2.32.0"),
        evidence=failure("requests"),
        bytes=400_000,
        via=("litellm", "tiktoken"),
        question=question("requests", "import"),
    ),
    Kept(
        candidate=candidate("tiktoken", "0.12.0", "cp312-cp312-manylinux_2_28_x86_64"),
        evidence=failure("tiktoken"),
        bytes=3_000_000,
        via=("litellm",),
        question=question("tiktoken", "import", "litellm/utils.py"),
    ),
)
LEFT_OUT = (
    LeftOut(candidate=candidate("botocore", "1.43.0"), bytes=25_000_000, reason="provided"),
    LeftOut(candidate=candidate("hf-xet", "1.2.0"), bytes=7_200_000, reason="never asked for"),
    LeftOut(
        candidate=candidate("tokenizers", "0.22.0"),
        bytes=9_000_000,
        reason="optional: ImportError is caught near the import",
        question=question("tokenizers", "openai/token-counting", "litellm/utils.py"),
        askers=(
            asker(
                "tokenizers",
                "litellm",
                "litellm/utils.py",
                "bedrock/tokens",
                "openai/token-counting",
                why_optional="except ImportError at litellm/utils.py:75",
            ),
        ),
        modules=("tokenizers",),
    ),
)
ALL: tuple[Kept | LeftOut, ...] = (*KEPT, *LEFT_OUT)
RESOLUTION = Resolution(
    pins={each.candidate.name: each.candidate for each in ALL},
    root=canonicalize_name("litellm"),
    provided=frozenset({canonicalize_name("botocore")}),
    requires={canonicalize_name("litellm"): frozenset({canonicalize_name("requests"), canonicalize_name("tiktoken")})},
    extras={canonicalize_name("mcp"): "litellm[mcp]"},
    passed_over=tuple(
        PassedOver(
            name=canonicalize_name("litellm"),
            version=Version(version),
            reason="it needs certifi>=2026.10.19, and the index has 2026.10.18 at most",
        )
        for version in ("1.109.1", "1.108.11")
    ),
    notes=("certifi>=2026.7 replaces certifi>=2026.10.19 (--override)",),
)
BEHAVIOUR = Behaviour(
    stages=(
        StageBehaviour(stage="import", status="passed", warnings=("DeprecationWarning: old (litellm)",)),
        StageBehaviour(
            stage="openai/chat",
            status="passed",
            output=("hello",),
            errors=("using the slow tokenizer",),
            exits=("exit 0 (litellm/utils.py:75)",),
            requests=(
                RecordedRequest(
                    method="POST",
                    target="/v1/chat/completions",
                    headers=(("user-agent", "OpenAI/Python"), ("accept", "*/*")),
                    body='{"model": "gpt"}',
                ),
            ),
        ),
    )
)
LOCK = Lock(
    root="litellm",
    command="lock --providers openai,bedrock --provided botocore==1.43.0 --override 'certifi>=2026.7'",
    stages=("import", "openai/chat", "openai/tools", "bedrock/chat"),
    resolution=RESOLUTION,
    selection=Selection(kept=KEPT, left_out=LEFT_OUT),
    platforms=(HOST,),
    proven_on=HOST,
    behaviour=BEHAVIOUR,
    noise=("request header date",),
    inputs={"profile litellm": "ab" * 32, "smoke openai/chat": "cd" * 32},
    certificate=Certificate(
        subject="ef" * 32,
        outcomes=(
            Outcome(distribution=canonicalize_name("boto3"), result=failure("boto3", "bedrock/chat")),
            Outcome(distribution=canonicalize_name("charset-normalizer"), result=DIFFERENCE),
            Outcome(distribution=canonicalize_name("litellm")),
        ),
        orders=("features in reverse order",),
    ),
)


def _pins(kept: tuple[Kept, ...], left_out: tuple[LeftOut, ...]) -> dict[NormalizedName, Candidate]:
    members: tuple[Kept | LeftOut, ...] = (*kept, *left_out)
    return {each.candidate.name: each.candidate for each in members}


def with_selection(lock: Lock, kept: tuple[Kept, ...], left_out: tuple[LeftOut, ...]) -> Lock:
    """*lock* with another selection, and the closure that goes with it."""
    pins = _pins(kept, left_out)
    root = lock.resolution.root if lock.resolution.root in pins else min(pins)
    resolution = replace(
        lock.resolution, pins=pins, root=root, provided=lock.resolution.provided & pins.keys(), requires={}, extras={}
    )
    return replace(lock, resolution=resolution, selection=Selection(kept=kept, left_out=left_out))


# Any lock. Texts include what breaks naive writers: line boundaries of Unicode, number signs, backslashes, surrogates.
_TEXTS = st.text(max_size=12) | st.sampled_from(["a\nb", "x\u2028evil==1", "# \\", "\udc80", "\x1cq==1", ""])
_NAMES = st.from_regex(r"[a-z0-9]{1,3}(-[a-z0-9]{1,2})?", fullmatch=True).map(canonicalize_name)
_REQUIREMENTS = st.sampled_from(["a", "a[b]", "a-b==1.0", "a>1; os_name == 'x'"])
_VERSIONS = st.sampled_from(["0.1", "1.0.post1", "2!3.4rc1", "1.0+local.1", "26.7"])
_TAGS = st.sampled_from(["py3-none-any", "cp312-cp312-manylinux_2_28_x86_64", "py2.py3-none-any"])
_NEEDS = st.sampled_from(QuestionKind)
_FRAMES = st.builds(Frame, file=_TEXTS, line=st.integers(min_value=1), function=_TEXTS)
_QUESTIONS = st.builds(
    Question,
    need=_NEEDS,
    name=_TEXTS,
    frames=st.lists(_FRAMES, max_size=2).map(tuple),
    stage=_TEXTS,
    order=st.integers(),
)
_ASKERS = st.lists(
    st.builds(
        Asker,
        need=_NEEDS,
        name=_TEXTS,
        frame=st.none() | _FRAMES,
        distribution=st.none() | _NAMES,
        why_optional=st.none() | _TEXTS,
        stages=st.lists(_TEXTS, max_size=2).map(tuple),
    ),
    max_size=2,
).map(tuple)


def _sorted_texts() -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(_TEXTS, max_size=3).map(lambda texts: tuple(sorted(texts)))


def _evidence(name: NormalizedName) -> st.SearchStrategy[Evidence]:
    request = st.builds(Request, kind=st.just("request"), distribution=st.just(name), asked_by=_TEXTS)
    return st.one_of(_failures(name), _differences(name), request)


def _failures(name: NormalizedName) -> st.SearchStrategy[Failure]:
    methods = st.sampled_from(["fork", "feature", "run"])
    return st.builds(
        Failure, kind=st.just("failure"), distribution=st.just(name), stage=_TEXTS, error=_TEXTS, method=methods
    )


def _differences(name: NormalizedName) -> st.SearchStrategy[Difference]:
    return st.builds(Difference, kind=st.just("difference"), distribution=st.just(name))


@st.composite
def _candidates(draw: st.DrawFn, name: NormalizedName) -> Candidate:
    version = draw(_VERSIONS)
    return candidate(name, version, *draw(st.sets(_TAGS, min_size=1)))


@st.composite
def _kept(draw: st.DrawFn, name: NormalizedName) -> Kept:
    return Kept(
        candidate=draw(_candidates(name)),
        evidence=draw(_evidence(name)),
        bytes=draw(st.integers(min_value=0)),
        via=draw(_sorted_texts()),
        providers=draw(_sorted_texts()),
        question=draw(st.none() | _QUESTIONS),
        askers=draw(_ASKERS),
        loaded=draw(_sorted_texts()),
        extra=draw(st.none() | _REQUIREMENTS),
    )


@st.composite
def _left_out(draw: st.DrawFn, name: NormalizedName) -> LeftOut:
    return LeftOut(
        candidate=draw(_candidates(name)),
        bytes=draw(st.integers(min_value=0)),
        reason=draw(_TEXTS),
        question=draw(st.none() | _QUESTIONS),
        askers=draw(_ASKERS),
        modules=draw(_sorted_texts()),
        degraded=draw(st.none() | _differences(name)),
    )


_REQUESTS = st.builds(RecordedRequest, headers=st.lists(st.tuples(_TEXTS, _TEXTS), max_size=2).map(tuple))
_STAGES = st.builds(
    StageBehaviour,
    output=_sorted_texts(),
    errors=_sorted_texts(),
    warnings=_sorted_texts(),
    logs=_sorted_texts(),
    exits=_sorted_texts(),
    connections=_sorted_texts(),
    requests=st.lists(_REQUESTS, max_size=2).map(tuple),
)
_TAG_SEQUENCES = st.lists(
    st.builds(
        Tag, st.sampled_from(["cp312", "py3"]), st.sampled_from(["none", "abi3"]), st.sampled_from(["any", "win32"])
    ),
    max_size=8,
).map(tuple)


def _mappings() -> st.SearchStrategy[Mapping[str, str]]:
    return st.dictionaries(_TEXTS, _TEXTS, max_size=2)


@st.composite
def _resolutions(draw: st.DrawFn, pins: Mapping[NormalizedName, Candidate]) -> Resolution:
    some = st.frozensets(st.sampled_from(sorted(pins)), max_size=2)
    passed_over = st.builds(PassedOver, name=_NAMES, version=_VERSIONS.map(Version), reason=_TEXTS)
    return Resolution(
        pins=pins,
        root=draw(st.sampled_from(sorted(pins))),
        whole=draw(some),
        provided=draw(some),
        requires=draw(st.dictionaries(st.sampled_from(sorted(pins)), st.frozensets(_NAMES, max_size=3), max_size=2)),
        extras=draw(st.dictionaries(st.sampled_from(sorted(pins)), _REQUIREMENTS, max_size=2)),
        passed_over=tuple(draw(st.lists(passed_over, max_size=3))),
        notes=tuple(draw(st.lists(_TEXTS, max_size=2))),
    )


_OUTCOMES = _NAMES.flatmap(
    lambda name: st.builds(Outcome, distribution=st.just(name), result=st.none() | _differences(name) | _failures(name))
)
_CERTIFICATES = st.builds(
    Certificate, subject=_TEXTS, outcomes=st.lists(_OUTCOMES, max_size=2).map(tuple), notes=_sorted_texts()
)


@st.composite
def locks(draw: st.DrawFn) -> Lock:
    """Any lock, ordered as the model says."""
    names = sorted(draw(st.sets(_NAMES, min_size=1, max_size=4)))
    split = draw(st.integers(min_value=0, max_value=len(names)))
    kept = tuple(draw(_kept(name)) for name in names[:split])
    left_out = tuple(draw(_left_out(name)) for name in names[split:])
    platforms = [
        replace(HOST, name=name, tags=draw(_TAG_SEQUENCES))
        for name in sorted(draw(st.sets(st.sampled_from(["a", "b", "host"]), min_size=1)))
    ]
    return Lock(
        root=draw(_REQUIREMENTS),
        command="lock",
        stages=draw(_sorted_texts()),
        resolution=draw(_resolutions(_pins(kept, left_out))),
        selection=Selection(kept=kept, left_out=left_out),
        platforms=tuple(platforms),
        proven_on=draw(st.sampled_from(platforms)),
        behaviour=Behaviour(stages=tuple(draw(st.lists(_STAGES, max_size=2)))),
        noise=draw(_sorted_texts()),
        inputs=draw(_mappings()),
        certificate=draw(st.none() | _CERTIFICATES),
        hashes=draw(st.booleans()),
        annotate=draw(st.booleans()),
    )
