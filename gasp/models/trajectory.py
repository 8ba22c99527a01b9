"""What a forward run of any model returns."""

from __future__ import annotations

from dataclasses import dataclass

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
