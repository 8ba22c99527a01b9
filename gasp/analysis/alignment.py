"""How the phases of a network align: iteration by iteration, and with factors of the coupling taken from another image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gasp.models import GASPnet, Trajectory
from gasp.nn.kuramoto import Coupling, align

__all__ = ["FACTORS", "align_first_layer", "aligning_run", "patched_run"]

FACTORS = {
    "keys and queries": ("keys", "queries"),
    "amplitude gates": ("gates", "normalization", "desynchronization"),  # the latter two are computed from the gates
}


@torch.no_grad()
def align_first_layer(model: GASPnet, image: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Align all layers on one image and record the first; keys, queries and gates stay those of the plain sweep.

    Args:
        image: ``(C, size, size)`` in [0, 1].
        iterations: number of iterations of the Kuramoto dynamics.

    Returns:
        the phases before and after every iteration, ``(iterations + 1, H, W)``, radians, and the gates ``(H, W)``.
    """
    first, features, _ = model.first_layer(image.unsqueeze(0))
    activities = model.sweep_from(first)
    gates = model.gates(activities)
    coupling = model.coupling([features, *activities[1:]], gates)
    phases = [model.initial_phases(1, torch.Generator().manual_seed(0))]
    for _ in range(iterations):
        phases.append(align(phases[-1], coupling, iterations=1, step_size=model.settings.step_size))
    height, width = model.grids[0]
    return torch.stack(phases)[:, : height * width, 0].unflatten(1, (height, width)), gates[0][0]


@torch.no_grad()
def patched_run(model: GASPnet, images: Tensor, source: Tensor, factors: Sequence[str]) -> Trajectory:
    """A run on images in which some factors of the coupling are those of a run on other images: activation patching.

    If ``images`` are noisy versions of ``source``, the accuracy that a factor restores was lost through noise in that factor.

    Args:
        images, source: ``(B, C, size, size)`` in [0, 1].
        factors: keys of :data:`FACTORS`.
    """
    names = [name for factor in factors for name in FACTORS[factor]]
    recorded: list[Coupling] = []

    def record(*arguments: Any) -> Coupling:
        recorded.append(GASPnet.coupling(model, *arguments))
        return recorded[-1]

    def patch(*arguments: Any) -> Coupling:
        given = recorded.pop(0)
        return replace(GASPnet.coupling(model, *arguments), **{name: getattr(given, name) for name in names})

    for coupling, seen in ((record, source), (patch, images)):
        with _coupled_by(model, coupling):
            trajectory = model.run(seen, torch.Generator().manual_seed(0))
    return trajectory


@torch.no_grad()
def aligning_run(model: GASPnet, images: Tensor, generator: torch.Generator) -> tuple[Trajectory, list[list[Tensor]]]:
    """A run, and the phases of all layers along the way: those of step 0, and those after every Kuramoto iteration.

    The last of the K iterations of a step is followed by a sweep, so every K-th entry is a step of the run itself. Between two
    steps, the answers are those of the earlier one.

    Args:
        images: ``(B, C, size, size)`` in [0, 1].
        generator: generator of the initial phases, on the CPU.

    Returns:
        the run of T steps, and K (T − 1) + 1 lists of the phases of every layer, ``(B, H, W)`` or ``(B, units)``, radians;
        with K = 0, one for each step.
    """
    recorded: list[Coupling] = []

    def record(*arguments: Any) -> Coupling:
        recorded.append(GASPnet.coupling(model, *arguments))
        return recorded[-1]

    with _coupled_by(model, record):
        trajectory = model.run(images, generator)
    steps = [list(layers) for layers in zip(*trajectory.phases, strict=True)]
    frames = []
    for layers, coupling in zip(steps, recorded, strict=False):
        frames.append(layers)
        row = model.layout.to_row(layers)
        for _ in range(model.settings.iterations - 1):
            row = align(row, coupling, iterations=1, step_size=model.settings.step_size)
            frames.append(model.layout.to_layers(row))
    return trajectory, [*frames, steps[-1]]


@contextmanager
def _coupled_by(model: GASPnet, coupling: Callable[..., Coupling]) -> Iterator[None]:
    """Replace the model's :meth:`~gasp.models.GASPnet.coupling` inside the block."""
    model.coupling = coupling  # type: ignore[method-assign]
    try:
        yield
    finally:
        del model.coupling
