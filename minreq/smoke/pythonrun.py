"""Run code in a new, isolated interpreter, as the parts of a build's proof that are no smoke do."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import IO, Any

from minreq.smoke.runsetup import RunSetup
from minreq.smoke.start import Access, start_isolated


def run_python(
    setup: RunSetup,
    code: str,
    arguments: Sequence[str],
    access: Access,
    *,
    environment: Mapping[str, str],
    seconds: float,
    compiles: bool = False,
    stdout: int | IO[Any] = subprocess.DEVNULL,
) -> int | None:
    """Run *code* in the folder that it may write into; return its status, ``None`` if *seconds* were not enough.

    The interpreter has no packages but those that *code* puts on its path. With *compiles* it writes compiled files.
    """
    process = start_isolated(
        setup.isolation,
        [str(setup.executable), "-S", "-s", *([] if compiles else ["-B"]), "-c", code, *arguments],
        access,
        environment={"HOME": str(access.writable), "LC_ALL": "C.UTF-8", **environment},
        folder=access.writable,
        stdout=stdout,
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        process.kill()
        process.wait()
