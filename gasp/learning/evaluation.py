"""Evaluate a trained model: whether it reports the objects at every time step, and how well its phases separate them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gasp.data.corruptions import Corruption, corrupt
from gasp.data.scenes import Scenes
from gasp.learning.binding import Binding, bind, colour_units, pointing, reporting_units
from gasp.learning.losses import classification_loss, object_phasors
from gasp.models import Model, Trajectory
from gasp.nn.phasors import angle, length

__all__ = ["Answers", "accuracy", "answers", "hits_of", "order_of_objects", "phase_statistics", "separation"]

BATCH = 500


@dataclass(frozen=True)
class Answers:
    """What a model reported on n scenes, at T time steps.

    Attributes:
        hits: for every head, whether each of its objects was reported, ``(T, n, objects)``, bool.
        loss: the mean loss over scenes, ``(T,)``.
        of_steps: the answers of single steps, for a model whose answers add up over time.
        binding: the measures of binding of the same runs, for a model whose read-out has phases.
    """

    hits: tuple[Tensor, ...]
    loss: Tensor
    of_steps: Answers | None = None
    binding: Binding | None = None

    def correct(self) -> dict[str, Tensor]:
        """Whether each scene was reported correctly, ``(T, n)``: all objects (``scene``), and with several heads also all
        objects of each head (``head_0`` and so on).
        """
        heads = [hits.all(-1) for hits in self.hits]
        found = {"scene": torch.stack(heads).all(0)}
        return found | ({f"head_{index}": head for index, head in enumerate(heads)} if len(heads) > 1 else {})

    def metrics(self) -> dict[str, list[float]]:
        """Means over scenes, each a list over time steps: ``scene_accuracy``, the share of scenes with every object correct;
        ``object_accuracy``, the share of objects; ``loss``; with several heads, ``head_0_accuracy`` and so on. If answers add
        up over time, also those of single steps: ``step_scene_accuracy`` and so on.
        """
        values = {f"{name}_accuracy": correct.float().mean(1) for name, correct in self.correct().items()}
        values["object_accuracy"] = torch.cat(self.hits, -1).float().flatten(1).mean(1)
        metrics = {name: value.tolist() for name, value in (values | {"loss": self.loss}).items()}
        of_steps = self.of_steps.metrics() if self.of_steps else {}
        return metrics | {f"step_{name}": value for name, value in of_steps.items()}


def answers(
    model: Model,
    scenes: Scenes,
    corruption: tuple[Corruption, float] | None = None,
    steps: int | None = None,
    seed: int = 0,
    binding: bool = True,
) -> Answers:
    """What a model reports on scenes. A head that must report n objects reports the classes of its n largest logits.

    Args:
        corruption: a corruption of the images and its level, see :mod:`gasp.data.corruptions`.
        steps: T, the number of steps; that of the model when omitted.
        seed: seed of noise and initial phases.
        binding: whether to compute the measures of binding, too.
    """
    reported, of_steps, bound = [], [], []
    for trajectory, masks, targets, units, colours in _runs(model, scenes, seed, steps, corruption):
        reported.append((trajectory.answers, targets))
        of_steps.append((trajectory.logits, targets))
        if binding and (measured := bind(trajectory, masks, units, scenes.head_of_object, colours)):
            bound.append(measured)
    found = replace(_answers(reported), binding=Binding.joined(bound) if bound else None)
    adds_up = any(answers is not logits for (answers, _), (logits, _) in zip(reported, of_steps, strict=True))
    return replace(found, of_steps=_answers(of_steps)) if adds_up else found


def _answers(batches: Sequence[tuple[Tensor, Tensor]]) -> Answers:
    """The answers in batches of logits ``(T, B, heads, classes)``, given the targets ``(B, heads, classes)``."""
    hits = zip(*(hits_of(logits, targets) for logits, targets in batches), strict=True)
    losses = [
        torch.stack([classification_loss(step[None], targets) for step in logits]) * len(targets) for logits, targets in batches
    ]
    count = sum(len(targets) for _, targets in batches)
    return Answers(tuple(torch.cat(parts, 1).cpu() for parts in hits), torch.stack(losses).sum(0).cpu() / count)


def accuracy(model: Model, scenes: Scenes, **run: Any) -> dict[str, list[float]]:
    """The metrics of a model's answers; arguments as in :func:`answers`."""
    return answers(model, scenes, binding=False, **run).metrics()


