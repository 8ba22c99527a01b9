"""GASPnet: what it reduces to, what it is invariant to, ideal phases, and where gradients go."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from drawn import filled, object_masks, sparse
from torch import Tensor
from torch.nn import functional as F

from gasp.data.scenes import Scenes, SceneSettings, compose
from gasp.experiments.variants import VARIANTS
from gasp.learning.evaluation import separation
from gasp.learning.losses import gate_loss, key_loss, synchrony_loss
from gasp.learning.training import TrainingSettings, fit
from gasp.models import CNN, GASPnet
from gasp.nn.layers import AMPLITUDE_FLOOR
from gasp.settings import GaspError

float64 = pytest.mark.usefixtures("float64")
phase_inits = pytest.mark.parametrize("phase_init", ["bottom_up", "random"])
CELLS = 16 * 16 + 8 * 8 + 8 * 8 + 16 + 10


def object_coverage(batch: int = 3) -> Tensor:
    """Coverage of the first layer's locations by the objects of ``sparse``."""
    return F.avg_pool2d(object_masks(batch), 2)


def build(**settings) -> GASPnet:
    """The network of one seed, whatever its settings."""
    torch.manual_seed(1)
    return GASPnet(**settings)


@float64
@phase_inits
@pytest.mark.parametrize("readout", ["last", "mean", "leaky"])
def test_without_modulation_gaspnet_is_the_cnn_at_every_step(phase_init, readout):
    cnn, gaspnet, images = CNN(), GASPnet(modulation=0, steps=4, phase_init=phase_init, readout=readout), sparse()
    assert not gaspnet.load_state_dict(cnn.state_dict(), strict=False).unexpected_keys
    result, plain = gaspnet(images), cnn(images).logits.expand(4, -1, -1, -1)
    assert torch.equal(result.logits, plain)
    torch.testing.assert_close(result.answers, plain, rtol=0, atol=1e-12)


class Precise(Scenes):
    """Scenes in double precision, in which what should be equal differs by rounding alone."""

    def batch(self, index, device="cpu"):
        return tuple(part.double() for part in super().batch(index, device))


@float64
def test_a_learned_modulation_starts_as_the_fixed_one_and_at_0_is_the_cnn():
    images, phases = sparse(), build().initial_phases(3)
    fixed, learned = (build(learned_modulation=each) for each in (False, True))
    torch.testing.assert_close(learned(images, phases).logits, fixed(images, phases).logits, rtol=0, atol=1e-12)
    with torch.no_grad():
        for modulation in learned.modulations:
            modulation.zero_()
    plain = learned(images, phases).logits
    torch.testing.assert_close(plain, plain[:1].expand_as(plain), rtol=0, atol=1e-12)


def train(variants, settings, digits, tmp_path):
    """Train each kind of model from the same weights, in double precision; return the models, and their weights before."""

    def scenes_of(epoch: int) -> Scenes:
        return Precise(**vars(compose(digits.train, SceneSettings(), 32, epoch)))

    def untrained(kind) -> CNN:
        torch.manual_seed(1)
        return kind(widths=(4, 5), kernels=(5, 3), strides=(2, 2), hidden=6).double()

    trained = {name: untrained(kind) for name, kind in variants.items()}
    for name, model in trained.items():
        fit(model, scenes_of, lambda _: {}, settings, 3, tmp_path / f"{name}.safetensors", name)
    return trained, {name: untrained(kind).state_dict() for name, kind in variants.items()}


@phase_inits
def test_without_modulation_gaspnet_is_the_cnn_in_training_too(phase_init, tmp_path, digits):
    settings = TrainingSettings(epochs=2, scenes=32, batch_size=8, learning_rate=0.02, synchrony_weight=2)
    kinds = {"cnn": CNN, "gaspnet": partial(GASPnet, modulation=0, phase_init=phase_init)}
    trained, untrained = train(kinds, settings, digits, tmp_path)
    gaspnet, start = trained["gaspnet"].state_dict(), untrained["gaspnet"]
    for name, tensor in trained["cnn"].state_dict().items():
        torch.testing.assert_close(gaspnet[name], tensor, rtol=0, atol=1e-6)
    for name in ("stages.0.linear.weight", "keys.0"):  # the coupling learns to synchronise all the same
        assert (gaspnet[name] - start[name]).abs().max() > 1e-3


