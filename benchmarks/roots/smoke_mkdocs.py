"""A site is built with each theme, a search index and a hook; what is not installed is asked for.

Root: mkdocs; has entry points, data files, plug-ins, a program.
"""

import json
import logging
import sys
from importlib.metadata import entry_points
from pathlib import Path

from click.testing import CliRunner
from mkdocs import localization, plugins, theme, utils
from mkdocs.__main__ import cli
from mkdocs.commands import build, new
from mkdocs.config import load_config

logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
new.new("site")
Path("site/docs/a.md").write_text(
    "---\ntitle: Ä\ntags: [x]\n---\n\n# A\n\n[TOC]\n\n| a | b |\n|---|---|\n| 1 | `2` |\n\n```python\nx = 1\n```\n\n[gone](b.md) Foot[^1]\n\n[^1]: note\n",
    encoding="utf-8",
)
Path("site/hook.py").write_text(
    "def on_page_markdown(markdown, **_):\n    return markdown + '\\n\\nhooked'\n", encoding="utf-8"
)
for name in sorted(utils.get_theme_names()):
    Path("site/mkdocs.yml").write_text(
        f"site_name: S\nsite_url: http://a.example/\ntheme: {{name: {name}, locale: de}}\nhooks: [hook.py]\nplugins: [search]\n"
        "markdown_extensions: [footnotes, admonition, {toc: {permalink: true}}]\nextra: {v: !ENV [NONE, 3]}\n",
        encoding="utf-8",
    )
    config = load_config("site/mkdocs.yml", site_dir=f"{Path.cwd()}/out-{name}")
    build.build(config)
    out = Path(f"out-{name}")
    files = [file for file in out.rglob("*") if file.is_file()]
    page = (out / "a/index.html").read_text(encoding="utf-8")
    index = json.loads((out / "search/search_index.json").read_text(encoding="utf-8"))
    print(
        name,
        len(files),
        sorted({file.suffix for file in files}),
        "hooked" in page,
        "<table" in page,
        "codehilite" in page,
    )
    print("  ", [each["title"] for each in index["docs"]][:4], config.extra, "Suche" in page, "Search" in page)
    print("  ", sorted(file.name for file in out.iterdir()))
print(
    "languages",
    sorted(localization.parse_locale(each).language for each in ("de", "fr", "zh_CN")),
    theme.Theme("mkdocs").name,
)
print("plug-ins", sorted(plugins.get_plugins()), "themes", sorted(utils.get_themes()))
print(
    "extensions",
    len(entry_points(group="markdown.extensions")),
    sorted(each.name for each in entry_points(group="mkdocs.themes")),
)
for arguments in (
    ["build", "--strict", "-q", "-f", "site/mkdocs.yml"],
    ["gh-deploy", "--help"],
    ["serve", "-f", "none.yml"],
):
    result = CliRunner().invoke(cli, arguments)
    print(
        arguments[0],
        result.exit_code,
        len(result.output.splitlines()) > 5,
        (result.output.splitlines() or [""])[-1].strip(),
    )
Path("site/mkdocs.yml").write_text("site_name: S\nplugins: [none]\ntheme: material\n", encoding="utf-8")
result = CliRunner().invoke(cli, ["build", "-f", "site/mkdocs.yml"])
print(result.exit_code, result.output)
