"""Pointing by attribution, on a model whose right attribution is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gasp.data.scenes import Scenes
from gasp.experiments.variants import MODELS
from gasp.learning import attribution as module
from gasp.learning.attribution import METHODS, attribution_pointing, attributions, points_at
from gasp.models import CNN, GASPnet, Model, ModelSettings, Trajectory
from gasp.settings import GaspError

SIZES = {"size": 16, "classes": 4, "widths": (4, 4), "kernels": (3, 3), "strides": (2, 2), "hidden": 8}
QUARTERS = [(slice(0, 8), slice(0, 8)), (slice(0, 8), slice(8, 16)), (slice(8, 16), slice(0, 8)), (slice(8, 16), slice(8, 16))]


class Quarters(CNN):
    """Class c is how bright quarter c of the image is; its last convolution is the image, in blocks of 4 pixels."""

    def __init__(self, swapped: bool = False) -> None:
        super().__init__(**SIZES)
        self.swapped = swapped

    def forward(self, images: Tensor) -> Trajectory:
        blocks = self.stages[1].activation(torch.nn.functional.avg_pool2d(images, 4))  # (B, 1, 4, 4)
        seen = [
            blocks[:, 0, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].mean((1, 2)) for row in (0, 1) for column in (0, 1)
        ]
        logits = torch.stack(seen, 1)
        return Trajectory((logits.flip(1) if self.swapped else logits)[None, :, None])


def quarters(count: int = 5, objects: int = 2) -> Scenes:
    """Scenes with an object of class c in quarter c, different ones within a scene."""
    labels = torch.rand(count, 4).argsort(1)[:, :objects]
    masks = torch.zeros(count, objects, 16, 16)
    for scene, row in enumerate(labels):
        for index, label in enumerate(row):
            masks[(scene, index, *QUARTERS[label])] = 1
    images = masks.sum(1, keepdim=True) * (0.5 + torch.rand(count, 1, 16, 16) / 2)
    targets = torch.zeros(count, 1, 4, dtype=torch.bool).scatter_(2, labels.unsqueeze(1), True)
    to_bytes = [(part * 255).to(torch.uint8) for part in (images, masks)]
    return Scenes(*to_bytes, targets, labels.to(torch.uint8), (0,) * objects)


# Grad-CAM of a last convolution with one channel cannot tell classes apart: the channel has one weight
LOCAL = [method for method in METHODS if method != "grad_cam"]


CASES = [(method, contrast, objects) for method in LOCAL for contrast in (False, True) for objects in (2, 3)]
CASES.remove(("saliency", True, 2))  # one gradient is minus the other: next test


@pytest.mark.parametrize(("method", "contrast", "objects"), CASES)
def test_a_class_is_attributed_to_its_object(method, contrast, objects):
    assert attribution_pointing(Quarters(), quarters(objects=objects), method, contrast).all()


def test_absolute_gradients_in_contrast_of_two_point_at_none():
    assert not attribution_pointing(Quarters(), quarters(), "saliency", contrast=True).any()


@pytest.mark.parametrize("method", LOCAL)
def test_a_class_that_is_seen_elsewhere_is_attributed_to_no_object(method):
    scenes = quarters(40)
    opposite = scenes.labels.sum(1) == 3  # the other object is where the swapped network looks
    found = attribution_pointing(Quarters(swapped=True), scenes, method)
    assert opposite.any()
    assert not found[opposite].any()


class Channels(Quarters):
    """The same, but the last convolution has a channel for each quarter."""

    def forward(self, images: Tensor) -> Trajectory:
        channels = torch.zeros(len(images), 4, 16, 16)
        for index, place in enumerate(QUARTERS):
            channels[(slice(None), index, *place)] = images[(slice(None), 0, *place)]
        logits = self.stages[1].activation(channels).mean((2, 3))
        return Trajectory((logits.flip(1) if self.swapped else logits)[None, :, None])


@pytest.mark.parametrize("contrast", [False, True])
def test_grad_cam_tells_channels_apart(contrast):
    scenes = quarters(40)
    assert attribution_pointing(Channels(), scenes, "grad_cam", contrast).all()
    opposite = scenes.labels.sum(1) == 3
    assert not attribution_pointing(Channels(swapped=True), scenes, "grad_cam", contrast)[opposite].any()


def test_a_linear_output_is_attributed_as_it_is_computed():
    scenes = quarters(3)
    images, masks, _ = scenes.batch(slice(None))
    for method in ("input_x_gradient", "integrated_gradients"):
        maps = attributions(Quarters(), images, scenes.labels.long(), method)
        torch.testing.assert_close(maps, masks * images / 64)  # a quarter has 64 pixels
    contrasts = attributions(Quarters(), images, scenes.labels.long(), "input_x_gradient", contrast=True)
    torch.testing.assert_close(contrasts, (masks - masks.flip(1)) * images / 64)


def test_contrast_is_with_the_other_objects_of_the_same_head():
    class Heads(CNN):
        def forward(self, images: Tensor) -> Trajectory:
            return Trajectory(images[None, :, 0, :2, :4])  # head h, class c: pixel (h, c)

    images, units = torch.ones(1, 1, 16, 16), torch.tensor([[0, 2, 3, 5]])
    maps = attributions(Heads(heads=2, **SIZES), images, units, "input_x_gradient", contrast=True)[0, :, :2, :4].flatten(1)
    expected = torch.zeros(4, 8)
    for row, (unit, rivals) in enumerate({0: (2, 3), 2: (0, 3), 3: (0, 2)}.items()):
        expected[row, unit] = 1
        expected[row, list(rivals)] = -0.5
    expected[3, 5] = 1  # alone in its head
    torch.testing.assert_close(maps, expected)


def test_all_batches_are_asked(monkeypatch):
    monkeypatch.setattr(module, "BATCH", 3)
    assert attribution_pointing(Quarters(), quarters(8), "input_x_gradient").tolist() == [[True, True]] * 8


def test_what_is_attributed_is_the_answer_at_the_last_step():
    class Late(Quarters):
        def forward(self, images: Tensor) -> Trajectory:
            logits = super().forward(images).logits
            return Trajectory(torch.cat([-logits, logits, 3 * logits]), leak=1.0)  # the last answer is their mean

    scenes = quarters(3)
    images, masks, _ = scenes.batch(slice(None))
    torch.testing.assert_close(attributions(Late(), images, scenes.labels.long(), "input_x_gradient"), masks * images / 64)


def test_noise_misleads_and_is_of_the_seed():
    scenes = quarters(40)
    first, again, other = (
        attribution_pointing(Quarters(), scenes, "input_x_gradient", corruption=("gaussian", 50.0), seed=seed)
        for seed in (0, 0, 1)
    )
    assert 0 < first.float().mean() < 1
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_model_that_is_told_where_objects_are_is_told():
    model = GASPnet(**SIZES, phase_init="told", iterations=0)
    assert attribution_pointing(model, quarters(), "saliency").shape == (5, 2)


@pytest.mark.parametrize("objects", [2, 3])
def test_a_map_points_at_the_object_with_the_largest_mean_and_a_flat_one_at_none(objects):
    masks = torch.zeros(1, objects, 6, 6)
    for index in range(objects):
        masks[0, index, index, : index + 1] = 1  # of different sizes
    assert points_at(masks * 0.2 - 1, masks).all()
    assert not points_at(masks.roll(1, 1), masks).any()
    assert not points_at(torch.zeros_like(masks), masks).any()
    assert not points_at(torch.full_like(masks, 3), masks).any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", MODELS)
def test_every_model_is_asked_alike_whatever_the_global_seed(kind, method):
    torch.manual_seed(1)
    settings = {"iterations": 2} if kind in ("gaspnet", "komplexnet") else {}
    model = MODELS[kind](**SIZES, **settings)
    scenes = quarters(3)
    images, masks, _ = scenes.batch(slice(None))
    runs = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        runs.append(attributions(model, images, scenes.labels.long(), method, masks=masks, seed=7))
    assert runs[0].shape == (3, 2, 16, 16)
    assert torch.equal(*runs)
    assert runs[0].isfinite().all()
    assert not runs[0].requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.is_grad_enabled()


def test_an_attribution_of_a_longer_run_is_that_of_its_last_step():
    scenes, long = quarters(3), GASPnet(**SIZES, steps=3)
    images, _, _ = scenes.batch(slice(None))
    short = GASPnet(**SIZES, steps=2)
    short.load_state_dict(long.state_dict())
    maps = [attributions(model, images, scenes.labels.long(), "saliency", steps=3) for model in (short, long)]
    assert torch.equal(*maps)
    assert not torch.equal(attributions(short, images, scenes.labels.long(), "saliency"), maps[0])


def test_an_unknown_attribution_is_refused_with_those_that_there_are():
    with pytest.raises(GaspError, match=r"no attribution 'guess', only saliency, .*occlusion"):
        attribution_pointing(Quarters(), quarters(), "guess")


def test_grad_cam_needs_a_convolution():
    class Plain(Model):
        Settings = ModelSettings

        def __init__(self) -> None:
            super().__init__(size=16, classes=4, kind="plain")
            self.scale = torch.nn.Parameter(torch.ones(1))

        def forward(self, images: Tensor) -> Trajectory:
            return Trajectory(self.scale * images[None, :, :, 0, :4])

    with pytest.raises(GaspError, match="Plain has no convolution"):
        attribution_pointing(Plain(), quarters(), "grad_cam")
    assert attribution_pointing(Plain(), quarters(), "saliency").shape == (5, 2)
