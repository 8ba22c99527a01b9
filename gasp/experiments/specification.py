"""What a run is: its typed specification, its key, and the variants of the model."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

import torch
from pydantic import Field

from gasp.data.corruptions import Corruption
from gasp.data.scenes import Scenes, SceneSettings, compose
from gasp.data.sources import ImageSet, load_source
from gasp.learning.training import TrainingSettings
from gasp.models import CNN, GASPnet, GAttANet, KomplexNet
from gasp.models.gaspnet import PhaseInit
from gasp.settings import Count, GaspError, Settings, Size

__all__ = ["REVISION", "VARIANTS", "Dataset", "Dynamics", "Evaluation", "Experiment", "Network"]

# Raise it when the same specification comes to mean other numbers: results of before are then no longer found.
REVISION = 1
VALIDATION_SHARE = 0.1
# seeds of scenes: what is for training, for validation and for testing never shares one
VALIDATION_SEED, TEST_SEED = 2**40, 2**41


class Network(Settings):
    """Sizes of the layers, see :class:`gasp.models.CNN`."""

    widths: tuple[Size, ...] = (26, 30, 32)
    kernels: tuple[Size, ...] = (5, 3, 3)
    strides: tuple[Size, ...] = (2, 2, 1)
    hidden: Size = 16

    def wider(self, factor: float) -> Network:
        """Every layer's width times a factor."""
        widths = tuple(round(width * factor) for width in self.widths)
        return self.model_copy(update={"widths": widths, "hidden": round(self.hidden * factor)})


class Dynamics(Settings):
    """Phases and their coupling, see :class:`gasp.models.GASPnet`."""

    steps: Size = 3
    iterations: int = Field(5, ge=0, le=4096)
    step_size: float = Field(3.0, gt=0)
    modulation: float = Field(1.0, allow_inf_nan=False)
    key_size: Size = 8
    neighbourhood: float = Field(0.12, gt=0)
    phase_init: PhaseInit = "bottom_up"


class Attention(Settings):
    """Of GAttANet, see :class:`gasp.models.GAttANet`."""

    steps: Size = 3
    key_size: Size = 8


class ComplexDynamics(Settings):
    """Of KomplexNet, see :class:`gasp.models.KomplexNet`."""

    steps: Size = 3
    iterations: int = Field(5, ge=0, le=4096)
    step_size: float = Field(2.0, gt=0)
    coherence: float = Field(0.5, ge=0, le=1)
    kernel_size: Size = 7


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

    def changed(self, scenes: Mapping[str, Any]) -> Dataset:
        """The data set with other settings of how its scenes are composed."""
        return self.model_copy(update={"scenes": self.scenes.model_copy(update=scenes)})

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
        sweep_scenes: how many of them under each change of the scenes or the images.
        validation_scenes: how many validation scenes after each epoch.
        corruptions: levels of each corruption, see :mod:`gasp.data.corruptions`.
        scales: of the objects, relative to the size that they have in training.
        objects: how many, where there is no background.
        overlaps: how much of an object another may cover, where there is no background.
        longer: T of longer runs.
        longer_noise: levels of Gaussian noise in longer runs.
    """

    scenes: Count
    sweep_scenes: Count
    validation_scenes: Count
    corruptions: dict[Corruption, tuple[Annotated[float, Field(gt=0)], ...]]
    scales: tuple[Annotated[float, Field(gt=0)], ...] = ()
    objects: tuple[Size, ...] = ()
    overlaps: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    longer: Size = 8
    longer_noise: tuple[Annotated[float, Field(ge=0)], ...] = (0.0, 0.1)


class Condition(NamedTuple):
    """Test scenes of one kind, and how a model meets them.

    Attributes:
        evaluation, level: what the results are called by.
        scenes: what is changed in how scenes are composed.
        corruption: of the images, at the level.
        steps: T, when not the model's own.
    """

    evaluation: str
    level: float
    scenes: Mapping[str, Any] = MappingProxyType({})
    corruption: Corruption | None = None
    steps: int | None = None


class Experiment(Settings):
    """The full specification of one run."""

    dataset: str
    data: Dataset
    variant: str
    network: Network
    dynamics: Attention | Dynamics | ComplexDynamics | None  # in this order: what Attention knows, Dynamics knows, too
    training: TrainingSettings
    evaluation: Evaluation
    seed: int = Field(ge=0)

    @property
    def key(self) -> str:
        """Of the results: a hash of the specification and of the revision of the code's meaning."""
        return _hash(self.model_dump(mode="json"))

    @property
    def weights_name(self) -> str:
        """Of the trained weights, whose key does not depend on what is evaluated on test scenes."""
        measured = set(Evaluation.model_fields) - {"validation_scenes"}
        key = _hash(self.model_dump(mode="json", exclude={"evaluation": measured}))
        return f"{self.dataset}-{self.variant}-{self.seed}-{key}"

    @property
    def steps(self) -> int:
        """How many training steps the run has."""
        return self.training.epochs * self.training.steps_per_epoch

    def conditions(self) -> Iterator[Condition]:
        """The changes of scenes or images under which the trained model is tested."""
        asked = self.evaluation
        for corruption, levels in asked.corruptions.items():
            for level in levels:
                yield Condition(corruption, level, corruption=corruption)
        for level in asked.longer_noise:
            yield Condition("longer", level, corruption="gaussian", steps=asked.longer)
        for scale in asked.scales:
            yield Condition("scale", scale, {"scale": scale * self.data.scenes.scale})
        if self.data.background is None:
            for number in asked.objects:
                # as much room as for the objects in training
                yield Condition("objects", number, {"objects": number, "scale": self.data.scenes.scale * (2 / number) ** 0.5})
            for overlap in asked.overlaps:
                yield Condition("overlap", overlap, {"overlap": overlap})

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
        dynamics = {} if self.dynamics is None else self.dynamics.model_dump()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            try:
                return VARIANTS[self.variant].model(**sizes, **self.network.model_dump(), **dynamics)
            except ValueError as error:
                raise GaspError(str(error)) from error


def _hash(specification: dict[str, Any]) -> str:
    text = json.dumps({"revision": REVISION, **specification}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Variant:
    """A model, and what it changes of a profile's settings.

    Attributes:
        label: how pages call it.
        wider: by what the widths of all layers are multiplied.
        dynamics, training: settings that it replaces.
    """

    label: str
    model: type[CNN]
    wider: float = 1.0
    dynamics: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)


VARIANTS = {
    "cnn": Variant("CNN, same layers", CNN),
    "cnn_parameters": Variant("CNN, as many parameters", CNN, wider=1.03),
    "cnn_compute": Variant("CNN, as many multiplications", CNN, wider=3.0),
    "gaspnet": Variant("GASPnet", GASPnet),
    "no_modulation": Variant("no modulation (a_F = 0)", GASPnet, dynamics={"modulation": 0.0}),
    "no_synchrony_loss": Variant("no synchrony loss (λ = 0)", GASPnet, training={"synchrony_weight": 0.0}),
    "no_neighbourhood": Variant("no neighbourhood (N = 1)", GASPnet, dynamics={"neighbourhood": math.inf}),
    "random_phases": Variant("random phases in every layer", GASPnet, dynamics={"phase_init": "random"}),
    "ideal_phases": Variant("ideal phases, from masks", GASPnet, dynamics={"phase_init": "ideal", "iterations": 0}),
    "gattanet": Variant("GAttANet", GAttANet),
    "komplexnet": Variant("KomplexNet", KomplexNet),
}
