"""Report each test of a command that runs pytest: a plug-in, which pytest loads by ``-p``. PYTEST_DONT_REWRITE.

The messages (a test is named by its node ID; so is a file, class or folder while pytest collects it)::

    {"test": "session"}                                  pytest has begun
    {"test": "collected", "ids": [ID...]}                the tests that it is about to run
    {"test": "begin", "node": ID}  {"test": "end", "node": ID}
    {"test": "report", "node": ID, "when": "collect"|"setup"|"call"|"teardown",
     "outcome": "passed"|"failed"|"skipped"..., "expected": BOOL, "text": TEXT}
                                                         "expected": the test is marked ``xfail``
    {"test": "error", "node": ID, "text": TEXT, "missing": [[MODULE, [FILE, LINE, FUNCTION] or null]...]}
                                                         the failed imports that led to a failure

With pytest-xdist the workers send them too, so a message may come twice.
"""

from __future__ import annotations

import sys
import types

from _minreq_failure import describe, exception_chain, missing_modules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from _minreq_link import Link
    from _minreq_state import State

#: The name by which pytest imports the plug-in.
PLUGIN = "_minreq_pytest_plugin"


def provide_plugin(link: Link, state: State, selected: Iterable[str] | None) -> None:
    """Let pytest find the plug-in as a module. Only the *selected* tests run; ``None``: all."""
    plugin = Plugin(link, state, None if selected is None else frozenset(selected))
    module = types.ModuleType(PLUGIN, __doc__)
    vars(module).update({name: getattr(plugin, name) for name in dir(plugin) if name.startswith("pytest_")})
    sys.modules[PLUGIN] = module


class Plugin:
    """The hooks of pytest; their names and parameters are pytest's."""

    def __init__(self, link: Link, state: State, selected: frozenset[str] | None) -> None:
        self._link = link
        self._state = state
        self._selected = selected

    def _send(self, event: str, **fields: Any) -> None:
        self._link.request({"test": event, **fields})

    def pytest_configure(self, config: Any) -> None:
        """Let all tests run: one that does not run cannot be compared."""
        config.option.maxfail = 0
        config.option.continue_on_collection_errors = True
        self._send("session")

    def pytest_collectstart(self, collector: Any) -> None:
        """What is imported from now on is imported for *collector*."""
        self._state.test = collector.nodeid

    def pytest_collectreport(self, report: Any) -> None:
        """Report what cannot be collected."""
        if report.outcome != "passed":
            self._report(report, when="collect")

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Leave out the tests that are not selected."""
        self._state.test = ""
        if self._selected is not None:
            items[:] = [item for item in items if item.nodeid in self._selected]

    def pytest_collection_finish(self, session: Any) -> None:
        """Report which tests are about to run."""
        self._send("collected", ids=[item.nodeid for item in session.items])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """What is imported from now on is imported for this test."""
        self._state.test = nodeid
        self._send("begin", node=nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """The test has ended, with its fixtures."""
        self._state.test = ""
        self._send("end", node=nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Report a part of a test."""
        self._report(report, when=report.when)

    def pytest_exception_interact(self, call: Any, report: Any) -> None:
        """Report which imports led to a failure."""
        error = call.excinfo.value
        imports = [each for each in exception_chain(error) if isinstance(each, ImportError)]
        text = describe(imports[-1]) if imports else ""
        self._send("error", node=report.nodeid, text=text, missing=missing_modules(error))

    def _report(self, report: Any, *, when: str) -> None:
        self._send(
            "report",
            node=report.nodeid,
            when=when,
            outcome=report.outcome,
            expected=hasattr(report, "wasxfail"),
            text="" if report.outcome == "passed" else summarize(report.longrepr),
        )


def summarize(longrepr: Any) -> str:
    """Return the first line that says why a test failed or was skipped."""
    if isinstance(longrepr, tuple):
        return str(longrepr[2])
    crash = getattr(longrepr, "reprcrash", None)
    lines = str(longrepr if crash is None else crash.message).strip().splitlines() or [""]
    return lines[-1] if crash is None else lines[0]
