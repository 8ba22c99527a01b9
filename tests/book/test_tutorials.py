"""The pages *Add your own experiment* and *Add your own data set*, each followed word for word in a copy of the project."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from gasp.data.sources import ARRAYS, save_source

ROOT = Path(__file__).parents[2]
STEPS = re.compile(r"^```(?:\{code-block\} (diff|python)\n:caption: (\S+)\n\n|bash\n)(.*?)^```$", re.MULTILINE | re.DOTALL)
OFFLINE = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
SHORT = "epochs=1 training.scenes=64 batch_size=32 evaluation.scenes=20 sweep_scenes=20 validation_scenes=20 workers=1"


def text(page: str) -> str:
    return (ROOT / "book" / f"{page}.md").read_text()


def commands(page: str) -> list[str]:
    return [command.strip() for kind, _, command in STEPS.findall(text(page)) if not kind]


def follow(page: str, root: Path) -> Path:
    """The project after every edit and copy of the page; nothing is trained or executed."""
    for folder in ("book", "gasp"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for kind, name, step in STEPS.findall(text(page)):
        if not kind:
            if step.startswith("cp "):
                subprocess.run(step.split(), cwd=root, check=True)
            continue
        if kind == "python":
            (root / name).write_text(step)
            continue
        lines = [(line[:1] or " ", line[1:]) for line in step.splitlines()]
        before, after = ("\n".join(line for sign, line in lines if sign in (" ", kept)) + "\n" for kept in "-+")
        path = root / name
        assert path.read_text().count(before) == 1, before
        path.write_text(path.read_text().replace(before, after))
    return root


def python(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(root), "PYTHONPATH": str(root), **OFFLINE, **environment}
    return subprocess.run([sys.executable, *arguments], cwd=root, capture_output=True, text=True, env=environment)


def answer(root: Path, code: str, **environment: str) -> str:
    result = python(root, "-c", code, **environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize(("page", "steps"), [("your_own_experiment", 17), ("your_own_data", 11)])
def test_every_step_of_a_page_was_found(page, steps):
    listings = text(page).count("```text\n")
    assert len(STEPS.findall(text(page))) == text(page).count("```") / 2 - listings == steps


# Add your own experiment


@pytest.fixture(scope="module")
def experiment(tmp_path_factory) -> Path:
    return follow("your_own_experiment", tmp_path_factory.mktemp("experiment"))


def test_the_new_variant_is_in_the_grid_and_in_the_table_of_verdicts(experiment):
    code = "import gasp; from gasp.analysis import claims; profile = gasp.load_profile('smoke'); "
    code += "print([(run.variant, run.model.iterations) for run in profile.experiments(['multi_mnist'], ['one_iteration'])]); "
    code += "print([effect.text for effect in claims.effects(profile) if effect.claim == 'X1'])"
    runs, effects = answer(experiment, code).splitlines()
    assert runs == "[('one_iteration', 1), ('one_iteration', 1)]"
    assert effects == "['GASPnet − GASPnet, one iteration: no noise']"


def test_the_new_chapter_is_found_and_leads_to_the_claim(experiment):
    code = "from gasp.analysis import claims; from gasp.publishing.chapters import chapters; "
    code += "print(chapters(['12'])[0].read_text().count('(' + claims.CLAIMS['X1'].page + ')='))"
    assert answer(experiment, code).strip() == "1"


def test_the_new_variant_has_a_colour_and_a_marker(experiment):
    code = "from gasp.analysis.figures.style import COLOURS, MARKERS; print('one_iteration' in COLOURS.keys() & MARKERS.keys())"
    assert answer(experiment, code).strip() == "True"


def test_the_new_model_is_registered_trained_tested_and_stored(experiment):
    shorter = [argument for setting in SHORT.split() for argument in ("-p", setting)]
    command = ["-m", "gasp", "experiments", "run", "--profile", "smoke", "--variant", "divisive", "--seed", "0"]
    result = python(experiment, *command, *shorter)
    assert result.returncode == 0, result.stderr
    (record,) = (experiment / "runs" / "smoke" / "results").glob("*.json")
    specification = json.loads(record.read_text())["specification"]
    assert (specification["variant"], specification["model"]["kind"]) == ("divisive", "divisive")
    code = "from gasp.analysis.figures.style import COLOURS; print('divisive' in COLOURS)"
    assert answer(experiment, code).strip() == "True"


def test_the_new_model_keeps_the_contract(experiment):
    shutil.copytree(ROOT / "tests", experiment / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", experiment)
    (command,) = (command for command in commands("your_own_experiment") if "test_contract" in command)
    result = python(experiment, *command.removeprefix(".venv/bin/python ").split())
    assert result.returncode == 0, result.stdout


# Add your own data set


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """The project with the page's data sets; of the shapes there are as few as the page allows."""
    root = follow("your_own_data", tmp_path_factory.mktemp("data"))
    corners = {"arrow": (16, 0, 31, 31), "cross": (0, 12, 31, 20), "ring": (4, 4, 28, 28), "triangle": (0, 0, 31, 31)}
    for name, box in corners.items():
        (root / "shapes" / name).mkdir(parents=True)
        for index in range(10):
            image = Image.new("L", (32, 32))
            ImageDraw.Draw(image).ellipse(box, fill=120 + 10 * index)
            image.save(root / "shapes" / name / f"{index + 1}.png")
    return root


