"""What names in Python stand for, as far as the source says: constants followed through scopes, classes and modules."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

#: How far a name is followed, and how many texts one expression may stand for.
_DEEP = 25
_MOST = 200

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
#: Texts keep being texts.
_TEXT_METHODS = frozenset({"lower", "strip", "upper", "rstrip", "lstrip", "removeprefix", "removesuffix"})
#: Take one of what they are given.
_CHOOSERS = frozenset({"choice", "cycle", "iter", "list", "max", "min", "next", "reversed", "sorted", "str", "tuple"})


@dataclass(frozen=True, slots=True)
class Text:
    """A text, or its beginning."""

    text: str
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Values:
    """The texts an expression may stand for."""

    texts: tuple[Text, ...] = ()
    #: Why these may not be all, "" if they are: ``comes from os.environ['MODEL']``.
    why: str = ""

    def __or__(self, other: Values) -> Values:
        return Values(tuple(dict.fromkeys((*self.texts, *other.texts)))[:_MOST], self.why or other.why)


@dataclass(frozen=True, slots=True)
class Binding:
    """Where a name gets its value."""

    kind: Literal["value", "element", "key", "import", "unknown"]
    #: Of ``value``; of ``element`` and ``key`` what is iterated over.
    expression: ast.expr | None = None
    #: Of ``import``: the module, and the name in it ("" for the module itself).
    module: str = ""
    name: str = ""
    #: Of ``unknown``: why.
    why: str = ""


@dataclass(slots=True)
class Scope:
    """A module, class or function."""

    source: Module
    parent: Scope | None = None
    node: ast.AST | None = None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    functions: dict[str, Scope] = field(default_factory=dict)
    classes: dict[str, Scope] = field(default_factory=dict)

    @property
    def enclosing_class(self) -> Scope | None:
        """The class whose method this is."""
        scope: Scope | None = self
        while scope is not None and not isinstance(scope.node, ast.ClassDef):
            scope = scope.parent
        return scope


@dataclass(frozen=True, slots=True)
class Item:
    """A value in a table, and where it is written."""

    expression: ast.expr
    scope: Scope


#: A table that is written out: constant keys, or the source of others.
Table = Mapping[str, Item]


class Modules(Protocol):
    """Finds the modules of the code base."""

    def find(self, module: str, level: int, file: str) -> Module | None:
        """Return the *module* that *file* imports, *level* folders up (0: absolute), if it is one of the code base."""
        ...


class Module:
    """A file of Python: its tree, and what its names are bound to."""

    def __init__(self, file: str, tree: ast.Module, modules: Modules) -> None:
        self.file, self.tree, self.modules = file, tree, modules
        #: The scope in which each function and class body is.
        self.scopes: dict[ast.AST, Scope] = {}

    @cached_property
    def scope(self) -> Scope:
        """The scope of the module; those within it are in `scopes`."""
        scope = Scope(self, node=self.tree)
        self.scopes[self.tree] = scope
        _bind_all(self.tree.body, scope)
        return scope


def _bind_all(body: Sequence[ast.AST], scope: Scope) -> None:
    waiting: list[ast.AST] = list(reversed(body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, _FUNCTIONS):
            inner = _inner(node, scope)
            _bind_parameters(node, inner)
            if not isinstance(node, ast.Lambda):
                scope.functions[node.name] = inner
                _bind_all(node.body, inner)
                waiting += [
                    *node.decorator_list,
                    *node.args.defaults,
                    *(each for each in node.args.kw_defaults if each),
                ]
            else:
                _bind_all([node.body], inner)
        elif isinstance(node, ast.ClassDef):
            inner = _inner(node, scope)
            scope.classes[node.name] = inner
            _bind_all(node.body, inner)
            waiting += [*node.decorator_list, *node.bases, *(each.value for each in node.keywords)]
        else:
            for name, binding, target in _bindings(node):
                _bind(name, binding, target, scope)
            waiting += reversed([*ast.iter_child_nodes(node)])


def _inner(node: ast.AST, scope: Scope) -> Scope:
    inner = Scope(scope.source, parent=scope, node=node)
    scope.source.scopes[node] = inner
    return inner


def _bind_parameters(node: Function, inner: Scope) -> None:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = dict(zip(reversed(positional), reversed(arguments.defaults), strict=False))
    defaults |= {each: value for each, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value}
    for each in [*positional, *arguments.kwonlyargs, *filter(None, (arguments.vararg, arguments.kwarg))]:
        bindings = inner.bindings.setdefault(each.arg, [])
        if each in defaults:
            bindings.append(Binding("value", defaults[each]))
        bindings.append(Binding("unknown", why=f"is the parameter {each.arg}"))


def _bind(name: str, binding: Binding, target: str, scope: Scope) -> None:
    if target == "self":
        owner = scope.enclosing_class
        if owner is not None:
            owner.bindings.setdefault(name, []).append(binding)
    else:
        scope.bindings.setdefault(name, []).append(binding)


def _bindings(node: ast.AST) -> Iterator[tuple[str, Binding, str]]:  # noqa: C901 - A case for each form there is.
    """Yield name, binding, and ``self`` where it is an attribute of that."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _targets(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
            yield from _targets(target, value)
        case ast.AugAssign(target=ast.Name(id=name)):
            yield name, Binding("unknown", why=f"is put together in {name}"), ""
        case ast.For() | ast.AsyncFor() | ast.comprehension():
            yield from _elements(node.target, node.iter)
        case ast.withitem(optional_vars=ast.Name(id=name), context_expr=value):
            yield name, Binding("value", value), ""
        case ast.Import(names=names):
            for each in names:
                top = each.name.partition(".")[0]
                yield each.asname or top, Binding("import", module=each.name if each.asname else top), ""
        case ast.ImportFrom(names=names):
            module = "." * node.level + (node.module or "")
            for each in names:
                yield each.asname or each.name, Binding("import", module=module, name=each.name), ""
        case _:
            pass


