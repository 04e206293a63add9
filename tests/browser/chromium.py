# SPDX-License-Identifier: BSD-2-Clause
"""A headless Chromium for the tests, which tells what it loads and what it complains about."""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

PROGRAMS = ("chromium", "chromedriver")
INSTALL = (
    "tests/browser needs a Chromium and its driver: apt-get install --no-install-recommends chromium chromium-driver"
)
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
"""No sandbox: the tests may run as root, and show pages that they made themselves."""

Scheme = Literal["light", "dark"]


def programs() -> tuple[str, str]:
    """Chromium and its driver. Fails with how to install them: a page that nobody has opened is not tested."""
    found = [shutil.which(name) for name in PROGRAMS]
    assert all(found), INSTALL
    return str(found[0]), str(found[1])


class Browser:
    """One Chromium with one page; everything that is asked of it is a method."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, page: Path, fragment: str = "") -> None:
        """Load a file; what was logged before is forgotten."""
        self.driver.get("about:blank")
        for log in ("browser", "performance"):
            self.driver.get_log(log)
        self.driver.get(page.as_uri() + fragment)

    def run(self, script: str, *arguments: Any) -> Any:
        """The value of a function's body in the page."""
        return self.driver.execute_script(script, *arguments)

    def command(self, name: str, **parameters: Any) -> Any:
        """A command of Chrome's DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def complaints(self) -> list[str]:
        """Lines of the console since the page was opened."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The address of everything that was asked for since the page was opened, the page itself first."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]

    def media(self, scheme: Scheme) -> None:
        """Prefer light or dark colours."""
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def width(self, width: int, height: int = 900) -> None:
        """The size of the window, in CSS pixels."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    def scripting(self, on: bool) -> None:
        """Whether pages opened from now on may run scripts; ``run`` works all the same."""
        self.command("Emulation.setScriptExecutionDisabled", value=not on)

    def key(self, name: str, code: int) -> None:
        """Press a key, as from the keyboard."""
        for kind in ("keyDown", "keyUp"):
            self.command(
                "Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code,
                **({"text": "\r"} if name == "Enter" and kind == "keyDown" else {}),
            )  # fmt: skip

    def pdf(self) -> bytes:
        """The page on paper."""
        done = self.command("Page.printToPDF", printBackground=False, preferCSSPageSize=True)
        return base64.b64decode(done["data"])


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with a profile of its own, closed in the end."""
    chromium, chromedriver = programs()
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options=options, service=Service(chromedriver))
        try:
            yield Browser(driver)
        finally:
            driver.quit()
