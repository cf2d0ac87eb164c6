"""Cells, magics, completions, help and colours of a shell in this process and of the program.

Root: ipython; has entry points, data files, a program, plug-ins.
"""

import subprocess
import sys
import warnings
from importlib.metadata import entry_points
from pathlib import Path

from IPython.core import completer, oinspect, ultratb
from IPython.core.interactiveshell import InteractiveShell
from IPython.lib.lexers import IPython3Lexer
from IPython.utils.capture import capture_output
from traitlets.config import Config

settings = Config()
settings.HistoryManager.enabled = False
settings.InteractiveShell.colors = "nocolor"
shell = InteractiveShell.instance(config=settings)
for cell in (
    "x = [3, 1]; sorted(x)",
    "%who_ls",
    "!echo from a shell",
    "await __import__('asyncio').sleep(0, 5)",
    "%precision 2\n1/3",
    "len??",
):
    with capture_output() as captured:
        result = shell.run_cell(cell)
    print(repr(cell), result.success, repr(result.result), repr(captured.stdout[:150]))
with capture_output() as captured:
    shell.run_cell("def f(n):\n    return 1 / n\nf(0)")
print(*captured.stdout.splitlines()[1:], sep="\n")
shell.run_cell("import json; from pathlib import Path\nword = 'abc'")
warnings.simplefilter("ignore", completer.ProvisionalCompleterWarning)
for text in ("json.du", "word.upp", "%tim", "Path('/').par", "import collec"):
    print(text, sorted({each.text for each in shell.Completer.completions(text, len(text))})[:5])
found = dict(shell.object_inspect("json.dumps"))
print(found["found"], found["definition"][:40], oinspect.Inspector.__name__)
print([(str(kind), text) for kind, text in IPython3Lexer().get_tokens("%time x?\n")][:4])
try:
    int("x")
except ValueError:
    print(ultratb.ListTB().text(*sys.exc_info()))
for magic in (
    "matplotlib",
    "pip",
    "load_ext autoreload",
    "load_ext none",
    "pylab",
    "timeit -n1 -r1 -o -q 1",
    "reset -f",
    "alias ll ls",
    "cd -q .",
):
    name, _, line = magic.partition(" ")
    try:
        with capture_output() as captured:
            value = shell.run_line_magic(name, line) if name != "pip" else shell.find_line_magic(name)
        print(magic, type(value).__name__, len(captured.stderr))
    except Exception as error:
        print(magic, type(error).__name__, str(error).splitlines()[0][:70])
program = Path(sys.executable).with_name("ipython")
done = subprocess.run(
    [
        program,
        "--no-banner",
        "--no-confirm-exit",
        "--colors=linux",
        "--HistoryManager.enabled=False",
        "-c",
        "d = {'a': [1, None]}\nd\n1/0",
    ],
    capture_output=True,
    text=True,
    check=False,
)
print(done.returncode, *map(repr, done.stdout.splitlines()), done.stderr, sep="\n")
print(
    "lexers",
    sorted(each.name for each in entry_points(group="pygments.lexers")),
    sorted(each.name for each in entry_points(group="pygments.styles")),
)
print("extensions", shell.extension_manager.shell is shell, sorted(shell.magics_manager.magics["cell"])[:8])
