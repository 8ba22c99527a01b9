"""Phases computed from the masks of the objects: an upper bound on what phases can contribute."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gasp.nn.phasors import angle, mean_phasor

__all__ = ["FIGURE_COVERAGE", "told_phases"]

FIGURE_COVERAGE = 0.1  # share of a location that an object must cover to count as its figure


def told_phases(coverage: Tensor, figure: bool = False) -> Tensor:
    """Phases ``(B, H, W)``, radians, that separate G objects by spreading them evenly over the circle.

    A location takes the mean phase of the objects that cover it, weighted by coverage. A location that no object covers takes
    a phase midway between two objects.

    Args:
        coverage: how much of each location each object covers, ``(B, G, H, W)`` in [0, 1].
        figure: whether a location instead takes the phase of a single object, the first that covers at least a tenth of
            it. A background comes last.
    """
    objects = coverage.shape[1]
    if figure:
        covers = coverage >= FIGURE_COVERAGE
        coverage = (covers & (covers.cumsum(1) == 1)).to(coverage)  # the first such object alone
    nothing = (coverage.sum(1, keepdim=True) == 0).to(coverage)  # (B, 1, H, W)
    coverage = torch.cat([coverage, nothing], 1)  # (B, G + 1, H, W)
    angles = torch.arange(objects + 1, device=coverage.device) * (2 * math.pi / objects)  # (G + 1)
    angles[-1] -= math.pi / objects
    return angle(mean_phasor(angles.view(-1, 1, 1), coverage, dim=-3))
