"""The project as a whole: its environments agree, its chapters are well formed, its references lead somewhere."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import jupytext
import pytest
import yaml

from gasp.experiments.profile import load_profile
from gasp.experiments.store import Store
from gasp.publishing.chapters import check_chapters
from gasp.publishing.site import PUBLISHED

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted((ROOT / "book").glob("[0-9][0-9]_*.py"))
SCRIPTS = [*CHAPTERS, ROOT / "book" / "template.py"]
SOURCES = [*CHAPTERS, *sorted((ROOT / "book").glob("*.md"))]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
ROLES = {"cite:p", "cite:t", "cite", "doc", "download", "eq", "glue:text", "glue:md", "numref", "ref", "term"}
ROLES |= {"py:class", "py:func", "py:meth", "py:mod"}

every_chapter = pytest.mark.parametrize("chapter", SCRIPTS, ids=lambda path: path.stem)
every_source = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)


def committed(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


# environments


def test_conda_s_python_is_pip_s():
    (python,) = (entry for entry in ENVIRONMENT["dependencies"] if isinstance(entry, str) and entry.startswith("python"))
    assert python.removeprefix("python").strip() == PYPROJECT["project"]["requires-python"]


def test_conda_s_environment_installs_the_project_and_repeats_no_version():
    plain = [entry for entry in ENVIRONMENT["dependencies"] if isinstance(entry, str)]
    (pip,) = (entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict))
    assert pip == ["--editable .[test]"]
    assert "pip" in plain
    assert not any(re.search(r"[<>=~]", entry) for entry in plain if not entry.startswith("python"))
    assert ENVIRONMENT["name"] == PYPROJECT["project"]["name"]


def test_whatever_the_package_imports_is_among_its_dependencies():
    known = {re.split(r"[<>=\[]", name)[0].lower() for name in PYPROJECT["project"]["dependencies"]}
    names = {
        "lazy_loader": "lazy-loader",
        "skimage": "scikit-image",
        "PIL": "pillow",
        "ruamel": "ruamel.yaml",
        "yaml": "pyyaml",
        "jupyter_book": "jupyter-book",
    }
    # these come with papermill, jupytext and jupyter-book, whose formats they are
    implied = {"gasp", "nbclient", "nbformat", "ipython", "pyyaml", "myst_nb"}
    found = set()
    for path in [*(ROOT / "gasp").rglob("*.py"), *CHAPTERS]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.split(".")[0])
    outside = {names.get(name, name).lower() for name in found if name not in sys.stdlib_module_names}
    assert outside - implied <= known


@pytest.fixture
def package(tmp_path) -> Path:
    """A copy of the package and its import contracts."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return shutil.copytree(ROOT / "gasp", tmp_path / "gasp", ignore=shutil.ignore_patterns("__pycache__"))


def check_contracts(package: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=package.parent, capture_output=True, text=True)


def test_a_subpackage_imports_only_from_those_below_it(package):
    checked = check_contracts(package)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("module", "line", "complaint"),
    [
        ("nn/layers", "import gasp.models.cnn", "gasp.nn is not allowed to import gasp.models"),
        ("files", "from gasp.data import sources", "gasp.files is not allowed to import gasp.data"),
        ("experiments/store", "def late():\n    import gasp.cli", "gasp.experiments is not allowed to import gasp.cli"),
        ("publishing/pages", "import gasp.tools.bench", "gasp.publishing is not allowed to import gasp.tools"),
        ("nn/phasors", "import gasp.nn.layers", "No cycles are allowed in gasp.nn"),
        ("new", "", "gasp.new"),
    ],
    ids=["upward", "upward from a file", "inside a function", "sideways", "in a circle", "in no layer"],
)
def test_an_import_that_does_not_go_down_is_refused(module, line, complaint, package):
    with (package / f"{module}.py").open("a") as file:
        file.write(f"\n{line}\n")
    checked = check_contracts(package)
    assert checked.returncode == 1
    assert complaint in " ".join(checked.stdout.split())


@pytest.mark.parametrize("target", ["setup", "book", "read", "lint", "test", "clean"])
def test_the_makefile_has_its_targets_and_says_what_they_do(target):
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{target}:.*## \w", makefile, re.MULTILINE)
    assert target in re.search(r"^\.PHONY:(.*)$", makefile, re.MULTILINE).group(1).split()


