"""The models: what GASPnet reduces to, what it is invariant to, and that each of its mechanisms matters."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from drawn import filled, object_masks, sparse
from torch import Tensor
from torch.nn import functional as F

from gasp.data.scenes import Scenes, SceneSettings, compose
from gasp.learning.evaluation import separation
from gasp.learning.losses import classification_loss, synchrony_loss
from gasp.learning.training import TrainingSettings, fit
from gasp.models import CNN, GASPnet
from gasp.nn.layers import PhaseConv2d, PhaseLinear

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


def training_loss(model: GASPnet, images: Tensor) -> Tensor:
    result = model(images)
    targets = F.one_hot(torch.arange(len(images)) % model.classes, model.classes).unsqueeze(1).to(images)
    return classification_loss(result.logits, targets) + synchrony_loss(result.phases[0], object_coverage(len(images)))


# what GASPnet reduces to


@float64
@phase_inits
def test_without_modulation_gaspnet_is_the_cnn_at_every_step(phase_init):
    cnn, gaspnet, images = CNN(), GASPnet(modulation=0, steps=4, phase_init=phase_init), sparse()
    assert not gaspnet.load_state_dict(cnn.state_dict(), strict=False).unexpected_keys
    assert torch.equal(gaspnet(images).logits, cnn(images).logits.expand(4, -1, -1, -1))


class Precise(Scenes):
    """Scenes in double precision, in which what should be equal differs by rounding alone."""

    def batch(self, index, device="cpu"):
        return tuple(part.double() for part in super().batch(index, device))


@phase_inits
def test_without_modulation_gaspnet_is_the_cnn_in_training_too(phase_init, tmp_path, digits):
    def scenes_of(epoch: int) -> Scenes:
        return Precise(**vars(compose(digits.train, SceneSettings(), 32, epoch)))

    def untrained(kind) -> CNN:
        torch.manual_seed(1)
        return kind(widths=(4, 5), kernels=(5, 3), strides=(2, 2), hidden=6).double()

    settings = TrainingSettings(epochs=2, scenes=32, batch_size=8, learning_rate=0.02, synchrony_weight=2)
    kinds = {"cnn": CNN, "gaspnet": partial(GASPnet, modulation=0, phase_init=phase_init)}
    trained = {name: untrained(kind) for name, kind in kinds.items()}
    for name, model in trained.items():
        fit(model, scenes_of, lambda _: {}, settings, 3, tmp_path / f"{name}.safetensors", name)
    start, gaspnet = untrained(kinds["gaspnet"]).state_dict(), trained["gaspnet"].state_dict()
    for name, tensor in trained["cnn"].state_dict().items():
        torch.testing.assert_close(gaspnet[name], tensor, rtol=0, atol=1e-6)
    for name in ("stages.0.linear.weight", "keys.0"):  # the coupling learns to synchronise all the same
        assert (gaspnet[name] - start[name]).abs().max() > 1e-3


@float64
@phase_inits
@pytest.mark.parametrize("network", [{}, {"widths": (6, 7), "kernels": (3, 3), "strides": (2, 2), "hidden": 12, "heads": 2}])
def test_step_0_is_the_cnn(phase_init, network):
    cnn, gaspnet, images = CNN(**network), GASPnet(phase_init=phase_init, **network), sparse()
    gaspnet.load_state_dict(cnn.state_dict(), strict=False)
    assert torch.equal(gaspnet(images).logits[0], cnn(images).logits[0])


@float64
@phase_inits
@pytest.mark.parametrize("images", [filled, sparse])
@pytest.mark.parametrize("shift", [1.0, -2.5])
def test_a_constant_shift_of_all_phases_changes_no_logit(phase_init, images, shift):
    model, images = build(phase_init=phase_init), images()
    phases = model.initial_phases(len(images))
    torch.testing.assert_close(model(images, phases + shift).logits, model(images, phases).logits, rtol=0, atol=1e-8)


@float64
@phase_inits
def test_images_of_a_batch_do_not_influence_each_other(phase_init):
    model, images = build(phase_init=phase_init), sparse(4)
    phases = model.initial_phases(4)
    together = model(images, phases).logits
    alone = torch.cat([model(images[i : i + 1], phases[:, i : i + 1]).logits for i in range(4)], 1)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-9)


@float64
@phase_inits
def test_a_longer_run_starts_with_the_shorter_one(phase_init):
    model, images = build(phase_init=phase_init), sparse()
    phases = model.initial_phases(3)
    short, long = model(images, phases, steps=2), model(images, phases, steps=5)
    assert torch.equal(long.logits[:2], short.logits)
    assert torch.equal(long.phases[0][:2], short.phases[0])


def test_the_same_phases_give_the_same_result_on_every_device(device):
    dtype = torch.float32 if device.type == "mps" else torch.float64
    model, images = build().to(dtype), filled().to(dtype)
    phases = model.initial_phases(3)
    expected = model(images, phases).logits
    actual = model.to(device)(images.to(device), phases.to(device)).logits
    assert actual.device.type == device.type
    torch.testing.assert_close(actual.cpu(), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("model", [CNN, GASPnet])
def test_a_run_repeats_with_its_generator(model):
    model, images = model(), sparse()
    first, second = (model.run(images, torch.Generator().manual_seed(3)).logits for _ in range(2))
    assert torch.equal(first, second)


def test_saved_parameters_restore_the_model():
    model, other, images = build(), GASPnet(), sparse()
    phases = model.initial_phases(3)
    assert not torch.equal(other(images, phases).logits, model(images, phases).logits)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(images, phases).logits, model(images, phases).logits)


# every mechanism matters


@float64
@pytest.mark.parametrize(
    "change",
    [
        {"modulation": 0.0},
        {"modulation": 0.5},
        {"iterations": 0},
        {"iterations": 1},
        {"neighbourhood": math.inf},
        {"neighbourhood": 0.3},
        {"phase_init": "random"},
    ],
    ids=str,
)
def test_every_setting_changes_the_result(change):
    images = sparse()
    phases = build().initial_phases(3)
    before, after = build()(images, phases).logits, build(**change)(images, phases).logits
    assert torch.equal(before[0], after[0])
    assert (before[-1] - after[-1]).abs().max() > 1e-4


@float64
@phase_inits
@pytest.mark.parametrize("name", ["log_desynchronization", *(f"{n}.{i}" for n in ("keys", "queries") for i in range(5))])
def test_every_coupling_parameter_changes_the_result(name, phase_init):
    model, images = build(phase_init=phase_init), sparse()
    phases = model.initial_phases(3)
    before = model(images, phases).logits
    parameter = model.get_parameter(name)
    with torch.no_grad():
        parameter.copy_(torch.randn_like(parameter))
    assert (model(images, phases).logits[-1] - before[-1]).abs().max() > 1e-6


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
def test_every_step_changes_the_result(phase_init):
    logits = build(phase_init=phase_init, steps=4)(sparse()).logits
    assert (logits.diff(dim=0).abs().amax((1, 2, 3)) > 1e-4).all()


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


# ideal phases


def bands(objects: int, batch: int = 2) -> Tensor:
    """Masks of objects side by side."""
    columns = torch.arange(32) * objects // 32 == torch.arange(objects).unsqueeze(1)
    return columns[None, :, None, :].expand(batch, -1, 32, -1).to(torch.get_default_dtype())


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
def test_ideal_phases_matter_and_no_generator_does():
    model, images = build(phase_init="ideal", iterations=0), sparse()
    first, again = (model.run(images, torch.Generator().manual_seed(seed), bands(2, 3)).logits for seed in (1, 2))
    other = model.run(images, torch.Generator().manual_seed(1), bands(4, 3)).logits
    assert torch.equal(again, first)
    assert (other[-1] - first[-1]).abs().max() > 1e-4


def test_ideal_phases_need_masks():
    with pytest.raises(ValueError, match="masks"):
        build(phase_init="ideal").run(sparse(), torch.Generator())


# shapes


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({}, (3, 2, 1, 10)),
        ({"steps": 1}, (1, 2, 1, 10)),
        ({"steps": 2, "classes": 4}, (2, 2, 1, 4)),
        ({"heads": 2, "classes": 7}, (3, 2, 2, 7)),
        ({"channels": 3, "size": 48, "hidden": 5}, (3, 2, 1, 10)),
        ({"size": 17, "kernels": (4, 3, 2), "strides": (3, 1, 1)}, (3, 2, 1, 10)),
        ({"key_size": 1, "neighbourhood": math.inf, "iterations": 0}, (3, 2, 1, 10)),
        ({"widths": (4, 5, 6, 7), "kernels": (3, 3, 3, 3), "strides": (1, 2, 1, 1)}, (3, 2, 1, 10)),
        ({"widths": (4, 5), "kernels": (3, 3), "strides": (2, 1)}, (3, 2, 1, 10)),
        ({"widths": (4,), "kernels": (3,), "strides": (2,)}, (3, 2, 1, 10)),
    ],
    ids=str,
)
@phase_inits
def test_results_have_the_shapes_of_the_network(settings, shape, phase_init):
    model = GASPnet(phase_init=phase_init, **settings)
    result = model(torch.rand(2, model.channels, model.size, model.size))
    layers = [*model.grids, (model.stages[-2].linear.out_features,), (model.heads * model.classes,)]
    assert result.logits.shape == shape
    assert [phases.shape for phases in result.phases] == [(shape[0], 2, *layer) for layer in layers]
    assert [gates.shape for gates in result.gates] == [phases.shape for phases in result.phases]
    assert [activity.shape[2:] for activity in model.sweep(torch.rand(2, model.channels, model.size, model.size))] == [
        torch.Size(layer if len(layer) == 2 else ()) for layer in layers
    ]


def test_the_cnn_returns_one_step_and_no_phases():
    result = CNN(heads=2)(torch.rand(4, 1, 32, 32))
    assert result.logits.shape == (1, 4, 2, 10)
    assert result.phases == result.gates == ()


def test_the_cnn_has_the_documented_layer_sizes():
    linears = [stage.linear for stage in CNN().stages]
    assert [layer.out_channels for layer in linears if isinstance(layer, PhaseConv2d)] == [26, 30, 32]
    assert [layer.out_features for layer in linears if isinstance(layer, PhaseLinear)] == [16, 10]
    assert CNN().grids == [(16, 16), (8, 8), (8, 8)]


def test_phases_cost_few_parameters():
    plain, phased = (sum(p.numel() for p in model.parameters()) for model in (CNN(), GASPnet()))
    coupling = sum(parameter.numel() for parameter in GASPnet().coupling_parameters())
    assert phased - plain == coupling
    assert 0 < coupling < 0.05 * plain


# gates, gradients


@phase_inits
def test_gates_are_between_0_and_1_and_0_where_nothing_is(phase_init):
    gates = build(phase_init=phase_init)(sparse()).gates
    assert all((gate >= 0).all() and (gate < 1).all() for gate in gates)
    assert (gates[0][:, :, -1, 0] == 0).all()
    assert gates[0].max() > 0.5


@phase_inits
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_training_gives_a_finite_gradient_to_every_parameter(phase_init, dtype):
    model = build(phase_init=phase_init).to(dtype)
    training_loss(model, sparse().to(dtype)).backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    assert [name for name, gradient in gradients.items() if gradient is None or not gradient.isfinite().all()] == []
    assert [name for name, gradient in gradients.items() if not gradient.abs().max() > 0] == []


def test_gradients_stay_finite_over_steps_of_training():
    model, images = build(), sparse()
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(6):
        optimizer.zero_grad()
        training_loss(model, images).backward()
        assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
        optimizer.step()


@phase_inits
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_empty_image_has_finite_logits_and_gradients(phase_init, dtype):
    model = build(phase_init=phase_init).to(dtype)
    result = model(torch.zeros(2, 1, 32, 32, dtype=dtype))
    (result.logits.square().sum() + sum(phases.sin().sum() for phases in result.phases)).backward()
    assert result.logits.isfinite().all()
    assert all(phases.isfinite().all() for phases in result.phases)
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None)


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


# bad arguments


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"steps": 0}, "steps"),
        ({"iterations": -1}, "iterations"),
        ({"key_size": 0}, "key_size"),
        ({"neighbourhood": 0}, "neighbourhood"),
        ({"phase_init": "bottom-up"}, "phase_init"),
        ({"widths": (26, 30)}, "one entry for each convolution"),
        ({"strides": (2, 2, 1, 1)}, "one entry for each convolution"),
        ({"kernels": (5, 3, 0)}, "at least 1"),
        ({"hidden": 0}, "at least 1"),
        ({"classes": 0}, "at least 1"),
    ],
    ids=str,
)
def test_impossible_settings_are_refused(settings, says):
    with pytest.raises(ValueError, match=says):
        GASPnet(**settings)


def test_unknown_settings_are_refused():
    with pytest.raises(TypeError):
        GASPnet(width=3)


@pytest.mark.parametrize("model", [CNN(), GASPnet()], ids=["CNN", "GASPnet"])
@pytest.mark.parametrize("shape", [(1, 32, 32), (2, 3, 32, 32), (2, 1, 32, 28), (2, 1, 28, 28)], ids=str)
def test_images_of_another_shape_are_refused(model, shape):
    with pytest.raises(ValueError, match="images must be"):
        model(torch.rand(shape))


@pytest.mark.parametrize("model", [CNN(), GASPnet()], ids=["CNN", "GASPnet"])
def test_images_of_bytes_are_refused(model):
    with pytest.raises(ValueError, match="floating point"):
        model(torch.zeros(2, 1, 32, 32, dtype=torch.uint8))


def test_a_run_of_no_steps_is_refused():
    with pytest.raises(ValueError, match="steps"):
        GASPnet()(sparse(), steps=0)
