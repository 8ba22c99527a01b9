"""Data sets: what they ask of a model, their splits, and the changes of their scenes."""

from __future__ import annotations

import pytest
import torch

from gasp.data import datasets as module
from gasp.data.datasets import Dataset
from gasp.data.scenes import SceneSettings
from gasp.data.sources import ImageSet, Splits
from gasp.settings import GaspError

LEVELS = {"scales": [0.5], "objects": [1, 4], "overlaps": [0.5]}


def noise(channels: int) -> ImageSet:
    images = torch.randint(0, 256, (40, channels, 32, 32), dtype=torch.uint8)
    return ImageSet(images, torch.arange(40).remainder(4).byte(), ("a", "b", "c", "d"))


@pytest.fixture(autouse=True)
def _sources(monkeypatch) -> None:
    """A source named by its channels."""
    sources = {name: Splits(noise(int(name)), noise(int(name))) for name in "13"}
    monkeypatch.setattr(module, "load_source", sources.__getitem__)


@pytest.mark.parametrize("items", "13")
@pytest.mark.parametrize("background", [None, "1", "3"])
def test_scenes_have_the_sizes_and_heads_that_the_data_set_tells(items, background):
    data = Dataset(items=items, background=background, scenes=SceneSettings(objects=1))
    sizes, scenes = data.sizes(), data.compose("test", 5, seed=0)
    assert scenes.images.shape[1:] == (sizes["channels"], sizes["size"], sizes["size"])
    assert scenes.targets.shape[1:] == (sizes["heads"], sizes["classes"])
    assert [data.heads[head] for head in scenes.head_of_object] == ["objects", "background"][: scenes.masks.shape[1]]


@pytest.mark.parametrize("cropped", [False, True])
def test_a_background_that_is_not_reported_is_an_object_without_a_head(cropped):
    data = Dataset(items="1", background="3", scenes=SceneSettings(objects=1, cropped=cropped, scale=0.5))
    asked, silent = (data.model_copy(update={"reports_background": asked}) for asked in (True, False))
    both, items = asked.compose("test", 5, seed=0), silent.compose("test", 5, seed=0)
    assert (silent.heads, silent.sizes()["heads"], items.head_of_object) == (("objects",), 1, (0,))
    assert torch.equal(items.targets, both.targets[:, :1])
    assert all(torch.equal(getattr(items, part), getattr(both, part)) for part in ("images", "masks", "labels"))


def test_cropped_objects_lie_on_a_background_where_they_lie_without_one():
    behind, canvas = (
        Dataset(items="1", background=name, scenes=SceneSettings(cropped=True, scale=0.7)) for name in ("3", None)
    )
    scenes, alone = (data.compose("test", 5, seed=0) for data in (behind, canvas))
    assert torch.equal(scenes.masks[:, :2], alone.masks)
    assert torch.equal(scenes.labels[:, :2], alone.labels)
    assert (scenes.images >= alone.images).all(), "objects are added to the background"


def test_painted_objects_have_three_channels_and_a_head_for_colours_and_are_tested_in_new_pairs():
    data = Dataset(items="1", scenes=SceneSettings(colours="familiar", scale=0.7))
    scenes = data.compose("test", 5, seed=0)
    assert data.heads == ("objects", "colours")
    assert data.sizes() == {"channels": 3, "size": 32, "classes": 4, "heads": 2}
    assert scenes.images.shape[1:] == (3, 32, 32)
    assert scenes.targets.shape[1:] == (2, 4)
    changes = list(data.changes(**LEVELS))
    assert changes[0] == ("new_pairs", 1.0, {"colours": "new"})
    assert [change[0] for change in changes[1:]] == ["scale", "objects", "objects", "overlap"]


def test_training_and_validation_images_are_a_partition_of_the_source_s():
    whole = sorted(image.numpy().tobytes() for image in module.load_source("3").train.images)
    train, validation = (Dataset(items="3").source(split)[0].images for split in ("train", "validation"))
    assert len(validation) == 4
    assert sorted(image.numpy().tobytes() for image in torch.cat([train, validation])) == whole


@pytest.mark.parametrize("objects", [2, 3])
def test_changes_on_a_canvas_keep_the_area_of_the_objects_in_training(objects):
    data = Dataset(items="1", scenes=SceneSettings(objects=objects, scale=0.8))
    changes = list(data.changes(**LEVELS))
    assert [change[:2] for change in changes] == [("scale", 0.5), ("objects", 1), ("objects", 4), ("overlap", 0.5)]
    scenes = [data.with_scenes(settings).scenes for _, _, settings in changes]
    assert scenes[0] == SceneSettings(objects=objects, scale=0.4)
    for number, changed in zip((1, 4), scenes[1:3], strict=True):
        assert changed.objects == number
        assert number * changed.scale**2 == pytest.approx(objects * 0.8**2)
    assert scenes[3] == SceneSettings(objects=objects, scale=0.8, overlap=0.5)


@pytest.mark.parametrize(("background", "cropped"), [("3", None), ("3", False), (None, False)])
def test_of_objects_that_keep_their_frame_only_the_scale_changes(background, cropped):
    data = Dataset(items="1", background=background, scenes=SceneSettings(objects=1, cropped=cropped))
    assert list(data.changes(**LEVELS)) == [("scale", 0.5, {"scale": 0.5})]


def test_cropped_objects_on_a_background_change_in_number_and_overlap_too():
    data = Dataset(items="1", background="3", scenes=SceneSettings(cropped=True))
    assert [change[0] for change in data.changes(**LEVELS)] == ["scale", "objects", "objects", "overlap"]


@pytest.mark.parametrize("scenes", [SceneSettings(), SceneSettings(objects=3, overlap=0.25, scale=0.5)])
def test_scenes_at_an_undisturbed_level_are_those_of_training(scenes):
    data = Dataset(items="1", scenes=scenes)
    levels = {name: data.undisturbed(name) for name in ("scale", "objects", "overlap")}
    changes = data.changes([levels["scale"]], [int(levels["objects"])], [levels["overlap"]])
    assert [data.with_scenes(settings) for _, _, settings in changes] == [data] * 3
    assert data.undisturbed("gaussian") == data.undisturbed("longer") == 0


def test_a_change_that_is_impossible_is_refused():
    with pytest.raises(GaspError, match="overlap"):
        Dataset(items="1").with_scenes({"overlap": 2.0})


def test_a_problem_is_a_data_set_of_one_head_that_answers_no_or_yes():
    data = Dataset(problem="same", scenes=SceneSettings(size=40))
    sizes, scenes = data.sizes(), data.compose("test", 5, seed=0)
    assert sizes == {"channels": 1, "size": 40, "classes": 2, "heads": 1}
    assert scenes.images.shape == (5, 1, 40, 40)
    assert scenes.targets.shape == (5, 1, 2)
    assert (scenes.targets.sum(-1) == 1).all()
    assert (data.heads, scenes.head_of_object) == (("answer",), ())
    assert list(data.changes(**LEVELS)) == []
    with pytest.raises(GaspError, match="'same' has no images"):
        data.source("test")


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({}, "either items or a problem"),
        ({"items": "1", "problem": "same"}, "either items or a problem"),
        ({"problem": "same", "background": "1"}, "only the size"),
        ({"problem": "same", "scenes": {"objects": 3}}, "only the size"),
        ({"problem": "odd"}, "problem"),
    ],
)
def test_a_data_set_of_neither_items_nor_a_possible_problem_is_refused(values, complaint):
    with pytest.raises(GaspError, match=complaint):
        Dataset.of(values)
