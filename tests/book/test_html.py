"""The published book, built from what is committed: its links lead somewhere, and nothing comes from elsewhere."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

from gasp.publishing.site import PUBLISHED, build_book

ROOT = Path(__file__).parents[2]
# attributes by which a page loads something by itself
LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src", "object": "data"}


@pytest.fixture(scope="module")
def html() -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return build_book(PUBLISHED).parent


@functools.cache
def page(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(), "html.parser")


@functools.cache
def anchors(path: Path) -> set[str]:
    return {element[name] for name in ("id", "name") for element in page(path).find_all(attrs={name: True})}


def pages(html: Path) -> list[Path]:
    return [path for path in html.rglob("*.html") if "_static" not in path.parts]


def test_every_link_within_the_book_leads_somewhere(html):
    broken = []
    for path in pages(html):
        for link in page(path).find_all("a", href=True):
            target = urlsplit(link["href"])
            if target.scheme or target.netloc:
                continue
            to = (path.parent / unquote(target.path)).resolve() if target.path else path
            known = not target.fragment or to.suffix != ".html" or (to.is_file() and unquote(target.fragment) in anchors(to))
            if not to.is_file() or not known:
                broken.append((path.relative_to(html).as_posix(), link["href"]))
    assert broken == []


def test_no_page_loads_anything_from_elsewhere(html):
    for path in pages(html):
        for tag, attribute in LOADS.items():
            for element in page(path).find_all(tag, attrs={attribute: True}):
                if tag != "link" or {"stylesheet", "preload", "icon", "prefetch"} & set(element.get("rel", [])):
                    assert not urlsplit(element[attribute]).netloc, f"{path}: {element}"
    for path in html.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", path.read_text()), path


def test_every_image_of_a_chapter_says_what_it_shows(html):
    for path in html.glob("runs/*/*.html"):
        for image in page(path).find("article").find_all("img"):
            assert image.get("alt", "").strip(), f"{path}: {image['src']}"
            assert "_images" not in image["alt"]
        for figure in page(path).select(".gasp-figure:not(.gasp-explorer)"):
            assert figure["aria-label"].strip(), path


def test_no_figure_is_shown_twice(html):
    figures = [str(figure) for path in html.glob("runs/*/*.html") for figure in page(path).find_all(class_="gasp-figure")]
    assert len(figures) > 10
    assert len(set(figures)) == len(figures)


def test_every_chapter_says_where_it_comes_from_and_can_be_downloaded(html):
    chapters = sorted((html / "runs" / PUBLISHED).glob("*.html"))
    assert len(chapters) > 5
    for path in chapters:
        text = page(path).find("article").get_text()
        assert "Where this page comes from" in text, path
        assert f"gasp book run {path.stem[:2]} --profile {PUBLISHED}" in text
        names = {Path(link["href"]).name for link in page(path).find_all("a", class_="download")}
        assert names >= {f"{path.stem}.ipynb", f"{path.stem}.py", f"{PUBLISHED}.yaml"}


def test_the_page_of_the_package_says_only_what_its_docstrings_say(html):
    text = page(html / "book" / "api.html").find("article").get_text()
    assert "gasp.models.GASPnet" in text
    assert "Alias for field number" not in text
