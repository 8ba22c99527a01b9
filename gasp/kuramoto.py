r"""Phases: order, key-query coupling, Kuramoto dynamics. Pure functions on tensors.

Oscillators come first in every shape and the batch, any ``*``, last, where arithmetic is fastest: phases are ``(N, *)``,
keys and queries ``(N, d, *)``.
Angles are in radians. Symbols of the paper and their names here: φ ``phases``, k ``keys``, q ``queries``, g ``gates``,
N ``neighbourhood``, ε ``desynchronization``, κ ``normalization``, η ``step_size``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

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

    rows_kernel: Tensor
    rows_write: Tensor
    rows_read: Tensor
    columns_kernel: Tensor
    columns_write: Tensor
    columns_read: Tensor

    def __init__(self, grids: Sequence[tuple[int, int]], units: int = 0, width: float = 0.12) -> None:
        super().__init__()
        if not width > 0:
            raise ValueError(f"neighbourhood width must be above 0 (math.inf for none), not {width}")
        self.grids, self.units, self.width = list(grids), units, width
        # layers on one grid share a field, and so do the dense units: theirs has one cell, which is near everything
        self.fields = [*dict.fromkeys(self.grids), (1, 1)]
        self.members = [[i for i, grid in enumerate(self.grids) if grid == field] for field in self.fields[:-1]]
        self.members.append([len(self.grids)])
        self.sizes = [*(height * width for height, width in self.grids), units]
        self.heights, self.widths = (list(sides) for sides in zip(*self.fields, strict=True))
        axes = {}
        for name, sides in {"rows": self.heights, "columns": self.widths}.items():
            centres = torch.cat([_centres(side) for side in sides])[:-1]
            kernel = torch.exp(-((centres[:, None] - centres) / width).square() / 2)
            axes[name] = F.pad(kernel, (0, 1, 0, 1), value=1.0)
        modes = {name: _modes(kernel) for name, kernel in axes.items()}
        self.has_modes = all(2 * vectors.shape[1] <= len(vectors) for _, vectors in modes.values())
        for name, kernel in axes.items():
            values, vectors = modes[name]
            stored = {"write": vectors.T, "read": values * vectors} if self.has_modes else {"kernel": kernel}
            for part, matrix in stored.items():
                # below 1e-30 a product would be denormal, which is several times slower on a CPU
                matrix = matrix.where(matrix.abs() > 1e-30, 0.0)
                self.register_buffer(f"{name}_{part}", matrix.to(torch.get_default_dtype()), persistent=False)

    def forward(self, sources: Tensor) -> Tensor:
        r"""Σ_j N_ij s_j for sources ``(N, *)``, in the shape of the sources (or one row, ``(1, *)``, when N = 1)."""
        if math.isinf(self.width):
            return sources.sum(0, keepdim=True)
        return _SelfAdjoint.apply(sources, self._product)

    def _product(self, sources: Tensor) -> Tensor:
        """The sum over j, as matrix products along columns and along rows.

        On small grids: from the columns of each field to those of all, then from all rows to those of each field. On
        grids much finer than the Gaussian, by way of its few smooth modes, at a cost linear in the number of cells.
        """
        product = torch.empty_like(sources, memory_format=torch.contiguous_format)
        layers, results = (x.reshape(len(x), -1).split(self.sizes) for x in (sources, product))
        fields = []
        for (height, width), members in zip(self.fields, self.members, strict=True):
            first, *others = (layers[member] for member in members)
            field = sum(others, first).reshape(-1, height, width, first.shape[1])
            fields.append(field[0] if len(field) == 1 else field.sum(0))  # all units are in one cell
        pooled = self._by_modes(fields) if self.has_modes else self._by_kernels(fields)
        for members, field in zip(self.members, pooled, strict=True):
            for member in members:
                results[member].copy_(field.view(-1, field.shape[-1]))
        return product

    def _by_kernels(self, fields: Sequence[Tensor]) -> Iterator[Tensor]:
        across = fields[0].new_empty(sum(self.heights), sum(self.widths), fields[0].shape[2])
        columns = self.columns_kernel.split(self.widths, 1)
        for field, kernel, out in zip(fields, columns, across.split(self.heights), strict=True):
            torch.bmm(kernel.expand(len(field), -1, -1), field, out=out)
        for kernel, block in zip(self.rows_kernel.split(self.heights), across.split(self.widths, 1), strict=True):
            yield (kernel @ block.flatten(1)).view(-1, *block.shape[1:])

    def _by_modes(self, fields: Sequence[Tensor]) -> Iterator[Tensor]:
        rows, columns = self.rows_write.split(self.heights, 1), self.columns_write.split(self.widths, 1)
        modes = sum(row @ (column @ field).flatten(1) for row, column, field in zip(rows, columns, fields, strict=True))
        rows, columns = self.rows_read.split(self.heights), self.columns_read.split(self.widths)
        for row, column in zip(rows, columns, strict=True):
            yield column @ (row @ modes).view(len(row), column.shape[1], -1)

    def matrix(self) -> Tensor:
        """N itself, ``(N, N)``: the reference that the separable product is tested against."""
        rows = torch.cat([_centres(height).repeat_interleave(width) for height, width in self.grids])
        columns = torch.cat([_centres(width).repeat(height) for height, width in self.grids])
        gaps = (rows[:, None] - rows).square() + (columns[:, None] - columns).square()
        full = torch.ones(len(rows) + self.units, len(rows) + self.units, dtype=rows.dtype)
        full[: len(rows), : len(rows)] = torch.exp(-gaps / (2 * self.width**2))
        return full.to(torch.get_default_dtype())


def _modes(kernel: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors of a symmetric kernel, those that matter in the precision of the day."""
    values, vectors = torch.linalg.eigh(kernel)
    kept = values.abs() > torch.finfo(torch.get_default_dtype()).eps * values.abs().max()
    return values[kept], vectors[:, kept]


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
    :func:`dense_coupling`, but ``neighbourhood`` is the symmetric product with N, such as a :class:`Neighbourhood`.
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


class _SelfAdjoint(torch.autograd.Function):
    """A symmetric linear map: gradients take the same way as sources."""

    @staticmethod
    def forward(ctx: Any, sources: Tensor, product: Callable[[Tensor], Tensor]) -> Tensor:
        ctx.product = product
        return product(sources)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _SelfAdjoint.apply(gradient, ctx.product), None
