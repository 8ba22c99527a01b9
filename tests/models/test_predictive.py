"""Predictive networks: what they reduce to, their steps, and phases that feedback carries down."""

from __future__ import annotations

import math

import pytest
import torch
from drawn import filled, object_masks, sparse
from torch import Tensor

from gasp.analysis.alignment import aligning_run
from gasp.learning.losses import synchrony_loss
from gasp.models import CNN, GASPnet, Model, PredictiveCNN, PredictiveGASPnet
from gasp.nn.phasors import phasors
from gasp.settings import GaspError

float64 = pytest.mark.usefixtures("float64")
OFF = {"feedforward_weight": 1.0, "feedback_weight": 0.0, "error_weight": 0.0}
GATED = {"key_source": "network", "learned_gate": True, "readout": "leaky", "learned_modulation": True, "drive": "channel"}
designs = pytest.mark.parametrize("design", [{}, GATED], ids=["first design", "gates"])


def build(kind: type[Model], **settings) -> Model:
    """The network of one seed, whatever its settings."""
    torch.manual_seed(1)
    return kind(**settings)


@float64
def test_without_prediction_the_network_is_the_cnn_at_every_step():
    cnn, model, images = build(CNN), build(PredictiveCNN, steps=4, **OFF), filled()
    assert torch.equal(model(images).logits, cnn(images).logits.expand(4, -1, -1, -1))


@float64
@designs
def test_without_prediction_the_network_is_gaspnet(design):
    plain = build(GASPnet, steps=4, **design)
    model, images = build(PredictiveGASPnet, steps=4, phase_feedback=0.0, **OFF, **design), sparse()
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in plain.state_dict().items())
    phases = plain.initial_phases(3)
    expected, found = plain(images, phases), model(images, phases)
    assert torch.equal(found.logits, expected.logits)
    assert all(map(torch.equal, found.phases, expected.phases))


@float64
@designs
@pytest.mark.parametrize("part", [OFF | {"error_weight": 0.5}, OFF | {"feedforward_weight": 0.5, "feedback_weight": 0.5}])
def test_each_part_of_prediction_changes_every_step_but_the_first(design, part):
    plain = build(GASPnet, steps=4, **design)
    model, images = build(PredictiveGASPnet, steps=4, phase_feedback=0.0, **part, **design), sparse()
    phases = plain.initial_phases(3)
    change = (model(images, phases).logits - plain(images, phases).logits).abs().amax((1, 2, 3))
    assert change[0] == 0
    assert (change[1:] > 1e-4).all()


@float64
@designs
def test_phase_feedback_alone_moves_phases_and_answers(design):
    plain = build(GASPnet, steps=3, **design)
    model, images = build(PredictiveGASPnet, steps=3, phase_feedback=1.0, **OFF, **design), sparse()
    phases = plain.initial_phases(3)
    before, after = plain(images, phases), model(images, phases)
    assert torch.equal(after.logits[0], before.logits[0])
    assert (after.logits - before.logits)[1:].abs().amax((1, 2, 3)).min() > 1e-3
    assert (after.phases[0] - before.phases[0])[1:].abs().amax((1, 2, 3)).min() > 1e-2


@float64
def test_a_step_of_the_cnn_is_the_mixture_of_its_layers():
    model, image = build(PredictiveCNN, steps=2, feedforward_weight=0.5, feedback_weight=0.2, error_weight=0.7), filled()
    before = model.sweep(image)[:3]
    predicted = [layer(e) for layer, e in zip(model.generative_feedback.layers, before, strict=True)]
    predicted[1:] = [d.relu() for d in predicted[1:]]
    below = image
    for n, side in enumerate((5 * 5, 9 * 26, 9 * 30)):
        free = before[n].detach().clone().requires_grad_()
        d = model.generative_feedback.layers[n](free)
        error = ((image, *before)[n] - (d.relu() if n else d)).square().sum()
        (gradient,) = torch.autograd.grad(error, free)
        from_above = 0.2 * predicted[n + 1] + 0.3 * before[n] if n < 2 else 0.5 * before[n]
        below = (0.5 * model.stages[n](below) + from_above - 0.7 / math.sqrt(side) * gradient).clamp(min=0)
    expected = model.stages[4](model.stages[3](below))
    torch.testing.assert_close(model(image).logits[1].flatten(1), expected, rtol=0, atol=1e-6)


@float64
def test_phases_move_by_the_pull_of_the_layers_above():
    """One iteration, without the coupling of GASPnet: the field is all that moves phases."""
    model, images = build(PredictiveGASPnet, iterations=1, step_size=0.8, steps=2, phase_feedback=0.6), sparse()
    with torch.no_grad():
        for query in model.queries:
            query.zero_()
        model.log_desynchronization.fill_(-math.inf)
    result = model(images)
    at_first = [phases[0] for phases in result.phases[:3]]
    real, imag = model.generative_feedback.fields(model.sweep(images)[:3], [phasors(phases) for phases in at_first])[0]
    before = at_first[0]
    expected = before + 0.8 * 0.6 * (imag * before.cos() - real * before.sin())
    torch.testing.assert_close(result.phases[0][1], expected, rtol=0, atol=1e-6)


@float64
@designs
def test_a_constant_shift_of_all_phases_changes_no_logit(design):
    model, images = build(PredictiveGASPnet, **design), sparse()
    phases = model.initial_phases(3)
    torch.testing.assert_close(model(images, phases + 1.3).logits, model(images, phases).logits, rtol=0, atol=1e-8)


def test_the_synchrony_loss_reaches_no_predictor_by_phases():
    model = build(PredictiveGASPnet, steps=2)
    synchrony_loss(model(sparse()).phases[0][1:], object_masks()).backward()
    assert all(p.grad is None or not p.grad.any() for p in model.generative_feedback.parameters())
    assert model.queries[0].grad.abs().max() > 0


@designs
def test_an_aligning_run_knows_the_pull_of_feedback(design):
    model, images = build(PredictiveGASPnet, phase_feedback=1.0, iterations=1, **design), sparse()
    run, frames = aligning_run(model, images, torch.Generator().manual_seed(0))
    model.settings = model.settings.changed({"iterations": 3})
    longer, more = aligning_run(model, images, torch.Generator().manual_seed(0))
    torch.testing.assert_close(more[1][0], run.phases[0][1])  # one of three iterations is the first of one
    torch.testing.assert_close(more[0], frames[0])
    assert (longer.phases[0][1] - run.phases[0][1]).abs().max() > 1e-2


def errors_of(model: Model, images: Tensor, steps: int) -> Tensor | None:
    return model.run(images, torch.Generator().manual_seed(0), steps=steps).prediction_errors


@pytest.mark.parametrize("kind", [PredictiveCNN, PredictiveGASPnet])
def test_errors_are_recorded_before_each_step_but_the_first(kind):
    model, images = build(kind), sparse()
    assert errors_of(model, images, 1) is None
    assert errors_of(model, images, 4).shape == (3, 3)


@pytest.mark.parametrize("kind", [PredictiveCNN, PredictiveGASPnet])
@pytest.mark.parametrize(
    "settings",
    [
        {"feedforward_weight": 0.7, "feedback_weight": 0.4},
        {"feedforward_weight": 0.0, "learned_weights": True},
        {"feedforward_weight": 0.5, "feedback_weight": 0.5, "learned_weights": True},
        {"error_weight": -1.0},
        {"error_weight": 0.0, "learned_weights": True},
    ],
    ids=str,
)
def test_impossible_settings_are_refused(kind, settings):
    with pytest.raises(GaspError, match=next(iter(settings))):
        kind(**settings)