def test_the_citation_names_the_version_of_the_package():
    version = PYPROJECT["project"]["version"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version
    assert f"version = {{{version}}}" in (ROOT / "book" / "citing.md").read_text()


# chapters


@every_chapter
def test_a_chapter_has_two_parameters(chapter):
    cells = [cell for cell in jupytext.read(chapter).cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(cells) == 1
    body = ast.parse(cells[0].source).body
    assert all(isinstance(node, ast.Assign) for node in body)
    assert {node.targets[0].id: ast.literal_eval(node.value) for node in body} == {"profile": "smoke", "overrides": {}}


@every_chapter
def test_a_chapter_survives_jupytext(chapter):
    text = chapter.read_text()
    again = jupytext.writes(jupytext.reads(text, fmt="py:percent"), fmt="py:percent")
    assert body(again) == body(text)


def body(text: str) -> str:
    """A script without its header, where jupytext writes its own version."""
    return re.sub(r"\A# ---\n(#.*\n)*?# ---\n", "", text).strip()


@every_chapter
def test_a_figure_has_a_caption_a_name_and_a_description(chapter):
    for cell in jupytext.read(chapter).cells:
        shown = cell.metadata.get("mystnb", {})
        if "figure" in shown:
            assert shown["figure"]["caption"].strip().endswith(".")
            assert ("name" in shown["figure"]) == (chapter.stem != "template")  # two copies of it would share the name
            assert shown["image"]["alt"].strip()


@every_chapter
def test_lines_of_code_fit_the_page_that_shows_them(chapter):
    for cell in jupytext.read(chapter).cells:
        if cell.cell_type == "code" and not {"remove-input", "remove-cell"} & set(cell.metadata.get("tags", [])):
            assert max(map(len, cell.source.splitlines()), default=0) <= 74, cell.source


def test_every_chapter_is_in_the_table_of_contents_and_nothing_else_is():
    contents = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text())
    files = [contents["root"], *(entry["file"] for part in contents["parts"] for entry in part["chapters"])]
    assert len(files) == len(set(files))
    executed = [Path(name) for name in files if name.startswith("runs/")]
    assert sorted(path.name for path in executed) == [chapter.stem for chapter in CHAPTERS]  # in an order of their own
    assert {str(path.parent) for path in executed} == {"runs/cpu"}
    pages = {f"{name}.md" for name in files if not name.startswith("runs/")}
    assert pages == {str(path.relative_to(ROOT)) for path in (ROOT / "book").glob("*.md")}


# references


def roles(text: str) -> list[tuple[str, str]]:
    return re.findall(r"\{([\w:]+)\}`([^`]+)`", text)


def markdown(source: Path) -> str:
    """What a reader reads: the text cells of a chapter, or the whole page."""
    if source.suffix == ".md":
        return source.read_text()
    return "\n".join(cell.source for cell in jupytext.read(source).cells if cell.cell_type == "markdown")


def targets() -> list[str]:
    """Every name that can be referred to: of headings, of equations, of figures."""
    found = []
    for source in SOURCES:
        text = markdown(source)
        found += re.findall(r"^\(([\w-]+)\)=$", text, re.MULTILINE)
        found += re.findall(r"^\$\$ \(([\w-]+)\)$", text, re.MULTILINE)
        found += re.findall(r"^:(?:name|label): (\S+)$", text, re.MULTILINE)
        if source.suffix == ".py":
            shown = (cell.metadata.get("mystnb", {}).get("figure", {}) for cell in jupytext.read(source).cells)
            found += [figure["name"] for figure in shown if "name" in figure]
    return found


@every_source
def test_every_citation_is_in_the_bibliography(source):
    known = re.findall(r"^@\w+\{(\S+),$", (ROOT / "book" / "references.bib").read_text(), re.MULTILINE)
    cited = [key.strip() for role, keys in roles(source.read_text()) if role.startswith("cite") for key in keys.split(",")]
    assert set(cited) <= set(known)
    assert len(known) == len(set(known))


@every_source
def test_every_reference_leads_somewhere(source):
    known = set(targets())
    for role, target in roles(markdown(source)):
        if role in ("ref", "eq", "numref"):
            named = re.search(r"<([^>]+)>$", target)
            assert (named.group(1) if named else target) in known, f"{{{role}}}`{target}`"


@every_source
def test_every_role_is_known(source):
    assert {role for role, _ in roles(markdown(source))} <= ROLES


@every_chapter
def test_no_line_of_text_begins_as_a_magic_command_does(chapter):
    """jupytext would take ``# % of`` for code and drop it from the text."""
    assert re.findall(r"^# %(?!%).*$", chapter.read_text(), re.MULTILINE) == []


@every_source
def test_no_option_of_a_box_swallows_its_text(source):
    """``:class: tip`` and text on one line would hide the text: it would count as classes."""
    assert re.findall(r"^:class: \S+ .+$", markdown(source), re.MULTILINE) == []


def test_no_name_is_given_twice():
    assert len(targets()) == len(set(targets()))


@every_chapter
def test_every_number_in_the_text_is_glued_in_its_chapter(chapter):
    used = {name for role, name in roles(markdown(chapter)) if role.startswith("glue")}
    code = "\n".join(cell.source for cell in jupytext.read(chapter).cells if cell.cell_type == "code")
    strings = {node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)}
    assert used <= strings


# what is committed


def test_committed_notebooks_tell_nothing_of_a_machine():
    for path in committed("runs/*/*.ipynb"):
        assert not re.search(r"/(home|root|work|tmp|Users)/", path.read_text()), path


def test_no_scrap_of_a_run_is_committed():
    assert not [path for path in committed("runs") if "checkpoints" in path.parts or path.suffix in (".tmp", ".lock")]


def test_committed_results_are_whole():
    stores = {path.parents[1] for path in committed("runs/*/results/*")}
    for folder in stores:
        keys = {path.stem for path in committed(f"{folder.relative_to(ROOT)}/results/*")}
        assert all(key in Store(folder) for key in keys), folder
        assert keys <= load_profile(folder.name).keys, "results that no run of the profile has any more"


def test_the_published_chapters_are_fit_to_be_read():
    """After a change of the package: ``gasp book run --profile cpu``, which trains nothing again, and commit."""
    assert check_chapters((), PUBLISHED) == {}
