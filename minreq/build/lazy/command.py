"""Edit the tree of a build so that imports that nothing uses yet do not run."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from minreq.build import tree as trees
from minreq.build.lazy.lazybuild import LazyBuilder
from minreq.build.lazy.native import FIRST_VERSION
from minreq.build.lazy.plan import LazyFails
from minreq.build.lazy.result import LazyResult
from minreq.build.lazy.trialtree import TrialTree
from minreq.build.moduleproof import modules_of
from minreq.build.prove import Prover
from minreq.build.runs import ReferenceRun
from minreq.build.slim.bytecode import TreeCompiler
from minreq.build.tree import BuiltTree
from minreq.imports.program import find_root_modules
from minreq.imports.watch import ImportWatcher
from minreq.reporting import Step

#: From this version on, the interpreter evaluates annotations when somebody asks for them (PEP 649).
_LATE_ANNOTATIONS = (3, 14)
_ADVICE = "build without --lazy, or with a larger --lazy-bound"


def defer_imports(
    prover: Prover, tree: BuiltTree, reference: ReferenceRun | None, scratch: Path, compiler: TreeCompiler
) -> tuple[BuiltTree, LazyResult]:
    """Return *tree* with deferred imports, in *scratch*, and what was done. Raises ``BuildFailed``."""
    task, settings = prover.task, prover.task.settings
    version = task.target.python_version.release[:2]
    trial = TrialTree(tree.folder, scratch / "trial", compiler, jobs=settings.jobs)
    cold = tree.selection.cold.cold if tree.selection.cold is not None else ()
    compares = prover.runner.setup.isolation.kernel and settings.prove_modules != "none"
    modules = replace(
        prover.make_module_prover(tree.folder, trial.folder),
        looks_up=True,
        kind="edited tree",
        compiled_trees=[tree.folder, trial.folder] if settings.bytecode == "add" else [],
    )
    builder = LazyBuilder(
        trial=trial,
        watcher=ImportWatcher(
            setup=prover.runner.setup,
            environment=prover.runner.setup.plan.environment,
            script=task.plan.first,
            modules=[] if task.plan.first else find_root_modules(task.lock),
            provided=prover.provided_paths(),
        ),
        prover=modules if compares else None,
        compared=modules_of((*tree.selection.kept, *(each.file for each in cold))),
        find_stage_differences=partial(_find_stage_differences, prover, reference),
        bound=settings.lazy_bound,
        jobs=settings.jobs,
        late_annotations=version >= _LATE_ANNOTATIONS,
        natively=version >= FIRST_VERSION,
        began=partial(prover.reporter.began, Step.DEFER),
    )
    try:
        result = builder.build()
    except LazyFails as error:
        raise prover.failure(error.sentences, _ADVICE) from error
    shutil.rmtree(trial.folder)
    return trees.edit(task, tree, result, scratch / "lazy", compiler=compiler), result


def _find_stage_differences(prover: Prover, reference: ReferenceRun | None, folder: Path) -> Sequence[str]:
    return prover.compare(folder, reference).differences
