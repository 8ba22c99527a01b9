"""Studies: what was tried, on validation scenes, before anything was tested."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from gasp.experiments.specification import Evaluation
from gasp.learning.attribution import Method
from gasp.settings import Count, Settings, Size

__all__ = ["Change", "Study"]


class Change(Settings):
    """A variant, and single settings of it that a study replaces."""

    variant: str
    model: dict[str, Any] = Field({})
    training: dict[str, Any] = Field({})

    @property
    def label(self) -> str:
        """What a study calls the run, such as ``gaspnet, iterations = 3``."""
        return ", ".join([self.variant, *(f"{name} = {value}" for name, value in (self.model | self.training).items())])


class Study(Settings):
    """Runs that compare single changes. They are measured on validation scenes, on which every choice is made.

    Attributes:
        question: one line for the reader.
        datasets: by their names in the profile.
        epochs: of every run.
        seeds: of every run.
        noise: levels of Gaussian noise at which the runs are measured, beside none.
        objects, overlaps: other numbers of objects, and other overlaps, with which they are measured.
        attributions: methods by which they are asked where the objects are.
        runs: what is compared.
    """

    question: str
    datasets: tuple[str, ...] = Field(min_length=1)
    epochs: Count
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field((0,), min_length=1)
    noise: tuple[Annotated[float, Field(gt=0)], ...] = ()
    objects: tuple[Size, ...] = ()
    overlaps: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    attributions: tuple[Method, ...] = ()
    runs: tuple[Change, ...] = Field(min_length=1)

    def evaluation(self, scenes: int) -> Evaluation:
        """What is measured of the runs, on so many validation scenes."""
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
