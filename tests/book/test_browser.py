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
from selenium.common.exceptions import JavascriptException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

ROOT = Path(__file__).parents[2]
WIDTHS = {"desktop": 1280, "phone": 390}
BOOKS = {name: ROOT / "_build" / name / "_build" / "html" for name in ("smoke", "cpu")}
PAGES = [
    (book, path.relative_to(html).as_posix())
    for book, html in BOOKS.items()
    for path in sorted(html.rglob("*.html"))
    if not {"_static", "_modules"} & set(path.relative_to(html).parts)
]
LOADED = "return document.readyState === 'complete' && !document.querySelector('meta[http-equiv=refresh]')"
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
const column = document.querySelector("article section, article, main").getBoundingClientRect();
const wide = [...document.querySelectorAll("article figure, article table, article svg, article .gasp-figure, article pre")]
  .filter((element) => shown(element) && (element.tagName === "TABLE" || !inside(element)))
  .filter((element) => !element.closest("mjx-container, button"))
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
  hidden: [...document.querySelectorAll("article mjx-container[display], article pre")] // behind a scroll bar
    .filter((element) => shown(element) && element.scrollWidth > element.clientWidth + 1).map(name),
  spills: [...document.querySelectorAll("article :is(th, td)")] // text that runs into the next cell
    .filter((element) => shown(element) && element.scrollWidth > element.clientWidth + 1).map(name),
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

        def do_GET(self) -> None:
            """A browser may ask for this icon on a page that names none, such as the one that leads to the first page."""
            if self.path == "/favicon.ico":
                self.send_response(204)
                self.end_headers()
            else:
                super().do_GET()

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
    # the start page leads to the first chapter, and a script that runs meanwhile is interrupted
    WebDriverWait(browser, 20, ignored_exceptions=[JavascriptException]).until(lambda page: page.execute_script(LOADED))
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
        canvases = chromium.execute_script(
            "return [...document.querySelectorAll('#explorer canvas.cell')].map(c => c.toDataURL())"
        )
        return (*canvases, chromium.find_element(By.CSS_SELECTOR, "#explorer .answer").text)

    def choose(name: str, value: int) -> None:
        script = "const c = document.querySelector(`#explorer [name=${arguments[0]}]`); c.value = arguments[1]; "
        chromium.execute_script(script + "c.dispatchEvent(new Event('input'))", name, value)

    first = state()
    assert "GASPnet reports" in first[-1]
    choose("moment", 3)
    later = state()
    assert later[0] == first[0], "the input has no time"
    assert all(before != after for before, after in zip(first[1:4], later[1:4], strict=True)), "phases do"
    choose("level", 2)
    assert state()[0] != later[0], "noise is seen"
    choose("exhibit", 2)
    assert state()[0] not in (first[0], later[0])
    choose("exhibit", 0)
    assert state() == first, "the same choice shows the same"
    choose("scene", 1)
    assert state()[0] != first[0]


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("book", BOOKS)
def test_oscillators_are_operated_by_keyboard(book, width, sites, chromium):
    show(chromium, f"{sites[book]}/book/from_oscillators_to_binding.html", width)
    figures = chromium.find_elements(By.CSS_SELECTOR, "[data-oscillators]")
    assert len(figures) == 4
    for figure in figures:
        before = chromium.execute_script("return arguments[0].state().coupling", figure)
        figure.find_element(By.CSS_SELECTOR, "input[type=range]").send_keys(Keys.ARROW_LEFT)
        assert chromium.execute_script("return arguments[0].state().coupling", figure) != before


WRAPPED = """
const lines = [...document.querySelectorAll("article .highlight pre .gasp-line")];
return lines.map((line) => {
  const range = document.createRange();
  range.selectNodeContents(line);
  const rects = [...range.getClientRects()].filter((rect) => rect.width);
  const first = Math.min(...rects.map((rect) => rect.top));
  const left = (group) => Math.min(...group.map((rect) => rect.left));
  const rest = rects.filter((rect) => rect.top > first + 5);
  return [line.textContent, rest.length ? left(rest) - left(rects.filter((rect) => rect.top <= first + 5)) : null];
});
"""


@pytest.mark.parametrize("book", BOOKS)
def test_wrapped_code_goes_on_right_of_its_indentation_and_keeps_its_text(book, sites, chromium):
    show(chromium, f"{sites[book]}/book/your_own_experiment.html", 390)
    lines = chromium.execute_script(WRAPPED)
    wrapped = {text: shift for text, shift in lines if shift is not None}
    assert wrapped, "a phone is too narrow for some lines"
    for text, shift in wrapped.items():
        indent = len(text) - len(text.lstrip("+- "))
        assert shift > 6 * indent, text  # a letter is more than 6 pixels wide
    code = "".join(text for text, _ in lines)
    assert "\n    def forward(self, images: Tensor) -> Trajectory:\n" in code
