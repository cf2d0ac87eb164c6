"""Code is formatted by the library and by the program beside the interpreter.

Root: black; has a program, data files, compiled modules.
"""

import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import black

SOURCE = """
def  f(a,b = 'x', *, c:int=1)->None :
    match a:
        case {'k': [1,2, *_]} if  b : return
    print( f'{a!r:>{10}}' ) ; x = lambda y : y
    async  def g( ): return  await h( )
"""

mode = black.Mode(target_versions={black.TargetVersion.PY312}, line_length=60)
print(black.format_str(SOURCE, mode=mode))
try:
    black.format_str("def f(:", mode=mode)
except black.InvalidInput as error:
    print("refused:", error)
print("compiled", black.__file__.endswith(".so"), type(black.format_str).__name__)

Path("code.py").write_text(SOURCE, encoding="utf-8")
Path("pyproject.toml").write_text("[tool.black]\nskip-string-normalization = true\n", encoding="utf-8")
Path(".gitignore").write_text("left.py\n", encoding="utf-8")
Path("left.py").write_text("x=1\n", encoding="utf-8")
program = Path(sys.executable).with_name("black")
for command in ([program], [sys.executable, "-m", "black"]):
    done = subprocess.run(
        [*command, "--diff", "-q", "--color", "--workers=1", "."], capture_output=True, text=True, check=False
    )
    print(done.returncode, len(done.stdout.splitlines()), "'x'" in done.stdout, "\x1b[3" in done.stdout, done.stderr)
done = subprocess.run([program, "--check", "--verbose", "code.py"], capture_output=True, text=True, check=False)
print(done.returncode, done.stderr.replace(str(Path.cwd()), "."))
print("unchanged:", Path("left.py").read_text(encoding="utf-8").strip())
print("programs", sorted(each.name for each in distribution("black").entry_points))
print("magics", black.format_cell.__name__, black.validate_cell.__doc__ is not None)
