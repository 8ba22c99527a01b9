"""Build the book as HTML with Jupyter Book, serve it while it is edited, and pack it into an archive."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import livereload
from rich.console import Console
from ruamel.yaml import YAML

from gasp.experiments.store import project_root
from gasp.files import make_folder, write_text
from gasp.publishing.chapters import check_chapters, repository
from gasp.settings import GaspError

__all__ = ["PUBLISHED", "archive_book", "build_book", "first_page", "watch_book"]

PUBLISHED = "cpu"  # the profile that book/_toc.yml names


def build_book(profile: str, clean: bool = True) -> Path:
    """Build the HTML from the executed chapters, treating warnings as errors. Returns the path of the first page.

    Args:
        clean: whether to build everything instead of only what has changed.

    Raises:
        GaspError: if a chapter is not ready, or the build gives a warning.
    """
    root = project_root()
    if faults := check_chapters((), profile):
        listed = "; ".join(f"{name} {fault}" for name, fault in faults.items())
        raise GaspError(
            f"the chapters of profile {profile} are not ready: {listed}. Execute: gasp book run --profile {profile}"
        )
    output = root / "_build" / profile
    if clean:
        shutil.rmtree(output, ignore_errors=True)
    make_folder(output)
    contents = (root / "book" / "_toc.yml").read_text().replace(f"runs/{PUBLISHED}/", f"runs/{profile}/")
    write_text(output / "_toc.yml", contents)
    write_text(output / "_config.yml", _configuration((root / "_config.yml").read_text(), repository()))
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(root)]
    command += ["--config", str(output / "_config.yml"), "--toc", str(output / "_toc.yml"), "--path-output", str(output)]
    command += ["-W", "-n", "--keep-going", "-q"]
    # silent if it is no terminal, whatever the environment says
    console = Console(stderr=True, force_terminal=sys.stderr.isatty())
    with console.status("building the book, which takes a minute or two"):
        result = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if result.returncode:
        log = output / "build.log"
        log.write_text(result.stdout + result.stderr)
        warnings = [line for line in (result.stdout + result.stderr).splitlines() if "WARNING" in line or "ERROR" in line]
        raise GaspError(f"the book was not built ({len(warnings)} warnings; {log}): {' | '.join(warnings[:3])}")
    return first_page(profile)


def _configuration(text: str, address: str) -> str:
    """The configuration of Jupyter Book with links to the project's public address: its source, feedback, Colab and Binder.

    Without an address, it is left unchanged.
    """
    if not address:
        return text
    config = YAML(typ="safe").load(text)
    config["repository"] = {"url": address, "branch": "main"}
    config["launch_buttons"] = {"colab_url": "https://colab.research.google.com", "binderhub_url": "https://mybinder.org"}
    config["html"] |= {"use_repository_button": True, "use_issues_button": True}
    config["sphinx"]["config"]["html_context"]["project_address"] = address
    return json.dumps(config)  # which is YAML, too


def first_page(profile: str) -> Path:
    """The path of the first page of the built book.

    Raises:
        GaspError: if the book is not built.
    """
    page = _html(profile) / "index.html"
    if not page.exists():
        raise GaspError(f"{page} does not exist: run gasp book build --profile {profile}")
    return page


def _html(profile: str) -> Path:
    return project_root() / "_build" / profile / "_build" / "html"


def watch_book(profile: str, port: int) -> None:
    """Serve the book on this machine until Ctrl-C. Whenever a source changes, execute and build it again.

    Raises:
        GaspError: if the port cannot be used.
    """
    root, server = project_root(), livereload.Server()

    def rebuild() -> None:
        for action in (["run"], ["build", "--changed"]):  # in processes of their own, which import what has changed
            command = [sys.executable, "-m", "gasp", "book", *action, "--profile", profile]
            if subprocess.run(command, cwd=root).returncode:
                return

    with socket.socket() as free:  # before the book is executed and built, which takes minutes
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            free.bind(("127.0.0.1", port))
        except OSError as error:
            raise GaspError(f"port {port} cannot be used ({error}): choose another with --port") from error
    rebuild()
    for sources in ("_config.yml", "book/*", "book/*/*", "gasp/**/*.py", "gasp/analysis/figures/*"):
        server.watch(str(root / sources), rebuild)
    server.serve(port=port, root=str(_html(profile)))


def archive_book(profile: str) -> Path:
    """Pack a profile's HTML, executed notebooks, results, weights and scripts into one zip file. Returns its path.

    Raises:
        GaspError: if the book is not built.
    """
    root, page = project_root(), first_page(profile)
    name = f"gasp-{version('gasp')}-{profile}"
    with tempfile.TemporaryDirectory(dir=root / "_build") as scratch:
        folder = Path(scratch) / name
        shutil.copytree(page.parent, folder / "html")
        shutil.copytree(root / "runs" / profile, folder / "runs" / profile, ignore=shutil.ignore_patterns("checkpoints"))
        shutil.copytree(root / "book", folder / "book", ignore=shutil.ignore_patterns("__pycache__"))
        return Path(shutil.make_archive(str(root / "_build" / name), "zip", scratch))
