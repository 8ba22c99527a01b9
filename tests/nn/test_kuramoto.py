"""The two forms of the coupling, and where the dynamics lead."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from drawn import GRIDS, close
from torch import Tensor

from gasp.nn.kuramoto import Coupling, align, dense_rates, rates
from gasp.nn.neighbourhood import Neighbourhood
from gasp.nn.phasors import order_parameter, phasors

float64 = pytest.mark.usefixtures("float64")
neighbourhoods = pytest.mark.parametrize("width", [0.12, 0.5, math.inf])
batches = pytest.mark.parametrize("batch", [(), (5,)])
units = pytest.mark.parametrize("units", [0, 4])
grids = pytest.mark.parametrize("grids", GRIDS.values(), ids=GRIDS)


def random_coupling(neighbourhood, count: int, batch: tuple[int, ...] = ()) -> tuple[Coupling, list[Tensor]]:
    """A coupling, and its tensors."""
    vectors, gates = torch.randn(2, count, 3, *batch), torch.rand(count, *batch)
    tensors = [*vectors, gates, torch.rand(batch), torch.rand(batch) + 1]
    queries, keys, gates, desynchronization, normalization = (tensor.requires_grad_() for tensor in tensors)
    coupling = Coupling(queries, keys, gates, neighbourhood, desynchronization, normalization)
    return coupling, [queries, keys, gates, desynchronization, normalization]


def same_in_value_and_gradient(fast, slow, leaves):
    close(fast, slow)
    probe = torch.randn_like(slow)
    for left, right in zip(torch.autograd.grad(fast, leaves, probe), torch.autograd.grad(slow, leaves, probe), strict=True):
        close(left, right)


@float64
@batches
@neighbourhoods
@units
@grids
def test_the_factorised_rates_are_the_dense_ones_in_value_and_gradient(grids, units, width, batch):
    neighbourhood = Neighbourhood(grids, units, width)
    matrix = neighbourhood.matrix()
    coupling, tensors = random_coupling(neighbourhood, len(matrix), batch)
    phases = torch.randn(len(matrix), *batch, requires_grad=True)
    same_in_value_and_gradient(rates(phases, coupling), dense_rates(phases, coupling, matrix), [phases, *tensors])


@float64
@batches
def test_the_neighbourhood_need_not_be_symmetric(batch):
    matrix = torch.rand(7, 7, requires_grad=True)
    coupling, tensors = random_coupling(lambda sources: torch.einsum("ij,j...->i...", matrix, sources), 7, batch)
    phases = torch.randn(7, *batch, requires_grad=True)
    same_in_value_and_gradient(rates(phases, coupling), dense_rates(phases, coupling, matrix), [phases, matrix, *tensors])


@float64
@batches
@pytest.mark.parametrize("per_oscillator", ["desynchronization", "normalization"])
def test_desynchronization_and_normalization_may_differ_between_oscillators(per_oscillator, batch):
    coupling, _ = random_coupling(Neighbourhood([(3, 3)]), 9, batch)
    coupling = replace(coupling, **{per_oscillator: torch.rand(9, *batch) + 0.1})
    phases = torch.randn(9, *batch)
    naive = torch.zeros(9, *batch)
    matrix = Neighbourhood([(3, 3)]).matrix()
    epsilon, kappa = (torch.as_tensor(x).expand_as(naive) for x in (coupling.desynchronization, coupling.normalization))
    for i in range(9):
        for j in range(9):
            agreement = (coupling.queries[i] * coupling.keys[j]).sum(0) * matrix[i, j]
            naive[i] += coupling.gates[j] * (agreement - epsilon[i]) / kappa[i] * torch.sin(phases[j] - phases[i])
    close(rates(phases, coupling), naive)
    close(dense_rates(phases, coupling, matrix), naive)


@float64
@batches
def test_a_field_pulls_like_an_oscillator_at_its_angle(batch):
    coupling, _ = random_coupling(Neighbourhood([(3, 3)]), 9, batch)
    phases, angles, lengths = torch.randn(3, 9, *batch)
    fielded = replace(coupling, field=lengths * phasors(angles))
    expected = rates(phases, coupling) + lengths * torch.sin(angles - phases)
    close(rates(phases, fielded), expected)
    close(dense_rates(phases, fielded, Neighbourhood([(3, 3)]).matrix()), expected)
    still = replace(coupling, field=torch.zeros(2, 9, *batch))
    assert torch.equal(rates(phases, still), rates(phases, coupling))


@float64
def test_alignment_is_euler_steps_of_the_rates():
    coupling, _ = random_coupling(Neighbourhood([(3, 3)], 2), 11, (5,))
    start = torch.randn(11, 5)
    stepped = start
    for _ in range(3):
        stepped = stepped + 0.03 * rates(stepped, coupling)
    assert torch.equal(align(start, coupling, iterations=3, step_size=0.03), stepped)


def pair(agreement, desynchronization=0.0, gates=(1.0, 1.0)):
    """The coupling of two oscillators of scalar keys whose mutual agreement is given."""
    vectors = torch.tensor([[1.0], [agreement]])
    everywhere = Neighbourhood([], units=2, width=math.inf)
    return Coupling(vectors, vectors, torch.tensor(gates), everywhere, desynchronization, normalization=2.0)


@float64
@pytest.mark.parametrize("desynchronization", [0.0, 0.5])
@pytest.mark.parametrize("start", [0.1, 1.5, 3.0])
def test_attracted_oscillators_converge(start, desynchronization):
    phases = align(torch.tensor([0.3, 0.3 + start]), pair(1.0, desynchronization), iterations=400, step_size=0.3)
    close(order_parameter(phases).item(), 1.0, 1e-6)


@float64
@pytest.mark.parametrize(("agreement", "desynchronization"), [(-1.0, 0.0), (0.0, 1.0), (1.0, 2.0)])
@pytest.mark.parametrize("start", [0.1, 1.5, 3.0])
def test_repelled_oscillators_go_to_antiphase(start, agreement, desynchronization):
    phases = align(torch.tensor([0.3, 0.3 + start]), pair(agreement, desynchronization), iterations=400, step_size=0.3)
    close(order_parameter(phases).item(), 0.0, 1e-6)
    assert (phases[1] - phases[0]).cos().item() == pytest.approx(-1, abs=1e-6)


@float64
def test_oscillators_of_orthogonal_keys_leave_each_other_alone():
    phases = torch.tensor([0.3, 1.7])
    close(align(phases, pair(0.0), iterations=10), phases)


@float64
def test_a_silent_oscillator_pulls_nobody_but_is_pulled():
    rate = rates(torch.tensor([0.0, 1.0]), pair(1.0, gates=(1.0, 0.0)))
    assert rate[0].item() == 0
    assert rate[1].item() == pytest.approx(-math.sin(1) / 2)


@float64
def test_silence_everywhere_moves_nothing():
    phases = torch.tensor([0.0, 1.0])
    assert torch.equal(align(phases, pair(1.0, 0.5, gates=(0.0, 0.0)), iterations=10), phases)


@float64
def test_phases_in_unison_stay():
    close(rates(torch.tensor([2.0, 2.0]), pair(1.0, 0.3)), torch.zeros(2), 1e-15)


@float64
def test_a_constant_shift_of_all_phases_changes_no_rate():
    coupling, _ = random_coupling(Neighbourhood([(3, 3)]), 9)
    phases = torch.randn(9)
    close(rates(phases + 2.3, coupling), rates(phases, coupling))


def test_no_iteration_is_the_identity():
    phases = torch.randn(2)
    assert torch.equal(align(phases, pair(1.0), iterations=0), phases)
