"""Execute the chapters of the book with papermill, and check that the executed chapters are complete and up to date.

A chapter is a py-percent script ``book/NN_name.py``. The executed chapter is ``runs/PROFILE/NN_name.ipynb``. It stores a
fingerprint of its script, settings, modules and results, and is executed again only when the fingerprint changes.
"""

from __future__ import annotations

import datetime
import html
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import papermill
import torch
from nbclient.exceptions import DeadKernelError
from tqdm import tqdm
from traitlets.config import Config

from gasp.analysis.claims import effects
from gasp.analysis.designs import OURS, PAPER
from gasp.experiments.profile import load_profile
from gasp.experiments.store import project_root
from gasp.files import make_folder, write_text
from gasp.learning.devices import choose_device, device_name
from gasp.publishing.fingerprint import fingerprint, modules_used
from gasp.publishing.pages import install_cell, provenance
from gasp.settings import GaspError

__all__ = ["chapters", "check_chapters", "repository", "run_chapters"]


def chapters(names: Sequence[str] = ()) -> list[Path]:
    """The paths of chapter scripts, by name, number or path; of all chapters when no names are given.

    Raises:
        GaspError: if a name matches no chapter, or several.
    """
    every = sorted((project_root() / "book").glob("[0-9][0-9]_*.py"))
    if not names:
        return every
    chosen = []
    for name in names:
        stem = Path(name).stem
        fitting = [path for path in every if stem in (path.stem, path.stem[3:]) or (stem and stem.zfill(2) == path.stem[:2])]
        if not fitting:
            raise GaspError(f"no chapter {name!r}: there are {', '.join(path.stem for path in every)}")
        if len(fitting) > 1:
            raise GaspError(f"chapter {name!r} could be {' or '.join(path.stem for path in fitting)}")
        chosen.append(fitting[0])
    return chosen


def executed(chapter: Path, profile: str) -> Path:
    """The path of the executed chapter."""
    return project_root() / "runs" / profile / f"{chapter.stem}.ipynb"


def run_chapters(names: Sequence[str], profile: str, overrides: dict[str, Any], force: bool = False) -> list[Path]:
    """Execute the chapters that are not up to date, or all with ``force``. Returns the paths of the executed chapters.

    If every run of the grid has stored results, several chapters are executed at once: the profile's ``workers``, or one per
    core. Otherwise they are executed one after another, because training uses all cores.

    Raises:
        GaspError: if a chapter, the profile or a parameter is unknown, or a cell fails.
    """
    stale = []
    for chapter in chapters(names):
        if force or _fault(chapter, profile, overrides):
            stale.append(chapter)
        else:
            print(f"{chapter.stem}: up to date")
    settings = load_profile(profile, **overrides)
    if any("gasp.analysis.verdicts" in modules_used(chapter) for chapter in stale):
        for design in (OURS, PAPER):
            list(effects(settings, design))  # refuses claims that cannot be judged, before anything is trained
    trained = all(run.key in settings.store for run in settings.experiments())
    workers = min(settings.workers or os.cpu_count() or 1, len(stale)) if trained else 1
    if workers > 1:
        return _execute_at_once(stale, profile, overrides, workers)
    return [_execute(chapter, profile, overrides) for chapter in stale]


def _execute_at_once(stale: Sequence[Path], profile: str, overrides: dict[str, Any], workers: int) -> list[Path]:
    """Execute chapters in several processes. If one fails, those under way are finished, and no others are started."""
    with (
        ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _share_cores, (workers,)) as pool,
        tqdm(total=len(stale), desc="chapters") as bar,
    ):
        futures = [pool.submit(_execute, chapter, profile, overrides, progress=False) for chapter in stale]
        try:
            for future in as_completed(futures):
                bar.set_postfix_str(future.result().stem)
                bar.update()
        except KeyboardInterrupt:
            for process in multiprocessing.active_children():
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
    return [future.result() for future in futures]


def _share_cores(workers: int) -> None:
    """Runs in each process: give its kernels an equal share of the cores. More threads than cores only wait for each other."""
    os.environ["OMP_NUM_THREADS"] = str(max((os.cpu_count() or 1) // workers, 1))


def _execute(chapter: Path, profile: str, overrides: dict[str, Any], progress: bool = True) -> Path:
    """Execute one chapter and write its notebook, completely or not at all. Returns the path of the notebook.

    If runs were added meanwhile, by the chapter itself or by another process, it is executed once more, because its first cells
    have not seen them.

    Args:
        progress: whether to show a progress bar over the cells.
    """
    settings = load_profile(profile, **overrides)
    for _ in range(2):
        mark, started = fingerprint(chapter, profile, overrides), time.monotonic()
        notebook = _run_cells(chapter, profile, overrides, progress)
        seconds = round(time.monotonic() - started)
        if fingerprint(chapter, profile, overrides) == mark:
            break
    record = {
        "fingerprint": mark,
        "profile": profile,
        "overrides": overrides,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "seconds": seconds,
        "commit": _commit(),
        "device": device_name(choose_device(settings.device)),
        "python": ".".join(map(str, sys.version_info[:3])),
        "torch": torch.__version__,
    }
    _clean(notebook)
    notebook.cells.append(nbformat.v4.new_markdown_cell(provenance(chapter.stem, settings, record), id="provenance"))
    kernel = notebook.metadata["kernelspec"]
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}, "gasp": record}
    target = executed(chapter, profile)
    write_text(target, nbformat.writes(notebook) + "\n")
    return target


