"""Oscillators in layers and in one row."""

from __future__ import annotations

import torch

from gasp.nn.oscillators import Oscillators

LAYOUT = Oscillators([(4, 3), (2, 2)], [5, 1])


def test_layers_and_row_are_two_views_of_the_same_phases():
    layers = [torch.randn(7, *shape) for shape in LAYOUT.shapes]
    row = LAYOUT.to_row(layers)
    assert row.shape == (len(LAYOUT), 7) == (22, 7)
    assert row[3 + 2, 6] == layers[0][6, 1, 2], "row by row within a grid, the batch last"
    assert row[16 + 4, 1] == layers[2][1, 4]
    assert all(map(torch.equal, LAYOUT.to_layers(row), layers))


def test_vectors_of_oscillators_become_the_channels_of_maps():
    vectors = torch.randn(22, 8, 7)  # (N, d, B)
    maps = LAYOUT.to_layers(vectors)
    assert [layer.shape for layer in maps] == [(7, 8, 4, 3), (7, 8, 2, 2), (7, 8, 5), (7, 8, 1)]
    assert torch.equal(maps[1][6, :, 1, 0], vectors[12 + 2, :, 6])
