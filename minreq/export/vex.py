"""Writes statements as VEX: which known vulnerabilities do not affect a lock (CycloneDX 1.6, and OpenVEX 0.2.0)."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from minreq.errors import ExtraMissing
from minreq.export.statements import Statement
from minreq.lockfile import cyclonedx
from minreq.model import Lock

#: The namespace of the identifiers of documents (RFC 9562, section 5.5).
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://openvex.dev/ns/v0.2.0")
#: The time of the document, in seconds since 1970; equal inputs then give equal bytes (reproducible-builds.org).
_TIME_VARIABLE = "SOURCE_DATE_EPOCH"


def render_cyclonedx(statements: Sequence[Statement], *, made_from: str) -> str:
    """Return a CycloneDX document with a vulnerability for each statement. Raises ``ExtraMissing``."""
    try:
        from cyclonedx.model.bom import Bom  # noqa: PLC0415 - An extra.
        from cyclonedx.model.component import Component, ComponentScope, ComponentType  # noqa: PLC0415 - As above.
        from cyclonedx.model.impact_analysis import (  # noqa: PLC0415 - As above.
            ImpactAnalysisJustification,
            ImpactAnalysisState,
        )
        from cyclonedx.model.vulnerability import (  # noqa: PLC0415 - As above.
            BomTarget,
            Vulnerability,
            VulnerabilityAnalysis,
            VulnerabilityReference,
            VulnerabilitySource,
        )
        from packageurl import PackageURL  # noqa: PLC0415 - As above.
    except ImportError as error:
        raise ExtraMissing("export --format vex", "sbom", error.name or "cyclonedx") from error

    bom = Bom()
    subject = Component(type=ComponentType.APPLICATION, name=made_from, bom_ref="lock")
    bom.metadata.component = subject
    bom.metadata.tools.components.add(Component(type=ComponentType.APPLICATION, name="minreq", bom_ref="minreq"))
    for each in statements:
        purl = PackageURL("pypi", None, each.name, each.version)
        is_absent = each.justification == "component_not_present"
        scope = ComponentScope.EXCLUDED if is_absent else ComponentScope.REQUIRED
        bom.components.add(
            Component(name=each.name, version=each.version, purl=purl, bom_ref=purl.to_string(), scope=scope)
        )
        bom.vulnerabilities.add(
            Vulnerability(
                id=each.advisory.id,
                bom_ref=f"{each.advisory.id} {purl.to_string()}",
                # The schema wants a source for each alias; the file that was read does not name one.
                references=[
                    VulnerabilityReference(id=alias, source=VulnerabilitySource(name=_name_source(alias)))
                    for alias in each.advisory.aliases
                ],
                affects=[BomTarget(ref=purl.to_string())],
                analysis=VulnerabilityAnalysis(
                    state=ImpactAnalysisState.NOT_AFFECTED,
                    justification=ImpactAnalysisJustification.CODE_NOT_PRESENT,
                    detail=each.impact,
                ),
            )
        )
    bom.register_dependency(subject, bom.components)
    return cyclonedx.dump(bom)


def _name_source(identifier: str) -> str:
    """Return the database of an identifier, by what it begins with: ``CVE`` of ``CVE-2026-1``."""
    return identifier.partition("-")[0]


def render_openvex(lock: Lock, statements: Sequence[Statement], *, made_from: str) -> str:
    """Return an OpenVEX document. Its time is that of ``SOURCE_DATE_EPOCH``, or else the present one."""
    root = lock.resolution.pins[lock.resolution.root]
    product = f"pkg:generic/{_quote(made_from)}?root={root.name}@{_quote(root.version)}"
    document: dict[str, Any] = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "author": "minreq",
        "timestamp": _read_time(os.environ).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "version": 1,
        "statements": [_make_openvex(each, product) for each in statements],
    }
    content = json.dumps(document, sort_keys=True)
    document["@id"] = uuid.uuid5(_NAMESPACE, content).urn
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _make_openvex(statement: Statement, product: str) -> dict[str, Any]:
    return {
        "vulnerability": {"name": statement.advisory.id, "aliases": list(statement.advisory.aliases)},
        "products": [
            {"@id": product, "subcomponents": [{"@id": f"pkg:pypi/{statement.name}@{_quote(statement.version)}"}]},
        ],
        "status": "not_affected",
        "justification": statement.justification,
        "impact_statement": statement.impact,
    }


def _quote(part: object) -> str:
    """Return a part of a package URL: a local version (``1.0+cpu``) has a sign that is reserved there."""
    return quote(str(part), safe="")


def _read_time(environ: Mapping[str, str]) -> datetime:
    try:
        return datetime.fromtimestamp(int(environ[_TIME_VARIABLE]), timezone.utc)
    except (KeyError, ValueError, OverflowError, OSError):
        return datetime.now(timezone.utc)
