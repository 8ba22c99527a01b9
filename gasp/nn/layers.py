r"""Layers whose connections are weighted by phase agreement.

.. math:: m_i = f\Bigl(\sum_j w_{ij} m_j \bigl[1 + a_F \cos(\varphi_i - \varphi_j)\bigr] + b_i\Bigr)

The sum splits, exactly, into the plain layer and two more that carry the phases:

.. math:: w * m + a_F \bigl[\cos\varphi_i\; w * (m \cos\varphi) + \sin\varphi_i\; w * (m \sin\varphi)\bigr].

``carry`` gives the two sums, ``drive`` the phase that a neuron takes from its input, ``modulated`` puts them together;
``weigh`` is ``carry`` of activity that is complex already.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from gasp.nn.kuramoto import mean_phase

__all__ = ["PhaseConv2d", "PhaseLinear", "modulated", "parts"]

SILENT = 1e-6  # an amplitude far below any that matters


def modulated(plain: Tensor, real: Tensor, imag: Tensor, phases: Tensor, modulation: float) -> Tensor:
    r"""Plain response plus the part that depends on phase (equation of this module).

    Args:
        plain: Σ_j w_ij m_j + b_i, ``(B, C, H, W)`` or ``(B, C)``.
        real, imag: what ``carry`` returns, in the same shape.
        phases: φ_i, ``(B, H, W)`` or ``(B, C)``, radians.
        modulation: a_F; 0 returns ``plain`` itself.
    """
    if modulation == 0:
        return plain
    phases = phases.unsqueeze(1) if plain.ndim == 4 else phases
    return plain.addcmul(real, phases.cos(), value=modulation).addcmul(imag, phases.sin(), value=modulation)


class PhaseConv2d(nn.Conv2d):
    """A convolution between locations that have one phase each; without phases it is ``torch.nn.Conv2d``."""

    def carry(self, x: Tensor, phases: Tensor) -> tuple[Tensor, Tensor]:
        r"""w∗(m cos φ) and w∗(m sin φ), each ``(B, C', H', W')``, of activity ``(B, C, H, W)`` and phases ``(B, H, W)``."""
        real, imag = self.weigh(parts(x, phases))
        return real, imag

    def weigh(self, z: Tensor) -> Tensor:
        """w∗z, ``(2, B, C', H', W')``, of the real and imaginary parts z of complex activity, ``(2, B, C, H, W)``."""
        return self._conv_forward(z.flatten(0, 1), self.weight, None).unflatten(0, (2, -1))

    def drive(self, x: Tensor, phases: Tensor) -> Tensor:
        """The mean phase of each receptive field, weighted by activity (no gradient flows into it), ``(B, H', W')``.

        Where a whole field is silent, its locations weigh alike.
        """
        amplitude = x.detach().sum(1) + SILENT  # (B, H, W)
        phasors = torch.stack([amplitude * phases.cos(), amplitude * phases.sin()], 1)
        real, imag = F.avg_pool2d(phasors, self.kernel_size, self.stride, self.padding).unbind(1)  # type: ignore[arg-type]
        return mean_phase(real, imag)


class PhaseLinear(nn.Linear):
    """A dense layer between units that have one phase each; without phases it is ``torch.nn.Linear``.

    It takes vectors ``(B, n)`` or maps ``(B, C, H, W)``, whose phases ``(B, H, W)`` the channels share.
    """

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1))

    def carry(self, x: Tensor, phases: Tensor) -> tuple[Tensor, Tensor]:
        r"""W(m cos φ) and W(m sin φ), each ``(B, n')``."""
        real, imag = self.weigh(parts(x, phases))
        return real, imag

    def weigh(self, z: Tensor) -> Tensor:
        """Wz, ``(2, B, n')``, of real and imaginary parts ``(2, B, n)`` or ``(2, B, C, H, W)``."""
        return F.linear(z.flatten(2), self.weight)

    def drive(self, x: Tensor, phases: Tensor) -> Tensor:
        """The phase of each unit's complex input Σ_j w_ij m_j e^{iφ_j}, ``(B, n')``.

        No gradient flows into weights or activity: through the angle of a sum that may be small it would be erratic.
        """
        return mean_phase(*F.linear(parts(x.detach(), phases).flatten(2), self.weight.detach()))


def parts(x: Tensor, phases: Tensor) -> Tensor:
    """m cos φ and m sin φ, ``(2, *)``, of activity ``(B, n)``, or ``(B, C, H, W)`` whose channels share their phase."""
    return _Parts.apply(x, phases.unsqueeze(1) if x.ndim == 4 else phases)


class _Parts(torch.autograd.Function):
    """With a gradient that keeps the memory layout of the activity, which autograd's own sums do not."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, phases: Tensor) -> Tensor:
        phasors = torch.stack([phases.cos(), phases.sin()])
        ctx.save_for_backward(x, phasors)
        return x * phasors

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_parts: Tensor) -> tuple[Tensor | None, Tensor]:
        x, (cos, sin) = ctx.saved_tensors
        real, imag = to_parts
        to_x = (real * cos).addcmul_(imag, sin) if ctx.needs_input_grad[0] else None
        return to_x, (x * (imag * cos).addcmul_(real, sin, value=-1)).sum_to_size(cos.shape)