def run(root: Path, dataset: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The page's command that runs a data set, with shorter runs."""
    (command,) = (command for command in commands("your_own_data") if command.endswith(f"--dataset {dataset}"))
    shorter = [argument for setting in SHORT.split() for argument in ("-p", setting)]
    return python(root, "-m", *command.removeprefix(".venv/bin/").split(), "--seed", "0", *shorter, **environment)


def test_the_new_source_is_registered_and_its_failed_download_is_explained(data, tmp_path):
    assert answer(data, "from gasp.data.sources import SOURCES; print('kmnist' in SOURCES)").strip() == "True"
    result = run(data, "multi_kmnist", GASP_DATA=str(tmp_path))
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith(f"gasp: kmnist is not in {tmp_path} and could not be fetched")


def test_scenes_are_composed_of_the_new_source_once_its_images_are_there(data, tmp_path):
    images, labels = np.zeros((200, 28, 28), np.uint8), np.arange(200, dtype=np.uint8) % 10
    images[:, 1:27, 1:27] = 60 + 20 * labels[:, None, None]  # nearly full; the higher its label, the brighter a square
    save_source("kmnist", dict(zip(ARRAYS, (images, labels, images, labels), strict=True)), tmp_path)
    code = "import gasp; data = gasp.load_profile('smoke').datasets['multi_kmnist']; scenes = data.compose('test', 50, 0); "
    code += "print(*scenes.images.flatten(1).amax(1).tolist()); print(*scenes.labels.amax(1).tolist()); print(data.sizes())"
    brightest, highest, sizes = answer(data, code, GASP_DATA=str(tmp_path)).splitlines()
    expected = [60 + 20 * int(label) for label in highest.split()]
    assert [int(value) for value in brightest.split()] == pytest.approx(expected, rel=0.02)
    assert sizes == "{'channels': 1, 'size': 32, 'classes': 10, 'heads': 1}"
    for settings, heads in {
        "'background': 'embedded_photos', 'scenes': {'scale': 0.7, 'cropped': True}": "objects background",
        "'scenes': {'scale': 0.7, 'colours': 'familiar'}": "objects colours",
    }.items():
        code = f"from gasp.experiments.specification import Dataset; data = Dataset.of({{'items': 'kmnist', {settings}}}); "
        code += "data.compose('test', 50, 0); print(*data.heads)"
        assert answer(data, code, GASP_DATA=str(tmp_path)).strip() == heads


def test_networks_are_trained_and_tested_on_the_folder(data):
    result = run(data, "multi_shapes")
    assert result.returncode == 0, result.stderr
    assert "done: 2 of 2" in result.stdout
    tables = [pd.read_csv(path) for path in (data / "runs" / "smoke" / "results").glob("*.csv")]
    assert len(tables) == 2
    for table in tables:
        assert {"clean", "scale", "objects", "overlap", "longer"} <= set(table["evaluation"])


def test_the_new_chapter_compares_networks_on_the_new_data(data):
    code = "from gasp.publishing.chapters import chapters; print('[\"multi_shapes\"]' in chapters(['17'])[0].read_text())"
    assert answer(data, code).strip() == "True"
