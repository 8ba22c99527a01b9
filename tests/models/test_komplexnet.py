"""KomplexNet: what it reduces to, and the sums that define its complex layers and its coupling."""

from __future__ import annotations

import math

import pytest
import torch
from drawn import filled, object_masks, sparse
from torch import Tensor
from torch.nn import functional as F

from gasp.learning.losses import synchrony_loss
from gasp.models import CNN, GASPnet, KomplexNet
from gasp.nn.kuramoto import rates
from gasp.settings import GaspError

float64 = pytest.mark.usefixtures("float64")


def build(**settings) -> KomplexNet:
    """The network of one seed, whatever its settings."""
    torch.manual_seed(1)
    return KomplexNet(**settings)


@float64
def test_without_coherence_is_the_cnn_at_every_step():
    cnn, model, images = CNN(), KomplexNet(steps=4, coherence=0), sparse()
    model.load_state_dict(cnn.state_dict(), strict=False)
    assert torch.equal(model(images).logits, cnn(images).logits.expand(4, -1, -1, -1))


def with_feedback(scale: float = 1.0, **settings) -> KomplexNet:
    """The network of the same seed with feedback, whose kernels and weights are random."""
    model = build(feedback=True, **settings)
    with torch.no_grad():
        for parameter in model.feedback.parameters():
            parameter.copy_(scale * torch.randn_like(parameter))
    return model


@float64
def test_feedback_of_no_weight_is_the_feed_forward_network():
    plain, model, images = build(steps=4), with_feedback(scale=0.0, steps=4), sparse()
    phases = plain.initial_phases(3)
    expected, found = plain(images, phases), model(images, phases)
    assert torch.equal(found.logits, expected.logits)
    assert all(map(torch.equal, found.phases, expected.phases))


@float64
def test_feedback_starts_from_the_feed_forward_network():
    plain, model = build(), build(feedback=True)
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in plain.state_dict().items())
    assert all((parameter == 0).all() for parameter in model.feedback.parameters())


@float64
def test_feedback_moves_phases_and_answers_from_the_second_step_on():
    plain, model, images = build(steps=4), with_feedback(steps=4), sparse()
    phases = plain.initial_phases(3)
    before, after = plain(images, phases), model(images, phases)
    assert torch.equal(after.logits[0], before.logits[0])
    assert torch.equal(after.phases[0][0], before.phases[0][0])
    assert (after.phases[0] - before.phases[0])[1:].abs().amax((1, 2, 3)).min() > 1e-2
    assert (after.logits - before.logits)[1:].abs().amax((1, 2, 3)).min() > 1e-3


@float64
def test_feedback_comes_from_the_phases_of_the_sweep_before():
    """One iteration, without the first layer's own coupling: phases move by the field of the layers above alone."""
    model, images = with_feedback(iterations=1, step_size=0.7, steps=3, widths=(4,), kernels=(3,), strides=(4,)), sparse()
    with torch.no_grad():
        model.kernel.zero_()
        model.log_desynchronization.fill_(-math.inf)
    result = model(images)
    first = model.stages[0](images)
    share = (first + 1e-6) / (first + 1e-6).sum(1, keepdim=True)
    activities = [model.stages[1](first), result.logits[0].flatten(1)]  # those of step 0, which is plain
    before, moved = result.phases[0][0], torch.zeros_like(result.phases[0][0])
    for weight, activity, above in zip(model.feedback.weights, activities, result.phases[1:], strict=True):
        gates = activity.abs().tanh()
        pull = torch.sin(above[0][:, :, None, None] - before.unsqueeze(1)) * gates[:, :, None, None]  # (B, n, H, W)
        weights = torch.einsum("bchw,cn->bnhw", share, weight)
        moved += 0.7 * (weights * pull).sum(1) / (gates.sum(1)[:, None, None] + 1e-6)
    torch.testing.assert_close(result.phases[0][1], before + moved, rtol=0, atol=1e-9)


@float64
def test_feedback_of_a_constant_shift_of_all_phases_changes_no_logit():
    model, images = with_feedback(), sparse()
    phases = model.initial_phases(3)
    before, after = model(images, phases), model(images, phases + 1.3)
    torch.testing.assert_close(after.logits, before.logits, rtol=0, atol=1e-8)


