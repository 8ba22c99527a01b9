"""Corruptions of images. Each has a level; level 0 leaves the image unchanged.

- ``gaussian``: independent Gaussian noise is added; the level is its standard deviation.
- ``salt_and_pepper``: random pixels turn black or white; the level is their share.
- ``speckle``: the image times independent Gaussian noise is added; the level is the standard deviation of the noise.
- ``blur``: the image is smoothed by a Gaussian; the level is its standard deviation, in pixels.
- ``contrast``: contrast is reduced; the level is the share that is removed.

Noise is drawn on the CPU, so that it is the same on every device. Nothing is clipped.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from gasp.settings import GaspError

__all__ = ["CORRUPTIONS", "Corruption", "check_level", "corrupt"]

Corruption = Literal["gaussian", "salt_and_pepper", "speckle", "blur", "contrast"]


def corrupt(images: Tensor, kind: Corruption, level: float, generator: torch.Generator) -> Tensor:
    """Apply one of the module's corruptions to images ``(B, C, H, W)`` in [0, 1].

    Raises:
        GaspError: as raised by :func:`check_level`.
    """
    check_level(kind, level, min(images.shape[-2:]))
    return images if level == 0 else CORRUPTIONS[kind](images, level, generator)


def check_level(kind: Corruption, level: float, size: float = math.inf) -> None:
    """Refuse a level of a corruption that images of this size, in pixels, cannot have.

    Raises:
        GaspError: for a level below 0, infinite, above 1 if it is a share, or with which a blur reaches across the whole image.
    """
    if not 0 <= level < math.inf or (level > 1 and kind in ("salt_and_pepper", "contrast")):
        raise GaspError(f"{kind} has no level {level}: give a finite one of at least 0, or of at most 1 if it is a share")
    if kind == "blur" and 3 * level > size - 1:
        raise GaspError(f"blur of level {level} reaches across images of {size} pixels: give at most {(size - 1) / 3:.1f}")


def _gaussian(images: Tensor, level: float, generator: torch.Generator) -> Tensor:
    return images + level * torch.randn(images.shape, generator=generator).to(images)


def _salt_and_pepper(images: Tensor, level: float, generator: torch.Generator) -> Tensor:
    drawn = torch.rand(images[:, :1].shape, generator=generator).to(images)  # the same for all channels of a pixel
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
