"""How the tests of a run ended, from what pytest reports."""

from __future__ import annotations

from minreq.model import Frame
from minreq.smoke.pytestevents import PytestEvent
from minreq.verify.outcomes import Outcome, RunOutcomes, nodes_around, read_outcomes


class TestOutcomes:
    """Reading of what pytest reports; no run."""

    @staticmethod
    def read(*events: PytestEvent) -> RunOutcomes:
        return read_outcomes(events, ending="the end")

    def test_the_worst_part_counts(self) -> None:
        """Also of a message that came twice, as from pytest-xdist, and of subtests."""
        parts = [report("a", when, "passed") for when in ("setup", "call", "teardown")]
        assert self.read(*parts, *parts).find("a") == Outcome(status="passed")
        assert self.read(*parts, report("a", "call", "failed", text="why")).find("a").status == "failed"
        assert self.read(*parts, report("a", "teardown", "failed")).find("a").status == "error"
        assert self.read(report("a", "call", "rerun"), *parts).find("a").passes

    def test_marks(self) -> None:
        assert self.read(report("a", "call", "skipped", expected=True)).find("a").status == "xfailed"
        assert self.read(report("a", "call", "passed", expected=True)).find("a").status == "xpassed"
        assert self.read(report("a", "setup", "skipped", text="no")).find("a") == Outcome(status="skipped", text="no")

    def test_a_process_that_ends(self) -> None:
        begun = PytestEvent(kind="begin", test="a")
        collected = PytestEvent(kind="collected", tests=("a", "b"))
        found = self.read(collected, begun, report("a", "setup", "passed"))
        assert found.find("a") == Outcome(status="interrupted", text="the end")
        assert found.remaining == ("b",)
        assert found.find("b") == Outcome(status="did not run", text="the end")
        joined = found.join(self.read(report("b", "call", "passed")))
        assert (joined.remaining, joined.find("b").passes, joined.find("a").passes) == ((), True, False)

    def test_a_teardown_that_ends_the_process(self) -> None:
        begun = PytestEvent(kind="begin", test="a")
        assert self.read(begun, report("a", "call", "passed")).find("a").status == "interrupted"
        crashed = report("a", "???", "failed", text="worker 'gw0' crashed")
        assert self.read(begun, crashed).find("a") == Outcome(status="failed", text="worker 'gw0' crashed")

    def test_what_cannot_be_collected(self) -> None:
        frame = Frame(file="t/b.py", line=3, function="<module>")
        error = PytestEvent(kind="error", test="t/b.py", text="ImportError: x", missing=(("x", frame),))
        found = self.read(report("t/b.py", "collect", "failed", text="long"), error)
        lost = found.find("t/b.py::TestX::test_y[a::b/c]")
        assert lost == Outcome(status="not collected", text="ImportError: x", missing=(("x", frame),))
        assert found.find("t/c.py::test_z") == Outcome(status="not collected", text="the end")
        skipped = self.read(report("t", "collect", "skipped", text="no x"))
        assert skipped.find("t/b.py::test_y") == Outcome(status="skipped", text="no x")

    def test_nodes(self) -> None:
        assert [*nodes_around("t/u/b.py::X::test_y[a::b/c]")] == ["t/u/b.py::X", "t/u/b.py", "t/u", "t", ".", ""]


def report(test: str, when: str, outcome: str, *, text: str = "", expected: bool = False) -> PytestEvent:
    return PytestEvent(kind="report", test=test, when=when, outcome=outcome, text=text, expected=expected)
