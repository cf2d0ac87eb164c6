"""Renders a lock as a software bill of materials, CycloneDX 1.6 in JSON, by cyclonedx-python-lib."""

from __future__ import annotations

import importlib.util
import json
import uuid
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName

from minreq.errors import ExtraMissing
from minreq.lockfile.pinnedroots import pinned_roots
from minreq.lockfile.requirements import pinned_files
from minreq.model import Kept, Lock, Metadata
from minreq.model.parsing import parse_requirement

if TYPE_CHECKING:
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component
    from cyclonedx.model.license import License

#: The most places of one distribution that the file names.
_MAX_PLACES = 25
#: The namespace of serial numbers, so that equal locks have equal ones (RFC 9562, section 5.5).
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "minreq")


def render(
    lock: Lock,
    metadata: Mapping[NormalizedName, Metadata],
    *,
    made_from: str,
    properties: Mapping[NormalizedName, Mapping[str, str]] = MappingProxyType({}),
    command: str = "export --format cyclonedx",
) -> str:
    """Return the document: hashes, licences, the graph of what is kept, and the evidence of each component.

    *metadata* is that of the kept distributions, as far as it is known; it has the licences. *made_from* names the
    subject, *properties* are further facts of components, *command* names who needs the extra. The serial number
    depends on the content, and there is no time, so equal locks have equal bytes. Raises
    ``ExtraMissing``.
    """
    try:
        from cyclonedx.model.bom import Bom  # noqa: PLC0415 - An extra.
        from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415 - As above.
    except ImportError as error:
        raise ExtraMissing(command, "sbom", error.name or "cyclonedx") from error

    bom = Bom()
    components = {
        each.candidate.name: _make_component(
            each, metadata.get(each.candidate.name), properties.get(each.candidate.name, {})
        )
        for each in lock.selection.kept
    }
    subject = Component(type=ComponentType.APPLICATION, name=made_from, bom_ref="lock")
    tool = Component(type=ComponentType.APPLICATION, name="minreq", bom_ref="minreq")
    bom.metadata.component = subject
    bom.metadata.tools.components.add(tool)
    bom.components.update(components.values())
    roots = [parse_requirement(each).name for each in pinned_roots(lock)]
    bom.register_dependency(subject, [components[NormalizedName(name)] for name in roots])
    for name, component in components.items():
        required = lock.resolution.requires.get(name, frozenset()) & components.keys()
        bom.register_dependency(component, [components[each] for each in sorted(required)])
    return dump(bom)


def check_extra(command: str) -> None:
    """Raise ``ExtraMissing`` before *command* works for a document that it could not write."""
    if importlib.util.find_spec("cyclonedx") is None:
        raise ExtraMissing(command, "sbom", "cyclonedx")


def dump(bom: Bom) -> str:
    """Return the document of *bom* with a serial number that depends on the content, and without the time."""
    from cyclonedx.output.json import JsonV1Dot6  # noqa: PLC0415 - An extra.

    document = json.loads(JsonV1Dot6(bom).output_as_string())
    del document["serialNumber"], document["metadata"]["timestamp"]
    content = json.dumps(document, sort_keys=True)
    document["serialNumber"] = uuid.uuid5(_NAMESPACE, content).urn
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _make_component(kept: Kept, metadata: Metadata | None, properties: Mapping[str, str]) -> Component:
    from cyclonedx.model import (  # noqa: PLC0415 - As above.
        ExternalReference,
        ExternalReferenceType,
        HashAlgorithm,
        HashType,
        Property,
        XsUri,
    )
    from cyclonedx.model.component import Component  # noqa: PLC0415 - As above.
    from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence  # noqa: PLC0415 - As above.
    from packageurl import PackageURL  # noqa: PLC0415 - As above.

    candidate = kept.candidate
    purl = PackageURL("pypi", None, candidate.name, str(candidate.version))
    files = [
        ExternalReference(
            type=ExternalReferenceType.DISTRIBUTION,
            url=XsUri(file.filename),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=file.sha256)] if file.sha256 else (),
        )
        for file in pinned_files(candidate)
    ]
    places = [
        Occurrence(location=asker.frame.file, line=asker.frame.line, symbol=asker.frame.function)
        for asker in kept.askers[:_MAX_PLACES]
        if asker.frame is not None
    ]
    return Component(
        name=candidate.name,
        version=str(candidate.version),
        purl=purl,
        bom_ref=purl.to_string(),
        hashes=files[0].hashes if len(files) == 1 else (),
        licenses=_make_licenses(metadata),
        external_references=files,
        evidence=ComponentEvidence(occurrences=places) if places else None,
        properties=[
            Property(name=name, value=value)
            for name, value in {"minreq:evidence": kept.evidence.kind, **properties}.items()
        ],
    )


def _make_licenses(metadata: Metadata | None) -> Iterator[License]:
    """Yield one expression (PEP 639), or else each name of older metadata."""
    from cyclonedx.factory.license import LicenseFactory  # noqa: PLC0415 - As above.

    if metadata is None:
        return
    if metadata.license_expression is not None:
        yield LicenseFactory().make_from_string(metadata.license_expression)
        return
    for name in metadata.license_names:
        yield LicenseFactory().make_with_name(name)
