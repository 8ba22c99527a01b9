"""A tiny book as HTML: each page leads to its data, citation and licence; a public one also to source, Colab and Binder."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest
from bs4 import BeautifulSoup
from drawn import CHAPTER

from gasp.publishing import site
from gasp.publishing.chapters import run_chapters
from gasp.publishing.site import build_book, watch_book
from gasp.settings import GaspError

ROOT = Path(__file__).parents[2]
ADDRESS = "https://github.com/someone/something"
FIGURE = """\
import pandas as pd

from gasp.analysis import figures

# %% mystnb={"figure": {"caption": "A curve.", "name": "fig-curve"}, "image": {"alt": "A line."}}
figures.costs_of_coupling(
    pd.DataFrame({"group": "coupling", "case": "dense", "size": [2, 4], "seconds": [1.5, 2.5], "floor": 1.0})
)
"""
CONTENTS = "format: jb-book\nroot: runs/cpu/00_first\nchapters:\n  - file: book/citing\n"


@pytest.fixture(scope="module")
def tiny_book(tmp_path_factory, tiny_profile) -> Path:
    """A project with one executed chapter, and the configuration, styles and templates of the book."""
    root = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "book" / "static", root / "book" / "static")
    shutil.copytree(ROOT / "book" / "templates", root / "book" / "templates")
    for name in ("_config.yml", "LICENSE", "CITATION.cff", "book/citing.md", "book/references.bib"):
        shutil.copy(ROOT / name, root / name)
    (root / "book" / "profiles").mkdir()
    (root / "book" / "profiles" / "tiny.yaml").write_text(tiny_profile)
    (root / "book" / "_toc.yml").write_text(CONTENTS)
    (root / "book" / "00_first.py").write_text(CHAPTER + FIGURE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        run_chapters((), "tiny", {})
    styles = root / "gasp" / "analysis" / "figures"  # only now, or the chapter would import this folder as gasp
    styles.mkdir(parents=True)
    for name in ("phases.css", "phases.js"):
        shutil.copy(ROOT / "gasp" / "analysis" / "figures" / name, styles)
    return root


@pytest.mark.usefixtures("project")
def test_a_port_in_use_is_refused_before_the_book_is_built(monkeypatch):
    monkeypatch.setattr(site.subprocess, "run", lambda *_, **__: pytest.fail("the book was built first"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(GaspError, match=f"port {port} cannot be used .* choose another"):
            watch_book("tiny", port)


@pytest.fixture(scope="module", params=["private", "public"])
def chapter(request, tiny_book) -> tuple[bool, BeautifulSoup]:
    """Whether the project has a public address, and the page of its chapter."""
    public = request.param == "public"
    if public:
        subprocess.run(["git", "init", "-q"], cwd=tiny_book, check=True)
        subprocess.run(["git", "remote", "add", "origin", f"{ADDRESS}.git"], cwd=tiny_book, check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tiny_book)
        html = build_book("tiny").parent
    return public, BeautifulSoup((html / "runs" / "tiny" / "00_first.html").read_text(), "html.parser")


def test_a_page_leads_to_its_citation_licence_source_and_feedback(chapter):
    public, page = chapter
    found = {link.get_text(): link["href"] for link in page.find(class_="gasp-links").find_all("a")}
    assert found.pop("Cite this book") == "../../book/citing.html"
    assert found.pop("MIT licence") == "../../book/citing.html#licence"
    if public:
        report = f"{ADDRESS}/issues/new?title=On%20the%20page%3A%20A%20chapter"
        assert found == {"Source code": ADDRESS, "Report a mistake": report}
    else:
        assert found == {"Source and feedback": "../../book/citing.html#source-and-feedback"}


def test_a_chapter_of_a_public_project_is_launched_in_colab_and_binder(chapter):
    public, page = chapter
    found = [link["href"] for link in page.find_all("a", class_="dropdown-item", href=True)]
    launched = [href for href in found if "colab.research" in href or "mybinder" in href]
    assert len(launched) == (2 if public else 0)
    assert all(href.endswith("runs/tiny/00_first.ipynb") and "someone/something" in href for href in launched)


def test_the_data_of_a_figure_is_named_after_it(chapter):
    (link,) = chapter[1].find(class_="gasp-data").find_all("a")
    assert link["download"] == "fig-curve.csv"
    assert unquote(link["href"]).splitlines()[1:] == ["coupling,dense,2,1.5,1", "coupling,dense,4,2.5,1"]
