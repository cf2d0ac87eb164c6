# minreq: skip this file
"""Serves the cold files of this tree, which lie compressed in the archives beside this file.

`minreq build --slim cold` writes this package, and a call of `serve` before the first statement of each package that
has cold files. It needs the standard library alone. The modules: `archives` reads files, `finder` imports modules,
`bypath` opens files by their path, `unpacked` has what must lie in a file of its own.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_ROOT = os.path.dirname(_FOLDER) + os.sep


def serve(namespace: dict[str, Any]) -> None:
    """Serve the cold files of the package whose ``__init__`` has the globals *namespace*."""
    file = os.path.abspath(namespace["__file__"])
    if not file.startswith(_ROOT):
        _find_runtime(file).serve(namespace)
        return
    if not os.path.isdir(_FOLDER):
        raise ImportError(f"{_ROOT} has cold files and cannot be imported from an archive: unpack it")
    from . import finder

    finder.serve_package(namespace, file[len(_ROOT) :])


def _find_runtime(file: str) -> ModuleType:
    """Return the module like this one of the tree that *file* is in: two builds may be on ``sys.path``."""
    folder = os.path.dirname(file)
    while not os.path.isfile(os.path.join(folder, "_minreq_cold", "index.json")):
        parent = os.path.dirname(folder)
        if parent == folder:
            raise ImportError(f"{file} has files in a cold archive, but there is no folder _minreq_cold above it")
        folder = parent
    # A dot would part the name of a module.
    name = "_minreq_cold:" + folder.replace("%", "%25").replace(".", "%2E")
    if name not in sys.modules:
        from importlib.util import module_from_spec, spec_from_file_location

        place = os.path.join(folder, "_minreq_cold")
        spec = spec_from_file_location(name, os.path.join(place, "__init__.py"), submodule_search_locations=[place])
        if spec is None or spec.loader is None:
            raise ImportError(f"{place} cannot be imported")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        # Not before: another thread would get a module without functions.
        sys.modules.setdefault(name, module)
    return sys.modules[name]
