"""A small network that computes features with a large receptive field, for keys, queries and gates."""

from __future__ import annotations

from collections.abc import Sequence

from torch import channels_last, nn

__all__ = ["KeyNetwork"]


class KeyNetwork(nn.Sequential):
    """Features of each location of the first layer, with a larger receptive field than the layer's own filters (ours).

    The first convolution has the kernel size and stride of the layer. Dilated 3×3 convolutions follow. Each convolution is
    followed by instance normalisation and ReLU. A separable 3×3 convolution (MobileNets, arXiv 1704.04861) filters each channel
    separately, then mixes channels with a 1×1 convolution. With 16 channels it has a sixth of the parameters.

    Args:
        channels: number of channels of the image.
        width: number of features per location.
        kernel, stride: kernel size and stride of the layer whose grid the features share.
        dilations: dilation of each 3×3 convolution.
        separable: whether the 3×3 convolutions are separable.
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
