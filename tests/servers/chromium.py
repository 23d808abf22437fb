# SPDX-License-Identifier: Apache-2.0
"""Headless Chromium, driven by its DevTools protocol through a pipe."""

import base64
import contextlib
import fcntl
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.servers.process import binary, die_with_parent, wait_until

_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
# The browser reads from descriptor 3 and writes to 4.
_ABOVE = 20
_FLAGS = (
    *("--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu"),
    *("--no-first-run", "--hide-scrollbars", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update"),
)


class Browser:
    """One page of it.

    ``requests`` are the addresses that it asked for; ``errors`` what its console and
    its scripts complained of.
    """

    def __init__(self, folder: Path) -> None:
        back, self._to = _pipe()
        self._from, forth = _pipe()
        self.requests: list[str] = []
        self.errors: list[str] = []
        self._session: dict[str, str] = {}
        self._number = 0
        self._rest = b""

        def connect() -> None:
            os.dup2(back, 3)
            os.dup2(forth, 4)
            die_with_parent()

        with (folder / "chromium.log").open("wb") as log:
            self.process = subprocess.Popen(
                [binary(*_PROGRAMS), *_FLAGS, f"--user-data-dir={folder}/profile"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(3, 4),
                preexec_fn=connect,
            )
        os.close(back)
        os.close(forth)
        self._attach()

    def open(self, url: str) -> None:
        """Show an address in the page."""
        self.call("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete'", f"{url} is loaded")

    def close(self) -> None:
        """End it: it ends when nobody is at the other end of its pipes.

        A signal would end the script by which Debian starts it, and not the browser.
        """
        os.close(self._to)
        os.close(self._from)
        self.process.wait(20)

    def allow_scripts(self, are_allowed: bool) -> None:
        """Whether the pages that are opened from now on may run theirs."""
        self.call("Emulation.setScriptExecutionDisabled", value=not are_allowed)

    def _attach(self) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        found = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": found["sessionId"]}
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def run(self, script: str) -> Any:
        """The JSON-ready value of a JavaScript expression in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, script: str, what: str, timeout: float = 60) -> None:
        """Return when the expression is true in the page.

        It is not while it fails, as when another page comes in the place of this one.
        """
        body = "document.body.innerText"
        wait_until(
            lambda: self._holds(script),
            what=what,
            timeout=timeout,
            state=lambda: (self.run(body), self.errors),
        )

    def _holds(self, script: str) -> bool:
        params = {"expression": script, "returnByValue": True}
        found = self._answer("Runtime.evaluate", params)
        return bool(found.get("result", {}).get("result", {}).get("value"))

    def look(self, width: int, scheme: str = "light") -> None:
        """Give the window this width, and the page this colour scheme."""
        size = {"width": width, "height": 800, "deviceScaleFactor": 1}
        self.call("Emulation.setDeviceMetricsOverride", **size, mobile=width < 700)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def screenshot(self, path: Path, last: str) -> None:
        """Store the page as a picture, down to the element that ``last`` selects."""
        bottom = f"document.querySelector('{last}').getBoundingClientRect().bottom"
        size = self.run(f"[innerWidth, {bottom} + scrollY + 16]")
        clip = {"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1}
        more = {"clip": clip, "captureBeyondViewport": True}
        found = self.call("Page.captureScreenshot", **more)
        path.write_bytes(base64.b64decode(found["data"]))

    def call(self, method: str, **params: Any) -> Any:
        """One call of the protocol; notes the events that come before its answer."""
        found = self._answer(method, params)
        assert "error" not in found, (method, found)
        return found["result"]

    def _answer(self, method: str, params: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        text = json.dumps({**message, **self._session})
        os.write(self._to, text.encode() + b"\0")
        while True:
            found = self._read()
            if found.get("id") == self._number:
                return found
            self._note(found.get("method", ""), found.get("params", {}))

    def _read(self) -> Any:
        while b"\0" not in self._rest:
            data = os.read(self._from, 1 << 16)
            assert data, f"Chromium has ended: {self.process.poll()}"
            self._rest += data
        text, _, self._rest = self._rest.partition(b"\0")
        return json.loads(text)

    def _note(self, event: str, params: Any) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.errors.append(str(params["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled" and params["type"] == "error":
            self.errors.append(str(params["args"]))
        elif event == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(str(params["entry"]))


def _pipe() -> tuple[int, int]:
    """A pipe with numbers that the browser doesn't expect anything on."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _ABOVE) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser, ended afterwards."""
    found = Browser(folder)
    try:
        yield found
    finally:
        found.close()
