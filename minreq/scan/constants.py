"""The texts that expressions in Python may stand for: constants followed through scopes, classes and modules."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from minreq.scan.definitions import DEEP, Item, dictionary, function_of, owner_of
from minreq.scan.scopes import FUNCTIONS, Binding, Scope, imported, scope_of

#: How many texts one expression may stand for.
_MOST = 200

#: Texts keep being texts.
_TEXT_METHODS = frozenset({"lower", "strip", "upper", "rstrip", "lstrip", "removeprefix", "removesuffix"})
#: Take one of what they are given.
_CHOOSERS = frozenset({"choice", "cycle", "iter", "list", "max", "min", "next", "reversed", "sorted", "str", "tuple"})
#: Characters of an expression that are told.
_LONGEST = 60


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


def values(expression: ast.expr, scope: Scope, depth: int = 0) -> Values:
    """Return the texts that *expression* may stand for in *scope*."""
    if depth > DEEP:
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
        elif not isinstance(each, (*FUNCTIONS, ast.ClassDef)):
            waiting += ast.iter_child_nodes(each)


def _from_elsewhere(expression: ast.expr) -> Values:
    return Values(why=f"comes from {_spelled(expression)}")


def _spelled(expression: ast.expr) -> str:
    text = " ".join(ast.unparse(ast.fix_missing_locations(expression)).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
