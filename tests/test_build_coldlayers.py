"""Cold files in layers, and beside compiled files without sources."""

from __future__ import annotations

import zipfile
from pathlib import Path

from coldtree import LARGE, build, run_python
from commanding import project

SCENARIO = """
explanation = "A provider has a distribution of its own, which adds modules to a package of the root."
requirements = ["fat"]
[wheels.fat."1.0"]
requires = ["near"]
[wheels.fat."1.0".files]
"fat/__init__.py" = "import os\\nHERE = os.path.dirname(__file__)"
"fat/cold.py" = "x = 1"
"fat/table.txt" = "LARGE"
[wheels.near."1.0".files]
"near/__init__.py" = "y = 2"
"near/cold.py" = "z = 3"
"fat/plugin.py" = "import near.cold as cold"
"""
PROFILE = """
name = "fat"
roots = ["fat"]
first = "first.py"
[features.chat]
file = "chat.py"
calls = "chat"
[[providers.near.calls]]
kind = "chat"
name = "near"
model = "near/one"
[[providers.far.calls]]
kind = "chat"
name = "far"
model = "far/one"
"""
CHAT = """
import fat, json, os
for call in json.loads(os.environ["MINREQ_CALLS"]):
    if call["model"] == "near/one":
        import near
print("chat")
"""


def test_layers_and_compiled_files_alone(tmp_path: Path) -> None:
    """A function gets the archives of its own layers; a package has modules from two of them."""
    made = project(SCENARIO.replace("LARGE", LARGE), tmp_path)
    folder = made.folder / "profile"
    folder.mkdir()
    (folder / "profile.toml").write_text(PROFILE)
    (folder / "first.py").write_text("import fat\n")
    (folder / "chat.py").write_text(CHAT)
    done = made.minreq("lock", "fat", "--profiles", "profile", "--providers", "near,far", "-q")
    assert done.status == 0, done.err

    found = build(made, "layers", "--layers", "--slim", "cold", "--prove-modules", "none")
    assert found["functions"] == {"far": ["base"], "near": ["base", "near"]}
    for name in ("base", "near"):
        with zipfile.ZipFile(made.folder / "layers" / f"{name}.zip") as archive:
            archive.extractall(tmp_path / "opt")
        code = (
            "import fat.cold\n"
            "try:\n    import fat.plugin\n    print(fat.plugin.cold.z)\nexcept ImportError as e:\n    print(e.name)"
        )
        done = run_python(["-SB", "-c", code], {"PYTHONPATH": str(tmp_path / "opt" / "python")})
        assert (done.out, done.err) == ({"base": "fat.plugin\n", "near": "3\n"}[name], "")

    build(made, "compiled", "--slim", "cold", "--bytecode", "only")
    compiled = made.folder / "compiled"
    assert compiled.joinpath("fat/__init__.pyc").is_file()
    code = "import fat.cold, pkgutil\nprint(fat.cold.x, *(each[1] for each in pkgutil.iter_modules(fat.__path__)))\n"
    code += "print(len(pkgutil.get_data('fat', 'table.txt')))"
    done = run_python(["-SB", "-c", code], {"PYTHONPATH": str(compiled)})
    assert (done.out, done.err) == ("1 cold plugin\n31000\n", "")
