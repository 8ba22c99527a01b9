"""Visual reasoning: the relation that defines each answer, and nothing else that gives it away."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from gasp.data.reasoning import ANSWERS, Problem, compose_problem
from gasp.data.scenes import Scenes
from gasp.settings import GaspError

PROBLEMS = get_args(Problem)
problems = pytest.mark.parametrize("problem", PROBLEMS)
sizes = pytest.mark.parametrize("size", [32, 64])
NEIGHBOURS = np.ones((3, 3))


def answers(scenes: Scenes) -> Tensor:
    return scenes.targets[:, 0, ANSWERS.index("yes")]


def outlines(scenes: Scenes) -> np.ndarray:
    return (scenes.masks > 0).numpy()


def cut_out(outline: np.ndarray) -> np.ndarray:
    """An outline without the empty rows and columns around it."""
    return outline[ndimage.find_objects(outline.astype(int))[0]]


def are_alike(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(cut_out(one), cut_out(other))


# the relations


@sizes
@pytest.mark.parametrize("problem", ["same", "same_in_row"])
def test_shapes_are_alike_where_the_answer_is_yes_and_else_no_two_are(problem, size):
    scenes = compose_problem(problem, size, 100, 0)
    for shapes, labels, yes in zip(outlines(scenes), scenes.labels, answers(scenes), strict=True):
        pairs = [(i, j) for i in range(len(shapes)) for j in range(i)]
        assert [are_alike(shapes[i], shapes[j]) for i, j in pairs] == [bool(yes)] * len(pairs)
        assert labels.tolist() == ([0] * len(shapes) if yes else list(range(len(shapes))))


@sizes
def test_shapes_in_a_row_are_in_a_straight_line(size):
    scenes = compose_problem("same_in_row", size, 100, 0)
    for shapes in outlines(scenes)[answers(scenes).numpy()]:
        first, last, between = np.array([np.argwhere(shape).min(0) for shape in shapes], float)
        direction = (last - first) / np.linalg.norm(last - first)
        away = between - first - direction * np.dot(between - first, direction)
        assert np.linalg.norm(away) <= np.sqrt(0.5) + 1e-6, "but for rounding to whole pixels"


@sizes
def test_the_small_shape_is_inside_the_large_one_or_outside(size):
    scenes = compose_problem("inside", size, 100, 0)
    for (large, small), yes in zip(outlines(scenes), answers(scenes), strict=True):
        filled = ndimage.binary_fill_holes(large)
        assert filled[small].all() == bool(yes)
        assert filled[small].any() == bool(yes)
        assert not ndimage.binary_dilation(large, NEIGHBOURS)[small].any(), "they do not touch"


@sizes
def test_shapes_touch_or_have_a_gap_between_them(size):
    scenes = compose_problem("touching", size, 100, 0)
    for (large, small), yes in zip(outlines(scenes), answers(scenes), strict=True):
        assert not ndimage.binary_fill_holes(large)[small].any(), "they never overlap"
        gap = ndimage.distance_transform_cdt(~large, "chessboard")[small].min() - 1
        assert gap == 0 if yes else round(size / 12) <= gap < round(size / 4)


@sizes
@problems
def test_shapes_are_closed_curves_that_lie_apart_in_the_image(problem, size):
    scenes = compose_problem(problem, size, 50, 0)
    assert torch.equal(scenes.images[:, 0], scenes.masks.amax(1))
    assert set(scenes.images.unique().tolist()) == {0, 255}
    assert ((scenes.masks > 0).sum(1) <= 1).all(), "no pixel belongs to two shapes"
    for shape in outlines(scenes).reshape(-1, size, size):
        assert ndimage.label(shape, NEIGHBOURS)[1] == 1
        assert ndimage.binary_fill_holes(shape).sum() > shape.sum()


# nothing else gives the answer away


def statistics(scenes: Scenes) -> dict[str, np.ndarray]:
    lit = (scenes.images[:, 0] > 0).float()
    place = torch.arange(lit.shape[-1]).float()
    rows, columns = lit.sum(2), lit.sum(1)
    total = lit.sum((1, 2))
    values = {
        "lit pixels": total,
        "lit pixels of the first shape": (scenes.masks[:, 0] > 0).float().sum((1, 2)),
        "lit pixels of the last shape": (scenes.masks[:, -1] > 0).float().sum((1, 2)),
        "lit pixels of a half: upper": rows[:, : rows.shape[1] // 2].sum(1),
        "lit pixels of a half: left": columns[:, : columns.shape[1] // 2].sum(1),
        "box": ((rows > 0).sum(1) + (columns > 0).sum(1)).float(),
        "centre: height": (rows * place).sum(1) / total,
        "centre: width": (columns * place).sum(1) / total,
    }
    return {name: value.numpy() for name, value in values.items()}


def best_threshold(values: np.ndarray, yes: np.ndarray) -> float:
    """The accuracy of the best answer that compares one number with a threshold."""
    order = np.argsort(values, kind="stable")
    ends = np.append(np.diff(values[order]) > 0, True)  # a threshold lies between different values
    right = np.where(yes[order], 1, -1).cumsum()[ends]
    return (np.abs(right - (yes.sum() * 2 - len(yes)) / 2).max() + len(yes) / 2) / len(yes)


def test_the_best_threshold_is_found():
    yes = np.array([False, False, True, True])
    assert best_threshold(np.array([1.0, 2.0, 3.0, 4.0]), yes) == 1
    assert best_threshold(np.array([1.0, 1.0, 1.0, 1.0]), yes) == 0.5
    assert best_threshold(np.array([4.0, 2.0, 3.0, 1.0]), yes) == 0.75


# beside each other shapes take more room than inside each other: what a relation implies about size and place is documented
IMPLIED = {
    "same": {"lit pixels of a half": 0.54, "box": 0.54, "centre": 0.54},
    "same_in_row": {"lit pixels of a half": 0.54, "box": 0.54, "centre": 0.54},
    "inside": {"lit pixels of a half": 0.61, "box": 0.89, "centre": 0.58},
    "touching": {"lit pixels of a half": 0.61, "box": 0.74, "centre": 0.58},
}


@problems
def test_no_number_of_lit_pixels_tells_the_answer_nor_size_and_place_more_than_the_relation_implies(problem):
    scenes = compose_problem(problem, 32, 3000, 1)
    yes = answers(scenes).numpy()
    assert yes.mean() == pytest.approx(0.5, abs=0.03)
    found = {name: best_threshold(values, yes) for name, values in statistics(scenes).items()}
    for name, accuracy in found.items():
        assert accuracy < IMPLIED[problem].get(name.split(":")[0], 0.54), name


# sets of scenes


@problems
def test_the_same_seed_gives_the_same_scenes_and_fewer_are_the_first_of_them(problem):
    many, few, other = (compose_problem(problem, 32, count, seed) for count, seed in ((2500, 0), (7, 0), (7, 1)))
    assert (len(many), len(few)) == (2500, 7)
    for part in ("images", "masks", "targets", "labels"):
        assert torch.equal(getattr(many, part)[:7], getattr(few, part))
    assert not torch.equal(few.images, other.images)
    assert len(many.images.flatten(1).unique(dim=0)) == 2500


def test_an_impossible_number_or_size_of_scenes_is_refused():
    with pytest.raises(GaspError, match="at least one"):
        compose_problem("same", 32, 0, 0)
    with pytest.raises(GaspError, match="8 pixels leave no room"):
        compose_problem("inside", 8, 1, 0)
