"""Phasors: the order parameter, mean phases, and what they are where phases cancel."""

from __future__ import annotations

import math

import pytest
import torch
from drawn import close
from hypothesis import given
from hypothesis import strategies as st

from gasp.nn.phasors import angle, direction, length, mean_phasor, order_parameter, phasors

ANGLES = st.lists(st.floats(-10, 10), min_size=1, max_size=12).map(lambda angles: torch.tensor(angles, dtype=torch.float64))
float64 = pytest.mark.usefixtures("float64")


@given(st.floats(-10, 10), st.integers(1, 20))
def test_identical_phases_have_order_1(angle, count):
    close(order_parameter(torch.full((count,), angle, dtype=torch.float64)).item(), 1.0)


@given(st.floats(-10, 10), st.integers(2, 20))
def test_evenly_spread_phases_have_order_0(angle, count):
    phases = angle + torch.arange(count, dtype=torch.float64) * 2 * math.pi / count
    close(order_parameter(phases).item(), 0.0)


@given(ANGLES, st.floats(-10, 10))
def test_a_constant_shift_keeps_the_order(phases, shift):
    close(order_parameter(phases + shift), order_parameter(phases))


@given(ANGLES, st.data())
def test_order_is_between_0_and_1_for_any_weights(phases, data):
    size = len(phases)
    weights = torch.tensor(data.draw(st.lists(st.floats(0, 5), min_size=size, max_size=size)), dtype=torch.float64)
    assert -1e-12 <= order_parameter(phases, weights).item() <= 1 + 1e-12


@given(ANGLES, st.floats(-10, 10))
def test_an_oscillator_of_weight_0_does_not_count(phases, extra):
    more = torch.cat([phases, torch.tensor([extra], dtype=torch.float64)])
    weights = torch.ones_like(more)
    weights[-1] = 0
    close(order_parameter(more, weights), order_parameter(phases))


@float64
def test_order_is_taken_along_the_dimension_asked_for():
    phases = torch.rand(3, 4, 5) * 6
    close(order_parameter(phases, dim=1), order_parameter(phases.transpose(1, 2)))
    close(order_parameter(phases, torch.ones(4, 1), dim=1), order_parameter(phases, dim=1))


@float64
def test_order_of_weights_that_are_all_0_is_0_with_a_finite_gradient():
    phases = torch.rand(7, requires_grad=True)
    order = order_parameter(phases, torch.zeros(7))
    order.backward()
    assert order.item() == pytest.approx(0, abs=1e-9)
    assert phases.grad.isfinite().all()


@given(ANGLES, st.data())
def test_the_mean_phasor_is_the_weighted_mean_of_unit_vectors(phases, data):
    size = len(phases)
    weights = torch.tensor(data.draw(st.lists(st.floats(0.1, 5), min_size=size, max_size=size)), dtype=torch.float64)
    mean = (weights * torch.exp(1j * phases)).sum() / weights.sum()
    close(torch.complex(*mean_phasor(phases, weights)), mean)
    close(length(mean_phasor(phases, weights)), mean.abs())


@pytest.mark.parametrize("phase", [-3.0, -1.0, 0.0, 0.5, 2.0])
def test_the_angle_of_a_phasor_is_its_phase(phase):
    assert angle(3 * phasors(torch.tensor(phase))).item() == pytest.approx(phase, abs=1e-6)


def test_a_direction_is_the_phasor_of_the_angle():
    z = torch.randn(2, 3, 4, 5) * torch.logspace(-30, 30, 5)
    z[:, 0, 0, 0] = 0  # has angle 0
    torch.testing.assert_close(direction(z), phasors(angle(z)), rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_phasor_of_0_has_angle_0_and_finite_gradients(dtype):
    nothing = torch.zeros(2, 3, dtype=dtype, requires_grad=True)
    assert (angle(nothing) == 0).all()
    for result in (angle(nothing), length(nothing)):
        (gradient,) = torch.autograd.grad(result.sum(), nothing)
        assert gradient.isfinite().all()
