"""Reads Python files, from their syntax trees: comments and docstrings do not count."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from minreq.scan.constants import PossibleTexts, evaluate
from minreq.scan.definitions import Item, Table, bindings_of, find_dictionary
from minreq.scan.externalnames import ExternalNames
from minreq.scan.findings import FileFindings
from minreq.scan.patterns import is_model_key
from minreq.scan.scopes import Module, ModuleFinder, Scope
from minreq.scan.usage import Function, ScanRules
from minreq.source import syntax

#: Where a text is: ``model`` under a name for models, ``other`` where no model can be, "" anywhere else.
_Context = Literal["model", "other", ""]

#: A name is followed through no more definitions than this.
_MAX_DEPTH = 15
_MODEL_ARGUMENTS = ("model", "models", "model_name", "model_id")
_STRICT_MODEL_ARGUMENTS = ("model", "models")
_PROVIDER_ARGUMENT = "custom_llm_provider"


def parse(text: str) -> ast.Module:
    """Return the tree of *text*; raises ``SyntaxError``, ``ValueError``, ``RecursionError`` or ``MemoryError``."""
    with warnings.catch_warnings():
        # The user of a scan cannot act on warnings about the code.
        warnings.simplefilter("ignore")
        return syntax.parse(text)


def read(file: str, tree: ast.Module, rules: ScanRules, finder: ModuleFinder, findings: FileFindings) -> None:
    """Add to *findings* what the *tree* of *file* contains."""
    module = Module(file, tree, finder)
    _PythonReader(module, rules, findings).visit(tree, module.scope, "")


@dataclass(slots=True)
class _Call:
    """A call of a function of the root, with its arguments."""

    #: As the user reads it: ``litellm.completion``.
    name: str
    function: Function
    #: Called on an instance: ``router.acompletion``.
    is_bound: bool
    positional: Sequence[ast.expr]
    keywords: Sequence[ast.keyword]
    is_wrapper: bool = False


@dataclass(slots=True)
class _PythonReader:
    module: Module
    rules: ScanRules
    findings: FileFindings
    _names: ExternalNames = field(init=False)

    def __post_init__(self) -> None:
        self._names = ExternalNames(self.rules)

    def visit(self, node: ast.AST, scope: Scope, context: _Context) -> None:
        """Read *node* and everything in it."""
        waiting: list[tuple[ast.AST, Scope, _Context]] = [(node, scope, context)]
        while waiting:
            node, scope, context = waiting.pop()
            scope = self.module.scopes.get(node, scope)
            if isinstance(node, ast.Constant):
                if isinstance(node.value, str) and context != "other":
                    self.findings.add_text(node.lineno, node.value, is_model=context == "model")
            elif isinstance(node, ast.JoinedStr):
                self._read_joined_string(node, scope, context)
                waiting += [(each, scope, "") for each in node.values if not isinstance(each, ast.Constant)]
            elif isinstance(node, ast.Call):
                self._read_call(node, scope)
                waiting += self._children_of_call(node, scope, context)
            else:
                if isinstance(node, ast.Dict):
                    self._read_deployment(node, scope)
                elif isinstance(node, ast.Assign):
                    self._read_assignment(node, scope)
                waiting += self._children(node, scope, context)

    def _children(self, node: ast.AST, scope: Scope, context: _Context) -> Iterator[tuple[ast.AST, Scope, _Context]]:  # noqa: C901, PLR0912 - A case for each form there is.
        match node:
            case ast.Expr(value=ast.Constant()):
                return  # Documentation.
            case ast.Assign(targets=targets, value=value):
                yield value, scope, _context_of_target(targets[0])
                for target in targets:
                    yield target, scope, "other"
            case ast.AnnAssign(target=target, value=value):
                if value is not None:
                    yield value, scope, _context_of_target(target)
            case ast.Dict(keys=keys, values=items):
                names = [syntax.constant_text(key) for key in keys]
                for name, item in zip(names, items, strict=True):
                    is_alias = name == self.rules.alias and self.rules.parameters in names
                    yield item, scope, "other" if is_alias else self._context_of_key(name, context)
            case ast.arguments():
                yield from self._children_of_arguments(node, scope)
            case ast.Subscript(value=value, slice=key):
                yield value, scope, ""
                yield key, scope, "other"
            case ast.List() | ast.Tuple() | ast.Set() | ast.IfExp() | ast.BoolOp() | ast.Starred() | ast.Await():
                for child in ast.iter_child_nodes(node):
                    yield child, scope, context
            case _:
                for child in ast.iter_child_nodes(node):
                    yield child, scope, ""

    def _children_of_arguments(self, node: ast.arguments, scope: Scope) -> Iterator[tuple[ast.AST, Scope, _Context]]:
        positional = [*node.posonlyargs, *node.args]
        for each, value in zip(reversed(positional), reversed(node.defaults), strict=False):
            yield value, scope, self._context_of_key(each.arg, "")
        for each, default in zip(node.kwonlyargs, node.kw_defaults, strict=True):
            if default is not None:
                yield default, scope, self._context_of_key(each.arg, "")

    def _children_of_call(
        self, call: ast.Call, scope: Scope, context: _Context
    ) -> Iterator[tuple[ast.AST, Scope, _Context]]:
        yield call.func, scope, ""
        name = syntax.last_name(call.func)
        if name in self.rules.other_functions:
            for each in (*call.args, *(keyword.value for keyword in call.keywords)):
                yield each, scope, "other"
            return
        # The first argument is a key or the name of a variable, so it is no model. The default after it may be one.
        keyed = name in {"get", "getenv", "pop", "setdefault"}
        for index, each in enumerate(call.args):
            yield each, scope, "other" if keyed and index == 0 else context
        for keyword in call.keywords:
            yield keyword.value, scope, self._context_of_key(keyword.arg or "", "")

    def _context_of_key(self, name: str | None, context: _Context) -> _Context:
        if name is None:
            return context
        if name in self.rules.other_keys:
            return "other"
        return "model" if is_model_key(name) else "" if context == "other" else context

    def _read_joined_string(self, node: ast.JoinedStr, scope: Scope, context: _Context) -> None:
        if context == "other":
            return
        for each in evaluate(node, scope).texts:
            self.findings.add_text(node.lineno, each.text, exact=each.exact, is_model=context == "model")

    # Calls.

    def _read_call(self, call: ast.Call, scope: Scope) -> None:
        root_call = self._find_call(call, scope)
        if root_call is None:
            self._read_constructor(call, scope)
            return
        arguments, unpacked = self._arguments(root_call, scope)
        description = f"{root_call.name}(...)"
        line = call.lineno
        self._add_features(root_call, arguments, line, description)
        for name, hinted_provider in self.rules.hints.items():
            if name in arguments and not _is_false(arguments[name].expression):
                self.findings.add_model_name(
                    line,
                    f"{name}=",
                    where="call",
                    description=f"{root_call.name}({name}=...)",
                    provider=hinted_provider,
                )
        if root_call.function.model is None:
            model_list = arguments.get(self.rules.model_list)
            if model_list is not None and not self._is_list_of_models(model_list.expression, model_list.scope):
                reason = _unresolved_reason(model_list.expression)
                self.findings.add_unknown(line, f"{root_call.name}({self.rules.model_list}=...)", reason)
            return
        names = _MODEL_ARGUMENTS if root_call.is_wrapper else _STRICT_MODEL_ARGUMENTS
        models = [arguments[name] for name in names if name in arguments]
        if not models and len(root_call.positional) > root_call.function.model:
            models = [Item(root_call.positional[root_call.function.model], scope)]
        provider = self._named_provider(arguments)
        for model in models:
            self._add_models(
                evaluate(model.expression, model.scope),
                line,
                f"{root_call.name}(model=...)",
                provider,
                is_bound=root_call.is_bound,
            )
        if models or root_call.is_bound or provider:
            return
        reason = f"comes from {unpacked}" if unpacked else "is not given here"
        self.findings.add_unknown(line, description, reason)

    def _read_constructor(self, call: ast.Call, scope: Scope) -> None:
        name = self._names.find(call.func, scope) or ""
        constructor = self.rules.constructors.get(name)
        if constructor is None:
            return
        arguments, _ = self._arguments(
            _Call(name, Function(), is_bound=False, positional=(), keywords=call.keywords), scope
        )
        given = arguments.get(constructor.unless)
        if given is None or _is_false(given.expression):
            self.findings.add_feature_use(call.lineno, constructor.feature, f"{name}(...)")

    def _read_assignment(self, node: ast.Assign, scope: Scope) -> None:
        for target in node.targets:
            if not isinstance(target, ast.Attribute) or target.attr not in self.rules.attributes:
                continue
            if self._names.find(target.value, scope) == self.rules.module and not _is_false(node.value):
                name = f"{self.rules.module}.{target.attr}"
                self.findings.add_feature_use(node.lineno, self.rules.attributes[target.attr], f"{name} = ...")

    def _add_models(self, found: PossibleTexts, line: int, description: str, provider: str, *, is_bound: bool) -> None:
        for each in found.texts:
            # A call of a router names an entry of its list of models.
            where: Literal["call", "model"] = "model" if is_bound else "call"
            self.findings.add_model_name(
                line, each.text, exact=each.exact, where=where, description=description, provider=provider
            )
        if found.reason and not is_bound and not provider:
            self.findings.add_unknown(line, description, found.reason)

    def _named_provider(self, arguments: Table) -> str:
        provider_argument = arguments.get(_PROVIDER_ARGUMENT)
        texts = (
            evaluate(provider_argument.expression, provider_argument.scope).texts
            if provider_argument is not None
            else ()
        )
        known = [self.rules.prefixes[each.text] for each in texts if each.text in self.rules.prefixes]
        return known[0] if known else ""

    def _add_features(self, root_call: _Call, arguments: Table, line: int, description: str) -> None:
        function = root_call.function
        stream = arguments["stream"].expression if "stream" in arguments else None
        is_streaming = bool(function.streaming) and stream is not None and not _is_false(stream)
        always = isinstance(stream, ast.Constant) and is_streaming
        features = () if always else function.features
        for feature in (*features, *((function.streaming,) if is_streaming else ())):
            self.findings.add_feature_use(line, feature, description)
        for name, feature in self.rules.arguments.items():
            if name in arguments and not _is_false(arguments[name].expression):
                self.findings.add_feature_use(line, feature, f"{root_call.name}({name}=...)")
        if root_call.is_bound and "Router" in self.rules.functions:
            for feature in self.rules.functions["Router"].features:
                self.findings.add_feature_use(line, feature, description)

    def _find_call(self, call: ast.Call, scope: Scope) -> _Call | None:
        """Return the call of a function of the root in *call*, which may also pass that function to another one."""
        direct = self._find_function(call.func, scope)
        if direct is not None:
            name, function, is_bound, is_wrapper = direct
            return _Call(name, function, is_bound, call.args, call.keywords, is_wrapper)
        for index, each in enumerate(call.args):
            if isinstance(each, (ast.Name, ast.Attribute)):
                passed = self._find_function(each, scope)
                if passed is not None and passed[1].model is not None and not passed[3]:
                    name, function, is_bound, is_wrapper = passed
                    return _Call(name, function, is_bound, call.args[index + 1 :], call.keywords, is_wrapper)
        return None

    def _find_function(self, expression: ast.expr, scope: Scope) -> tuple[str, Function, bool, bool] | None:
        """The name of a function, the function, whether it is called on an instance, and whether it is a wrapper."""
        dotted = self._names.find(expression, scope)
        if dotted is None:
            return None
        module = self.rules.module
        last = dotted.rpartition(".")[2]
        if dotted.startswith(f"{module}."):
            function = self.rules.functions.get(last)
            is_bound = "()" in dotted
            return (f"{module}.{last}", function, is_bound, False) if function else None
        if self.rules.wrapper in last and "()" not in dotted:
            return last, Function(features=("chat",)), False, True
        return None

    def _arguments(self, root_call: _Call, scope: Scope) -> tuple[Table, str]:
        """The arguments by name, and the unpacked expression that may hold more: ``**options``."""
        arguments: dict[str, Item] = {}
        unpacked = ""
        for keyword in root_call.keywords:
            if keyword.arg is not None:
                arguments[keyword.arg] = Item(keyword.value, scope)
            elif (table := find_dictionary(keyword.value, scope)) is not None:
                arguments |= {key: value for key, value in table.items() if key not in arguments}
            else:
                unpacked = f"**{ast.unparse(keyword.value)}"
        if any(isinstance(each, ast.Starred) for each in root_call.positional):
            unpacked = unpacked or "*arguments"
            root_call.positional = ()
        return arguments, unpacked

    # Lists of models.

    def _read_deployment(self, node: ast.expr, scope: Scope) -> None:
        table = find_dictionary(node, scope) or {}
        if self.rules.parameters not in table:
            return
        if self.rules.alias in table:
            alias = table[self.rules.alias]
            for each in evaluate(alias.expression, alias.scope).texts:
                self.findings.add_alias(each.text)
        called = table[self.rules.parameters]
        parameters = find_dictionary(called.expression, called.scope)
        description = f"{self.rules.parameters}.model"
        line = node.lineno
        if parameters is None:
            self.findings.add_unknown(line, description, _unresolved_reason(called.expression))
        elif "model" in parameters:
            model = parameters["model"]
            found = evaluate(model.expression, model.scope)
            self._add_models(found, line, description, self._named_provider(parameters), is_bound=False)
            for name, hinted_provider in self.rules.hints.items():
                if name in parameters:
                    self.findings.add_model_name(
                        line, f"{name}=", where="call", description=f"{description}, {name}", provider=hinted_provider
                    )

    def _is_list_of_models(self, expression: ast.expr, scope: Scope, depth: int = 0) -> bool:
        """Whether the code base writes out the whole list. Then its entries were read where they are."""
        if depth > _MAX_DEPTH:
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
                is_bound = [*bindings_of(expression, scope)]
                return bool(is_bound) and all(
                    each.kind == "value"
                    and each.expression is not None
                    and self._is_list_of_models(each.expression, where, depth + 1)
                    for each, where in is_bound
                )
        return False

    def _is_model(self, element: ast.expr, scope: Scope) -> bool:
        table = find_dictionary(element, scope)
        return table is not None and self.rules.parameters in table


def _context_of_target(target: ast.expr) -> _Context:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str() as name)):
            return "model" if is_model_key(name) else ""
    return ""


def _is_false(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Constant) and not expression.value


def _unresolved_reason(expression: ast.expr) -> str:
    return f"comes from {ast.unparse(expression)}"
