"""Build a function as `sam build` does: `python build.py pip|uv FUNCTION OUTPUT`."""

import sys
import tempfile
from pathlib import Path

from aws_lambda_builders.builder import LambdaBuilder

manager, function, output = sys.argv[1], Path(sys.argv[2]).absolute(), Path(sys.argv[3]).absolute()
output.mkdir(parents=True, exist_ok=True)
with tempfile.TemporaryDirectory() as scratch:
    LambdaBuilder(language="python", dependency_manager=manager, application_framework=None).build(
        str(function),
        str(output),
        scratch,
        str(function / "requirements.txt"),
        runtime="python3.12",
        architecture="x86_64",
    )
