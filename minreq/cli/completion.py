"""``minreq completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from minreq.cli import output
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
    # `completion.source()` would run bash to read its version, so this formats the template itself.
    completion = get_completion_class(shell)
    if completion is not None:
        script = completion(context.find_root().command, {}, "minreq", COMPLETION_VARIABLE)
        output.print_file(f"{script.source_template % script.source_vars()}\n")
