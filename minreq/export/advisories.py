"""Reads advisories: what `pip-audit --format json` writes, and files of OSV (https://ossf.github.io/osv-schema/)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName, canonicalize_name

from minreq.errors import AdvisoriesUnreadable
from minreq.system import regularfile

_ECOSYSTEM = "PyPI"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """A known vulnerability."""

    #: ``PYSEC-2026-1``.
    id: str
    #: Of the same vulnerability in other databases: ``CVE-2026-1``.
    aliases: tuple[str, ...]
    #: Project -> the dotted names of the modules with the vulnerable code; empty where the advisory does not name all.
    projects: Mapping[NormalizedName, tuple[str, ...]]


def read_advisories(path: Path) -> tuple[Advisory, ...]:
    """Return the advisories in *path*, each id once. Raises ``AdvisoriesUnreadable``."""
    try:
        document = json.loads(regularfile.read_text(path))
        json.dumps(document, ensure_ascii=False).encode()  # A lone surrogate cannot be written.
        found = [*_read_document(document)]
    except (OSError, ValueError, RecursionError) as error:
        raise AdvisoriesUnreadable(path, getattr(error, "strerror", None) or str(error)) from error
    except (AttributeError, KeyError, TypeError) as error:
        why = "neither the result of `pip-audit --format json` nor advisories of OSV"
        raise AdvisoriesUnreadable(path, why) from error
    return tuple(_join(found))


def _read_document(document: Any) -> Iterator[Advisory]:
    """Yield the advisories of a result of pip-audit (an object, or a list up to its release 2.1), or of OSV."""
    if isinstance(document, dict) and "dependencies" in document:
        document = document["dependencies"]
    if isinstance(document, dict):
        # An answer of OSV to a question has a list, or nothing; a file of its database has one advisory.
        document = document.get("vulns", [document] if document else [])
    for each in document:
        if "affected" in each:
            yield _read_osv(each)
        else:
            name = canonicalize_name(each["name"])
            # pip-audit names the projects that it skipped, with a reason and no vulnerabilities.
            for vulnerability in each.get("vulns", ()):
                aliases = tuple(sorted(map(str, vulnerability.get("aliases", ()))))
                yield Advisory(id=str(vulnerability["id"]), aliases=aliases, projects={name: ()})


def _read_osv(document: Any) -> Advisory:
    modules: dict[NormalizedName, list[tuple[str, ...]]] = {}
    for affected in document["affected"]:
        # Without a package an entry is about a repository.
        package = affected.get("package")
        if package is not None and package["ecosystem"] == _ECOSYSTEM:
            name = canonicalize_name(package["name"])
            modules.setdefault(name, []).append(tuple(_read_modules(affected.get("ecosystem_specific") or {})))
    return Advisory(
        id=str(document["id"]),
        aliases=tuple(sorted(map(str, document.get("aliases") or ()))),
        # One range of versions without modules: then not all of the vulnerable code is named.
        projects={name: sum(entries, ()) if all(entries) else () for name, entries in modules.items()},
    )


def _read_modules(specific: Mapping[str, Any]) -> Iterator[str]:
    """Yield the modules with vulnerable code, as https://github.com/pypa/advisory-database describes them; all or none.

    An attribute does not count: ``spare`` of the module ``needed`` may be a function beside a module ``needed.spare``.
    """
    imports = specific.get("imports") or ()
    if all(each["modules"] for each in imports):
        for each in imports:
            if not isinstance(each["modules"], list):
                raise TypeError(each)
            yield from map(str, each["modules"])


def _join(advisories: list[Advisory]) -> Iterator[Advisory]:
    """Yield each id once, sorted, with all its projects: pip-audit repeats it for each."""
    by_id: dict[str, Advisory] = {}
    for each in advisories:
        known = by_id.get(each.id)
        if known is not None:
            projects = {
                name: tuple(dict.fromkeys((*known.projects.get(name, ()), *each.projects.get(name, ()))))
                for name in sorted({*known.projects, *each.projects})
            }
            aliases = tuple(sorted({*known.aliases, *each.aliases}))
            by_id[each.id] = Advisory(id=each.id, aliases=aliases, projects=projects)
        else:
            by_id[each.id] = each
    yield from (by_id[key] for key in sorted(by_id))
