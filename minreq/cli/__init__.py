"""The command line: argv to settings, values to text, errors to an exit status; the only place that prints."""

from minreq.cli.commands import COMPLETION_VARIABLE, main, root

__all__ = ["COMPLETION_VARIABLE", "main", "root"]
