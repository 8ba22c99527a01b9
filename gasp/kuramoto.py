r"""Phases: order, key-query coupling, Kuramoto dynamics. Pure functions on tensors.

Oscillators come first in every shape and the batch, any ``*``, last, where arithmetic is fastest: phases are ``(N, *)``,
keys and queries ``(N, d, *)``.
Angles are in radians. Symbols of the paper and their names here: φ ``phases``, k ``keys``, q ``queries``, g ``gates``,
N ``neighbourhood``, ε ``desynchronization``, κ ``normalization``, η ``step_size``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

__all__ = ["Neighbourhood", "align", "coupling", "dense_coupling", "mean_phase", "order_parameter"]

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


class Neighbourhood(nn.Module):
    r"""The spatial factor N of the coupling, and its product with any source field.

    .. math:: N_{ij} = \exp\bigl(-\lVert x_i - x_j \rVert^2 / 2\sigma^2\bigr)

    for two locations, and 1 where either oscillator is a dense unit or where there is no neighbourhood (σ = ∞). The
    centres x of a grid's cells are in image coordinates: both sides of the image have length 1. A Gaussian is separable
    in rows and columns, so the product with a field never forms N itself.

    Args:
        grids: (height, width) of each convolutional layer, in the order of the oscillators.
        units: how many dense units follow the grids.
        width: σ, as a fraction of the image side; ``math.inf`` for N = 1.

    Raises:
        ValueError: if ``width`` is not above 0.
    """

    def __init__(self, grids: Sequence[tuple[int, int]], units: int = 0, width: float = 0.12) -> None:
        super().__init__()
        if not width > 0:
            raise ValueError(f"neighbourhood width must be above 0 (math.inf for none), not {width}")
        self.grids, self.units, self.width = list(grids), units, width
        self.sizes = [height * w for height, w in self.grids]
        for side in {side for grid in self.grids for side in grid}:
            for other in {side for grid in self.grids for side in grid}:
                gap = (_centres(side)[:, None] - _centres(other)[None, :]) / width
                kernel = torch.exp(-gap.square() / 2)
                # below 1e-30 a product would be denormal, which is several times slower on a CPU
                kernel = kernel.where(kernel > 1e-30, 0.0)
                self.register_buffer(f"kernel_{side}_{other}", kernel.to(torch.get_default_dtype()), persistent=False)

    def _kernel(self, side: int, other: int) -> Tensor:
        return self.get_buffer(f"kernel_{side}_{other}")

    def forward(self, sources: Tensor) -> Tensor:
        r"""Σ_j N_ij s_j for sources ``(N, *)``, in the shape of the sources (or one row, ``(1, *)``, when N = 1)."""
        if math.isinf(self.width):
            return sources.sum(0, keepdim=True)
        *grids, units = sources.split([*self.sizes, self.units])
        # layers on the same grid have the same neighbours: their sources add up, and they share the field
        by_grid: dict[tuple[int, int], Tensor] = {}
        for grid, source in zip(self.grids, grids, strict=True):
            by_grid[grid] = by_grid[grid] + source if grid in by_grid else source
        from_units = units.sum(0, keepdim=True)
        fields = {grid: self._field(grid, by_grid) for grid in by_grid}
        pooled = [fields[grid] + from_units for grid in self.grids]
        if self.units:
            everything = from_units + sum(source.sum(0, keepdim=True) for source in by_grid.values())
            pooled.append(everything.expand_as(units))
        return torch.cat(pooled)

    def _field(self, grid: tuple[int, int], sources: dict[tuple[int, int], Tensor]) -> Tensor:
        """What the cells of one grid receive from those of every grid: a matrix for the rows, one for the columns."""
        fields = []
        for (height, width), source in sources.items():
            rows = self._kernel(grid[0], height) @ source.reshape(height, -1)
            field = self._kernel(grid[1], width) @ rows.view(grid[0], width, -1)
            fields.append(field.view(grid[0] * grid[1], *source.shape[1:]))
        return torch.stack(fields).sum(0) if len(fields) > 1 else fields[0]

    def matrix(self) -> Tensor:
        """N itself, ``(N, N)``: the reference that the separable product is tested against."""
        rows = torch.cat([_centres(height).repeat_interleave(width) for height, width in self.grids])
        columns = torch.cat([_centres(width).repeat(height) for height, width in self.grids])
        gaps = (rows[:, None] - rows).square() + (columns[:, None] - columns).square()
        full = torch.ones(len(rows) + self.units, len(rows) + self.units, dtype=rows.dtype)
        full[: len(rows), : len(rows)] = torch.exp(-gaps / (2 * self.width**2))
        return full.to(torch.get_default_dtype())


def _centres(side: int) -> Tensor:
    return (torch.arange(side, dtype=torch.float64) + 0.5) / side


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
    strength = (agreement * spatial - _of_receiver(desynchronization, phases)) / _of_receiver(normalization, phases)
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
    :func:`dense_coupling`, but ``neighbourhood`` is the product with N, such as a :class:`Neighbourhood`.
    """
    phasors = torch.stack([phases.cos(), phases.sin()], 1)  # (N, 2, *)
    pulls = gates.unsqueeze(1) * phasors
    pooled = neighbourhood(pulls.unsqueeze(2) * keys.unsqueeze(1))  # (N or 1, 2, d, *)
    field = (pooled * queries.unsqueeze(1)).sum(2) - _of_receiver(desynchronization, phases) * pulls.sum(0)  # (N, 2, *)
    field = field / _of_receiver(normalization, phases)
    return phasors[:, 0] * field[:, 1] - phasors[:, 1] * field[:, 0]


def _of_receiver(value: float | Tensor, phases: Tensor) -> Tensor:
    """A value of each oscillator i, ``(N, 1, *)``."""
    return torch.as_tensor(value).to(phases).expand_as(phases).unsqueeze(1)


def align(phases: Tensor, rate: Callable[[Tensor], Tensor], iterations: int, step_size: float | Tensor = 1.0) -> Tensor:
    r"""Euler steps of the Kuramoto dynamics: :math:`\varphi \leftarrow \varphi + \eta\,\dot\varphi`.

    Args:
        phases: φ, ``(N, *)``, radians.
        rate: gives the rate of change of the phases, such as :func:`coupling` with all else bound.
        iterations: how many steps.
        step_size: η, unit of time per step.
    """
    for _ in range(iterations):
        phases = phases + step_size * rate(phases)
    return phases
