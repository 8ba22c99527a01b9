"""Phases of the first layer while they align."""

from __future__ import annotations

import pytest
import torch

from gasp.analysis.alignment import align_first_layer
from gasp.models import GASPnet


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("iterations", [0, 3])
def test_recorded_phases_are_those_of_the_first_step_of_a_run(iterations):
    """A run of two steps makes all iterations at once, from the same phases in every layer."""
    model = GASPnet(steps=2, iterations=iterations, phase_init="random").eval()
    image = torch.rand(1, 32, 32)
    maps, gates = align_first_layer(model, image, iterations)
    with torch.no_grad():
        run = model(image[None], model.initial_phases(1, torch.Generator().manual_seed(0)))
    assert maps.shape == (iterations + 1, *model.grids[0])
    torch.testing.assert_close(maps[0], run.phases[0][0, 0])
    torch.testing.assert_close(maps[-1], run.phases[0][1, 0])
    torch.testing.assert_close(gates, run.gates[0][0, 0])
    assert not maps.requires_grad
