"""``--exclude-newer``: what the words mean, and what they leave."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version

from minreq.errors import CutoffUnreadable
from minreq.index.cutoff import parse, young_files
from minreq.model import Sdist
from minreq.resolver.releases import ProjectFiles

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


def sdist(version: str, upload_time: datetime | None, url: str = "https://files.example/") -> Sdist:
    filename = f"a-{version}.tar.gz"
    return Sdist(
        name=canonicalize_name("a"),
        version=Version(version),
        filename=filename,
        url=url + filename,
        sha256=None,
        upload_time=upload_time,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2026-11-01", datetime(2026, 11, 2, tzinfo=timezone.utc), id="a date: that whole day counts"),
        pytest.param("2026-11-01T06:00:00Z", datetime(2026, 11, 1, 6, tzinfo=timezone.utc), id="RFC 3339"),
        pytest.param("2026-11-01t06:00:00z", datetime(2026, 11, 1, 6, tzinfo=timezone.utc), id="lower case"),
        pytest.param("2026-11-01T06:00:00+02:00", datetime(2026, 11, 1, 4, tzinfo=timezone.utc), id="an offset"),
        pytest.param("2026-11-01T06:00:00", datetime(2026, 11, 1, 6, tzinfo=timezone.utc), id="no offset: UTC"),
    ],
)
def test_dates(text: str, expected: datetime) -> None:
    assert parse(text, NOW) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 days", timedelta(days=3)),
        ("1 day", timedelta(days=1)),
        ("72h", timedelta(hours=72)),
        ("1 week 2 days", timedelta(days=9)),
        ("1w2d", timedelta(days=9)),
        ("2 Hours, 30 min", timedelta(hours=2, minutes=30)),
        ("P3D", timedelta(days=3)),
        ("P1W", timedelta(weeks=1)),
        ("PT12H", timedelta(hours=12)),
        ("p1dt1h1m1s", timedelta(days=1, hours=1, minutes=1, seconds=1)),
        (" 30 s ", timedelta(seconds=30)),
    ],
)
def test_durations(text: str, expected: timedelta) -> None:
    assert NOW - parse(text, NOW) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "3", "3 fortnights", "P", "PT", "P1DT", "P1Y", "P1M", "-3 days", "3 days ago", "2026-13-01"),
        *("2026-02-30", "2026-11", "99999999999 days", "9999-12-31", "days 3", "1 day 2"),
    ],
)
def test_nonsense(text: str) -> None:
    with pytest.raises(CutoffUnreadable) as caught:
        parse(text, NOW)
    assert caught.value.text == text
    assert "--exclude-newer" in str(caught.value)


@given(st.text(alphabet="0123456789PTDHMSWdays -:.Zz,", max_size=30))
def test_any_text_is_a_moment_or_our_error(text: str) -> None:
    with suppress(CutoffUnreadable):
        assert parse(text, NOW).tzinfo is not None


def test_files_that_may_be_newer_are_ignored() -> None:
    """A file without an upload time is ignored, unless it is on this machine."""
    old, new = sdist("2", NOW - timedelta(days=4)), sdist("3", NOW)
    undated, local, dated = sdist("1", None), sdist("4", None, "file:///srv/"), sdist("5", NOW, "file:///srv/")
    releases = {file.version: (file,) for file in (undated, old, new, local, dated)}
    files = ProjectFiles(releases, NOW - timedelta(days=3))
    assert files.versions == (local.version, old.version)
    assert files.files(new.version) == ()
    assert ProjectFiles(releases, None).versions == tuple(sorted(releases, reverse=True))


def test_young_files_with_their_age() -> None:
    """litellm 1.107.0 was removed after 1 h 44 min."""
    taken_down = datetime(2026, 10, 21, 13, 23, tzinfo=timezone.utc)
    ages = {"1": timedelta(hours=1, minutes=44), "2": timedelta(days=2, hours=3), "3": timedelta(days=3)}
    files = [sdist(version, taken_down - age) for version, age in ages.items()]
    assert young_files([*files, sdist("4", None)], taken_down) == ("a 1 (1 h old)", "a 2 (2 d 3 h old)")
