"""Finds the handler that catches a failed import farther up the stack, in a function that calls the importer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from minreq.model import FarHandler, Frame
from minreq.source.optionalimports import (
    IMPORT_ERRORS,
    Block,
    Clause,
    blocks_around,
    catching_clauses,
    read_blocks,
)


def find_far_handlers(
    frames: Sequence[Frame],
    catching_frames: Iterable[Frame] = (),
    *,
    blocks_of: Callable[[str, int], Sequence[Block] | None] = blocks_around,
    all_blocks_of: Callable[[str], Sequence[Block] | None] = read_blocks,
) -> tuple[FarHandler, ...]:
    """Return the handlers that caught the failure of an import, sorted.

    *catching_frames* are the places in clauses that caught it, as the child saw them. Where it saw none, the innermost
    handler that may catch it is taken, from the *frames* of the import. Empty: no handler is known.
    """
    seen = {handler for frame in catching_frames if (handler := _handler_with(frame, all_blocks_of(frame.file) or ()))}
    if seen:
        return tuple(sorted(seen, key=lambda each: (each.file, each.line)))
    error_names = IMPORT_ERRORS
    for frame in frames:
        raised: frozenset[str] = frozenset()
        handler = None
        for block, clause in catching_clauses(blocks_of(frame.file, frame.line) or (), frame.line, error_names):
            if clause is None:
                handler, raised = None, frozenset()
            elif clause.raises is None:
                handler = _describe(frame, block, clause)
            else:
                raised |= clause.raises
        if handler is not None:
            return (handler,)
        error_names |= raised
    return ()


def _handler_with(frame: Frame, blocks: Sequence[Block]) -> FarHandler | None:
    """Return the handler whose clause the line of *frame* is in, the innermost one."""
    handler = None
    for block in blocks:
        if frame.line in block.lines:
            pairs = zip(block.clauses, block.clause_lines, strict=True)
            clause = next((clause for clause, lines in pairs if frame.line in lines), None)
            handler = handler if clause is None else _describe(frame, block, clause)
    return handler


def _describe(frame: Frame, block: Block, clause: Clause) -> FarHandler:
    guarded = block.guarded or range(0)
    return FarHandler(
        file=frame.file,
        line=clause.line,
        text=clause.text,
        function=frame.function,
        first=guarded.start,
        last=guarded.stop - 1,
    )
