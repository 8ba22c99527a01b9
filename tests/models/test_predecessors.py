"""GAttANet and KomplexNet: what they reduce to, the sums that define them, and that each of their mechanisms matters."""

from __future__ import annotations

import math

import pytest
import torch
from drawn import filled, object_masks, sparse
from torch import Tensor
from torch.nn import functional as F

from gasp.learning.losses import classification_loss, synchrony_loss
from gasp.models import CNN, GASPnet, GAttANet, KomplexNet
from gasp.nn.kuramoto import coupling

float64 = pytest.mark.usefixtures("float64")
models = pytest.mark.parametrize("kind", [GAttANet, KomplexNet])
networks = pytest.mark.parametrize(
    "network", [{}, {"widths": (6, 7), "kernels": (3, 3), "strides": (2, 2), "hidden": 12, "heads": 2}], ids=str
)


def build(kind: type[CNN], **settings) -> CNN:
    """The network of one seed, whatever its settings."""
    torch.manual_seed(1)
    return kind(**settings)


def run(model: CNN, images: Tensor, seed: int = 0):
    return model.run(images, torch.Generator().manual_seed(seed))


def training_loss(model: CNN, images: Tensor) -> Tensor:
    result = run(model, images)
    targets = F.one_hot(torch.arange(len(images)) % model.classes, model.classes).unsqueeze(1).to(images)
    loss = classification_loss(result.logits, targets)
    return loss + synchrony_loss(result.phases[0][1:], object_masks(len(images)).to(images)) if result.phases else loss


# both: what they reduce to


@float64
@models
@networks
def test_step_0_is_the_cnn(kind, network):
    cnn, model, images = CNN(**network), kind(**network), sparse()
    assert not model.load_state_dict(cnn.state_dict(), strict=False).unexpected_keys
    assert torch.equal(run(model, images).logits[0], cnn(images).logits[0])


@float64
@networks
@pytest.mark.parametrize("silent", ["keys", "queries", "strengths"])
def test_gattanet_without_keys_queries_or_strength_is_the_cnn_at_every_step(network, silent):
    cnn, model, images = CNN(**network), GAttANet(steps=4, **network), sparse()
    model.load_state_dict(cnn.state_dict(), strict=False)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith(silent):
                parameter.zero_()
    assert torch.equal(model(images).logits, cnn(images).logits.expand(4, -1, -1, -1))


@float64
@networks
def test_komplexnet_without_coherence_is_the_cnn_at_every_step(network):
    cnn, model, images = CNN(**network), KomplexNet(steps=4, coherence=0, **network), sparse()
    model.load_state_dict(cnn.state_dict(), strict=False)
    assert torch.equal(model(images).logits, cnn(images).logits.expand(4, -1, -1, -1))


@float64
@models
def test_a_longer_run_starts_with_the_shorter_one(kind):
    model, images = build(kind), sparse()
    start = [model.initial_phases(3)] if kind is KomplexNet else []
    short, long = model(images, *start), model(images, *start, steps=12)
    assert len(short.logits) == 3
    assert torch.equal(long.logits[:3], short.logits)
    assert long.logits.isfinite().all()


@float64
@models
def test_images_of_a_batch_do_not_influence_each_other(kind):
    model, images = build(kind), sparse(4)
    start = [model.initial_phases(4)] if kind is KomplexNet else []
    together = model(images, *start).logits
    alone = torch.cat([model(images[i : i + 1], *(x[:, i : i + 1] for x in start)).logits for i in range(4)], 1)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-9)


@models
def test_the_same_run_gives_the_same_result_on_every_device(kind, device):
    dtype = torch.float32 if device.type == "mps" else torch.float64
    model, images = build(kind).to(dtype), filled().to(dtype)
    expected = run(model, images).logits
    actual = run(model.to(device), images.to(device)).logits
    assert actual.device.type == device.type
    torch.testing.assert_close(actual.cpu(), expected, rtol=0, atol=1e-8 if dtype == torch.float64 else 1e-3)


# GAttANet's attention


@float64
def test_the_global_query_is_the_mean_query_of_all_locations_of_each_layer_averaged_over_layers():
    model = build(GAttANet)
    activities = model.sweep(filled())
    layers = []
    for x, query in zip(activities, model.queries, strict=True):
        if x.ndim == 4:
            queries = [x[:, :, i, j] @ query for i in range(x.shape[2]) for j in range(x.shape[3])]
        else:
            queries = [x[:, n, None] * query[n] for n in range(x.shape[1])]
        layers.append(sum(queries) / len(queries))
    torch.testing.assert_close(model.global_query(activities), sum(layers) / 5, rtol=1e-10, atol=1e-10)


