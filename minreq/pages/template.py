"""Fills the templates of this package with data."""

from __future__ import annotations

import html
import json
from importlib import resources
from typing import Any

#: The file that stands for each mark of a template.
_PARTS = {"{{style}}": "base.css", "{{panel}}": "panel.css", "{{script}}": "base.js", "{{flame}}": "flame.js"}


def fill_template(template: str, title: str, content: Any) -> str:
    """Return the page *template* with *title*, *content* as JSON, and the style and script that all pages share."""
    folder = resources.files("minreq.pages")
    # The data may contain "</script>", as the name of a file for example. It must not end the script.
    data = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    page = folder.joinpath(template).read_text("utf-8")
    for mark, file in _PARTS.items():
        page = page.replace(mark, folder.joinpath(file).read_text("utf-8"), 1)
    return page.replace("{{title}}", html.escape(title), 1).replace("{{data}}", data, 1)
