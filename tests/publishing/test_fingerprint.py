"""What makes a chapter stale: its script, its settings, and the modules and results that it uses, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from gasp.experiments.profile import load_profile
from gasp.experiments.store import STORED_COLUMNS
from gasp.publishing.fingerprint import fingerprint, modules_used
from gasp.settings import GaspError

BOOK = Path(__file__).parents[2] / "book"
CHAPTERS = {
    "plain": "6 * 7\n",
    "model": "def build():\n    from gasp.models import GASPnet\n\n    return GASPnet()\n",
    "figures": "# %%\nimport gasp\n\n# %%\nfrom gasp.analysis import figures as drawn\n",
    "bench": "import gasp.tools.bench as measured\n",
}
EVERY_USER = {"model", "figures", "bench"}
STALE = {
    "cli.py": set(),
    "tools/doctor.py": set(),
    "publishing/chapters.py": set(),
    "models/gaspnet.py": EVERY_USER,
    "settings.py": EVERY_USER,
    "__init__.py": EVERY_USER,
    "analysis/__init__.py": {"figures", "bench"},
    "analysis/figures/results.py": {"figures"},
    "analysis/figures/explorer.html": {"figures"},
    "analysis/figures/phases.js": {"figures"},
    "tools/bench.py": {"bench"},
    "tools/__init__.py": {"bench"},
}


@pytest.fixture
def marks(project):
    """The fingerprints of the chapters, as they are at the moment."""
    for name, text in CHAPTERS.items():
        (project / "book" / f"{name}.py").write_text(text)
    return lambda **overrides: {name: fingerprint(project / "book" / f"{name}.py", "tiny", overrides) for name in CHAPTERS}


@pytest.mark.parametrize(("changed", "stale"), STALE.items(), ids=STALE)
def test_a_changed_file_makes_those_chapters_stale_that_use_it_and_only_those(changed, stale, marks, package):
    before = marks()
    path = package / changed
    path.write_text(path.read_text() + "\n")
    assert {name for name, mark in marks().items() if mark != before[name]} == stale


def test_a_new_import_is_followed(marks, package):
    before = marks()
    (package / "nn" / "new.py").write_text("VALUE = 1\n")
    assert marks() == before
    (package / "tools" / "bench.py").write_text("import gasp.nn.new\n")
    used = marks()
    assert {name for name, mark in used.items() if mark != before[name]} == {"bench"}
    (package / "nn" / "new.py").write_text("VALUE = 2\n")
    assert {name for name, mark in marks().items() if mark != used[name]} == {"bench"}


def test_other_settings_are_another_fingerprint(marks):
    assert not set(marks().values()) & set(marks(epochs=2).values())
    assert marks(epochs=2) == marks(epochs=2)


def test_every_run_of_the_profile_that_is_stored_makes_every_chapter_stale(marks):
    profile, before = load_profile("tiny"), marks()
    ours, other = profile.experiments()[0], profile.experiment("multi_mnist", "gate", 0)
    profile.store.save(other.key, pd.DataFrame(columns=STORED_COLUMNS), {}, {})
    assert marks() == before
    profile.store.save(ours.key, pd.DataFrame(columns=STORED_COLUMNS), {}, {})
    assert not set(marks().values()) & set(before.values())
    (profile.store.directory / "results" / f"{ours.key}.npz").write_bytes(b"damaged")
    assert marks() == before


@pytest.mark.parametrize(("judges", "stale"), [(True, {"figures", "bench"}), (False, set())])
def test_measurements_make_their_readers_stale_unless_chapters_write_them(judges, stale, marks, write):
    write(judges=judges)
    before = marks()
    load_profile("tiny").store.directory.mkdir(parents=True)
    (load_profile("tiny").store.directory / "bench.csv").write_text("seconds\n1\n")
    assert {name for name, mark in marks().items() if mark != before[name]} == stale


def test_a_package_that_is_no_python_is_named(marks, package):
    (package / "nn" / "layers.py").write_text("def half(:\n")
    with pytest.raises(GaspError, match=r"nn/layers\.py"):
        marks()


@pytest.mark.parametrize("chapter", sorted(BOOK.glob("[0-9][0-9]_*.py")), ids=lambda path: path.stem)
def test_the_commands_make_no_chapter_of_the_book_stale_and_the_model_every_one(chapter):
    used = modules_used(chapter)
    assert not used & {"gasp.cli", "gasp.tools.doctor", "gasp.publishing.chapters", "gasp.publishing.site"}
    assert used >= {"gasp", "gasp.models", "gasp.models.gaspnet", "gasp.nn.kuramoto"}
