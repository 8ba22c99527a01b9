"""Studies: comparisons on validation scenes, from which settings are chosen before anything is tested."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from gasp.experiments.specification import Evaluation
from gasp.learning.attribution import Method
from gasp.settings import Count, Seed, Settings, Size

__all__ = ["Change", "Study"]


class Change(Settings):
    """A variant with single settings replaced."""

    variant: str
    model: dict[str, Any] = Field({})
    training: dict[str, Any] = Field({})

    @property
    def label(self) -> str:
        """The name of the run in tables, such as ``gaspnet, iterations = 3``."""
        return ", ".join([self.variant, *(f"{name} = {value}" for name, value in (self.model | self.training).items())])


class Study(Settings):
    """Runs that compare single changes. They are measured on validation scenes, and all choices are made on these.

    Attributes:
        question: the question that the study answers, one line.
        datasets: names of data sets of the profile.
        epochs: number of epochs of every run.
        seeds: seeds of every run.
        noise: levels of Gaussian noise at which the runs are measured, in addition to no noise.
        objects: other numbers of objects at which they are measured.
        overlaps: other overlaps at which they are measured.
        attributions: attribution methods by which they are measured.
        runs: the variants and changes that are compared.
    """

    question: str
    datasets: tuple[str, ...] = Field(min_length=1)
    epochs: Count
    seeds: tuple[Seed, ...] = Field((0,), min_length=1)
    noise: tuple[Annotated[float, Field(gt=0)], ...] = ()
    objects: tuple[Size, ...] = ()
    overlaps: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    attributions: tuple[Method, ...] = ()
    runs: tuple[Change, ...] = Field(min_length=1)

    def evaluation(self, scenes: int) -> Evaluation:
        """The evaluation of the runs, on this number of validation scenes."""
        return Evaluation(
            split="validation",
            scenes=scenes,
            sweep_scenes=scenes,
            validation_scenes=scenes,
            corruptions={"gaussian": self.noise} if self.noise else {},
            objects=self.objects,
            overlaps=self.overlaps,
            longer_noise=(),
            attributions=self.attributions,
        )
