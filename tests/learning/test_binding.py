"""What is where: on phases whose answers are known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from gasp.data.scenes import Scenes
from gasp.learning.binding import (
    Binding,
    audible,
    bind,
    colour_units,
    cued_reports,
    mask_iou,
    named_places,
    pairing,
    phase_masks,
    places,
    pointing,
    reporting_units,
)
from gasp.models import Trajectory

SIDE = 12  # locations of the first layer
CLASSES = 6
MEASURES = ("pointing", "mask_iou", "cued_accuracy", "name_to_place")  # of phases
APART = {2: (0.5, 3.6), 3: (0.0, 2.1, 4.2)}  # phases of objects, radians


def strips(objects: int, scenes: int = 4) -> Tensor:
    """Masks ``(B, G, 24, 24)``: objects below each other, with empty rows between them, at two pixels a location."""
    masks = torch.zeros(scenes, objects, 2 * SIDE, 2 * SIDE)
    height = SIDE // objects - 1
    for index in range(objects):
        start = 2 * index * SIDE // objects
        masks[:, index, start : start + 2 * height, 4:20] = 1
    return masks


def chosen(objects: int, heads: tuple[int, ...], scenes: int = 4) -> Tensor:
    """Units ``(B, G)`` of the objects, different within a head."""
    classes = torch.rand(scenes, CLASSES).argsort(1)[:, :objects]
    return classes + CLASSES * torch.tensor(heads)


def trajectory(
    masks: Tensor, units: Tensor, of_objects: Tensor, of_units: Tensor, heads: int = 1, naming: float = 20.0
) -> Trajectory:
    """A run of T steps that names all objects.

    Args:
        of_objects, of_units: phases of the locations of each object and of its unit, ``(T, G)``. All other locations are
            silent, with random phases, and so are the phases of other units.
        naming: logit of the objects' classes.
    """
    steps, scenes = len(of_objects), len(masks)
    shown = masks[..., ::2, ::2]  # (B, G, H, W)
    nothing = shown.sum(1) == 0
    first = torch.einsum("tg,bghw->tbhw", of_objects, shown) + nothing * torch.rand(SIDE, SIDE) * 6
    readout = (torch.rand(steps, scenes, heads * CLASSES) * 6).scatter(
        2, units.expand(steps, -1, -1), of_units.unsqueeze(1).expand(-1, scenes, -1)
    )
    logits = torch.zeros(scenes, heads * CLASSES).scatter(1, units, naming).expand(steps, -1, -1)
    gates = (~nothing).float().expand(steps, -1, -1, -1)
    return Trajectory(logits.unflatten(-1, (heads, CLASSES)), (first, readout), (gates, torch.ones_like(readout)))


def bound(
    phases_of_objects, phases_of_units, heads: tuple[int, ...] | None = None, shift: float = 0.0
) -> dict[str, list[float]]:
    """The metrics of one step, or of several, of phases ``(T, G)``."""
    objects, unit_phases = (torch.atleast_2d(torch.tensor(phases)) for phases in (phases_of_objects, phases_of_units))
    heads = heads or (0,) * objects.shape[1]
    masks, units = strips(objects.shape[1]), chosen(objects.shape[1], heads)
    found = bind(trajectory(masks, units, objects + shift, unit_phases + shift, len(set(heads))), masks, units, heads)
    metrics = found.metrics()
    told = {name: metrics.pop(name) for name in list(metrics) if name.endswith("told_mask_iou")}
    assert set(told) == {
        f"{head}told_mask_iou" for head in ["", *({f"head_{h}_" for h in heads} if len(set(heads)) > 1 else [])]
    }
    assert all(value == pytest.approx(1) for values in told.values() for value in values)  # whatever the phases
    return metrics


@pytest.mark.parametrize("shift", [0.0, 1.0, -2.5, 4 * math.pi])
@pytest.mark.parametrize("phases", APART.values(), ids=["two objects", "three objects"])
def test_everything_is_right_where_each_unit_is_in_phase_with_its_object(phases, shift):
    assert bound(phases, phases, shift=shift) == {name: [1.0] for name in MEASURES}


@pytest.mark.parametrize("shift", [0.0, 1.0, -2.5, 4 * math.pi])
@pytest.mark.parametrize("phases", APART.values(), ids=["two objects", "three objects"])
def test_nothing_is_right_where_each_unit_is_in_phase_with_another_object(phases, shift):
    assert bound(phases, [*phases[1:], phases[0]], shift=shift) == {name: [0.0] for name in MEASURES}


@pytest.mark.parametrize("objects", [2, 3])
def test_phases_that_are_all_alike_point_no_better_than_chance(objects):
    found = bound([1.3] * objects, [1.3] * objects)
    shared = strips(objects)[0, 0].sum() / strips(objects)[0].sum()  # one unit owns every location
    assert found["pointing"] == [pytest.approx(1 / objects)]
    assert found["name_to_place"] == [pytest.approx(1 / objects)]
    assert found["mask_iou"] == [pytest.approx(shared.item() / objects)]


def test_places_whose_phases_are_all_alike_are_given_one_name():
    masks, units = strips(2), chosen(2, (0, 0))
    run = trajectory(masks, units, torch.ones(1, 2), torch.ones(1, 2))
    surer = run.logits.clone().scatter_add(3, units[:, :1].expand(1, 1, -1, -1).transpose(1, 2), torch.ones(1, 4, 1, 1))
    assert cued_reports(replace(run, logits=surer), masks, units).tolist() == [[[True, False]] * 4]


def test_each_time_step_is_measured_by_itself():
    right, wrong = APART[2], APART[2][::-1]
    found = bound([right] * 3, [wrong, right, wrong])
    assert found == {name: [0.0, 1.0, 0.0] for name in MEASURES}


def test_with_several_heads_each_is_measured_and_an_object_competes_with_those_of_other_heads():
    phases = APART[3]
    found = bound(phases, [phases[1], phases[0], phases[2]], heads=(0, 0, 1))
    for name in MEASURES:
        assert found[name] == [pytest.approx(1 / 3)]
        assert found[f"head_0_{name}"] == [0.0]
        assert found[f"head_1_{name}"] == [1.0]
    assert set(found) == {f"{head}{name}" for name in MEASURES for head in ("", "head_0_", "head_1_")}


def test_one_object_in_each_of_two_heads():
    assert bound(APART[2], APART[2], heads=(0, 1))["cued_accuracy"] == [1.0]
    swapped = bound(APART[2], APART[2][::-1], heads=(0, 1))
    assert swapped["pointing"] == swapped["mask_iou"] == swapped["head_1_name_to_place"] == [0.0]


def test_batches_are_joined_in_their_order():
    masks, units = strips(2, 7), chosen(2, (0, 0), 7)
    run = trajectory(masks, units, torch.rand(3, 2) * 6, torch.rand(3, 2) * 6)
    run = replace(run, phases=tuple(torch.rand_like(phases) * 6 for phases in run.phases))
    parts = []
    for some in (slice(0, 4), slice(4, 7)):
        part = Trajectory(run.logits[:, some], tuple(x[:, some] for x in run.phases), tuple(x[:, some] for x in run.gates))
        parts.append(bind(part, masks[some], units[some], (0, 0)))
    whole, joined = bind(run, masks, units, (0, 0)), Binding.joined(parts)
    for name in MEASURES:
        assert torch.equal(getattr(joined, name), getattr(whole, name))
        assert getattr(whole, name).shape == (3, 7, 2)
    assert joined.heads == (0, 0)


@pytest.mark.parametrize("heads", [(0, 0), (0, 1)], ids=["one head", "two heads"])
def test_the_means_over_scenes_of_what_is_kept_of_each_are_the_metrics(heads):
    masks, units = strips(2, 5), chosen(2, heads, 5)
    run = trajectory(masks, units, torch.rand(3, 2) * 6, torch.rand(3, 2) * 6, len(set(heads)))
    run = replace(run, phases=(torch.rand_like(run.phases[0]) * 6, run.phases[1]))
    found = bind(run, masks, units, heads)
    for name, values in found.of_scenes().items():
        assert values.shape == (3, 5)
        assert values.mean(1).tolist() == pytest.approx(found.metrics()[name])
    kept = ("pointing", "cued_accuracy", "name_to_place")
    several = {"head_0_", "head_1_"} if len(set(heads)) > 1 else set()
    assert set(found.of_scenes()) == {f"{head}{name}" for name in kept for head in {"", *several}}


def painted(of_colours: list[float]) -> tuple[Trajectory, Tensor, Tensor, Tensor]:
    """A run whose units are in phase with their objects, and whose colours, in a second head, have phases ``(G)``; its masks,
    units and colour units.
    """
    objects = len(of_colours)
    masks, units, colours = strips(objects), chosen(objects, (0,) * objects), chosen(objects, (1,) * objects)
    phases = torch.tensor([APART[objects]])
    run = trajectory(masks, units, phases, phases, heads=2)
    readout = run.phases[1].scatter(2, colours[None], torch.tensor(of_colours).expand(1, len(masks), -1))
    return replace(run, phases=(run.phases[0], readout)), masks, units, colours


@pytest.mark.parametrize("phases", APART.values(), ids=["two objects", "three objects"])
@pytest.mark.parametrize(
    ("of_colours", "expected"),
    [
        (lambda phases: [*phases], 1.0),
        (lambda phases: [phase + 0.4 for phase in phases], 1.0),
        (lambda phases: [*phases[1:], phases[0]], 0.0),
        (lambda phases: [1.3 for _ in phases], None),
    ],
    ids=["perfect", "a little off", "shuffled", "all alike"],
)
def test_a_digit_is_paired_with_the_colour_in_phase_with_it(phases, of_colours, expected):
    run, masks, units, colours = painted(of_colours(phases))
    expected = [pytest.approx(1 / len(phases) if expected is None else expected)]
    metrics = bind(run, masks, units, (0,) * len(phases), colours).metrics()
    assert metrics["pairing"] == expected
    assert metrics["colour_pointing"] == expected
    assert metrics["pointing"] == [1.0]


def test_pairing_compares_units_alone_and_knows_nothing_of_places():
    run, _, units, colours = painted([*APART[2]])
    assert pairing(replace(run, phases=(torch.zeros_like(run.phases[0]), run.phases[1])), units, colours).all()


def test_colours_are_kept_of_each_scene_and_of_all_batches():
    run, masks, units, colours = painted([*APART[2]])
    found = bind(run, masks, units, (0, 0), colours)
    assert {"pairing", "colour_pointing"} <= set(found.of_scenes())
    assert Binding.joined([found, found]).pairing.shape == (1, 8, 2)
    assert not {"pairing", "colour_pointing"} & set(bind(run, masks, units, (0, 0)).metrics())


def test_units_of_colours_are_those_of_the_second_head():
    nothing, labels = torch.zeros(1, 2, 4, 4, dtype=torch.uint8), torch.tensor([[3, 5]], dtype=torch.uint8)
    scenes = Scenes(nothing, nothing, torch.zeros(1, 2, CLASSES, dtype=torch.bool), labels, (0, 0))
    assert colour_units(scenes) is None
    assert colour_units(replace(scenes, colours=torch.tensor([[1, 0]], dtype=torch.uint8))).tolist() == [[7, 6]]


def test_without_phases_nothing_is_bound():
    assert bind(Trajectory(torch.zeros(1, 4, 1, CLASSES)), strips(2), chosen(2, (0, 0)), (0, 0)) is None


# pointing


def test_an_object_that_no_head_reports_is_one_of_those_that_a_unit_may_point_at():
    masks, phases = strips(3), torch.tensor([APART[3]])
    units = chosen(2, (0, 0))
    run = trajectory(masks[:, :2], units, phases[:, :2], phases[:, [0, 2]])
    shown = masks[:, 2, ::2, ::2].bool()
    run = replace(run, phases=(torch.where(shown, phases[0, 2], run.phases[0]), run.phases[1]))
    assert pointing(run, masks, units).tolist() == [[[True, False]] * 4]


@pytest.mark.parametrize(("phase", "expected"), [(1.6, True), (1.9, False)])
def test_a_unit_points_at_the_nearest_object_however_far(phase, expected):
    masks, units = strips(2), chosen(2, (0, 0))
    run = trajectory(masks, units, torch.tensor([[0.0, 3.5]]), torch.tensor([[phase, 3.5]]))
    assert pointing(run, masks, units)[..., 0].unique().tolist() == [expected]


def test_units_of_the_second_head_come_after_those_of_the_first():
    labels = torch.tensor([[3, 5, 2], [0, 1, 5]], dtype=torch.uint8)
    nothing = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    for heads, expected in (((0, 0, 1), [[3, 5, 8], [0, 1, 11]]), ((0, 0), [[3, 5], [0, 1]])):
        targets = torch.zeros(2, len(set(heads)), CLASSES, dtype=torch.bool)
        assert reporting_units(Scenes(nothing, nothing, targets, labels, heads)).tolist() == expected


# masks


def test_a_phase_mask_is_the_object_that_the_unit_is_in_phase_with():
    masks, units, phases = strips(2), chosen(2, (0, 0)), torch.tensor([APART[2]])
    found = phase_masks(trajectory(masks, units, phases, phases), units)
    assert torch.equal(found, masks[None, ..., ::2, ::2].bool())


def test_locations_more_than_a_quarter_turn_from_every_unit_belong_to_none():
    masks, units = strips(3), chosen(3, (0, 0, 0))
    run = trajectory(masks, units, torch.tensor([[0.0, 1.5, 1.7]]), torch.tensor([[0.0, 0.0, -0.2]]))
    expected = masks[0, 0, ::2, ::2] + masks[0, 1, ::2, ::2]
    assert torch.equal(phase_masks(run, units)[0, 0].any(0), expected.bool())


def test_a_location_belongs_to_one_unit_at_most():
    masks, units = strips(3), chosen(3, (0, 0, 0))
    run = trajectory(masks, units, torch.rand(2, 3), torch.rand(2, 3))
    run = replace(run, phases=(torch.rand_like(run.phases[0]) * 6, run.phases[1]))
    assert phase_masks(run, units).sum(2).max() == 1


def test_silent_locations_are_those_far_below_the_largest_gate_at_any_scale():
    gates = torch.tensor([[0.0, 0.4, 0.6, 0.9]])
    for scale in (1.0, 0.01):
        assert audible(scale * gates).tolist() == [[False, False, True, True]]


def test_overlap_is_that_of_rectangles():
    first, second = torch.zeros(2, 4, 4, dtype=torch.bool), torch.zeros(2, 4, 4, dtype=torch.bool)
    first[:, :2], second[0, 1:3] = True, True
    assert mask_iou(first, second)[0] == pytest.approx(4 / 12)
    assert mask_iou(first, second)[1].isnan()
    assert mask_iou(torch.zeros_like(first), first).tolist() == [0, 0]


def test_an_object_that_covers_half_of_no_location_does_not_count():
    masks, units, phases = strips(2), chosen(2, (0, 0)), torch.tensor([APART[2]])
    run = trajectory(masks, units, phases, phases)
    masks[0, 1] = 0.4
    found = bind(run, masks, units, (0, 0))
    assert found.mask_iou[0, 0].isnan().tolist() == [False, True]
    assert found.metrics()["mask_iou"] == [pytest.approx(1)]
    assert found.told_mask_iou.isnan().equal(found.mask_iou.isnan())


def test_what_masks_would_tell_is_less_than_1_where_the_layer_responds_beside_an_object():
    masks, units, phases = strips(2), chosen(2, (0, 0)), torch.tensor([APART[2]])
    run = trajectory(masks, units, phases, phases)
    gates = run.gates[0].clone()
    gates[..., 2, :2] = 1  # the object begins in column 2: column 1 is next to it, column 0 is next to nothing
    found = bind(replace(run, gates=(gates, run.gates[1])), masks, units, (0, 0))
    area = masks[0, 0, ::2, ::2].sum().item()
    assert found.told_mask_iou[0, 0].tolist() == pytest.approx([area / (area + 1), 1])


# names and places


@pytest.mark.parametrize(("naming", "expected"), [(20.0, 1.0), (-20.0, 0.0)])
def test_a_place_in_phase_with_the_right_unit_is_named_right_only_if_the_network_knows_its_name(naming, expected):
    masks, units, phases = strips(2), chosen(2, (0, 0)), torch.tensor([APART[2]])
    run = trajectory(masks, units, phases, phases, naming=naming)
    assert cued_reports(run, masks, units).float().mean() == expected


def test_the_answer_at_a_place_is_the_most_probable_class_times_its_agreement():
    masks, units = strips(2, 1), torch.tensor([[0, 1]])
    run = trajectory(masks, units, torch.zeros(1, 2), torch.tensor([[0.0, math.pi / 2]]))
    readout = torch.full_like(run.phases[1], math.pi)
    readout[..., :2] = torch.tensor([0.0, math.pi / 2])  # agreement 1 and 1/2
    for odds, expected in ((1.9, [True, False]), (2.1, [False, True])):
        logits = torch.zeros_like(run.logits)
        logits[..., 1] = math.log(odds)
        found = cued_reports(replace(run, logits=logits, phases=(run.phases[0], readout)), masks, units)
        assert found.tolist() == [[expected]]


def test_a_cue_is_where_an_object_is_seen_alone():
    masks, phases = strips(2), torch.tensor([APART[2]])
    units = chosen(2, (0, 0))
    run = trajectory(masks, units, phases, phases)
    masks[:, 0, 12:20, 4:14] = 1  # the first now covers most of the second, and gives it its phase there
    first = run.phases[0].clone()
    first[..., 6:10, 2:7] = APART[2][0]
    assert cued_reports(replace(run, phases=(first, run.phases[1])), masks, units).all()


def test_silent_neighbours_have_no_say_in_the_phase_of_a_place():
    masks, units, phases = torch.zeros(1, 2, 24, 24), torch.tensor([[2, 4]]), torch.tensor([APART[2]])
    masks[:, 0, 4:6, 4:6], masks[:, 1, 16:18, 16:18] = 1, 1  # one location each
    run = trajectory(masks, units, phases, phases)
    silent = run.gates[0] == 0
    run = replace(run, phases=(torch.where(silent, APART[2][1], run.phases[0]), run.phases[1]))
    assert cued_reports(run, masks, units).all()


def test_a_place_is_found_inside_the_object_in_phase():
    masks, units, phases = strips(2), chosen(2, (0, 0)), torch.tensor([APART[2]])
    found = places(trajectory(masks, units, phases, phases), units)
    inside = masks[..., ::2, ::2].flatten(2).gather(2, found[0].unsqueeze(-1))
    assert (inside == 1).all()


@pytest.mark.parametrize(("covered", "expected"), [(0.09, False), (0.11, True)])
def test_a_place_shows_an_object_from_a_tenth_on(covered, expected):
    masks, units, phases = strips(2), chosen(2, (0, 0)), torch.tensor([APART[2]])
    run = trajectory(masks, units, phases, phases)
    assert named_places(run, covered * masks, units).unique().tolist() == [expected]


def test_no_place_is_inside_two_objects():
    masks, units, phases = strips(2), chosen(2, (0, 0)), torch.tensor([APART[2]])
    run = trajectory(masks, units, phases, phases[:, [0, 0]])  # both names are looked for in the first object
    for behind, expected in ((0.6, [True, False]), (1.0, [True, False])):  # which the second covers, too
        overlapping = masks.clone()
        overlapping[:, 1] = torch.maximum(masks[:, 1], behind * masks[:, 0])
        assert named_places(run, overlapping, units).tolist() == [[expected] * 4]
    overlapping[:, 0] *= 0.6
    assert named_places(run, overlapping, units).tolist() == [[[False, True]] * 4]


def test_a_background_that_no_head_reports_may_cover_a_place():
    masks, units, phases = strips(2), chosen(2, (0, 0)), torch.tensor([APART[2]])
    run = trajectory(masks, units, phases, phases)
    faint = 0.3 * masks
    background = 1 - faint.amax(1, keepdim=True)
    assert named_places(run, faint, units).all()
    assert not named_places(run, torch.cat([faint, background], 1), units).any()


def test_a_silent_place_is_found_by_no_name():
    masks, units, phases = strips(2), chosen(2, (0, 0)), torch.tensor([APART[2]])
    run = trajectory(masks, units, phases, phases)
    first = torch.where(run.gates[0] == 0, APART[2][1], run.phases[0])  # all that is silent is in phase with the second unit
    assert named_places(replace(run, phases=(first, run.phases[1])), masks, units).all()


def test_a_cued_report_selects_from_what_the_network_answers_not_from_what_the_step_says():
    masks, units, phases = strips(2), chosen(2, (0, 0)), torch.tensor([APART[2]] * 2)
    run = trajectory(masks, units, phases, phases)
    opposite = torch.stack([run.logits[0], -run.logits[0] / 2])
    for leak, expected in ((1.0, True), (0.0, False)):
        assert cued_reports(replace(run, logits=opposite, leak=leak), masks, units)[1].unique().tolist() == [expected]


def test_a_place_is_a_location_with_its_neighbours_not_one_that_happens_to_agree():
    masks, units, phases = strips(2), chosen(2, (0, 0)), torch.tensor([[0.0, 3.0]])
    run = trajectory(masks, units, phases, torch.tensor([[0.3, 3.0]]))
    first = run.phases[0].clone()
    first[..., 8, 5] = 0.3  # in the second object: in phase with the first's unit, but alone
    found = places(replace(run, phases=(first, run.phases[1])), units)
    assert (found[..., 0] // SIDE < SIDE // 2).all()
