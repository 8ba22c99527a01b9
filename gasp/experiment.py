"""What a run is: its typed specification, its key, the grid of runs that a profile asks for, and where they execute."""

from __future__ import annotations

import hashlib
import itertools
import json
import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any, Literal

import pandas as pd
import torch
from filelock import FileLock
from pydantic import Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from tqdm import tqdm

from gasp.data.images import ImageSet, load_source
from gasp.data.scenes import Scenes, SceneSettings, compose
from gasp.evaluation import accuracy, phase_statistics
from gasp.models import CNN, GASPnet
from gasp.settings import GaspError, Settings, explain
from gasp.store import COLUMNS, Store, project_root
from gasp.training import TrainingSettings, choose_device, fit, read_tensors, unheard, write_tensors

__all__ = ["Experiment", "Profile", "load", "load_profile", "run", "run_all"]

# Raise it when the same specification comes to mean other numbers: results of before are then no longer found.
REVISION = 1
VALIDATION_SHARE = 0.1
# seeds of scenes: what is for training, for validation and for testing never shares one
VALIDATION_SEED, TEST_SEED = 2**40, 2**41


class Network(Settings):
    """Sizes of the layers, see :class:`gasp.models.CNN`."""

    widths: tuple[int, ...] = (26, 30, 32)
    kernels: tuple[int, ...] = (5, 3, 3)
    strides: tuple[int, ...] = (2, 2, 1)
    hidden: int = Field(16, ge=1)


class Dynamics(Settings):
    """Phases and their coupling, see :class:`gasp.models.GASPnet`."""

    steps: int = Field(3, ge=1)
    iterations: int = Field(5, ge=0)
    step_size: float = Field(3.0, gt=0)
    modulation: float = 1.0
    key_size: int = Field(8, ge=1)
    neighbourhood: float = Field(0.12, gt=0)
    phase_init: Literal["bottom_up", "random"] = "bottom_up"


class Dataset(Settings):
    """Where the images of the scenes come from, and how scenes are composed of them."""

    items: str
    background: str | None = None
    scenes: SceneSettings = SceneSettings()

    def source(self, split: Literal["train", "validation", "test"]) -> tuple[ImageSet, ImageSet | None]:
        """Images of objects and of backgrounds; validation images are held out of the training images."""
        items, background = (_part(name, split) if name else None for name in (self.items, self.background))
        assert items is not None
        return items, background

    def compose(self, split: Literal["train", "validation", "test"], count: int, seed: int) -> Scenes:
        items, background = self.source(split)
        return compose(items, self.scenes, count, seed, background)


def _part(name: str, split: Literal["train", "validation", "test"]) -> ImageSet:
    source = load_source(name)
    if split == "test":
        return source.test
    train, validation = source.train.split(VALIDATION_SHARE)
    return train if split == "train" else validation


class Evaluation(Settings):
    """What is measured of each trained model.

    Attributes:
        scenes: how many test scenes.
        validation_scenes: how many validation scenes after each epoch.
        noise: standard deviations of Gaussian noise on images in [0, 1].
    """

    scenes: int = Field(ge=1)
    validation_scenes: int = Field(ge=1)
    noise: tuple[float, ...] = Field(min_length=1)


class Experiment(Settings):
    """The full specification of one run."""

    dataset: str
    data: Dataset
    variant: str
    network: Network
    dynamics: Dynamics | None
    training: TrainingSettings
    evaluation: Evaluation
    seed: int = Field(ge=0)

    @property
    def key(self) -> str:
        """Of the results: a hash of the specification and of the revision of the code's meaning."""
        return _hash(self.model_dump(mode="json"))

    @property
    def weights_name(self) -> str:
        """Of the trained weights, whose key does not depend on what is evaluated."""
        key = _hash(self.model_dump(mode="json", exclude={"evaluation": {"scenes", "noise"}}))
        return f"{self.dataset}-{self.variant}-{self.seed}-{key}"

    def model(self) -> CNN:
        """The model before training. Variants of one seed share the weights that they have in common."""
        items, background = self.data.source("test")
        sizes: dict[str, Any] = {
            "channels": (background or items).images.shape[1],
            "size": self.data.scenes.size,
            "classes": len(items.classes),
            "heads": 1 if background is None else 2,
        }
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            try:
                if self.dynamics is None:
                    return CNN(**sizes, **self.network.model_dump())
                return GASPnet(**sizes, **self.network.model_dump(), **self.dynamics.model_dump())
            except ValueError as error:
                raise GaspError(str(error)) from error


