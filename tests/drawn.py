"""What several tests look at."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gasp.analysis.exhibits import KINDS, Exhibit

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


def random_exhibit(heads: int = 2) -> Exhibit:
    """Four scenes, one of each kind, at two levels of noise, of a network with three steps of two iterations."""
    names = tuple(tuple(f"{kind} {number}" for number in range(10)) for kind in ("item", "photograph")[:heads])
    return Exhibit(
        title="scenes",
        classes=names,
        units=torch.tensor([[3, 12], [5, 10], [1, 17], [0, 14]])[:, :heads],
        kinds=tuple(KINDS),
        shares=dict(zip(KINDS, (0.15, 0.05, 0.6, 0.2), strict=True)),
        pool=20,
        levels=(0.0, 0.1),
        chosen_at=0.1,
        accuracy=((0.7, 0.8, 0.75), (0.6, 0.7, 0.65)),
        images=torch.rand(4, 2, 3, 32, 32),
        grids=((16, 16), (8, 8), (8, 8)),
        iterations=2,
        phases=torch.rand(4, 2, 5, 384 + 10 * heads) * 2 * math.pi,
        gates=torch.rand(4, 2, 3, 384),
        chances=torch.rand(4, 2, 3, heads, 10).softmax(-1),
        rival=torch.rand(4, 2, heads, 10).softmax(-1),
    )
