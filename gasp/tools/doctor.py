"""Check the installation: what is installed, what is missing, and whether a tiny training run gives the stored numbers."""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import torch

from gasp.data.scenes import SceneSettings, compose
from gasp.data.sources import FETCHED, data_directory, load_source
from gasp.experiments.specification import REVISION
from gasp.experiments.store import project_root
from gasp.files import make_folder
from gasp.learning.devices import choose_device, device_name
from gasp.learning.evaluation import accuracy
from gasp.learning.training import TrainingSettings, fit
from gasp.models import GASPnet
from gasp.settings import GaspError

__all__ = ["Finding", "deviation", "examine", "find_browser", "measured"]

TOLERANCE = 1e-3  # relative to the largest number of its kind; other machines and numbers of threads stay below it


class Finding(NamedTuple):
    """What was checked, what was found, and what to do about it if it is a problem."""

    what: str
    found: str
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """Check everything that a run depends on. A finding with a remedy is a problem."""
    yield Finding("versions", f"gasp {version('gasp')}, PyTorch {torch.__version__}, Python {platform.python_version()}")
    cores = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads per process"
    yield Finding("device", f"{device_name(choose_device())}; {cores}")
    for name in FETCHED:
        yield _data(name)
    try:
        runs = project_root() / "runs"
        make_folder(runs)
        yield Finding("results", f"in {runs}, {shutil.disk_usage(runs).free / 2**30:.0f} GB free")
    except GaspError as error:
        yield Finding("results", "cannot be stored", str(error))
    found = "installed" if all(find_browser()) else "not installed; only make test-book needs them"
    yield Finding("Chromium and its driver", found)
    off = deviation()
    told = f"a tiny training run differs from the stored numbers by {off:.0e} of their size; up to {TOLERANCE:g} is fine"
    remedy = "this machine computes something else: run the tests, and do not mix its results with others"
    yield Finding("self-test", told, "" if off <= TOLERANCE else remedy)


def find_browser() -> tuple[str | None, str | None]:
    """The paths of Chromium and its driver; ``None`` for what is not installed."""
    names = ("chromium", "google-chrome", "chromium-browser")
    return next(filter(None, map(shutil.which, names)), None), shutil.which("chromedriver")


def _data(name: str) -> Finding:
    folder = data_directory()
    if folder.exists() and not folder.is_dir():
        return Finding(name, f"not in {folder}, which is not a folder", "let GASP_DATA name a folder, or unset it")
    if not (folder / f"{name}.npz").exists():
        return Finding(name, f"not in {folder}; fetched when a run needs it (profile smoke does not)")
    try:
        source = load_source(name)
    except GaspError as error:
        return Finding(name, "damaged", str(error))
    return Finding(name, f"{len(source.train):,} training and {len(source.test):,} test images in {folder}")


def deviation() -> float:
    """The largest difference between the self-test and its stored numbers, relative to the largest number of its kind.

    Raises:
        GaspError: if the numbers were stored under another ``REVISION``.
    """
    reference = json.loads(files("gasp.tools").joinpath("reference.json").read_text())
    if reference.pop("revision") != REVISION:
        raise GaspError("the stored numbers are of another revision: renew them with python tests/tools/test_doctor.py")
    found, worst = measured(), 0.0
    for name, expected in reference.items():
        values, wanted = (torch.tensor(numbers, dtype=torch.float64) for numbers in (found[name], expected))
        worst = max(worst, ((values - wanted).abs().max() / wanted.abs().max()).item())
    return worst


def measured() -> dict[str, Any]:
    """The numbers of a tiny training run on embedded digits, with every seed and setting written out."""
    digits = load_source("embedded_digits")
    settings = SceneSettings(objects=2, overlap=0.1, scale=0.9, size=32)
    scenes = compose(digits.test, settings, 6, 11)
    torch.manual_seed(3)
    model = GASPnet(
        steps=3,
        iterations=4,
        step_size=1.0,
        modulation=1.0,
        key_size=5,
        neighbourhood=0.15,
        phase_init="bottom_up",
        channels=1,
        size=32,
        classes=10,
        heads=1,
        widths=(6, 8, 8),
        kernels=(5, 3, 3),
        strides=(2, 2, 1),
        hidden=12,
    )
    images, masks, _ = scenes.batch(slice(None))
    with torch.no_grad():
        logits = model.run(images, torch.Generator().manual_seed(5)).logits
    training = TrainingSettings(
        epochs=2, scenes=48, batch_size=16, learning_rate=0.005, synchrony_weight=0.5, gradient_norm=1.0
    )
    with tempfile.TemporaryDirectory() as folder:
        history = fit(
            model,
            lambda epoch: compose(digits.train.split(0.1)[0], settings, 48, 100 + epoch),
            partial(accuracy, scenes=scenes),
            training,
            7,
            Path(folder) / "checkpoint.safetensors",
            "reference",
        )
    return {
        "pixels": images.sum().item(),
        "masks": masks.sum().item(),
        "logits": logits[:, 0, 0].tolist(),
        "classification_loss": [epoch["train"]["classification_loss"][0] for epoch in history],
        "synchrony_loss": [epoch["train"]["synchrony_loss"][0] for epoch in history],
        "validation_loss": history[-1]["validation"]["loss"],
    }
