"""A small network that says what belongs together: features for keys, queries and gates that see more than one filter."""

from __future__ import annotations

from collections.abc import Sequence

from torch import channels_last, nn

__all__ = ["KeyNetwork"]


class KeyNetwork(nn.Sequential):
    """Features of every location of the first layer, from a wider field than the layer's own filters have (ours).

    A convolution like the layer's, then dilated 3×3 convolutions, each with instance normalisation and ReLU.

    Args:
        channels: of the image.
        width: features per location.
        kernel, stride: of the layer whose grid the features share.
        dilations: one 3×3 convolution each.
    """

    def __init__(self, channels: int, width: int, kernel: int, stride: int, dilations: Sequence[int]) -> None:
        layers: list[nn.Module] = []
        convolutions = [nn.Conv2d(channels, width, kernel, stride, padding=kernel // 2, bias=False)]
        convolutions += [nn.Conv2d(width, width, 3, padding=d, dilation=d, bias=False) for d in dilations]
        for convolution in convolutions:
            layers += [convolution, nn.InstanceNorm2d(width, affine=True), nn.ReLU()]
        super().__init__(*layers)
        self.to(memory_format=channels_last)
