"""Feedback: the layers above pull the phases of the first layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gasp.nn.layers import AMPLITUDE_FLOOR

__all__ = ["Feedback"]


class Feedback(nn.Module):
    r"""The field with which the layers above pull the phases of the first layer, one phase per location.

    .. math::

        F_i = &\sum_{l\ \text{conv.}} \frac{\sum_{j \in l} K^l_{c_j,\, x_i - x_j}\; g_j e^{i\varphi_j}}
                                           {\sum_{j \in l \text{ in reach}} g_j} \\
        &+ \sum_{l\ \text{dense}} \frac{\sum_{u \in l} \bar w^l_{iu}\; g_u e^{i\varphi_u}}{\sum_{u \in l} g_u}

        \bar w^l_{iu} = \sum_c m_{ic}\, w^l_{cu} \Big/ \sum_c m_{ic}

    with gates :math:`g = \tanh|m|`. The rate of location i gains :math:`\operatorname{Im}(e^{-i\varphi_i} F_i)
    = \sum_j (\dots)\, g_j \sin(\varphi_j - \varphi_i)`. K and w are 0 before training, and so is the field.

    Gradients flow into K and w, but not into the activity of any layer.

    Source: KomplexNet with feedback (arXiv 2502.21077). :class:`~gasp.models.KomplexNet` lists the differences.

    Args:
        grid: (height, width) of the first layer.
        widths: number of channels of each convolution, bottom up.
        strides: stride of each convolution, bottom up.
        units: number of units of each dense layer.
        kernel_size: side of K, in locations of the first layer; odd.
    """

    def __init__(
        self, grid: tuple[int, int], widths: Sequence[int], strides: Sequence[int], units: Sequence[int], kernel_size: int
    ) -> None:
        super().__init__()
        first, *above = widths
        self.grid, self.strides = grid, list(strides[1:])
        self.kernels = nn.ParameterList(torch.zeros(width, 1, kernel_size, kernel_size) for width in above)
        self.weights = nn.ParameterList(torch.zeros(first, size) for size in units)

    def forward(self, first: Tensor, activities: Sequence[Tensor], directions: Sequence[Tensor]) -> Tensor:
        """The field, ``(2, N, B)``, at the N locations of the first layer.

        Args:
            first: activity of the first layer, ``(B, C, H, W)``.
            activities: activity of the layers above: convolutions ``(B, C', H', W')``, then dense layers ``(B, n)``.
            directions: unit phasors of the same neurons, in the same order, ``(2, *)``, without gradients.
        """
        gates = [activity.detach().abs().tanh() for activity in activities]
        pulls = [gate * direction for gate, direction in zip(gates, directions, strict=True)]
        count, cell = len(self.kernels), 1
        field = first.new_zeros(2, len(first), *self.grid)
        for kernel, stride, gate, pull in zip(self.kernels, self.strides, gates, pulls, strict=False):
            cell *= stride  # cumulative stride, in locations of the first layer
            in_reach = self._spread(gate.sum(1, keepdim=True), torch.ones_like(kernel[:1]), cell) + AMPLITUDE_FLOOR
            field = field + self._spread(pull.flatten(0, 1), kernel, cell).unflatten(0, (2, -1)) / in_reach
        to_channels = first.new_zeros(2, *first.shape[:2])
        for weight, gate, pull in zip(self.weights, gates[count:], pulls[count:], strict=True):
            to_channels = to_channels + pull / (gate.sum(1, keepdim=True) + AMPLITUDE_FLOOR) @ weight.T  # (2, B, C)
        share = first.detach().flatten(2) + AMPLITUDE_FLOOR  # (B, C, N)
        from_units = to_channels.transpose(0, 1) @ (share / share.sum(1, keepdim=True))  # (B, 2, N)
        return field.flatten(2).mT + from_units.permute(1, 2, 0)

    def _spread(self, maps: Tensor, kernel: Tensor, cell: int) -> Tensor:
        """Maps ``(n, C', H', W')`` spread over the first layer by a kernel centred on each receptive field, ``(n, H, W)``."""
        spread = F.conv_transpose2d(maps, kernel, stride=cell).squeeze(1)
        before = kernel.shape[-1] // 2
        (height, width), (rows, columns) = self.grid, spread.shape[1:]
        return F.pad(spread, (-before, width - columns + before, -before, height - rows + before))
