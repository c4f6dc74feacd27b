"""Browsers of this machine, and a visit to a page that writes down what happens there."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

CHROMIA = [
    "chromium",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "chromium-browser",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
]
FIREFOXES = ["firefox-esr", "firefox", "/Applications/Firefox.app/Contents/MacOS/firefox"]
# Whatever a page asks for, nothing leaves this machine.
CHROMIUM = ["--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]
PHONE = 600  # CSS px: a narrower window is taken for a phone's, which is touched
PATIENCE = 20_000  # ms: until a figure is awake, on a machine that has other things to do

# Kept asleep, a page shows what it asks for before any figure wakes.
ASLEEP = """
window.IntersectionObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
  takeRecords() { return []; }
};
"""
SAVING = "Object.defineProperty(navigator, 'connection', { value: { saveData: true } });"
SHIFTS = """
window.layoutShift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.layoutShift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""


def found(names: list[str]) -> str | None:
    """The first program of these. One packed as a snap comes last: it may not read /tmp."""
    paths = [path for name in names if (path := shutil.which(name))]
    return min(paths, key=lambda path: "/snap/" in os.path.realpath(path), default=None)


def find_chromium() -> str | None:
    """A desktop may have set BROWSER to a browser of another family, which is passed over."""
    wanted = os.environ.get("BROWSER", "")
    if not re.search("chrom|edge|brave|vivaldi", Path(wanted).name.lower()):
        wanted = ""
    return found([wanted]) or found(CHROMIA)


def find_firefox() -> str | None:
    return found(FIREFOXES)


@dataclass
class Visit:
    """A page in a context of its own, and what happened there.

    Attributes:
        page: Playwright's page.
        home: what the address of everything that belongs to the page begins with.
        touch: whether it is shown on a screen to touch.
        requests: every address that the page asked for, in order.
        errors: what its scripts, and workers, threw or logged as an error.
    """

    page: object
    home: str
    touch: bool = False
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self.read)
        # A button that asks for a file gets none, and no window opens.
        self.page.on("filechooser", lambda chooser: None)

    def read(self, message) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def figure(self, name: str):
        return self.page.locator(f"#live-{name}")

    def wake(self, name: str, unasked: bool = True) -> None:
        """Scroll to a figure and wait for it; `unasked=False`: press its button first."""
        figure = self.figure(name)
        figure.scroll_into_view_if_needed()
        if not unasked:
            figure.locator(".live-status button").click()
        self.page.wait_for_function(
            """(name) => {
              const root = document.getElementById(`live-${name}`);
              const failed = root.querySelector(".live-status button");
              return root.dataset.state === "awake" || (failed && root.dataset.state !== "waking");
            }""",
            arg=name,
            timeout=PATIENCE,
        )
        status = figure.locator(".live-status").inner_text()
        assert figure.get_attribute("data-state") == "awake", f"{name}: {status}"
        self.settle()

    def settle(self, milliseconds: int = 100) -> None:
        """Let two frames pass, and a moment."""
        self.page.evaluate(
            "(ms) => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame("
            "() => setTimeout(done, ms))))",
            milliseconds,
        )


class Browsing:
    """Visits that are closed together."""

    def __init__(self, browser):
        self.browser = browser
        self.contexts = []

    def open(
        self,
        address: Path | str,
        *,
        width: int = 1280,
        dark: bool = False,
        scripts: bool = True,
        still: bool = False,
        saving: bool = False,
        asleep: bool = False,
        home: Path | str | None = None,
    ) -> Visit:
        """Visit a page.

        Args:
            address: a path, opened with file://, or a URL.
            width: of the window, in CSS pixels; a narrow one is a phone's, which is touched.
            home: the folder or URL that all its requests must lie in; by default the page's folder
                or host.
        """
        context = self.browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if still else "no-preference",
            java_script_enabled=scripts,
            has_touch=width < PHONE,
        )
        self.contexts.append(context)
        for wanted, script in ((asleep, ASLEEP), (saving, SAVING), (scripts, SHIFTS)):
            if wanted:
                context.add_init_script(script)
        if isinstance(address, Path):
            home = (home or address.parent).as_uri() + "/"
            address = address.as_uri()
        else:
            home = home or re.match(r"https?://[^/]+/", address)[0]
        visit = Visit(context.new_page(), home, touch=width < PHONE)
        visit.listen()
        visit.page.goto(address)
        return visit

    def close(self) -> None:
        for context in self.contexts:
            context.close()
