"""Phases of the first layer of a network as they align, iteration by iteration."""

from __future__ import annotations

import torch
from torch import Tensor

from gasp.models import GASPnet
from gasp.nn.kuramoto import align

__all__ = ["align_first_layer"]


@torch.no_grad()
def align_first_layer(model: GASPnet, image: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Align all layers on one image and record the first; keys, queries and gates stay those of the plain sweep.

    Args:
        image: ``(C, size, size)`` in [0, 1].
        iterations: of the Kuramoto dynamics.

    Returns:
        the phases before and after every iteration, ``(iterations + 1, H, W)``, radians, and the gates ``(H, W)``.
    """
    first, features, _ = model.first_layer(image.unsqueeze(0))
    activities = model.sweep_from(first)
    gates = model.gates(activities)
    coupling = model.coupling([features, *activities[1:]], gates)
    phases = [model.initial_phases(1, torch.Generator().manual_seed(0))]
    for _ in range(iterations):
        phases.append(align(phases[-1], coupling, iterations=1, step_size=model.settings.step_size))
    height, width = model.grids[0]
    return torch.stack(phases)[:, : height * width, 0].unflatten(1, (height, width)), gates[0][0]
