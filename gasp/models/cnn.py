"""The feed-forward network that every other model is at t = 0."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from gasp.models.layered import Layered
from gasp.models.model import ModelSettings
from gasp.models.trajectory import Trajectory

__all__ = ["CNN", "CNNSettings"]


class CNNSettings(ModelSettings):
    """Nothing but the sizes of the layers."""

    kind: Literal["cnn"] = "cnn"


class CNN(Layered):
    """One plain sweep through the layers of :class:`~gasp.models.layered.Layered`."""

    Settings = CNNSettings

    def forward(self, images: Tensor) -> Trajectory:
        """Images ``(B, channels, size, size)`` in [0, 1]; a trajectory of one step."""
        return Trajectory(self.logits(self.sweep(images)[-1])[None])
