"""Base classes of models with time steps."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

from gasp.models.layered import Layered
from gasp.models.model import ModelSettings
from gasp.models.trajectory import Trajectory
from gasp.settings import GaspError, Size

__all__ = ["Oscillating", "Recurrent", "RecurrentSettings"]


class RecurrentSettings(ModelSettings):
    """Sizes of the layers, number of time steps and read-out.

    Attributes:
        steps: T, the number of sweeps, including the plain one at t = 0.
        readout: how the answer at a step is computed: from its own logits (``last``), as the mean of the logits so far
            (``mean``), or as their mean with a learned leak (``leaky``); see :attr:`~gasp.models.Trajectory.answers`.
    """

    steps: Size = 3
    readout: Literal["last", "mean", "leaky"] = "last"


class Recurrent(Layered):
    """A network that sweeps through its layers T times. Each sweep uses the results of the previous one."""

    settings: RecurrentSettings

    def __init__(self, channels: int = 1, size: int = 32, classes: int = 10, heads: int = 1, **settings: Any) -> None:
        super().__init__(channels, size, classes, heads, **settings)
        if self.settings.readout == "leaky":
            self.leak_logit = nn.Parameter(torch.tensor(2.0))  # ρ = 0.88: close to the mean

    @property
    def leak(self) -> float | Tensor:
        """The leak ρ of the read-out."""
        return self.leak_logit.sigmoid() if self.settings.readout == "leaky" else float(self.settings.readout == "mean")

    def run(
        self, images: Tensor, generator: torch.Generator, masks: Tensor | None = None, steps: int | None = None
    ) -> Trajectory:
        del generator, masks
        return self(images, steps=steps)

    def duration(self, steps: int | None) -> int:
        """T, the number of steps of a run: ``steps``, or that of the settings if it is ``None``."""
        steps = self.settings.steps if steps is None else steps
        if steps < 1:
            raise GaspError(f"steps must be at least 1, not {steps}")
        return steps


class Oscillating(Recurrent):
    """A recurrent network with phases.

    Attributes:
        oscillators: N, the number of initial phases.
    """

    oscillators: int

    def run(
        self, images: Tensor, generator: torch.Generator, masks: Tensor | None = None, steps: int | None = None
    ) -> Trajectory:
        del masks
        return self(images, self.initial_phases(len(images), generator), steps)

    def initial_phases(self, batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Uniform random phases ``(N, B)``, radians in [−π, π). Drawn on the CPU, they are the same on all devices."""
        phases = torch.rand(self.oscillators, batch, generator=generator)
        return ((2 * phases - 1) * math.pi).to(next(self.parameters()))

    def check_phases(self, phases: Tensor, batch: int) -> None:
        """Raise a ``GaspError`` unless the initial phases have shape ``(N, B)``."""
        if tuple(phases.shape) != (self.oscillators, batch):
            expected = f"({self.oscillators}, {batch}), one for each oscillator and image"
            raise GaspError(f"phases must be {expected}, not {tuple(phases.shape)}")
