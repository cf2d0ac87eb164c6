"""A page of this package with its data put in, in one file."""

from __future__ import annotations

import html
import json
from importlib import resources
from typing import Any


def filled(template: str, title: str, content: Any) -> str:
    """Return the page *template* with *title*, with *content* as its JSON, and with the script that lays out sizes."""
    folder = resources.files("minreq.pages")
    # Nothing in the data can end the script: a file may be called so.
    data = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    page = folder.joinpath(template).read_text("utf-8")
    page = page.replace("{{layout}}", folder.joinpath("squarify.js").read_text("utf-8"), 1)
    return page.replace("{{title}}", html.escape(title), 1).replace("{{data}}", data, 1)
