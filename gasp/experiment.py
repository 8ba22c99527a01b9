"""What a run is: its typed specification, its key, and the grid of runs that a profile asks for."""

from __future__ import annotations

import difflib
import hashlib
import itertools
import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from gasp.data.images import ImageSet, load_source
from gasp.data.scenes import Scenes, SceneSettings, compose
from gasp.models import CNN, GASPnet
from gasp.settings import GaspError, Settings, explain
from gasp.store import Store, project_root
from gasp.training import TrainingSettings

__all__ = ["Experiment", "Profile", "load_profile"]

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
    modulation: float = Field(1.0, allow_inf_nan=False)
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
    noise: tuple[Annotated[float, Field(ge=0)], ...] = Field(min_length=1)


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

    @property
    def steps(self) -> int:
        """How many training steps the run has."""
        return self.training.epochs * self.training.steps_per_epoch

    def sizes(self) -> dict[str, int]:
        """What the data ask of the model: channels and size of the images, classes and heads."""
        items, background = self.data.source("test")
        return {
            "channels": (background or items).images.shape[1],
            "size": self.data.scenes.size,
            "classes": len(items.classes),
            "heads": 1 if background is None else 2,
        }

    def model(self, sizes: dict[str, Any] | None = None) -> CNN:
        """The model before training. Variants of one seed share the weights that they have in common.

        Args:
            sizes: as :meth:`sizes` gives them, which looks at the data; so it does when they are omitted.
        """
        sizes = self.sizes() if sizes is None else sizes
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
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)
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
        return [self.experiment(dataset, variant, seed) for variant, seed in itertools.product(variants, self.seeds)]

    def experiment(self, dataset: str, variant: str, seed: int) -> Experiment:
        if dataset not in self.datasets:
            raise GaspError(f"profile {self.name} has no data set {dataset!r}, but {', '.join(self.datasets)}")
        if seed < 0:
            raise GaspError(f"a seed must be at least 0, not {seed}")
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


def load_profile(name: str, /, **overrides: Any) -> Profile:
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
    if "name" in values:
        raise GaspError(f"{path}: unknown key name: a profile is called as its file")
    for key, value in overrides.items():
        _override(values, key, value)
    try:
        # JSON in between, so that a list may stand for a tuple while all else is strict
        return Profile.model_validate_json(json.dumps({"name": name, **values}, default=str))
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
    paths = [(section, name) for section, fields in sections.items() for name in fields if name not in (*sections, "name")]
    fitting = [(section, name) for section, name in paths if key in (name, f"{section}.{name}")]
    if not fitting:
        close = difflib.get_close_matches(key.rpartition(".")[2], [name for _, name in paths], 1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise GaspError(
            f"unknown parameter {key!r}{hint}: there are {', '.join('.'.join(filter(None, path)) for path in paths)}"
        )
    if len(fitting) > 1:
        raise GaspError(f"parameter {key!r} could be {' or '.join('.'.join(path) for path in fitting)}: write it in full")
    (section, name), *_ = fitting
    place = values.setdefault(section, {}) if section else values
    if isinstance(place, dict):  # else validation says what is wrong with the section
        place[name] = value
