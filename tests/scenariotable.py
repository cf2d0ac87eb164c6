"""The table of all scenarios, by hard case: ``python tests/scenariotable.py > docs/scenarios.md`` writes it.

The results in it are those that `test_scenarios` holds minreq to, found by shortcuts and by runs alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence

from wheelhouse import SCENARIOS, Scenario, load

#: A hard case, and the scenarios about it.
CASES: Mapping[str, Sequence[str]] = {
    "A declined distribution is needed later": (
        "alternative-then-hard",
        "stages-change-an-answer",
        "groups-disagree",
        "difference-in-one-provider",
        "list-in-another-provider",
        "namespace-of-another-provider",
        "cache-left-by-the-trace",
        "file-left-by-the-trace",
        "passes-at-first-and-fails-later",
        "passes-at-first-and-differs-later",
    ),
    "A miss inside `with TemporaryDirectory()`": ("miss-in-a-temporary-folder",),
    "A miss inside an open response": ("miss-in-an-open-response",),
    "A miss after a thread pool was used": ("miss-after-a-thread-pool", "thread-left-by-the-first-stage"),
    "Tools of the smoke beside the program": (
        "tool-that-shares-a-module",
        "tool-that-shares-a-compiled-module",
        "tool-and-smoke-share-a-module",
        "tool-that-brings-what-the-program-does-without",
        "tool-that-loads-a-plug-in-of-the-program",
        "tool-in-a-namespace-of-the-program",
    ),
    "A smoke with a server of its own": ("smoke-with-a-server-of-its-own",),
    "A package that writes beside itself": (
        "writes-beside-itself",
        "writes-beside-itself-if-it-may",
        "table-that-is-generated-once",
    ),
    "Import inside `try` with a fallback": (
        "optional-is-left-out",
        "both-alternatives-guarded",
        "two-alternatives-one-stays",
        "two-behind-one-handler",
        "optional-in-a-spared-one",
        "class-body-import",
    ),
    "Re-raise with advice": ("raised-again-with-advice", "advice-somewhere-else", "handler-that-exits"),
    "`except Exception` at the import": ("handler-for-everything-at-the-import",),
    "A handler farther up": (
        "broad-handler-far-up",
        "swallowed-failure-is-spared",
        "evidence-outlives-what-is-spared",
        "differs-beside-what-is-spared",
        "handler-two-modules-up",
    ),
    "`contextlib.suppress`, `find_spec` as a probe": ("suppress-and-probe",),
    "`importlib.import_module` with computed names": ("computed-name",),
    "`find_spec` that is no probe": ("hook-that-looks-ahead", "hook-that-asks-the-path"),
    "Lazy `__getattr__` modules (PEP 562)": ("lazy-attribute",),
    "Lazy loaders": ("lazy-loader-of-the-library", "lazy-loader-that-attaches"),
    "`__import__`": ("dunder-import",),
    "Imports in threads, tasks, executors, subprocesses, at exit": (
        "threads-tasks-processes",
        "fork-of-the-program",
        "module-run-as-a-script",
        "failure-in-a-thread",
    ),
    "`multiprocessing` with spawn": ("multiprocessing-spawn",),
    "A submodule that the parent hides": ("submodule-that-its-parent-hides", "submodule-its-owner-lacks"),
    "Namespace packages over several distributions": (
        "namespace-over-several",
        "namespace-left-out-wholly",
        "package-becomes-a-namespace",
        "package-in-two-with-init",
    ),
    "Plug-ins by entry point, of a needed and an unneeded distribution": (
        "entry-point-by-name",
        "entry-point-from-the-list",
        "entry-points-all-loaded",
        "entry-points-only-listed",
        "entry-points-that-may-fail",
    ),
    "`importlib.metadata.version` at import": (
        "version-at-import",
        "unused-and-version",
        "metadata-finder-of-the-program",
    ),
    "`pkg_resources`": ("version-by-pkg-resources",),
    "`importlib.resources` data in another distribution": ("data-file-of-another", "data-scheme"),
    "Modules that shadow the standard library": ("module-of-the-standard-library",),
    "C extensions": ("extension-in-c", "crash-without-it"),
    "A distribution that ships a `.pth`": (
        "start-up-file-alone",
        "start-up-file-adds-a-folder",
        "start-up-file-allowed",
        "wheel-with-a-start-up-file",
    ),
    "Commands, data and files beside the modules": (
        "command-on-path",
        "program-beside-the-interpreter",
        "console-script-beside-the-interpreter",
        "data-below-the-prefix",
        "hard-link-count",
    ),
    "A wheel that cannot be installed here": ("hostile-wheel-alone", "hostile-wheel-that-is-asked-for"),
    "A distribution needed only for its command": ("needed-for-its-command-alone",),
    "Circular imports": ("circular-imports",),
    "An import whose success changes behaviour": (
        "fallback-of-a-faster-parser",
        "difference-is-kept",
        "difference-in-output",
        "difference-in-a-log",
        "difference-in-a-request-header",
        "difference-behind-a-noisy-body",
        "looking-for-a-library",
        "two-differences",
        "two-make-one-difference",
        "smallest-is-degraded",
        "smallest-differs-in-several-stages",
    ),
    "An import that succeeds and then fails with another error": (
        "import-fails-with-another-error",
        "optional-that-breaks-the-reference",
    ),
    "A SyntaxError handler": ("handler-for-syntax-errors",),
    "A package that deletes `sys.modules` entries": ("module-forgotten-and-imported-again",),
    "A package that installs its own finder": ("finder-of-its-own",),
    "Two distributions that own the same module": (
        "module-in-two-distributions",
        "package-laid-over-another",
        "overwritten-by-what-requires-it",
        "overwritten-by-the-first-name",
    ),
    "Extras at a hard miss": (
        "extra-at-a-hard-miss",
        "extra-in-a-feature",
        "extra-not-for-an-optional-import",
        "extra-of-the-importer",
        "extra-that-brings-least",
        "extra-within-an-extra",
        "extra-behind-a-handler-of-its-own",
        "extra-behind-a-handler-one-function-up",
        "extra-only-where-the-install-fails",
        "extra-changes-another-provider",
        "extra-missed-by-a-subprocess",
        "module-nobody-offers",
    ),
    "What the user decides": (
        "included-unasked",
        "excluded-and-different",
        "excluded-and-needed",
        "module-offered-by-with",
        "provided-and-not-asked",
        "provided-by-the-runtime",
        "provided-with-dependencies",
        "whole-beside-minimal",
    ),
    "Found without an import": (
        "prefix-scan",
        "namespace-scan",
        "distributions-without-entry-points",
        "packages-distributions",
        "path-scan",
        "path-finder",
        "requires-of-a-plugin",
    ),
    "Files of another distribution": (
        "package-without-python",
        "sibling-folder",
        "sibling-folder-that-may-fail",
        "finder-of-a-package-that-scans",
        "false-refusal-of-a-module-level-read",
        "one-group-cannot-be-traced",
    ),
    "What the machine itself has": (
        "zone-of-the-machine",
        "zone-of-the-machine-is-used",
        "certificates-of-the-machine",
        "machine-that-nothing-stands-in-for",
    ),
    "Order, chance and noise": (
        "order-of-a-set",
        "unsteady-output-is-noise",
        "difference-beside-a-noisy-warning",
        "difference-beside-noisy-output",
        "smoke-differs-now-and-then",
        "smoke-fails-now-and-then",
        "order-of-lines",
        "end-of-the-last-line",
        "threads-that-print-in-any-order",
        "threads-in-another-order-once",
        "digest-that-is-steady",
        "time-that-is-steady",
        "number-in-hexadecimal-that-is-steady",
        "duration-that-is-steady",
        "duration-that-depends-on-the-set",
        "clock-in-seconds",
        "clock-in-minutes",
        "identifiers-that-are-new-in-each-run",
        "listing-beside-noise",
        "output-that-is-not-utf-8",
    ),
    "A smoke that dies, hangs or fails by itself": (
        "smoke-crashes",
        "smoke-exits-at-once",
        "smoke-is-killed",
        "smoke-closes-every-descriptor",
        "smoke-never-ends",
        "smoke-fails-by-itself",
    ),
    "What a person sees beside stdout": (
        "written-to-stderr",
        "log-beside-stderr",
        "log-of-a-worker",
        "status-of-a-worker",
    ),
    "What a smoke prints and reaches": (
        "smoke-prints-a-megabyte",
        "stdout-taken-away",
        "network-is-refused",
        "host-does-not-leak-in",
        "stages-tell-who-asked",
    ),
}

_HEAD = """\
# Hard cases

