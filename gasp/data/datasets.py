"""Data sets: the images that scenes are composed of, what a model reports, and the changed scenes on which it is tested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import model_validator

from gasp.data.reasoning import ANSWERS, Problem, compose_problem
from gasp.data.scenes import Scenes, SceneSettings, compose
from gasp.data.sources import ImageSet, load_source
from gasp.settings import GaspError, Settings

__all__ = ["Dataset", "Split"]

Split = Literal["train", "validation", "test"]
VALIDATION_SHARE = 0.1


class Dataset(Settings):
    """A source of images, and how scenes are composed of them; or a problem of visual reasoning.

    Attributes:
        items: the source of the objects, a name or a folder (see :mod:`gasp.data.sources`).
        problem: a problem of visual reasoning, instead of items: drawn shapes and a question about them (see
            :mod:`gasp.data.reasoning`). Of ``scenes``, only the size can then be set.
        background: the source of the background images, if any.
        scenes: how scenes are composed.
        reports_background: whether a model must also name the background.
    """

    items: str | None = None
    background: str | None = None
    scenes: SceneSettings = SceneSettings()
    reports_background: bool = True
    problem: Problem | None = None

    @model_validator(mode="after")
    def _is_of_items_or_a_problem(self) -> Self:
        if (self.items is None) == (self.problem is None):
            raise GaspError("a data set needs either items or a problem")
        if self.problem and (self.background or self.scenes != SceneSettings(size=self.scenes.size)):
            raise GaspError("a problem has no background, and of its scenes only the size can be set")
        return self

    @property
    def heads(self) -> tuple[str, ...]:
        """What each head of a model reports; ``Scenes.head_of_object`` gives the head of each object."""
        if self.problem:
            return ("answer",)
        if self.scenes.colours:
            return ("objects", "colours")
        return ("objects", "background") if self.background and self.reports_background else ("objects",)

    def sizes(self) -> dict[str, int]:
        """The ``channels``, ``size`` (pixels), ``classes`` and ``heads`` that a model needs for these scenes.

        Raises:
            GaspError: if the images cannot be loaded.
        """
        if self.problem:
            return {"channels": 1, "size": self.scenes.size, "classes": len(ANSWERS), "heads": 1}
        items, background = self.source("test")
        return {
            "channels": 3 if self.scenes.colours else max(p.images.shape[1] for p in (items, background) if p is not None),
            "size": self.scenes.size,
            "classes": len(items.classes),
            "heads": len(self.heads),
        }

    def source(self, split: Split) -> tuple[ImageSet, ImageSet | None]:
        """The images of objects and of backgrounds. Validation images are held out from the training images.

        Raises:
            GaspError: if they cannot be loaded, or the data set is a problem, whose shapes are drawn.
        """
        if self.items is None:
            raise GaspError(f"the problem {self.problem!r} has no images: its shapes are drawn")
        return _images(self.items, split), None if self.background is None else _images(self.background, split)

    def compose(self, split: Split, count: int, seed: int) -> Scenes:
        """Compose scenes, see :func:`gasp.data.scenes.compose` and :func:`gasp.data.reasoning.compose_problem`."""
        if self.problem:
            return compose_problem(self.problem, self.scenes.size, count, seed)
        items, background = self.source(split)
        return compose(items, self.scenes, count, seed, background, self.reports_background)

    def with_scenes(self, changes: Mapping[str, Any]) -> Dataset:
        """This data set with some settings of its scenes replaced."""
        return self.model_copy(update={"scenes": self.scenes.changed(changes)})

    def changes(
        self, scales: Sequence[float], objects: Sequence[int], overlaps: Sequence[float]
    ) -> Iterator[tuple[str, float, dict[str, Any]]]:
        """The requested changes that are possible for these scenes, as (evaluation, level, replaced settings).

        Coloured objects always add ``new_pairs``, scenes of the pairs of class and colour that are held out from training.
        Objects that keep their frame change in scale only, because one leaves no room for a second. Problems have no changes.

        Args:
            scales: scales relative to the scale in training.
            objects: numbers of objects, which are scaled to cover as much area in total as the objects in training.
            overlaps: see :class:`~gasp.data.scenes.SceneSettings`.
        """
        if self.problem:
            return
        trained = self.scenes
        if trained.colours == "familiar":
            yield "new_pairs", 1.0, {"colours": "new"}
        for scale in scales:
            yield "scale", scale, {"scale": scale * trained.scale}
        if not trained.crops(self.background is not None):
            return
        for number in objects:
            yield "objects", number, {"objects": number, "scale": trained.scale * (trained.objects / number) ** 0.5}
        for overlap in overlaps:
            yield "overlap", overlap, {"overlap": overlap}

    def undisturbed(self, evaluation: str) -> float:
        """The level at which the scenes of an evaluation are like those in training; 0 for every corruption."""
        levels = {"scale": 1.0, "objects": float(self.scenes.objects), "overlap": self.scenes.overlap}
        return levels.get(evaluation, 0.0)


def _images(name: str, split: Split) -> ImageSet:
    source = load_source(name)
    if split == "test":
        return source.test
    train, validation = source.train.split(VALIDATION_SHARE)
    return train if split == "train" else validation
