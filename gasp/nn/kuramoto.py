r"""Kuramoto dynamics of oscillators that are coupled by keys and queries.

In every shape, the N oscillators come first and the batch dimensions, written ``*``, last: phases are ``(N, *)``, keys and
queries ``(N, d, *)``. This layout is the fastest. Angles are in radians.

Symbols of the paper and their names here: φ ``phases``, k ``keys``, q ``queries``, g ``gates``, N ``neighbourhood``,
ε ``desynchronization``, κ ``normalization``, η ``step_size``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gasp.nn.phasors import phasors

__all__ = ["Coupling", "align", "dense_rates", "rates"]


@dataclass(frozen=True)
class Coupling:
    r"""The coupling of N oscillators: how strongly oscillator j pulls oscillator i, :math:`g_j r_{ij}`, stored as its factors.

    .. math:: r_{ij} = \bigl(\langle q_i, k_j\rangle N_{ij} - \varepsilon_i\bigr) / \kappa_i

    Source: GASPnet (arXiv 2507.16674), coupling matrix.

    Attributes:
        queries: q, ``(N, d, *)``.
        keys: k, ``(N, d, *)``.
        gates: g, ``(N, *)``.
        neighbourhood: the linear map :math:`s_i \mapsto \sum_j N_{ij} s_j` of sources ``(N, *)``, such as a
            :class:`~gasp.nn.neighbourhood.Neighbourhood`. If all rows of its result are equal, it may return one, ``(1, *)``.
            The matrix :math:`N_{ij}` need not be symmetric. The map must be differentiable by autograd.
        desynchronization: ε, one value for all oscillators or one for each; broadcastable to ``(N, *)``.
        normalization: κ > 0, broadcastable to ``(N, *)``.
        field: F, ``(2, N, *)``, an additional pull that is constant during alignment. It adds
            :math:`\operatorname{Im}(e^{-i\varphi_i} F_i)` to the rates.
    """

    queries: Tensor
    keys: Tensor
    gates: Tensor
    neighbourhood: Callable[[Tensor], Tensor]
    desynchronization: float | Tensor
    normalization: float | Tensor
    field: Tensor | None = None


def dense_rates(phases: Tensor, coupling: Coupling, neighbourhood: Tensor) -> Tensor:
    r"""The rate of change of every phase, summed over all pairs at a cost of :math:`O(N^2 d)`; the reference for :func:`rates`.

    .. math:: \dot\varphi_i = \sum_j g_j\, r_{ij} \sin(\varphi_j - \varphi_i)

    Args:
        phases: φ, ``(N, *)``.
        coupling: g, the factors of r, and the field F, if any.
        neighbourhood: the matrix :math:`N_{ij}`, ``(N, N)``, used instead of ``coupling.neighbourhood``.

    Returns:
        the rate of change of every phase, ``(N, *)``, in radians per unit of time.

    Source: GASPnet (arXiv 2507.16674), phase update.
    """
    agreement = torch.einsum("id...,jd...,ij->ji...", coupling.queries, coupling.keys, neighbourhood)  # (N, N, *)
    strength = (agreement - coupling.desynchronization) / coupling.normalization  # r_ij, indexed [j, i]
    pull = coupling.gates.unsqueeze(1) * torch.sin(phases.unsqueeze(1) - phases)  # (N, N, *), indexed [j, i]
    return (strength * pull).sum(0) + _outer_torque(phasors(phases), coupling)


def rates(phases: Tensor, coupling: Coupling) -> Tensor:
    r"""The rates of :func:`dense_rates` at a cost of :math:`O(N d)`, plus that of applying the neighbourhood.

    .. math::

        \dot\varphi_i &= \tfrac1{\kappa_i} \operatorname{Im}\Bigl( e^{-i\varphi_i}
        \bigl[\langle q_i, Z_i\rangle - \varepsilon_i \textstyle\sum_j g_j e^{i\varphi_j}\bigr]\Bigr)

        Z_i &= \sum_j N_{ij}\, g_j\, k_j\, e^{i\varphi_j}

    Z is the pooled key. When :math:`N_{ij} = 1` for all pairs, all oscillators share one Z: the paper's global agreement.

    Args:
        phases: φ, ``(N, *)``.
        coupling: g, the factors of r, and the field F, if any.

    Returns:
        the rate of change of every phase, ``(N, *)``, in radians per unit of time.
    """
    unit = phasors(phases)  # (2, N, *)
    pull = coupling.gates * unit  # (2, N, *)
    sources = coupling.keys.unsqueeze(1) * pull.transpose(0, 1).unsqueeze(2)  # (N, 2, d, *)
    pooled_keys = coupling.neighbourhood(sources)  # (N or 1, 2, d, *)
    attraction = (coupling.queries.unsqueeze(1) * pooled_keys).sum(2).transpose(0, 1)  # (2, N, *)
    repulsion = pull.sum(1, keepdim=True)  # (2, 1, *)
    inner = (_torque(unit, attraction) - coupling.desynchronization * _torque(unit, repulsion)) / coupling.normalization
    return inner + _outer_torque(unit, coupling)


def align(phases: Tensor, coupling: Coupling, iterations: int, step_size: float = 1.0) -> Tensor:
    r"""Align phases by Euler steps of the Kuramoto dynamics, :math:`\varphi \leftarrow \varphi + \eta\,\dot\varphi`.

    Args:
        phases: φ, ``(N, *)``.
        coupling: the coupling, the same in every step.
        iterations: number of steps.
        step_size: η, units of time per step.

    Returns:
        the phases after the last step, ``(N, *)``.
    """
    for _ in range(iterations):
        phases = phases + step_size * rates(phases, coupling)
    return phases


def _torque(unit: Tensor, field: Tensor) -> Tensor:
    r""":math:`\operatorname{Im}(e^{-i\varphi} F)`, ``(N, *)``, of phasors and field F, ``(2, N, *)``."""
    (cos, sin), (real, imag) = unit, field
    return cos * imag - sin * real


def _outer_torque(unit: Tensor, coupling: Coupling) -> Tensor | float:
    """What the coupling's field adds to the rates."""
    return 0.0 if coupling.field is None else _torque(unit, coupling.field)
