"""What several tests look at."""

from __future__ import annotations

import torch
from torch import Tensor

CHAPTER = """\
# %% [markdown]
# # A chapter

# %% tags=["parameters"]
profile = "smoke"
overrides = {}

# %%
"""
GRIDS = {
    "one grid": [(4, 4)],
    "equal grids": [(3, 3), (3, 3)],
    "different grids": [(6, 6), (3, 3), (3, 3), (1, 1)],
    "non-square grids": [(5, 3), (2, 4)],
    "fine grids": [(18, 24), (9, 12)],
}


def close(left, right, tolerance=1e-10):
    torch.testing.assert_close(left, right, rtol=tolerance, atol=tolerance)


def filled(batch: int = 3) -> Tensor:
    """Images with something everywhere."""
    return torch.rand(batch, 1, 32, 32) * 0.9 + 0.1


def sparse(batch: int = 3) -> Tensor:
    """Images with two objects on an empty background."""
    images = torch.zeros(batch, 1, 32, 32)
    images[:, :, 3:12, 4:11], images[:, :, 18:27, 17:29] = torch.rand(batch, 1, 9, 7), torch.rand(batch, 1, 9, 12)
    return images


def object_masks(batch: int = 3) -> Tensor:
    """Which pixels the objects of ``sparse`` cover."""
    masks = torch.zeros(batch, 2, 32, 32)
    masks[:, 0, 3:12, 4:11] = masks[:, 1, 18:27, 17:29] = 1
    return masks
