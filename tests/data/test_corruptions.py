"""Corruptions: nothing at level 0, what each does to an image, and that a generator decides."""

from __future__ import annotations

import itertools
import math
from typing import get_args

import pytest
import torch
from torch import Tensor

from gasp.data.corruptions import CORRUPTIONS, Corruption, corrupt
from gasp.settings import GaspError

kinds = pytest.mark.parametrize("kind", get_args(Corruption))
random_kinds = pytest.mark.parametrize("kind", ["gaussian", "salt_and_pepper", "speckle"])
channels = pytest.mark.parametrize("channels", [1, 3])
LUMA = torch.tensor([0.299, 0.587, 0.114])  # of ITU-R BT.601, by which colours become grey


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(channels: int = 1, count: int = 20) -> Tensor:
    return torch.rand(count, channels, 32, 32, generator=seeded(9))


def grey(images: Tensor) -> Tensor:
    return images if images.shape[1] == 1 else torch.einsum("bchw,c->bhw", images, LUMA).unsqueeze(1)


def test_every_corruption_has_a_name():
    assert set(CORRUPTIONS) == set(get_args(Corruption))


@kinds
@channels
def test_level_0_is_the_image_itself(kind, channels):
    assert torch.equal(corrupt(images(channels), kind, 0, seeded()), images(channels))


@kinds
@channels
def test_what_is_corrupted_is_a_new_image_of_the_same_shape(kind, channels):
    clean = images(channels)
    corrupted = corrupt(clean, kind, 0.5, seeded())
    assert torch.equal(clean, images(channels))
    assert (corrupted.shape, corrupted.dtype) == (clean.shape, clean.dtype)
    assert not torch.equal(corrupted, clean)


@kinds
@channels
def test_a_small_level_changes_little_and_a_larger_one_more(kind, channels):
    changes = [
        (corrupt(images(channels), kind, level, seeded()) - images(channels)).square().mean() for level in (0.05, 0.5, 1)
    ]
    assert changes[0] < 0.02
    assert changes == sorted(changes)


@random_kinds
def test_the_generator_decides_and_moves_on(kind):
    generator = seeded(3)
    first, second = (corrupt(images(), kind, 0.2, generator) for _ in range(2))
    torch.manual_seed(1)
    assert torch.equal(corrupt(images(), kind, 0.2, seeded(3)), first)
    assert not torch.equal(second, first)


@random_kinds
def test_every_image_has_noise_of_its_own(kind):
    first, second = corrupt(torch.full((2, 1, 8, 8), 0.5), kind, 0.3, seeded())
    assert not torch.equal(first, second)


@kinds
def test_corruptions_are_the_same_on_every_device(kind, device):
    expected, found = (corrupt(images().to(place), kind, 0.3, seeded()) for place in ("cpu", device))
    assert found.device.type == device.type
    torch.testing.assert_close(found.cpu(), expected)


@channels
@pytest.mark.parametrize("level", [0.1, 0.5])
def test_gaussian_noise_has_mean_0_and_the_asked_deviation_whatever_the_image(channels, level):
    added = corrupt(images(channels), "gaussian", level, seeded()) - images(channels)
    assert added.mean().abs() < 0.03 * level
    assert added.std().item() == pytest.approx(level, rel=0.03)
    assert torch.corrcoef(torch.stack([added.flatten(), images(channels).flatten()]))[0, 1].abs() < 0.03


@channels
@pytest.mark.parametrize("level", [0.2, 1.5])
def test_speckle_deviates_in_proportion_to_the_image(channels, level):
    clean = images(channels)
    clean[:, :, :16] = 0
    added = corrupt(clean, "speckle", level, seeded()) - clean
    assert (added[:, :, :16] == 0).all()
    share = (added / clean)[:, :, 16:]
    assert share.mean().abs() < 0.05 * level
    assert share.std().item() == pytest.approx(level, rel=0.03)


@channels
@pytest.mark.parametrize("level", [0.05, 0.4, 1.0])
def test_salt_and_pepper_turns_this_share_of_pixels_black_or_white_in_equal_parts(channels, level):
    clean = images(channels) * 0.5 + 0.25  # so that nothing is black or white before
    noisy = corrupt(clean, "salt_and_pepper", level, seeded())
    white, black = (noisy == 1), (noisy == 0)
    assert white.float().mean().item() == pytest.approx(level / 2, abs=0.01)
    assert black.float().mean().item() == pytest.approx(level / 2, abs=0.01)
    assert torch.equal(noisy[~(white | black)], clean[~(white | black)])
    for hit in (white, black):
        assert torch.equal(hit, hit[:, :1].expand_as(hit)), "channels of a pixel are hit alike"


@channels
@pytest.mark.parametrize("level", [0.75, 1.5])
def test_blur_spreads_a_point_to_the_asked_deviation(channels, level):
    point = torch.zeros(1, channels, 33, 33)
    point[:, :, 16, 16] = 1
    spread = corrupt(point, "blur", level, seeded())
    offsets = torch.arange(33) - 16.0
    for channel in spread[0]:
        assert channel.sum().item() == pytest.approx(1, abs=1e-5)
        for axis in (0, 1):
            profile = channel.sum(axis)
            assert (profile * offsets).sum().item() == pytest.approx(0, abs=1e-4)
            assert (profile * offsets.square()).sum().sqrt().item() == pytest.approx(level, rel=0.03)


def test_blur_leaves_a_plain_image_and_a_plain_interior_as_they_are():
    image = torch.full((1, 1, 32, 32), 0.3)
    image[..., 16:] = 0.8
    blurred = corrupt(image, "blur", 1.0, seeded())
    torch.testing.assert_close(blurred[..., :12], image[..., :12])
    torch.testing.assert_close(blurred[..., 20:], image[..., 20:])
    assert blurred.mean().item() == pytest.approx(image.mean().item(), abs=1e-5)


@channels
@pytest.mark.parametrize("level", [0.25, 0.9, 1.0])
def test_contrast_scales_the_deviations_from_the_mean_grey_and_keeps_it(channels, level):
    clean = images(channels)
    mean = grey(clean).mean((1, 2, 3), keepdim=True)
    faint = corrupt(clean, "contrast", level, seeded())
    torch.testing.assert_close(grey(faint).mean((1, 2, 3), keepdim=True), mean, rtol=0, atol=1e-3)
    torch.testing.assert_close(faint - mean, (1 - level) * (clean - mean), rtol=0, atol=1e-3)


IMPOSSIBLE = [*itertools.product(get_args(Corruption), [-0.1, math.nan, math.inf]), ("salt_and_pepper", 1.1), ("contrast", 1.1)]


@pytest.mark.parametrize(("kind", "level"), IMPOSSIBLE)
def test_levels_below_0_and_more_than_all_are_refused(kind, level):
    with pytest.raises(GaspError, match=f"{kind} has no level {level}: give"):
        corrupt(images(), kind, level, seeded())


def test_a_blur_reaches_almost_across_the_image_and_no_further():
    corrupt(images(), "blur", 31 / 3, seeded())
    with pytest.raises(GaspError, match=r"blur of level 10\.4 reaches across images of 32 pixels: give at most 10\.3"):
        corrupt(images(), "blur", 10.4, seeded())
