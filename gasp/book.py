"""The book: chapters executed by papermill, the gate that refuses stale or failed ones, HTML by Jupyter Book.

A chapter is a py-percent script ``book/NN_name.py``. Executed, it is ``runs/PROFILE/NN_name.ipynb`` and carries the
fingerprint of all that it was made from; while that stays the same, it is not executed again.
"""

from __future__ import annotations

import datetime
import hashlib
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import papermill
import torch
from IPython.display import Markdown
from traitlets.config import Config

from gasp.files import make_folder
from gasp.profile import Profile, load_profile
from gasp.settings import GaspError
from gasp.store import project_root, write_text

__all__ = ["banner", "build_book", "chapters", "check_chapters", "run_chapters", "table"]

PUBLISHED = "cpu"  # the profile that book/_toc.yml names


def chapters(names: Sequence[str] = ()) -> list[Path]:
    """The chapter scripts, all or those named, each by its name, its number or its path.

    Raises:
        GaspError: for a name that no chapter or more than one has.
    """
    every = sorted((project_root() / "book").glob("[0-9][0-9]_*.py"))
    if not names:
        return every
    chosen = []
    for name in names:
        stem = Path(name).stem
        fitting = [path for path in every if stem in (path.stem, path.stem[:2], path.stem[3:])]
        if not fitting:
            raise GaspError(f"no chapter {name!r}: there are {', '.join(path.stem for path in every)}")
        if len(fitting) > 1:
            raise GaspError(f"chapter {name!r} could be {' or '.join(path.stem for path in fitting)}")
        chosen.append(fitting[0])
    return chosen


def fingerprint(chapter: Path, profile: str, overrides: dict[str, Any]) -> str:
    """A hash of what an executed chapter is made from: its source, its parameters, the profile and the package."""
    settings = load_profile(profile, **overrides).model_dump_json()
    package = sorted(Path(__file__).parent.rglob("*.py"))
    parts = [chapter.read_text(), settings, *(path.read_text() for path in package)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def executed(chapter: Path, profile: str) -> Path:
    """Where the executed chapter is."""
    return project_root() / "runs" / profile / f"{chapter.stem}.ipynb"


def run_chapters(names: Sequence[str], profile: str, overrides: dict[str, Any], force: bool = False) -> list[Path]:
    """Execute chapters that are not up to date; the paths of those that were executed.

    Raises:
        GaspError: for an unknown chapter, profile or parameter, and where a cell failed.
    """
    done = []
    for chapter in chapters(names):
        if not force and not _fault(chapter, profile, overrides):
            print(f"{chapter.stem}: up to date")
            continue
        done.append(_execute(chapter, profile, overrides))
    return done


def banner(profile: Profile, overrides: dict[str, Any]) -> Markdown:
    """What a page says of the runs that it shows."""
    changes = "".join(f" Here with `{name} = {value}`." for name, value in overrides.items())
    cells = Counter((run.dataset, run.variant) for run in profile.experiments()).values()
    seeds = " to ".join(map(str, sorted({min(cells), max(cells)})))
    runs = f"Profile `{profile.name}`: {profile.description}. {seeds} seeds a model and data set.{changes}"
    if profile.judges:
        return Markdown(f"```{{admonition}} The runs on this page\n:class: note\n{runs}\n```")
    return Markdown(
        f"```{{admonition}} A small run, to see that all works\n:class: warning\n{runs} Runs this short judge nothing. "
        "Where phases of a trained network are shown, it was trained on the real data.\n```"
    )


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Markdown:
    """A table for a page."""
    return Markdown("\n".join(f"| {' | '.join(cells)} |" for cells in [header, ["---"] * len(header), *rows]))


def _execute(chapter: Path, profile: str, overrides: dict[str, Any]) -> Path:
    """Run one chapter with papermill; the executed notebook appears when it is whole, a failed one beside it."""
    mark = fingerprint(chapter, profile, overrides)
    root = project_root()
    scratch = root / "_build" / "papermill" / profile
    make_folder(scratch)
    notebook = jupytext.read(chapter)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    source, output = scratch / f"{chapter.stem}.in.ipynb", scratch / f"{chapter.stem}.ipynb"
    nbformat.write(notebook, source)
    started = time.monotonic()
    try:
        papermill.execute_notebook(
            source,
            output,
            {"profile": profile, "overrides": overrides},
            kernel_name="python3",
            cwd=root,
            stderr_file=sys.stderr,
            progress_bar={"desc": chapter.stem, "leave": True},
            config=Config({"KernelManager": {"transport": "ipc"}}),  # no open port, and no warning of one
        )
    except papermill.PapermillExecutionError as error:
        reason = " ".join(error.evalue.split())
        raise GaspError(f"{chapter.stem}, cell {error.cell_index}: {error.ename}: {reason} (see {output})") from None
    result = nbformat.read(output, 4)
    _clean(result)
    result.metadata = {
        "kernelspec": result.metadata["kernelspec"],
        "language_info": {"name": "python"},
        "gasp": {
            "fingerprint": mark,
            "profile": profile,
            "overrides": overrides,
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "seconds": round(time.monotonic() - started),
            "python": ".".join(map(str, sys.version_info[:3])),
            "torch": torch.__version__,
        },
    }
    target = executed(chapter, profile)
    write_text(target, nbformat.writes(result) + "\n")
    return target


def _clean(notebook: nbformat.NotebookNode) -> None:
    """Take out what papermill and progress bars leave: a page shows neither, and no paths of this machine."""
    for cell in notebook.cells:
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        tags = cell.metadata.get("tags", [])
        if "injected-parameters" in tags:
            tags.append("remove-cell")
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_progress(output)]
    notebook.cells = [cell for cell in notebook.cells if "papermill-error-cell-tag" not in cell.metadata.get("tags", [])]