@float64
def test_agreement_is_the_product_of_each_key_and_the_global_query():
    model = build(GAttANet, key_size=5)
    activities = model.sweep(filled())
    query = model.global_query(activities)
    for x, key, agreement in zip(activities, model.keys, model.agreements(activities), strict=True):
        keys = torch.einsum("bc...,cd->b...d", x, key) if x.ndim == 4 else x.unsqueeze(-1) * key
        naive = (keys * query.view(3, *[1] * (keys.ndim - 2), 5)).sum(-1) / math.sqrt(5)
        torch.testing.assert_close(agreement, naive, rtol=1e-10, atol=1e-10)


@float64
def test_attention_does_not_depend_on_where_things_are():
    model = build(GAttANet)
    activities = model.sweep(filled())
    moved = [x.flip(2) if x.ndim == 4 else x for x in activities]
    torch.testing.assert_close(model.global_query(moved), model.global_query(activities), rtol=1e-10, atol=1e-10)
    for after, before in zip(model.agreements(moved)[:3], model.agreements(activities)[:3], strict=True):
        torch.testing.assert_close(after, before.flip(1), rtol=1e-10, atol=1e-10)


@float64
def test_what_agrees_is_emphasised_and_what_disagrees_is_silenced():
    model = build(GAttANet)
    activities = model.sweep(filled())
    for agreement, gain in zip(model.agreements(activities), model.gains(activities), strict=True):
        gain = gain.squeeze(1) if agreement.ndim == 3 else gain
        assert ((gain > 1) == (agreement > 0)).all()
        assert (gain > 0).all()
        assert (gain < 2).all()


@float64
@pytest.mark.parametrize("name", ["strengths", *(f"{n}.{i}" for n in ("keys", "queries") for i in range(5))])
def test_every_parameter_of_attention_changes_the_result(name):
    model, images = build(GAttANet), sparse()
    before = model(images).logits
    parameter = model.get_parameter(name)
    with torch.no_grad():
        parameter.copy_(torch.randn_like(parameter))
    after = model(images).logits
    assert torch.equal(after[0], before[0])
    assert (after[-1] - before[-1]).abs().max() > 1e-4


# KomplexNet's complex layers and coupling


def naive_sums(linear, z: Tensor) -> Tensor:
    """Σ_j w_ij z_j, complex, as a product with every patch or with the whole layer."""
    weight = linear.weight.flatten(1).to(z.dtype)
    if linear.weight.ndim == 2:
        return z.flatten(1) @ weight.T
    real, imag = (F.unfold(part, linear.kernel_size, 1, linear.padding, linear.stride) for part in (z.real, z.imag))
    sums = weight @ torch.complex(real, imag)
    side = math.isqrt(sums.shape[-1])
    return sums.unflatten(2, (side, side))


@float64
def test_complex_layers_are_the_sums_that_define_them():
    model, images = build(KomplexNet, steps=2), filled()
    result = model(images)
    z = model.stages[0](images) * torch.exp(1j * result.phases[0][1].unsqueeze(1))
    for index, stage in enumerate(model.stages[1:], 1):
        sums = naive_sums(stage.linear, z)
        x = stage.activate((stage.linear(z.abs()) + sums.abs()) / 2)
        z = x * sums / sums.abs()
        pooled = z.sum(1) if z.ndim == 4 else sums  # a location's phase is that of its channels together
        same = torch.cos(pooled.angle() - result.phases[index][1])
        assert same[pooled.abs() > 1e-2].min() > 1 - 1e-6
    torch.testing.assert_close(result.logits[1].flatten(1), x, rtol=0, atol=1e-4)


@float64
def test_synchronisation_is_the_sum_over_pairs():
    model, images = build(KomplexNet, kernel_size=5, widths=(4,), kernels=(3,), strides=(4,)), sparse()
    with torch.no_grad():
        model.kernel.copy_(torch.randn(5, 5))
    first = model.stages[0](images)
    phases = model.initial_phases(3)
    rates = coupling(phases, **model.coupling(first))
    side, epsilon = 8, model.log_desynchronization.exp()
    gates = first.square().sum(1).sqrt().tanh().flatten(1).T
    cells = [(row, column) for row in range(side) for column in range(side)]
    for i in range(0, 64, 7):
        attraction, near, repulsion = 0.0, 1e-6, 0.0
        for j in range(64):
            row, column = cells[j][0] - cells[i][0], cells[j][1] - cells[i][1]
            pull = gates[j] * torch.sin(phases[j] - phases[i])
            repulsion = repulsion + pull
            if abs(row) <= 2 and abs(column) <= 2:
                near = near + gates[j]
                attraction = attraction + model.kernel[row + 2, column + 2] * pull
        naive = attraction / near - epsilon * repulsion / (gates.sum(0) + 1e-6)
        torch.testing.assert_close(rates[i], naive, rtol=1e-9, atol=1e-9)


