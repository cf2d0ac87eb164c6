"""A program whose commands and formats of output come from entry points.

Root: cliff; has plug-ins, entry points.
"""

import contextlib
import io
import sys
from importlib.metadata import entry_points

import stevedore
from cliff import formatters, interactive
from cliff.app import App
from cliff.command import Command
from cliff.commandmanager import CommandManager
from cliff.lister import Lister
from cliff.show import ShowOne
from stevedore import driver, enabled, extension


class Fruits(Lister):
    """List fruits."""

    def take_action(self, parsed_args):
        return ("name", "n", "tags"), [("äpple", 2, ["a"]), ("pear", 10, []), ("日本", None, ["b", "c"])]


class Fruit(ShowOne):
    """Show a fruit."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("name")
        return parser

    def take_action(self, parsed_args):
        return ("name", "size"), (parsed_args.name, 3)


class Fail(Command):
    """Fail."""

    def take_action(self, parsed_args):
        raise RuntimeError("wrong")


manager = CommandManager("shop.commands")
for name, kind in {"fruit list": Fruits, "fruit show": Fruit, "fail": Fail}.items():
    manager.add_command(name, kind)


def run(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(err):
        try:
            status = App("A shop", "1.0", manager, stdout=out, stderr=err).run(list(arguments))
        except SystemExit as error:
            status = error.code
    print(arguments, status, err.getvalue().strip()[-150:])
    print(out.getvalue())


for form in ("table", "json", "yaml", "csv", "value", "html"):
    run("fruit", "list", "-f", form, "--sort-column", "n", "--quote", "all") if form == "csv" else run(
        "fruit", "list", "-f", form
    )
for form in ("shell", "json", "value", "dot"):
    run("fruit", "show", "x y", "-f", form)
run("fruit", "lst")
run("fail")
run("complete", "--shell", "none")
run("fruit", "list", "--max-width", "20", "--fit-width", "-c", "name", "-c", "tags")
for group in (
    "cliff.formatter.list",
    "cliff.formatter.show",
    "cliff.formatter.completion",
    "cliff.demo",
    "stevedore.example.formatter",
):
    found = extension.ExtensionManager(
        group, invoke_on_load=False, on_load_failure_callback=lambda _, each, error: print(each, error)
    )
    print(group, sorted(found.names()), sorted(each.name for each in entry_points(group=group)))
try:
    driver.DriverManager("cliff.formatter.list", "none")
except stevedore.exception.NoMatches as error:
    print("refused:", error)
print(enabled.EnabledExtensionManager("cliff.formatter.list", lambda each: "j" in each.name).names())
print(interactive.InteractiveApp.__mro__[1].__module__, formatters.__name__, "readline" in sys.modules)
