"""Find the files of this machine that a slimmer one may lack, and that no wheel brings to their places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

#: Without this file the loader finds libraries in its default folders only.
SHARED_LIBRARIES = "shared libraries"

#: By kind, the likeliest first: files and folders on all systems. The configuration of OpenSSL beside certificates
#: is not among them.
_PLACES: Mapping[str, tuple[str, ...]] = {
    "time zones": ("/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"),
    "certificates": (
        "/etc/ssl/certs",
        "/etc/ssl/cert.pem",
        "/usr/lib/ssl/certs",
        "/usr/lib/ssl/cert.pem",
        "/etc/pki/tls/certs",
        "/etc/pki/tls/cert.pem",
        "/etc/pki/ca-trust",
        "/etc/ca-certificates",
        "/usr/share/ca-certificates",
        "/usr/local/share/ca-certificates",
    ),
    "MIME types": ("/etc/mime.types", "/etc/apache2/mime.types", "/etc/httpd/conf/mime.types", "/usr/share/mime"),
    "locales": ("/usr/share/locale", "/usr/lib/locale"),
    "fonts": ("/usr/share/fonts", "/usr/local/share/fonts", "/etc/fonts"),
    SHARED_LIBRARIES: ("/etc/ld.so.cache",),
}
_LOCALES = Path("/usr/lib/locale")
#: Every run has this locale, in one of its spellings, and so has the slimmest machine.
_KEPT_LOCALE = "C."


def find_machine_files() -> Mapping[str, tuple[Path, ...]]:
    """Return what this machine has, by kind; links are resolved."""
    found = {kind: tuple(_outermost(map(Path, places))) for kind, places in _PLACES.items()}
    return {kind: paths for kind, paths in found.items() if paths}


def _outermost(places: Iterator[Path]) -> Iterator[Path]:
    """Yield those of *places* that exist, each once."""
    yielded: list[Path] = []
    for path in sorted({each.resolve() for place in places for each in _parts(place) if each.exists()}):
        if not any(path.is_relative_to(folder) for folder in yielded):
            yielded.append(path)
            yield path


def _parts(place: Path) -> Iterator[Path]:
    """Yield what of *place* may be hidden."""
    if place != _LOCALES or not place.is_dir():
        yield place
        return
    for each in place.iterdir():
        if not each.name.startswith(_KEPT_LOCALE):
            yield each