@float64
@pytest.mark.parametrize("images", [filled, sparse])
@pytest.mark.parametrize("shift", [1.0, -2.5])
def test_a_constant_shift_of_all_phases_changes_no_logit(images, shift):
    model, images = build(KomplexNet), images()
    phases = model.initial_phases(3)
    before, after = model(images, phases), model(images, phases + shift)
    torch.testing.assert_close(after.logits, before.logits, rtol=0, atol=1e-8)
    torch.testing.assert_close(after.phases[0], before.phases[0] + shift, rtol=0, atol=1e-8)


@float64
def test_with_one_phase_everywhere_a_sum_has_that_phase_or_the_opposite_one():
    model, images = build(KomplexNet, steps=2), filled()
    phases = model(images, torch.full((256, 3), 0.7)).phases
    torch.testing.assert_close(phases[0], torch.full_like(phases[0], 0.7), rtol=0, atol=1e-8)
    for layer in phases[1:]:
        assert torch.cos(2 * (layer - 0.7)).min() > 1 - 1e-8


def test_coupling_synchronises_objects_and_separates_them():
    phases = build(KomplexNet, steps=4)(sparse(16)).phases[0]
    before, after = (synchrony_loss(phases[step : step + 1], object_masks(16)) for step in (0, 3))
    assert after < before / 3


@float64
@pytest.mark.parametrize(
    "change", [{"coherence": 0.0}, {"coherence": 1.0}, {"iterations": 0}, {"iterations": 1}, {"step_size": 1.0}], ids=str
)
def test_every_setting_changes_the_result(change):
    images = sparse()
    before, after = run(build(KomplexNet), images).logits, run(build(KomplexNet, **change), images).logits
    assert torch.equal(before[0], after[0])
    assert (before[-1] - after[-1]).abs().max() > 1e-4


@float64
@pytest.mark.parametrize("name", ["kernel", "log_desynchronization"])
def test_every_parameter_of_the_coupling_changes_the_result(name):
    model, images = build(KomplexNet), sparse()
    before = run(model, images).logits
    with torch.no_grad():
        model.get_parameter(name).add_(torch.randn_like(model.get_parameter(name)))
    after = run(model, images).logits
    assert torch.equal(after[0], before[0])
    assert (after[-1] - before[-1]).abs().max() > 1e-4


def test_initial_phases_are_uniform_on_the_circle_and_repeat_with_their_generator():
    model, images = build(KomplexNet), sparse()
    phases = model.initial_phases(50, torch.Generator().manual_seed(3))
    assert phases.shape == (256, 50)
    assert phases.abs().max() <= math.pi
    assert max(abs(phases.cos().mean()), abs(phases.sin().mean())) < 0.05
    assert torch.equal(run(model, images, 3).logits, run(model, images, 3).logits)
    assert (run(model, images, 3).logits[-1] - run(model, images, 4).logits[-1]).abs().max() > 1e-4


# both: time, size, gradients


@float64
@models
def test_every_step_changes_the_result(kind):
    logits = build(kind, steps=4)(sparse()).logits
    assert (logits.diff(dim=0).abs().amax((1, 2, 3)) > 1e-4).all()


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({}, (3, 2, 1, 10)),
        ({"steps": 1}, (1, 2, 1, 10)),
        ({"steps": 2, "classes": 4}, (2, 2, 1, 4)),
        ({"heads": 2, "classes": 7}, (3, 2, 2, 7)),
        ({"channels": 3, "size": 48, "hidden": 5}, (3, 2, 1, 10)),
        ({"size": 17, "kernels": (4, 3, 2), "strides": (3, 1, 1)}, (3, 2, 1, 10)),
        ({"widths": (4, 5, 6, 7), "kernels": (3, 3, 3, 3), "strides": (1, 2, 1, 1)}, (3, 2, 1, 10)),
        ({"widths": (4,), "kernels": (3,), "strides": (2,)}, (3, 2, 1, 10)),
    ],
    ids=str,
)
@models
def test_results_have_the_shapes_of_the_network(kind, settings, shape):
    model = kind(**settings)
    result = model(torch.rand(2, model.channels, model.size, model.size))
    layers = [*model.grids, (model.stages[-2].linear.out_features,), (model.heads * model.classes,)]
    expected = [(shape[0], 2, *layer) for layer in layers] if kind is KomplexNet else []
    assert result.logits.shape == shape
    assert [phases.shape for phases in result.phases] == expected
    assert [gates.shape for gates in result.gates] == expected