These cases have misled tools that trace imports. Each scenario has a few small wheels, a smoke, and an expected result.
The tests find the set of each scenario twice: with all shortcuts, and with the reference method, a separate run for
each question. Both must give the result in these tables. The files are in `tests/scenarios`. Each new defect of the
search becomes a new scenario.
"""


def page() -> str:
    """Return the text of ``docs/scenarios.md``."""
    return _HEAD + "\n" + "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    listed = {name for names in CASES.values() for name in names}
    others = sorted(path.stem for path in SCENARIOS.glob("*.toml") if path.stem not in listed)
    for case, names in (*CASES.items(), *([("Others", others)] if others else [])):
        yield from (f"## {case}", "", "| scenario | why it exists | kept | left out |", "| --- | --- | --- | --- |")
        for name in names:
            scenario = load(SCENARIOS / f"{name}.toml")
            yield f"| `{name}` | {scenario.explanation.replace('|', chr(92) + '|')} | {_result(scenario)} |"
        yield ""


def _result(scenario: Scenario) -> str:
    if "error" in scenario.lock:
        return f"no lock: `{scenario.lock['error']}` | "
    kinds = scenario.lock.get("evidence", {})
    kept = (f"{name} ({kinds[name]})" if name in kinds else name for name in scenario.kept)
    return f"{', '.join(kept)} | {', '.join(scenario.dropped)}"


if __name__ == "__main__":
    sys.stdout.write(page())
