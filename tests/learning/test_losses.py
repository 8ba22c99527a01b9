"""The losses: their optima, their invariances, and gradients that stay finite."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gasp.learning.losses import classification_loss, gate_loss, key_loss, synchrony_loss

pytestmark = pytest.mark.usefixtures("float64")


def close(left, right, tolerance=1e-10):
    torch.testing.assert_close(left, right, rtol=tolerance, atol=tolerance)


def bands(groups: int) -> Tensor:
    """Masks of as many groups, each two rows of locations, in two images: ``(2, G, 2G, 3)``."""
    return torch.eye(groups).repeat_interleave(2, 1).unsqueeze(-1).expand(2, -1, -1, 3)


def spread(groups: int, apart: float) -> Tensor:
    """Phases ``(1, 2, 2G, 3)``: each group in phase, the groups apart by an angle."""
    return (torch.arange(groups) * apart).repeat_interleave(2)[None, None, :, None].expand(1, 2, -1, 3) + 0.4


def test_one_label_gives_torch_s_cross_entropy():
    logits, labels = torch.randn(3, 5, 2, 7), torch.randint(7, (5, 2))
    expected = F.cross_entropy(logits.flatten(0, 2), labels.expand(3, -1, -1).flatten())
    close(classification_loss(logits, F.one_hot(labels, 7).double()), expected)


def test_the_loss_is_the_mean_over_steps_images_and_heads():
    logits, targets = torch.randn(3, 4, 2, 5), F.one_hot(torch.randint(5, (4, 2)), 5).double()
    parts = [
        classification_loss(logits[t : t + 1, b : b + 1, h : h + 1], targets[b : b + 1, h : h + 1])
        for t in range(3)
        for b in range(4)
        for h in range(2)
    ]
    close(classification_loss(logits, targets), torch.stack(parts).mean())


@pytest.mark.parametrize("present", [1, 2, 3])
def test_the_optimum_of_several_targets_is_the_log_of_their_number(present):
    targets = torch.zeros(1, 1, 10)
    targets[..., :present] = 1
    optimum = classification_loss(targets[None] * 1000, targets)
    close(optimum.item(), math.log(present))
    for _ in range(20):
        assert classification_loss(torch.randn(1, 1, 1, 10) * 10, targets) > optimum


def test_the_gradient_of_several_targets_is_the_softmax_less_the_shares():
    logits, targets = torch.randn(1, 1, 1, 10, requires_grad=True), torch.zeros(1, 1, 10)
    targets[..., 2:4] = 1
    classification_loss(logits, targets).backward()
    close(logits.grad, logits.detach().softmax(-1) - targets / 2)


@pytest.mark.parametrize("groups", [2, 3, 5])
def test_groups_in_phase_within_and_spread_evenly_have_loss_0(groups):
    assert synchrony_loss(spread(groups, 2 * math.pi / groups), bands(groups)).item() == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("groups", [2, 3])
def test_identical_phases_have_loss_1(groups):
    assert synchrony_loss(spread(groups, 0), bands(groups)).item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("apart", [0.5, 1.5, 3.0])
def test_two_groups_in_phase_within_pay_for_the_angle_between_them(apart):
    expected = (1 + math.cos(apart)) / 2
    assert synchrony_loss(spread(2, apart), bands(2)).item() == pytest.approx(expected, abs=1e-3)


def test_groups_without_order_pay_1_for_it():
    within = torch.tensor([0.0, math.pi]).repeat(2)[None, None, :, None].expand(1, 2, -1, 3)
    assert synchrony_loss(within, bands(2)).item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("shift", [0.7, math.pi, 2 * math.pi])
def test_a_constant_shift_changes_nothing(shift):
    phases, masks = torch.randn(2, 3, 4, 4), torch.rand(3, 2, 4, 4)
    close(synchrony_loss(phases + shift, masks), synchrony_loss(phases, masks))


def test_the_loss_is_between_0_and_2():
    for _ in range(20):
        assert -1e-6 <= synchrony_loss(torch.randn(2, 3, 4, 4) * 3, torch.rand(3, 2, 4, 4)).item() <= 2


def test_objects_count_alike_whatever_their_coverage():
    phases, masks = torch.randn(2, 3, 4, 4), torch.rand(3, 2, 4, 4)
    close(synchrony_loss(phases, masks * torch.tensor([1.0, 0.2])[:, None, None]), synchrony_loss(phases, masks))


def test_the_loss_is_the_mean_over_steps_and_images():
    phases, masks = torch.randn(2, 3, 4, 4), torch.rand(3, 2, 4, 4)
    parts = [synchrony_loss(phases[t : t + 1, b : b + 1], masks[b : b + 1]) for t in range(2) for b in range(3)]
    close(synchrony_loss(phases, masks), torch.stack(parts).mean())


def test_a_small_step_along_the_gradient_lowers_the_loss():
    phases, masks = torch.randn(1, 2, 4, 4, requires_grad=True), torch.rand(2, 2, 4, 4)
    loss = synchrony_loss(phases, masks)
    (gradient,) = torch.autograd.grad(loss, phases)
    assert synchrony_loss(phases - 1e-2 * gradient / gradient.norm(), masks) < loss


def test_descent_brings_two_groups_to_antiphase():
    phases = (spread(2, 0.8) + 0.3 * torch.randn(1, 2, 4, 3)).requires_grad_()
    for _ in range(300):
        (gradient,) = torch.autograd.grad(synchrony_loss(phases, bands(2)), phases)
        phases = (phases - 4 * gradient).detach().requires_grad_()
    assert synchrony_loss(phases, bands(2)).item() == pytest.approx(0, abs=1e-2)


def test_locations_of_no_object_have_no_gradient():
    phases, masks = torch.randn(1, 2, 4, 4, requires_grad=True), torch.rand(2, 2, 4, 4)
    masks[..., 2:, :] = 0
    synchrony_loss(phases, masks).backward()
    assert (phases.grad[..., 2:, :] == 0).all()
    assert (phases.grad[..., :2, :] != 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_object_without_coverage_has_a_finite_loss_and_gradient(dtype):
    phases, masks = torch.randn(1, 2, 4, 4, dtype=dtype, requires_grad=True), torch.rand(2, 2, 4, 4, dtype=dtype)
    masks[:, 1] = 0
    loss = synchrony_loss(phases, masks)
    loss.backward()
    assert loss.isfinite()
    assert phases.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_phases_that_cancel_exactly_have_a_finite_gradient(dtype):
    phases = (
        torch.tensor([0.0, math.pi], dtype=dtype).repeat(2)[None, None, :, None].expand(1, 2, -1, 3).clone().requires_grad_()
    )
    synchrony_loss(phases, bands(2).to(dtype)).backward()
    assert phases.grad.isfinite().all()


def keys_of(groups: int) -> Tensor:
    """Keys ``(1, 2, G, 2G, 3)`` of ``bands``: one unit vector a group."""
    return torch.eye(groups).repeat_interleave(2, 1).unsqueeze(-1).expand(1, 2, -1, -1, 3)


def test_the_loss_on_keys_is_the_mean_surprise_of_each_object():
    keys, queries, masks = torch.randn(2, 3, 5, 4, 4), torch.randn(2, 3, 5, 4, 4), torch.rand(3, 2, 4, 4)
    surprises = []
    for t in range(2):
        for b in range(3):
            means = [(keys[t, b] * mask).sum((1, 2)) / mask.sum() for mask in masks[b]]
            for g, mask in enumerate(masks[b]):
                total = 0.0
                for row in range(4):
                    for column in range(4):
                        scores = torch.stack([4 * queries[t, b, :, row, column] @ mean for mean in means])
                        total = total - mask[row, column] * scores.log_softmax(0)[g]
                surprises.append(total / mask.sum())
    close(key_loss(keys, queries, masks), torch.stack(surprises).mean(), 1e-5)


@pytest.mark.parametrize("groups", [2, 3, 5])
def test_keys_that_are_all_alike_cost_the_log_of_the_number_of_objects(groups):
    keys = torch.ones(1, 2, 4, 2 * groups, 3)
    close(key_loss(keys, keys, bands(groups)).item(), math.log(groups), 1e-5)


@pytest.mark.parametrize("groups", [2, 3, 5])
def test_orthogonal_keys_of_the_objects_cost_what_their_sharpness_leaves(groups):
    keys = keys_of(groups)
    close(key_loss(keys, keys, bands(groups)).item(), math.log(1 + (groups - 1) * math.exp(-4)), 1e-5)
    assert key_loss(keys, keys.flip(2), bands(groups)) > math.log(groups), "queries that find another object cost more"


def test_an_object_without_coverage_has_a_finite_loss_on_keys():
    keys, masks = torch.randn(1, 2, 3, 4, 4, requires_grad=True), torch.rand(2, 2, 4, 4)
    masks[:, 1] = 0
    key_loss(keys, keys, masks).backward()
    assert keys.grad.isfinite().all()


def test_the_loss_on_a_gate_is_least_where_it_is_as_open_as_objects_cover():
    masks = 0.5 * torch.rand(3, 2, 4, 4)
    covered = masks.sum(1).requires_grad_()
    loss = gate_loss(covered, masks)
    (gradient,) = torch.autograd.grad(loss, covered)
    close(gradient, torch.zeros_like(gradient), 1e-8)
    for _ in range(5):
        assert gate_loss(torch.rand(3, 4, 4), masks) > loss
