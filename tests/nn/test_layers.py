"""Phase-modulated layers against the sum over pairs that defines them."""

from __future__ import annotations

import math

import pytest
import torch
from drawn import close
from torch.nn import functional as F

from gasp.nn.layers import PhaseConv2d, PhaseLinear, complex_activity, modulated
from gasp.nn.phasors import phasors

pytestmark = pytest.mark.usefixtures("float64")

SHAPES = [(1, 1, 0), (3, 1, 1), (3, 2, 1), (5, 2, 2), (4, 3, 2), (2, 2, 0)]  # kernel, stride, padding
conv_shapes = pytest.mark.parametrize(("kernel", "stride", "padding"), SHAPES)
modulations = pytest.mark.parametrize("modulation", [0.5, 1.0, 2.0])


def conv_case(kernel=3, stride=2, padding=1, bias=True):
    """A layer, its input, the phases of its input and of its output."""
    layer = PhaseConv2d(3, 4, kernel, stride, padding, bias=bias)
    x = torch.rand(2, 3, 9, 7)
    return layer, x, torch.randn(2, 9, 7), torch.randn(2, *layer(x).shape[-2:])


def linear_case(bias=True):
    return PhaseLinear(6, 5, bias), torch.rand(2, 6), torch.randn(2, 6), torch.randn(2, 5)


def run(layer, x, before, after, modulation):
    return modulated(layer(x), layer.complex_response(complex_activity(x, phasors(before))), phasors(after), modulation)


CASES = {"convolution": conv_case, "linear": linear_case}
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@conv_shapes
@modulations
def test_a_modulated_convolution_is_the_sum_over_pairs(kernel, stride, padding, modulation):
    layer, x, before, after = conv_case(kernel, stride, padding)
    patches = F.unfold(x, kernel, 1, padding, stride).unflatten(1, (3, kernel * kernel))  # (B, C, k², L)
    angles = F.unfold(before.unsqueeze(1), kernel, 1, padding, stride)  # (B, k², L)
    agreement = 1 + modulation * torch.cos(after.flatten(1).unsqueeze(1) - angles)
    naive = torch.einsum("ock,bckl,bkl->bol", layer.weight.flatten(2), patches, agreement) + layer.bias[:, None]
    close(run(layer, x, before, after, modulation), naive.unflatten(2, after.shape[1:]))


@modulations
def test_a_modulated_linear_layer_is_the_sum_over_pairs(modulation):
    layer, x, before, after = linear_case()
    naive = torch.empty(2, 5)
    for b in range(2):
        for i in range(5):
            pairs = (layer.weight[i, j] * x[b, j] * (1 + modulation * math.cos(after[b, i] - before[b, j])) for j in range(6))
            naive[b, i] = sum(pairs) + layer.bias[i]
    close(run(layer, x, before, after, modulation), naive)


@cases
def test_a_modulation_of_each_channel_or_unit_is_that_of_its_own_number(case):
    layer, x, before, after = case()
    plain = layer(x)
    strengths = torch.rand(plain.shape[1])
    own = strengths.view(-1, *[1] * (plain.ndim - 2))
    expected = torch.stack([run(layer, x, before, after, a.item())[:, i] for i, a in enumerate(strengths)], 1)
    close(run(layer, x, before, after, own), expected)
    close(run(layer, x, before, after, 0 * own), plain)


@cases
def test_modulation_0_is_the_plain_response(case):
    layer, x, before, after = case()
    assert torch.equal(run(layer, x, before, after, 0), layer(x))


@cases
@modulations
@pytest.mark.parametrize("apart", [0.0, math.pi], ids=["in phase", "antiphase"])
def test_one_phase_scales_all_but_the_bias(case, modulation, apart):
    layer, x, before, after = case()
    response = run(layer, x, torch.full_like(before, 0.7), torch.full_like(after, 0.7 + apart), modulation)
    without_bias = layer(x) - layer(torch.zeros_like(x))
    factor = 1 + modulation * math.cos(apart)
    close(response, layer(x) + (factor - 1) * without_bias)


@cases
def test_without_bias_antiphase_at_full_modulation_silences(case):
    layer, x, before, after = case(bias=False)
    close(run(layer, x, torch.zeros_like(before), torch.full_like(after, math.pi), 1.0), torch.zeros_like(layer(x)))


@cases
def test_a_constant_shift_of_all_phases_changes_nothing(case):
    layer, x, before, after = case()
    close(run(layer, x, before + 1.3, after + 1.3, 1.0), run(layer, x, before, after, 1.0))


@cases
def test_gradients_reach_weights_activity_and_phases(case):
    layer, x, before, after = case()
    leaves = [leaf.requires_grad_() for leaf in (layer.weight, x, before, after)]
    for gradient in torch.autograd.grad(run(layer, x, before, after, 1.0).square().sum(), leaves):
        assert gradient.isfinite().all()
        assert gradient.abs().max() > 0


def test_without_phases_the_layers_are_torch_s_own():
    conv, linear = PhaseConv2d(3, 4, 3, 2, 1), PhaseLinear(6, 5)
    image, row = torch.rand(2, 3, 9, 9), torch.rand(2, 6)
    assert torch.equal(conv(image), F.conv2d(image, conv.weight, conv.bias, 2, 1))
    assert torch.equal(linear(row), F.linear(row, linear.weight, linear.bias))


@conv_shapes
@pytest.mark.parametrize("angle", [-3.0, 0.0, 1.0, 8.0])
def test_a_receptive_field_of_one_phase_drives_this_phase(kernel, stride, padding, angle):
    layer, x, before, after = conv_case(kernel, stride, padding)
    driven = layer.driven_phases(x + 0.1, torch.full_like(before, angle))
    assert driven.shape == after.shape
    close((driven - angle).cos(), torch.ones_like(after))


def test_each_receptive_field_takes_the_phase_of_its_own_input():
    layer = PhaseConv2d(3, 4, 2, 2)
    coarse = torch.rand(2, 3, 4) * 6 - 3
    fine = coarse.repeat_interleave(2, 1).repeat_interleave(2, 2)
    close(layer.driven_phases(torch.rand(2, 3, 6, 8) + 0.1, fine), coarse)


def test_the_drive_listens_to_the_stronger_input():
    layer = PhaseConv2d(1, 1, (1, 2))
    phases = torch.tensor([[[0.0, math.pi]]])
    assert layer.driven_phases(torch.tensor([[[[2.0, 1.0]]]]), phases).cos().item() == pytest.approx(1)
    assert layer.driven_phases(torch.tensor([[[[1.0, 2.0]]]]), phases).cos().item() == pytest.approx(-1)


def test_a_shift_of_the_input_shifts_the_drive():
    layer, x, before, _ = conv_case()
    close((layer.driven_phases(x, before + 1.3) - layer.driven_phases(x, before)).cos(), torch.full((2, 5, 4), math.cos(1.3)))


def test_the_drive_sends_its_gradient_to_phases_and_not_to_activity():
    layer, x, before, _ = conv_case()
    drive = layer.driven_phases(x.requires_grad_(), before.requires_grad_())
    to_activity, to_phases = torch.autograd.grad(drive.sum(), [x, before], allow_unused=True)
    assert to_activity is None
    assert to_phases.abs().min() > 0


def test_a_silent_receptive_field_has_a_finite_gradient():
    layer, x, before, _ = conv_case()
    layer.driven_phases(torch.zeros_like(x), before.requires_grad_()).sum().backward()
    assert before.grad.isfinite().all()
