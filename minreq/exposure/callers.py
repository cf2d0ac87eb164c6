"""Follows calls from an import that fails up to the public functions that lead to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from packaging.utils import NormalizedName

from minreq.exposure.callgraph import CONSTRUCTORS, Caller, CallGraph, Function
from minreq.exposure.callparser import last_part
from minreq.exposure.parser import MODULE_LEVEL
from minreq.exposure.publicnames import PublicNames
from minreq.model import Frame
from minreq.source.optionalimports import IMPORT_ERRORS

#: Calls farther away are not followed.
_MAX_CALLS = 12
#: Nor those that much farther than the first function that a near distribution exports.
_MAX_FARTHER = 4
#: Nor more functions than these.
_MAX_FUNCTIONS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicFunction:
    """A function that programs call, and whose call may lead to an import that fails."""

    #: ``openai.OpenAI()``.
    name: str
    distribution: NormalizedName
    #: Whether a package exports it, and it is not only found by the name of its module.
    is_exported: bool
    #: Whether that package is in no other: ``httpx.Client()``, but not ``litellm.caching.S3Cache()``.
    is_top_level: bool
    #: The place in it that leads on to the import, or the import.
    frame: Frame
    #: The number of calls from there to the import; 0: it holds the import.
    calls: int
    #: The handler on the way that catches the failure and goes on, so that the function returns something else;
    #: ``None``: the function raises.
    handler: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """A function in which a failure arrives."""

    function: Function
    line: int
    #: The names of the exceptions that the failure may be caught by.
    errors: frozenset[str]
    #: What caught it on the way here.
    handler: str | None
    calls: int
    #: Whether the function below was called here, and not only handed on.
    is_call: bool = True


class CallerSearch:
    """Finds the public functions that lead to an import. *distances* are those of distributions from a root."""

    def __init__(
        self,
        calls: CallGraph,
        names: PublicNames,
        owners: Mapping[str, NormalizedName],
        distances: Mapping[NormalizedName, int],
    ) -> None:
        self._calls = calls
        self._names = names
        self._owners = owners
        self._distances = distances

    def find(self, place: Frame, raised: frozenset[str], handler: str | None) -> tuple[PublicFunction, ...]:
        """The public functions that lead to the import at *place*, the fewest calls first.

        *raised* are the names of what a handler there raises instead. *handler* catches the failure and goes on.
        """
        first = _State(
            function=self._function(place),
            line=place.line,
            errors=_errors_after(raised, IMPORT_ERRORS),
            handler=handler,
            calls=0,
        )
        found: dict[tuple[str, bool], PublicFunction] = {}
        if first.function.name == MODULE_LEVEL:
            return ()
        #: The most calls to follow, for failures that a handler caught and for others.
        limits = {True: _MAX_CALLS, False: _MAX_CALLS}
        waiting = deque([first])
        visited = {_key(first)}
        followed = 0
        while waiting and followed < _MAX_FUNCTIONS:
            state = waiting.popleft()
            is_caught = state.handler is not None
            if state.calls > limits[is_caught]:
                continue
            public = self._public_function(state)
            if public is not None:
                found.setdefault((public.name, is_caught), public)
                distance = self._distances.get(public.distribution, 2) if public.is_exported else 2
                if distance < 2:  # noqa: PLR2004 # Programs call a root, and what it requires.
                    limits[is_caught] = min(limits[is_caught], state.calls + _MAX_FARTHER)
                if distance == 0:
                    continue
            followed += 1
            for each in self._next_states(state) if state.calls < limits[is_caught] else ():
                if _key(each) not in visited:
                    visited.add(_key(each))
                    # The nearest first: a step without a call is no farther.
                    (waiting.append if each.calls > state.calls else waiting.appendleft)(each)
        return tuple(found.values())

    def _function(self, place: Frame) -> Function:
        """The innermost function around *place*, which may be in the body of a class."""
        functions, name = self._calls.functions(place.file), place.function
        while name and name not in functions:
            name = name.rpartition(".")[0]
        return Function(place.file, name or MODULE_LEVEL)

    def _public_function(self, state: _State) -> PublicFunction | None:
        if not state.is_call and any(caller.is_decorator for caller in self._calls.callers(state.function)):
            # It returns a function of its own: what it decorates leads there, not it.
            return None
        name = self._names.find(state.function)
        if name is None:
            return None
        return PublicFunction(
            name=name.text,
            distribution=self._owners[state.function.file],
            is_exported=name.is_exported,
            is_top_level=name.is_top_level,
            frame=Frame(file=state.function.file, line=state.line, function=state.function.name),
            calls=state.calls,
            handler=state.handler,
        )

    def _next_states(self, state: _State) -> Iterator[_State]:
        for caller in self._calls.callers(state.function):
            if caller.function.name == MODULE_LEVEL:
                continue  # If the trace loaded the file, it ran this call.
            handler, errors = _passed_clauses(caller, state.errors)
            # A constructor of a subclass that calls the one of its base is the same call.
            is_same = last_part(caller.function.name) == last_part(state.function.name) in CONSTRUCTORS
            yield _State(
                function=caller.function,
                line=caller.line,
                errors=errors,
                handler=state.handler or handler,
                calls=state.calls + (not is_same),
                is_call=caller.calls or not state.function.name.startswith(f"{caller.function.name}."),
            )


def _key(state: _State) -> tuple[object, ...]:
    return state.function, state.handler is not None or state.errors


def _passed_clauses(caller: Caller, errors: frozenset[str]) -> tuple[str | None, frozenset[str]]:
    """The handler around a call that catches one of *errors* and goes on, and the errors that leave the function."""
    for clauses in caller.clauses:
        clause = next((each for each in clauses if each.catches(errors)), None)
        if clause is None:
            continue
        if clause.raises is None:
            return f"{clause.text} at {caller.function.file}:{clause.line}", errors
        errors = _errors_after(clause.raises, errors)
    return None, errors


def _errors_after(raised: frozenset[str], errors: frozenset[str]) -> frozenset[str]:
    """The names by which a failure is caught after a handler raised one of *raised* instead; none: the same again."""
    # A lower name is a variable, most likely with the error that was caught.
    classes = {name for name in raised if not name[:1].islower()}
    if not classes:
        return errors
    return frozenset(
        each
        for name in classes
        for each in (IMPORT_ERRORS if name in IMPORT_ERRORS else {name, "Exception", "BaseException"})
    )
