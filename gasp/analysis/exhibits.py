"""What the explorer shows of a data set: scenes of four kinds, and how a network with phases and one without see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gasp.analysis.alignment import aligning_run
from gasp.data.corruptions import corrupt
from gasp.data.datasets import Dataset
from gasp.experiments.specification import SEEDS
from gasp.learning.binding import reporting_units
from gasp.learning.evaluation import hits_of
from gasp.models import GASPnet, Model

__all__ = ["KINDS", "Exhibit", "exhibit"]

# whether every object is reported at the first step, and at the last
KINDS = {
    "wrong, then right": (False, True),
    "right, then wrong": (True, False),
    "right throughout": (True, True),
    "wrong throughout": (False, False),
}


@dataclass(frozen=True)
class Exhibit:
    """n scenes of a data set at L levels of noise, as seen by GASPnet at T steps and F moments, and by a CNN.

    Attributes:
        title: title of the data set.
        classes: names of the classes, for each head.
        units: the read-out's units that stand for the objects of each scene, ``(n, R)``.
        kinds: kind of each scene, a key of :data:`KINDS`.
        shares: share of each kind in the pool of scenes from which these were chosen.
        pool: number of scenes in the pool.
        levels: σ of Gaussian noise.
        chosen_at: the level at which the scenes were sorted into kinds.
        accuracy: share of the pool with every object right, at each level: GASPnet at the first and last step, and the CNN.
        images: ``(n, L, C, H, W)``, in [0, 1] apart from noise.
        grids: (height, width) of each convolution.
        iterations: moments from one step to the next.
        phases: phases of the locations of all convolutions and the units of the read-out, ``(n, L, F, N)``, radians.
        gates: gates of the locations at each step, ``(n, L, T, N')``.
        chances: the softmax of each head's answer at each step, ``(n, L, T, heads, classes)``.
        rival: the same of the CNN, ``(n, L, heads, classes)``.
    """

    title: str
    classes: tuple[tuple[str, ...], ...]
    units: Tensor
    kinds: tuple[str, ...]
    shares: dict[str, float]
    pool: int
    levels: tuple[float, ...]
    chosen_at: float
    accuracy: tuple[tuple[float, float, float], ...]
    images: Tensor
    grids: tuple[tuple[int, int], ...]
    iterations: int
    phases: Tensor
    gates: Tensor
    chances: Tensor
    rival: Tensor


@torch.no_grad()
def exhibit(
    title: str,
    dataset: Dataset,
    model: GASPnet,
    rival: Model,
    levels: Sequence[float] = (0.0, 0.1, 0.2),
    chosen_at: float = 0.1,
    pool: int = 500,
    each: int = 2,
) -> Exhibit:
    """Choose scenes by how the network's answer changes over time: equally many of each kind, however common the kind is.

    The scenes are the first of each kind among the first validation scenes, at one level of noise. Test scenes are never
    used.

    Args:
        dataset: where the scenes come from; its classes must be those of both networks.
        levels, chosen_at: see :class:`Exhibit`; the scenes are chosen at one of the levels.
        pool: number of scenes that are sorted into kinds.
        each: number of scenes of each kind that are shown; fewer if the pool has fewer.
    """
    scenes = dataset.compose("validation", pool, SEEDS["validation"])
    plain, _, targets = scenes.batch(slice(None))
    views, accuracy, over_time = [], [], []
    for level in levels:
        generator = torch.Generator().manual_seed(0)
        images = corrupt(plain, "gaussian", level, generator)
        trajectory, frames = aligning_run(model, images, generator)
        answers, rivals = trajectory.answers, rival.run(images, generator).answers[-1:]
        right, rival_right = (_all_right(each_step, targets) for each_step in (answers, rivals))
        over_time.append(right[[0, -1]].T)  # (n, 2)
        first, last = over_time[-1].float().mean(0).tolist()
        accuracy.append((first, last, rival_right.float().mean().item()))
        convolutions = len(model.grids)
        phases = torch.stack([torch.cat([layer.flatten(1) for layer in (*f[:convolutions], f[-1])], 1) for f in frames], 1)
        gates = torch.cat([gate.flatten(2) for gate in trajectory.gates[:convolutions]], 2).transpose(0, 1)
        views.append((images, phases, gates, answers.softmax(-1).transpose(0, 1), rivals[0].softmax(-1)))
    answered = over_time[levels.index(chosen_at)]
    kinds = {kind: (answered == torch.tensor(pattern)).all(1) for kind, pattern in KINDS.items()}
    shown = {kind: which.nonzero().flatten()[:each] for kind, which in kinds.items()}
    chosen = torch.cat(list(shown.values()))
    images, phases, gates, chances, rival_chances = (torch.stack(part, 1)[chosen] for part in zip(*views, strict=True))
    return Exhibit(
        title=title,
        classes=tuple(source.classes for source in dataset.source("validation")[: model.heads] if source is not None),
        units=reporting_units(scenes)[chosen],
        kinds=tuple(kind for kind, which in shown.items() for _ in which),
        shares={kind: which.float().mean().item() for kind, which in kinds.items()},
        pool=pool,
        levels=tuple(levels),
        chosen_at=chosen_at,
        accuracy=tuple(accuracy),
        images=images,
        grids=tuple(model.grids),
        iterations=max(model.settings.iterations, 1),
        phases=phases,
        gates=gates,
        chances=chances,
        rival=rival_chances,
    )


def _all_right(answers: Tensor, targets: Tensor) -> Tensor:
    """Whether every object of a scene is reported, ``(T, n)``, by answers ``(T, n, heads, classes)``."""
    return torch.cat(hits_of(answers, targets), -1).all(-1)
