"""The page *Add your own experiment*, followed word for word in a copy of the project."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "book" / "your_own_experiment.md").read_text()
STEPS = re.compile(r"^```(?:\{code-block\} diff\n:caption: (\S+)\n\n|bash\n)(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def followed(tmp_path_factory) -> Path:
    """The project after every edit and copy of the page; trained and executed is nothing."""
    root = tmp_path_factory.mktemp("own")
    for folder in ("book", "gasp"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in STEPS.findall(PAGE):
        if not name:
            if text.startswith("cp "):
                subprocess.run(text.split(), cwd=root, check=True)
            continue
        lines = [(line[:1] or " ", line[1:]) for line in text.splitlines()]
        before, after = ("\n".join(line for sign, line in lines if sign in (" ", kept)) + "\n" for kept in "-+")
        path = root / name
        assert path.read_text().count(before) == 1, before
        path.write_text(path.read_text().replace(before, after))
    return root


def python(root: Path, code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, env={"PYTHONPATH": str(root)}
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_every_step_of_the_page_was_found():
    assert len(STEPS.findall(PAGE)) == PAGE.count("```") / 2 == 10


def test_the_new_variant_is_in_the_grid_and_in_the_table_of_verdicts(followed):
    code = "import gasp; from gasp.analysis import claims; profile = gasp.load_profile('smoke'); "
    code += "print([(run.variant, run.model.steps) for run in profile.experiments(['multi_mnist'], ['two_steps'])]); "
    code += "print([effect.text for effect in claims.effects(profile) if effect.claim == 'X1'])"
    runs, effects = python(followed, code).splitlines()
    assert runs == "[('two_steps', 2), ('two_steps', 2)]"
    assert effects == "['GASPnet − GASPnet, two steps: no noise']"


def test_the_new_chapter_is_found_and_leads_to_the_claim(followed):
    code = "from gasp.analysis import claims; from gasp.publishing.chapters import chapters; "
    code += "text = chapters(['12'])[0].read_text(); print(text.count('(' + claims.CLAIMS['X1'].page + ')='))"
    assert python(followed, code).strip() == "1"


def test_the_new_variant_has_a_colour_and_a_marker(followed):
    code = "from gasp.analysis.figures.style import COLOURS, MARKERS; print('two_steps' in COLOURS, 'two_steps' in MARKERS)"
    assert python(followed, code).split() == ["True", "True"]
