"""Phases of the first layer while they align."""

from __future__ import annotations

import pytest
import torch

from gasp.analysis.alignment import FACTORS, align_first_layer, patched_run
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


def test_a_run_without_patches_is_a_run_and_each_factor_changes_it():
    model, images, source = GASPnet(), torch.rand(2, 1, 32, 32), torch.rand(2, 1, 32, 32)
    plain = model.run(images, torch.Generator().manual_seed(0))
    assert torch.equal(patched_run(model, images, source, []).logits, plain.logits)
    for factor in FACTORS:
        assert torch.equal(patched_run(model, images, images, [factor]).logits, plain.logits)
        patched = patched_run(model, images, source, [factor]).logits
        assert torch.equal(patched[0], plain.logits[0]), "the plain sweep has no coupling"
        assert (patched[1:] - plain.logits[1:]).abs().max() > 1e-4
    assert torch.equal(model.run(images, torch.Generator().manual_seed(0)).logits, plain.logits), "no patch stays"
