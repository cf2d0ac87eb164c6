"""Evaluates Python expressions to the texts they may be: follows constants through scopes, classes and modules."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from minreq.scan.definitions import MAX_DEPTH, Item, find_dictionary, function_of, owner_of
from minreq.scan.scopes import FUNCTION_NODES, Binding, Scope, find_module, scope_of

#: One expression evaluates to no more texts than this.
_MAX_TEXTS = 200

#: Methods that return a text for a text. The evaluator treats the result as the text itself.
_TEXT_METHODS = frozenset({"lower", "strip", "upper", "rstrip", "lstrip", "removeprefix", "removesuffix"})
#: Functions that return one of their arguments, or some of them.
_CHOOSING_FUNCTIONS = frozenset(
    {"choice", "cycle", "iter", "list", "max", "min", "next", "reversed", "sorted", "str", "tuple"}
)
#: Characters of an expression that a reason shows.
_MAX_SHOWN = 60


@dataclass(frozen=True, slots=True)
class PossibleText:
    """A text, or its beginning where *exact* is false."""

    text: str
    exact: bool = True


@dataclass(frozen=True, slots=True)
class PossibleTexts:
    """The texts that an expression may evaluate to."""

    texts: tuple[PossibleText, ...] = ()
    #: Why there may be other texts, "" where there are none: ``comes from os.environ['MODEL']``.
    reason: str = ""

    def __or__(self, other: PossibleTexts) -> PossibleTexts:
        return PossibleTexts(
            tuple(dict.fromkeys((*self.texts, *other.texts)))[:_MAX_TEXTS], self.reason or other.reason
        )


def evaluate(expression: ast.expr, scope: Scope, depth: int = 0) -> PossibleTexts:
    """Return the texts that *expression* may evaluate to in *scope*."""
    if depth > MAX_DEPTH:
        return PossibleTexts(reason="is followed too far")
    return _Evaluator(scope, depth + 1).evaluate(expression)


@dataclass(frozen=True, slots=True)
class _Evaluator:
    """Evaluates expressions of one scope."""

    scope: Scope
    depth: int

    def evaluate(self, expression: ast.expr) -> PossibleTexts:  # noqa: C901, PLR0911, PLR0912 - A case for each form there is.
        match expression:
            case ast.Constant(value=str() as text):
                return PossibleTexts((PossibleText(text),))
            case ast.Constant():
                return PossibleTexts()
            case ast.JoinedStr(values=parts):
                return self._evaluate_joined(parts)
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                return self._evaluate_joined([left, right])
            case ast.BinOp(op=ast.Mod(), left=ast.Constant(value=str() as text)):
                return self._evaluate_template(expression, text.partition("%"))
            case ast.Call(func=ast.Attribute(attr="format", value=ast.Constant(value=str() as text))):
                return self._evaluate_template(expression, text.partition("{"))
            case ast.IfExp(body=one, orelse=other):
                return self.evaluate_any([one, other])
            case ast.BoolOp(values=several):
                return self.evaluate_any(several)
            case ast.List(elts=several) | ast.Tuple(elts=several) | ast.Set(elts=several):
                return self.evaluate_any(several)
            case ast.Dict(values=several):
                return self.evaluate_any(several)
            case ast.Starred(value=inner) | ast.Await(value=inner) | ast.NamedExpr(value=inner):
                return self.follow(inner)
            case ast.ListComp(elt=inner) | ast.GeneratorExp(elt=inner) | ast.SetComp(elt=inner):
                return self.follow(inner)
            case ast.Name(id=name):
                return self._evaluate_name(name, expression)
            case ast.Attribute():
                return self._evaluate_attribute(expression)
            case ast.Subscript(value=of, slice=key):
                return self._evaluate_subscript(of, key, expression)
            case ast.Call():
                return self._evaluate_call(expression)
        return _unresolved(expression)

    def follow(self, expression: ast.expr) -> PossibleTexts:
        return evaluate(expression, self.scope, self.depth)

    def evaluate_any(self, expressions: Sequence[ast.expr]) -> PossibleTexts:
        """Return the texts of all *expressions*."""
        found = PossibleTexts()
        for each in expressions:
            found |= self.follow(each)
        return found

    def evaluate_items(self, items: Iterable[Item]) -> PossibleTexts:
        """Return the texts of all *items*."""
        found = PossibleTexts()
        for each in items:
            found |= evaluate(each.expression, each.scope, self.depth)
        return found

    def _evaluate_joined(self, parts: Sequence[ast.expr]) -> PossibleTexts:
        """Return all combinations of the texts of *parts*, or their beginnings up to a part that is not fully known."""
        beginnings = [""]
        for part in parts:
            possible = self.follow(part.value if isinstance(part, ast.FormattedValue) else part)
            exact_texts = [each.text for each in possible.texts if each.exact]
            if (
                possible.reason
                or not exact_texts
                or len(exact_texts) < len(possible.texts)
                or len(beginnings) * len(exact_texts) > _MAX_TEXTS
            ):
                ends = [each.text for each in possible.texts] or [""]
                if possible.reason and "" not in ends:
                    ends.append("")
                cut = [PossibleText(beginning + end, exact=False) for beginning in beginnings for end in ends]
                usable = tuple(each for each in cut if "/" in each.text)[:_MAX_TEXTS]
                complete = len(usable) == len(cut)
                return PossibleTexts(usable, "" if complete else possible.reason or "is put together at run time")
            beginnings = [beginning + end for beginning in beginnings for end in exact_texts]
        return PossibleTexts(tuple(map(PossibleText, beginnings)))

    def _evaluate_template(self, expression: ast.expr, split: tuple[str, str, str]) -> PossibleTexts:
        beginning, placeholder, _ = split
        if not placeholder:
            return PossibleTexts((PossibleText(beginning),))
        return PossibleTexts((PossibleText(beginning, exact=False),)) if "/" in beginning else _unresolved(expression)

    def _evaluate_name(self, name: str, expression: ast.expr) -> PossibleTexts:
        scope = scope_of(name, self.scope)
        return (
            _unresolved(expression)
            if scope is None
            else self.evaluate_bindings(scope.bindings[name], scope, expression)
        )

    def evaluate_bindings(self, bindings: Sequence[Binding], scope: Scope, expression: ast.expr) -> PossibleTexts:
        """Return the texts of all *bindings* of one name in *scope*."""
        found = PossibleTexts()
        for each in bindings:
            if each.kind == "unknown":
                found |= PossibleTexts(reason=each.reason)
            elif each.kind == "import":
                found |= self._evaluate_imported_name(each, scope, expression)
            elif each.kind == "key" and each.expression is not None:
                table = find_dictionary(each.expression, scope, self.depth)
                found |= (
                    _unresolved(each.expression) if table is None else PossibleTexts(tuple(map(PossibleText, table)))
                )
            elif each.expression is not None:
                found |= evaluate(each.expression, scope, self.depth)
        return found

    def _evaluate_imported_name(self, binding: Binding, scope: Scope, expression: ast.expr) -> PossibleTexts:
        module = find_module(scope, binding.module)
        if module is None or not binding.name:
            return _unresolved(expression)
        if binding.name in module.scope.bindings:
            return _Evaluator(module.scope, self.depth + 1).follow(ast.Name(id=binding.name))
        return _unresolved(expression)

    def _evaluate_attribute(self, expression: ast.Attribute) -> PossibleTexts:
        if expression.attr in {"value", "name"}:
            inner = self.follow(expression.value)
            if inner.texts:
                return inner
        owner = owner_of(expression.value, self.scope, self.depth)
        if owner is not None and expression.attr in owner.bindings:
            return _Evaluator(owner, self.depth + 1).evaluate_bindings(
                owner.bindings[expression.attr], owner, expression
            )
        return _unresolved(expression)

    def _evaluate_subscript(self, of: ast.expr, key: ast.expr, expression: ast.expr) -> PossibleTexts:
        table = find_dictionary(of, self.scope, self.depth)
        if table is not None:
            names = self.follow(key)
            wanted = [each.text for each in names.texts if each.text in table]
            if wanted and not names.reason:
                return self.evaluate_items([table[each] for each in wanted])
            return self.evaluate_items(table.values())
        found = self.follow(of)
        return found if found.texts else _unresolved(expression)

    def _evaluate_call(self, call: ast.Call) -> PossibleTexts:  # noqa: PLR0911 - As above.
        match call.func:
            case ast.Attribute(attr="get", value=of) if (
                call.args and (table := find_dictionary(of, self.scope, self.depth)) is not None
            ):
                return self._evaluate_subscript(of, call.args[0], call) | self.evaluate_any(call.args[1:])
            case ast.Attribute(attr="values", value=of) if (
                table := find_dictionary(of, self.scope, self.depth)
            ) is not None:
                return self.evaluate_items(table.values())
            case ast.Attribute(attr="keys", value=of) if (
                table := find_dictionary(of, self.scope, self.depth)
            ) is not None:
                return PossibleTexts(tuple(map(PossibleText, table)))
            case ast.Attribute(attr=name, value=of) if name in _TEXT_METHODS:
                return self.follow(of)
            case ast.Attribute(attr="get" | "getenv" | "pop" | "setdefault") | ast.Name(id="getenv" | "getattr"):
                # The default is only one of the possible values.
                return self.evaluate_any(call.args[1:]) | PossibleTexts(reason=f"comes from {_source_text(call)}")
            case ast.Attribute(attr=name) | ast.Name(id=name) if name in _CHOOSING_FUNCTIONS and call.args:
                return self.evaluate_any(call.args[:1])
        function = function_of(call.func, self.scope, self.depth)
        if function is not None and isinstance(function.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            returned = [each.value for each in _return_statements(function.node) if each.value is not None]
            if returned:
                return _Evaluator(function, self.depth + 1).evaluate_any(returned)
        return _unresolved(call)


def _return_statements(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.Return]:
    waiting: list[ast.AST] = [*node.body]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, ast.Return):
            yield each
        elif not isinstance(each, (*FUNCTION_NODES, ast.ClassDef)):
            waiting += ast.iter_child_nodes(each)


def _unresolved(expression: ast.expr) -> PossibleTexts:
    return PossibleTexts(reason=f"comes from {_source_text(expression)}")


def _source_text(expression: ast.expr) -> str:
    text = " ".join(ast.unparse(ast.fix_missing_locations(expression)).split())
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."
