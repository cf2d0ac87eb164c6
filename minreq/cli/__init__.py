"""The command line: reads arguments, prints results, turns errors into an exit status. Nothing else prints."""

from minreq.cli.commands import COMPLETION_VARIABLE, main, root
from minreq.cli.output import open_standard_streams

__all__ = ["COMPLETION_VARIABLE", "main", "open_standard_streams", "root"]
