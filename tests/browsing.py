"""Chromium without a display. Not a test itself."""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def browsing(language: str = "en-US") -> Iterator[Any]:
    """A browser of somebody who reads this language; the test is skipped where there is none."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("needs chromium and chromedriver")
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1200,900",
        "--autoplay-policy=no-user-gesture-required",
        f"--lang={language}",
    ):
        options.add_argument(word)
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield chrome
    finally:
        chrome.quit()


def asked(browser: Any) -> list[str]:
    """The addresses from which a page has asked for something, since this was called last."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]


def barriers(browser: Any, impacts: Sequence[str] = ("serious", "critical")) -> list[tuple[str, str]]:
    """What keeps somebody from using the page, by axe-core: the rule, and the first element that breaks it."""
    axe = pytest.importorskip("selenium_axe_python", reason="needs selenium-axe-python").Axe(browser)
    axe.inject()
    found = [one for one in axe.run()["violations"] if one["impact"] in impacts]
    return [(one["id"], one["nodes"][0]["html"]) for one in found]


@contextmanager
def seen_in(browser: Any, scheme: str, width: int = 1280) -> Iterator[None]:
    """With a scheme, light or dark, and a width in pixels; below 500 it is a phone."""
    size = {"width": width, "height": 740, "deviceScaleFactor": 1, "mobile": width < 500}
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
