"""Feedback: the sums over pairs that define its field."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from gasp.nn.feedback import Feedback
from gasp.nn.phasors import phasors

pytestmark = pytest.mark.usefixtures("float64")

BATCH = 2
FLOOR = 1e-6


def build() -> Feedback:
    """Feedback with random parameters, of two convolutions (strides 2 and 1) and two dense layers to a layer of 5×7 cells."""
    feedback = Feedback((5, 7), widths=(3, 4, 2), strides=(2, 2, 1), units=(6, 5), kernel_size=3)
    with torch.no_grad():
        for parameter in feedback.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return feedback


def layers() -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Activity of the first layer, and activity and phases of those above: a read-out may be negative."""
    first = torch.rand(BATCH, 3, 5, 7)
    shapes = [(4, 3, 4), (2, 3, 4), (6,), (5,)]
    activities = [torch.randn(BATCH, *shape) for shape in shapes]
    return first, activities, [torch.rand_like(activity) * 2 * math.pi for activity in activities]


def field(feedback: Feedback, first: Tensor, activities: list[Tensor], phases: list[Tensor]) -> Tensor:
    real, imag = feedback(first, activities, [phasors(layer) for layer in phases])
    return torch.complex(real, imag).T.unflatten(1, (5, 7))  # (B, H, W)


def test_the_field_is_the_sum_over_pairs():
    feedback, (first, activities, phases) = build(), layers()
    found = field(feedback, first, activities, phases)
    gates = [activity.abs().tanh() for activity in activities]
    for image in range(BATCH):
        for row in range(5):
            for column in range(7):
                expected = torch.zeros((), dtype=torch.complex128)
                for kernel, gate, angle in zip(feedback.kernels, gates[:2], phases[:2], strict=True):
                    pull, near = 0.0, FLOOR
                    for y in range(gate.shape[2]):
                        for x in range(gate.shape[3]):
                            dy, dx = row - 2 * y, column - 2 * x  # from the centre of the cell, in cells of the first layer
                            if max(abs(dy), abs(dx)) <= 1:
                                weights, unit = kernel[:, 0, dy + 1, dx + 1], torch.exp(1j * angle[image, :, y, x])
                                pull = pull + (weights * gate[image, :, y, x] * unit).sum()
                                near = near + gate[image, :, y, x].sum()
                    expected = expected + pull / near
                share = first[image, :, row, column] / first[image, :, row, column].sum()
                for weight, gate, angle in zip(feedback.weights, gates[2:], phases[2:], strict=True):
                    pulls = (share @ weight) * gate[image] * torch.exp(1j * angle[image])
                    expected = expected + pulls.sum() / (gate[image].sum() + FLOOR)
                torch.testing.assert_close(found[image, row, column], expected, rtol=0, atol=1e-5)


def test_before_training_there_is_no_field():
    first, activities, phases = layers()
    feedback = Feedback((5, 7), widths=(3, 4, 2), strides=(2, 2, 1), units=(6, 5), kernel_size=3)
    assert (field(feedback, first, activities, phases) == 0).all()


@pytest.mark.parametrize("name", [name for name, _ in build().named_parameters()])
def test_every_layer_above_pulls(name):
    feedback, (first, activities, phases) = build(), layers()
    before = field(feedback, first, activities, phases)
    with torch.no_grad():
        feedback.get_parameter(name).add_(1.0)
    assert (field(feedback, first, activities, phases) - before).abs().max() > 1e-2


def test_a_layer_pulls_with_a_bounded_force_however_many_of_it_are_active():
    feedback, (first, activities, phases) = build(), layers()
    with torch.no_grad():
        for parameter in feedback.parameters():
            parameter.fill_(1.0)
    in_phase = [torch.full_like(layer, 0.3) for layer in phases]
    covered = field(feedback, first, activities, in_phase)
    torch.testing.assert_close(covered, torch.full_like(covered, 4 * torch.exp(torch.tensor(0.3j))), rtol=0, atol=1e-4)


def test_silence_above_pulls_nothing_and_stays_finite():
    feedback, (first, activities, phases) = build(), layers()
    silent = field(feedback, torch.zeros_like(first), [torch.zeros_like(layer) for layer in activities], phases)
    assert (silent == 0).all()


def test_a_gradient_reaches_the_parameters_alone():
    feedback, (first, activities, phases) = build(), layers()
    for tensor in (first, *activities):
        tensor.requires_grad_()
    field(feedback, first, activities, phases).abs().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in feedback.parameters())
    assert all(tensor.grad is None for tensor in (first, *activities))
