"""Two layouts of the oscillators of a network, one tensor per layer or all in one row; and their relative power."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["Oscillators", "relative_power"]


class Oscillators:
    """Convert between one tensor per layer and one row of N oscillators, the layout of :mod:`gasp.nn.kuramoto`.

    Args:
        grids: (height, width) of each convolutional layer.
        units: number of units of each dense layer, which come after the convolutions.

    Attributes:
        shapes: the shape of every layer, (height, width) or (units,).
    """

    def __init__(self, grids: Sequence[tuple[int, int]], units: Sequence[int] = ()) -> None:
        self.shapes: list[tuple[int, ...]] = [*grids, *((n,) for n in units)]
        self.sizes = [math.prod(shape) for shape in self.shapes]

    def __len__(self) -> int:
        return sum(self.sizes)

    def to_layers(self, row: Tensor) -> list[Tensor]:
        """Split one row, ``(N, *, B)``, into one tensor per layer, ``(B, *, H, W)`` or ``(B, *, n)``."""
        layers = []
        for part, shape in zip(row.split(self.sizes), self.shapes, strict=True):
            layers.append(part.permute(*reversed(range(part.ndim))).contiguous().unflatten(-1, shape))
        return layers

    def to_row(self, layers: Sequence[Tensor]) -> Tensor:
        """Join one tensor per layer, ``(B, H, W)`` or ``(B, n)``, into one row, ``(N, B)``."""
        return torch.cat([layer.flatten(1).T for layer in layers])


def relative_power(activity: Tensor) -> Tensor:
    """The relative power of each location ``(B, H, W)`` or unit ``(B, n)``: p / (p + mean p of the layer), in [0, 1).

    Args:
        activity: m, ``(B, C, H, W)`` or ``(B, n)``; the power p of a location is the sum of squares over channels.
    """
    power = activity.square().sum(1) if activity.ndim == 4 else activity.square()
    mean_power = power.mean(tuple(range(1, power.ndim)), keepdim=True)
    return power / (power + mean_power + 1e-9)
