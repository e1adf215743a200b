"""A real browser for the pages: headless Chromium, driven by its own driver; and axe-core, which looks for barriers.

Where one of them is missing, these tests are skipped and say which. AXE names axe-core's file; .ci/run installs all.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


class Page:
    """One page in the browser, as somebody sees it."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, path, *, width=1400, dark=False, script=True):
        """Load the file in a window of this width, in this theme, and forget what was said and asked for before."""
        driver = self.driver
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        theme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": theme})
        driver.get("about:blank")
        driver.get_log("performance")
        driver.get_log("browser")
        driver.get(Path(path).as_uri())
        return self

    def run(self, script, *arguments):
        """What a script in the page returns."""
        return self.driver.execute_script(script, *arguments)

    def all(self, selector):
        """The elements that a CSS selector finds."""
        return self.driver.find_elements("css selector", selector)

    def one(self, selector):
        """The one element that a CSS selector finds."""
        (found,) = self.all(selector)
        return found

    @property
    def complaints(self):
        """What stands in the console."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    @property
    def requests(self):
        """Every address that was asked for, but for the page itself."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return [url for url in sent if url != self.driver.current_url.split("#")[0]]

    @property
    def overflow(self):
        """By how many pixels the page is wider than the window."""
        return self.run("const e = document.documentElement; return e.scrollWidth - e.clientWidth;")

    def barriers(self, axe, *only):
        """What axe-core finds, by these rules or by all of them: rule, element, what is wrong."""
        self.run(axe)
        options = {"runOnly": list(only)} if only else {}
        found = self.driver.execute_async_script("axe.run(document, arguments[0]).then(arguments[1]);", options)
        assert found["passes"], "it looked at nothing"
        return [
            (v["id"], node["html"][:200], node["failureSummary"]) for v in found["violations"] for node in v["nodes"]
        ]


@pytest.fixture(scope="session")
def driver():
    if not CHROMIUM or not DRIVER:
        pytest.skip(f"no {'chromium' if not CHROMIUM else 'chromedriver'} on the path: pages are not looked at")
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pages are not looked at")
    options = selenium.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in QUIET:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = selenium.Chrome(options, selenium.ChromeService(DRIVER))
    driver.set_script_timeout(
        120
    )  # axe-core looks at each of the 20 000 elements of the book, on a machine that is busy
    yield driver
    driver.quit()


@pytest.fixture
def page(driver):
    return Page(driver)


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core."""
    path = os.environ.get("AXE")
    if not path:
        pytest.skip("AXE names no axe-core: the pages' barriers are not looked for")
    return Path(path).read_text(encoding="utf-8")
