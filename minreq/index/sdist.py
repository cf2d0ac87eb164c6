"""Builds wheels with pip in a child process: from source distributions where allowed, and from project folders."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from minreq.errors import NoWheel, ProjectBuildFailed, SdistBuildFailed
from minreq.index.credentials import CredentialStore
from minreq.index.locations import with_hash
from minreq.index.settings import IndexSettings
from minreq.index.simple import file_from_url
from minreq.model import Platform, Sdist, Wheel
from minreq.system import regularfile, temporary

#: An error shows this many last lines of pip's output.
_LINES = 20

#: The variables that a build inherits. It finds compilers by PATH; other variables may be secrets.
_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT", "CC", "CXX", "CFLAGS", "CXXFLAGS", "LDFLAGS", "MAKEFLAGS")

#: The variables that pip needs to reach its indexes, beside its own settings.
_NETWORK = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)


def find_refusal(sdist: Sdist, settings: IndexSettings, platforms: Iterable[Platform]) -> NoWheel | None:
    """Return why *sdist* may not be built for *platforms*, ``None`` when it may; the caller raises or shows it."""
    names = settings.only_binary
    if sdist.name in names or (":all:" in names and sdist.name not in settings.no_binary):
        return NoWheel(sdist.name, str(sdist.version), "--only-binary forbids it")
    foreign = sorted(platform.name for platform in platforms if platform.name != "host")
    if foreign:
        why = f"a build here makes no wheel for {', '.join(foreign)}"
        return NoWheel(sdist.name, str(sdist.version), why)
    return None


def build(sdist: Sdist, archive: Path, *, python: Path, to: Path, settings: IndexSettings) -> Wheel:
    """Build a wheel from *archive* with pip and the interpreter *python*, in the folder *to*.

    pip isolates the build, and installs its requirements from the indexes of *settings*. It is minreq's own pip, so
    *python* needs none. The build runs code of the project, with an empty home and few environment variables.

    The wheel's URL is that of the file. Raises :class:`SdistBuildFailed`.
    """
    # pip runs in another folder.
    archive, python, to = archive.absolute(), python.absolute(), to.absolute()
    to.mkdir(parents=True, exist_ok=True)
    with temporary.make_temporary_folder(to) as out:
        built, lines = _pip_wheel(archive, python=python, out=out, settings=settings)
        if built is None:
            raise SdistBuildFailed(sdist.name, str(sdist.version), lines)
        final = to / built.name
        wheel = file_from_url(final.as_uri())
        if not isinstance(wheel, Wheel) or (wheel.name, wheel.version) != (sdist.name, sdist.version):
            raise SdistBuildFailed(sdist.name, str(sdist.version), (*lines, f"the build made {final.name}"))
        regularfile.replace(built, final)
    return with_hash(wheel)


def build_project(project: Path, *, python: Path, to: Path, settings: IndexSettings) -> Wheel:
    """Build a wheel from a copy of the folder *project*, as `build` does, in a folder of its own below *to*.

    Equal projects give equal wheels, if the project's own tools do so. Raises :class:`ProjectBuildFailed`.
    """
    python, to = python.absolute(), to.absolute()
    to.mkdir(parents=True, exist_ok=True)
    with temporary.make_temporary_folder(to) as folder:
        copy, out = folder / "project", folder / "out"
        # Some tools write into the project's folder.
        shutil.copytree(project, copy, symlinks=True, ignore=_ignored_names)
        built, lines = _pip_wheel(copy, python=python, out=out, settings=settings)
        wheel = file_from_url(built.as_uri()) if built else None
        if built is None or not isinstance(wheel, Wheel):
            raise ProjectBuildFailed(project, lines)
        digest = hashlib.sha256(built.read_bytes()).hexdigest()
        final = to / digest / built.name
        final.parent.mkdir(exist_ok=True)
        regularfile.replace(built, final)
    return replace(wheel, url=final.as_uri(), sha256=digest)


def _ignored_names(folder: str, names: list[str]) -> set[str]:
    environments = {name for name in names if Path(folder, name, "pyvenv.cfg").is_file()}
    return environments | ({"__pycache__", ".tox", ".nox", "node_modules"} & {*names})


def _pip_wheel(
    source: Path, *, python: Path, out: Path, settings: IndexSettings
) -> tuple[Path | None, tuple[str, ...]]:
    """Return the wheel that pip builds in *out*, ``None`` if it builds none, and the last lines of its output."""
    with temporary.make_temporary_folder() as home:
        command = [sys.executable, "-I", "-m", "pip", "--python", str(python), "wheel"]
        options = ["--no-deps", "--no-input", "--progress-bar", "off", "--wheel-dir", str(out)]
        answer = subprocess.run(
            [*command, *options, str(source)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            cwd=home,
            env=_environment(settings, os.environ, str(home)),
            check=False,
        )
        wheels = sorted(out.glob("*.whl"))
        lines = tuple(_hide_passwords(settings, line) for line in answer.stdout.strip().splitlines()[-_LINES:])
        return (None if answer.returncode or len(wheels) != 1 else wheels[0]), lines


def _environment(settings: IndexSettings, environ: Mapping[str, str], home: str) -> dict[str, str]:
    """Return the whole environment of the build: pip reads no configuration file, variables hold all its settings."""
    credentials = CredentialStore(settings.credentials)

    def with_credentials(url: str) -> str:
        found = credentials.find(url)
        if found is None:
            return url
        parts = urlsplit(url)
        userinfo = quote(found.user, safe="") + (f":{quote(found.password, safe='')}" if found.password else "")
        return urlunsplit(parts._replace(netloc=f"{userinfo}@{parts.netloc}"))

    pip_variables = {
        # Archives hold times; equal sources shall give equal wheels. The times of a zip start in 1980.
        "SOURCE_DATE_EPOCH": "315532800",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_INDEX_URL": with_credentials(settings.index_url) if settings.index_url else "",
        "PIP_EXTRA_INDEX_URL": " ".join(map(with_credentials, settings.extra_index_urls)),
        "PIP_FIND_LINKS": " ".join(map(with_credentials, settings.find_links)),
        "PIP_NO_INDEX": "1" if settings.no_index else "",
        "PIP_CERT": settings.cert or "",
        "PIP_CLIENT_CERT": settings.client_cert or "",
        "PIP_TRUSTED_HOST": " ".join(settings.trusted_hosts),
        "PIP_TIMEOUT": f"{settings.timeout:g}",
        "PIP_RETRIES": str(settings.retries),
        "PIP_PROXY": settings.proxy or "",
        "PIP_CONSTRAINT": " ".join(settings.constraints),
        "PIP_KEYRING_PROVIDER": settings.keyring_provider,
    }
    inherited = {name: environ[name] for name in (*_INHERITED, *_NETWORK) if name in environ}
    # For some options, an empty variable is a value.
    set_variables = {name: value for name, value in pip_variables.items() if value}
    return {**inherited, "HOME": home, "TMPDIR": home, **set_variables}


def _hide_passwords(settings: IndexSettings, line: str) -> str:
    """Replace the passwords that a tool may have printed in *line*."""
    for credentials in settings.credentials:
        if credentials.password:
            line = line.replace(credentials.password, "****").replace(quote(credentials.password, safe=""), "****")
    return line
