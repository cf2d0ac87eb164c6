"""Every error that a user may see: a sentence, an exit status, a reason, and its facts as fields."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from minreq import errors
from minreq.errors import MinreqError

BRANCHES: dict[type[MinreqError], int] = {
    errors.NegativeAnswer: 1,
    errors.UsageError: 2,
    errors.BaselineFailure: 3,
    errors.ResolutionFailure: 4,
    errors.IndexFailure: 5,
    errors.SystemFailure: 1,
}


def subclasses(branch: type[MinreqError]) -> Iterator[type[MinreqError]]:
    for each in branch.__subclasses__():
        yield each
        yield from subclasses(each)


CLASSES = sorted(set(subclasses(MinreqError)) - set(BRANCHES), key=lambda kind: kind.__name__)
TELLING = [kind for kind in CLASSES if kind.__init__ is not MinreqError.__init__]


def sample(annotation: Any) -> Any:
    """A value of a parameter's type, as an error may carry it."""
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return sample(arguments[0])
    if origin is tuple and arguments[-1] is Ellipsis:
        return (sample(arguments[0]),)
    if origin is tuple:
        return tuple(map(sample, arguments))
    if origin is Sequence:
        return [sample(arguments[0])]
    if origin is Mapping:
        return {sample(arguments[0]): sample(arguments[1])}
    simple: dict[Any, Any] = {str: "fact", int: 7, float: 7.0, bool: True, Path: Path("fact"), object: "fact"}
    simple[datetime] = datetime(2026, 11, 22, tzinfo=timezone.utc)
    return simple[annotation]


def instance(kind: type[MinreqError]) -> MinreqError:
    if kind not in TELLING:
        return kind()
    hints = typing.get_type_hints(kind.__init__)
    names = [name for name in inspect.signature(kind).parameters if name in hints]
    return kind(**{name: sample(hints[name]) for name in names})


def test_branches_have_the_designed_statuses() -> None:
    """Exit statuses are a contract; a new branch would need one of its own."""
    assert set(MinreqError.__subclasses__()) == set(BRANCHES)
    assert {branch: branch.exit_status for branch in BRANCHES} == BRANCHES


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_error(kind: type[MinreqError]) -> None:
    """It makes a sentence of its facts, belongs to one branch, and has a docstring."""
    error = instance(kind)
    text = str(error)
    assert text.strip()
    assert text == text.strip()
    assert not text.endswith(".")
    assert kind.__doc__
    (branch,) = BRANCHES.keys() & set(kind.__mro__)
    assert kind.exit_status == BRANCHES[branch]
    assert kind.reason.replace("-", "").isalpha()
    assert kind.reason == kind.reason.lower()


