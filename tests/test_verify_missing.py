"""Which misses explain a test that passes only with everything declared."""

from __future__ import annotations

from packaging.utils import canonicalize_name
from samplelock import LOCK

from minreq.model import Frame, Question, QuestionKind
from minreq.verify.missing import AbsentDistributions, Miss, choose_misses, find_misses
from minreq.verify.outcomes import Outcome


class TestMisses:
    """Which misses explain a test; no run."""

    ABSENT = AbsentDistributions(
        modules={"far": canonicalize_name("far"), "space.near": canonicalize_name("near")},
        names=frozenset(map(canonicalize_name, ("far", "near"))),
    )

    def test_owners(self) -> None:
        assert self.ABSENT.shared == ("space",)
        assert [self.ABSENT.owner(name) for name in ("far.inner", "space.near.x", "space.other", "fa")] == [
            *("far", "near", None, None)
        ]
        assert self.ABSENT.find(question("Near", need=QuestionKind.METADATA)) == "near"
        assert self.ABSENT.find(question("../near", need=QuestionKind.METADATA)) is None
        assert self.ABSENT.find(question("", need=QuestionKind.LIST)) is None
        assert self.ABSENT.without(frozenset({canonicalize_name("far")})).owner("far") is None

    def test_places(self) -> None:
        """Files of tools and of Python are no places; what only a tool asks for is no miss."""
        own = question("far", "tool", "t/a.py")
        found = find_misses([("a", own), ("a", own), ("b", question("far", "tool"))], self.ABSENT, LOCK, name_file)
        assert [(miss.test, miss.module, miss.frame and miss.frame.file) for miss in found] == [("a", "far", "t/a.py")]

    def test_text_of_a_subprocess(self) -> None:
        """``python -c`` has no file, and is the program's all the same."""
        (found,) = find_misses([("a", question("far", "<string>"))], self.ABSENT, LOCK, name_file)
        assert (found.test, found.module, found.frame) == ("a", "far", None)
        assert find_misses([("a", question("far", "<string>", "tool"))], self.ABSENT, LOCK, name_file) == ()

    def test_choice(self) -> None:
        named, own, other, declined = (
            Miss(distribution=canonicalize_name(name), module=name, frame=None, test=test, declined=is_declined)
            for name, test, is_declined in (
                ("far", "elsewhere", False),
                ("near", "t/a.py::x", False),
                ("near", "", False),
                ("far", "t/a.py", True),
            )
        )
        failed = Outcome(status="failed", missing=(("far", None), ("other", None)))
        everything = [declined, other, own, named]
        test = "t/a.py::x"
        assert choose_misses(test, failed, everything, self.ABSENT) == (declined,)
        plain = Outcome(status="failed")
        assert choose_misses(test, plain, everything, self.ABSENT) == (other,)
        assert choose_misses(test, plain, [declined, named], self.ABSENT) == (named,)
        assert choose_misses(test, plain, [declined], self.ABSENT) == (declined,)
        assert choose_misses(test, plain, [declined], self.ABSENT, only_own=True) == ()
        assert choose_misses(test, plain, [], self.ABSENT) == ()


def question(name: str, *files: str, need: QuestionKind = QuestionKind.IMPORT) -> Question:
    frames = tuple(Frame(file=file, line=1, function="f") for file in files)
    return Question(need=need, name=name, frames=frames, stage="s")


def name_file(file: str) -> str | None:
    return None if file == "tool" or file.startswith("<") else file
