"""Read which libraries a shared object is linked to; nothing is loaded."""

from __future__ import annotations

import io

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile


def needed_libraries(content: bytes) -> frozenset[str] | None:
    """Return the names of the libraries that an ELF file is linked to; ``None`` if it is none that can be read."""
    if not content.startswith(b"\x7fELF"):
        return None
    try:
        return frozenset(
            str(getattr(tag, "needed", ""))
            for section in ELFFile(io.BytesIO(content)).iter_sections()
            if isinstance(section, DynamicSection)
            for tag in section.iter_tags("DT_NEEDED")
        )
    except (ELFError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError, AssertionError):
        return None
