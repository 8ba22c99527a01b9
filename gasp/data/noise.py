"""Corruptions of images."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["gaussian"]


def gaussian(images: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """Add independent Gaussian noise of standard deviation ``level`` to images in [0, 1]; the result is not clipped.

    The noise is drawn on the CPU, so that it is the same on every device.
    """
    if level == 0:
        return images
    return images + level * torch.randn(images.shape, generator=generator).to(images)
