"""Errors of an index, of the network, and of the configuration of pip."""

from __future__ import annotations

from minreq.errors.branches import IndexFailure, UsageError


class ProjectNotFound(IndexFailure):
    """No configured index and no folder has a project of that name."""

    reason = "project-not-found"

    def __init__(self, project: str, urls: tuple[str, ...]) -> None:
        super().__init__(project, urls)
        self.project, self.urls = project, urls

    def __str__(self) -> str:
        where = ", ".join(self.urls) if self.urls else "no index and no folder is configured (--no-index)"
        return f"no project {self.project!r} ({where}); check the name, or name its index with --extra-index-url"


class ProjectQuarantined(IndexFailure):
    """An index says that a project is not safe to use (PEP 792)."""

    reason = "quarantined"

    def __init__(self, project: str, url: str, why: str) -> None:
        super().__init__(project, url, why)
        self.project, self.url, self.why = project, url, why

    def __str__(self) -> str:
        why = f": {self.why}" if self.why else ""
        return (
            f"{self.project} is quarantined ({self.url}){why}; the index considers it unsafe, so minreq does not use it"
        )


class IndexUnreachable(IndexFailure):
    """The index did not answer: no route, no such host, an untrusted certificate, or a timeout."""

    reason = "index-unreachable"

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(url, problem)
        self.url, self.problem = url, problem

    def __str__(self) -> str:
        advice = "check the network and the settings of pip (proxy, cert, timeout)"
        return f"no answer from {self.url}: {self.problem}; {advice}"


class IndexOffline(IndexFailure):
    """A file or page is not in the cache, and ``--offline`` forbids to ask an index."""

    reason = "index-offline"

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url

    def __str__(self) -> str:
        return f"{self.url} is not in the cache, and --offline asks no index; run once without --offline"


class IndexStatusError(IndexFailure):
    """The index answered with an error status."""

    reason = "index-answered"

    def __init__(self, status: int, url: str) -> None:
        super().__init__(status, url)
        self.status, self.url = status, url

    def __str__(self) -> str:
        if self.status in {401, 403, 407}:
            advice = "give credentials in the index URL, in netrc or in keyring"
        elif self.status >= 500:  # noqa: PLR2004 - the class of server errors, RFC 9110 section 15.6
            advice = "the server failed; try again later"
        else:
            advice = "check the URL of the index"
        return f"{self.url} answered with status {self.status}; {advice}"


class IndexInsecure(IndexFailure):
    """The index has a plain HTTP address, so anyone on the network could change its pages."""

    reason = "index-not-trusted"

    def __init__(self, url: str, host: str) -> None:
        super().__init__(url, host)
        self.url, self.host = url, host

    def __str__(self) -> str:
        return f"{self.url} uses plain HTTP; use https, or allow it with --trusted-host {self.host}"


class PageUnreadable(IndexFailure):
    """A page of the index is not valid in the Simple API."""

    reason = "page-unreadable"

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(url, problem)
        self.url, self.problem = url, problem

    def __str__(self) -> str:
        return f"cannot read {self.url} as a page of the Simple API: {self.problem}"


class IndexVersionUnsupported(IndexFailure):
    """The index uses a major version of the Simple API that minreq does not know."""

    reason = "index-too-new"

    def __init__(self, url: str, version: str) -> None:
        super().__init__(url, version)
        self.url, self.version = url, version

    def __str__(self) -> str:
        return f"{self.url} uses version {self.version} of the Simple API, and minreq reads version 1; upgrade minreq"


class SizeMismatch(IndexFailure):
    """A response is longer or shorter than declared, or larger than any response of its kind."""

    reason = "size-mismatch"

    def __init__(self, url: str, expected: int, actual: int) -> None:
        super().__init__(url, expected, actual)
        self.url, self.expected, self.actual = url, expected, actual

    def __str__(self) -> str:
        more = " or more" if self.actual > self.expected else ""
        return f"{self.url} sent {self.actual}{more} bytes where {self.expected} were expected"


class CutoffUnreadable(UsageError):
    """The value of ``--exclude-newer`` is neither a date nor a duration."""

    reason = "cutoff-unreadable"

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return (
            f"--exclude-newer {self.text!r} is neither a date (2026-11-01, 2026-11-01T12:00:00Z) "
            "nor a duration (3 days, 72h, P3D)"
        )


class PipConfigurationUnreadable(UsageError):
    """A configuration file of pip cannot be read."""

    reason = "pip-configuration-unreadable"

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path, self.problem = path, problem

    def __str__(self) -> str:
        return f"cannot read pip's configuration {self.path}: {self.problem}"


class PipSettingInvalid(UsageError):
    """A setting of pip, from a file, a variable or a flag, has an invalid value."""

    reason = "pip-setting-invalid"

    def __init__(self, key: str, value: str, expected: str) -> None:
        super().__init__(key, value, expected)
        self.key, self.value, self.expected = key, value, expected

    def __str__(self) -> str:
        return f"{self.key} = {self.value!r} in the configuration of pip: expected {self.expected}"


class DefaultIndexUnknown(UsageError):
    """No index is configured, and pip does not report its default."""

    reason = "default-index-unknown"

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return (
            f"no index is configured, and pip does not report its default ({self.problem}); name one with --index-url"
        )
