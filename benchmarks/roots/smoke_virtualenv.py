"""Environments are made from the wheels that are inside, by each activator and way to make them.

Root: virtualenv; has entry points, plug-ins, data files, a program.
"""

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import virtualenv
from virtualenv.seed.wheels.embed import BUNDLE_SUPPORT, get_embed_wheel

os.environ["VIRTUALENV_NO_PERIODIC_UPDATE"] = "1"
Path("virtualenv.ini").write_text("[virtualenv]\nprompt = from-file\n", encoding="utf-8")
os.environ["VIRTUALENV_CONFIG_FILE"] = str(Path("virtualenv.ini").resolve())
for name, arguments in {
    "copied": ["--symlinks", "--no-download"],
    "linked": ["--symlink-app-data", "--no-download"],
    "bare": ["--no-seed", "--activators", "bash,fish"],
    "venv": ["--creator", "venv", "--without-pip", "--no-download"],
}.items():
    session = virtualenv.cli_run([*arguments, "--app-data", "data", name], setup_logging=False)
    packages = session.creator.purelib
    print(
        name,
        type(session.creator).__name__,
        type(session.seeder).__name__,
        [type(each).__name__ for each in session.activators],
    )
    print("  ", sorted(each.name.split("-")[0] for each in packages.iterdir() if each.suffix == ".dist-info"))
    print(
        "  ",
        sorted(each.name for each in (Path(name) / "bin").iterdir() if "." not in each.name or "activate" in each.name),
    )
    code = "import sys; print(sys.prefix != sys.base_prefix, sys.version_info[:2] == tuple(map(int, sys.argv[1:])))"
    done = subprocess.run(
        [session.creator.exe, "-c", code, *map(str, sys.version_info[:2])], capture_output=True, text=True, check=False
    )
    print(
        "  ",
        done.stdout.strip(),
        done.stderr.strip()[-100:],
        "prompt",
        "from-file" in (Path(name) / "pyvenv.cfg").read_text(encoding="utf-8"),
    )
done = subprocess.run(["copied/bin/python", "-m", "pip", "--version"], capture_output=True, text=True, check=False)
print("pip", done.returncode, done.stdout.split()[:1])
done = subprocess.run(
    ["bash", "-c", ". bare/bin/activate && echo $VIRTUAL_ENV_PROMPT"], capture_output=True, text=True, check=False
)
print("activated", done.returncode, done.stdout.strip(), done.stderr)
print(
    "embedded",
    sorted({name for wheels in BUNDLE_SUPPORT.values() for name in wheels}),
    get_embed_wheel("pip", "3.12").path.exists(),
)
for group in ("activate", "create", "discovery", "seed"):
    print(group, sorted(each.name for each in entry_points(group=f"virtualenv.{group}")))
for arguments in (["--version"], ["--help"], ["--python", "python9.9", "none"], ["--creator", "none", "x"]):
    command = [Path(sys.executable).with_name("virtualenv"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(
        arguments, done.returncode, len(done.stdout.splitlines()), (done.stderr.strip().splitlines() or [""])[-1][-80:]
    )
