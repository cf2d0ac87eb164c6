"""``minreq completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from minreq.cli.commands import COMPLETION_VARIABLE

_SHELLS = ("bash", "fish", "zsh")


@click.command("completion")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def command(context: click.Context, /, shell: str) -> None:
    """Print the script that completes commands and options in SHELL.

    \b
    bash: eval "$(minreq completion bash)"                                  in ~/.bashrc
    zsh:  eval "$(minreq completion zsh)"                                   in ~/.zshrc
    fish: minreq completion fish > ~/.config/fish/completions/minreq.fish
    """  # noqa: D301 # click reads the character.
    # bash's own script would ask bash for its version; it is printed as it is.
    completion = get_completion_class(shell)
    if completion is not None:
        made = completion(context.find_root().command, {}, "minreq", COMPLETION_VARIABLE)
        click.echo(made.source_template % made.source_vars())
