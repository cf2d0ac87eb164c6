"""Measure the compiled files that an installer adds to a lock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.minimize.runner import SmokeRunner
from minreq.model import Selection
from minreq.reporting import Reporter, Step
from minreq.smoke.compiler import Compiler
from minreq.wheels import bytecode, compiledsizes

#: The longest path that a compiled file has with one byte for its length.
_SHORT_PATH = 255


def with_compiled_sizes(selection: Selection, runner: SmokeRunner, reporter: Reporter) -> Selection:
    """Return *selection* with the bytes of compiled files.

    Sources compile to 0.8 to 1.6 times their bytes, so an estimate is up to 20% off. Compiling takes a second for each
    6 MB of sources, once.
    """
    sizes = _measure_names(runner, [each.candidate.name for each in selection.kept], reporter)
    kept = tuple(replace(each, compiled=sizes.get(each.candidate.name)) for each in selection.kept)
    return replace(selection, kept=kept)


def _measure_names(
    runner: SmokeRunner, names: Iterable[NormalizedName], reporter: Reporter
) -> Mapping[NormalizedName, int]:
    """Return the bytes that pip adds to each of *names* by compiling; a name is missing where that is unknown.

    minreq runs nothing of the sources: a process with the isolation of a smoke compiles them. The store keeps the
    sizes.
    """
    tag = bytecode.cache_tag(runner.setup.version)
    trees = {name: runner.closure.unpack_tree(name)[0] for name in sorted(names)}
    sizes = {name: compiledsizes.read_sizes(tree, tag) for name, tree in trees.items()}
    compiler = runner.setup.compiler
    unknown = [name for name in trees if sizes[name] is None]
    if unknown and compiler is not None:
        reporter.began(Step.COMPILE)
        for name in unknown:
            tree = trees[name]
            if (measured := _measure(compiler, tree, tag, runner.jobs)) is not None:
                compiledsizes.write_sizes(tree, tag, measured, runner.scratch)
                sizes[name] = measured
    return {name: compiledsizes.bytes_by_pip(each, tag) for name, each in sizes.items() if each is not None}


def _measure(compiler: Compiler, tree: Path, tag: str, jobs: int) -> Mapping[str, int] | None:
    """Return the bytes of the compiled file of each source in *tree*, ``None`` where that of one is not known."""
    records = bytecode.read_records(tree)

    def measure(source: tuple[Path, str]) -> int | None:
        file, path = source
        compiled = compiledsizes.compiled_path(file.relative_to(tree).as_posix(), tag)
        # What ran is compiled already, under the path of the source in the store.
        if compiled in records and len(str(file)) <= _SHORT_PATH and str(file).isascii():
            with suppress(OSError):  # Removed since, as damaged.
                return tree.joinpath(compiled).stat().st_size - len(str(file)) + len(path)
        return compiler.measure(str(file), path)

    sources = [*compiledsizes.sources_of(tree)]
    with ThreadPoolExecutor(max(jobs, 1)) as pool:
        sizes = [*pool.map(measure, sources)]
    found = {path: size for (_, path), size in zip(sources, sizes, strict=True) if size is not None}
    return found if len(found) == len(sources) else None
