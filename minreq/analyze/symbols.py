"""The part of a shared object that only linkers and debuggers read."""

from __future__ import annotations

import io

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile


def symbol_bytes(content: bytes) -> int:
    """Return the bytes of the sections that ``strip --strip-unneeded`` leaves out of an ELF file; 0 for any other.

    A section that is not loaded has no flag SHF_ALLOC (System V ABI, "Sections"); of those only the names of sections
    stay.
    """
    if not content.startswith(b"\x7fELF"):
        return 0
    try:
        return sum(
            section["sh_size"]
            for section in ELFFile(io.BytesIO(content)).iter_sections()
            if section.name in {".symtab", ".strtab"} or section.name.startswith((".debug_", ".zdebug_"))
        )
    except (ELFError, ValueError, KeyError, AttributeError):
        return 0  # Damaged: a loader would say so, and nothing here depends on it.
