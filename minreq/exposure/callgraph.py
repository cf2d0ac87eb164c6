"""Finds who calls a function, from the source alone: what the names in the code of several distributions refer to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple

from minreq.exposure.callparser import NameUse, last_part, parts_of
from minreq.exposure.parser import MODULE_LEVEL, module_of
from minreq.exposure.scopes import CALLED, SUPER
from minreq.exposure.sourcefiles import SourceFiles
from minreq.source.modulenames import with_parents
from minreq.source.optionalimports import Clause

#: What runs when a class is called.
CONSTRUCTORS = ("__init__", "__new__", "__post_init__")
#: A name that may be more things is taken for the first ones.
_MAX_THINGS = 6


class Function(NamedTuple):
    """A function, by its file below ``site-packages`` and its qualified name; ``<module>`` is the code of the file."""

    file: str
    name: str


class Thing(NamedTuple):
    """What a name refers to. *place* is the name of a module, else a file."""

    kind: Literal["module", "function", "class", "instance", "bases"]
    place: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Code that calls a function, or hands it on to code that may call it."""

    function: Function
    line: int
    #: ``False``: it hands it on.
    calls: bool
    is_decorator: bool
    #: Around the call, innermost block first.
    clauses: tuple[tuple[Clause, ...], ...]


class NameResolver:
    """Finds what the paths in source files refer to."""

    def __init__(self, files: SourceFiles) -> None:
        self.files = files
        self._modules = {module_of(file): file for file in files}
        self._packages = {parent for module in self._modules for parent in with_parents(module)}
        self._found: dict[tuple[str, ...], tuple[Thing, ...]] = {}
        self._pending: set[tuple[str, ...]] = set()
        #: How often a search met itself. What such a search finds may be incomplete: it is kept only for this search.
        self._circles = 0
        self._partial: dict[tuple[str, ...], tuple[Thing, ...]] = {}

    def resolve(self, path: str) -> tuple[Thing, ...]:
        """What *path* may refer to; nothing if its module is not among the files."""
        return self._find(("path", path), lambda: self._follow(path))

    def _find(self, key: tuple[str, ...], find: Callable[[], Iterable[Thing]]) -> tuple[Thing, ...]:
        """What *find* returns, called once; nothing where it needs its own answer."""
        if key in self._found:
            return self._found[key]
        if key in self._partial:
            return self._partial[key]
        if key in self._pending:
            self._circles += 1
            return ()
        self._pending.add(key)
        circles = self._circles
        try:
            found = tuple(islice(dict.fromkeys(find()), _MAX_THINGS))
        finally:
            self._pending.discard(key)
        is_whole = circles == self._circles or not self._pending
        (self._found if is_whole else self._partial)[key] = found
        if not self._pending:
            self._partial.clear()
        return found

    def _follow(self, path: str) -> Iterable[Thing]:
        first, *parts = parts_of(path)
        things: Iterable[Thing] = [Thing("module", first)] if first in self._packages else []
        for part in parts:
            things = dict.fromkeys(found for thing in things for found in self._step(thing, part))
        return things

    def _step(self, thing: Thing, part: str) -> Iterator[Thing]:
        if part == CALLED and thing.kind == "function":
            yield from self._returned(thing)
        elif part in {CALLED, SUPER}:
            if thing.kind == "class":
                yield thing._replace(kind="instance" if part == CALLED else "bases")
        elif thing.kind == "module":
            yield from self._module_members(thing.place, part)
        elif thing.kind == "function":
            yield from self._defined(thing.place, f"{thing.name}.{part}")
        elif thing.kind == "bases":
            for base in self.bases(thing):
                yield from self.members(base, part)
        else:
            for found in self.members(thing, part):
                yield from self._read(thing, found)

    def _read(self, owner: Thing, found: Thing) -> Iterator[Thing]:
        """What reading the attribute *found* of *owner* may give: for a property also what it returns."""
        is_property = found.kind == "function" and found.name in self.files.calls(found.place).properties
        if is_property and owner.kind == "instance":
            yield from self._returned(found)
        yield found

    def _returned(self, function: Thing) -> Iterator[Thing]:
        for path in self.files.calls(function.place).functions[function.name]:
            yield from self.resolve(path)

    def _module_members(self, module: str, name: str) -> Iterator[Thing]:
        yield from self._find(("module", module, name), lambda: self._named(module, name))
        # A package may have another thing of that name; an import takes the module.
        if f"{module}.{name}" in self._packages:
            yield Thing("module", f"{module}.{name}")

    def _named(self, module: str, name: str) -> Iterator[Thing]:
        if module not in self._modules:
            return
        file = self._modules[module]
        facts = self.files.calls(file)
        is_found = False
        for thing in (
            *self._defined(file, name),
            *(found for path in facts.names.get(name, ()) for found in self.resolve(path)),
        ):
            is_found = True
            yield thing
        if not is_found and not name.startswith("_"):
            for star in facts.star_modules:
                yield from self._module_members(star, name)

    def _defined(self, file: str, name: str) -> Iterator[Thing]:
        facts = self.files.calls(file)
        if name in facts.functions:
            yield Thing("function", file, name)
        if name in facts.classes:
            yield Thing("class", file, name)

    def members(self, owner: Thing, name: str) -> tuple[Thing, ...]:
        """The attribute *name* of the class or instance *owner*, from its bases if it has none of its own."""
        return self._find(("class", owner.place, owner.name, name), lambda: self._members(owner, name))

    def _members(self, owner: Thing, name: str) -> Iterator[Thing]:
        own = [*self._defined(owner.place, f"{owner.name}.{name}")]
        paths = self.files.calls(owner.place).classes[owner.name].attributes.get(name, ())
        own += [thing for path in paths for thing in self.resolve(path) if thing not in own]
        yield from own
        for base in self.bases(owner) if not own else ():
            found = self.members(base, name)
            yield from found
            if found:
                return

    def bases(self, owner: Thing) -> Iterator[Thing]:
        """The bases of a class that are among the files."""
        for path in self.files.calls(owner.place).classes[owner.name].bases:
            yield from (each for each in self.resolve(path) if each.kind == "class")

    def ancestors(self, owner: Thing) -> frozenset[Thing]:
        """The class *owner*, its bases and theirs."""
        found = {owner}
        waiting = [owner]
        while waiting:
            new = {*self.bases(waiting.pop())} - found
            found |= new
            waiting += new
        return frozenset(found)


