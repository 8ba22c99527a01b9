"""The key network: its grid, and how far it sees."""

from __future__ import annotations

import pytest
import torch

from gasp.nn.keys import KeyNetwork
from gasp.nn.layers import PhaseConv2d

float64 = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize(("kernel", "stride"), [(5, 2), (4, 3), (3, 1), (1, 2)])
@pytest.mark.parametrize("side", [32, 17])
def test_its_features_are_on_the_grid_of_the_layer(kernel, stride, side):
    images = torch.rand(2, 3, side, side)
    layer = PhaseConv2d(3, 4, kernel, stride, padding=kernel // 2)
    assert KeyNetwork(3, 6, kernel, stride, (1, 2))(images).shape == (2, 6, *layer(images).shape[2:])


@float64
@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize(("dilations", "reach"), [((), 2), ((1,), 4), ((1, 2, 4), 16)])
def test_a_location_sees_as_far_as_the_dilations_reach(dilations, reach, separable):
    """``reach``, in pixels from its centre; normalisation, which spreads over the whole map, is left out."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        *(part for part in KeyNetwork(1, 4, 5, 2, dilations, separable) if not isinstance(part, torch.nn.InstanceNorm2d))
    )
    for parameter in network.parameters():
        torch.nn.init.uniform_(parameter, 0.1, 0.2)  # so that ReLU lets everything through
    image = torch.rand(1, 1, 64, 64, requires_grad=True)
    network(image)[0, :, 16, 16].sum().backward()
    seen = (image.grad[0, 0] != 0).nonzero() - 32
    assert seen.abs().max() == reach


@float64
def test_a_separable_convolution_is_a_full_one_whose_kernels_are_products():
    torch.manual_seed(0)
    separable, full = KeyNetwork(1, 4, 5, 2, (2,), separable=True), KeyNetwork(1, 4, 5, 2, (2,))
    full[0].load_state_dict(separable[0].state_dict())
    full[3].weight.data = separable[4].weight.data * separable[3].weight.data.transpose(0, 1)  # (4, 4, 3, 3)
    images = torch.rand(2, 1, 16, 16)
    torch.testing.assert_close(separable(images), full(images))
    assert separable[3].weight.numel() + separable[4].weight.numel() == 4 * 9 + 4 * 4
