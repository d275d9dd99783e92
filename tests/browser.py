"""Headless Chromium, and the example site as somebody meets it there."""

import base64
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import Select, WebDriverWait

PROGRAM, DRIVER = "chromium", "chromedriver"
PASSWORD = "demo"
SESSION = "sessionid"
WIDTH, HEIGHT, SCALE = 1000, 860, 1.5
SECONDS_TO_ANSWER = 30


@contextmanager
def chromium() -> Iterator[Chrome]:
    """Debian's Chromium, without a window and with a page of one size."""
    options = ChromeOptions()
    options.binary_location = str(shutil.which(PROGRAM))
    # As root, in a container: neither Chromium's sandbox nor much of /dev/shm is there.
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "hide-scrollbars"):
        options.add_argument(f"--{argument}")
    # With the driver's path Selenium looks for none, so it downloads none.
    browser = Chrome(options=options, service=Service(shutil.which(DRIVER)))
    try:
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": SCALE, "mobile": False},
        )
        yield browser
    finally:
        browser.quit()


class Site:
    """The site in a browser: what somebody does there, and what the page then says."""

    def __init__(self, browser: Chrome, address: str, pictures: str | None) -> None:
        self.browser = browser
        self.address = address
        self.pictures = pictures
        self._sessions: dict[tuple[str, str], str] = {}

    # What somebody does

    def open(self, path: str) -> None:
        self.browser.get(self.address + path)

    def leave(self) -> None:
        self.browser.delete_all_cookies()

    def log_in(self, name: str, password: str = PASSWORD) -> None:
        """By the form; whoever did so before comes back with the session of then."""
        self.leave()
        if before := self._sessions.get((name, password)):
            self.browser.add_cookie({"name": SESSION, "value": before})
            self.open("/")
            return
        self.open("/login/")
        self.fill(username=name, password=password)
        self.press("Log in")
        if session := self.browser.get_cookie(SESSION):
            self._sessions[name, password] = session["value"]

    def follow(self, text: str) -> None:
        self._click(self.browser.find_element(By.LINK_TEXT, text))

    def press(self, text: str) -> None:
        self._click(self.browser.find_element(By.XPATH, f"//main//button[.='{text}']"))

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            field = self._find(f"main [name={name}]")
            field.clear()
            field.send_keys(value)

    def choose(self, **fields: str) -> None:
        """In each field the one option that starts with the text."""
        for name, text in fields.items():
            field = Select(self._find(f"main [name={name}]"))
            (wanted,) = (one.text for one in field.options if one.text.startswith(f"{text} "))
            field.select_by_visible_text(wanted)

    # What the page says

    @property
    def url(self) -> str:
        return self.browser.current_url

    @property
    def status(self) -> int:
        """The HTTP status of the page, as the browser got it."""
        return self.browser.execute_script(
            "return performance.getEntriesByType('navigation')[0].responseStatus"
        )

    @property
    def heading(self) -> str:
        return self._find("h1").text

    @property
    def text(self) -> str:
        return self._find("body").text

    def documents(self) -> list[int]:
        """The keys of all documents that the list shows, page by page."""
        self.open("/documents/")
        keys = self._keys()
        while following := self.browser.find_elements(By.CSS_SELECTOR, "a[rel=next]"):
            self._click(following[0])
            keys += self._keys()
        return keys

    def facts(self) -> dict[str, str]:
        """The table of names and values, as on the page about oneself."""
        names = self.browser.find_elements(By.CSS_SELECTOR, ".facts th")
        values = self.browser.find_elements(By.CSS_SELECTOR, ".facts td")
        return {name.text: value.text for name, value in zip(names, values, strict=True)}

    def picture(self, name: str, wanted: bool = True) -> None:
        """Write the top of the page for the documentation, small, if pictures are asked for."""
        if not (self.pictures and wanted):
            return
        # Without focus there is no cursor that blinks.
        height = self.browser.execute_script(
            "document.activeElement.blur(); return document.body.offsetHeight"
        )
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": min(height, HEIGHT), "scale": 1}
        shot = self.browser.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip})
        path = Path(self.pictures, f"{name}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            subprocess.run(
                ["pngquant", "--speed", "1", "256", "-"],  # noqa: S607 - from Debian, too
                input=base64.b64decode(shot["data"]),
                stdout=file,
                check=True,
            )

    def _keys(self) -> list[int]:
        links = self.browser.find_elements(By.CSS_SELECTOR, "main td a")
        return [int(one.get_attribute("href").rstrip("/").rpartition("/")[2]) for one in links]

    def _find(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def _click(self, element: WebElement) -> None:
        """Click what leads to another page, and wait until the old one is gone."""
        page = self._find("html")
        element.click()
        # Halfway between two pages the driver answers with errors of other kinds, too.
        wait = WebDriverWait(self.browser, SECONDS_TO_ANSWER, 0.1, [WebDriverException])
        wait.until(staleness_of(page))
