"""The neighbourhood: its matrix, and the separable product that stands for it."""

from __future__ import annotations

import math

import pytest
import torch
from drawn import GRIDS, close

from gasp.nn.neighbourhood import Neighbourhood

float64 = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize("width", [0, -0.1, math.nan])
def test_a_neighbourhood_needs_a_width_above_0(width):
    with pytest.raises(ValueError, match="width"):
        Neighbourhood([(4, 4)], width=width)


@pytest.mark.parametrize("grids", GRIDS.values(), ids=GRIDS)
def test_a_neighbourhood_on_another_device_is_computed_on_the_cpu(grids):
    """GPUs of Apple have no double precision; a device without values stands for them."""
    with torch.device("meta"):
        there = Neighbourhood(grids, 3)
        matrix = there.matrix()
    assert {(part.device.type, part.dtype) for part in (matrix, *there.buffers())} == {("meta", torch.float32)}
    assert [part.shape for part in there.buffers()] == [part.shape for part in Neighbourhood(grids, 3).buffers()]


@float64
@pytest.mark.parametrize("units", [0, 3])
@pytest.mark.parametrize("grids", GRIDS.values(), ids=GRIDS)
def test_the_neighbourhood_is_symmetric_with_ones_on_its_diagonal_and_for_units(grids, units):
    matrix = Neighbourhood(grids, units).matrix()
    cells = sum(height * width for height, width in grids)
    assert matrix.shape == (cells + units, cells + units)
    close(matrix, matrix.T, 1e-15)
    assert (matrix.diagonal() == 1).all()
    assert (matrix[cells:] == 1).all()
    assert matrix.min() >= 0
    assert matrix.max() <= 1


@float64
@pytest.mark.parametrize("grid", [(1, 9), (9, 1)])
def test_the_neighbourhood_decays_with_distance(grid):
    row = Neighbourhood([grid], width=0.3).matrix()[0]
    assert (row.diff() < 0).all()


@float64
def test_the_neighbourhood_is_the_gaussian_of_the_distance_in_image_coordinates():
    matrix = Neighbourhood([(2, 2), (1, 1)], width=0.25).matrix()
    assert matrix[0, 1].item() == pytest.approx(math.exp(-(0.5**2) / (2 * 0.25**2)))
    assert matrix[0, 3].item() == pytest.approx(math.exp(-(0.5**2 + 0.5**2) / (2 * 0.25**2)))
    assert matrix[0, 4].item() == pytest.approx(math.exp(-(0.25**2 + 0.25**2) / (2 * 0.25**2)))


@float64
def test_cells_of_two_layers_at_the_same_place_are_full_neighbours():
    matrix = Neighbourhood([(3, 3), (1, 1)]).matrix()
    assert matrix[4, 9].item() == pytest.approx(1)


@float64
def test_an_infinite_width_makes_all_neighbours():
    assert (Neighbourhood([(5, 3), (2, 4)], 3, math.inf).matrix() == 1).all()


@float64
@pytest.mark.parametrize(
    ("grids", "width", "expected"), [([(18, 24)], 0.12, False), ([(18, 24), (9, 12)], 0.5, True), ([(64, 64)], 0.12, True)]
)
def test_grids_much_finer_than_the_gaussian_are_reached_by_its_modes(grids, width, expected):
    assert Neighbourhood(grids, width=width).has_modes == expected


@float64
@pytest.mark.parametrize("batch", [(), (5,), (2, 3)])
@pytest.mark.parametrize("width", [0.02, 0.12, 0.5, math.inf])
@pytest.mark.parametrize("units", [0, 4])
@pytest.mark.parametrize("grids", GRIDS.values(), ids=GRIDS)
def test_the_separable_product_is_the_product_with_the_matrix(grids, units, width, batch):
    neighbourhood = Neighbourhood(grids, units, width)
    matrix = neighbourhood.matrix()
    sources = torch.randn(len(matrix), *batch)
    product = torch.einsum("ij,j...->i...", matrix, sources)
    close(neighbourhood(sources).expand_as(product), product)
