"""Phases: the order parameter, the two forms of the coupling, and where the dynamics lead."""

from __future__ import annotations

import math

import pytest
import torch
from drawn import GRIDS, close
from hypothesis import given
from hypothesis import strategies as st

from gasp.nn.kuramoto import align, coupling, dense_coupling, mean_phase, order_parameter
from gasp.nn.neighbourhood import Neighbourhood

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


@pytest.mark.parametrize("angle", [-3.0, -1.0, 0.0, 0.5, 2.0])
def test_the_mean_phase_of_one_phasor_is_its_angle(angle):
    assert mean_phase(torch.tensor(angle).cos(), torch.tensor(angle).sin()).item() == pytest.approx(angle, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_mean_phase_of_nothing_is_0_with_a_finite_gradient(dtype):
    real, imag = torch.zeros(2, 3, dtype=dtype).requires_grad_().unbind()
    real.retain_grad()
    imag.retain_grad()
    angle = mean_phase(real, imag)
    angle.sum().backward()
    assert (angle == 0).all()
    assert real.grad.isfinite().all()
    assert imag.grad.isfinite().all()


def random_state(count, batch):
    """Arguments of a coupling, but for the neighbourhood."""
    shapes = {"phases": (count, *batch), "queries": (count, 3, *batch), "keys": (count, 3, *batch)}
    state = {name: torch.randn(shape) for name, shape in shapes.items()}
    state |= {
        "gates": torch.rand(count, *batch),
        "desynchronization": torch.rand(batch),
        "normalization": torch.rand(batch) + 1,
    }
    return {name: value.requires_grad_() for name, value in state.items()}


def same_in_value_and_gradient(fast, slow, leaves):
    close(fast, slow)
    probe = torch.randn_like(slow)
    for left, right in zip(torch.autograd.grad(fast, leaves, probe), torch.autograd.grad(slow, leaves, probe), strict=True):
        close(left, right)


@float64
@pytest.mark.parametrize("batch", [(), (5,)])
@pytest.mark.parametrize("width", [0.12, 0.5, math.inf])
@pytest.mark.parametrize("units", [0, 4])
@pytest.mark.parametrize("grids", GRIDS.values(), ids=GRIDS)
def test_the_factorised_coupling_is_the_dense_one_in_value_and_gradient(grids, units, width, batch):
    neighbourhood = Neighbourhood(grids, units, width)
    matrix = neighbourhood.matrix()
    state = random_state(len(matrix), batch)
    fast = coupling(**state, neighbourhood=neighbourhood)
    slow = dense_coupling(**state, neighbourhood=matrix)
    same_in_value_and_gradient(fast, slow, list(state.values()))


@float64
@pytest.mark.parametrize("batch", [(), (5,)])
@pytest.mark.parametrize("width", [0.12, math.inf])
@pytest.mark.parametrize("units", [0, 4])
@pytest.mark.parametrize("grids", GRIDS.values(), ids=GRIDS)
def test_alignment_is_euler_steps_of_the_dense_coupling_in_value_and_gradient(grids, units, width, batch):
    neighbourhood = Neighbourhood(grids, units, width)
    matrix = neighbourhood.matrix()
    state = random_state(len(matrix), batch)
    fast = align(**state, neighbourhood=neighbourhood, iterations=3, step_size=0.03)
    constants = {name: value for name, value in state.items() if name != "phases"}
    slow = state["phases"]
    for _ in range(3):
        slow = slow + 0.03 * dense_coupling(slow, **constants, neighbourhood=matrix)
    same_in_value_and_gradient(fast, slow, list(state.values()))


@float64
def test_the_gradient_of_an_alignment_cannot_be_differentiated_again():
    state = random_state(9, ())
    phases = align(**state, neighbourhood=Neighbourhood([(3, 3)]), iterations=1)
    (gradient,) = torch.autograd.grad(phases.square().sum(), state["keys"], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def pair(agreement, desynchronization=0.0, gates=(1.0, 1.0)):
    """The coupling of two oscillators of scalar keys whose mutual agreement is given."""
    return {
        "queries": torch.tensor([[1.0], [agreement]]),
        "keys": torch.tensor([[1.0], [agreement]]),
        "gates": torch.tensor(gates),
        "neighbourhood": Neighbourhood([], units=2, width=math.inf),
        "desynchronization": desynchronization,
        "normalization": 2.0,
    }


@float64
@pytest.mark.parametrize("desynchronization", [0.0, 0.5])
@pytest.mark.parametrize("start", [0.1, 1.5, 3.0])
def test_attracted_oscillators_converge(start, desynchronization):
    phases = align(torch.tensor([0.3, 0.3 + start]), **pair(1.0, desynchronization), iterations=400, step_size=0.3)
    close(order_parameter(phases).item(), 1.0, 1e-6)


@float64
@pytest.mark.parametrize(("agreement", "desynchronization"), [(-1.0, 0.0), (0.0, 1.0), (1.0, 2.0)])
@pytest.mark.parametrize("start", [0.1, 1.5, 3.0])
def test_repelled_oscillators_go_to_antiphase(start, agreement, desynchronization):
    phases = align(torch.tensor([0.3, 0.3 + start]), **pair(agreement, desynchronization), iterations=400, step_size=0.3)
    close(order_parameter(phases).item(), 0.0, 1e-6)
    assert (phases[1] - phases[0]).cos().item() == pytest.approx(-1, abs=1e-6)


@float64
def test_oscillators_of_orthogonal_keys_leave_each_other_alone():
    phases = torch.tensor([0.3, 1.7])
    close(align(phases, **pair(0.0), iterations=10), phases)


@float64
def test_a_silent_oscillator_pulls_nobody_but_is_pulled():
    rate = coupling(torch.tensor([0.0, 1.0]), **pair(1.0, gates=(1.0, 0.0)))
    assert rate[0].item() == 0
    assert rate[1].item() == pytest.approx(-math.sin(1) / 2)


@float64
def test_silence_everywhere_moves_nothing():
    phases = torch.tensor([0.0, 1.0])
    assert torch.equal(align(phases, **pair(1.0, 0.5, gates=(0.0, 0.0)), iterations=10), phases)


@float64
def test_phases_in_unison_stay():
    close(coupling(torch.tensor([2.0, 2.0]), **pair(1.0, 0.3)), torch.zeros(2), 1e-15)


@float64
def test_a_constant_shift_of_all_phases_changes_no_rate():
    count = 9
    state = random_state(count, ())
    shifted = state | {"phases": state["phases"] + 2.3}
    neighbourhood = Neighbourhood([(3, 3)])
    close(coupling(**shifted, neighbourhood=neighbourhood), coupling(**state, neighbourhood=neighbourhood))


def test_no_iteration_is_the_identity():
    phases = torch.randn(2)
    assert torch.equal(align(phases, **pair(1.0), iterations=0), phases)
