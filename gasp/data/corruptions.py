"""Corruptions of images, each at a level of which 0 is none.

``gaussian``         independent noise of this standard deviation, added
``salt_and_pepper``  this share of the pixels, turned black or white
``speckle``          independent noise of this standard deviation, multiplied with the image and added
``blur``             a Gaussian of this standard deviation, pixels
``contrast``         this share of the contrast, taken away

Noise is drawn on the CPU, so that it is the same on every device, and nothing is clipped.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

__all__ = ["CORRUPTIONS", "Corruption", "corrupt"]

Corruption = Literal["gaussian", "salt_and_pepper", "speckle", "blur", "contrast"]


def corrupt(images: Tensor, kind: Corruption, level: float, generator: torch.Generator) -> Tensor:
    """Images ``(B, C, H, W)`` in [0, 1] with a corruption of the module's table; level 0 gives the images themselves.

    Raises:
        ValueError: for a level below 0, or above 1 where it is a share.
    """
    if not level >= 0 or (level > 1 and kind in ("salt_and_pepper", "contrast")):
        raise ValueError(f"{kind} has no level {level}")
    return images if level == 0 else CORRUPTIONS[kind](images, level, generator)


def _gaussian(images: Tensor, level: float, generator: torch.Generator) -> Tensor:
    return images + level * torch.randn(images.shape, generator=generator).to(images)


def _salt_and_pepper(images: Tensor, level: float, generator: torch.Generator) -> Tensor:
    drawn = torch.rand(images[:, :1].shape, generator=generator).to(images)  # all channels of a pixel alike
    return images.where(drawn >= level, (drawn < level / 2).to(images))


def _speckle(images: Tensor, level: float, generator: torch.Generator) -> Tensor:
    return images + images * level * torch.randn(images.shape, generator=generator).to(images)


def _blur(images: Tensor, level: float, generator: torch.Generator) -> Tensor:  # noqa: ARG001
    from torchvision.transforms.functional import gaussian_blur

    return gaussian_blur(images, [2 * math.ceil(3 * level) + 1] * 2, [level] * 2)


def _contrast(images: Tensor, level: float, generator: torch.Generator) -> Tensor:  # noqa: ARG001
    from torchvision.transforms.functional import adjust_contrast

    return adjust_contrast(images, 1 - level)


CORRUPTIONS: dict[Corruption, Callable[[Tensor, float, torch.Generator], Tensor]] = {
    "gaussian": _gaussian,
    "salt_and_pepper": _salt_and_pepper,
    "speckle": _speckle,
    "blur": _blur,
    "contrast": _contrast,
}