def _targets(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, Binding, str]]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, Binding("value", value), ""
        case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name), _:
            yield name, Binding("value", value), "self"
        case ((ast.Tuple(elts=left) | ast.List(elts=left)), (ast.Tuple(elts=right) | ast.List(elts=right))):
            if len(left) == len(right):
                for one, other in zip(left, right, strict=True):
                    yield from _targets(one, other)
        case ((ast.Tuple(elts=left) | ast.List(elts=left)), _):
            for each in left:
                if isinstance(each, ast.Name):
                    yield each.id, Binding("element", value), ""
        case _:
            pass


def _elements(target: ast.expr, iterated: ast.expr) -> Iterator[tuple[str, Binding, str]]:
    match target, iterated:
        case ast.Name(id=name), _:
            yield name, Binding("element", iterated), ""
        case ast.Tuple(elts=[ast.Name(id=key), ast.Name(id=value)]), ast.Call(
            func=ast.Attribute(attr="items", value=of)
        ):
            yield key, Binding("key", of), ""
            yield (
                value,
                Binding("element", ast.Call(func=ast.Attribute(value=of, attr="values"), args=[], keywords=[])),
                "",
            )
        case ((ast.Tuple(elts=elements) | ast.List(elts=elements)), _):
            for each in elements:
                if isinstance(each, ast.Name):
                    yield each.id, Binding("element", iterated), ""
        case _:
            pass


def values(expression: ast.expr, scope: Scope, depth: int = 0) -> Values:
    """Return the texts that *expression* may stand for in *scope*."""
    if depth > _DEEP:
        return Values(why="is followed too far")
    return _Following(scope, depth + 1).values(expression)


