"""What a forward run of any model returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Trajectory:
    """A forward run over time steps; B images, T steps.

    Attributes:
        logits: ``(T, B, heads, classes)``.
        phases: one tensor a layer, ``(T, B, H, W)`` or ``(T, B, units)``, radians; empty for a model without phases.
        gates: how much each oscillator pulls, in [0, 1], in the same shapes as ``phases``.
    """

    logits: Tensor
    phases: tuple[Tensor, ...] = ()
    gates: tuple[Tensor, ...] = ()

    @classmethod
    def of_steps(
        cls, logits: Sequence[Tensor], phases: Sequence[Sequence[Tensor]] = (), gates: Sequence[Sequence[Tensor]] = ()
    ) -> Trajectory:
        """From what was recorded step by step: logits ``(B, heads, classes)``, phases and gates of every layer."""
        layers = (tuple(torch.stack(layer) for layer in zip(*record, strict=True)) for record in (phases, gates))
        return cls(torch.stack(list(logits)), *layers)
