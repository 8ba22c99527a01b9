"""Visual reasoning: scenes of outlined shapes, and a question about them whose answer is yes or no.

===============  ================================================  ====  ====================================================
problem          yes                                               SVRT  no
===============  ================================================  ====  ====================================================
``same``         two shapes are the same                              1  they differ
``same_in_row``  three shapes in a straight line are the same        22  no two of them are the same
``inside``       a small shape is inside a large one                  4  it is outside
``touching``     a small shape touches a large one                   11  there is a gap between them
===============  ================================================  ====  ====================================================

The first two problems ask whether shapes are the same up to translation; the others ask how one lies relative to the other.

Source: the Synthetic Visual Reasoning Test (Fleuret et al. 2011, *Comparing machines and humans on a visual categorization
test*); the table gives its problem numbers. What it demands of networks: arXiv 2108.03603. Shapes and sizes are ours.

The number of lit pixels must not give the answer away (ours). The shapes of every scene allow both answers, and shapes that
differ have nearly equal numbers of lit pixels. Cues that the relation itself implies remain: shapes inside each other, or in
touch, take less room. At the best threshold, the size of the box around all shapes alone answers 87 % of ``inside`` and 72 % of
``touching`` correctly, and the number of lit pixels in one half of the image 59 % and 58 %. A model must beat these numbers,
not 50 %. In the other two problems, neither statistic answers more than 52 % correctly.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from gasp.data.scenes import Scenes
from gasp.settings import GaspError

__all__ = ["ANSWERS", "Problem", "compose_problem"]

Problem = Literal["same", "same_in_row", "inside", "touching"]
ANSWERS = ("no", "yes")
SHAPES = {"same": 2, "same_in_row": 3}  # number of shapes in the problems of sameness
SAME_SIDE = {"same": 0.36, "same_in_row": 0.26}  # side of a shape's frame, as a share of the scene's side
LARGE, SMALL = {"inside": 0.6, "touching": 0.45}, 0.2  # the same for both shapes in the problems of a relation
GAP = (1 / 12, 1 / 4)  # smallest and largest gap without the relation, as a share of the scene's side
DIFFERENCE = 0.25  # smallest share of their union in which two shapes must differ
CHUNK = 2048  # scenes drawn at once; those that allow only one answer are dropped
TRIES = 64  # attempts to place the shapes of a scene


def compose_problem(problem: Problem, size: int, count: int, seed: int) -> Scenes:
    """Draw scenes of one problem. The same arguments give the same scenes; a smaller ``count`` gives the first of them.

    Every shape is an object. Its mask is its outline, and equal shapes of a scene have the same label. No head reports the
    shapes. The only head has the classes of ``ANSWERS``, each of which is correct in about half of the scenes.

    Args:
        size: side of a scene, pixels.
        count: number of scenes.
        seed: seed of the generator.

    Raises:
        GaspError: if ``size`` leaves no room for the shapes, or ``count`` is below 1.
    """
    if count < 1:
        raise GaspError(f"at least one scene must be asked for, not {count}")
    generator = torch.Generator().manual_seed(seed)
    draw = _sameness if problem in SHAPES else _relation
    parts: list[Scenes] = []
    while sum(map(len, parts)) < count:
        parts.append(draw(problem, size, generator))
        if not len(parts[-1]):
            raise GaspError(f"impossible scene: {size} pixels leave no room for the shapes of the problem {problem!r}")
    return Scenes.joined(parts)[:count]


def _sameness(problem: str, size: int, generator: torch.Generator) -> Scenes:
    """Scenes of shapes that are the same or differ, at random places; three are in a straight line."""
    number, side = SHAPES[problem], _odd(SAME_SIDE[problem] * size)
    drawn = _shapes(CHUNK * number, side, generator)
    alike_in_size = _outlines(drawn).sum((1, 2)).argsort(stable=True)
    shapes = drawn[alike_in_size].unflatten(0, (CHUNK, number))
    shapes = shapes[torch.randperm(CHUNK, generator=generator)]
    places, is_free = _apart(number, size, side, generator)
    keep = is_free & _differ(shapes)
    answers = _coins(CHUNK, generator)
    kind = torch.arange(number) * ~answers.unsqueeze(1)  # (n, G): all the first shape, or each its own
    shown = shapes.gather(1, kind[..., None, None].expand_as(shapes))
    return _scenes(_paste(_outlines(shown), places, size)[keep], kind[keep], answers[keep])


def _relation(problem: str, size: int, generator: torch.Generator) -> Scenes:
    """Scenes of a large shape at a random place, and a small one that has the relation to it or not."""
    large, small = (_shapes(CHUNK, _odd(share * size), generator) for share in (LARGE[problem], SMALL))
    nearest, farthest = (round(gap * size) for gap in GAP)
    at = torch.randint(size - large.shape[-1] + 1, (CHUNK, 2), generator=generator)
    ground = _paste(large, at, size)
    if problem == "inside":
        interior = ground & ~_outlines(ground)
        yes = _clear_of(_grown(~interior, 1), small)
    else:
        yes = _clear_of(ground, small) & ~_clear_of(_grown(ground, 1, corners=False), small)
    no = _clear_of(_grown(ground, nearest), small) & ~_clear_of(_grown(ground, farthest), small)
    keep = yes.flatten(1).any(1) & no.flatten(1).any(1)
    answers = _coins(CHUNK, generator)
    allowed = torch.where(answers[:, None, None], yes, no)
    chosen = torch.rand(allowed.shape, generator=generator).masked_fill(~allowed, -1).flatten(1).argmax(1)
    there = torch.stack([chosen // allowed.shape[2], chosen % allowed.shape[2]], 1)
    masks = torch.stack([_outlines(ground), _paste(_outlines(small), there, size)], 1)
    return _scenes(masks[keep], torch.tensor([0, 1]).expand(CHUNK, 2)[keep], answers[keep])


def _scenes(masks: Tensor, labels: Tensor, answers: Tensor) -> Scenes:
    """Scenes from outlines ``(n, G, size, size)`` bool, labels ``(n, G)`` and answers ``(n)`` bool."""
    lit = masks.to(torch.uint8) * 255
    targets = torch.stack([~answers, answers], 1).unsqueeze(1)  # (n, 1, 2)
    return Scenes(lit.amax(1, keepdim=True), lit, targets, labels.to(torch.uint8), ())


def _shapes(count: int, side: int, generator: torch.Generator) -> Tensor:
    r"""Filled random shapes ``(count, side, side)``, bool, that just fit into their frames.

    .. math:: r(\theta) \propto 1 + \sum_{k=1}^{5} a_k \cos(k\theta + \theta_k), \qquad a_k \sim \mathcal N(0, 0.3^2)

    where r is at least a third of its maximum.
    """
    order = torch.arange(1, 6)
    amplitudes = 0.3 * torch.randn(count, 5, 1, generator=generator)
    offsets = 2 * math.pi * torch.rand(count, 5, 1, generator=generator)

    def radius(angles: Tensor) -> Tensor:
        return 1 + (amplitudes * torch.cos(order[:, None] * angles.flatten() + offsets)).sum(1)  # (count, angles)

    largest = radius(torch.arange(64) * (2 * math.pi / 64)).amax(1, keepdim=True)
    y, x = torch.meshgrid(*[torch.arange(side) - side // 2] * 2, indexing="ij")
    distance = torch.hypot(y.float(), x.float()).flatten() / (side / 2)
    return (distance <= (radius(torch.atan2(y.float(), x.float())) / largest).clamp(1 / 3, 1)).view(count, side, side)


def _outlines(filled: Tensor) -> Tensor:
    """The outlines of filled shapes ``(*, H, W)``, bool: pixels with a direct neighbour that is empty or outside the frame."""
    around = F.pad(filled, (1, 1, 1, 1))
    within = around[..., :-2, 1:-1] & around[..., 2:, 1:-1] & around[..., 1:-1, :-2] & around[..., 1:-1, 2:]
    return filled & ~within


def _grown(filled: Tensor, by: int, corners: bool = True) -> Tensor:
    """Shapes ``(n, H, W)``, bool, dilated by ``by`` pixels: by a square, or without ``corners`` along rows and columns only."""
    side, maps = 2 * by + 1, filled.float().unsqueeze(1)
    across = F.max_pool2d(maps, (1, side), 1, (0, by))
    along = F.max_pool2d(across if corners else maps, (side, 1), 1, (by, 0))
    return torch.maximum(across, along).squeeze(1) > 0


def _differ(shapes: Tensor) -> Tensor:
    """Whether all pairs of shapes of a scene, ``(n, G, side, side)`` bool, differ visibly: ``(n)`` bool."""
    first, second = torch.triu_indices(shapes.shape[1], shapes.shape[1], 1)
    one, other = shapes[:, first], shapes[:, second]
    return ((one ^ other).sum((-2, -1)) >= DIFFERENCE * (one | other).sum((-2, -1))).all(1)


def _apart(number: int, size: int, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Places ``(CHUNK, number, 2)`` of frames that do not touch, and whether any were found, ``(CHUNK)``."""
    room = size - side
    tries = torch.randint(room + 1, (CHUNK, TRIES, number, 2), generator=generator)
    if number == 3:
        share = torch.rand(CHUNK, TRIES, 1, generator=generator)
        tries[:, :, 2] = tries[:, :, 0].float().lerp(tries[:, :, 1].float(), share).round().long()
    first, second = torch.triu_indices(number, number, 1)
    gaps = (tries[:, :, first] - tries[:, :, second]).abs().amax(-1)  # (n, tries, pairs)
    free = (gaps > side).all(2)
    return tries[torch.arange(CHUNK), free.int().argmax(1)], free.any(1)