@pytest.mark.parametrize("kind", TELLING, ids=lambda kind: kind.__name__)
def test_facts_are_fields(kind: type[MinreqError]) -> None:
    """What it was made with can be read from it, under the same names."""
    error = instance(kind)
    for name in list(inspect.signature(kind).parameters):
        assert hasattr(error, name)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            errors.OverBudget(1500, 1000, (), ("cold", None), is_compiled=True, is_measured=True),
            (
                "the lock installs 1,500 bytes with bytecode, over the budget of 1,000 by 500 bytes; nothing was "
                "written; "
                "`minreq build --slim cold` makes a smaller tree: give the budget to the build, and lock without it"
            ),
        ),
        (
            errors.OverBudget(900_000, 850_000, ["a 9", "b 6"], ("cold", 812_345), is_compiled=True, is_measured=False),
            (
                "the lock installs 900,000 bytes with bytecode (an estimate), over the budget of 850,000 by 50,000 "
                "bytes; the largest: a 9, b 6; nothing was written; `minreq build --slim cold` makes a tree of "
                "about 812,300 bytes: give the budget to the build, and lock without it"
            ),
        ),
        (
            errors.OverBudget(
                1501,
                1500,
                (),
                ("unused", 1600),
                ["fewer --providers", "fewer --features"],
                is_compiled=True,
                is_measured=True,
            ),
            (
                "the lock installs 1,501 bytes with bytecode, over the budget of 1,500 by 1 byte; nothing was "
                "written; `minreq build --slim unused` makes a tree of about 1,600 bytes, which is over it too: lock "
                "with fewer --providers or fewer --features"
            ),
        ),
        (
            errors.OverBudget(900_000, 300_000, (), ("unused", 500_000), is_compiled=False, is_measured=True),
            (
                "the lock installs 900,000 bytes without bytecode, over the budget of 300,000 by 600,000 bytes; "
                "nothing was written; `minreq build --slim unused --bytecode none` makes a tree of about 500,000 "
                "bytes, which is over it too: deploy a container image"
            ),
        ),
        (
            errors.EmulatorStopped(1, "Traceback\nOSError: no port\n"),
            "the emulator ended with status 1: OSError: no port; nothing was written; try again",
        ),
        (
            errors.EmulatorStopped(-9, ""),
            "the emulator ended with status -9 and no message; nothing was written; try again",
        ),
        (
            errors.InvalidOptions(["--jobs: not a number", "--budget: not a size"]),
            "2 options are wrong:\n  --jobs: not a number\n  --budget: not a size",
        ),
        (errors.InvalidOptions(["--jobs: not a number"]), "--jobs: not a number"),
        (
            errors.UnknownLock(None, ["web", "jobs"]),
            "several locks are configured; choose one with --name (configured in [tool.minreq.locks]: web, jobs)",
        ),
        (
            errors.UnknownLock("wob", []),
            "no lock is named 'wob' (no locks are configured; omit --name, or add [tool.minreq.locks.NAME])",
        ),
        (
            errors.LockUnreadable("r.txt", [(3, "no pin")]),
            "r.txt:3: no pin; repair it, or move it away and lock again",
        ),
        (
            errors.LockUnreadable("r.txt", [(3, "no pin"), (4, "no hash")]),
            "r.txt is not a lock; repair it, or move it away and lock again:\n  r.txt:3: no pin\n  r.txt:4: no hash",
        ),
        (
            errors.EvidenceUnreadable("e.json", "", "no JSON"),
            "e.json: no JSON; restore the file, or run `minreq lock` again",
        ),
        (
            errors.RunsDisagree(["b: it fails"]),
            (
                "runs contradict the lock, twice each; either minreq has a defect, or features depend on each other, "
                "or the smoke depends on what minreq's hook loads; nothing was written; --settle runs finds the set by "
                "separate runs, without shortcuts:\n"
                "  b: it fails"
            ),
        ),
        (
            errors.UnknownPlatform("lambda", ("a", "b"), None),
            "no platform 'lambda'; known platforms: a, b",
        ),
        (errors.UnknownPlatform("lambda", ("a", "b"), "a"), "no platform 'lambda'; did you mean a?"),
        (
            errors.UnknownRuntime("lambda", ("a", "b"), None),
            "no runtime 'lambda'; name what it has with --provided (known runtimes: a, b)",
        ),
        (errors.UnknownRuntime("c", ("a", "b"), "a"), "no runtime 'c'; did you mean a? (known runtimes: a, b)"),
        (
            errors.RuntimeDiffers("lambda-python3.12", "3.12", "host", "3.13"),
            ("--runtime lambda-python3.12 has Python 3.12, but the lock is for 3.13; name a Python 3.12 with --python"),
        ),
        (
            errors.RuntimeDiffers("lambda-python3.12", "3.12", "lambda-python3.13-arm64", "3.13"),
            (
                "--runtime lambda-python3.12 has Python 3.12, but the lock is for 3.13 on lambda-python3.13-arm64; "
                "make --runtime and --platform agree"
            ),
        ),
        (
            errors.UnknownProvider("opanai", ()),
            "no provider 'opanai': the root has no profile; name a script with --smoke instead",
        ),
        (
            errors.UnknownProvider("opanai", ("bedrock", "openai")),
            "no provider 'opanai' (did you mean openai?); known: bedrock, openai",
        ),
        (
            errors.UnknownProvider("zzz", ("bedrock", "openai")),
            "no provider 'zzz'; known: bedrock, openai",
        ),
        (errors.UnknownProvider("cohort", ("cohere",)), "no provider 'cohort'; known: cohere"),
        (errors.RequirementsUnreadable(Path("r.in"), None, "not text"), "r.in: not text"),
        (errors.RequirementsUnreadable(Path("r.in"), 4, "not a name"), "r.in, line 4: not a name"),
        (errors.RequirementsUnreadable("https://a.example/r", 4, "x"), "https://a.example/r, line 4: x"),
        (errors.MarkerInvalid("--whole a ; x", "why"), "--whole a ; x: why; correct the marker"),
        (
            errors.RootNotApplicable("a ; x"),
            "a ; x: the marker does not hold on this platform, so there is nothing to lock; omit the marker",
        ),
        (
            errors.NoVersion("a>2", "a", None, {}),
            "no version of a that can be used satisfies a>2; the index has none",
        ),
        (
            errors.NoVersion("a>2", "a", None, {}, datetime(2026, 11, 22, 12, tzinfo=timezone.utc)),
            (
                "no version of a that can be used satisfies a>2; the index has none, among those that the index "
                "lists as uploaded by 2026-11-22 12:00 (--exclude-newer)"
            ),
        ),
        (
            errors.NoVersion("a>2", "a", "1.0", {"3.0": "is yanked"}),
            "no version of a that can be used satisfies a>2: a 3.0 is yanked; the newest that can be used is 1.0",
        ),
        (
            errors.NoVersion("a>2", "a", "1.0", dict.fromkeys(["6.0", "5.0", "4.0", "3.0"], "is yanked")),
            (
                "no version of a that can be used satisfies a>2: a 6.0 is yanked, a 5.0 is yanked, a 4.0 is yanked, "
                "and 1 more cannot be used; "
                "the newest that can be used is 1.0"
            ),
        ),
        (
            errors.HashesRequired({"a==1.0": "00"}),
            (
                "a line with --hash or --require-hashes means that every distribution needs a hash, and these have "
                "none; add the lines if you trust the files, or add the line --no-require-hashes:"
                "\n  a==1.0 --hash=sha256:00"
            ),
        ),
        (errors.VersionsConflict("a", "b", "why", "remedy", 1), "cannot resolve a: why; remedy"),
        (
            errors.VersionsConflict("a", "b", "why", "remedy", 3),
            "cannot resolve a (none of 3 versions works; the newest): why; remedy",
        ),
        (
            errors.ProjectNotFound("a", ()),
            (
                "no project 'a' (no index and no folder is configured (--no-index)); "
                "check the name, or name its index with --extra-index-url"
            ),
        ),
        (
            errors.IndexStatusError(403, "u"),
            "u answered with status 403; give credentials in the index URL, in netrc or in keyring",
        ),
        (errors.IndexStatusError(503, "u"), "u answered with status 503; the server failed; try again later"),
        (errors.IndexStatusError(410, "u"), "u answered with status 410; check the URL of the index"),
        (errors.SizeMismatch("u", 10, 5), "u sent 5 bytes where 10 were expected"),
        (errors.SizeMismatch("u", 10, 15), "u sent 15 or more bytes where 10 were expected"),
    ],
)
def test_sentence_fits_the_facts(error: MinreqError, sentence: str) -> None:
    """A sentence says what is known and leaves out what is not."""
    assert str(error) == sentence
