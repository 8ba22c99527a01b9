"""Scenes of several objects, composed by a seeded generator: images, masks of the objects, labels.

Two matrices, one for rows and one for columns, crop, scale, place and resample the image of an object in one step. A batch
of scenes is then rendered by a batched matrix product.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from gasp.data.sources import ImageSet
from gasp.settings import GaspError, Settings

__all__ = ["SceneSettings", "Scenes", "compose", "is_new_pair"]

CHUNK = 4096
TRIES = 1000
INK = 26  # of 255: a pixel must be brighter to belong to an object
NEW_PAIRS = 5  # one in this many pairs of class and colour is held out from training


class SceneSettings(Settings):
    """How scenes are composed.

    Objects are either cropped or keep their frame. Cropped to their bounding boxes, they are placed on a canvas 50/32 times as
    large as the scene, which is then resized to it, as in KomplexNet's multi-MNIST (50 to 32 pixels; arXiv 2502.21077). With
    their frame, they keep their size, as in CIFAR-MNIST (arXiv 2507.16674). On a background, objects are added and the sum is
    clipped at white.

    Attributes:
        objects: number of objects, each of a different class.
        overlap: the largest allowed share of the smaller of two bounding boxes that the other covers.
        scale: size of the objects relative to that in the source images.
        size: side of a scene, pixels.
        cropped: whether objects are cropped; when omitted, they are cropped unless there is a background.
        colours: gives each object of a scene a different colour, which a model must also name. There are as many colours as
            classes. Training has ``familiar`` pairs of class and colour; the others are ``new`` (see :func:`is_new_pair`).
    """

    objects: int = Field(2, ge=1, le=256)
    overlap: float = Field(0.0, ge=0, le=1)
    scale: float = Field(1.0, gt=0, le=4)
    size: int = Field(32, ge=8, le=1024)
    cropped: bool | None = None
    colours: Literal["familiar", "new"] | None = None

    def crops(self, has_background: bool) -> bool:
        """Whether the objects of such scenes are cropped."""
        return not has_background if self.cropped is None else self.cropped


@dataclass(frozen=True)
class Scenes:
    """A set of n scenes.

    Attributes:
        images: ``(n, C, size, size)``, uint8.
        masks: how much of each pixel each object covers, ``(n, G, size, size)``, uint8; 255 stands for the whole pixel. A
            background is the last of the G objects.
        targets: ``(n, heads, classes)``, bool, true for the classes present. A second head is for colours, or for the
            background.
        labels: the class of each object in the order of the masks, ``(n, G)``, uint8.
        head_of_object: the index of the head that reports each object, in the same order, without the objects at the end
            that no head reports.
        colours: the colour of each object, ``(n, G)``, uint8, if objects are coloured.
    """

    images: Tensor
    masks: Tensor
    targets: Tensor
    labels: Tensor
    head_of_object: tuple[int, ...]
    colours: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Tensor | slice) -> Scenes:
        """Some scenes of the set, such as the first hundred, ``scenes[:100]``."""
        images, masks, targets, labels = (part[index] for part in (self.images, self.masks, self.targets, self.labels))
        colours = None if self.colours is None else self.colours[index]
        return Scenes(images, masks, targets, labels, self.head_of_object, colours)

    def batch(self, index: Tensor | slice, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor, Tensor]:
        """Images and masks in [0, 1], and targets, as floats on the device."""
        images, masks, targets = (part[index].to(device) for part in (self.images, self.masks, self.targets))
        return images.float() / 255, masks.float() / 255, targets.float()

    @classmethod
    def joined(cls, parts: Sequence[Scenes]) -> Scenes:
        """Concatenate several sets."""
        images, masks, targets, labels = (
            torch.cat([getattr(part, name) for part in parts]) for name in ("images", "masks", "targets", "labels")
        )
        colours = [part.colours for part in parts if part.colours is not None]
        return cls(images, masks, targets, labels, parts[0].head_of_object, torch.cat(colours) if colours else None)


def is_new_pair(classes: Tensor, colours: Tensor) -> Tensor:
    """Whether pairs of class and colour, broadcastable integers, are held out from training. One pair in five is. With ten
    classes, two colours of each class are held out, and two classes of each colour.
    """
    return (classes + colours) % NEW_PAIRS == 0


def compose(
    items: ImageSet,
    settings: SceneSettings,
    count: int,
    seed: int,
    background: ImageSet | None = None,
    reports_background: bool = True,
) -> Scenes:
    """Compose scenes from random images. The same arguments give the same scenes.

    Args:
        items: images of the objects.
        count: number of scenes.
        seed: seed of the generator.
        background: images of the backgrounds, if any.
        reports_background: whether the class of the background is among the targets.

    Raises:
        GaspError: if ``count`` is below 1, or the scenes are impossible: for example, more objects than classes, no free place
            for them, backgrounds of another size than the scene, or coloured objects on a background.
    """
    if count < 1:
        raise GaspError(f"at least one scene must be asked for, not {count}")
    if settings.objects > len(items.classes):
        raise GaspError(f"impossible scene: {settings.objects} objects of different classes, of {len(items.classes)} classes")
    if background is not None:
        if settings.colours:
            raise GaspError("impossible scene: coloured objects on a background: omit one of them")
        if background.images.shape[-1] != settings.size:
            raise GaspError(f"impossible scene: size {settings.size} on backgrounds of {background.images.shape[-1]} pixels")
        if reports_background and len(background.classes) != len(items.classes):
            raise GaspError("objects and backgrounds must have the same number of classes, one head for each")
    generator = torch.Generator().manual_seed(seed)
    counts = [min(CHUNK, count - start) for start in range(0, count, CHUNK)]
    return Scenes.joined(
        [_compose_chunk(items, settings, number, background, reports_background, generator) for number in counts]
    )


def _compose_chunk(
    items: ImageSet,
    settings: SceneSettings,
    count: int,
    background: ImageSet | None,
    reports_background: bool,
    generator: torch.Generator,
) -> Scenes:
    classes = len(items.classes)
    drawn = torch.rand(count, classes, generator=generator).argsort(1)[:, : settings.objects]  # different classes
    chosen = items.images[_draw(items, drawn, generator)]  # (n, G, C, h, w)
    cropped = settings.crops(background is not None)
    canvas = settings.size * 50 / 32 if cropped else settings.size
    first, extent = _boxes(chosen, whole=not cropped)
    extent = extent * settings.scale
    start = _place(extent, canvas, settings.overlap, generator)
    zoom = settings.size / canvas
    rows, columns = (
        _resampling(settings.size, chosen.shape[-2 + axis], first[..., axis], start[..., axis] * zoom, settings.scale * zoom)
        for axis in (0, 1)
    )
    ink = (chosen.amax(2, keepdim=True) > INK).float()
    layers = torch.cat([chosen.float() / 255, ink], 2)
    layers = rows.unsqueeze(2) @ layers @ columns.unsqueeze(2).mT  # (n, G, C + 1, size, size)
    objects, masks = layers[:, :, :-1], layers[:, :, -1]
    named, colours = [drawn], None  # what each head names
    if settings.colours:
        painted = _colours(drawn, classes, settings.colours, generator)
        objects = objects * _palette(classes)[painted][..., None, None]  # (n, G, 3, size, size)
        named.append(painted)
        colours = painted.to(torch.uint8)
    image = objects.sum(1)
    targets = torch.zeros(count, len(named), classes, dtype=torch.bool).scatter_(2, torch.stack(named, 1), True)
    labels, heads = drawn.to(torch.uint8), [0] * settings.objects
    if background is not None:
        behind = _draw(background, torch.randint(len(background.classes), (count,), generator=generator), generator)
        image = image + background.images[behind].float() / 255
        masks = torch.cat([masks, 1 - masks.amax(1, keepdim=True)], 1)
        seen = background.labels[behind]
        labels = torch.cat([labels, seen.unsqueeze(1)], 1)
        if reports_background:
            targets = torch.cat([targets, F.one_hot(seen.long(), classes).bool().unsqueeze(1)], 1)
            heads.append(1)
    return Scenes(_to_bytes(image), _to_bytes(masks), targets, labels, tuple(heads), colours)


def _colours(drawn: Tensor, count: int, pairs: str, generator: torch.Generator) -> Tensor:
    """One of ``count`` colours for each object, given the classes ``drawn``, ``(n, G)``; different within a scene."""
    free = torch.ones(len(drawn), count, dtype=torch.bool)
    chosen = []
    for classes in drawn.T:
        allowed = free & (is_new_pair(classes.unsqueeze(1), torch.arange(count)) == (pairs == "new"))
        if not allowed.any(1).all():
            raise GaspError(f"impossible scene: no {pairs} colour is left for an object, of {count} colours")
        chosen.append(torch.rand(allowed.shape, generator=generator).masked_fill(~allowed, -1).argmax(1))
        free.scatter_(1, chosen[-1].unsqueeze(1), False)
    return torch.stack(chosen, 1)


def _palette(count: int) -> Tensor:
    """Saturated colours of evenly spaced hues, ``(count, 3)`` in [0, 1]."""
    return torch.tensor([colorsys.hsv_to_rgb(index / count, 1, 1) for index in range(count)])


def _to_bytes(values: Tensor) -> Tensor:
    return (values.clamp(0, 1) * 255).round().to(torch.uint8)


def _draw(items: ImageSet, classes: Tensor, generator: torch.Generator) -> Tensor:
    """The index of a random image of each class."""
    order = items.labels.argsort(stable=True)
    counts = torch.bincount(items.labels.long(), minlength=len(items.classes))
    if (counts == 0).any():
        missing = items.classes[int(counts.argmin())]
        raise GaspError(f"impossible scene: no image of {missing!r}: give each class ten or more, to train, validate and test")
    starts = counts.cumsum(0) - counts
    within = (torch.rand(classes.shape, generator=generator) * counts[classes]).long()
    return order[starts[classes] + within]


def _boxes(images: Tensor, whole: bool) -> tuple[Tensor, Tensor]:
    """First row and column, and height and width, of each object, or of its ``whole`` image: two tensors ``(n, G, 2)``."""
    first, extent = [], []
    for axis in (-2, -1):
        side = images.shape[axis]
        filled = (images.amax(2) > INK).any(-1 if axis == -2 else -2)  # (n, G, side)
        if whole:
            filled = torch.ones_like(filled)
        begin = filled.int().argmax(-1)
        end = side - filled.flip(-1).int().argmax(-1)
        first.append(begin)
        extent.append(end - begin)
    return torch.stack(first, -1).float(), torch.stack(extent, -1).float()


def _place(extent: Tensor, canvas: float, overlap: float, generator: torch.Generator) -> Tensor:
    """Random upper left corners ``(n, G, 2)`` of boxes ``(n, G, 2)`` that overlap no more than allowed."""
    room = canvas - extent
    if (room < 0).any():
        raise GaspError(
            f"impossible scene: an object of {extent.max():.0f} pixels on a canvas of {canvas:.0f}: lower the scale"
        )
    start = torch.empty_like(extent)
    todo = torch.arange(len(extent))
    for _ in range(TRIES):
        start[todo] = torch.rand(len(todo), *extent.shape[1:], generator=generator) * room[todo]
        todo = todo[_overlap(start[todo], extent[todo]) > overlap]
        if not len(todo):
            return start
    raise GaspError(
        f"impossible scene: {len(todo)} of {len(extent)} found no place for {extent.shape[1]} objects in {TRIES} tries: "
        "lower the scale or the number of objects, or allow more overlap"
    )


def _overlap(start: Tensor, extent: Tensor) -> Tensor:
    """For each scene, the largest share of the smaller of two boxes that the other covers."""
    end = start + extent
    shared = torch.minimum(end.unsqueeze(1), end.unsqueeze(2)) - torch.maximum(start.unsqueeze(1), start.unsqueeze(2))
    area = extent.prod(-1)
    share = shared.clamp(min=0).prod(-1) / torch.minimum(area.unsqueeze(1), area.unsqueeze(2))  # (n, G, G)
    return (share - torch.eye(share.shape[1]) * share).flatten(1).amax(1)


def _resampling(size: int, side: int, first: Tensor, start: Tensor, zoom: float) -> Tensor:
    """Matrices ``(n, G, size, side)`` that put pixel ``first`` at ``start`` and scale by ``zoom``.

    Each row is a triangle filter around the source position of its pixel, widened when shrinking to avoid aliasing.
    """
    pixel = torch.arange(size) + 0.5
    position = (pixel - start.unsqueeze(-1)) / zoom + first.unsqueeze(-1) - 0.5  # (n, G, size)
    reach = max(1.0, 1 / zoom)

    def triangle(gap: Tensor) -> Tensor:
        return (1 - gap.abs() / reach).clamp(min=0)

    # normalised over all integers, not only the image's rows, so that an object fades out beyond its edges
    taps = torch.arange(-math.ceil(reach), math.ceil(reach) + 2)
    total = triangle(taps - (position - position.floor()).unsqueeze(-1)).sum(-1, keepdim=True)
    return triangle(torch.arange(side) - position.unsqueeze(-1)) / total