def _is_progress(output: nbformat.NotebookNode) -> bool:
    """Whether an output is nothing but a progress bar: lines that rewrite themselves, and the line break at its end."""
    if output.output_type != "stream" or output.name != "stderr":
        return False
    return not output.text.strip() or ("\r" in output.text and "Warning" not in output.text)


def check_chapters(names: Sequence[str], profile: str) -> dict[str, str]:
    """What is wrong with the executed chapters of a profile, by chapter; empty when all is well."""
    load_profile(profile)  # an unknown one is an error, not a pending chapter
    faults = {}
    for chapter in chapters(names):
        if fault := _fault(chapter, profile):
            faults[chapter.stem] = fault
    return faults


def _fault(chapter: Path, profile: str, overrides: dict[str, Any] | None = None) -> str:
    """Why an executed chapter is not fit to be read: missing, failed, pending, noisy or stale; empty if it is fit.

    Args:
        overrides: the settings that it must have replaced; those that it did replace when omitted.
    """
    path = executed(chapter, profile)
    if not path.exists():
        return "pending: it was never executed"
    try:
        notebook = nbformat.read(path, 4)
    except Exception as error:  # nbformat and jsonschema have a dozen kinds
        return f"damaged: {error}"
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        if cell.execution_count is None:
            return f"pending: cell {number} was not executed"
        for output in cell.outputs:
            if output.output_type == "error":
                return f"failed: cell {number}: {output.ename}: {output.evalue}"
            if output.output_type == "stream" and output.name == "stderr":
                return f"noisy: cell {number} wrote to stderr: {(output.text.strip() or 'an empty line').splitlines()[0]}"
    provenance = notebook.metadata.get("gasp", {})
    replaced = provenance.get("overrides", {}) if overrides is None else overrides
    if provenance.get("fingerprint") != fingerprint(chapter, profile, replaced):
        return "stale: its source, its parameters or the package changed since"
    return ""


def build_book(profile: str) -> Path:
    """Build the HTML from clean, warnings as errors; the path of its first page.

    Raises:
        GaspError: if a chapter is not fit to be read, or the build has a warning.
    """
    root = project_root()
    if faults := check_chapters((), profile):
        listed = "; ".join(f"{name} {fault}" for name, fault in faults.items())
        raise GaspError(
            f"the chapters of profile {profile} are not ready: {listed}. Execute: gasp book run --profile {profile}"
        )
    output = root / "_build" / profile
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    toc = output / "_toc.yml"
    toc.write_text((root / "book" / "_toc.yml").read_text().replace(f"runs/{PUBLISHED}/", f"runs/{profile}/"))
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(root)]
    command += ["--config", str(root / "_config.yml"), "--toc", str(toc), "--path-output", str(output)]
    command += ["-W", "-n", "--keep-going", "-q"]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True)
    page = output / "_build" / "html" / "index.html"
    if result.returncode or not page.exists():
        log = output / "build.log"
        log.write_text(result.stdout + result.stderr)
        warnings = [line for line in (result.stdout + result.stderr).splitlines() if "WARNING" in line or "ERROR" in line]
        raise GaspError(f"the book was not built ({len(warnings)} warnings; {log}): {' | '.join(warnings[:3])}")
    return page
