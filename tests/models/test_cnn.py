"""The feed-forward network."""

from __future__ import annotations

import torch

from gasp.models import CNN
from gasp.nn.layers import PhaseConv2d, PhaseLinear


def test_the_cnn_returns_one_step_and_no_phases():
    result = CNN(heads=2)(torch.rand(4, 1, 32, 32))
    assert result.logits.shape == (1, 4, 2, 10)
    assert result.phases == result.gates == ()


def test_the_cnn_has_the_documented_layer_sizes():
    linears = [stage.linear for stage in CNN().stages]
    assert [layer.out_channels for layer in linears if isinstance(layer, PhaseConv2d)] == [26, 30, 32]
    assert [layer.out_features for layer in linears if isinstance(layer, PhaseLinear)] == [16, 10]
    assert CNN().grids == [(16, 16), (8, 8), (8, 8)]
