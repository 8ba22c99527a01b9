"""What a trained model can do: accuracy per time step, phase statistics per layer."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from gasp.data.noise import gaussian
from gasp.data.scenes import Scenes
from gasp.kuramoto import order_parameter
from gasp.models import CNN, Trajectory
from gasp.objectives import classification_loss, coverage

__all__ = ["accuracy", "phase_statistics", "separation"]

BATCH = 500


def accuracy(model: CNN, scenes: Scenes, noise: float = 0.0, seed: int = 0) -> dict[str, list[float]]:
    """Accuracy at every time step.

    A head that must report n objects answers with its n largest logits.

    Args:
        noise: standard deviation of Gaussian noise on the images.
        seed: of noise and initial phases.

    Returns:
        ``scene_accuracy``, the share of scenes with every object right; ``object_accuracy``, the share of objects;
        ``loss``; where a model has several heads, ``head_0_accuracy`` and so on. Each is a list over time steps.
    """
    hits: list[list[Tensor]] = []
    losses = []
    for trajectory, _, targets in _runs(model, scenes, noise, seed):
        hits.append(_hits(trajectory.logits, targets))
        losses.append(torch.stack([classification_loss(step[None], targets) for step in trajectory.logits]) * len(targets))
    heads = [torch.cat(parts, 1).float() for parts in zip(*hits, strict=True)]
    every = torch.cat(heads, -1)  # (T, n, objects of all heads)
    metrics = {
        "scene_accuracy": every.amin(-1).mean(1),
        "object_accuracy": every.flatten(1).mean(1),
        "loss": torch.stack(losses).sum(0) / len(scenes),
    }
    if len(heads) > 1:
        metrics |= {f"head_{index}_accuracy": head.flatten(1).mean(1) for index, head in enumerate(heads)}
    return {name: values.tolist() for name, values in metrics.items()}


def phase_statistics(model: CNN, scenes: Scenes, noise: float = 0.0, seed: int = 0) -> list[dict[str, list[float]]]:
    """How well phases separate the objects, for each convolutional layer; a list over time steps each.

    Returns:
        ``order_within``, the mean order parameter of the locations of an object, weighted by coverage;
        ``separation``, (1 − cos of the difference of two objects' mean phases) / 2: 0 in phase, 1 in antiphase.
        Empty for a model without phases.
    """
    sums: list[dict[str, Tensor]] = []
    for trajectory, masks, _ in _runs(model, scenes, noise, seed):
        maps = [phases for phases in trajectory.phases if phases.ndim == 4]
        sums = sums or [{"order_within": torch.tensor(0.0), "separation": torch.tensor(0.0)} for _ in maps]
        for total, phases in zip(sums, maps, strict=True):
            for name, value in separation(phases, masks).items():
                total[name] = total[name] + value.sum(1).cpu()
    return [{name: (value / len(scenes)).tolist() for name, value in total.items()} for total in sums]


def _runs(model: CNN, scenes: Scenes, noise: float, seed: int) -> Iterator[tuple[Trajectory, Tensor, Tensor]]:
    """The model's forward runs over batches of the scenes, with their masks and targets."""
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    for start in range(0, len(scenes), BATCH):
        images, masks, targets = scenes.batch(slice(start, start + BATCH), device)
        with torch.no_grad():
            yield model.run(gaussian(images, noise, generator), generator), masks, targets


def _hits(logits: Tensor, targets: Tensor) -> list[Tensor]:
    """Whether each object is among the reported: for every head ``(T, n, objects)``."""
    hits = []
    for head in range(targets.shape[1]):
        count = int(targets[0, head].sum())
        present = targets[:, head].topk(count).indices  # (n, objects)
        reported = logits[:, :, head].topk(count).indices  # (T, n, objects)
        hits.append((reported.unsqueeze(-1) == present.unsqueeze(-2)).any(-2))
    return hits


def separation(phases: Tensor, masks: Tensor) -> dict[str, Tensor]:
    """How well a phase map separates the objects, ``(T, B)`` each; names as in :func:`phase_statistics`.

    Args:
        phases: ``(T, B, H, W)``, radians.
        masks: coverage by the G objects, ``(B, G, *, *)`` in [0, 1].
    """
    weights = coverage(masks, phases).flatten(2)  # (B, G, HW)
    angles = phases.flatten(2).unsqueeze(2)  # (T, B, 1, HW)
    order = order_parameter(angles, weights)
    real, imag = (weights * angles.cos()).sum(-1), (weights * angles.sin()).sum(-1)
    mean = torch.atan2(imag, real)  # (T, B, G)
    first, second = torch.triu_indices(mean.shape[-1], mean.shape[-1], 1)
    between = (1 - torch.cos(mean[..., first] - mean[..., second])) / 2
    return {"order_within": order.mean(-1), "separation": between.mean(-1)}
