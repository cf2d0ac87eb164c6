"""Documents are checked by each dialect, with references and formats.

Root: jsonschema; has compiled modules, data files, namespaces.
"""

import subprocess
import sys
from importlib.metadata import entry_points

import jsonschema
from jsonschema import validators
from jsonschema.validators import validator_for
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"n": {"$ref": "urn:n"}, "u": {"format": "uri"}, "d": {"format": "date"}, "i": {"format": "ipv4"}},
    "required": ["n"],
    "unevaluatedProperties": False,
}
registry = Registry().with_resource("urn:n", Resource(contents={"minimum": 3}, specification=DRAFT202012))
checker = jsonschema.Draft202012Validator(
    schema, registry=registry, format_checker=validators.Draft202012Validator.FORMAT_CHECKER
)
for document in ({"n": 3}, {"n": 1, "x": 2}, {}, {"n": 4, "d": "2024-02-30", "i": "1.2.3", "u": "not a uri"}):
    for error in sorted(checker.iter_errors(document), key=str):
        print(error.json_path, error.message)
print("best", jsonschema.exceptions.best_match(checker.iter_errors({"n": 1, "x": 2})).message)
for dialect in ("draft-03", "draft-04", "draft-06", "draft-07"):
    kind = validator_for({"$schema": f"http://json-schema.org/{dialect}/schema#"})
    print(dialect, kind.__name__, len(kind.META_SCHEMA["properties"]), len(kind.FORMAT_CHECKER.checkers))
print("formats", sorted(jsonschema.FormatChecker.checkers))
try:
    jsonschema.validate({}, {"type": 12})
except jsonschema.SchemaError as error:
    print("refused:", error.message)
tree = jsonschema.exceptions.ErrorTree(checker.iter_errors({"n": 1}))
print(tree.total_errors, sorted(tree["n"].errors), type(registry._resources).__module__)
print("entry points", sorted(each.name for each in entry_points(group="console_scripts") if each.name == "jsonschema"))
done = subprocess.run(
    [sys.executable, "-W", "ignore", "-m", "jsonschema", "--version"], capture_output=True, text=True, check=False
)
print(done.returncode, bool(done.stdout.strip()))
