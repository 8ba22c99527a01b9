"""The feed-forward network. Every other model equals it at t = 0, apart from GASPnet's learned gate."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from gasp.models.layered import Layered
from gasp.models.model import ModelSettings
from gasp.models.trajectory import Trajectory

__all__ = ["CNN", "CNNSettings"]


class CNNSettings(ModelSettings):
    """Settings of the CNN: the sizes of its layers only."""

    kind: Literal["cnn"] = "cnn"


class CNN(Layered):
    """One plain sweep through the layers of :class:`~gasp.models.layered.Layered`."""

    Settings = CNNSettings

    def forward(self, images: Tensor) -> Trajectory:
        """A trajectory of one step, from images ``(B, channels, size, size)`` in [0, 1]."""
        return Trajectory(self.logits(self.sweep(images)[-1])[None])
