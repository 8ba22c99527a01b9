r"""Layers whose connections are weighted by phase agreement.

.. math:: m_i = f\Bigl(\sum_j w_{ij} m_j \bigl[1 + a_F \cos(\varphi_i - \varphi_j)\bigr] + b_i\Bigr)

The sum splits exactly into the response of the plain layer and a term computed from its response to the complex activity
:math:`z = m e^{i\varphi}`:

.. math::

    w * m + a_F \bigl[ &\cos\varphi_i\; w * (m \cos\varphi) \\
    &+ \sin\varphi_i\; w * (m \sin\varphi) \bigr].

Symbols of the paper and their names here: m ``activity``, φ ``phases``, :math:`a_F` ``modulation``. Functions that need cos φ
and sin φ take phasors, ``(2, *)`` (see :mod:`gasp.nn.phasors`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gasp.nn.phasors import angle, phasors

__all__ = ["AMPLITUDE_FLOOR", "PhaseConv2d", "PhaseLinear", "complex_activity", "location_phases", "modulated"]

AMPLITUDE_FLOOR = 1e-6  # added to amplitudes and gates: negligible, unless all are silent; then all weigh the same


def complex_activity(activity: Tensor, unit: Tensor) -> Tensor:
    """Complex activity: m cos φ and m sin φ, ``(2, *)``, of activity ``(B, n)`` or ``(B, C, H, W)``.

    Args:
        activity: m, real.
        unit: phasors of φ: one for each unit, ``(2, B, n)``, location, ``(2, B, H, W)``, or channel, ``(2, B, C, H, W)``.
    """
    cos, sin = _for_channels(unit, activity)
    # concatenated along the batch, the parts keep the channels-last layout, in which convolutions are fast
    return torch.cat([activity * cos, activity * sin]).unflatten(0, (2, -1))


def modulated(plain: Tensor, response: Tensor, unit: Tensor, modulation: float | Tensor) -> Tensor:
    r"""The response of a layer with modulated connections (equation of this module).

    Args:
        plain: :math:`\sum_j w_{ij} m_j + b_i`, ``(B, C, H, W)`` or ``(B, n)``.
        response: the result of ``complex_response``, ``(2, B, C, H, W)`` or ``(2, B, n)``.
        unit: phasors of φ, ``(2, B, H, W)``, ``(2, B, C, H, W)`` or ``(2, B, n)``.
        modulation: :math:`a_F`, one number, or one per channel ``(C, 1, 1)`` or unit ``(n)``. With 0, the result is ``plain``.
    """
    if isinstance(modulation, Tensor):
        response, modulation = modulation * response, 1.0
    if modulation == 0:
        return plain
    (real, imag), (cos, sin) = response, _for_channels(unit, plain)
    return plain.addcmul(real, cos, value=modulation).addcmul(imag, sin, value=modulation)


def location_phases(activity: Tensor, unit: Tensor) -> Tensor:
    """The phase of each location, ``(B, H, W)``, the amplitude-weighted mean over its channels, or of each unit, ``(B, n)``.

    No gradient flows into the activity. Where all channels are silent, all have the same weight.

    Args:
        activity: m ≥ 0, ``(B, C, H, W)`` or ``(B, n)``.
        unit: phasors of φ of channels, ``(2, B, C, H, W)``, or of units, ``(2, B, n)``.
    """
    if unit.ndim < 5:
        return angle(unit)
    return angle(complex_activity(activity.detach() + AMPLITUDE_FLOOR, unit).sum(2))


def _for_channels(unit: Tensor, activity: Tensor) -> Tensor:
    """Phasors that broadcast with activity: those of locations get a channel dimension."""
    return unit.unsqueeze(2) if unit.ndim == activity.ndim else unit


class PhaseConv2d(nn.Conv2d):
    """A convolution between locations with phases. Without phases it is ``torch.nn.Conv2d``."""

    def complex_response(self, z: Tensor) -> Tensor:
        """The convolution w∗z, ``(2, B, C', H', W')``, of complex activity ``(2, B, C, H, W)``, without the bias."""
        return self._conv_forward(z.flatten(0, 1), self.weight, None).unflatten(0, (2, -1))

    def driven_phases(self, activity: Tensor, phases: Tensor) -> Tensor:
        """The mean phase of each receptive field, weighted by amplitude, ``(B, H', W')``.

        No gradient flows into the activity. Where a whole receptive field is silent, all its locations have the same weight.

        Args:
            activity: m, ``(B, C, H, W)``. The amplitude of a location is the sum over its channels.
            phases: φ of the locations, ``(B, H, W)``, radians.
        """
        amplitude = activity.detach().sum(1, keepdim=True) + AMPLITUDE_FLOOR  # (B, 1, H, W)
        z = complex_activity(amplitude, phasors(phases)).squeeze(2).transpose(0, 1)  # (B, 2, H, W)
        pooled = F.avg_pool2d(z, self.kernel_size, self.stride, self.padding)  # type: ignore[arg-type]
        return angle(pooled.transpose(0, 1))


class PhaseLinear(nn.Linear):
    """A dense layer between units with phases. Without phases it is ``torch.nn.Linear``.

    Its input is a vector ``(B, n)`` or a map ``(B, C, H, W)`` whose channels share phases ``(B, H, W)``.
    """

    def forward(self, activity: Tensor) -> Tensor:
        return super().forward(activity.flatten(1))

    def complex_response(self, z: Tensor) -> Tensor:
        """The product Wz, ``(2, B, n')``, with complex activity ``(2, B, n)`` or ``(2, B, C, H, W)``, without the bias."""
        return F.linear(z.flatten(2), self.weight)

    def driven_phases(self, activity: Tensor, phases: Tensor) -> Tensor:
        r"""The phase of each unit's complex input :math:`\sum_j w_{ij} m_j e^{i\varphi_j}`, ``(B, n')``.

        No gradient flows into weights or activity, because the angle of a sum close to 0 has erratic gradients.

        Args:
            activity: m, ``(B, n)`` or ``(B, C, H, W)``.
            phases: φ, ``(B, n)`` or ``(B, H, W)``, radians.
        """
        z = complex_activity(activity.detach(), phasors(phases))
        return angle(F.linear(z.flatten(2), self.weight.detach()))
