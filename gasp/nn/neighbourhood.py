"""The spatial neighbourhood of the coupling, as a linear map that never forms its matrix."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Neighbourhood"]


class Neighbourhood(nn.Module):
    r"""The spatial factor N of the coupling, as a linear map of sources.

    .. math:: N_{ij} = \exp\bigl(-\lVert x_i - x_j \rVert^2 / 2\sigma^2\bigr)

    for two locations, and 1 where either oscillator is a dense unit. Without a neighbourhood (σ = ∞), N = 1 for all pairs. The
    centres x of a grid's cells are in image coordinates, in which both sides of the image have length 1. A Gaussian is
    separable in rows and columns, so the product with a source never forms N.

    Args:
        grids: (height, width) of each convolutional layer, in the order of the oscillators.
        units: number of dense units, which come after the grids.
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
        # layers with the same grid share a field; all dense units share a field of one cell, at distance 0 from every cell
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
                # entries below 1e-30 would give denormal products, which are several times slower on a CPU
                matrix = matrix.where(matrix.abs() > 1e-30, 0.0)
                self.register_buffer(f"{name}_{part}", _as_default(matrix), persistent=False)

    def forward(self, sources: Tensor) -> Tensor:
        r""":math:`\sum_j N_{ij} s_j` for sources ``(N, *)``, in the shape of the sources (or one row, ``(1, *)``, when N = 1).

        On small grids this is one product with a matrix for columns, then one with a matrix for rows. On grids much finer
        than the Gaussian, it uses the few smooth eigenvectors of these matrices, at a cost linear in the number of cells.
        """
        if math.isinf(self.width):
            return sources.sum(0, keepdim=True)
        layers = sources.reshape(len(sources), -1).split(self.sizes)  # (n, F) each
        fields = []
        for (height, width), members in zip(self.fields, self.members, strict=True):
            first, *others = (layers[member] for member in members)
            cells = sum(others, first).view(-1, height, width, first.shape[1])  # all units are in one cell
            fields.append(cells[0] if len(cells) == 1 else cells.sum(0))  # (H, W, F)
        pooled = self._by_modes(fields) if self.has_modes else self._by_kernels(fields)
        products = {}
        for field, members in zip(pooled, self.members, strict=True):
            for member in members:
                products[member] = field.flatten(0, 1).expand(self.sizes[member], -1)  # (n, F)
        return torch.cat([products[layer] for layer in range(len(layers))]).view_as(sources)

    def _by_kernels(self, fields: Sequence[Tensor]) -> Iterator[Tensor]:
        to_columns = self.columns_kernel.split(self.widths, 1)
        to_rows = self.rows_kernel.split(self.heights)
        across = torch.cat([kernel @ field for kernel, field in zip(to_columns, fields, strict=True)])  # (ΣH, ΣW, F)
        for kernel, block in zip(to_rows, across.split(self.widths, 1), strict=True):
            yield (kernel @ block.flatten(1)).unflatten(1, block.shape[1:])  # (H, W, F)

    def _by_modes(self, fields: Sequence[Tensor]) -> Iterator[Tensor]:
        rows, columns = self.rows_write.split(self.heights, 1), self.columns_write.split(self.widths, 1)
        modes = sum(row @ (column @ field).flatten(1) for row, column, field in zip(rows, columns, fields, strict=True))
        rows, columns = self.rows_read.split(self.heights), self.columns_read.split(self.widths)
        for row, column in zip(rows, columns, strict=True):
            yield column @ (row @ modes).unflatten(1, (column.shape[1], -1))  # (H, W, F)

    def matrix(self) -> Tensor:
        """The matrix N, ``(N, N)``: the reference for the separable product."""
        rows = torch.cat([_centres(height).repeat_interleave(width) for height, width in self.grids])
        columns = torch.cat([_centres(width).repeat(height) for height, width in self.grids])
        gaps = (rows[:, None] - rows).square() + (columns[:, None] - columns).square()
        full = rows.new_ones(len(rows) + self.units, len(rows) + self.units)
        full[: len(rows), : len(rows)] = torch.exp(-gaps / (2 * self.width**2))
        return _as_default(full)


def _modes(kernel: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors of a symmetric kernel, without those below the rounding error of the default dtype."""
    values, vectors = torch.linalg.eigh(kernel)
    kept = values.abs() > torch.finfo(torch.get_default_dtype()).eps * values.abs().max()
    return values[kept], vectors[:, kept]


def _centres(side: int) -> Tensor:
    """The centres of a row of cells, in double precision and therefore on the CPU: Apple's GPUs have none."""
    return (torch.arange(side, dtype=torch.float64, device="cpu") + 0.5) / side


def _as_default(matrix: Tensor) -> Tensor:
    return matrix.to(torch.get_default_dtype()).to(torch.get_default_device())