@dataclass(frozen=True, slots=True)
class _Following:
    """Follows expressions of one scope."""

    scope: Scope
    depth: int

    def values(self, expression: ast.expr) -> Values:  # noqa: C901, PLR0911, PLR0912 - A case for each form there is.
        match expression:
            case ast.Constant(value=str() as text):
                return Values((Text(text),))
            case ast.Constant():
                return Values()
            case ast.JoinedStr(values=parts):
                return self._joined(parts)
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                return self._joined([left, right])
            case ast.BinOp(op=ast.Mod(), left=ast.Constant(value=str() as text)):
                return self._template(expression, text.partition("%"))
            case ast.Call(func=ast.Attribute(attr="format", value=ast.Constant(value=str() as text))):
                return self._template(expression, text.partition("{"))
            case ast.IfExp(body=one, orelse=other):
                return self.any_of([one, other])
            case ast.BoolOp(values=several):
                return self.any_of(several)
            case ast.List(elts=several) | ast.Tuple(elts=several) | ast.Set(elts=several):
                return self.any_of(several)
            case ast.Dict(values=several):
                return self.any_of(several)
            case ast.Starred(value=inner) | ast.Await(value=inner) | ast.NamedExpr(value=inner):
                return self.follow(inner)
            case ast.ListComp(elt=inner) | ast.GeneratorExp(elt=inner) | ast.SetComp(elt=inner):
                return self.follow(inner)
            case ast.Name(id=name):
                return self._name(name, expression)
            case ast.Attribute():
                return self._attribute(expression)
            case ast.Subscript(value=of, slice=key):
                return self._item(of, key, expression)
            case ast.Call():
                return self._call(expression)
        return _from_elsewhere(expression)

    def follow(self, expression: ast.expr) -> Values:
        return values(expression, self.scope, self.depth)

    def any_of(self, expressions: Sequence[ast.expr]) -> Values:
        """Return what any of *expressions* may stand for."""
        found = Values()
        for each in expressions:
            found |= self.follow(each)
        return found

    def items(self, items: Iterable[Item]) -> Values:
        """Return what any of *items* may stand for."""
        found = Values()
        for each in items:
            found |= values(each.expression, each.scope, self.depth)
        return found

    def _joined(self, parts: Sequence[ast.expr]) -> Values:
        """Every text that the first parts can make; where one is not known, their beginnings."""
        beginnings = [""]
        for part in parts:
            known = self.follow(part.value if isinstance(part, ast.FormattedValue) else part)
            whole = [each.text for each in known.texts if each.exact]
            if known.why or not whole or len(whole) < len(known.texts) or len(beginnings) * len(whole) > _MOST:
                ends = [each.text for each in known.texts] or [""]
                if known.why and "" not in ends:
                    ends.append("")
                cut = [Text(beginning + end, exact=False) for beginning in beginnings for end in ends]
                usable = tuple(each for each in cut if "/" in each.text)[:_MOST]
                complete = len(usable) == len(cut)
                return Values(usable, "" if complete else known.why or "is put together at run time")
            beginnings = [beginning + end for beginning in beginnings for end in whole]
        return Values(tuple(map(Text, beginnings)))

    def _template(self, expression: ast.expr, split: tuple[str, str, str]) -> Values:
        beginning, placeholder, _ = split
        if not placeholder:
            return Values((Text(beginning),))
        return Values((Text(beginning, exact=False),)) if "/" in beginning else _from_elsewhere(expression)

    def _name(self, name: str, expression: ast.expr) -> Values:
        scope = scope_of(name, self.scope)
        return _from_elsewhere(expression) if scope is None else self.bound(scope.bindings[name], scope, expression)

    def bound(self, bindings: Sequence[Binding], scope: Scope, expression: ast.expr) -> Values:
        """Return what any of *bindings*, made in *scope*, may stand for."""
        found = Values()
        for each in bindings:
            if each.kind == "unknown":
                found |= Values(why=each.why)
            elif each.kind == "import":
                found |= self._imported(each, scope, expression)
            elif each.kind == "key" and each.expression is not None:
                table = dictionary(each.expression, scope, self.depth)
                found |= _from_elsewhere(each.expression) if table is None else Values(tuple(map(Text, table)))
            elif each.expression is not None:
                found |= values(each.expression, scope, self.depth)
        return found

    def _imported(self, binding: Binding, scope: Scope, expression: ast.expr) -> Values:
        module = imported(scope, binding.module)
        if module is None or not binding.name:
            return _from_elsewhere(expression)
        if binding.name in module.scope.bindings:
            return _Following(module.scope, self.depth + 1).follow(ast.Name(id=binding.name))
        return _from_elsewhere(expression)

    def _attribute(self, expression: ast.Attribute) -> Values:
        if expression.attr in {"value", "name"}:
            inner = self.follow(expression.value)
            if inner.texts:
                return inner
        owner = owner_of(expression.value, self.scope, self.depth)
        if owner is not None and expression.attr in owner.bindings:
            return _Following(owner, self.depth + 1).bound(owner.bindings[expression.attr], owner, expression)
        return _from_elsewhere(expression)

    def _item(self, of: ast.expr, key: ast.expr, expression: ast.expr) -> Values:
        table = dictionary(of, self.scope, self.depth)
        if table is not None:
            names = self.follow(key)
            wanted = [each.text for each in names.texts if each.text in table]
            if wanted and not names.why:
                return self.items([table[each] for each in wanted])
            return self.items(table.values())
        found = self.follow(of)
        return found if found.texts else _from_elsewhere(expression)

    def _call(self, call: ast.Call) -> Values:  # noqa: PLR0911 - As above.
        match call.func:
            case ast.Attribute(attr="get", value=of) if (
                call.args and (table := dictionary(of, self.scope, self.depth)) is not None
            ):
                return self._item(of, call.args[0], call) | self.any_of(call.args[1:])
            case ast.Attribute(attr="values", value=of) if (
                table := dictionary(of, self.scope, self.depth)
            ) is not None:
                return self.items(table.values())
            case ast.Attribute(attr="keys", value=of) if (table := dictionary(of, self.scope, self.depth)) is not None:
                return Values(tuple(map(Text, table)))
            case ast.Attribute(attr=name, value=of) if name in _TEXT_METHODS:
                return self.follow(of)
            case ast.Attribute(attr="get" | "getenv" | "pop" | "setdefault") | ast.Name(id="getenv" | "getattr"):
                # What stands in for a missing one is not all it can be.
                return self.any_of(call.args[1:]) | Values(why=f"comes from {_spelled(call)}")
            case ast.Attribute(attr=name) | ast.Name(id=name) if name in _CHOOSERS and call.args:
                return self.any_of(call.args[:1])
        function = function_of(call.func, self.scope, self.depth)
        if function is not None and isinstance(function.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            returned = [each.value for each in _returns(function.node) if each.value is not None]
            if returned:
                return _Following(function, self.depth + 1).any_of(returned)
        return _from_elsewhere(call)


def _returns(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.Return]:
    waiting: list[ast.AST] = [*node.body]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, ast.Return):
            yield each
        elif not isinstance(each, (*_FUNCTIONS, ast.ClassDef)):
            waiting += ast.iter_child_nodes(each)


