"""Text on every page: which runs it shows, and where it comes from."""

from __future__ import annotations

import datetime
from collections import Counter
from importlib.metadata import version
from typing import Any

from IPython.display import Markdown

from gasp.analysis.tables import table
from gasp.experiments.profile import Profile

__all__ = ["banner", "install_cell", "provenance"]


def banner(profile: Profile, overrides: dict[str, Any]) -> Markdown:
    """The line at the top of a page that says which runs it shows."""
    changes = "".join(f", with `{name} = {value}`" for name, value in overrides.items())
    seeds = f"{_seeds(profile)} seeds per network and data set, unless the text says otherwise"
    runs = f"Profile `{profile.name}`{changes}: {profile.description}; {seeds}."
    warning = "" if profile.judges else " **Runs this short support no conclusion.**"
    return Markdown(f"```{{div}} gasp-banner\n{runs}{warning}\n```")


def _seeds(profile: Profile) -> str:
    """The number of seeds per cell of the grid, or its range."""
    cells = Counter((run.dataset, run.variant) for run in profile.experiments()).values()
    return " to ".join(map(str, sorted({min(cells), max(cells)})))


def provenance(chapter: str, profile: Profile, record: dict[str, Any]) -> str:
    """The last cell of an executed chapter: where it comes from, how to execute it again, and what can be downloaded.

    Args:
        chapter: name of the chapter.
        record: record of the execution, as stored in the notebook's metadata under ``gasp``.
    """
    changes = "".join(f" -p {name}={value}" for name, value in record["overrides"].items())
    runs = profile.experiments()
    known = [profile.store.record(run.key) for run in runs if run.key in profile.store]
    hours = sum(run["seconds"] for run in known) / 3600
    devices = ", ".join(sorted({run["device"] for run in known})) or "none"
    seeds = ", ".join(map(str, sorted({run.seed for run in runs})))
    rows = [
        ["profile", f"`{profile.name}`{changes and f', with{changes}'}"],
        ["executed", f"{record['date']}, in {datetime.timedelta(seconds=record['seconds'])} (h:mm:ss)"],
        ["runs of the profile", f"{len(known)}, on {devices}; {hours:.1f} h in all; only missing runs are repeated"],
        ["seeds", seeds],
        ["commit", f"`{record['commit']}`" if record["commit"] else "not in version control"],
        ["specification", f"`{record['fingerprint']}` (source, settings, modules and results)"],
        ["device", record["device"]],
        ["versions", f"gasp {version('gasp')}, PyTorch {record['torch']}, Python {record['python']}"],
        ["execute again", f"`gasp book run {chapter[:2]} --profile {profile.name}{changes} --force`"],
        [
            "downloads",
            f"{{download}}`executed notebook <{chapter}.ipynb>`, {{download}}`script <../../book/{chapter}.py>`, "
            f"{{download}}`profile <../../book/profiles/{profile.name}.yaml>`",
        ],
    ]
    return f"```{{admonition}} Where this page comes from\n:class: seealso dropdown\n{table(['', ''], rows).data}\n```"


def install_cell(address: str) -> str:
    """The first cell of an executed chapter, which installs the project where it is missing, as in Colab."""
    return f"""\
# fetch and install the project where it is missing, as in Colab
import importlib.util
import os
import subprocess
import sys

if importlib.util.find_spec("gasp") is None:
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", "{address}", "companion"], check=True)
    os.chdir("companion")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--editable", "."], check=True)
    sys.path.insert(0, os.getcwd())"""
