"""Tables, Markdown, code and traces on a terminal of 80 columns.

Root: rich; has data files.
"""

import io
import re

from rich import box, cells, pretty, print_json
from rich.columns import Columns
from rich.console import Console
from rich.emoji import Emoji
from rich.markdown import Markdown
from rich.panel import Panel
from rich.progress import track
from rich.prompt import Confirm
from rich.syntax import Syntax
from rich.table import Table
from rich.traceback import Traceback
from rich.tree import Tree

console = Console(width=60, force_terminal=True, color_system="truecolor", file=io.StringIO(), _environ={})
table = Table("a", "b", title="T", box=box.ROUNDED)
table.add_row("[bold red]1[/]", "日本")
console.print(table, Panel(Columns(["x", "y"])), Emoji("rocket"), ":+1:")
text = "# Head\n\n* *one* `code`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nx = 1\n```\n> quote, [link](http://a.example) ~~no~~"
console.print(Markdown(text))
for lexer in ("python", "rust", "nothing", "json"):
    console.print(Syntax('def f(x: int) -> str: return "a"', lexer, theme="monokai", line_numbers=True))
    print(lexer, Syntax("", lexer).lexer)
try:
    {}["missing"]
except KeyError as error:
    console.print(Traceback.from_exception(type(error), error, None))
tree = Tree("root")
tree.add("leaf").add("[link=http://a.example]deep[/link]")
console.print(tree, {"a": [1, 2.5, None, "x"], "b": Console}, highlight=True)
print(*map(repr, re.sub(r"id=\d+", "", console.file.getvalue()).splitlines()), sep="\n")
print(cells.cell_len("日本語a"), pretty.pretty_repr({"k": list(range(40))}, max_width=30)[:60])
print(list(track(range(3), console=Console(file=io.StringIO()))), Confirm.choices)
print_json('{"a": [true, null]}')
