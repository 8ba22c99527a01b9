"""A small network that computes features for keys, queries and gates from a wider field than one filter has."""

from __future__ import annotations

from collections.abc import Sequence

from torch import channels_last, nn

__all__ = ["KeyNetwork"]


class KeyNetwork(nn.Sequential):
    """Features of every location of the first layer, from a wider field than the layer's own filters have (ours).

    The first convolution has the kernel and stride of the layer, and dilated 3×3 convolutions follow. Instance normalisation
    and ReLU follow each. A separable 3×3 convolution (MobileNets, arXiv 1704.04861) filters each channel by itself, then
    mixes channels by a 1×1 convolution; with 16 channels this takes a sixth of the parameters.

    Args:
        channels: number of channels of the image.
        width: number of features per location.
        kernel, stride: those of the layer whose grid the features share.
        dilations: one for each 3×3 convolution.
        separable: whether these 3×3 convolutions are separable.
    """

    def __init__(
        self, channels: int, width: int, kernel: int, stride: int, dilations: Sequence[int], separable: bool = False
    ) -> None:
        layers = [nn.Conv2d(channels, width, kernel, stride, padding=kernel // 2, bias=False), *_normalised(width)]
        for dilation in dilations:
            groups = width if separable else 1
            layers.append(nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, groups=groups, bias=False))
            if separable:
                layers.append(nn.Conv2d(width, width, 1, bias=False))
            layers += _normalised(width)
        super().__init__(*layers)
        self.to(memory_format=channels_last)


def _normalised(width: int) -> list[nn.Module]:
    """The normalisation and activation function that follow each convolution."""
    return [nn.InstanceNorm2d(width, affine=True), nn.ReLU()]
