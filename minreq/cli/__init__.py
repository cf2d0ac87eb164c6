"""The command line: reads arguments, prints results, turns errors into an exit status. Nothing else prints."""

from minreq.cli.commands import COMPLETION_VARIABLE, main, root

__all__ = ["COMPLETION_VARIABLE", "main", "root"]
