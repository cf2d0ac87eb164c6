"""Names that Python code has from outside of the code base: ``litellm.completion``, ``openai.OpenAI``."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from minreq.scan.definitions import owner_of
from minreq.scan.scopes import Scope, find_module
from minreq.scan.usage import ScanRules
from minreq.source import syntax

#: A name is followed through no more definitions than this.
_MAX_DEPTH = 15


@dataclass(frozen=True, slots=True)
class ExternalNames:
    """Finds the dotted name of an expression that the code base imports."""

    rules: ScanRules

    def find(self, expression: ast.expr, scope: Scope, depth: int = 0) -> str | None:  # noqa: PLR0911 - A case for each form there is.
        """Return the dotted name that *expression* refers to outside of the code base, with ``()`` after a call.

        For ``router.completion`` this is ``litellm.Router().completion``.
        """
        if depth > _MAX_DEPTH:
            return None
        match expression:
            case ast.Await(value=inner):
                return self.find(inner, scope, depth + 1)
            case ast.Call(func=function, args=arguments):
                name = self.find(function, scope, depth + 1)
                if name == "importlib.import_module" and arguments and (module := syntax.constant_text(arguments[0])):
                    return module
                return f"{name}()" if name else None
            case ast.Name(id=name):
                return self._find_variable(name, scope, depth)
            case ast.Attribute(value=of, attr=attribute):
                owner = owner_of(of, scope)
                if owner is not None:
                    return self._find_binding(owner, attribute, depth)
                outer = self.find(of, scope, depth + 1)
                return f"{outer}.{attribute}" if outer else None
        return None

    def _find_variable(self, name: str, scope: Scope, depth: int) -> str | None:
        where: Scope | None = scope
        while where is not None:
            if name in where.bindings and (where is scope or not isinstance(where.node, ast.ClassDef)):
                return self._find_binding(where, name, depth)
            if name in where.functions or name in where.classes:
                return None
            where = where.parent
        stars = scope.module.scope.bindings.get("*", ())
        is_starred = any(each.module.partition(".")[0] == self.rules.module for each in stars)
        return f"{self.rules.module}.{name}" if is_starred and name in self.rules.functions else None

    def _find_binding(self, scope: Scope, name: str, depth: int) -> str | None:
        for binding in scope.bindings.get(name, ()):
            if binding.kind == "import":
                module = find_module(scope, binding.module)
                if module is not None and binding.name:
                    found = self.find(ast.Name(id=binding.name), module.scope, depth + 1)
                elif binding.module.startswith("."):
                    found = None
                else:
                    found = f"{binding.module}.{binding.name}" if binding.name else binding.module
            elif binding.kind == "value" and binding.expression is not None:
                found = self.find(binding.expression, scope, depth + 1)
            else:
                found = None
            if found is not None:
                return found
        return None
