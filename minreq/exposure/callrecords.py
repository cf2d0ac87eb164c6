"""Turns the calls of a file into values for JSON, and back; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from minreq.exposure.callparser import CallFacts, ClassFacts, NameUse
from minreq.source.optionalimports import Clause

#: The blocks around a use, each with its clauses.
_Blocks = tuple[tuple[Clause, ...], ...]


def to_record(facts: CallFacts) -> list[Any]:
    """Return *facts* as lists and dictionaries. Paths and blocks, which many uses share, stand there once."""
    paths = {path: number for number, path in enumerate(dict.fromkeys(use.path for use in facts.uses))}
    blocks = {each: number for number, each in enumerate(dict.fromkeys(use.clauses for use in facts.uses))}
    return [
        facts.module,
        facts.functions,
        sorted(facts.properties),
        {name: [each.bases, each.attributes] for name, each in facts.classes.items()},
        facts.names,
        facts.star_modules,
        [*paths],
        [[[*map(_to_clause_record, clauses)] for clauses in each] for each in blocks],
        [
            [paths[use.path], use.line, use.function, int(use.is_call), int(use.is_decorator), blocks[use.clauses]]
            for use in facts.uses
        ],
    ]


def from_record(record: list[Any]) -> CallFacts:
    """Return the calls that *record* has."""
    module, functions, properties, classes, names, star_modules, paths, block_records, uses = record
    blocks = [_from_block_record(each) for each in block_records]
    return CallFacts(
        module=module,
        functions=_with_tuples(functions),
        properties=set(properties),
        classes={
            name: ClassFacts(bases=tuple(bases), attributes=_with_tuples(attributes))
            for name, (bases, attributes) in classes.items()
        },
        names=_with_tuples(names),
        star_modules=tuple(star_modules),
        uses=tuple(
            NameUse(
                path=paths[path],
                line=line,
                function=function,
                is_call=bool(is_call),
                is_decorator=bool(is_decorator),
                clauses=blocks[block],
            )
            for path, line, function, is_call, is_decorator, block in uses
        ),
    )


def _with_tuples(values: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(each) for name, each in values.items()}


def _to_clause_record(clause: Clause) -> list[Any]:
    names, raises = (None if each is None else sorted(each) for each in (clause.names, clause.raises))
    return [clause.line, clause.text, names, raises]


def _from_block_record(record: Iterable[Iterable[list[Any]]]) -> _Blocks:
    return tuple(tuple(_from_clause_record(*clause) for clause in clauses) for clauses in record)


def _from_clause_record(line: int, text: str, names: list[str] | None, raises: list[str] | None) -> Clause:
    return Clause(
        line=line,
        text=text,
        names=None if names is None else frozenset(names),
        raises=None if raises is None else frozenset(raises),
    )
