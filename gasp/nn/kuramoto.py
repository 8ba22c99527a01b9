r"""Phases: order, key-query coupling, Kuramoto dynamics. Pure functions on tensors.

Oscillators come first in every shape and the batch, any ``*``, last, where arithmetic is fastest: phases are ``(N, *)``,
keys and queries ``(N, d, *)``.
Angles are in radians. Symbols of the paper and their names here: φ ``phases``, k ``keys``, q ``queries``, g ``gates``,
N ``neighbourhood``, ε ``desynchronization``, κ ``normalization``, η ``step_size``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["align", "coupling", "dense_coupling", "mean_phase", "order_parameter"]

TINY = 1e-12


def mean_phase(real: Tensor, imag: Tensor) -> Tensor:
    r"""The angle of a phasor sum, in radians in (−π, π]; an empty sum has angle 0 and a finite gradient."""
    return torch.atan2(imag, real.masked_fill((real == 0) & (imag == 0), 1.0))


def order_parameter(phases: Tensor, weights: Tensor | None = None, dim: int = -1) -> Tensor:
    r"""The Kuramoto order parameter: 1 for identical phases, 0 for phases spread evenly around the circle.

    .. math:: R = \Bigl|\sum_j w_j e^{i\varphi_j}\Bigr| \Big/ \sum_j w_j

    Args:
        phases: φ, any shape, radians.
        weights: w ≥ 0, broadcastable to ``phases``; all 1 when omitted. Where they sum to 0 the order is 0.
        dim: the dimension of the oscillators.
    """
    weights, phases = torch.broadcast_tensors(torch.ones_like(phases) if weights is None else weights, phases)
    real, imag = (weights * phases.cos()).sum(dim), (weights * phases.sin()).sum(dim)
    return ((real.square() + imag.square() + TINY**2).sqrt() - TINY) / (weights.sum(dim) + TINY)


def dense_coupling(
    phases: Tensor,
    queries: Tensor,
    keys: Tensor,
    gates: Tensor,
    neighbourhood: Tensor,
    desynchronization: float | Tensor,
    normalization: float | Tensor,
) -> Tensor:
    r"""The coupling as it is written: every pair, cost :math:`O(N^2 d)`. The reference of :func:`coupling`.

    .. math:: \dot\varphi_i = \sum_j g_j\, r_{ij} \sin(\varphi_j - \varphi_i), \qquad
              r_{ij} = \bigl(\langle q_i, k_j\rangle N_{ij} - \varepsilon\bigr) / \kappa

    Args:
        phases, gates: φ and g, ``(N, *)``.
        queries, keys: q and k, ``(N, d, *)``.
        neighbourhood: N, ``(N, N)``.
        desynchronization, normalization: ε and κ, of each oscillator i or of all: broadcastable to ``(N, *)``.

    Returns:
        the rate of change of every phase, ``(N, *)``, in radians per unit of time.

    Source: GASPnet (arXiv 2507.16674), coupling matrix and phase update.
    """
    spatial = neighbourhood.reshape(*neighbourhood.shape, *[1] * (phases.ndim - 1))
    agreement = torch.einsum("id...,jd...->ij...", queries, keys)  # (N, N, *)
    desynchronization, normalization = (
        torch.as_tensor(value).to(phases).expand_as(phases).unsqueeze(1) for value in (desynchronization, normalization)
    )
    strength = (agreement * spatial - desynchronization) / normalization
    return (gates * strength * torch.sin(phases[None] - phases[:, None])).sum(1)


def coupling(
    phases: Tensor,
    queries: Tensor,
    keys: Tensor,
    gates: Tensor,
    neighbourhood: Callable[[Tensor], Tensor],
    desynchronization: float | Tensor,
    normalization: float | Tensor,
) -> Tensor:
    r"""The same rates as :func:`dense_coupling` in a cost that is linear in the number of oscillators.

    .. math:: \dot\varphi_i = \operatorname{Im}\Bigl( e^{-i\varphi_i}\,
              \tfrac1\kappa \bigl[\langle q_i, Z_i\rangle - \varepsilon \textstyle\sum_j g_j e^{i\varphi_j}\bigr]\Bigr),
              \qquad Z_i = \sum_j N_{ij}\, g_j\, k_j\, e^{i\varphi_j}

    Z is the pooled key: one for all oscillators when N = 1, the paper's global agreement. Arguments as in
    :func:`dense_coupling`, but ``neighbourhood`` is the symmetric product with N, such as a
    :class:`~gasp.nn.neighbourhood.Neighbourhood`.
    """
    phasors = _phasors(phases)
    scaled = _scaled(queries, keys, gates, desynchronization, normalization)
    field, *_ = _field(phasors, *scaled, neighbourhood)
    return phasors[:, 0] * field[:, 1] - phasors[:, 1] * field[:, 0]


def align(
    phases: Tensor,
    queries: Tensor,
    keys: Tensor,
    gates: Tensor,
    neighbourhood: Callable[[Tensor], Tensor],
    desynchronization: float | Tensor,
    normalization: float | Tensor,
    iterations: int,
    step_size: float = 1.0,
) -> Tensor:
    r"""Euler steps of the Kuramoto dynamics, :math:`\varphi \leftarrow \varphi + \eta\,\dot\varphi`; the phases after the last.

    The gradient is the adjoint of the steps, written out: it keeps and moves far less than one recorded operation by
    operation. It cannot be differentiated again.

    Args:
        iterations: how many steps.
        step_size: η, unit of time per step.
        others: as in :func:`coupling`.
    """
    scaled = _scaled(queries, keys, gates, desynchronization, normalization)
    return _Alignment.apply(phases, *scaled, neighbourhood, iterations, step_size)


def _phasors(phases: Tensor) -> Tensor:
    """cos φ and sin φ, ``(N, 2, *)``."""
    return torch.stack([phases.cos(), phases.sin()], 1)


def _scaled(
    queries: Tensor, keys: Tensor, gates: Tensor, desynchronization: float | Tensor, normalization: float | Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """q/κ, g·k, g and ε/κ: all that stays the same while phases align."""
    repulsion = torch.as_tensor(desynchronization / normalization).to(gates).expand_as(gates)
    normalization = torch.as_tensor(normalization).to(gates).expand_as(gates)
    return queries / normalization.unsqueeze(1), keys * gates.unsqueeze(1), gates, repulsion


def _field(
    phasors: Tensor,
    queries: Tensor,
    keys: Tensor,
    gates: Tensor,
    repulsion: Tensor,
    neighbourhood: Callable[[Tensor], Tensor],
) -> tuple[Tensor, Tensor, Tensor]:
    """What draws each oscillator, ``(N, 2, *)``, and what that is made of: Z, ``(N or 1, 2, d, *)``, and Σ_j g_j e^{iφ_j}."""
    pooled = neighbourhood(keys.unsqueeze(1) * phasors.unsqueeze(2))
    total = (gates.unsqueeze(1) * phasors).sum(0)
    return (pooled * queries.unsqueeze(1)).sum(2).addcmul(repulsion.unsqueeze(1), total, value=-1), pooled, total


class _Alignment(torch.autograd.Function):
    """:func:`align` on scaled arguments."""

    @staticmethod
    def forward(
        ctx: Any,
        phases: Tensor,
        queries: Tensor,
        keys: Tensor,
        gates: Tensor,
        repulsion: Tensor,
        neighbourhood: Callable[[Tensor], Tensor],
        iterations: int,
        step_size: float,
    ) -> Tensor:
        is_trained = any(ctx.needs_input_grad)
        ctx.steps, ctx.constants = [], (queries, keys, gates, repulsion, neighbourhood, step_size)
        for _ in range(iterations):
            phasors = _phasors(phases)
            field, pooled, total = _field(phasors, queries, keys, gates, repulsion, neighbourhood)
            if is_trained:
                ctx.steps.append((phasors, field, pooled, total))
            phases = phases.addcmul(phasors[:, 0], field[:, 1], value=step_size)
            phases = phases.addcmul(phasors[:, 1], field[:, 0], value=-step_size)
        return phases

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_phases: Tensor) -> tuple[Tensor | None, ...]:
        queries, keys, gates, repulsion, neighbourhood, step_size = ctx.constants
        to_queries, to_keys, to_gates, to_repulsion = map(torch.zeros_like, (queries, keys, gates, repulsion))
        for phasors, field, pooled, total in reversed(ctx.steps):
            to_field = phasors.flip(1).mul_(step_size * to_phases.unsqueeze(1))
            to_field[:, 0].neg_()
            to_total = -(repulsion.unsqueeze(1) * to_field).sum(0)
            to_sources = neighbourhood(queries.unsqueeze(1) * to_field.unsqueeze(2))  # N is its own adjoint
            to_phasors = (to_sources * keys.unsqueeze(1)).sum(2) + gates.unsqueeze(1) * to_total
            for part in (0, 1):  # of a phasor
                to_queries.addcmul_(pooled[:, part], to_field[:, part].unsqueeze(1))
                to_keys.addcmul_(to_sources[:, part], phasors[:, part].unsqueeze(1))
            to_gates += (phasors * to_total).sum(1)
            to_repulsion -= (to_field * total).sum(1)
            inward = step_size * (phasors * field).sum(1)
            to_phases = (1 - inward) * to_phases + phasors[:, 0] * to_phasors[:, 1] - phasors[:, 1] * to_phasors[:, 0]
        return to_phases, to_queries, to_keys, to_gates, to_repulsion, None, None, None
