"""Data sets: which images scenes are composed of, what a model reports of them, and which changes of them make sense."""

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
    """Where the images of the scenes come from, and how scenes are composed of them; or a problem of visual reasoning.

    Attributes:
        items: the source of the objects, a name or a folder (see :mod:`gasp.data.sources`).
        problem: instead of items: shapes, and a question about them (see :mod:`gasp.data.reasoning`). Of ``scenes``, only the
            size can then be set.
        background: the source of the images behind them, if any.
        scenes: how scenes are composed.
        reports_background: whether a model must name the background, too.
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
        """The ``channels``, ``size`` (pixels), ``classes`` and ``heads`` that a model of these scenes has.

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
        """Images of objects and of backgrounds; validation images are held out of the training images.

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
        """The data set with some settings of its scenes replaced."""
        return self.model_copy(update={"scenes": self.scenes.changed(changes)})

    def changes(
        self, scales: Sequence[float], objects: Sequence[int], overlaps: Sequence[float]
    ) -> Iterator[tuple[str, float, dict[str, Any]]]:
        """Those of the asked changes that make sense for these scenes: evaluation, level, and the settings replaced. Of painted
        objects always also ``new_pairs``, all of whose pairs of class and colour are held out of training.

        Objects that keep their frame only change their scale, because one leaves no room for a second. Problems have no
        changes.

        Args:
            scales: relative to the scale in training.
            objects: how many; together they cover as much as the objects in training.
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
        """The level at which an evaluation's scenes are those of training; 0 for every corruption."""
        levels = {"scale": 1.0, "objects": float(self.scenes.objects), "overlap": self.scenes.overlap}
        return levels.get(evaluation, 0.0)


def _images(name: str, split: Split) -> ImageSet:
    source = load_source(name)
    if split == "test":
        return source.test
    train, validation = source.train.split(VALIDATION_SHARE)
    return train if split == "train" else validation
