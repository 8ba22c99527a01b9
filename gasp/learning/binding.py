r"""What is where: do the phases of the read-out show where the reported objects are?

The *agreement* of a location of the first layer with a unit of the read-out is

.. math:: a(\varphi, \varphi') = \tfrac12 \bigl[1 + \cos(\varphi - \varphi')\bigr]

It is 1 in phase, ½ a quarter turn apart, and 0 in antiphase. The measures answer these questions at every time step:

- ``pointing``: is an object's unit nearer in phase to its own object than to any other?
- ``mask_iou``: do the locations in phase with its unit have the object's shape?
- ``told_mask_iou``: would they, if masks assigned each to its object? The first layer blurs, so even this is below 1.
- ``cued_accuracy``: given a place, which object is there?
- ``name_to_place``: given the name of an object, where is it?

If objects are coloured, and a second head names colours, there are two more:

- ``colour_pointing``: is the unit of an object's colour nearer in phase to the object than to any other?
- ``pairing``: is an object's unit nearer in phase to that of its colour than to that of another colour in the scene?

The unit of an object is that of its true class, whether or not the network reports it. All measures except ``cued_accuracy``
are therefore independent of naming. Only phase differences count, and nothing is trained for these measures. If all phases
are equal, pointing is right for one of G objects. The measures are ours.

Shapes: T time steps, B scenes, G objects of which the first R are reported, H × W locations of the first layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional as F

from gasp.data.scenes import Scenes
from gasp.learning.losses import coverage, object_phasors
from gasp.models import Trajectory
from gasp.nn.phasors import angle, phasors

__all__ = [
    "Binding",
    "audible",
    "bind",
    "colour_units",
    "cued_reports",
    "mask_iou",
    "named_places",
    "pairing",
    "phase_masks",
    "places",
    "pointing",
    "reporting_units",
]

AUDIBLE = 0.5  # of the first layer's largest gate; on validation scenes, less suits photographs and more suits noisy digits
COVERED = 0.5  # fraction of a location that an object must cover for the location to belong to its shape
TOUCHED = 0.1  # fraction of a location that an object must cover for the location to show it, as in ``gasp.nn.told``
NEIGHBOURHOOD = 3  # side of the square of a location and its neighbours, in locations


@dataclass(frozen=True)
class Binding:
    """The measures of this module on n scenes at T time steps, for each reported object ``(T, n, R)``, in [0, 1].

    Attributes:
        mask_iou: NaN, as is ``told_mask_iou``, for an object that does not cover half of any location.
        heads: the head that reports each object.
        pairing: ``None``, as is ``colour_pointing``, if objects are not coloured.
    """

    pointing: Tensor
    mask_iou: Tensor
    told_mask_iou: Tensor
    cued_accuracy: Tensor
    name_to_place: Tensor
    heads: tuple[int, ...]
    colour_pointing: Tensor | None = None
    pairing: Tensor | None = None

    def metrics(self) -> dict[str, list[float]]:
        """The mean of each measure over all objects, as a list over time steps. With several heads, also the mean over the
        objects of each head (``head_0_pointing`` and so on).
        """
        return {name: values.flatten(1).nanmean(1).tolist() for name, values in self._by_head(MEASURES).items()}

    def of_scenes(self) -> dict[str, Tensor]:
        """The share of objects in each scene for which a measure holds, ``(T, n)``, for all measures except IoU. Differences
        between runs are tested on these shares, paired by scene. With several heads, also the share within each head.
        """
        shares = [name for name in MEASURES if not name.endswith("iou")]
        return {name: values.mean(-1) for name, values in self._by_head(shares).items()}

    def _by_head(self, measures: Sequence[str]) -> dict[str, Tensor]:
        """Measures of all objects, ``(T, n, R)``, and with several heads also those of the objects of each head."""
        found = {}
        several = sorted(set(self.heads)) if len(set(self.heads)) > 1 else []
        for name in measures:
            if getattr(self, name) is None:
                continue
            found[name] = getattr(self, name)
            for head in several:
                found[f"head_{head}_{name}"] = found[name][..., [each == head for each in self.heads]]
        return found

    @classmethod
    def joined(cls, batches: Sequence[Binding]) -> Binding:
        """The measures of all scenes, joined from those of batches of scenes."""
        known = [name for name in MEASURES if getattr(batches[0], name) is not None]
        measures = {name: torch.cat([getattr(batch, name) for batch in batches], 1) for name in known}
        return cls(**measures, heads=batches[0].heads)


MEASURES = tuple(field.name for field in fields(Binding) if field.name != "heads")


def bind(
    trajectory: Trajectory, masks: Tensor, units: Tensor, heads: tuple[int, ...], colours: Tensor | None = None
) -> Binding | None:
    """All measures of one run, on the CPU; ``None`` if no object is reported, or the first layer or read-out has no phases.

    Args:
        masks: how much of each pixel each object covers, ``(B, G, *, *)`` in [0, 1].
        units: see :func:`reporting_units`, ``(B, R)``.
        heads: the head that reports each of the R objects.
        colours: the unit of each object's colour, see :func:`colour_units`, ``(B, R)``.
    """
    if not trajectory.phases or trajectory.phases[0].ndim != 4 or trajectory.phases[-1].ndim != 3 or not heads:
        return None
    shown = coverage(masks, trajectory.phases[0])  # (B, G, H, W)
    shape = shown[:, : units.shape[1]] >= COVERED  # (B, R, H, W)
    measures = {
        "pointing": pointing(trajectory, masks, units).float(),
        "mask_iou": mask_iou(phase_masks(trajectory, units), shape),
        "told_mask_iou": mask_iou(_told_masks(trajectory, shown)[:, :, : units.shape[1]], shape),
        "cued_accuracy": cued_reports(trajectory, masks, units).float(),
        "name_to_place": named_places(trajectory, masks, units).float(),
    }
    if colours is not None:
        measures["colour_pointing"] = pointing(trajectory, masks, colours).float()
        measures["pairing"] = pairing(trajectory, units, colours).float()
    return Binding(**{name: values.cpu() for name, values in measures.items()}, heads=heads)


def reporting_units(scenes: Scenes) -> Tensor:
    """The unit of the read-out for each reported object, ``(n, R)``. Units are counted head by head, class by class."""
    heads = torch.tensor(scenes.head_of_object, dtype=torch.long)  # of the objects that are reported, which come first
    return scenes.labels[:, : len(heads)] + scenes.targets.shape[-1] * heads


def colour_units(scenes: Scenes) -> Tensor | None:
    """The unit of the second head for the colour of each object, ``(n, G)``; ``None`` if objects are not coloured."""
    return None if scenes.colours is None else scenes.targets.shape[-1] + scenes.colours.long()


def pointing(trajectory: Trajectory, masks: Tensor, units: Tensor) -> Tensor:
    """Whether the unit of each object is nearer in phase to that object than to any other, ``(T, B, R)`` bool.

    The phase of an object is the mean phase of the first layer's locations, weighted by how much of each it covers. The other
    objects include those that are not reported, such as a background.

    Args:
        masks, units: as in :func:`bind`.
    """
    objects = angle(object_phasors(trajectory.phases[0], masks))  # (T, B, G)
    nearest = torch.cos(_unit_phases(trajectory, units).unsqueeze(-1) - objects.unsqueeze(-2)).argmax(-1)  # (T, B, R)
    return nearest == torch.arange(units.shape[1], device=nearest.device)


def pairing(trajectory: Trajectory, units: Tensor, colours: Tensor) -> Tensor:
    """Whether the unit of each object is nearest in phase to that of its colour, among the colours present, ``(T, B, R)`` bool.

    Args:
        units, colours: as in :func:`bind`.
    """
    gaps = _unit_phases(trajectory, units).unsqueeze(-1) - _unit_phases(trajectory, colours).unsqueeze(-2)  # (T, B, R, R)
    return torch.cos(gaps).argmax(-1) == torch.arange(units.shape[1], device=gaps.device)


def audible(gates: Tensor) -> Tensor:
    """Whether the gate of each location is above half of the layer's largest, ``(…, H, W)`` bool, for gates of this shape.

    Smaller gates mostly respond to the surround of an object, or to noise. The threshold is relative, so that it suits models
    with gates of any scale.
    """
    return gates > AUDIBLE * gates.amax((-2, -1), keepdim=True)


def phase_masks(trajectory: Trajectory, units: Tensor) -> Tensor:
    """The locations of the first layer that are in phase with each unit, ``(T, B, R, H, W)`` bool.

    A location belongs to the unit that is nearest in phase, if that unit is less than a quarter turn away and the location is
    :func:`audible`. So each location belongs to at most one unit. Locations in phase with no unit, such as those of a
    background with a phase of its own, belong to none.

    Args:
        units: the competing units, ``(B, R)``.
    """
    first = trajectory.phases[0].unsqueeze(2)  # (T, B, 1, H, W)
    gaps = torch.cos(first - _unit_phases(trajectory, units)[..., None, None])  # (T, B, R, H, W)
    return _largest(gaps) & (gaps > 0) & audible(trajectory.gates[0]).unsqueeze(2)


def _told_masks(trajectory: Trajectory, shown: Tensor) -> Tensor:
    """The locations that :func:`phase_masks` distributes, each assigned to the object that covers most of it and its
    neighbours, ``(T, B, G, H, W)`` bool, given the coverage ``(B, G, H, W)``.
    """
    nearby = _pooled(shown)
    return (_largest(nearby) & (nearby > 0)) & audible(trajectory.gates[0]).unsqueeze(2)


def mask_iou(found: Tensor, shape: Tensor) -> Tensor:
    """Intersection over union of masks ``(…, H, W)``, bool, with the shapes of objects, which broadcast; NaN for an object
    without locations.
    """
    intersection = (found & shape).sum((-2, -1)).float()
    union = (found | shape).sum((-2, -1))
    return (intersection / union).masked_fill(~shape.any(-1).any(-1), torch.nan)


def cued_reports(trajectory: Trajectory, masks: Tensor, units: Tensor) -> Tensor:
    r"""Whether each object is named correctly when its place is given, ``(T, B, R)`` bool.

    The place is a location and its neighbours, where the object shows most and the others least. Its phase φ is the mean phase
    of these locations, weighted by their gates. Among the classes c of the object's head, the answer is

    .. math:: \arg\max_c \; p_c \, a(\varphi_c, \varphi)

    with p the softmax of the network's answer. So a class must be both reported and in phase with the place. In a head with a
    single object there is nothing to select, so phases can only make its answer worse.

    Args:
        masks, units: as in :func:`bind`.
    """
    steps, _, heads, classes = trajectory.logits.shape
    pulls = trajectory.gates[0] * phasors(trajectory.phases[0])  # (2, T, B, H, W)
    cues = _cues(masks, trajectory.phases[0])[:, : units.shape[1]].expand(2, steps, -1, -1)
    cued_phase = angle(_pooled(pulls).flatten(3).gather(-1, cues))  # (T, B, R)
    unit_phases = trajectory.phases[-1].unflatten(-1, (heads, classes))  # (T, B, heads, C)
    of_object = (units // classes)[None, :, :, None].expand(steps, -1, -1, classes)  # (T, B, R, C)
    probabilities, candidates = (x.gather(2, of_object) for x in (trajectory.answers.softmax(-1), unit_phases))
    return (probabilities * _agreement(candidates, cued_phase.unsqueeze(-1))).argmax(-1) == units % classes


def places(trajectory: Trajectory, units: Tensor) -> Tensor:
    r"""The location that agrees most with each unit, ``(T, B, R)``, as an index into the flattened map.

    .. math:: \arg\max_i \sum_{j \in n(i)} g_j \, a(\varphi_j, \varphi)

    with n(i) the location i and its neighbours, g their gates, and φ the phase of the unit.

    Args:
        units: ``(B, R)``.
    """
    first, gates = trajectory.phases[0].unsqueeze(2), trajectory.gates[0].unsqueeze(2)  # (T, B, 1, H, W)
    agreement = _agreement(first, _unit_phases(trajectory, units)[..., None, None])  # (T, B, R, H, W)
    return _pooled(gates * agreement).flatten(-2).argmax(-1)


def named_places(trajectory: Trajectory, masks: Tensor, units: Tensor) -> Tensor:
    """Whether the location that agrees most with the unit of each object is inside the object, ``(T, B, R)`` bool: the object
    covers at least a tenth of it, and more of it than any other object. So no location is inside two objects.

    Args:
        masks, units: as in :func:`bind`.
    """
    found = places(trajectory, units)
    shown = coverage(masks, trajectory.phases[0])  # (B, G, H, W)
    inside = (_largest(shown) & (shown >= TOUCHED))[:, : units.shape[1]].flatten(2)  # (B, R, H · W)
    return inside.expand(len(found), -1, -1, -1).gather(-1, found.unsqueeze(-1)).squeeze(-1)


def _largest(maps: Tensor) -> Tensor:
    """Which of k maps is the largest at each location, the first if several are equal: ``(…, k, H, W)`` bool."""
    index = torch.arange(maps.shape[-3], device=maps.device).view(-1, 1, 1)
    return maps.argmax(-3, keepdim=True) == index


def _agreement(phases: Tensor, others: Tensor) -> Tensor:
    """The agreement a, defined in the docstring of this module, in [0, 1]."""
    return (1 + torch.cos(phases - others)) / 2


def _unit_phases(trajectory: Trajectory, units: Tensor) -> Tensor:
    """The phases of units ``(B, R)`` of the read-out, ``(T, B, R)``."""
    readout = trajectory.phases[-1]
    return readout.gather(-1, units.expand(len(readout), -1, -1))


def _cues(masks: Tensor, phases: Tensor) -> Tensor:
    """The location around which each object shows most and the others least, ``(B, G)``, an index into the flattened map."""
    shown = coverage(masks, phases)  # (B, G, H, W)
    return _pooled(2 * shown - shown.sum(1, keepdim=True)).flatten(2).argmax(-1)


def _pooled(maps: Tensor) -> Tensor:
    """The mean over each location and its neighbours, ``(…, H, W)``; beyond the edges, maps count as 0."""
    side = NEIGHBOURHOOD
    return F.avg_pool2d(maps.flatten(0, -3), side, stride=1, padding=side // 2).view_as(maps)
