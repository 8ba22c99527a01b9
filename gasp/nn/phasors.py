r"""Phasors, which are unit vectors at the angles of phases, and their means.

The first dimension of a tensor of phasors, ``(2, *)``, holds real and imaginary parts. Angles are in radians.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["angle", "direction", "length", "mean_phasor", "order_parameter", "phasors"]

SMOOTHING = 1e-12  # far below any length that matters


def phasors(phases: Tensor) -> Tensor:
    r"""The phasors :math:`e^{i\varphi}`, ``(2, *)``, of phases ``(*)``."""
    return torch.stack([phases.cos(), phases.sin()])


def mean_phasor(phases: Tensor, weights: Tensor, dim: int = -1) -> Tensor:
    r"""The mean phasor of oscillators, ``(2, …)`` without the dimension of the oscillators.

    .. math:: \sum_j w_j e^{i\varphi_j} \Big/ \sum_j w_j

    Args:
        phases: φ.
        weights: w ≥ 0, broadcastable with ``phases``. Where they sum to 0, the mean is 0.
        dim: the dimension of the oscillators, counted from the end, such as −1.
    """
    weights, _ = torch.broadcast_tensors(weights, phases)
    real, imag = (weights * phases.cos()).sum(dim), (weights * phases.sin()).sum(dim)
    return torch.stack([real, imag]) / (weights.sum(dim) + SMOOTHING)


def angle(phasor: Tensor) -> Tensor:
    """The angle of phasors ``(2, *)``, in (−π, π]. The phasor 0 has angle 0 and a finite gradient."""
    real, imag = phasor
    return torch.atan2(imag, real.masked_fill((real == 0) & (imag == 0), 1.0))


def direction(z: Tensor) -> Tensor:
    r"""The phasors at the angles of complex numbers ``(2, B, *)``, :math:`z / |z|`, and 1 where z is 0.

    They equal ``phasors(angle(z))``, but are computed without trigonometric functions, which are slow on a CPU.
    """
    real, imag = z
    size = torch.hypot(real, imag)
    is_zero = size == 0
    real, size = real.masked_fill(is_zero, 1.0), size.masked_fill(is_zero, 1.0)
    # concatenated along the batch, the parts keep the channels-last layout, in which convolutions are fast
    return torch.cat([real / size, imag / size]).unflatten(0, (2, -1))


def length(phasor: Tensor, smoothing: float = SMOOTHING) -> Tensor:
    r"""The length of phasors ``(2, *)``, :math:`\sqrt{|z|^2 + s^2}`. Smoothing s > 0 keeps the gradient finite at 0."""
    return (phasor.square().sum(0) + smoothing**2).sqrt()


def order_parameter(phases: Tensor, weights: Tensor | None = None, dim: int = -1) -> Tensor:
    r"""The Kuramoto order parameter: 1 for identical phases, 0 for phases spread evenly around the circle.

    .. math:: R = \Bigl|\sum_j w_j e^{i\varphi_j}\Bigr| \Big/ \sum_j w_j

    Args:
        phases, dim: as in :func:`mean_phasor`.
        weights: as in :func:`mean_phasor`; all 1 when omitted.
    """
    return length(mean_phasor(phases, torch.ones_like(phases) if weights is None else weights, dim))
