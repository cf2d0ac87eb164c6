"""Runs pip again and again in one interpreter: a request is a line of JSON on stdin, an answer one on stdout.

A start of pip takes half a second, a resolution of a small index some hundredths.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sys
import traceback
from pathlib import Path

from pip._internal.cli.main import main


def answer(arguments: list[str], report: Path) -> dict[str, object]:
    """Run pip; return what it would install, or the end of its output."""
    report.unlink(missing_ok=True)
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(errors):
        try:
            status = main([*arguments, "--report", str(report)])
        except BaseException:  # noqa: BLE001 - pip fails in any way.
            errors.write(traceback.format_exc())
            status = 2
    for handler in [*logging.getLogger().handlers]:
        handler.close()
    if status == 0:
        return {"install": json.loads(report.read_text("utf-8"))["install"]}
    return {"error": errors.getvalue()[-4000:]}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), Path("report.json"))), file=sys.__stdout__, flush=True)