def _hash(specification: dict[str, Any]) -> str:
    text = json.dumps({"revision": REVISION, **specification}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


# what each variant changes of a profile's settings; None takes the dynamics away
VARIANTS: dict[str, dict[str, Any] | None] = {"cnn": None, "gaspnet": {}}


class Profile(Settings):
    """At what scale the book is run; read from ``book/profiles/NAME.yaml``.

    Attributes:
        description: one line for the reader.
        judges: whether runs this long can judge a claim; if not, pages say so.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        workers: how many runs at once; 0 for one a core, or one alone on a GPU.
        seeds: of the runs.
        datasets: by name.
        dynamics: of GASPnet.
    """

    name: str
    description: str
    judges: bool
    device: str = "auto"
    workers: int = Field(0, ge=0)
    seeds: tuple[int, ...] = Field(min_length=1)
    datasets: dict[str, Dataset]
    network: Network = Network()
    dynamics: Dynamics = Dynamics()
    training: TrainingSettings
    evaluation: Evaluation

    @property
    def store(self) -> Store:
        return Store(project_root() / "runs" / self.name)

    def experiments(self, dataset: str, variants: Sequence[str]) -> list[Experiment]:
        """The runs of these variants on one data set, one a seed."""
        if dataset not in self.datasets:
            raise GaspError(f"profile {self.name} has no data set {dataset!r}, but {', '.join(self.datasets)}")
        return [self.experiment(dataset, variant, seed) for variant, seed in itertools.product(variants, self.seeds)]

    def experiment(self, dataset: str, variant: str, seed: int) -> Experiment:
        if variant not in VARIANTS:
            raise GaspError(f"unknown variant {variant!r}: there are {', '.join(VARIANTS)}")
        changes = VARIANTS[variant]
        return Experiment(
            dataset=dataset,
            data=self.datasets[dataset],
            variant=variant,
            network=self.network,
            dynamics=None if changes is None else self.dynamics.model_copy(update=changes),
            training=self.training,
            evaluation=self.evaluation,
            seed=seed,
        )


def load_profile(name: str, **overrides: Any) -> Profile:
    """Read a profile; ``overrides`` replace single values by their name, such as ``epochs=2``.

    Raises:
        GaspError: for a profile that does not exist or is not YAML, and for every unknown, missing or mistyped key.
    """
    folder = project_root() / "book" / "profiles"
    path = folder / f"{name}.yaml"
    try:
        values = YAML(typ="safe").load(path)
    except FileNotFoundError:
        known = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
        raise GaspError(f"unknown profile {name!r}: there are {known}") from None
    except (YAMLError, OSError, UnicodeDecodeError) as error:
        raise GaspError(f"{path} is not a profile: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise GaspError(f"{path} is not a profile: it must be a mapping of keys to values")
    for key, value in overrides.items():
        _override(values, key, value)
    try:
        # JSON in between, so that a list may stand for a tuple while all else is strict
        return Profile.model_validate_json(json.dumps({"name": name, **values}))
    except (ValidationError, TypeError) as error:
        complaint = explain(error, Profile) if isinstance(error, ValidationError) else str(error)
        raise GaspError(f"{path}: {complaint}") from None


def _override(values: dict[str, Any], key: str, value: Any) -> None:
    """Replace the one setting of this name, dotted or not, wherever it is nested."""
    sections = {
        "": Profile.model_fields,
        "network": Network.model_fields,
        "dynamics": Dynamics.model_fields,
        "training": TrainingSettings.model_fields,
        "evaluation": Evaluation.model_fields,
    }
    paths = [(section, name) for section, fields in sections.items() for name in fields if name not in sections]
    fitting = [(section, name) for section, name in paths if key in (name, f"{section}.{name}")]
    if not fitting:
        raise GaspError(f"unknown parameter {key!r}: there are {', '.join('.'.join(filter(None, path)) for path in paths)}")
    if len(fitting) > 1:
        raise GaspError(f"parameter {key!r} could be {' or '.join('.'.join(path) for path in fitting)}: write it in full")
    (section, name), *_ = fitting
    (values.setdefault(section, {}) if section else values)[name] = value


def run(experiment: Experiment, store: Store, device: str = "auto", progress: Callable[[int], object] = unheard) -> None:
    """Train and evaluate one model, unless its results are in the store already.

    Args:
        progress: told how many training steps were done since it was last told.

    Raises:
        GaspError: as :func:`gasp.training.fit`, and for data that cannot be had.
    """
    lock = store.directory / "checkpoints" / f"{experiment.weights_name}.lock"
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GaspError(f"{lock.parent} cannot be written ({error.strerror})") from error
    with FileLock(lock):
        if experiment.key in store:
            progress(steps_of(experiment))
            return
        started = time.monotonic()
        model = experiment.model().to(choose_device(device))
        rows = _Rows(experiment)
        history = _train(model, experiment, store, progress)
        for epoch in history:
            for split in ("train", "validation"):
                rows.add(split, "training", epoch["epoch"], epoch[split])
        test = experiment.data.compose("test", experiment.evaluation.scenes, TEST_SEED)
        for level in experiment.evaluation.noise:
            rows.add("test", "noise", level, accuracy(model, test, level))
        for layer, statistics in enumerate(phase_statistics(model, test), start=1):
            rows.add("test", "phases", layer, statistics)
        record = {
            "key": experiment.key,
            "specification": experiment.model_dump(mode="json"),
            "revision": REVISION,
            "weights": experiment.weights_name,
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "versions": {"python": platform.python_version(), "torch": torch.__version__},
            "device": _device_name(next(model.parameters()).device),
            "seconds": round(time.monotonic() - started, 1),
        }
        store.save(experiment.key, rows.table(), record)
        store.checkpoint(experiment.weights_name).unlink(missing_ok=True)


def _train(model: CNN, experiment: Experiment, store: Store, progress: Callable[[int], object]) -> list[dict[str, Any]]:
    """Bring the model to its trained weights, from the store where they are; the history of its epochs."""
    weights = store.weights(experiment.weights_name)
    if weights.exists():
        tensors, record = read_tensors(weights)
        model.load_state_dict(tensors)
        model.eval()
        progress(steps_of(experiment))
        return list(record["history"])
    validation = experiment.data.compose("validation", experiment.evaluation.validation_scenes, VALIDATION_SEED)
    history = fit(
        model,
        lambda epoch: experiment.data.compose("train", experiment.training.scenes, experiment.seed * 10_000 + epoch),
        partial(accuracy, scenes=validation),
        experiment.training,
        experiment.seed,
        store.checkpoint(experiment.weights_name),
        experiment.weights_name,
        progress,
    )
    write_tensors(weights, model.state_dict(), {"specification": experiment.model_dump(mode="json"), "history": history})
    return history


class _Rows:
    """Collects values with what they are values of."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.rows: list[list[Any]] = []

    def add(self, split: str, evaluation: str, level: float, metrics: dict[str, list[float]]) -> None:
        run = self.experiment
        for metric, values in metrics.items():
            for t, value in enumerate(values):
                self.rows.append([run.key, run.dataset, run.variant, run.seed, split, evaluation, level, t, metric, value])

    def table(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows, columns=COLUMNS)


def steps_of(experiment: Experiment) -> int:
    return experiment.training.epochs * experiment.training.steps_per_epoch


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()})"


def run_all(experiments: Iterable[Experiment], profile: Profile) -> pd.DataFrame:
    """Run what is not in the profile's store yet, several at once, with one progress bar; the table of all results."""
    experiments = list(experiments)
    store = profile.store
    missing = [experiment for experiment in experiments if experiment.key not in store]
    if missing:
        cores = os.cpu_count() or 1
        on_cpu = choose_device(profile.device).type == "cpu"
        workers = min(profile.workers or (cores if on_cpu else 1), len(missing))
        steps = sum(map(steps_of, missing))
        with tqdm(total=steps, desc=f"training {len(missing)} models", unit="step", smoothing=0.02, mininterval=1) as bar:
            if workers == 1:
                for experiment in missing:
                    run(experiment, store, profile.device, bar.update)
            else:
                _run_in_pool(missing, store, profile.device, workers, max(cores // workers, 1), bar)
    return store.table(experiment.key for experiment in experiments)


def _run_in_pool(experiments: Sequence[Experiment], store: Store, device: str, workers: int, threads: int, bar: Any) -> None:
    context = multiprocessing.get_context("spawn")  # a forked torch may hang
    with context.Manager() as manager:
        done = manager.Queue()
        with ProcessPoolExecutor(workers, context, torch.set_num_threads, (threads,)) as pool:
            futures = [pool.submit(run, experiment, store, device, done.put) for experiment in experiments]
            while not all(future.done() for future in futures):
                time.sleep(0.2)
                while not done.empty():
                    bar.update(done.get())
                if failed := next((future for future in futures if future.done() and future.exception()), None):
                    pool.shutdown(wait=False, cancel_futures=True)
                    for process in multiprocessing.active_children():
                        process.terminate()  # they resume from their checkpoints
                    failed.result()
        while not done.empty():
            bar.update(done.get())


def load(
    variant: str = "gaspnet", dataset: str = "multi_mnist", seed: int = 0, profile: str = "cpu", device: str = "auto"
) -> CNN:
    """A trained model, ready for a batch of images ``(B, channels, size, size)`` in [0, 1].

    Raises:
        GaspError: if there are no weights of such a run.
    """
    experiment = load_profile(profile).experiment(dataset, variant, seed)
    path = load_profile(profile).store.weights(experiment.weights_name)
    if not path.exists():
        raise GaspError(f"no trained weights at {path}: run the chapter that trains {variant}, or name another profile or seed")
    model = experiment.model()
    try:
        model.load_state_dict(read_tensors(path)[0])
    except RuntimeError as error:
        raise GaspError(f"{path} does not hold the weights of this model: remove it and train again") from error
    return model.eval().to(choose_device(device))