def dictionary(expression: ast.expr, scope: Scope, depth: int = 0) -> Table | None:  # noqa: C901 - As above.
    """Return the items of a table that *expression* stands for; ``None`` where it is none that is written out."""
    if depth > _DEEP:
        return None
    match expression:
        case ast.Dict(keys=keys, values=items):
            table: dict[str, Item] = {}
            for key, item in zip(keys, items, strict=True):
                if key is None:
                    table |= dictionary(item, scope, depth + 1) or {}
                elif isinstance(key, ast.Constant) and isinstance(key.value, str):
                    table[key.value] = Item(item, scope)
                else:
                    table[ast.unparse(key)] = Item(item, scope)
            return table
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
            return {each.arg: Item(each.value, scope) for each in keywords if each.arg is not None}
        case ast.Name() | ast.Attribute():
            for binding, owner in bindings_of(expression, scope, depth + 1):
                if binding.kind == "value" and binding.expression is not None:
                    table_or_none = dictionary(binding.expression, owner, depth + 1)
                    if table_or_none is not None:
                        return table_or_none
    return None


def scope_of(name: str, scope: Scope) -> Scope | None:
    """Return where *name* is bound, as it is seen from *scope*; the body of a class is no scope for its methods."""
    where: Scope | None = scope
    while where is not None:
        if name in where.bindings and (where is scope or not isinstance(where.node, ast.ClassDef)):
            return where
        where = where.parent
    return None


