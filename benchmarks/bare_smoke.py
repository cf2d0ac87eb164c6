"""Runs the scripts of a smoke one after the other in this process: what a user's own test of a full install would do.

Standard input holds JSON: a list of groups, each a list of `{"file": PATH, "environment": {...}, "arguments": [...]}`.
Run by the interpreter of the full install, so nothing but the standard library is imported.
"""

import json
import os
import runpy
import sys
from pathlib import Path


def main() -> None:
    """Run the groups in the order given, each beginning with the environment that the first, the import, left.

    What is imported may set variables, as litellm says where tiktoken finds its files.
    """
    environment: dict[str, str] | None = None
    for scripts in json.load(sys.stdin):
        if environment is not None:
            os.environ.clear()
            os.environ.update(environment)
        for script in scripts:
            os.environ.update(script["environment"])
            sys.argv = [script["file"], *script["arguments"]]
            folder = str(Path(script["file"]).parent)
            sys.path.insert(0, folder)
            try:
                runpy.run_path(script["file"], run_name="__main__")
            finally:
                sys.path.remove(folder)
        if environment is None:
            environment = dict(os.environ)


if __name__ == "__main__":
    main()
