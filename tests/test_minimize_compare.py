"""How two runs behaved differently: what counts, what is new in each run, what is noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from random import Random
from typing import Any

import pytest
from hypothesis import given, strategies as st

from minreq.minimize.compare import (
    Deviation,
    describe,
    differs_in_numbers,
    find_deviations,
    find_deviations_in_volatile_text,
)
from minreq.minimize.noise import drop_noisy_kinds, subtract_noise
from minreq.minimize.record import normalize_behaviour
from minreq.minimize.volatiletext import normalize_text
from minreq.model import Behaviour, RecordedRequest, StageBehaviour
from minreq.smoke.messages import read_result
from minreq.smoke.results import WorkerRecord


def stage(name: str = "openai/chat", **facts: Any) -> StageBehaviour:
    return StageBehaviour(stage=name, status=facts.pop("status", "passed"), **facts)


PLAIN = stage()
#: The result of a stage that did nothing.
MESSAGE: dict[str, Any] = {
    "status": "passed",
    "traceback": "",
    "output": "",
    "errors": "",
    **{
        each: []
        for each in ("warnings", "logs", "exits", "connections", "declined", "missing", "opened", "loaded", "caught")
    },
}


def changed(whole: StageBehaviour, **facts: Any) -> StageBehaviour:
    return replace(whole, **facts)


def behaviour(*stages: StageBehaviour) -> Behaviour:
    return Behaviour(stages=stages)


def request(target: str = "/v1/chat", body: str = "{}", method: str = "POST", **headers: str) -> RecordedRequest:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return RecordedRequest(method=method, target=target, headers=named, body=body)


def compared(first: StageBehaviour, second: StageBehaviour) -> list[tuple[str, str, str]]:
    return [(each.what, each.first, each.second) for each in find_deviations(behaviour(first), behaviour(second))]


def test_equal_behaviour() -> None:
    """A run does not differ from itself."""
    whole = stage(
        output=("a",),
        errors=("e",),
        warnings=("w",),
        logs=("l",),
        exits=("exit 0 (a.py:1)",),
        connections=("c:1",),
        requests=(request(x="1"),),
    )
    assert compared(whole, whole) == []


@pytest.mark.parametrize("what", ["output", "errors", "warnings", "logs", "connections"])
def test_lines(what: str) -> None:
    """The deviation has only the lines of one side, each as often as that side has it more."""
    first, second = changed(PLAIN, **{what: ("same", "x", "x")}), changed(PLAIN, **{what: ("x", "new", "same")})
    assert compared(first, second) == [(what, "x", "new")]
    assert compared(second, first) == [(what, "new", "x")]


@pytest.mark.parametrize("what", ["warnings", "logs", "connections"])
def test_order_of_lines_does_not_count(what: str) -> None:
    """Threads may be faster or slower."""
    assert compared(changed(PLAIN, **{what: ("a", "b")}), changed(PLAIN, **{what: ("b", "a")})) == []


@pytest.mark.parametrize("what", ["output", "errors"])
@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param("a b c d", "a c b d", [("order of {}", "b c", "c b")], id="from-the-first-to-the-last"),
        pytest.param("a 1 b", "b 2 a", [("{}", "1", "2"), ("order of {}", "a b", "b a")], id="beside-another-line"),
        pytest.param("a b a", "a b", [("{}", "a", "")], id="one-is-missing"),
        pytest.param("a b a", "b a a", [("order of {}", "a b", "b a")], id="several-times"),
        pytest.param("a 0x7f3bd4a01d30", "a 0x7f3bd4a01d99", [], id="new-in-each-run"),
    ],
)
def test_order_of_printed_lines(what: str, first: str, second: str, expected: list[tuple[str, str, str]]) -> None:
    """A line that varies does not hide that others stand in another order."""
    found = compared(changed(PLAIN, **{what: tuple(first.split())}), changed(PLAIN, **{what: tuple(second.split())}))
    assert found == [(kind.format(what), *(text.replace(" ", "\n") for text in texts)) for kind, *texts in expected]


def test_order_that_is_noise_hides_no_missing_line() -> None:
    """Threads print in any order, and each of them prints."""
    one, other, now = (behaviour(changed(PLAIN, output=tuple(lines))) for lines in ("abc", "bac", "cb"))
    noise = find_deviations(one, other)
    assert [each.what for each in noise] == ["order of output"]
    found = subtract_noise(find_deviations(one, now), noise)
    assert [(each.what, each.first) for each in found] == [("output", "a")]
    recorded = normalize_behaviour(one, noise)
    assert recorded == normalize_behaviour(other, noise)
    assert recorded.stages[0].output == ("a", "b", "c")


def test_exits_are_compared_where_both_runs_waited() -> None:
    """What is left out may start processes that nobody else looks at."""
    first = changed(PLAIN, exits=("exit 0 (a.py:1)", "exit 0 (b.py:2)"))
    second = changed(PLAIN, exits=("exit 1 (a.py:1)", "exit -9 (c.py:3)"))
    assert compared(first, second) == [("exits", "exit 0 (a.py:1)", "exit 1 (a.py:1)")]
    assert compared(second, first) == [("exits", "exit 1 (a.py:1)", "exit 0 (a.py:1)")]


def test_of_connections_only_addresses_are_compared() -> None:
    """Files and programs are reported to the user, and keep nothing."""
    tried = changed(PLAIN, connections=("host:443", "read ~/.netrc (a/b.py:3)", "run /sbin/ldconfig (a/b.py:4)"))
    assert compared(PLAIN, tried) == [("connections", "", "host:443")]


def test_number_of_connections_does_not_count() -> None:
    """Of two threads that open the same address both try, or one of them uses what the other found."""
    once, twice = (
        read_result("chat", {**MESSAGE, "connections": ["host:443"] * times}, str).behaviour for times in (1, 2)
    )
    assert once == twice
    assert once.connections == ("host:443",)


def test_records_of_workers_belong_to_the_stage() -> None:
    """And what shows them on stderr does not."""
    message = {**MESSAGE, "logs": ["WARNING a: mine"], "errors": "before\nx theirs\nafter\n"}
    records = [
        WorkerRecord(stage="chat", lines={"logs": ("WARNING b: theirs",), "shown": ("x theirs\n",)}),
        WorkerRecord(stage="chat", lines={"warnings": ("UserWarning: old (b.py)",), "shown": ("written elsewhere\n",)}),
        WorkerRecord(stage="chat", lines={"exits": ("exit 1 (b.py:1)",)}),
        WorkerRecord(stage="chat", lines={"exits": ("exit 1 (b.py:1)",)}),
    ]
    found = read_result("chat", message, str, records).behaviour
    assert found.logs == ("WARNING a: mine", "WARNING b: theirs")
    assert found.warnings == ("UserWarning: old (b.py)",)
    assert found.exits == ("exit 1 (b.py:1)",)
    assert found.errors == ("before", "after")


@pytest.mark.parametrize(
    ("again", "now", "expected"),
    [
        pytest.param(("b", "y"), ("b", "z"), [], id="varies-as-before"),
        pytest.param(("b", "y"), ("z",), [("output", "b", "")], id="a-line-of-both-is-missing"),
        pytest.param(
            ("b", "y"), ("b", "z", "new"), [("output", "lines that vary: 1", "lines that vary: 2")], id="one-more"
        ),
        pytest.param(("b", "y", "y"), ("b", "z", "new"), [], id="how-many-varies-too"),
    ],
)
def test_a_line_that_varies_hides_no_other(
    again: tuple[str, ...], now: tuple[str, ...], expected: list[tuple[str, str, str]]
) -> None:
    first, second, third = (behaviour(changed(PLAIN, output=lines)) for lines in (("b", "x"), again, now))
    found = subtract_noise(find_deviations(first, third), find_deviations(first, second))
    assert [(each.what, each.first, each.second) for each in found] == expected


@pytest.mark.parametrize(
    ("again", "now", "expected"),
    [
        pytest.param("12:34", "12:34", "False", id="the-clock-stands"),
        pytest.param("12:35", "12:34", "False", id="the-clock-goes-on-later"),
        pytest.param("12:35", "12:36", "False", id="the-clock-goes-on"),
        pytest.param("noon", "12:36", "", id="more-than-numbers-varies"),
    ],
)
def test_a_clock_does_not_change_the_evidence(again: str, now: str, expected: str) -> None:
    """Whether two runs were within one minute is chance; where words vary, a new line may be chance, too."""
    first, second, third = (
        behaviour(changed(PLAIN, output=lines)) for lines in (("12:34", "True"), (again, "True"), (now, "False"))
    )
    found = subtract_noise(find_deviations(first, third), find_deviations(first, second))
    assert [(each.what, each.first, each.second) for each in found] == [("output", "True", expected)]


def test_status() -> None:
    """How a stage ended comes first."""
    first, second = stage(output=("a",)), stage(status="ValueError: x", output=())
    assert compared(first, second) == [("status", "passed", "ValueError: x"), ("output", "a", "")]


def test_stage_that_did_not_run() -> None:
    """A stage that only the first run has is a difference; one that only the second has does not count."""
    first = behaviour(stage("import"), stage("openai/chat"))
    second = behaviour(stage("import"))
    assert [(each.stage, each.what, each.second) for each in find_deviations(first, second)] == [
        ("openai/chat", "status", "did not run")
    ]
    assert find_deviations(second, first) == ()


def test_plan_order() -> None:
    """Differences come in the order of the plan, whatever the order of the other run."""
    first = behaviour(stage("b/one"), stage("a/two"))
    second = behaviour(stage("a/two", output=("x",)), stage("b/one", output=("x",)))
    assert [each.stage for each in find_deviations(first, second)] == ["b/one", "a/two"]


def test_request_missing() -> None:
    """A request that only one of them sent."""
    found = compared(stage(requests=(request("/a"), request("/b"))), stage(requests=(request("/a"),)))
    assert found == [("requests", "POST /b", "")]


@pytest.mark.parametrize("other", [request("/v1/other"), request(method="GET")])
def test_request_of_another_line(other: RecordedRequest) -> None:
    """The deviation has method and target."""
    found = compared(stage(requests=(request(),)), stage(requests=(other,)))
    assert found == [("requests", "POST /v1/chat", f"{other.method} {other.target}")]


def test_request_with_another_body() -> None:
    """Headers that depend on the body are not compared; all others are."""
    first = stage(requests=(request(content_length="2", user_agent="app/1.0"),))
    second = stage(requests=(request(body='{"stream": true}', content_length="16", user_agent="app/0.0.0"),))
    assert compared(first, second) == [
        ("request body", "POST /v1/chat {}", 'POST /v1/chat {"stream": true}'),
        ("request header user-agent", "app/1.0", "app/0.0.0"),
    ]


def test_requests_with_other_bodies_are_paired_by_headers() -> None:
    """They are paired by their headers, since a body may be new in each run."""
    first = stage(requests=(request(body="1", accept="text"), request(body="9", accept="json")))
    second = stage(requests=(request(body="2", accept="json"), request(body="8", accept="text")))
    assert [what for what, *_ in compared(first, second)] == ["request body"]


def test_a_body_that_is_noise_is_not_recorded() -> None:
    """Nor is its length; the rest is recorded, in an order that does not depend on the body."""
    noise = [Deviation(stage="openai/chat", what="request body", first="", second="")]
    one = stage(requests=(request(body="1", content_length="1", accept="b"), request(body="22", accept="a")))
    two = stage(requests=(request(body="33", content_length="2", accept="b"), request(body="0", accept="a")))
    recorded = normalize_behaviour(behaviour(one), noise)
    assert recorded == normalize_behaviour(behaviour(two), noise)
    assert [each.headers for each in recorded.stages[0].requests] == [(("accept", "a"),), (("accept", "b"),)]
    assert drop_noisy_kinds(find_deviations(recorded, behaviour(two)), noise) == ()


def test_request_headers() -> None:
    """Headers of equal requests are compared one by one, a missing one as empty."""
    first = stage(requests=(request(accept="*/*", user_agent="app/1.0"),))
    second = stage(requests=(request(user_agent="app/0.0.0", x_new="1"),))
    assert compared(first, second) == [
        ("request header accept", "*/*", ""),
        ("request header user-agent", "app/1.0", "app/0.0.0"),
        ("request header x-new", "", "1"),
    ]


def test_header_that_comes_twice() -> None:
    """A header that comes twice has both values (RFC 9110, section 5.3)."""
    first = RecordedRequest(method="GET", target="/", headers=(("a", "1"), ("a", "2")), body="")
    second = replace(first, headers=(("a", "1"),))
    assert compared(stage(requests=(first,)), stage(requests=(second,))) == [("request header a", "1, 2", "1")]


def test_concurrent_requests_are_paired() -> None:
    """Equal lines with different headers, in another order, are the same requests."""
    one, two = request(user_agent="a"), request(user_agent="b")
    assert compared(stage(requests=(one, two)), stage(requests=(two, one))) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id 123e4567-e89b-12d3-a456-426614174000 end", "id # end"),
        ("sha " + "0a" * 32, "sha #"),
        ("md5 " + "0a" * 16, "md5 #"),
        ("short 0a0a0a0a", "short 0a0a0a0a"),
        ("at 20261122T115747Z.", "at #."),
        ("at 2026-11-22T11:57:47.123Z", "at #"),
        ("2026-11-22 11:57:47,123 INFO", "# INFO"),
        ("[11:57:47] INFO", "[#] INFO"),
        ("on 2026-11-22", "on 2026-11-22"),
        ("in 1:02:03", "in 1:02:03"),
        ("AKID/20261122/us-east-1/bedrock", "AKID/#/us-east-1/bedrock"),
        ("/v1/20261122x/", "/v1/20261122x/"),
        ("<object at 0x7f3bd4a01d30>", "<object at #>"),
        ("colour 0xfff", "colour 0xfff"),
        ("gpt-4o-2024-08-06", "gpt-4o-2024-08-06"),
        ("litellm/1.78.7", "litellm/1.78.7"),
        ("", ""),
    ],
)
def test_normalize_text(text: str, expected: str) -> None:
    """What is new in each run is left out; versions, names and small numbers stay."""
    assert normalize_text(text) == expected
    assert normalize_text(expected) == expected


def test_what_is_new_in_each_run_is_no_difference() -> None:
    """Signatures and identifiers differ in each run."""

    def run(identifier: str) -> StageBehaviour:
        asked = request(f"/v1/{identifier}", body=identifier, x_request_id=identifier)
        return stage(output=(f"id {identifier}",), requests=(asked,))

    first, second = run("123e4567-e89b-12d3-a456-426614174000"), run("00000000-e89b-12d3-a456-426614174000")
    assert compared(first, second) == []
    assert normalize_behaviour(behaviour(first)) == normalize_behaviour(behaviour(second))


SHA = ["0a" * 32, "0b" * 32, "0c" * 32, "0d" * 32]


def hidden(first: Sequence[StageBehaviour], second: Sequence[StageBehaviour]) -> list[tuple[str, str, str]]:
    found = find_deviations_in_volatile_text(list(map(behaviour, first)), list(map(behaviour, second)))
    return [(each.what, each.first, each.second) for each in found]


@pytest.mark.parametrize("what", ["output", "errors", "warnings", "logs"])
def test_a_digest_that_two_runs_have_alike_is_a_result(what: str) -> None:
    def run(*digests: str) -> StageBehaviour:
        return changed(PLAIN, **{what: (f"id {digests[0]}", "same", *(f"sha {digest}" for digest in digests[1:]))})

    expected, trace, proof = run(SHA[0], SHA[1]), run(SHA[1], SHA[2]), run(SHA[2], SHA[2])
    assert compared(expected, proof) == []
    assert hidden([expected], [proof]) == [
        (what, f"id {SHA[0]}\nsha {SHA[1]}", f"id {SHA[2]}\nsha {SHA[2]}"),
    ]
    # The identifier is new in each run. The digest is the same in all runs of one kind.
    assert hidden([expected], [trace, proof]) == [(what, f"sha {SHA[1]}", f"sha {SHA[2]}")]
    assert hidden([expected, run(SHA[3], SHA[1])], [trace, proof]) == [(what, f"sha {SHA[1]}", f"sha {SHA[2]}")]
    # It is new in each run after all.
    assert hidden([expected, run(SHA[3], SHA[3])], [trace, proof]) == []


def test_what_is_hidden_in_requests() -> None:
    def run(digest: str, number: str) -> StageBehaviour:
        asked = request(f"/v1/{number}", body=digest, x_steady=digest, x_new=number)
        return stage(requests=(asked, request()))

    expected, trace, proof = run(SHA[0], SHA[1]), run(SHA[3], SHA[0]), run(SHA[3], SHA[2])
    assert hidden([expected], [expected]) == []
    assert hidden([expected], [trace, proof]) == [
        ("request body", f"POST /v1/# {SHA[0]}", f"POST /v1/# {SHA[3]}"),
        ("request header x-steady", SHA[0], SHA[3]),
    ]


def test_what_everyone_sees_is_not_hidden() -> None:
    first, second = stage(output=("a", f"x {SHA[0]}")), stage(output=("b", f"y {SHA[0]}"))
    assert hidden([first], [second]) == []
    assert hidden([stage("a/b")], [stage("a/c", output=(SHA[0],))]) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("meeting at 2024-01-01T13:00:00Z", "meeting at 2024-01-01T00:00:00Z"),
        ("mask 0xdeadbeef", "mask 0x00000000"),
        ("converted in 2.5 s", "converted in 1.0 s"),
        ("opens at 08:00:00", "opens at 09:00:00"),
        ("scope /20240101/eu", "scope /20240102/eu"),
    ],
)
def test_whatever_two_runs_have_alike_is_a_result(first: str, second: str) -> None:
    """A clock goes on, and an address is another one. What stays the same only looks like them."""
    runs = [stage(output=("same", text)) for text in (first, first, second)]
    assert compared(runs[0], runs[2]) == []
    assert hidden(runs[:2], runs[2:]) == [("output", first, second)]
    assert hidden([runs[0], runs[2]], runs[2:]) == []


def test_what_is_new_beside_a_result_does_not_hide_it() -> None:
    """Each text of a line is compared by itself."""

    def run(digest: str, identifier: str) -> StageBehaviour:
        return stage(output=(f"sha {digest} of {identifier}",))

    first, again, other = run(SHA[0], SHA[1]), run(SHA[0], SHA[2]), run(SHA[3], SHA[1])
    found = [("output", f"sha {SHA[0]} of {SHA[1]}", f"sha {SHA[3]} of {SHA[1]}")]
    assert hidden([first, again], [other]) == found
    assert hidden([first, again], [run(SHA[0], SHA[3])]) == []


@pytest.mark.parametrize(
    "text", ["at 2026-11-22T11:57:47Z", "at 2026-11-22 11:40:00,123", "/20261122/", "20261122T115747Z"]
)
def test_the_clock_is_no_result(text: str) -> None:
    """Two runs at one time print the same, and a third one does not."""
    now = datetime(2026, 11, 22, 12, tzinfo=timezone.utc).timestamp()
    first, other = stage(output=(text,)), stage(output=(text.replace("22", "23"),))
    assert [find_deviations_in_volatile_text([behaviour(first)], [behaviour(other)], at) != () for at in (now, 0)] == [
        False,
        True,
    ]
    recorded = normalize_behaviour(behaviour(first), others=[behaviour(first)], now=now)
    assert recorded.stages[0].output == (normalize_text(text),)


def test_a_text_stays_where_two_runs_have_it() -> None:
    """A time of day stays where the clock went faster and did not change it; a moment of now does not."""
    lines = (f"sha {SHA[0]} of 2024-11-22T11:57:47", "done in 0.12 s at 11:57:47")
    one, again = (behaviour(stage(output=(*lines, f"id {new}"), requests=(request(body=SHA[0]),))) for new in SHA[1:3])
    recorded = normalize_behaviour(one, others=[again])
    assert recorded.stages[0].output == (lines[0], "done in # s at #", "id #")
    assert recorded.stages[0].requests[0].body == "#"
    steady = normalize_behaviour(one, others=[again], with_fast_clock=[again])
    assert steady.stages[0].output == (*lines, "id #")
    assert normalize_behaviour(one).stages[0].output == ("sha # of #", "done in # s at #", "id #")
    assert find_deviations(recorded, again) == ()
    later = behaviour(stage(output=(f"sha {SHA[3]} of 2024-11-22T11:57:47", f"id {SHA[3]}")))
    (found,) = find_deviations_in_volatile_text([recorded], [later])
    assert (found.first, found.second) == (lines[0], f"sha {SHA[3]} of 2024-11-22T11:57:47")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("12:00", "12:01", True),
        ("took 0.3 s", "took 12 s", True),
        ("pid 7 <object at 0x7f3bd4a01d30>", "pid 8 <object at 0x7f3bd4a01d99>", True),
        ("a 1\nb 2", "b 3\na 1", True),
        ("fast 1", "slow 1", False),
        ("7", "", False),
    ],
)
def test_what_a_clock_may_be_the_cause_of(first: str, second: str, *, expected: bool) -> None:
    deviation = Deviation(stage="a/b", what="output", first=first, second=second)
    assert differs_in_numbers(deviation) is expected


@pytest.mark.parametrize(
    ("again", "now", "lost"),
    [
        pytest.param("x1y ['app', 'card']", "z2q ['app', 'card']", "", id="the-rest-is-there"),
        pytest.param("x1y ['app', 'card']", "z2q ['app']", "card", id="a-word-of-all-runs-is-missing"),
        pytest.param("x1y ['app']", "z2q ['app']", "", id="a-word-of-one-run-is-missing"),
        pytest.param("['card', 'app'] x1y", "z2q ['app', 'card', 'new']", "", id="another-order-and-a-new-word"),
        pytest.param("17 other words", "z2q", "", id="nothing-is-steady"),
    ],
)
def test_a_word_that_varies_hides_no_other_of_its_line(again: str, now: str, lost: str) -> None:
    first, second, third = (behaviour(stage(output=("b", line))) for line in ("a0b ['app', 'card']", again, now))
    noise, found = find_deviations(first, second), find_deviations(first, third)
    assert subtract_noise(found, noise) == ()
    beyond = [(each.what, each.first, each.second) for each in subtract_noise(found, noise, by_word=True)]
    assert beyond == ([("varying lines of output", lost, "")] if lost else [])


def test_lines_that_vary_are_matched_one_by_one() -> None:
    """The line that varies as a whole stands for none of the others."""
    runs = [(f"{new}", f"user {new} reads files", f"job {new} ends") for new in ("a1", "b2", "c3")]
    first, again, same = (behaviour(stage(output=lines)) for lines in runs)
    changed_line = behaviour(stage(output=("d4", "user d4 reads nothing", "job d4 ends")))
    noise = find_deviations(first, again)
    assert subtract_noise(find_deviations(first, same), noise, by_word=True) == ()
    (found,) = subtract_noise(find_deviations(first, changed_line), noise, by_word=True)
    assert (found.what, found.first) == ("varying lines of output", "files")


def test_a_line_that_varied_once_is_noise() -> None:
    """Noise is what differs between any two of the runs of the reference."""
    first, second, third = (behaviour(stage(output=lines)) for lines in (("a", "b"), ("x", "b"), ("a", "y")))
    noise = (*find_deviations(first, second), *find_deviations(first, third))
    assert subtract_noise(find_deviations(first, behaviour(stage(output=("u", "v")))), noise) == ()


def test_without_noise() -> None:
    """Noise is a kind of deviation of a stage that comes between two runs of one set, whatever its text."""
    one = Deviation(stage="a/b", what="output", first="1", second="2")
    other = Deviation(stage="a/b", what="logs", first="1", second="2")
    elsewhere = Deviation(stage="a/c", what="output", first="1", second="2")
    noise = [Deviation(stage="a/b", what="output", first="8", second="9")]
    assert drop_noisy_kinds([one, other, elsewhere], noise) == (other, elsewhere)
    assert drop_noisy_kinds([one], []) == (one,)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("x", "y", "logs of a/b was 'x' and is 'y'"),
        ("", "y", "logs of a/b also has 'y'"),
        ("x", "", "logs of a/b no longer has 'x'"),
    ],
)
def test_describe(first: str, second: str, expected: str) -> None:
    """A deviation as a sentence."""
    assert describe(Deviation(stage="a/b", what="logs", first=first, second=second)) == expected


def test_normalize_behaviour_leaves_noise_out() -> None:
    """What is recorded has only what the next run will have too."""
    whole = stage(
        output=("b", "a"),
        errors=("d", "c"),
        exits=("exit 1 (b.py:1)", "exit 0 (a.py:1)"),
        warnings=("w2", "w1"),
        logs=("l",),
        connections=("c:1",),
        requests=(request("/b", user_agent="u", x_id="9"), request("/a")),
    )

    def recorded(*noise: str) -> StageBehaviour:
        found = [Deviation(stage="openai/chat", what=what, first="", second="") for what in noise]
        (only,) = normalize_behaviour(behaviour(whole), found).stages
        return only

    plain = recorded()
    assert (plain.output, plain.errors, plain.warnings) == (("b", "a"), ("d", "c"), ("w1", "w2"))
    assert plain.exits == ("exit 0 (a.py:1)", "exit 1 (b.py:1)")
    assert recorded("errors").errors == ()
    assert recorded("order of errors").errors == ("c", "d")
    assert recorded("exits").exits == ()
    assert [each.target for each in plain.requests] == ["/a", "/b"]
    assert recorded("output").output == ()
    assert recorded("warnings").warnings == ()
    assert recorded("logs").logs == ()
    assert recorded("connections").connections == ()
    assert recorded("requests").requests == ()
    assert recorded("request header x-id").requests[1].headers == (("user-agent", "u"),)


LINES = st.lists(st.sampled_from(["a", "b", "c", "0x7f3bd4a01d30"]), max_size=4).map(tuple)
REQUESTS = st.lists(
    st.builds(
        request,
        st.sampled_from(["/a", "/b"]),
        st.sampled_from(["{}", "[]"]),
        user_agent=st.sampled_from(["x", "y"]),
    ),
    max_size=4,
).map(tuple)
EXITS = st.lists(st.sampled_from(["exit 0 (a)", "exit 1 (a)", "exit 0 (b)"]), max_size=3, unique=True).map(tuple)
STAGES = st.builds(
    stage, output=LINES, errors=LINES, warnings=LINES, logs=LINES, exits=EXITS, connections=LINES, requests=REQUESTS
)


def shuffled(values: Sequence[Any], random: Random) -> tuple[Any, ...]:
    found = list(values)
    random.shuffle(found)
    return tuple(found)


@given(STAGES, st.randoms(use_true_random=False))
def test_order_of_events_does_not_count(whole: StageBehaviour, random: Random) -> None:
    """The same things in another order are the same behaviour, but for what is printed: that is one text."""
    names = ("warnings", "logs", "exits", "connections", "requests")
    turned = changed(whole, **{name: shuffled(getattr(whole, name), random) for name in names})
    assert find_deviations(behaviour(whole), behaviour(turned)) == ()
    assert normalize_behaviour(behaviour(whole)) == normalize_behaviour(behaviour(turned))
    turned = replace(turned, output=shuffled(whole.output, random))
    found = find_deviations(behaviour(whole), behaviour(turned))
    assert {each.what for each in found} <= {"order of output"}
    lines = [[normalize_text(line) for line in each.output] for each in (whole, turned)]
    assert bool(found) == (lines[0] != lines[1])


@given(STAGES, STAGES)
def test_deviations_have_two_sides(first: StageBehaviour, second: StageBehaviour) -> None:
    """With the runs swapped the same things differ, with the sides swapped."""
    there = find_deviations(behaviour(first), behaviour(second))
    back = find_deviations(behaviour(second), behaviour(first))
    assert {(each.what, each.first, each.second) for each in there} == {
        (each.what, each.second, each.first) for each in back
    }
    assert drop_noisy_kinds(there, back) == ()


@given(STAGES)
def test_what_is_recorded_is_the_same_behaviour(whole: StageBehaviour) -> None:
    """A recorded behaviour is compared with a new run's, and recording it again changes nothing."""
    recorded = normalize_behaviour(behaviour(whole))
    assert find_deviations(recorded, behaviour(whole)) == ()
    assert normalize_behaviour(recorded) == recorded
