"""``minreq completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from minreq.cli.commands import COMPLETION_VARIABLE
from minreq.cli.options import GroupedCommand
from minreq.cli.report import Report, pass_output

_SHELLS = ("bash", "fish", "zsh")


@click.command("completion", cls=GroupedCommand)
@click.argument("shell", type=click.Choice(_SHELLS))
@pass_output
@click.pass_context
def command(context: click.Context, /, *, shell: str, report: Report) -> None:
    """Print the script that completes commands and options in SHELL.

    \b
    bash: eval "$(minreq completion bash)"    in ~/.bashrc
    zsh:  eval "$(minreq completion zsh)"     in ~/.zshrc
    fish: minreq completion fish > ~/.config/fish/completions/minreq.fish
    """  # noqa: D301 # click reads the character.
    # `completion.source()` would run bash to read its version, so this formats the template itself.
    completion = get_completion_class(shell)
    if completion is not None:
        script = completion(context.find_root().command, {}, "minreq", COMPLETION_VARIABLE)
        text = f"{script.source_template % script.source_vars()}\n"
        report.print_text(lambda: {"shell": shell, "script": text}, text)
