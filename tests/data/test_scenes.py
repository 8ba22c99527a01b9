"""Scenes: seeds, labels, masks, overlap, scale, backgrounds, and what cannot be composed."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from gasp.data import scenes as module
from gasp.data.scenes import INK, Scenes, SceneSettings, compose, is_new_pair
from gasp.data.sources import ImageSet
from gasp.settings import GaspError

NAMES = tuple("0123456789")
TENSORS = ("images", "masks", "targets", "labels")


def squares(sides: list[int], values: list[int], frame: int = 28) -> ImageSet:
    """One centred square a class, of a side and a brightness."""
    images = torch.zeros(len(sides), 1, frame, frame, dtype=torch.uint8)
    for image, side, value in zip(images, sides, values, strict=True):
        first = (frame - side) // 2
        image[:, first : first + side, first : first + side] = value
    return ImageSet(images, torch.arange(len(sides), dtype=torch.uint8), NAMES[: len(sides)])


def plain(values: list[int], size: int = 32, channels: int = 3) -> ImageSet:
    """One background of a single brightness a class."""
    images = torch.tensor(values, dtype=torch.uint8)[:, None, None, None].expand(-1, channels, size, size)
    return ImageSet(images, torch.arange(len(values), dtype=torch.uint8), NAMES[: len(values)])


EQUAL = squares([20] * 10, [255] * 10)
GROWING = squares([6 + 2 * label for label in range(10)], [255] * 10)
BACKGROUNDS = plain([5 * label for label in range(10)])


def boxes(masks: Tensor) -> Tensor:
    """First and last row and column ``(n, G, 2, 2)`` of what is covered by half or more."""
    covered = masks > 127
    found = []
    for axis in (-1, -2):
        line = covered.any(axis).int()
        found.append(torch.stack([line.argmax(-1), line.shape[-1] - 1 - line.flip(-1).argmax(-1)], -1))
    return torch.stack(found, -2)


def area(masks: Tensor) -> Tensor:
    return masks.float().sum((-2, -1)) / 255


def same(left: Scenes, right: Scenes) -> bool:
    return left.head_of_object == right.head_of_object and all(
        torch.equal(getattr(left, part), getattr(right, part)) for part in TENSORS
    )


# seeds


@pytest.mark.parametrize("background", [None, BACKGROUNDS], ids=["canvas", "background"])
def test_a_seed_gives_always_the_same_scenes_and_another_seed_others(background):
    settings = SceneSettings(scale=0.4)
    torch.manual_seed(1)
    first = compose(EQUAL, settings, 20, 7, background)
    torch.manual_seed(2)
    assert same(compose(EQUAL, settings, 20, 7, background), first)
    assert not same(compose(EQUAL, settings, 20, 8, background), first)


def test_composing_leaves_the_seed_alone():
    torch.manual_seed(1)
    drawn = torch.rand(3)
    torch.manual_seed(1)
    compose(EQUAL, SceneSettings(), 5, 0)
    assert torch.equal(torch.rand(3), drawn)


def test_scenes_differ_within_and_across_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 8)
    scenes = compose(EQUAL, SceneSettings(), 20, 0)
    assert {len(scenes), *(len(getattr(scenes, part)) for part in TENSORS)} == {20}
    assert len({image.numpy().tobytes() for image in scenes.images}) == 20


# labels and masks


@pytest.mark.parametrize(("objects", "scale"), [(1, 1.0), (2, 1.0), (3, 0.5), (5, 0.4)])
def test_labels_are_of_as_many_classes_as_there_are_objects(objects, scale, digits):
    scenes = compose(digits.train, SceneSettings(objects=objects, scale=scale), 100, 0)
    assert scenes.images.shape == (100, 1, 32, 32)
    assert scenes.masks.shape == (100, objects, 32, 32)
    assert scenes.images.dtype == scenes.masks.dtype == torch.uint8
    assert scenes.targets.dtype == torch.bool
    assert scenes.targets.shape == (100, 1, 10)
    assert (scenes.targets.sum(-1) == objects).all()
    assert scenes.targets.any(0).all()
    assert (area(scenes.masks) > 1).all()


def test_labels_are_those_of_the_objects_shown():
    scenes = compose(GROWING, SceneSettings(scale=0.9), 100, 0)
    sides = area(scenes.masks).sqrt() * (50 / 32) / 0.9
    seen = ((sides - 6) / 2).round().long().clamp(0, 9)
    assert torch.equal(seen, scenes.labels.long())


@pytest.mark.parametrize(("objects", "scale"), [(1, 1.0), (2, 0.5)])
@pytest.mark.parametrize("background", [None, BACKGROUNDS], ids=["canvas", "background"])
def test_targets_are_the_labels_without_their_order(background, objects, scale):
    scenes = compose(EQUAL, SceneSettings(objects=objects, scale=scale), 50, 0, background)
    assert scenes.labels.dtype == torch.uint8
    assert scenes.labels.shape == scenes.masks.shape[:2]
    assert scenes.head_of_object == (*[0] * objects, 1)[: scenes.labels.shape[1]]
    expected = torch.zeros(50, 2, 10, dtype=torch.bool)
    for head, labels in zip(scenes.head_of_object, scenes.labels.T.long(), strict=True):
        expected[torch.arange(50), head, labels] = True
    assert torch.equal(scenes.targets, expected[:, : 1 if background is None else 2])


def test_classes_are_drawn_evenly_whatever_their_number_of_images():
    few_and_many = ImageSet(EQUAL.images[torch.tensor([0] * 99 + [1, 2])], torch.tensor([0] * 99 + [1, 2]).byte(), NAMES[:3])
    shares = compose(few_and_many, SceneSettings(objects=1), 3000, 0).targets.float().mean((0, 1))
    assert (shares - 1 / 3).abs().max() < 0.05


def test_all_images_of_a_class_are_drawn():
    values = [60, 120, 180, 240]
    items = ImageSet(squares([20] * 4, values).images, torch.tensor([0, 0, 0, 1]).byte(), ("a", "b"))
    scenes = compose(items, SceneSettings(objects=1), 100, 0, plain([0, 0], channels=1))
    assert set(scenes.images.flatten(1).amax(1).tolist()) == set(values)


def test_masks_lie_where_the_ink_is(digits):
    scenes = compose(digits.train, SceneSettings(), 100, 0)
    covered = scenes.masks.amax(1, keepdim=True)
    assert scenes.images[covered == 0].max() <= 1.5 * INK
    assert scenes.images[covered > 127].min() > 0.5 * INK
    assert scenes.images[covered > 200].float().mean() > 100


@pytest.mark.parametrize("value", [100, 200, 255])
@pytest.mark.parametrize("scale", [0.5, 0.8, 1.0, 1.25, 1.5625])
def test_a_solid_object_is_solid_in_the_scene(scale, value):
    scenes = compose(squares([20], [value]), SceneSettings(objects=1, scale=scale), 30, 0)
    for image, mask, ((top, bottom), (left, right)) in zip(
        scenes.images, scenes.masks, boxes(scenes.masks)[:, 0].tolist(), strict=True
    ):
        inside = (0, slice(top + 2, bottom - 1), slice(left + 2, right - 1))
        assert mask[inside].min() >= 250
        assert (image[inside].float() - value).abs().max() <= 0.02 * value + 1


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.5])
@pytest.mark.parametrize("size", [24, 32, 64])
def test_an_object_covers_the_area_of_its_size_and_scale(scale, size):
    scenes = compose(EQUAL, SceneSettings(objects=1, scale=scale, size=size), 50, 0)
    expected = (20 * scale * 32 / 50) ** 2
    assert area(scenes.masks).mean().item() == pytest.approx(expected, rel=0.08)
    assert scenes.images.shape[-2:] == (size, size)


@pytest.mark.parametrize("scale", [0.4, 0.7])
def test_scale_shrinks_the_covered_area_as_its_square(scale, digits):
    full, small = (area(compose(digits.train, SceneSettings(scale=s), 300, 0).masks).mean().item() for s in (1.0, scale))
    assert small / full == pytest.approx(scale**2, rel=0.1)


def test_objects_keep_their_orientation_and_proportions():
    images = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    images[..., 4:24, 4:8] = images[..., 20:24, 4:16] = 255  # an L, 20 high and 12 wide
    scenes = compose(ImageSet(images, torch.zeros(1).byte(), ("L",)), SceneSettings(objects=1), 30, 0)
    extents = boxes(scenes.masks).diff(dim=-1).squeeze(-1)[:, 0] + 1
    assert ((extents - torch.tensor([20, 12]) * 32 / 50).abs() <= 1.5).all()
    for mask, ((top, bottom), (left, right)) in zip(scenes.masks[:, 0], boxes(scenes.masks)[:, 0].tolist(), strict=True):
        assert mask[bottom - 1, right - 1] > 127
        assert mask[top + 1, right - 1] < 50
        assert mask[top + 1, left + 1] > 127


def test_objects_reach_every_part_of_the_scene():
    scenes = compose(EQUAL, SceneSettings(), 300, 0)
    reached = scenes.images.amax((0, 1)) > 127
    assert reached[1:-1, 1:-1].all()
    assert reached[:, [0, -1]].any(0).all()
    assert reached[[0, -1]].any(1).all()


# overlap


@pytest.mark.parametrize(("objects", "scale"), [(2, 1.0), (4, 0.6)])
def test_without_overlap_bounding_boxes_are_apart(objects, scale, digits):
    found = boxes(compose(digits.train, SceneSettings(objects=objects, scale=scale), 200, 0).masks)
    first, last = found.unbind(-1)
    shared = torch.minimum(last[:, :, None], last[:, None]) - torch.maximum(first[:, :, None], first[:, None]) + 1
    pairs = torch.triu(torch.ones(objects, objects), 1).bool()
    assert (shared[:, pairs].amin(-1) <= 1).all()


def shared_area(overlap: float) -> Tensor:
    masks = compose(EQUAL, SceneSettings(overlap=overlap), 300, 0).masks
    return area(masks.amin(1)) / area(masks).amin(1)


def test_a_higher_level_allows_more_overlap_and_no_more_than_it_says():
    levels = [0.0, 0.25, 0.5, 1.0]
    shares = [shared_area(level) for level in levels]
    for level, share in zip(levels, shares, strict=True):
        assert share.max() <= level + 0.1
        assert share.max() >= 0.7 * level
    means = [share.mean().item() for share in shares]
    assert means == sorted(set(means))


# backgrounds


@pytest.mark.parametrize(("objects", "scale"), [(1, 1.0), (1, 0.5), (2, 0.5)])
def test_a_background_adds_a_head_and_the_mask_of_what_is_left(objects, scale):
    scenes = compose(EQUAL, SceneSettings(objects=objects, scale=scale), 100, 0, BACKGROUNDS)
    assert scenes.images.shape == (100, 3, 32, 32)
    assert scenes.masks.shape == (100, objects + 1, 32, 32)
    assert scenes.targets.shape == (100, 2, 10)
    assert scenes.targets.sum(-1).tolist() == [[objects, 1]] * 100
    together = scenes.masks[:, :-1].amax(1).int() + scenes.masks[:, -1].int()
    assert (together - 255).abs().max() <= 1


def test_what_no_object_covers_is_the_labelled_background():
    scenes = compose(EQUAL, SceneSettings(objects=1), 100, 0, BACKGROUNDS)
    labels = scenes.labels[:, -1].int()
    assert labels.unique().tolist() == list(range(10))
    for image, mask, label in zip(scenes.images, scenes.masks[:, -1], labels, strict=True):
        assert (image[:, mask == 255] == 5 * label).all()


def test_objects_are_added_to_the_background_and_clipped_at_white():
    scenes = compose(squares([20], [100]), SceneSettings(objects=1), 10, 0, plain([50]))
    assert scenes.images.amax((1, 2, 3)).tolist() == [150] * 10
    scenes = compose(squares([20], [100]), SceneSettings(objects=1), 10, 0, plain([200]))
    assert scenes.images.amax((1, 2, 3)).tolist() == [255] * 10
    assert scenes.images.min() == 200


def test_on_a_background_objects_keep_their_frame():
    scenes = compose(EQUAL, SceneSettings(objects=1), 200, 0, BACKGROUNDS)
    first, last = boxes(scenes.masks[:, :1]).unbind(-1)
    assert first.min() >= 4
    assert last.max() <= 27
    assert area(scenes.masks[:, 0]).mean().item() == pytest.approx(20**2, rel=0.02)


# colours


@pytest.mark.parametrize("pairs", ["familiar", "new"])
def test_painted_objects_have_colours_of_their_own_in_the_pairs_that_are_asked_for(pairs):
    scenes = compose(EQUAL, SceneSettings(colours=pairs), 200, 0)
    assert scenes.images.shape == (200, 3, 32, 32)
    assert scenes.head_of_object == (0, 0)
    assert (scenes.colours[:, 0] != scenes.colours[:, 1]).all()
    assert (is_new_pair(scenes.labels.long(), scenes.colours.long()) == (pairs == "new")).all()
    assert scenes.colours.unique().tolist() == list(range(10))
    for head, named in enumerate((scenes.labels, scenes.colours)):
        expected = torch.zeros(200, 10, dtype=torch.bool).scatter(1, named.long(), True)
        assert torch.equal(scenes.targets[:, head], expected)


def test_objects_are_painted_in_the_colours_that_are_told_and_are_else_the_same():
    scenes = compose(EQUAL, SceneSettings(colours="familiar", scale=0.8), 6, 0)
    grey = compose(EQUAL, SceneSettings(scale=0.8), 6, 0)
    assert torch.equal(scenes.masks, grey.masks)
    assert torch.equal(scenes.labels, grey.labels)
    assert grey.colours is None
    seen = torch.zeros(6, 2, 3)
    for index, masks in enumerate(scenes.masks):
        for number, mask in enumerate(masks):
            seen[index, number] = scenes.images[index][:, mask == 255].float().mean(1) / 255
    hues = module._palette(10)
    nearest = (seen.unsqueeze(2) - hues).square().sum(-1).argmin(-1)
    assert torch.equal(nearest, scenes.colours.long())


def test_every_tenth_class_and_colour_lacks_two_partners_in_training():
    pairs = is_new_pair(torch.arange(10).unsqueeze(1), torch.arange(10))
    assert (pairs.sum(0) == 2).all()
    assert (pairs.sum(1) == 2).all()


def test_colours_are_kept_in_the_first_scenes_and_in_sets_of_several_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 8)
    scenes = compose(EQUAL, SceneSettings(colours="familiar"), 20, 0)
    assert scenes.colours.shape == (20, 2)
    assert torch.equal(scenes[:5].colours, scenes.colours[:5])


@pytest.mark.parametrize(
    ("items", "settings", "background", "message"),
    [
        (EQUAL, {"colours": "familiar"}, BACKGROUNDS, "coloured objects on a background"),
        (squares([20] * 4, [255] * 4), {"colours": "new"}, None, "no new colour is left"),
    ],
)
def test_scenes_that_cannot_be_painted_are_refused(items, settings, background, message):
    with pytest.raises(GaspError, match=message):
        compose(items, SceneSettings(**settings), 20, 0, background)


# batches


@pytest.mark.parametrize("count", [1, 4, 6, 9])
def test_the_first_scenes_are_those_that_the_set_begins_with(count):
    scenes = compose(EQUAL, SceneSettings(), 6, 0)
    some = scenes[:count]
    assert len(some) == min(count, 6)
    assert same(some, Scenes(*(getattr(scenes, part)[:count] for part in TENSORS), scenes.head_of_object))


@pytest.mark.parametrize("index", [slice(2, 5), torch.tensor([2, 3, 4])], ids=["slice", "tensor"])
def test_a_batch_is_floats_from_0_to_1_on_the_device(index, device):
    scenes = compose(EQUAL, SceneSettings(), 6, 0)
    images, masks, targets = scenes.batch(index, device)
    for part, whole in ((images, scenes.images), (masks, scenes.masks)):
        assert part.device.type == device.type
        assert part.dtype == torch.float32
        torch.testing.assert_close(part.cpu() * 255, whole[2:5].float())
    assert torch.equal(targets.cpu(), scenes.targets[2:5].float())


# what cannot be composed


@pytest.mark.parametrize(
    "settings",
    [
        {"scale": 0.0},
        {"scale": math.nan},
        {"scale": 5.0},
        {"overlap": -0.1},
        {"overlap": 1.1},
        {"overlap": math.nan},
        {"objects": 0},
        {"size": 0},
    ],
    ids=str,
)
def test_impossible_settings_are_refused_by_name(settings):
    (name,) = settings
    with pytest.raises(ValueError, match=name):
        SceneSettings(**settings)


@pytest.mark.parametrize(
    ("settings", "background", "says"),
    [
        pytest.param({"objects": 11, "scale": 0.1}, None, "11 objects", id="more objects than classes"),
        pytest.param({"scale": 3.0}, None, "lower the scale", id="objects larger than the canvas"),
        pytest.param({"objects": 9}, None, "no place for 9 objects", id="no room for all"),
        pytest.param({"objects": 2}, BACKGROUNDS, "no place for 2 objects", id="no room for two frames"),
        pytest.param({"objects": 1, "scale": 1.2}, BACKGROUNDS, "lower the scale", id="a frame larger than the background"),
        pytest.param({"objects": 1, "size": 48}, BACKGROUNDS, "of 32 pixels", id="a background of another size"),
        pytest.param({"objects": 1}, plain([0, 0, 0]), "number of classes", id="a background of fewer classes"),
    ],
)
def test_impossible_scenes_are_explained(settings, background, says):
    with pytest.raises(GaspError, match=says):
        compose(EQUAL, SceneSettings(**settings), 5, 0, background)


def test_a_class_without_images_is_explained():
    with pytest.raises(GaspError, match="no image"):
        compose(ImageSet(EQUAL.images[:9], EQUAL.labels[:9], NAMES), SceneSettings(), 5, 0)
