"""The built books in headless Chromium, with the network off: every page, at two widths, in light and dark."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from gasp.tools.doctor import find_browser

ROOT = Path(__file__).parents[2]
WIDTHS = {"desktop": 1280, "phone": 390}
BOOKS = {name: ROOT / "_build" / name / "_build" / "html" for name in ("smoke", "cpu")}
PAGES = [
    (book, path.relative_to(html).as_posix())
    for book, html in BOOKS.items()
    for path in sorted(html.rglob("*.html"))
    if not {"_static", "_modules"} & set(path.relative_to(html).parts)
]
READY = "(window.MathJax?.startup?.promise ?? Promise.resolve()).then(() => arguments[0]())"
LOOK = """
const width = document.documentElement.clientWidth;
const shown = (element) => { const box = element.getBoundingClientRect(); return box.width > 0 && box.height > 0; };
const inside = (element) => { // of something that scrolls by itself
  for (let up = element.parentElement; up; up = up.parentElement)
    if (["auto", "scroll"].includes(getComputedStyle(up).overflowX) && !["BODY", "HTML"].includes(up.tagName)) return true;
};
const name = (element) => `${element.tagName}.${element.className} ${(element.innerText ?? "").slice(0, 40)}`;
const colour = (text) => { // red, green, blue and opacity
  const [r, g, b, opacity = 1] = text.match(/[\\d.]+/g).map(Number);
  const unit = text.startsWith("color(srgb") ? 255 : 1;
  return [unit * r, unit * g, unit * b, opacity];
};
const over = ([r, g, b, opacity], ground) => [r, g, b].map((part, index) => opacity * part + (1 - opacity) * ground[index]);
const ground = (element) => {
  const own = colour(getComputedStyle(element).backgroundColor);
  const below = element.parentElement;
  return own[3] === 1 || !below ? over(own, [255, 255, 255]) : over(own, ground(below));
};
const luminance = (parts) => parts.map((part) => part / 255)
  .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
  .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
const contrast = (text, behind) => {
  const [dark, light] = [luminance(text), luminance(behind)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
};
const small = [], pale = [];
for (const element of document.querySelectorAll("article *")) {
  const own = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
  const drawn = element.ownerSVGElement;
  const style = getComputedStyle(element);
  if (!own.length || !shown(element) || style.visibility === "hidden") continue;
  if (element.closest("mjx-container, script, style, option")) continue;
  const scale = drawn ? drawn.getBoundingClientRect().width / drawn.viewBox.baseVal.width : 1;
  const size = parseFloat(style.fontSize) * scale;
  if (size < 10) small.push(`${size} ${name(element)}`);
  const behind = ground(drawn ? drawn.parentElement : element);
  const found = contrast(over(colour(drawn ? style.fill : style.color), behind), behind);
  if (found < 4.5) pale.push(`${found.toFixed(2)} ${name(element)}`);
}
const column = document.querySelector("article section, article").getBoundingClientRect();
const wide = [...document.querySelectorAll("article figure, article table, article svg, article .gasp-figure, article pre")]
  .filter((element) => shown(element) && !inside(element) && !element.closest("mjx-container, button"))
  .filter((element) => element.getBoundingClientRect().right > column.right + 1).map(name);
const overlaps = [];
for (const section of document.querySelectorAll("article section, article .bd-article > div")) {
  const blocks = [...section.children].filter((block) => shown(block) && getComputedStyle(block).float === "none"
    && !["absolute", "fixed"].includes(getComputedStyle(block).position));
  blocks.slice(1).forEach((block, index) => {
    if (block.getBoundingClientRect().top < blocks[index].getBoundingClientRect().bottom - 1) overlaps.push(name(block));
  });
}
return {
  scrolls: document.documentElement.scrollWidth - width,
  broken: [...document.images].filter((image) => !image.complete || image.naturalWidth === 0).map((image) => image.src),
  errors: [...document.querySelectorAll("mjx-merror")].map(name),
  unset: [...document.querySelectorAll(".math")].filter((math) => !math.querySelector("mjx-container")).map(name),
  clipped: [...document.querySelectorAll("article img, article canvas, article table, article pre, article mjx-container")]
    .filter((element) => shown(element) && element.getBoundingClientRect().right > width + 1 && !inside(element)).map(name),
  overlaps,
  small,
  pale: [...new Set(pale)],
  wide,
};
"""

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def sites() -> Iterator[dict[str, str]]:
    """Where each book is served on this machine."""

    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    servers = {
        name: http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(html)))
        for name, html in BOOKS.items()
    }
    for server in servers.values():
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {name: f"http://127.0.0.1:{server.server_port}" for name, server in servers.items()}
    for server in servers.values():
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[webdriver.Chrome]:
    binary, driver = find_browser()
    assert binary, "Chromium is needed (Debian: apt-get install chromium chromium-driver)"
    assert driver, "chromedriver is needed (Debian: apt-get install chromium-driver)"
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    yield browser
    browser.quit()


def show(browser: webdriver.Chrome, address: str, width: int = 1280, mode: str = "light") -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    site = "/".join(address.split("/")[:3])
    if not browser.current_url.startswith(site):
        browser.get(f"{site}/search.html")
    browser.execute_script("localStorage.setItem('mode', arguments[0]); localStorage.setItem('theme', arguments[0])", mode)
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(address)
    browser.execute_async_script(READY)


def requests(browser: webdriver.Chrome) -> list[str]:
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


def test_both_books_were_built():
    assert {book for book, _ in PAGES} == set(BOOKS), "make test-book builds them"


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize(("book", "page"), PAGES, ids=["/".join(page) for page in PAGES])
def test_a_page_is_whole(book, page, width, mode, sites, chromium):
    show(chromium, f"{sites[book]}/{page}", width, mode)
    found = chromium.execute_script(LOOK)
    assert {name: faults for name, faults in found.items() if faults} == {}
    assert [entry["message"] for entry in chromium.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    own = (sites[book], "data:", "blob:")
    assert [address for address in requests(chromium) if not address.startswith(own)] == []
    assert chromium.find_element(By.TAG_NAME, "html").get_attribute("data-theme") == mode


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("book", BOOKS)
def test_the_explorer_shows_what_is_chosen(book, width, sites, chromium):
    show(chromium, f"{sites[book]}/runs/{book}/00_introduction.html", width)

    def state() -> tuple[str, ...]:
        canvases = chromium.execute_script("return [...document.querySelectorAll('#explorer canvas')].map(c => c.toDataURL())")
        return (*canvases, chromium.find_element(By.CSS_SELECTOR, "#explorer .answer").text)

    def slide(name: str, value: int) -> None:
        script = "const c = document.querySelector(`#explorer [name=${arguments[0]}]`); c.value = arguments[1]; "
        chromium.execute_script(script + "c.dispatchEvent(new Event('input'))", name, value)

    first = state()
    assert "The network reports" in first[-1]
    slide("step", 0)
    earlier = state()
    assert earlier[0] == first[0], "the input has no time"
    assert all(before != after for before, after in zip(first[1:4], earlier[1:4], strict=True)), "phases do"
    slide("level", 3)
    assert state()[0] != earlier[0], "noise is seen"
    Select(chromium.find_element(By.CSS_SELECTOR, "#explorer [name=scene]")).select_by_index(1)
    assert state()[0] not in (first[0], earlier[0])
    slide("level", 0)
    Select(chromium.find_element(By.CSS_SELECTOR, "#explorer [name=scene]")).select_by_index(0)
    slide("step", 2)
    assert state() == first, "the same choice shows the same"
