"""Firefox, driven through Marionette: the protocol that it speaks itself, so no geckodriver.

A message is its length, a colon and JSON: [0, id, command, parameters] to the browser,
[1, id, error, result] back. The commands are WebDriver's (https://www.w3.org/TR/webdriver2/), under
the names in https://searchfox.org/mozilla-central/source/remote/marionette/driver.sys.mjs
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

START = 30  # s
ANSWER = 30  # s
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver's key of an element
# A free port; a proxy where nobody listens, so that nothing leaves this machine; no first-run pages.
SETTINGS = {
    "marionette.port": 0,
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.captive-portal-service.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}


class FirefoxError(RuntimeError):
    """What Firefox answered to a command that failed."""


class Firefox:
    """One browser with one window and an empty profile.

    Raises:
        OSError: it does not start.
    """

    def __init__(self, program: str):
        self.profile = Path(tempfile.mkdtemp(prefix="firefox-"))
        lines = [f'user_pref("{key}", {json.dumps(value)});\n' for key, value in SETTINGS.items()]
        (self.profile / "user.js").write_text("".join(lines), encoding="utf-8")
        self.process = subprocess.Popen(
            # System access is for reading the browser's own list of errors.
            [program, "--marionette", "--remote-allow-system-access", "--headless", "--no-remote",
             "--profile", self.profile, "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.socket = None
        self.sent = 0
        try:
            self.connect()
        except BaseException:
            self.close()
            raise

    def connect(self) -> None:
        """Wait for the port, which Firefox writes into its profile, and open a session."""
        told, until = self.profile / "MarionetteActivePort", time.monotonic() + START
        while not (told.is_file() and told.read_text()):
            if self.process.poll() is not None:
                raise OSError(f"it ended with {self.process.returncode}")
            if time.monotonic() > until:
                raise OSError(f"it did not answer in {START} s")
            time.sleep(0.1)
        self.socket = socket.create_connection(("127.0.0.1", int(told.read_text())), ANSWER)
        self.receive()  # it introduces itself
        self.send("WebDriver:NewSession", strictFileInteractability=True)

    def receive(self):
        length = b""
        while (digit := self.socket.recv(1)) != b":":
            if not digit:
                raise OSError("it closed the connection")
            length += digit
        body = b""
        while len(body) < int(length):
            body += self.socket.recv(int(length) - len(body))
        return json.loads(body)

    def send(self, command: str, **parameters):
        """Give a command and wait for its answer.

        Raises:
            FirefoxError: it failed.
        """
        self.sent += 1
        message = json.dumps([0, self.sent, command, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self.receive()
        if error:
            raise FirefoxError(f"{error['error']}: {error['message']}")
        return result.get("value") if isinstance(result, dict) else result

    def open(self, address: str) -> None:
        """Open a page and wait until it is loaded; what went wrong before is forgotten."""
        self.privileged("Services.console.reset()")
        self.send("WebDriver:Navigate", url=address)

    def evaluate(self, script: str, *args):
        """What a piece of JavaScript in the page returns; it may be a promise."""
        return self.send("WebDriver:ExecuteScript", script=script, args=list(args), sandbox=None)

    def privileged(self, script: str):
        """The same with the browser's own rights."""
        self.send("Marionette:SetContext", value="chrome")
        try:
            return self.send("WebDriver:ExecuteScript", script=script, args=[])
        finally:
            self.send("Marionette:SetContext", value="content")

    def wait(self, script: str, seconds: float = 20):
        """Run a piece of JavaScript until what it returns is true."""
        until = time.monotonic() + seconds
        while not (result := self.evaluate(script)):
            if time.monotonic() > until:
                raise TimeoutError(f"not true in {seconds} s: {script}")
            time.sleep(0.1)
        return result

    def errors(self, home: str) -> list[str]:
        """What scripts whose address begins with `home` have thrown since the page was opened."""
        return self.privileged(
            f"""
            return Services.console.getMessageArray()
              .filter((each) => each instanceof Ci.nsIScriptError && !(each.flags & each.warningFlag)
                && each.sourceName.startsWith({json.dumps(home)}))
              .map((each) => each.errorMessage);
            """
        )

    def drag(self, selector: str, places: list[tuple[float, float]]) -> None:
        """Press on an element, move, and let go; places in CSS pixels from its middle."""
        # Without a value, send() would have unpacked the element.
        origin = self.send("WebDriver:FindElement", using="css selector", value=selector)

        def move(place):
            x, y = map(round, place)
            return {"type": "pointerMove", "duration": 20, "origin": origin, "x": x, "y": y}

        down, up = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
        moves = [move(places[0]), down, *map(move, places[1:]), up]
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}}
        self.send("WebDriver:PerformActions", actions=[{**mouse, "actions": moves}])
        self.send("WebDriver:ReleaseActions")

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)