def _clear_of(blocked: Tensor, shapes: Tensor) -> Tensor:
    """At which places shapes ``(n, side, side)`` cover no blocked pixel of scenes ``(n, size, size)``: ``(n, room, room)``."""
    size, room = blocked.shape[-1], blocked.shape[-1] - shapes.shape[-1] + 1
    scene, shape = (torch.fft.rfft2(part.float(), s=(size, size)) for part in (blocked, shapes))
    return torch.fft.irfft2(scene * shape.conj(), s=(size, size))[:, :room, :room] < 0.5


def _paste(shapes: Tensor, places: Tensor, size: int) -> Tensor:
    """Shapes ``(*, side, side)``, bool, on empty scenes, with upper left corners at ``(*, 2)``: ``(*, size, size)``."""
    side = torch.arange(shapes.shape[-1])
    pixels = (places[..., 0, None, None] + side[:, None]) * size + places[..., 1, None, None] + side  # (*, side, side)
    scenes = torch.zeros(*shapes.shape[:-2], size * size, dtype=torch.bool)
    return scenes.scatter_(-1, pixels.flatten(-2), shapes.flatten(-2)).unflatten(-1, (size, size))


def _coins(count: int, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) < 0.5


def _odd(length: float) -> int:
    """The nearest odd number of pixels."""
    return 2 * round((length - 1) / 2) + 1
