"""Drives a headless Chromium over WebDriver (W3C), with chromium-driver."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

#: The browser and its driver, if they are installed.
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")

#: Keys by their names (WebDriver, "Keyboard actions").
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c", "ArrowLeft": "\ue012", "ArrowDown": "\ue015"}
#: axe-core, which finds what people with a screen reader or a keyboard cannot use.
AXE = Path(os.environ.get("AXE_CORE", str(resources.files("axe_core_python") / "axe.min.js")))
_FAULTS = """
const describe = (fault, node) => [fault.impact, fault.id, node.html.slice(0, 200), node.failureSummary].join(" ");
return axe.run({resultTypes: ["violations"], ...RULES})
  .then(found => found.violations.flatMap(fault => fault.nodes.map(node => describe(fault, node))));
"""
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_STARTED = re.compile(r"started successfully on port (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """The screen of a page. A *phone* has touch and two device pixels for one."""

    width: int
    height: int
    phone: bool = False


DESKTOP = Screen(width=1280, height=900)
PHONE = Screen(width=390, height=844, phone=True)


class Page:
    """An open page."""

    def __init__(self, session: str) -> None:
        self._session = session

    def ask(self, path: str, body: Any = None) -> Any:
        """Send a command of WebDriver; return its value."""
        return _ask(f"{self._session}{path}", body)

    def run(self, script: str) -> Any:
        """Run a script in the page; return what it returns."""
        return self.ask("/execute/sync", {"script": script, "args": []})

    def click(self, selector: str) -> None:
        """Click on the middle of the first element that *selector* (CSS) finds."""
        self.ask(f"/element/{self._find(selector)}/click", {})

    def tap(self, selector: str) -> None:
        """Click near the upper left corner of an element: other elements may cover its middle."""
        x, y = self.run(
            f"const found = document.querySelector({json.dumps(selector)}); found.scrollIntoView({{block: 'center'}});"
            "const box = found.getBoundingClientRect(); return [Math.ceil(box.x) + 8, Math.ceil(box.y) + 8]"
        )
        move = {"type": "pointerMove", "x": x, "y": y}
        actions = [move, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self.ask("/actions", {"actions": [{"type": "pointer", "id": "pointer", "actions": actions}]})

    def write(self, selector: str, text: str) -> None:
        """Type *text* into an input."""
        self.ask(f"/element/{self._find(selector)}/value", {"text": text})

    def press(self, *names: str) -> None:
        """Press keys one after the other, at the focus."""
        actions = [{"type": kind, "value": KEYS[name]} for name in names for kind in ("keyDown", "keyUp")]
        self.ask("/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def open(self, file: Path) -> None:
        """Show another file."""
        self.ask("/url", {"url": file.absolute().as_uri()})

    def emulate(self, *, width: int = 0, dark: bool = False, media: str = "") -> None:
        """Show the page *width* pixels wide, 0 for the window, in light or dark, on *media* such as ``print``."""
        metrics = {"width": width, "height": 844 if width else 0, "deviceScaleFactor": 0, "mobile": False}
        self._tell("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._tell("Emulation.setEmulatedMedia", {"media": media, "features": [scheme]})

    def faults(self, *rules: str) -> list[str]:
        """Return the violations of any impact that axe-core finds in the page, by all its rules or by *rules*."""
        if not self.run("return 'axe' in window"):
            self.run(AXE.read_text("utf-8"))
        found: list[str] = self.run(_FAULTS.replace("RULES", json.dumps({"runOnly": rules} if rules else {})))
        return found

    def texts(self, selector: str) -> list[str]:
        """Return the visible texts of the elements that *selector* finds."""
        found: list[str] = self.run(
            f"return [...document.querySelectorAll({json.dumps(selector)})].map(each => each.innerText.trim())"
        )
        return found

    def picture(self, file: Path) -> None:
        """Write a screenshot as PNG."""
        file.write_bytes(base64.b64decode(self.ask("/screenshot")))

    def print(self, file: Path) -> None:
        """Write what the browser prints, as PDF."""
        file.write_bytes(base64.b64decode(self.ask("/print", {"background": True})))

    def _tell(self, command: str, parameters: Any) -> None:
        """Send a command of the DevTools protocol."""
        self.ask("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def _find(self, selector: str) -> str:
        found: str = self.ask("/element", {"using": "css selector", "value": selector})[_ELEMENT]
        return found


@contextmanager
def opened(file: Path, screen: Screen) -> Iterator[Page]:
    """Open *file* in a browser with an empty profile."""
    assert BROWSER is not None
    # A container has little shared memory.
    arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    options: dict[str, Any] = {"binary": BROWSER, "args": [*arguments, f"--window-size={screen.width},{screen.height}"]}
    if screen.phone:
        metrics = {"width": screen.width, "height": screen.height, "pixelRatio": 2, "touch": True}
        options["mobileEmulation"] = {"deviceMetrics": metrics}
    with _driver() as address:
        capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
        session = _ask(f"{address}/session", {"capabilities": capabilities})["sessionId"]
        page = Page(f"{address}/session/{session}")
        try:
            page.open(file)
            yield page
        finally:
            _ask(f"{address}/session/{session}", method="DELETE")


@contextmanager
def _driver() -> Iterator[str]:
    """Start the driver at a free port of loopback and yield its address."""
    with subprocess.Popen([str(DRIVER), "--port=0"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if match := _STARTED.search(line):
                    yield f"http://127.0.0.1:{match[1]}"
                    return
            raise AssertionError("chromedriver does not start")
        finally:
            process.terminate()


def _ask(url: str, body: Any = None, *, method: str | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310 # Its own driver.
    # A configured proxy does not lead to loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        return json.loads(answer.read())["value"]
