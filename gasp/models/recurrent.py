"""What models that sweep over time steps have in common."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gasp.models.layered import Layered
from gasp.models.model import ModelSettings
from gasp.models.trajectory import Trajectory
from gasp.settings import GaspError, Size

__all__ = ["Oscillating", "Recurrent", "RecurrentSettings"]


class RecurrentSettings(ModelSettings):
    """Sizes of the layers, and time.

    Attributes:
        steps: T, sweeps in all, the plain one at t = 0 included.
    """

    steps: Size = 3


class Recurrent(Layered):
    """A network that sweeps through its layers T times, each time with what it found in the sweep before."""

    settings: RecurrentSettings

    def run(
        self, images: Tensor, generator: torch.Generator, masks: Tensor | None = None, steps: int | None = None
    ) -> Trajectory:
        del generator, masks
        return self(images, steps=steps)

    def duration(self, steps: int | None) -> int:
        """T of a run: the model's own when it is not given."""
        steps = self.settings.steps if steps is None else steps
        if steps < 1:
            raise GaspError(f"steps must be at least 1, not {steps}")
        return steps


class Oscillating(Recurrent):
    """A recurrent network whose runs start from phases.

    Attributes:
        oscillators: N, how many phases a run starts from.
    """

    oscillators: int

    def run(
        self, images: Tensor, generator: torch.Generator, masks: Tensor | None = None, steps: int | None = None
    ) -> Trajectory:
        del masks
        return self(images, self.initial_phases(len(images), generator), steps)

    def initial_phases(self, batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Uniform random phases ``(N, B)``, radians in [−π, π); drawn on the CPU, so alike on every device."""
        phases = torch.rand(self.oscillators, batch, generator=generator)
        return ((2 * phases - 1) * math.pi).to(next(self.parameters()))

    def check_phases(self, phases: Tensor, batch: int) -> None:
        """Refuse initial phases of another shape than ``(N, B)`` with a ``GaspError``."""
        if tuple(phases.shape) != (self.oscillators, batch):
            expected = f"({self.oscillators}, {batch}), one for each oscillator and image"
            raise GaspError(f"phases must be {expected}, not {tuple(phases.shape)}")