def test_on_labels_alone_without_modulation_gaspnet_is_the_gate_in_training_too(tmp_path, digits):
    settings = TrainingSettings(epochs=2, scenes=32, batch_size=8, learning_rate=0.02, **VARIANTS["gate_labels"].training)
    assert VARIANTS["gaspnet_labels"].training == VARIANTS["gate_labels"].training
    unmodulated = {"learned_modulation": False, "modulation": 0.0}
    kinds = {
        "gate": partial(GASPnet, **VARIANTS["gate_labels"].settings),
        "gaspnet": partial(GASPnet, **VARIANTS["gaspnet_labels"].settings | unmodulated),
    }
    trained, untrained = train(kinds, settings, digits, tmp_path)
    gaspnet, start = trained["gaspnet"].state_dict(), untrained["gaspnet"]
    for name, tensor in trained["gate"].state_dict().items():
        torch.testing.assert_close(gaspnet[name], tensor, rtol=0, atol=1e-6)
    for name in ("gate.weight", "key_network.0.weight"):
        assert (gaspnet[name] - start[name]).abs().max() > 1e-3


@float64
@phase_inits
@pytest.mark.parametrize("images", [filled, sparse])
@pytest.mark.parametrize("shift", [1.0, -2.5])
def test_a_constant_shift_of_all_phases_changes_no_logit(phase_init, images, shift):
    model, images = build(phase_init=phase_init), images()
    phases = model.initial_phases(len(images))
    torch.testing.assert_close(model(images, phases + shift).logits, model(images, phases).logits, rtol=0, atol=1e-8)


@float64
def test_without_iterations_phases_of_the_first_layer_stay_as_they_start():
    model, images = build(iterations=0), sparse()
    first = model(images, model.initial_phases(3)).phases[0]
    assert torch.equal(first, first[:1].expand_as(first))


@float64
@pytest.mark.parametrize("drive", ["amplitude", "gate", "area"])
def test_a_location_takes_the_mean_phase_of_its_field_weighted_as_the_drive_says(drive):
    model, images = build(drive=drive), filled()
    activity = model.sweep(images)[0]
    power = activity.square().sum(1)
    amplitude = activity.sum(1) + AMPLITUDE_FLOOR
    gate = power / (power + power.mean((1, 2), keepdim=True))
    weights = {"amplitude": amplitude, "gate": gate, "area": torch.ones_like(gate)}[drive]
    first, second = (layer[0] for layer in model(images).phases[:2])
    real, imag = (F.avg_pool2d(weights * part, 3, 2, 1) for part in (first.cos(), first.sin()))
    torch.testing.assert_close(torch.cos(second - torch.atan2(imag, real)), torch.ones_like(second), rtol=0, atol=1e-5)


@float64
@pytest.mark.parametrize(("drive", "flows"), [("amplitude", True), ("channel", False)])
def test_gradient_flows_through_the_phases_of_dense_units_unless_channels_have_their_own(drive, flows):
    model, images = build(drive=drive, steps=2, iterations=0), sparse()
    phases = model.initial_phases(3).requires_grad_()
    model(images, phases).phases[-1][1].sin().sum().backward()
    assert (phases.grad.abs().max() > 0) == flows


@float64
def test_a_channel_that_takes_the_phase_of_its_own_input_hears_the_length_of_it():
    model, images = build(drive="channel", steps=2, widths=(5, 6), kernels=(3, 3), strides=(2, 2)), filled()
    result = model(images)
    activity, first = model.sweep(images)[0], result.phases[0][1].unsqueeze(1)
    second = model.stages[1]
    heard = torch.complex(activity * first.cos(), activity * first.sin())
    response = torch.complex(*(F.conv2d(part, second.linear.weight, None, 2, 1) for part in (heard.real, heard.imag)))
    expected = second.activate(second.linear(activity) + response.abs())
    mean = (expected * torch.exp(1j * response.angle())).sum(1)
    active = expected.sum(1) > 0.1
    gap = torch.cos(result.phases[1][1] - mean.angle())[active]
    torch.testing.assert_close(gap, torch.ones_like(gap), rtol=0, atol=1e-6)
    power = expected.square().sum(1)
    torch.testing.assert_close(result.gates[1][1], power / (power + power.mean((1, 2), keepdim=True)), rtol=0, atol=1e-6)