def _run_cells(chapter: Path, profile: str, overrides: dict[str, Any], progress: bool) -> nbformat.NotebookNode:
    """Run the cells of a chapter with papermill. A failed notebook stays in the scratch folder."""
    root = project_root()
    scratch = root / "_build" / "papermill" / profile
    make_folder(scratch)
    source, output = scratch / f"{chapter.stem}.in.ipynb", scratch / f"{chapter.stem}.ipynb"
    notebook = jupytext.read(chapter)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    if address := repository():
        install = nbformat.v4.new_code_cell(install_cell(address), metadata={"tags": ["remove-cell"]}, id="install")
        notebook.cells.insert(0, install)
    nbformat.write(notebook, source)
    with tempfile.TemporaryDirectory(prefix="gasp-") as sockets:
        try:
            papermill.execute_notebook(
                source,
                output,
                {"profile": profile, "overrides": overrides},
                kernel_name="python3",
                cwd=root,
                stderr_file=sys.stderr,
                progress_bar={"desc": chapter.stem, "leave": True} if progress else False,
                extra_arguments=["--log-level=CRITICAL"],  # the error below says which cell failed
                config=Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}),  # no open port
            )
        except papermill.PapermillExecutionError as error:
            reason = " ".join(error.evalue.split())
            raise GaspError(f"{chapter.stem}, cell {error.cell_index}: {error.ename}: {reason} (see {output})") from None
        except DeadKernelError:
            why = "probably for lack of memory: close other programs, or lower workers"
            raise GaspError(f"the kernel of {chapter.stem} died, {why} (see {output})") from None
    return nbformat.read(output, 4)


def repository() -> str:
    """The public address of the project, ``https://github.com/OWNER/NAME``; empty if git knows none."""
    found = re.search(r"github\.com[:/]([\w.-]+)/([\w.-]+?)(\.git)?/?$", _git("remote", "get-url", "origin"))
    return f"https://github.com/{found[1]}/{found[2]}" if found else ""


def _commit() -> str:
    """The commit that is checked out, and whether sources differ from it; empty outside version control."""
    commit = _git("rev-parse", "--short=10", "HEAD")
    return f"{commit} with changes" if commit and _git("status", "--porcelain", "--", "book", "gasp") else commit


def _git(*arguments: str) -> str:
    """The output of a git command; empty if it fails or git is missing."""
    try:
        result = subprocess.run(["git", *arguments], cwd=project_root(), capture_output=True, text=True)
    except OSError:
        return ""
    return "" if result.returncode else result.stdout.strip()


def _clean(notebook: nbformat.NotebookNode) -> None:
    """Remove traces of papermill and progress bars, and with them the paths of this machine."""
    for cell in notebook.cells:
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        tags = cell.metadata.get("tags", [])
        if "injected-parameters" in tags:
            tags.append("remove-cell")
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_progress(output)]
            _describe(cell)
    notebook.cells = [cell for cell in notebook.cells if "papermill-error-cell-tag" not in cell.metadata.get("tags", [])]


def _describe(cell: nbformat.NotebookNode) -> None:
    """Give a drawing the alternative text of its cell, and its data file the name of the figure."""
    shown = cell.metadata.get("mystnb", {})
    described = html.escape(shown.get("image", {}).get("alt", ""))
    replaced = {
        'class="gasp-figure"': f'class="gasp-figure" role="img" aria-label="{described}"',
        'download="data.csv"': f'download="{shown.get("figure", {}).get("name", "data")}.csv"',
    }
    for output in cell.outputs:
        if "text/html" in output.get("data", {}):
            for text, instead in replaced.items():
                output["data"]["text/html"] = output["data"]["text/html"].replace(text, instead)


def _is_progress(output: nbformat.NotebookNode) -> bool:
    """Whether an output is only a progress bar: lines that rewrite themselves, and the line break at their end."""
    if output.output_type != "stream" or output.name != "stderr":
        return False
    return not output.text.strip() or ("\r" in output.text and "Warning" not in output.text)


def check_chapters(names: Sequence[str], profile: str) -> dict[str, str]:
    """The faults of the executed chapters of a profile, by the name of the chapter; empty if there are none.

    Raises:
        GaspError: if a chapter or the profile is unknown.
    """
    load_profile(profile)  # an unknown profile is an error, not a pending chapter
    faults = {}
    for chapter in chapters(names):
        if fault := _fault(chapter, profile):
            faults[chapter.stem] = fault
    return faults


def _fault(chapter: Path, profile: str, overrides: dict[str, Any] | None = None) -> str:
    """Why an executed chapter is not ready: pending, damaged, failed, noisy or stale; empty if it is ready.

    Args:
        overrides: the settings with which it must have been executed; any when omitted.
    """
    path = executed(chapter, profile)
    if not path.exists():
        return "pending: it was never executed"
    try:
        notebook = nbformat.read(path, 4)
    except Exception as error:  # nbformat and jsonschema raise many kinds of exceptions
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
        return "stale: its source, its settings, or a module or result that it uses has changed"
    return ""
