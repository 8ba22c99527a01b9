"""What models that sweep over time steps have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gasp.models.cnn import CNN

__all__ = ["Recurrent"]


class Recurrent(CNN):
    """A CNN that sweeps again and again, each time with what it found in the sweep before.

    Args:
        steps: T, sweeps in all, the plain one included.
        **network: the sizes, see :class:`~gasp.models.cnn.CNN`.

    Attributes:
        oscillators: N, how many phases a run starts from; 0 for a model without phases.

    Raises:
        ValueError: for fewer than one step, or sizes that make no network.
    """

    oscillators = 0

    def __init__(self, steps: int, **network: int | Sequence[int]) -> None:
        super().__init__(**network)  # type: ignore[arg-type]
        self.steps = self.duration(steps)

    def duration(self, steps: int | None) -> int:
        """T of a run: the model's own when it is not said."""
        steps = self.steps if steps is None else steps
        if steps < 1:
            raise ValueError(f"steps must be at least 1, not {steps}")
        return steps

    def initial_phases(self, batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Uniform random phases ``(N, B)``, radians; drawn on the CPU, so alike on every device."""
        phases = torch.rand(self.oscillators, batch, generator=generator)
        return ((2 * phases - 1) * math.pi).to(next(self.parameters()))

    def check_phases(self, phases: Tensor, batch: int) -> None:
        if tuple(phases.shape) != (self.oscillators, batch):
            expected = f"({self.oscillators}, {batch}), one for each oscillator and image"
            raise ValueError(f"phases must be {expected}, not {tuple(phases.shape)}")