@float64
def test_keys_and_queries_have_different_roles():
    model, images = build(), sparse()
    with torch.no_grad():
        for query in model.queries:
            query.add_(torch.randn_like(query))
    phases = model.initial_phases(3)
    before = model(images, phases).logits
    model.keys, model.queries = model.queries, model.keys
    assert (model(images, phases).logits[-1] - before[-1]).abs().max() > 1e-4


@float64
@phase_inits
def test_other_initial_phases_give_another_result(phase_init):
    model, images = build(phase_init=phase_init), sparse()
    first, second = (model(images, model.initial_phases(3)).logits for _ in range(2))
    assert (first[-1] - second[-1]).abs().max() > 1e-4


def test_initial_phases_are_uniform_on_the_circle_and_repeat_with_their_generator():
    model = build()
    first, second = (model.initial_phases(50, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
    assert first.shape == (CELLS, 50)
    assert first.abs().max() <= math.pi
    assert abs(first.cos().mean()) < 0.05
    assert abs(first.sin().mean()) < 0.05


@phase_inits
def test_gates_are_between_0_and_1_and_0_where_nothing_is(phase_init):
    gates = build(phase_init=phase_init)(sparse()).gates
    assert all((gate >= 0).all() and (gate < 1).all() for gate in gates)
    assert (gates[0][:, :, -1, 0] == 0).all()
    assert gates[0].max() > 0.5


@phase_inits
def test_the_synchrony_loss_trains_the_coupling(phase_init):
    model = build(phase_init=phase_init)
    synchrony_loss(model(sparse()).phases[0], object_coverage()).backward()
    assert [
        name for name, p in model.named_parameters() if name.startswith(("keys", "queries")) and not p.grad.abs().max() > 0
    ] == []
    assert model.log_desynchronization.grad != 0


@phase_inits
def test_no_gradient_of_the_synchrony_loss_reaches_a_feature(phase_init):
    model = build(phase_init=phase_init)
    synchrony_loss(model(sparse()).phases[0], object_coverage()).backward()
    reached = [name for name, p in model.stages.named_parameters() if p.grad is not None and p.grad.abs().max() > 0]
    assert reached == []


def bands(objects: int, batch: int = 2) -> Tensor:
    """Masks of objects side by side."""
    columns = torch.arange(32) * objects // 32 == torch.arange(objects).unsqueeze(1)
    return columns[None, :, None, :].expand(batch, -1, 32, -1).to(torch.get_default_dtype())


# gates and keys of a network of their own


gated = pytest.mark.parametrize("key_source", ["layer", "network"])


def with_gate(openness: float, **settings) -> GASPnet:
    """A network whose gate is equally open everywhere."""
    model = build(learned_gate=True, **settings)
    with torch.no_grad():
        model.gate.weight.zero_()
        model.gate.bias.fill_(openness)
    return model


@float64
@gated
def test_an_open_gate_is_no_gate(key_source):
    model, images = build(key_source=key_source), sparse()
    phases = model.initial_phases(3)
    expected, found = model(images, phases), with_gate(50, key_source=key_source)(images, phases)
    torch.testing.assert_close(found.logits, expected.logits, rtol=0, atol=1e-10)
    torch.testing.assert_close(found.participation, torch.ones(3, 16, 16))


@float64
def test_behind_a_closed_gate_an_image_is_an_empty_background():
    model, images = with_gate(-1000, iterations=0), filled()
    phases = model.initial_phases(3)
    closed, empty = model(images, phases), model(torch.zeros_like(images), phases)
    assert (closed.gates[0] == 0).all()
    torch.testing.assert_close(closed.logits, empty.logits, rtol=0, atol=1e-10)


@float64
@gated
def test_a_gate_multiplies_the_activity_of_the_first_layer_and_so_its_pull(key_source):
    model, images = build(learned_gate=True, key_source=key_source), filled()
    with torch.no_grad():
        model.gate.weight.mul_(20)
    plain, gated = build(key_source=key_source).sweep(images)[0], model.sweep(images)[0]
    result = model(images)
    torch.testing.assert_close(gated, plain * result.participation.unsqueeze(1), rtol=0, atol=1e-12)
    assert result.participation.std() > 0.01, "it differs from location to location"
    power = gated.square().sum(1)
    expected = power / (power + power.mean((1, 2), keepdim=True))
    torch.testing.assert_close(result.gates[0][0], expected, rtol=0, atol=1e-6)


@float64
def test_with_keys_of_a_network_the_first_layer_couples_by_more_than_its_own_filters_see():
    moved = torch.zeros(1, 1, 32, 32)
    moved[..., 20, 20] = 1  # 5 pixels beyond the field of the location at 7, 7, which is 12 … 16
    for key_source, differs in (("layer", False), ("network", True)):
        model, images = build(key_source=key_source), filled(1)
        first, second = (model(seen).keys[0][0, 0, :, 7, 7] for seen in (images, images + moved))
        assert ((first - second).abs().max() > 1e-4) == differs
        torch.testing.assert_close(first.norm(), torch.tensor(1.0))


@float64
def test_losses_on_keys_and_gate_train_the_network_of_the_keys_and_no_filter_of_the_layers():
    model, masks = build(learned_gate=True, key_source="network"), object_masks()
    result = model(sparse())
    (key_loss(result.keys[0], result.queries[0], masks) + gate_loss(result.participation, masks)).backward()
    reached = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    assert not {name for name in reached if name.startswith("stages")}
    assert {"key_network.0.weight", "gate.weight", "keys.0", "queries.0"} <= reached


# upper bounds


@pytest.mark.parametrize("steps", [2, 3])
def test_told_phases_are_in_order_and_apart_in_every_convolution_at_every_step(steps, digits):
    scenes = compose(digits.train, SceneSettings(), 64, 0)
    images, masks, _ = scenes.batch(slice(None))
    result = build(phase_init="told", iterations=0, steps=steps).run(images, torch.Generator(), masks)
    for phases in result.phases[:3]:
        found = separation(phases, masks)
        assert found["order_within"].mean(1).min() > 0.9
        assert found["separation"].mean(1).min() > 0.9


@float64
@pytest.mark.parametrize("objects", [1, 2, 4])
def test_ideal_phases_spread_the_objects_evenly_over_the_circle(objects):
    first = build(phase_init="ideal").run(filled(2), torch.Generator(), bands(objects)).phases[0][0]  # (B, 16, 16)
    expected = (torch.arange(16) * objects // 16) * (2 * math.pi / objects)
    inside = torch.arange(16) % (16 // objects) * objects // 4 % 3 > 0  # receptive fields of one object alone
    torch.testing.assert_close(torch.cos(first - expected)[..., inside], torch.ones(2, 16, int(inside.sum())))


@float64
def test_what_an_object_moves_beyond_its_mask_has_its_ideal_phase():
    masks = F.interpolate(object_coverage(), scale_factor=2)
    model, images = build(phase_init="ideal"), sparse() * masks[:, 1:]  # the second object alone
    result = model.run(images, torch.Generator(), masks)
    active = result.gates[0][0] > 0
    assert (active & (F.avg_pool2d(masks[:, 1], 2) == 0)).any()
    torch.testing.assert_close(result.phases[0][0][active].cos(), -torch.ones(int(active.sum())))


@float64
def test_where_no_object_is_ideal_phases_side_with_none():
    masks = F.interpolate(object_coverage(), scale_factor=2)
    empty = build(phase_init="ideal").run(filled(), torch.Generator(), masks).phases[0][0, :, -1, 0]
    torch.testing.assert_close(empty.cos(), torch.zeros(3))


@float64
def test_ideal_phases_of_two_objects_are_in_antiphase():
    model, masks = build(phase_init="ideal", iterations=0), F.interpolate(object_coverage(), scale_factor=2)
    found = separation(model.run(sparse(), torch.Generator(), masks).phases[0], masks)
    torch.testing.assert_close(found["separation"], torch.ones(3, 3))
    torch.testing.assert_close(found["order_within"], torch.ones(3, 3), rtol=0, atol=1e-4)


@float64
def test_without_iterations_ideal_phases_are_those_of_every_step():
    model = build(phase_init="ideal", iterations=0, steps=4)
    phases = model.run(sparse(), torch.Generator(), bands(2, 3)).phases[0]
    torch.testing.assert_close(phases, phases[:1].expand_as(phases))
    moved = build(phase_init="ideal", iterations=1).run(sparse(), torch.Generator(), bands(3, 3)).phases[0]
    assert (moved[1] - moved[0]).abs().max() > 1e-3


@float64
def test_a_figure_has_its_phase_wherever_a_tenth_of_the_field_is_figure():
    masks = torch.zeros(1, 2, 32, 32)
    masks[:, 0, 15, 15] = 1  # one pixel: a 25th of a field
    masks[:, 0, 5:8, 5] = 1  # three pixels
    masks[:, 1] = 1 - masks[:, 0]
    ideal, figure = (
        build(phase_init=told).run(torch.rand(1, 1, 32, 32), torch.Generator(), masks).phases[0][0, 0]
        for told in ("ideal", "figure")
    )
    assert (ideal.cos() < -0.99).all(), "every field is mostly background"
    assert (figure.cos() > 0.99).nonzero().tolist() == [[3, 2], [3, 3]], "the fields, 5 × 5 every 2 pixels, that hold all three"
    assert (figure.cos() < -0.99).sum() == 16 * 16 - 2


def test_ideal_phases_matter_and_no_generator_does():
    model, images = build(phase_init="ideal", iterations=0), sparse()
    first, again = (model.run(images, torch.Generator().manual_seed(seed), bands(2, 3)).logits for seed in (1, 2))
    other = model.run(images, torch.Generator().manual_seed(1), bands(4, 3)).logits
    assert torch.equal(again, first)
    assert (other[-1] - first[-1]).abs().max() > 1e-4


def test_ideal_phases_need_masks():
    with pytest.raises(GaspError, match="masks"):
        build(phase_init="ideal").run(sparse(), torch.Generator())


def test_phases_of_another_shape_are_refused():
    with pytest.raises(GaspError, match="phases must be"):
        build()(sparse(), torch.zeros(3, CELLS))


@float64
def test_keys_and_queries_are_unit_vectors_linear_in_the_activity_of_a_location():
    model = build(key_size=5)
    activities = model.sweep(filled())
    coupling = model.coupling(activities, model.gates(activities))
    for vectors, weights in ((coupling.keys, model.keys), (coupling.queries, model.queries)):
        layers = vectors.split([256, 64, 64, 16, 10])  # (n, d, B) each
        for layer, x, weight in zip(layers[:3], activities, weights, strict=False):
            naive = F.normalize(torch.einsum("bchw,cd->hwdb", x, weight).flatten(0, 1), dim=1)
            torch.testing.assert_close(layer, naive, rtol=0, atol=1e-6)
        for layer, weight in zip(layers[3:], weights[3:], strict=True):
            naive = F.normalize(weight, dim=1).unsqueeze(-1).expand_as(layer)
            torch.testing.assert_close(layer, naive, rtol=0, atol=1e-6)


@float64
def test_attraction_is_an_average_over_neighbours_and_repulsion_a_share_of_the_mean_gate():
    model = build()
    activities = model.sweep(filled())
    coupling, matrix = model.coupling(activities, model.gates(activities)), model.neighbourhood.matrix()
    near = matrix @ coupling.gates
    torch.testing.assert_close(coupling.normalization, near, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(coupling.desynchronization, 0.5 * near / coupling.gates.sum(0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [{"iterations": -1}, {"key_size": 0}, {"neighbourhood": 0.0}, {"phase_init": "bottom-up"}, {"modulation": math.inf}],
    ids=str,
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(GaspError, match=next(iter(settings))):
        build(**settings)
