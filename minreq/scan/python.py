"""What a file of Python says: read from its syntax tree, so that comments and documentation do not count."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from minreq.scan.constants import Values, values
from minreq.scan.definitions import Item, Table, bindings_of, dictionary, owner_of
from minreq.scan.gathering import Gathering
from minreq.scan.scopes import Module, Modules, Scope, imported
from minreq.scan.texts import names_a_model
from minreq.scan.usage import Function, Vocabulary
from minreq.source import syntax

#: Where a text stands: under a name for models, where none can be, or anywhere else.
_Context = Literal["model", "other", ""]

#: How far a name is followed to the function it stands for.
_DEEP = 15
_MODEL_ARGUMENTS = ("model", "models", "model_name", "model_id")
_STRICT_MODEL_ARGUMENTS = ("model", "models")
_PROVIDER_ARGUMENT = "custom_llm_provider"


def parse(text: str) -> ast.Module:
    """Return the tree of *text*; raises ``SyntaxError``, ``ValueError``, ``RecursionError`` or ``MemoryError``."""
    with warnings.catch_warnings():
        # Of other people's code nobody here has to be warned.
        warnings.simplefilter("ignore")
        return syntax.tree(text)


def read(file: str, tree: ast.Module, vocabulary: Vocabulary, modules: Modules, gathering: Gathering) -> None:
    """Put into *gathering* what the *tree* of *file* says."""
    module = Module(file, tree, modules)
    _Reading(module, vocabulary, gathering).visit(tree, module.scope, "")


@dataclass(slots=True)
class _Called:
    """A function of the root that is called, and what it is given."""

    name: str
    function: Function
    #: Through an instance: ``router.acompletion``.
    bound: bool
    positional: Sequence[ast.expr]
    keywords: Sequence[ast.keyword]
    wrapped: bool = False


@dataclass(slots=True)
class _Reading:
    module: Module
    vocabulary: Vocabulary
    gathering: Gathering

    def visit(self, node: ast.AST, scope: Scope, context: _Context) -> None:
        """Look at *node* and all within it."""
        waiting: list[tuple[ast.AST, Scope, _Context]] = [(node, scope, context)]
        while waiting:
            node, scope, context = waiting.pop()
            scope = self.module.scopes.get(node, scope)
            if isinstance(node, ast.Constant):
                if isinstance(node.value, str) and context != "other":
                    self.gathering.text(node.lineno, node.value, is_model=context == "model")
            elif isinstance(node, ast.JoinedStr):
                self._joined(node, scope, context)
                waiting += [(each, scope, "") for each in node.values if not isinstance(each, ast.Constant)]
            elif isinstance(node, ast.Call):
                self._call(node, scope)
                waiting += self._within_call(node, scope, context)
            else:
                if isinstance(node, ast.Dict):
                    self._deployment(node, scope)
                waiting += self._within(node, scope, context)

    def _within(self, node: ast.AST, scope: Scope, context: _Context) -> Iterator[tuple[ast.AST, Scope, _Context]]:  # noqa: C901, PLR0912 - A case for each form there is.
        match node:
            case ast.Expr(value=ast.Constant()):
                return  # Documentation.
            case ast.Assign(targets=targets, value=value):
                yield value, scope, _of_target(targets[0])
                for target in targets:
                    yield target, scope, "other"
            case ast.AnnAssign(target=target, value=value):
                if value is not None:
                    yield value, scope, _of_target(target)
            case ast.Dict(keys=keys, values=items):
                names = [_constant(key) for key in keys]
                for name, item in zip(names, items, strict=True):
                    is_alias = name == self.vocabulary.alias and self.vocabulary.parameters in names
                    yield item, scope, "other" if is_alias else self._of_key(name, context)
            case ast.arguments():
                yield from self._defaults(node, scope)
            case ast.Subscript(value=value, slice=key):
                yield value, scope, ""
                yield key, scope, "other"
            case ast.List() | ast.Tuple() | ast.Set() | ast.IfExp() | ast.BoolOp() | ast.Starred() | ast.Await():
                for child in ast.iter_child_nodes(node):
                    yield child, scope, context
            case _:
                for child in ast.iter_child_nodes(node):
                    yield child, scope, ""

    def _defaults(self, node: ast.arguments, scope: Scope) -> Iterator[tuple[ast.AST, Scope, _Context]]:
        positional = [*node.posonlyargs, *node.args]
        for each, value in zip(reversed(positional), reversed(node.defaults), strict=False):
            yield value, scope, self._of_key(each.arg, "")
        for each, default in zip(node.kwonlyargs, node.kw_defaults, strict=True):
            if default is not None:
                yield default, scope, self._of_key(each.arg, "")

    def _within_call(
        self, call: ast.Call, scope: Scope, context: _Context
    ) -> Iterator[tuple[ast.AST, Scope, _Context]]:
        yield call.func, scope, ""
        name = _last(call.func)
        if name in self.vocabulary.other_functions:
            for each in (*call.args, *(keyword.value for keyword in call.keywords)):
                yield each, scope, "other"
            return
        # What a variable or a key is asked for is no model; what stands in for a missing one may be.
        keyed = name in {"get", "getenv", "pop", "setdefault"}
        for index, each in enumerate(call.args):
            yield each, scope, "other" if keyed and index == 0 else context
        for keyword in call.keywords:
            yield keyword.value, scope, self._of_key(keyword.arg or "", "")

    def _of_key(self, name: str | None, context: _Context) -> _Context:
        if name is None:
            return context
        if name in self.vocabulary.other_keys:
            return "other"
        return "model" if names_a_model(name) else "" if context == "other" else context

    def _joined(self, node: ast.JoinedStr, scope: Scope, context: _Context) -> None:
        if context == "other":
            return
        for each in values(node, scope).texts:
            self.gathering.text(node.lineno, each.text, exact=each.exact, is_model=context == "model")

    # Calls.

    def _call(self, call: ast.Call, scope: Scope) -> None:
        called = self._called(call, scope)
        if called is None:
            return
        arguments, elsewhere = self._arguments(called, scope)
        seen = f"{called.name}(...)"
        line = call.lineno
        self._features(called, arguments, line, seen)
        for name, hinted in self.vocabulary.hints.items():
            if name in arguments and not _is_off(arguments[name].expression):
                self.gathering.mention(
                    line, f"{name}=", where="call", seen=f"{called.name}({name}=...)", provider=hinted
                )
        if called.function.model is None:
            listed = arguments.get(self.vocabulary.model_list)
            if listed is not None and not self._is_list_of_models(listed.expression, listed.scope):
                why = _elsewhere(listed.expression)
                self.gathering.unknown(line, f"{called.name}({self.vocabulary.model_list}=...)", why)
            return
        names = _MODEL_ARGUMENTS if called.wrapped else _STRICT_MODEL_ARGUMENTS
        models = [arguments[name] for name in names if name in arguments]
        if not models and len(called.positional) > called.function.model:
            models = [Item(called.positional[called.function.model], scope)]
        provider = self._provider(arguments)
        for model in models:
            self._model(
                values(model.expression, model.scope),
                line,
                f"{called.name}(model=...)",
                provider,
                is_bound=called.bound,
            )
        if models or called.bound or provider:
            return
        why = f"comes from {elsewhere}" if elsewhere else "is not given here"
        self.gathering.unknown(line, seen, why)

    def _model(self, found: Values, line: int, seen: str, provider: str, *, is_bound: bool) -> None:
        for each in found.texts:
            # What a router is asked for is in its list of models.
            where: Literal["call", "model"] = "model" if is_bound else "call"
            self.gathering.mention(line, each.text, exact=each.exact, where=where, seen=seen, provider=provider)
        if found.why and not is_bound and not provider:
            self.gathering.unknown(line, seen, found.why)

    def _provider(self, arguments: Table) -> str:
        stated = arguments.get(_PROVIDER_ARGUMENT)
        texts = values(stated.expression, stated.scope).texts if stated is not None else ()
        known = [self.vocabulary.prefixes[each.text] for each in texts if each.text in self.vocabulary.prefixes]
        return known[0] if known else ""

    def _features(self, called: _Called, arguments: Table, line: int, seen: str) -> None:
        function = called.function
        stream = arguments["stream"].expression if "stream" in arguments else None
        is_streaming = bool(function.streaming) and stream is not None and not _is_off(stream)
        always = isinstance(stream, ast.Constant) and is_streaming
        features = () if always else function.features
        for feature in (*features, *((function.streaming,) if is_streaming else ())):
            self.gathering.use(line, feature, seen)
        for name, feature in self.vocabulary.arguments.items():
            if name in arguments and not _is_off(arguments[name].expression):
                self.gathering.use(line, feature, f"{called.name}({name}=...)")
        if called.bound and "Router" in self.vocabulary.functions:
            for feature in self.vocabulary.functions["Router"].features:
                self.gathering.use(line, feature, seen)

    def _called(self, call: ast.Call, scope: Scope) -> _Called | None:
        """Return the function of the root that *call* calls, or hands to somebody who will."""
        direct = self._function(call.func, scope)
        if direct is not None:
            name, function, is_bound, is_wrapped = direct
            return _Called(name, function, is_bound, call.args, call.keywords, is_wrapped)
        for index, each in enumerate(call.args):
            if isinstance(each, (ast.Name, ast.Attribute)):
                handed = self._function(each, scope)
                if handed is not None and handed[1].model is not None and not handed[3]:
                    name, function, is_bound, is_wrapped = handed
                    return _Called(name, function, is_bound, call.args[index + 1 :], call.keywords, is_wrapped)
        return None

    def _function(self, expression: ast.expr, scope: Scope) -> tuple[str, Function, bool, bool] | None:
        """The name of a function, what it is, whether it is called on an instance, and whether it is a wrapper."""
        dotted = self.external(expression, scope)
        if dotted is None:
            return None
        module = self.vocabulary.module
        last = dotted.rpartition(".")[2]
        if dotted.startswith(f"{module}."):
            function = self.vocabulary.functions.get(last)
            is_bound = "()" in dotted
            return (f"{module}.{last}", function, is_bound, False) if function else None
        if self.vocabulary.wrapper in last and "()" not in dotted:
            return last, Function(features=("chat",)), False, True
        return None

    def _arguments(self, called: _Called, scope: Scope) -> tuple[Table, str]:
        """Arguments by name, and what else may hold some: ``**options``."""
        arguments: dict[str, Item] = {}
        elsewhere = ""
        for keyword in called.keywords:
            if keyword.arg is not None:
                arguments[keyword.arg] = Item(keyword.value, scope)
            elif (table := dictionary(keyword.value, scope)) is not None:
                arguments |= {key: value for key, value in table.items() if key not in arguments}
            else:
                elsewhere = f"**{ast.unparse(keyword.value)}"
        if any(isinstance(each, ast.Starred) for each in called.positional):
            elsewhere = elsewhere or "*arguments"
            called.positional = ()
        return arguments, elsewhere

    # Lists of models.

    def _deployment(self, node: ast.expr, scope: Scope) -> None:
        table = dictionary(node, scope) or {}
        if self.vocabulary.parameters not in table:
            return
        if self.vocabulary.alias in table:
            alias = table[self.vocabulary.alias]
            for each in values(alias.expression, alias.scope).texts:
                self.gathering.alias(each.text)
        called = table[self.vocabulary.parameters]
        parameters = dictionary(called.expression, called.scope)
        seen = f"{self.vocabulary.parameters}.model"
        line = node.lineno
        if parameters is None:
            self.gathering.unknown(line, seen, _elsewhere(called.expression))
        elif "model" in parameters:
            model = parameters["model"]
            found = values(model.expression, model.scope)
            self._model(found, line, seen, self._provider(parameters), is_bound=False)
            for name, hinted in self.vocabulary.hints.items():
                if name in parameters:
                    self.gathering.mention(line, f"{name}=", where="call", seen=f"{seen}, {name}", provider=hinted)

    def _is_list_of_models(self, expression: ast.expr, scope: Scope, depth: int = 0) -> bool:
        """Whether all of it is written out in the code base: then its members were seen where they are."""
        if depth > _DEEP:
            return False
        match expression:
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return all(self._is_model(each, scope) for each in elements)
            case ast.ListComp(elt=element):
                return self._is_model(element, scope)
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                both = (left, right)
                return all(self._is_list_of_models(each, scope, depth + 1) for each in both)
            case ast.Name() | ast.Attribute():
                bound = [*bindings_of(expression, scope)]
                return bool(bound) and all(
                    each.kind == "value"
                    and each.expression is not None
                    and self._is_list_of_models(each.expression, where, depth + 1)
                    for each, where in bound
                )
        return False

    def _is_model(self, element: ast.expr, scope: Scope) -> bool:
        table = dictionary(element, scope)
        return table is not None and self.vocabulary.parameters in table

    # What a name stands for outside of the code base.

    def external(self, expression: ast.expr, scope: Scope, depth: int = 0) -> str | None:  # noqa: PLR0911 - As above.
        """Return the dotted name of what *expression* is, ``()`` behind what is called.

        Of ``router.completion`` it is ``litellm.Router().completion``.
        """
        if depth > _DEEP:
            return None
        match expression:
            case ast.Await(value=inner):
                return self.external(inner, scope, depth + 1)
            case ast.Call(func=function, args=arguments):
                name = self.external(function, scope, depth + 1)
                if name == "importlib.import_module" and arguments and (module := _constant(arguments[0])):
                    return module
                return f"{name}()" if name else None
            case ast.Name(id=name):
                return self._external_name(name, scope, depth)
            case ast.Attribute(value=of, attr=attribute):
                owner = owner_of(of, scope)
                if owner is not None:
                    return self._bound(owner, attribute, depth)
                outer = self.external(of, scope, depth + 1)
                return f"{outer}.{attribute}" if outer else None
        return None

    def _external_name(self, name: str, scope: Scope, depth: int) -> str | None:
        where: Scope | None = scope
        while where is not None:
            if name in where.bindings and (where is scope or not isinstance(where.node, ast.ClassDef)):
                return self._bound(where, name, depth)
            if name in where.functions or name in where.classes:
                return None
            where = where.parent
        stars = scope.source.scope.bindings.get("*", ())
        is_starred = any(each.module.partition(".")[0] == self.vocabulary.module for each in stars)
        return f"{self.vocabulary.module}.{name}" if is_starred and name in self.vocabulary.functions else None

    def _bound(self, scope: Scope, name: str, depth: int) -> str | None:
        for binding in scope.bindings.get(name, ()):
            if binding.kind == "import":
                module = imported(scope, binding.module)
                if module is not None and binding.name:
                    found = self.external(ast.Name(id=binding.name), module.scope, depth + 1)
                elif binding.module.startswith("."):
                    found = None
                else:
                    found = f"{binding.module}.{binding.name}" if binding.name else binding.module
            elif binding.kind == "value" and binding.expression is not None:
                found = self.external(binding.expression, scope, depth + 1)
            else:
                found = None
            if found is not None:
                return found
        return None


def _of_target(target: ast.expr) -> _Context:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str() as name)):
            return "model" if names_a_model(name) else ""
    return ""


def _constant(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _is_off(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Constant) and not expression.value


def _last(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _elsewhere(expression: ast.expr) -> str:
    return f"comes from {ast.unparse(expression)}"
