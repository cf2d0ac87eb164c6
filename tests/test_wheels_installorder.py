"""The order of an installation is that of pip: the expected orders are those that pip 26 reports for such wheels."""

from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name

from minreq.wheels.installorder import sort_as_installed


@pytest.mark.parametrize(
    ("requires", "expected"),
    [
        pytest.param({"a": "", "b": "", "c": ""}, "c b a", id="the first name last"),
        pytest.param({"a": "b c", "b": "", "c": ""}, "c b a", id="the root last"),
        pytest.param({"a": "b c", "b": "", "c": "b"}, "b c a", id="what others require first"),
        pytest.param({"a": "b d", "b": "", "c": "", "d": "c"}, "c b d a", id="in rounds"),
        pytest.param({"a": "b", "b": "c", "c": "b"}, "c b a", id="cycle"),
        pytest.param({"a": "a b", "b": ""}, "b a", id="itself, by an extra"),
    ],
)
def test_the_order_is_that_of_pip(requires: dict[str, str], expected: str) -> None:
    graph = {canonicalize_name(name): [*map(canonicalize_name, names.split())] for name, names in requires.items()}
    assert sort_as_installed(graph.keys(), graph) == expected.split()


def test_what_is_left_out_still_counts() -> None:
    """`b` requires `z` through `m`: without `m`, too, the files of `b` come after those of `z`."""
    a, b, m, z = map(canonicalize_name, "abmz")
    assert sort_as_installed({b, z}, {a: [b], b: [m], m: [z]}) == [z, b]
    assert sort_as_installed({a, z}, {}) == [z, a]
