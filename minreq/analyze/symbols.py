"""Count the bytes of debug symbols in shared objects."""

from __future__ import annotations

import io

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile


def symbol_bytes(content: bytes) -> int:
    """Return the bytes of the sections that ``strip --strip-unneeded`` removes from an ELF file; 0 for any other file.

    It removes sections without the flag SHF_ALLOC, which are not loaded (System V ABI, "Sections"), and keeps of those
    only the names of sections.
    """
    if not content.startswith(b"\x7fELF"):
        return 0
    try:
        return sum(
            section["sh_size"]
            for section in ELFFile(io.BytesIO(content)).iter_sections()
            if section.name in {".symtab", ".strtab"} or section.name.startswith((".debug_", ".zdebug_"))
        )
    except (ELFError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError, AssertionError):
        return 0  # A damaged file: a loader would report it; the analysis does not depend on it.