def phase_statistics(model: Model, scenes: Scenes, seed: int = 0) -> list[dict[str, list[float]]]:
    """How well phases separate the objects, for each layer with phases. Each statistic is a list over time steps.

    - Convolutions have ``order_within``, the order parameter of an object's locations, weighted by coverage, and
      ``separation``, (1 − cos of the difference of two objects' mean phases) / 2, which is 0 in phase and 1 in antiphase.
      The former is averaged over objects, the latter over pairs of objects.
    - Dense layers have ``nearness``, the cosine between a unit's phase and the nearest mean phase of an object in the first
      layer, averaged over units, weighted by their gates.
    - The read-out also has ``follows``, the share of objects whose units point at them
      (:func:`~gasp.learning.binding.pointing`), if objects are reported.

    The list is empty for a model without phases.
    """
    sums: list[dict[str, Tensor]] = []
    for trajectory, masks, _, units, _ in _runs(model, scenes, seed):
        found = _of_layers(trajectory, masks, units)
        sums = sums or [dict.fromkeys(layer, torch.tensor(0.0)) for layer in found]
        for total, layer in zip(sums, found, strict=True):
            for name, value in layer.items():
                total[name] = total[name] + value.sum(1).cpu()
    return [{name: (value / len(scenes)).tolist() for name, value in total.items()} for total in sums]


def _of_layers(trajectory: Trajectory, masks: Tensor, units: Tensor) -> list[dict[str, Tensor]]:
    """The statistics of :func:`phase_statistics`, ``(T, B)`` each.

    Args:
        units: the read-out's unit for each object that is reported, ``(B, R)``.
    """
    found = []
    for phases, gates in zip(trajectory.phases, trajectory.gates, strict=True):
        if phases.ndim == 4:
            found.append(separation(phases, masks))
            continue
        gaps = torch.cos(
            phases.unsqueeze(-1) - angle(object_phasors(trajectory.phases[0], masks)).unsqueeze(-2)
        )  # (T, B, n, G)
        nearest = gaps.amax(-1)
        found.append({"nearness": (gates * nearest).sum(-1) / (gates.sum(-1) + 1e-9)})
    if trajectory.phases and trajectory.phases[-1].ndim == 3 and units.shape[1]:
        found[-1]["follows"] = pointing(trajectory, masks, units).float().mean(-1)
    return found


class _Run(NamedTuple):
    """A forward run over a batch of scenes, with the ``units`` of :func:`~gasp.learning.binding.reporting_units` and the
    ``colours`` of :func:`~gasp.learning.binding.colour_units`.
    """

    trajectory: Trajectory
    masks: Tensor
    targets: Tensor
    units: Tensor
    colours: Tensor | None


def _runs(
    model: Model,
    scenes: Scenes,
    seed: int,
    steps: int | None = None,
    corruption: tuple[Corruption, float] | None = None,
) -> Iterator[_Run]:
    """The model's forward runs over batches of the scenes."""
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    units, colours = reporting_units(scenes), colour_units(scenes)
    for start in range(0, len(scenes), BATCH):
        some = slice(start, start + BATCH)
        images, masks, targets = scenes.batch(some, device)
        with torch.no_grad():
            if corruption is not None:
                images = corrupt(images, *corruption, generator)
            trajectory = model.run(images, generator, masks, steps)
            painted = None if colours is None else colours[some].to(device)
            yield _Run(trajectory, masks, targets, units[some].to(device), painted)


def hits_of(logits: Tensor, targets: Tensor) -> list[Tensor]:
    """Whether each object was reported, for every head ``(T, n, objects)``, bool. A head with n objects reports the classes of
    its n largest logits.

    Args:
        logits: ``(T, n, heads, classes)``.
        targets: ``(n, heads, classes)``, 1 for the classes present; their number must be the same in every scene.
    """
    hits = []
    for head in range(targets.shape[1]):
        count = int(targets[0, head].sum())
        present = targets[:, head].topk(count).indices  # (n, objects)
        reported = logits[:, :, head].topk(count).indices  # (T, n, objects)
        hits.append((reported.unsqueeze(-1) == present.unsqueeze(-2)).any(-2))
    return hits


def separation(phases: Tensor, masks: Tensor) -> dict[str, Tensor]:
    """How well a map of phases separates the objects: the statistics of :func:`phase_statistics`, ``(T, B)`` each.

    Args:
        phases: ``(T, B, H, W)``, radians.
        masks: how much of each pixel each of G objects covers, ``(B, G, *, *)`` in [0, 1].
    """
    mean = angle(object_phasors(phases, masks))  # (T, B, G)
    first, second = torch.triu_indices(mean.shape[-1], mean.shape[-1], 1)
    between = (1 - torch.cos(mean[..., first] - mean[..., second])) / 2
    return {"order_within": order_of_objects(phases, masks).mean(-1), "separation": between.mean(-1)}


def order_of_objects(phases: Tensor, masks: Tensor) -> Tensor:
    """The order parameter of the locations of each object, weighted by coverage, ``(T, B, G)``. The arguments are those of
    :func:`separation`.
    """
    return length(object_phasors(phases, masks))