def run(model: KomplexNet, images: Tensor, seed: int):
    return model.run(images, torch.Generator().manual_seed(seed))


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
    model, images = build(steps=2), filled()
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
    model, images = build(kernel_size=5, widths=(4,), kernels=(3,), strides=(4,)), sparse()
    with torch.no_grad():
        model.kernel.copy_(torch.randn(5, 5))
    first = model.stages[0](images)
    phases = model.initial_phases(3)
    found = rates(phases, model.coupling(first))
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
        torch.testing.assert_close(found[i], naive, rtol=1e-9, atol=1e-9)


@float64
@pytest.mark.parametrize("images", [filled, sparse])
@pytest.mark.parametrize("shift", [1.0, -2.5])
def test_a_constant_shift_of_all_phases_changes_no_logit(images, shift):
    model, images = build(), images()
    phases = model.initial_phases(3)
    before, after = model(images, phases), model(images, phases + shift)
    torch.testing.assert_close(after.logits, before.logits, rtol=0, atol=1e-8)
    torch.testing.assert_close(after.phases[0], before.phases[0] + shift, rtol=0, atol=1e-8)


@float64
def test_with_one_phase_everywhere_a_sum_has_that_phase_or_the_opposite_one():
    model, images = build(steps=2), filled()
    phases = model(images, torch.full((256, 3), 0.7)).phases
    torch.testing.assert_close(phases[0], torch.full_like(phases[0], 0.7), rtol=0, atol=1e-8)
    for layer in phases[1:]:
        assert torch.cos(2 * (layer - 0.7)).min() > 1 - 1e-8


def test_coupling_synchronises_objects_and_separates_them():
    phases = build(steps=4)(sparse(16)).phases[0]
    before, after = (synchrony_loss(phases[step : step + 1], object_masks(16)) for step in (0, 3))
    assert after < before / 3


def test_initial_phases_are_uniform_on_the_circle_and_repeat_with_their_generator():
    model, images = build(), sparse()
    phases = model.initial_phases(50, torch.Generator().manual_seed(3))
    assert phases.shape == (256, 50)
    assert phases.abs().max() <= math.pi
    assert max(abs(phases.cos().mean()), abs(phases.sin().mean())) < 0.05
    assert torch.equal(run(model, images, 3).logits, run(model, images, 3).logits)
    assert (run(model, images, 3).logits[-1] - run(model, images, 4).logits[-1]).abs().max() > 1e-4


def test_gates_are_between_0_and_1_and_0_where_nothing_is():
    gates = build()(sparse()).gates
    assert all((gate >= 0).all() and (gate <= 1).all() for gate in gates)
    assert (gates[0][:, :, -1, 0] == 0).all()
    assert gates[0].max() > 0.5


@pytest.mark.parametrize("feedback", [False, True])
def test_the_synchrony_loss_trains_the_coupling_and_no_feature(feedback):
    model = build(feedback=feedback)
    synchrony_loss(model(sparse()).phases[0][1:], object_masks()).backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.coupling_parameters())
    assert [name for name, p in model.stages.named_parameters() if p.grad is not None and p.grad.abs().max() > 0] == []


def test_phases_of_another_shape_are_refused():
    with pytest.raises(GaspError, match="phases must be"):
        KomplexNet()(sparse(), torch.zeros(3, 16, 16))


@pytest.mark.parametrize("feedback", [False, True])
@pytest.mark.parametrize("network", [{}, {"channels": 3, "heads": 2}], ids=str)
def test_parameters_are_as_many_as_gaspnet_s_within_5_percent(network, feedback):
    models = GASPnet(**network), KomplexNet(**network, feedback=feedback)
    expected, actual = (sum(p.numel() for p in model.parameters()) for model in models)
    assert abs(actual - expected) <= 0.05 * expected


def test_the_last_logits_alone_train_what_is_coupled():
    model = build()
    model(sparse()).logits[-1].square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.coupling_parameters())


@pytest.mark.parametrize(
    "settings",
    [{"kernel_size": 4}, {"kernel_size": -1}, {"feedback_kernel_size": 2}, {"coherence": 1.5}, {"coherence": math.nan}],
    ids=str,
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(GaspError, match=next(iter(settings))):
        build(**settings)
