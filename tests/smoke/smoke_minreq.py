"""What minreq does for a user, on an index in a folder: the smoke with which it locks itself (`tox run -e dogfood`)."""

import importlib
import os
import sys
import tempfile
import threading
from base64 import urlsafe_b64encode
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from zipfile import ZipFile

from minreq.cli import main


def wheel(folder: Path, name: str, code: str, requires: tuple[str, ...] = ()) -> None:
    """Put a wheel of one module into an index (PEP 503)."""
    info = f"{name}-1.0.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    place = folder / name
    place.mkdir(parents=True)
    files = {
        f"{name}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: smoke\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},{digest(text)},{len(text)}\n" for path, text in files.items())
    file = place / f"{name}-1.0-py3-none-any.whl"
    with ZipFile(file, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(path, text)
    hexadecimal = sha256(file.read_bytes()).hexdigest()
    place.joinpath("index.html").write_text(f'<a href="{file.name}#sha256={hexadecimal}">{file.name}</a>')


def digest(text: str) -> str:
    """Return what RECORD says of a file (binary distribution format)."""
    return "sha256=" + urlsafe_b64encode(sha256(text.encode()).digest()).decode().rstrip("=")


def run(*arguments: str, walled: bool = False) -> None:
    """Run a command as a user does; with *walled* it may end where it would start an interpreter of its own.

    The walls around this smoke refuse that: a smoke within a smoke has no place to be.
    """
    # What is printed has times and temporary folders in it.
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()) as errors:
        status = main(arguments)
    if status and not (walled and "Read-only file system" in errors.getvalue()):
        sys.exit(f"{arguments[0]} ended with {status}: {errors.getvalue()}")
    print(arguments[0])


with tempfile.TemporaryDirectory() as scratch:
    os.chdir(scratch)
    os.environ |= {"MINREQ_CACHE_DIR": str(Path(scratch, "cache")), "MINREQ_SANDBOX": "hooks"}
    links = Path(scratch, "links")
    wheel(links, "app", "import needed\n", ("needed", "unused"))
    wheel(links, "needed", "")
    wheel(links, "unused", "")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=links))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    index = ("--index-url", f"http://127.0.0.1:{server.server_port}")
    Path("smoke.py").write_text("import app\nprint(app.__name__)\n")
    Path("program.py").write_text("import litellm\nlitellm.completion(model='openai/gpt-4o-mini')\n")
    Path("program.js").write_text("const model = 'bedrock/amazon.nova-lite-v1:0';\n")
    Path("config.yaml").write_text("model_list: [{litellm_params: {model: openai/gpt-4o}}]\n")
    Path("pyproject.toml").write_text("[tool.minreq]\nsmoke = ['smoke.py']\n")
    run("lock", "app", "--html", "lock.html", *index, walled=True)
    run("scan", "program.py", "program.js", "config.yaml", *index)
    run("analyze", str(next(links.joinpath("app").glob("*.whl"))), "--html", "app.html")
    run("cache", "prune")
    run("completion", "bash")
    server.shutdown()
    # What the other commands do with a lock begins with these.
    for name in (
        "build.build",
        "environment",
        "export",
        "exposure.command",
        "versions",
        "verify.verify",
        "smoke.emulator.server",
    ):
        importlib.import_module(f"minreq.{name}")
