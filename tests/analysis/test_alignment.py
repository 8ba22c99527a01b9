"""Phases of the first layer while they align."""

from __future__ import annotations

import pytest
import torch

from gasp.analysis.alignment import FACTORS, align_first_layer, aligning_run, patched_run
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


@pytest.mark.parametrize("settings", [{}, {"drive": "channel", "learned_modulation": True}], ids=["paper", "channels"])
@pytest.mark.parametrize("iterations", [0, 1, 3])
def test_an_aligning_run_is_a_run_with_the_phases_between_its_steps(iterations, settings):
    model, images = GASPnet(steps=3, iterations=iterations, **settings), torch.rand(2, 1, 32, 32)
    run, frames = aligning_run(model, images, torch.Generator().manual_seed(0))
    plain = model.run(images, torch.Generator().manual_seed(0))
    assert torch.equal(run.logits, plain.logits)
    assert len(frames) == 2 * max(iterations, 1) + 1
    for t, frame in enumerate(frames[:: max(iterations, 1)]):
        assert all(torch.equal(found, layer[t]) for found, layer in zip(frame, plain.phases, strict=True))
    last_but_one = frames[iterations - 1]
    assert not torch.equal(last_but_one[0], frames[-1][0]) or iterations == 0


def test_phases_between_steps_are_those_of_a_run_with_fewer_iterations():
    model, images = GASPnet(steps=2, iterations=3), torch.rand(2, 1, 32, 32)
    _, frames = aligning_run(model, images, torch.Generator().manual_seed(0))
    shorter = GASPnet(steps=2, iterations=2)
    shorter.load_state_dict(model.state_dict())
    run = shorter.run(images, torch.Generator().manual_seed(0))
    torch.testing.assert_close(frames[2][0], run.phases[0][1])