def bindings_of(expression: ast.expr, scope: Scope, depth: int = 0) -> Iterator[tuple[Binding, Scope]]:
    """Yield what a name, or an attribute of a module or class of the code base, is bound to, and where."""
    if depth > _DEEP:
        return
    if isinstance(expression, ast.Name):
        where = scope_of(expression.id, scope)
        if where is None:
            return
        for binding in where.bindings[expression.id]:
            module = imported(where, binding.module) if binding.kind == "import" and binding.name else None
            if module is not None and binding.name in module.scope.bindings:
                yield from bindings_of(ast.Name(id=binding.name), module.scope, depth + 1)
            else:
                yield binding, where
    elif isinstance(expression, ast.Attribute):
        owner = owner_of(expression.value, scope, depth + 1)
        if owner is not None:
            for binding in owner.bindings.get(expression.attr, ()):
                yield binding, owner


def owner_of(expression: ast.expr, scope: Scope, depth: int = 0) -> Scope | None:  # noqa: PLR0911 - As above.
    """Return the module or class of the code base that *expression* is, or is an instance of."""
    if depth > _DEEP:
        return None
    if isinstance(expression, ast.Name) and expression.id in {"self", "cls"}:
        return scope.enclosing_class
    if isinstance(expression, ast.Call):
        return owner_of(expression.func, scope, depth + 1)
    found = class_of(expression, scope, depth + 1)
    if found is not None:
        return found
    for binding, where in bindings_of(expression, scope, depth + 1):
        if binding.kind == "import":
            # Of ``from . import name`` the dot is all of the module.
            dot = "" if binding.module.endswith(".") or not binding.name else "."
            module = imported(where, f"{binding.module}{dot}{binding.name}")
            if module is not None:
                return module.scope
        elif isinstance(binding.expression, ast.Call):
            return owner_of(binding.expression.func, where, depth + 1)
    return None


def class_of(expression: ast.expr, scope: Scope, depth: int = 0) -> Scope | None:
    """Return the class of the code base that *expression* names."""
    return _definition(expression, scope, "classes", depth)


def function_of(expression: ast.expr, scope: Scope, depth: int = 0) -> Scope | None:
    """Return the function of the code base that *expression* names."""
    return _definition(expression, scope, "functions", depth)


def _definition(expression: ast.expr, scope: Scope, kind: Literal["classes", "functions"], depth: int) -> Scope | None:
    if depth > _DEEP:
        return None
    if isinstance(expression, ast.Name):
        where: Scope | None = scope
        while where is not None:
            found: dict[str, Scope] = getattr(where, kind)
            if expression.id in found:
                return found[expression.id]
            for binding in where.bindings.get(expression.id, ()):
                module = imported(where, binding.module) if binding.kind == "import" and binding.name else None
                if module is not None:
                    return _definition(ast.Name(id=binding.name), module.scope, kind, depth + 1)
            where = where.parent
    elif isinstance(expression, ast.Attribute):
        owner = owner_of(expression.value, scope, depth + 1)
        if owner is not None:
            members: dict[str, Scope] = getattr(owner, kind)
            return members.get(expression.attr)
    return None


def imported(scope: Scope, module: str) -> Module | None:
    """Return the *module* (dots in front: relative) that the file of *scope* imports, if it is of the code base."""
    name = module.lstrip(".")
    source = scope.source
    return source.modules.find(name, len(module) - len(name), source.file)


def _from_elsewhere(expression: ast.expr) -> Values:
    return Values(why=f"comes from {_spelled(expression)}")


#: What an expression is told with.
_LONGEST = 60


def _spelled(expression: ast.expr) -> str:
    text = " ".join(ast.unparse(ast.fix_missing_locations(expression)).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
