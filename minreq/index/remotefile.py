"""Reads single files of other machines, such as requirements files, with the settings of the index."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from minreq.index.settings import Credentials, IndexSettings
from minreq.index.urls import split_userinfo, without_credentials
from minreq.requirements import Fetched


class FileFetcher:
    """Reads files by URL; credentials of one URL count for the files beside it."""

    def __init__(self, settings: IndexSettings, cache: Path) -> None:
        self._settings = settings
        self._cache = cache

    def fetch(self, url: str) -> Fetched:
        """Return the file at *url*; raise the index failures."""
        # Heavy, and seldom needed.
        from minreq.index.pagecache import PageCache  # noqa: PLC0415
        from minreq.index.records import Records  # noqa: PLC0415
        from minreq.index.session import Session  # noqa: PLC0415

        url, user, password = split_userinfo(url)
        if user is not None:
            folder = f"{url.rpartition('/')[0]}/"
            found = Credentials(url=folder, user=user, password=password or None)
            self._settings = replace(self._settings, credentials=(*self._settings.credentials, found))
        self._cache.mkdir(parents=True, exist_ok=True)
        cache = PageCache(self._cache, Records(self._cache / "wheels"))
        session = Session(self._settings, cache, hosts=self._cache / "hosts")
        try:
            page = session.page(url)
        finally:
            session.close()
        if page is None:  # pragma: no cover - No status is named as absent.
            raise AssertionError(url)
        return Fetched(url=without_credentials(page.url), content=page.body)
