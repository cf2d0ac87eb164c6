"""A notebook is converted by each exporter.

Root: nbconvert; has entry points, data files, plug-ins, a program.
"""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import nbformat
from nbconvert import exporters, filters, preprocessors
from nbformat import v4

notebook = v4.new_notebook(
    metadata={
        "language_info": {"name": "python", "pygments_lexer": "ipython3"},
        "kernelspec": {"name": "k", "display_name": "K"},
    }
)
cells = [
    v4.new_markdown_cell(
        "# Head\n\n*text* $x^2$\n\n| a |\n|---|\n| 1 |\n\n```python\nx = 1\n```\n\n![i](a.png) <script>alert(1)</script>"
    ),
    v4.new_code_cell("x = {'a': [1, 2]}\n%time x", execution_count=1),
    v4.new_raw_cell("raw"),
]
cells[1].outputs = [
    v4.new_output("stream", text="out \x1b[31mred\x1b[0m\n"),
    v4.new_output("execute_result", {"text/html": "<b onclick='x()'>1</b>", "text/plain": "1"}, execution_count=1),
    v4.new_output("display_data", {"image/png": "aGVsbG8=", "text/latex": "$y$"}),
    v4.new_output("error", ename="E", evalue="v", traceback=["\x1b[0;31mE\x1b[0m: v"]),
]
notebook.cells = cells
for number, cell in enumerate(notebook.cells):
    cell.id = f"cell{number}"
nbformat.validate(notebook)
for name in sorted(exporters.get_export_names()):
    if name in ("qtpdf", "qtpng", "webpdf", "pdf"):
        print(name, exporters.get_exporter(name).__name__)
        continue
    try:
        body, resources = exporters.get_exporter(name)().from_notebook_node(notebook)
        kept = [
            part for part in ("highlight", "ansi-red", "script", "onclick", "mathjax", "jp-", "<table") if part in body
        ]
        print(name, len(body.splitlines()) > 5, resources["output_extension"], kept, sorted(resources["outputs"] or ()))
    except Exception as error:
        print(name, type(error).__name__, str(error).splitlines()[0][:80])
print(exporters.MarkdownExporter().from_notebook_node(notebook)[0])
for template in ("lab", "classic", "basic", "none"):
    try:
        body = exporters.HTMLExporter(template_name=template, sanitize_html=True).from_notebook_node(notebook)[0]
        print(template, len(body.splitlines()) > 20, "onclick" in body, "alert" in body)
    except Exception as error:
        print(template, type(error).__name__, str(error)[:60])
print(filters.markdown2html("~~a~~ [b](c) $d$"), filters.ansi2html("\x1b[1;32mg\x1b[0m"), filters.html2text("<b>a</b>"))
print(preprocessors.ClearOutputPreprocessor().preprocess(notebook.copy(), {})[0].cells[1].outputs)
try:
    nbformat.validate({"cells": [{"cell_type": "none", "id": "x"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
except nbformat.ValidationError as error:
    print("refused:", str(error).splitlines()[0])
print("exporters", sorted(each.name for each in entry_points(group="nbconvert.exporters")))
nbformat.write(notebook, "a.ipynb")
for command in (
    ["-m", "nbconvert", "--to", "script", "a.ipynb", "--log-level", "ERROR"],
    ["-m", "nbconvert", "--execute", "--to", "html", "a.ipynb", "--log-level", "CRITICAL"],
):
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    print(done.returncode, (done.stderr.strip().splitlines() or [""])[-1])
print(sorted(file.name for file in Path().iterdir()))