@models
@pytest.mark.parametrize("network", [{}, {"channels": 3, "heads": 2}], ids=str)
def test_parameters_are_as_many_as_gaspnets_within_5_percent(kind, network):
    plain, expected, actual = (
        sum(p.numel() for p in m.parameters()) for m in (CNN(**network), GASPnet(**network), kind(**network))
    )
    assert abs(actual - expected) <= 0.05 * expected
    assert actual - plain == sum(p.numel() for p in kind(**network).coupling_parameters())


def test_gates_are_between_0_and_1_and_0_where_nothing_is():
    gates = build(KomplexNet)(sparse()).gates
    assert all((gate >= 0).all() and (gate <= 1).all() for gate in gates)
    assert (gates[0][:, :, -1, 0] == 0).all()
    assert gates[0].max() > 0.5


@models
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_training_gives_a_finite_gradient_to_every_parameter(kind, dtype):
    model = build(kind).to(dtype)
    training_loss(model, sparse().to(dtype)).backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    assert [name for name, gradient in gradients.items() if gradient is None or not gradient.isfinite().all()] == []
    assert [name for name, gradient in gradients.items() if not gradient.abs().max() > 0] == []


@models
def test_the_last_logits_alone_train_what_is_coupled(kind):
    model = build(kind)
    run(model, sparse()).logits[-1].square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.coupling_parameters())


def test_the_synchrony_loss_trains_the_coupling_and_no_feature():
    model = build(KomplexNet)
    synchrony_loss(run(model, sparse()).phases[0][1:], object_masks()).backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.coupling_parameters())
    assert [name for name, p in model.stages.named_parameters() if p.grad is not None and p.grad.abs().max() > 0] == []


@models
def test_the_loss_falls_over_steps_of_training(kind):
    model, images = build(kind), sparse(8)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        losses.append(training_loss(model, images))
        losses[-1].backward()
        assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
        optimizer.step()
    assert losses[-1] < losses[0] - 0.2


@models
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_empty_image_has_finite_logits_and_gradients(kind, dtype):
    model = build(kind).to(dtype)
    result = model(torch.zeros(2, 1, 32, 32, dtype=dtype))
    (result.logits.square().sum() + sum(phases.sin().sum() for phases in result.phases)).backward()
    assert result.logits.isfinite().all()
    assert all(phases.isfinite().all() for phases in result.phases)
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None)


# bad arguments


@pytest.mark.parametrize(
    ("kind", "settings", "says"),
    [
        (GAttANet, {"steps": 0}, "steps"),
        (GAttANet, {"key_size": 0}, "key_size"),
        (KomplexNet, {"steps": 0}, "steps"),
        (KomplexNet, {"iterations": -1}, "iterations"),
        (KomplexNet, {"kernel_size": 4}, "kernel_size"),
        (KomplexNet, {"kernel_size": -1}, "kernel_size"),
        (KomplexNet, {"coherence": 1.5}, "coherence"),
        (KomplexNet, {"coherence": math.nan}, "coherence"),
        (GAttANet, {"widths": (26, 30)}, "one entry for each convolution"),
        (KomplexNet, {"hidden": 0}, "at least 1"),
    ],
    ids=str,
)
def test_impossible_settings_are_refused(kind, settings, says):
    with pytest.raises(ValueError, match=says):
        kind(**settings)


@models
def test_unknown_settings_are_refused(kind):
    with pytest.raises(TypeError):
        kind(width=3)


@models
@pytest.mark.parametrize("shape", [(1, 32, 32), (2, 3, 32, 32), (2, 1, 28, 28)], ids=str)
def test_images_of_another_shape_are_refused(kind, shape):
    with pytest.raises(ValueError, match="images must be"):
        kind()(torch.rand(shape))


@models
def test_a_run_of_no_steps_is_refused(kind):
    with pytest.raises(ValueError, match="steps"):
        kind()(sparse(), steps=0)


def test_phases_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="phases must be"):
        KomplexNet()(sparse(), torch.zeros(3, 16, 16))