class CallGraph:
    """Finds the callers of functions."""

    def __init__(self, files: SourceFiles) -> None:
        self._files = files
        self._resolver = NameResolver(files)
        self._subclasses: dict[Thing, tuple[Thing, ...]] = {}
        self._callers: dict[Function, tuple[Caller, ...]] = {}
        self._names: dict[Thing, tuple[frozenset[str], frozenset[str]]] = {}

    @property
    def resolver(self) -> NameResolver:
        """What finds the meaning of names."""
        return self._resolver

    def callers(self, function: Function) -> tuple[Caller, ...]:
        """The code that calls *function*, or hands it on."""
        if function not in self._callers:
            self._callers[function] = tuple(dict.fromkeys(self._find_callers(function)))
        return self._callers[function]

    def functions(self, file: str) -> Collection[str]:
        """The qualified names of the functions of *file*."""
        return self._files.calls(file).functions.keys()

    def owner(self, function: Function) -> Thing | None:
        """The class of the method *function*."""
        name = function.name.rpartition(".")[0]
        return Thing("class", function.file, name) if name in self._files.calls(function.file).classes else None

    def subclasses(self, owner: Thing) -> tuple[Thing, ...]:
        """The classes below *owner*, directly or not."""
        if owner not in self._subclasses:
            found: dict[Thing, None] = {}
            waiting = [owner]
            while waiting:
                base = waiting.pop()
                new = [each for each in self._direct_subclasses(base) if each not in found and each != owner]
                found |= dict.fromkeys(new)
                waiting += new
            self._subclasses[owner] = tuple(found)
        return self._subclasses[owner]

    def _direct_subclasses(self, base: Thing) -> Iterator[Thing]:
        names, files = self._names_of(base)
        likely = [file for file in files if not names.isdisjoint(self._files.base_words(file))]
        self._files.parse(likely)
        for file in sorted(likely):
            for name, facts in self._files.calls(file).classes.items():
                paths = [path for path in facts.bases if last_part(path) in names]
                if any(base in self._resolver.resolve(path) for path in paths):
                    yield Thing("class", file, name)

    def _names_of(self, thing: Thing) -> tuple[frozenset[str], frozenset[str]]:
        """The names that modules give to a function or class, and the files that may use one of them."""
        if thing not in self._names:
            name = last_part(thing.name)
            files = {thing.place}
            known = {(module_of(thing.place), name)}
            known.update((module_of(thing.place), alias) for alias in self._files.other_names(thing.place, name))
            waiting = [*known]
            while waiting:
                module, name = waiting.pop()
                stars = {file for file in self._files.importing(f"{module}.*") if self._files.has_word(file, name)}
                direct = self._files.importing(f"{module}.{name}")
                new = {*direct, *stars, *self._files.with_attribute(module, name)} - files
                files |= new
                names = {(module_of(file), name) for file in direct | self._files.importing(f"{module}.*")}
                names |= {(module_of(file), each) for file in new for each in self._files.other_names(file, name)}
                waiting += sorted(names - known)
                known |= names
            self._names[thing] = frozenset(name for _, name in known), frozenset(files)
        return self._names[thing]

    def _find_callers(self, function: Function) -> Iterator[Caller]:
        owner = self.owner(function)
        if owner is None:
            if function.name.rpartition(".")[0]:
                # A function in a function: only the code of that file knows its name.
                known, places = frozenset({last_part(function.name)}), frozenset({function.file})
            else:
                known, places = self._names_of(Thing("function", *function))
            yield from self._uses(known, places, frozenset({function}), frozenset())
            return
        method = last_part(function.name)
        subclasses = self.subclasses(owner)
        ancestors = self._resolver.ancestors(owner)
        class_names, files = set[str](), set[str]()
        for each in (owner, *subclasses, *(ancestors - {owner} if method not in CONSTRUCTORS else ())):
            names_of_class, files_of_class = self._names_of(each)
            class_names |= names_of_class
            files |= files_of_class
        overridden = {
            Function(found.place, found.name)
            for base in ancestors - {owner}
            for found in self._resolver.members(base, method)
            if found.kind == "function"
        }
        names = frozenset({method, *(class_names if method in CONSTRUCTORS else ())})
        if method not in (*CONSTRUCTORS, "__call__"):
            files = {file for file in files if self._files.has_word(file, method)}
        # An instance that is called may have any name.
        searched = names if method != "__call__" else None
        yield from self._uses(searched, frozenset(files), frozenset({function}), ancestors, frozenset(overridden))

    def _uses(
        self,
        names: frozenset[str] | None,
        files: frozenset[str],
        targets: frozenset[Function],
        ancestors: frozenset[Thing],
        overridden: frozenset[Function] = frozenset(),
    ) -> Iterator[Caller]:
        """The uses in *files* that run one of *targets*, or a method that it overrides in one of its *ancestors*."""
        self._files.parse(files)
        for file in sorted(files):
            for use in self._files.uses(file, names):
                run = self._functions_run(use)
                is_overridden = not overridden.isdisjoint(run) and self._is_received_by(use.path, ancestors)
                if targets.isdisjoint(run) and not is_overridden:
                    continue
                function = Function(file, use.function)
                if function in targets or (use.function == MODULE_LEVEL and not use.is_call):
                    continue
                calls = use.is_call or any(each.name in self._files.calls(each.file).properties for each in run)
                yield Caller(
                    function=function,
                    line=use.line,
                    calls=calls,
                    is_decorator=use.is_decorator,
                    clauses=use.clauses if calls else (),
                )

    def _functions_run(self, use: NameUse) -> set[Function]:
        found = set()
        for thing in self._resolver.resolve(use.path):
            if thing.kind == "function":
                found.add(Function(thing.place, thing.name))
            elif use.is_call or use.is_decorator:
                methods = {"class": CONSTRUCTORS, "instance": ("__call__",)}.get(thing.kind, ())
                found |= {
                    Function(each.place, each.name)
                    for method in methods
                    for each in self._resolver.members(thing, method)
                    if each.kind == "function"
                }
        return found

    def _is_received_by(self, path: str, ancestors: frozenset[Thing]) -> bool:
        """Whether the object before the last name of *path* may be of one of the classes *ancestors*."""
        receivers = self._resolver.resolve(path.rpartition(".")[0])
        return any(each._replace(kind="class") in ancestors for each in receivers if each.kind in {"class", "instance"})
