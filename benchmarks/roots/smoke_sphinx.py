"""Documentation is built by several builders, with themes, extensions and a second language.

Root: sphinx; has entry points, namespaces, data files, plug-ins.
"""

import io
import json
from importlib.metadata import entry_points
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.cmd.quickstart import main as quickstart
from sphinx.util.docutils import docutils_namespace, patch_docutils

source = Path("source")
source.mkdir()
(source / "conf.py").write_text(
    """
import os, sys
sys.path.insert(0, os.path.dirname(__file__))
project, author, copyright, language = "P", "A", "2024, A", "de"
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "sphinx.ext.mathjax", "sphinx.ext.doctest"]
html_last_updated_fmt = None
applehelp_bundle_id, applehelp_disable_external_tools = "a.b", True
""",
    encoding="utf-8",
)
(source / "thing.py").write_text(
    'def f(x: int = 1) -> str:\n    """Do it.\n\n    Args:\n        x: A number.\n    """\n', encoding="utf-8"
)
(source / "index.rst").write_text(
    """
Überschrift
===========

.. toctree::

   other

.. automodule:: thing
   :members:

.. code-block:: python

   x = {"a": [1]}  # text

.. math:: e^{i\\pi} = -1

.. note:: "Quoted" text -- with dashes.
""",
    encoding="utf-8",
)
(source / "other.rst").write_text("Andere laufende Dinge\n=====================\n\n>>> 1 + 1\n3\n", encoding="utf-8")
for builder in (
    "html",
    "text",
    "json",
    "epub",
    "man",
    "latex",
    "htmlhelp",
    "devhelp",
    "qthelp",
    "applehelp",
    "doctest",
):
    status, warning = io.StringIO(), io.StringIO()
    out = Path("out", builder)
    with patch_docutils(source), docutils_namespace():
        application = Sphinx(source, source, out, Path("trees"), builder, status=status, warning=warning, freshenv=True)
        application.build()
    files = sorted(file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file())
    print(builder, application.statuscode, len(files), files[:4])
    for line in warning.getvalue().splitlines():
        print("  ", line.replace(str(Path.cwd()), "."))
html = Path("out/html/index.html").read_text(encoding="utf-8")
print(
    "theme", "alabaster" in html, "highlighted", html.count('class="k"'), html.count('class="s2"'), "Quellcode" in html
)
print(Path("out/text/index.txt").read_text(encoding="utf-8"))
print(sorted(json.loads(Path("out/json/other.fjson").read_text(encoding="utf-8")))[:4])
index = Path("out/html/searchindex.js").read_text(encoding="utf-8")
print(
    "stemmed",
    [word for word in ("lauf", "laufend", "ding", "dinge", "and") if f'"{word}":' in index],
    "zlib",
    Path("out/html/objects.inv").stat().st_size > 100,
)
print("builders", sorted(application.registry.builders))
for group in ("sphinx.builders", "sphinx.html_themes", "pygments.lexers"):
    print(group, sorted(each.name for each in entry_points(group=group)))
print(
    quickstart(["-q", "-p", "P", "-a", "A", "-v", "1", "-l", "fr", "project"]),
    sorted(each.name for each in Path("project").iterdir()),
)
