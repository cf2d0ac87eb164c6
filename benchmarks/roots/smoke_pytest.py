"""Tests of a small project run in this process and by the program.

Root: pytest; has entry points, a program, plug-ins.
"""

import contextlib
import io
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

Path("test_it.py").write_text(
    """
import pytest

@pytest.mark.parametrize("n", [1, 2])
def test_numbers(n, tmp_path, capsys, monkeypatch):
    print(n)
    assert capsys.readouterr().out == f"{n}\\n"

def test_wrong():
    assert {"a": [1, 2, 3]} == {"a": [1, 2, 4]}

@pytest.mark.skip(reason="no")
def test_skipped(): pass

@pytest.mark.xfail(strict=True)
def test_expected(): raise ValueError

def test_warns():
    with pytest.warns(UserWarning, match="x"), pytest.raises(ZeroDivisionError):
        import warnings; warnings.warn("x"); 1 / 0
""",
    encoding="utf-8",
)
Path("pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n", encoding="utf-8")


class Plugin:
    def pytest_collection_modifyitems(self, items):
        print("collected", [item.name for item in items])

    def pytest_plugin_registered(self, plugin_name):
        names.append(plugin_name)


names: list[str] = []
out = io.StringIO()
with contextlib.redirect_stdout(out):
    status = pytest.main(["-q", "--color=no", "-rA"], plugins=[Plugin()])
print(re.sub(r"in \d+\.\d+s", "", out.getvalue()))
print("status", int(status), "plug-ins", sorted(name for name in names if not name.isdigit() and "0x" not in name))
program = Path(sys.executable).with_name("pytest")
done = subprocess.run([program, "--color=yes", "-k", "wrong", "-vv"], capture_output=True, text=True, check=False)
lines = re.sub(
    r"in \d+\.\d+s|^platform.*$|^rootdir.*$|cachedir.*$|/\S+/", "", done.stdout, flags=re.MULTILINE
).splitlines()
print(done.returncode, *map(repr, lines), done.stderr, sep="\n")
for arguments in (["--fixtures", "-q"], ["--markers"], ["-n", "2"], ["--cov"]):
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    print(arguments, done.returncode, len(done.stdout.splitlines()), done.stderr.splitlines()[-4:-2])
print("entry points", sorted(each.name for each in entry_points(group="pytest11")))
