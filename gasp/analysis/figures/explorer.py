"""A figure to operate: a page of its own making, without a server, without anything from elsewhere."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from importlib.resources import files

import numpy as np
import torch
from IPython.display import HTML
from torch import Tensor

from gasp.analysis.figures.style import PHASE_COLOURS
from gasp.models import Trajectory

__all__ = ["explorer"]


def explorer(
    labels: Sequence[Sequence[int]],
    levels: Sequence[float],
    images: Sequence[Tensor],
    trajectories: Sequence[Trajectory],
    trained: int,
    name: str = "explorer",
) -> HTML:
    """Choose a scene, a level of noise and a time step; see the input, the phases of every layer, and the answer.

    Args:
        labels: of the objects of each of n scenes.
        levels: of noise.
        images: of each level, ``(n, 1, H, W)`` in [0, 1].
        trajectories: of each level, with one head of answers.
        trained: how many steps the network had in training.
        name: of the element on the page.
    """
    grids = [layer.shape[2:] for layer in trajectories[0].phases if layer.ndim == 4]
    views = [_view(image, trajectory) for image, trajectory in zip(images, trajectories, strict=True)]
    data = {
        "labels": [list(each) for each in labels],
        "levels": list(levels),
        "grids": [list(grid) for grid in grids],
        "size": images[0].shape[-1],
        "steps": len(trajectories[0].logits),
        "classes": trajectories[0].logits.shape[-1],
        "trained": trained,
        "bytes": _text(np.stack(views, 1)),
        "colours": _text(np.asarray(PHASE_COLOURS(np.arange(256) / 256))[:, :3] * 255),
    }
    page = files("gasp.analysis.figures").joinpath("explorer.html").read_text()
    return HTML(page.replace("ID", name).replace("DATA", json.dumps(data)))


def _view(images: Tensor, trajectory: Trajectory) -> np.ndarray:
    """What is shown of each scene, ``(n, bytes)``: the image; for each step phases, gates and probabilities."""
    shown = [index for index, layer in enumerate(trajectory.phases) if layer.ndim == 4] + [len(trajectory.phases) - 1]
    phases, gates = (
        torch.cat([record[index].flatten(2) for index in shown], 2) for record in (trajectory.phases, trajectory.gates)
    )
    turns = (phases / (2 * math.pi)) % 1 * 256 % 256
    chances = trajectory.answers[:, :, 0].softmax(-1)
    moments = torch.cat([turns, 255 * gates, 255 * chances], 2).transpose(0, 1).flatten(1)
    return torch.cat([255 * images.clamp(0, 1).flatten(1), moments], 1).cpu().numpy()


def _text(values: np.ndarray) -> str:
    return base64.b64encode(values.astype(np.uint8).tobytes()).decode()
