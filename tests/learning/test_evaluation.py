"""Accuracy over time and statistics of phases, on models and phases whose answers are known."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import get_args

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gasp.data.corruptions import Corruption
from gasp.data.scenes import Scenes
from gasp.learning import evaluation as module
from gasp.learning.evaluation import accuracy, answers, order_of_objects, phase_statistics, separation
from gasp.models import CNN, GASPnet, Trajectory

SIZES = {"size": 16, "classes": 6, "widths": (4, 4), "kernels": (3, 3), "strides": (2, 2), "hidden": 8}


def marked(count: int = 24, heads: int = 1, objects: int = 2) -> Scenes:
    """Scenes whose first pixels are their targets: an oracle can read them off."""
    generator = torch.Generator().manual_seed(3)
    targets = torch.zeros(count, heads, 6, dtype=torch.bool)
    labels = []
    for head in range(heads):
        labels.append(torch.rand(count, 6, generator=generator).argsort(1)[:, : 1 if head else objects])
        targets[:, head].scatter_(1, labels[-1], True)
    images = torch.randint(0, 256, (count, 1, 16, 16), generator=generator).to(torch.uint8)
    images[:, 0, :heads, :6] = targets.to(torch.uint8) * 255
    shown = torch.cat(labels, 1)
    bands = torch.arange(16) * shown.shape[1] // 16 == torch.arange(shown.shape[1]).unsqueeze(1)  # one below the other
    masks = bands[None, :, :, None].expand(count, -1, -1, 16).to(torch.uint8) * 255
    return Scenes(images, masks, targets, shown.to(torch.uint8), (*[0] * objects, 1)[: shown.shape[1]])


class Adding(CNN):
    """Says the opposite of the truth at its second step, weakly, and answers with the mean of both steps."""

    def forward(self, images: Tensor) -> Trajectory:
        truth = images[:, 0, : self.heads, :6]
        return Trajectory(torch.stack([20 * truth, -10 * truth]), leak=1.0)


def test_answers_that_add_up_are_measured_beside_those_of_every_step():
    metrics = accuracy(Adding(**SIZES), marked())
    assert metrics["scene_accuracy"] == [1.0, 1.0]
    assert metrics["step_scene_accuracy"] == [1.0, 0.0]
    assert not [name for name in accuracy(Oracle(1, 1), marked()) if name.startswith("step_")]


class Oracle(CNN):
    """Reads the answer off the image; by time step, the share of it that it tells."""

    def __init__(self, *tells: float, heads: int = 1) -> None:
        super().__init__(heads=heads, **SIZES)
        self.tells = tells

    def forward(self, images: Tensor) -> Trajectory:
        answer = images[:, 0, : self.heads, :6]
        return Trajectory(torch.stack([20 * tell * answer for tell in self.tells]))


def build(kind: str, **settings) -> CNN:
    torch.manual_seed(1)
    return CNN(**SIZES, **settings) if kind == "cnn" else GASPnet(iterations=2, key_size=4, **SIZES, **settings)


@pytest.mark.parametrize(("tell", "expected"), [(1, 1.0), (-1, 0.0)], ids=["oracle", "anti-oracle"])
@pytest.mark.parametrize("objects", [1, 2, 3])
@pytest.mark.parametrize("heads", [1, 2])
def test_an_oracle_is_always_right_and_its_opposite_never(tell, expected, objects, heads):
    found = accuracy(Oracle(tell, heads=heads), marked(heads=heads, objects=objects))
    assert found.pop("loss") == [pytest.approx(math.log(objects) / heads, abs=1e-3)] or tell < 0
    assert found == {name: [expected] for name in found}


def test_accuracy_is_that_of_each_time_step():
    found = accuracy(Oracle(-1, 1, -1, 1), marked())
    assert found["scene_accuracy"] == found["object_accuracy"] == [0.0, 1.0, 0.0, 1.0]


def test_a_scene_is_right_if_every_object_is():
    scenes = marked(3)
    wrong = scenes.images.clone()
    first = int(scenes.targets[0, 0].nonzero()[0])
    wrong[0, 0, 0, first] = 0
    absent = int((~scenes.targets[0, 0]).nonzero()[0])
    wrong[0, 0, 0, absent] = 255
    found = accuracy(Oracle(1), replace(scenes, images=wrong))
    assert found["scene_accuracy"] == [pytest.approx(2 / 3)]
    assert found["object_accuracy"] == [pytest.approx(5 / 6)]


def test_each_head_has_an_accuracy_and_a_scene_needs_both():
    class Half(Oracle):
        def forward(self, images: Tensor) -> Trajectory:
            return Trajectory(super().forward(images).logits * torch.tensor([1.0, -1.0])[:, None])

    found = accuracy(Half(1, heads=2), marked(heads=2))
    assert found["head_0_accuracy"] == [1.0]
    assert found["head_1_accuracy"] == [0.0]
    assert found["scene_accuracy"] == [0.0]
    assert found["object_accuracy"] == [pytest.approx(2 / 3)]


@pytest.mark.parametrize("kind", ["cnn", "gaspnet"])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_scenes_are_not_more_often_right_than_objects(kind, noise):
    found = accuracy(build(kind, heads=2), marked(heads=2), corruption=("gaussian", noise))
    assert all(scene <= single for scene, single in zip(found["scene_accuracy"], found["object_accuracy"], strict=True))
    assert all(0 <= value <= 1 for name, values in found.items() if name != "loss" for value in values)
    assert {len(values) for values in found.values()} == {1 if kind == "cnn" else 3}


@pytest.mark.parametrize("kind", ["cnn", "gaspnet"])
@pytest.mark.parametrize(
    "measure", [partial(accuracy, corruption=("gaussian", 0.3)), phase_statistics], ids=["accuracy", "phase_statistics"]
)
def test_the_seed_and_nothing_else_decides(kind, measure):
    model, scenes = build(kind), marked()
    torch.manual_seed(1)
    first = measure(model, scenes, seed=7)
    torch.manual_seed(2)
    model.train()
    assert measure(model, scenes, seed=7) == first
    if kind == "gaspnet" or measure is not phase_statistics:
        assert measure(model, scenes, seed=8) != first


def test_measuring_leaves_the_seed_and_the_gradients_alone():
    model = build("gaspnet")
    torch.manual_seed(1)
    drawn = torch.rand(3)
    torch.manual_seed(1)
    accuracy(model, marked(), corruption=("gaussian", 0.3))
    phase_statistics(model, marked())
    assert torch.equal(torch.rand(3), drawn)
    assert torch.is_grad_enabled()
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("corruption", get_args(Corruption))
def test_level_0_is_the_clean_image(corruption):
    model, scenes = build("gaspnet"), marked()
    images, _, targets = scenes.batch(slice(None))
    with torch.no_grad():
        logits = model.run(images, torch.Generator().manual_seed(4)).logits
    losses = [-(F.log_softmax(step, -1) * targets / targets.sum(-1, keepdim=True)).sum(-1).mean().item() for step in logits]
    assert accuracy(model, scenes, corruption=(corruption, 0.0), seed=4)["loss"] == pytest.approx(losses, rel=1e-5)


def test_each_corruption_changes_what_a_network_answers_in_its_own_way():
    clean = accuracy(build("cnn"), marked())["loss"]
    corrupted = [accuracy(build("cnn"), marked(), corruption=(kind, 0.5))["loss"] for kind in get_args(Corruption)]
    assert len({*clean, *(loss for losses in corrupted for loss in losses)}) == 1 + len(corrupted)


@pytest.mark.parametrize(("heads", "objects"), [(1, 2), (2, 1), (2, 2)])
def test_what_was_right_is_told_scene_by_scene(heads, objects):
    scenes = marked(heads=heads, objects=objects)
    found = answers(build("gaspnet", heads=heads), scenes, corruption=("gaussian", 0.1))
    assert [hits.shape for hits in found.hits] == [(3, 24, objects), (3, 24, 1)][:heads]
    right, metrics = found.correct(), found.metrics()
    assert set(right) == {"scene"} | ({"head_0", "head_1"} if heads == 2 else set())
    for name, scene_by_scene in right.items():
        assert (scene_by_scene.shape, scene_by_scene.dtype) == ((3, 24), torch.bool)
        assert metrics[f"{name}_accuracy"] == pytest.approx(scene_by_scene.float().mean(1).tolist())
    assert torch.equal(right["scene"], torch.stack([hits.all(-1) for hits in found.hits]).all(0))


def test_an_oracle_that_errs_in_one_scene_is_wrong_there():
    scenes = marked(6)
    scenes.images[4, 0, 0, :6] = 255 - scenes.images[4, 0, 0, :6]
    assert answers(Oracle(1), scenes).correct()["scene"].tolist() == [[True] * 4 + [False, True]]


@pytest.mark.parametrize(("kind", "expected"), [("cnn", 1), ("gaspnet", 5)])
def test_a_longer_run_begins_as_the_models_own(kind, expected):
    model = build(kind)
    own, longer = (accuracy(model, marked(), steps=steps)["loss"] for steps in (None, 5))
    assert len(longer) == expected
    assert longer[: len(own)] == pytest.approx(own, rel=1e-5)


@pytest.mark.parametrize("batch", [5, 24, 100])
def test_scenes_that_fill_no_batch_count_like_all_others(batch, monkeypatch):
    whole = accuracy(build("cnn"), marked())
    monkeypatch.setattr(module, "BATCH", batch)
    for name, values in accuracy(build("cnn"), marked()).items():
        assert values == pytest.approx(whole[name], rel=1e-5)


# phases


def halves(first: float, second: float) -> tuple[Tensor, Tensor]:
    """Phases ``(1, 1, 4, 6)``, equal within the upper and the lower half, and the masks of the halves."""
    phases = torch.tensor([first, second]).repeat_interleave(2)[None, None, :, None].expand(1, 1, 4, 6)
    return phases, torch.eye(2).repeat_interleave(2, 1)[None, :, :, None].expand(1, 2, 4, 6)


@pytest.mark.parametrize(("apart", "expected"), [(math.pi, 1.0), (0.0, 0.0), (math.pi / 2, 0.5), (2 * math.pi, 0.0)])
@pytest.mark.parametrize("offset", [0.0, 2.9])
def test_two_groups_are_separated_by_the_angle_between_them(apart, expected, offset):
    found = separation(*halves(offset, offset + apart))
    assert found["order_within"].item() == pytest.approx(1, abs=1e-4)
    assert found["separation"].item() == pytest.approx(expected, abs=1e-4)


def test_an_object_half_in_antiphase_has_no_order():
    phases, masks = halves(0, math.pi)
    assert separation(phases, masks.flip(1).mean(1, keepdim=True))["order_within"].item() == pytest.approx(0, abs=1e-4)


def test_one_object_may_be_in_order_and_another_not():
    phases, masks = halves(0, math.pi)
    both = torch.cat([masks[:, :1], masks.sum(1, keepdim=True)], 1)
    assert order_of_objects(phases, both).flatten().tolist() == pytest.approx([1, 0], abs=1e-4)
    assert separation(phases, both)["order_within"].item() == pytest.approx(0.5, abs=1e-4)


def test_three_objects_are_separated_pair_by_pair():
    phases = torch.tensor([0.0, 0.0, math.pi]).repeat(2, 1)[None, None]
    masks = torch.eye(3)[None, :, None, :].expand(1, 3, 2, 3)
    assert separation(phases, masks)["separation"].item() == pytest.approx(2 / 3, abs=1e-4)


def test_locations_count_by_how_much_an_object_covers_them():
    phases, masks = halves(0, math.pi)
    masks = masks[:, :1] + masks[:, 1:] / 3
    assert separation(phases, masks.repeat(1, 2, 1, 1))["order_within"].item() == pytest.approx(0.5, abs=1e-4)


def test_masks_of_another_resolution_are_averaged():
    phases, masks = halves(0.3, 1.7)
    fine = masks.repeat_interleave(4, 2).repeat_interleave(4, 3)
    for name, value in separation(phases, fine).items():
        torch.testing.assert_close(value, separation(phases, masks)[name])


def test_phases_are_measured_for_every_layer_and_time_step():
    found = phase_statistics(build("gaspnet", steps=4), marked())
    maps = {"order_within", "separation"}
    assert [set(layer) for layer in found] == [maps, maps, {"nearness"}, {"nearness", "follows"}]
    for layer in found:
        assert {len(values) for values in layer.values()} == {4}
        assert all((-1 if name == "nearness" else 0) - 1e-4 <= value <= 1 + 1e-4 for name in layer for value in layer[name])


def test_statistics_are_means_over_scenes():
    model, scenes = build("gaspnet"), marked()
    images, masks, _ = scenes.batch(slice(None))
    with torch.no_grad():
        phases = model.run(images, torch.Generator().manual_seed(4)).phases[1]
    expected = separation(phases, masks)["separation"].mean(1)
    assert phase_statistics(model, scenes, seed=4)[1]["separation"] == pytest.approx(expected.tolist(), abs=1e-5)


class Phased(CNN):
    """Has the phases that it is told: of both objects, in the halves of the image that they cover, and of its units."""

    def __init__(self, objects: tuple[float, float], units: Tensor, gates: Tensor | None = None) -> None:
        super().__init__(**SIZES)
        self.objects, self.units, self.gates = objects, units, torch.ones_like(units) if gates is None else gates

    def forward(self, images: Tensor) -> Trajectory:
        first = halves(*self.objects)[0].expand(1, len(images), 4, 6)
        units, gates = (each.expand(1, len(images), -1) for each in (self.units, self.gates))
        return Trajectory(torch.zeros(1, len(images), 1, 6), (first, units), (torch.ones_like(first), gates))


@pytest.mark.parametrize("gates", [[1.0, 1.0, 1.0], [1.0, 0.0, 0.5], [0.0, 0.0, 1.0]], ids=str)
def test_units_are_as_near_as_the_cosine_to_the_nearest_object(gates):
    objects, units = (0.5, 2.5), torch.tensor([0.5 + 2 * math.pi, 2.2, 1.5])
    near, weights = torch.tensor([1.0, math.cos(0.3), math.cos(1.0)]), torch.tensor(gates)
    found = phase_statistics(Phased(objects, units.repeat(1, 2), weights.repeat(1, 2)), marked())
    assert found[1]["nearness"] == [pytest.approx(((weights * near).sum() / weights.sum()).item(), abs=1e-4)]


@pytest.mark.parametrize(("heads", "objects"), [(1, 2), (2, 1)], ids=["two objects", "an object and its background"])
@pytest.mark.parametrize(("phases", "expected"), [((0.5, 2.5), 1.0), ((2.5, 0.5), 0.0), ((2.2, 2.2), 0.5)], ids=str)
def test_an_object_is_followed_if_the_unit_that_reports_it_is_nearer_to_it_than_to_any_other(phases, expected, heads, objects):
    scenes = marked(heads=heads, objects=objects)
    reporting = scenes.labels.long() + torch.tensor([0, 6 * (heads - 1)])
    units = (torch.rand(len(scenes), 6 * heads) * 6).scatter(1, reporting, torch.tensor(phases).expand(len(scenes), 2))
    assert phase_statistics(Phased((0.5, 2.5), units), scenes)[1]["follows"] == [pytest.approx(expected)]


@pytest.mark.parametrize(("heads", "objects"), [(1, 2), (2, 1)], ids=["two objects", "an object and its background"])
def test_what_is_where_is_measured_in_the_run_that_answers(heads, objects, monkeypatch):
    model, scenes, runs = build("gaspnet", heads=heads), marked(heads=heads, objects=objects), []

    def watched(*arguments):
        runs.append(arguments)
        return type(model).run(model, *arguments)

    monkeypatch.setattr(model, "run", watched)
    found = answers(model, scenes)
    assert len(runs) == 1
    assert found.binding.heads == scenes.head_of_object
    assert found.binding.metrics()["pointing"] == pytest.approx(phase_statistics(model, scenes)[-1]["follows"])
    assert not set(found.binding.metrics()) & set(found.metrics())


@pytest.mark.parametrize("batch", [5, 24])
def test_what_is_where_is_told_of_all_batches(batch, monkeypatch):
    model, scenes = build("gaspnet", phase_init="ideal"), marked()  # whose phases no generator draws
    whole = answers(model, scenes).binding
    monkeypatch.setattr(module, "BATCH", batch)
    for name, values in answers(model, scenes).binding.metrics().items():
        assert values == pytest.approx(whole.metrics()[name], abs=0.03)  # ties of rounding may fall otherwise
        assert len(values) == 3


def test_a_model_without_phases_binds_nothing():
    assert answers(build("cnn"), marked()).binding is None


def test_phases_of_scenes_in_other_batches_count_like_all_others(monkeypatch):
    model, scenes = build("gaspnet", phase_init="ideal"), marked()  # whose phases no generator draws
    whole = phase_statistics(model, scenes)
    monkeypatch.setattr(module, "BATCH", 7)
    for found, expected in zip(phase_statistics(model, scenes), whole, strict=True):
        for name, values in found.items():
            assert values == pytest.approx(expected[name], abs=1e-4)


def test_a_model_without_phases_has_no_statistics():
    assert phase_statistics(build("cnn"), marked()) == []


@pytest.mark.parametrize("kind", ["cnn", "gaspnet"])
def test_every_device_measures_the_same(kind, device):
    expected, found = (
        accuracy(build(kind).to(place), marked(), corruption=("gaussian", 0.1))["loss"] for place in ("cpu", device)
    )
    assert found == pytest.approx(expected, rel=1e-2)
