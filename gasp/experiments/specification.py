"""The typed specification of a run, and the keys of its results and weights."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import or_
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self

import torch
from pydantic import Field, model_validator

from gasp.data.corruptions import Corruption, check_level
from gasp.data.datasets import Dataset
from gasp.experiments.variants import MODELS
from gasp.learning.attribution import Method
from gasp.learning.training import TrainingSettings
from gasp.models import Model, ModelSettings
from gasp.settings import Count, Seed, Settings, Size

__all__ = ["REVISION", "Dataset", "Evaluation", "Experiment"]

# Increment it when the same specification comes to give other numbers: earlier results are then no longer found.
REVISION = 1
# of scenes, added to the draw; training scenes have the seed of the run × 10,000 + epoch, so they share none below MOST_SEEDS
SEEDS = {"validation": 2**40, "test": 2**41}


class Evaluation(Settings):
    """How a trained model is tested.

    Attributes:
        split: the images from which scenes are composed; all choices are made on ``validation``.
        draw: number of the draw of scenes; another draw gives other scenes of the same images.
        scenes: number of scenes.
        sweep_scenes: number of scenes under each change of scenes or images.
        validation_scenes: number of validation scenes after each epoch.
        corruptions: levels of each corruption, see :mod:`gasp.data.corruptions`.
        scales: scales of the objects, relative to those in training.
        objects: numbers of objects, used if objects are cropped (see :meth:`gasp.data.datasets.Dataset.changes`).
        overlaps: shares of an object that another may cover, used if objects are cropped.
        longer: T, the number of steps, of runs that are longer than in training.
        longer_noise: levels of Gaussian noise in longer runs.
        attributions: attribution methods by which pointing is measured, in addition to phases.
    """

    split: Literal["test", "validation"] = "test"
    draw: int = Field(0, ge=0)
    scenes: Count
    sweep_scenes: Count
    validation_scenes: Count
    corruptions: dict[Corruption, tuple[Annotated[float, Field(gt=0)], ...]]
    scales: tuple[Annotated[float, Field(gt=0)], ...] = ()
    objects: tuple[Size, ...] = ()
    overlaps: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    longer: Size = 8
    longer_noise: tuple[Annotated[float, Field(ge=0)], ...] = (0.0, 0.1)
    attributions: tuple[Method, ...] = ()

    @model_validator(mode="after")
    def _has_possible_levels(self) -> Self:
        self.check_levels()
        return self

    def check_levels(self, size: float = math.inf) -> None:
        """Refuse levels of corruptions that images of this size, in pixels, cannot have."""
        for corruption, levels in self.corruptions.items():
            for level in levels:
                check_level(corruption, level, size)


class Condition(NamedTuple):
    """One kind of test.

    Attributes:
        evaluation: the name under which the results are stored.
        level: the level under which they are stored.
        scenes: replaced settings of the scenes.
        corruption: a corruption of the images and its level.
        steps: T, the number of steps; that of the model when ``None``.
    """

    evaluation: str
    level: float
    scenes: Mapping[str, Any] = MappingProxyType({})
    corruption: tuple[Corruption, float] | None = None
    steps: int | None = None


# the settings of the registered models, discriminated by ``kind``; a type checker sees only their base class
if TYPE_CHECKING:
    AnySettings = ModelSettings
else:
    AnySettings = Annotated[reduce(or_, [model.Settings for model in MODELS.values()]), Field(discriminator="kind")]


class Experiment(Settings):
    """The full specification of one run.

    Attributes:
        dataset: name of the data set in tables; it does not change what is computed.
        variant: name of the variant in tables; it does not change what is computed.
        data: the data set.
        model: settings of a registered model.
        training: how the model is trained.
        evaluation: how it is tested.
        seed: seed of the initial weights, the scenes and their order.
    """

    dataset: str
    variant: str
    data: Dataset
    model: AnySettings
    training: TrainingSettings
    evaluation: Evaluation
    seed: Seed

    @property
    def title(self) -> str:
        """What it is called in messages."""
        return f"{self.variant} on {self.dataset}, seed {self.seed}"

    @property
    def key(self) -> str:
        """The name of the results, a hash of everything that determines them."""
        return self._hash({"dataset", "variant"})

    @property
    def weights_name(self) -> str:
        """The name of the trained weights, which do not depend on how the model is tested."""
        measured = set(Evaluation.model_fields) - {"validation_scenes"}
        return f"{self.model.kind}-{self.seed}-{self._hash({'dataset': True, 'variant': True, 'evaluation': measured})}"

    def _hash(self, exclude: Any) -> str:
        """A hash of the specification and of ``REVISION``.

        Settings with their default value are left out, so that a new setting that is off by default changes no key. A test
        compares every committed result with the full specification that is stored with it.
        """
        values = self.model_dump(mode="json", exclude=exclude, exclude_defaults=True, serialize_as_any=True)
        values["model"]["kind"] = self.model.kind
        text = json.dumps({"revision": REVISION, **values}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def steps(self) -> int:
        """The number of training steps."""
        return self.training.epochs * self.training.steps_per_epoch

    @property
    def steps_with_tests(self) -> int:
        """The number of training steps, plus one for the test without changes and one for each of the :meth:`conditions`."""
        return self.steps + 1 + len(list(self.conditions()))

    def conditions(self) -> Iterator[Condition]:
        """The changes of scenes or images under which the trained model is tested."""
        asked = self.evaluation
        for corruption, levels in asked.corruptions.items():
            for level in levels:
                yield Condition(corruption, level, corruption=(corruption, level))
        for level in asked.longer_noise:
            yield Condition("longer", level, corruption=("gaussian", level), steps=asked.longer)
        for evaluation, level, scenes in self.data.changes(asked.scales, asked.objects, asked.overlaps):
            yield Condition(evaluation, level, scenes)

    def build(self, sizes: Mapping[str, int] | None = None) -> Model:
        """The model before training. Variants of one seed start with the same weights where they have the same layers.

        Args:
            sizes: as :meth:`gasp.data.datasets.Dataset.sizes` gives them; read from the data when omitted.
        """
        sizes = self.data.sizes() if sizes is None else sizes
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return MODELS[self.model.kind](**sizes, **self.model.model_dump())
