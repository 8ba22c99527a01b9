"""Scenes, phases on them, and the network itself."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import PIL.Image
import seaborn as sns
import torch
from IPython.display import Image
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from torch import Tensor
from torch.nn import functional as F

from gasp.analysis.figures.style import new_figure, phase_image, show_scene, wheel
from gasp.data.corruptions import Corruption, corrupt
from gasp.data.scenes import Scenes
from gasp.learning.binding import phase_masks
from gasp.models import GASPnet, Trajectory

SEPARATION = {"order_within": "order within objects", "separation": "separation between objects"}


def scenes(examples: Scenes) -> Figure:
    """Scenes in a row, and below each the masks of its objects."""
    images, masks, _ = examples.batch(slice(None))
    figure = new_figure((1.4 * len(examples), 2.9))
    panels = figure.subplots(2, len(examples), squeeze=False)
    colours = torch.tensor(sns.color_palette("colorblind", masks.shape[1]))
    for column, (image, objects) in enumerate(zip(images, masks, strict=True)):
        show_scene(panels[0, column], image)
        panels[1, column].imshow(torch.einsum("ghw,gc->hwc", objects, colours).clamp(0, 1))
    for panel in panels.flat:
        panel.axis("off")
    return figure


def gallery(examples: Mapping[str, Scenes]) -> Figure:
    """Scenes of several data sets, a row each."""
    columns = max(map(len, examples.values()))
    figure = new_figure((9, 9 / columns * len(examples) * 1.2))
    panels = figure.subplots(len(examples), columns, squeeze=False)
    for panel in panels.flat:
        panel.axis("off")
    for row, (name, some) in zip(panels, examples.items(), strict=True):
        row[0].set_title(name, loc="left", fontsize=9)
        for panel, image in zip(row, some.batch(slice(None))[0], strict=False):
            show_scene(panel, image)
    return figure


def corruptions(example: Scenes, levels: Mapping[Corruption, Sequence[float]]) -> Figure:
    """One scene under every corruption, a row each, at each of its levels."""
    image = example.batch(slice(0, 1))[0]
    columns = max(map(len, levels.values())) + 1
    figure = new_figure((1.3 * columns, 1.55 * len(levels)))
    panels = figure.subplots(len(levels), columns, squeeze=False)
    for panel in panels.flat:
        panel.axis("off")
    for row, (kind, steps) in zip(panels, levels.items(), strict=True):
        row[0].set_title(kind.replace("_", " "), loc="left", fontsize=9)
        for panel, level in zip(row, (0.0, *steps), strict=False):
            show_scene(panel, corrupt(image, kind, level, torch.Generator().manual_seed(0))[0])
            if level:
                panel.set_title(f"{level:g}", fontsize=9)
    return figure


def phase_maps(images: Tensor, trajectory: Trajectory, captions: Sequence[str]) -> Figure:
    """Scenes; the phases of the first layer at every time step, and of the deeper convolutions at the last.

    Args:
        images: ``(B, C, H, W)`` in [0, 1].
        captions: one a scene.
    """
    steps = len(trajectory.logits)
    deeper = [index for index, phases in enumerate(trajectory.phases) if phases.ndim == 4][1:]
    moments = [(0, t) for t in range(steps)] + [(layer, steps - 1) for layer in deeper]
    columns = len(moments) + 2
    figure = new_figure((8, 8 / columns * len(images) * 1.25 + 0.3))
    panels = figure.subplots(len(images), columns, squeeze=False)
    for panel in panels.flat:
        panel.axis("off")
    for row, caption in enumerate(captions):
        show_scene(panels[row, 0], images[row])
        panels[row, 0].set_title(caption, fontsize=9)
        for panel, (layer, t) in zip(panels[row, 1:-1], moments, strict=True):
            panel.imshow(phase_image(trajectory.phases[layer][t, row], trajectory.gates[layer][t, row]))
            if row == 0:
                panel.set_title(f"layer {layer + 1}, t = {t}", fontsize=9)
    wheel(figure, panels[0, -1])
    return figure


def what_is_where(images: Tensor, trajectory: Trajectory, units: Tensor, names: Sequence[Sequence[str]]) -> Figure:
    """Scenes; the phases of the first layer at the last step; and for each object the locations in phase with its unit.

    These have the colour of the unit's phase, over the scene in grey: a name lights up its place.

    Args:
        images: ``(B, C, H, W)`` in [0, 1].
        units: of the read-out, those that stand for R objects of each scene, ``(B, R)``.
        names: of the objects, R for each scene.
    """
    lit = phase_masks(trajectory, units)[-1].float()  # (B, R, H', W')
    lit = F.interpolate(lit, images.shape[-2:])
    readout = trajectory.phases[-1][-1]
    columns = units.shape[1] + 3
    figure = new_figure((8, 8 / columns * len(images) * 1.2 + 0.3))
    panels = figure.subplots(len(images), columns, squeeze=False)
    for panel in panels.flat:
        panel.axis("off")
    for scene, labels in enumerate(names):
        row = panels[scene]
        show_scene(row[0], images[scene])
        row[1].imshow(phase_image(trajectory.phases[0][-1, scene], trajectory.gates[0][-1, scene]))
        for panel, mask, unit, label in zip(row[2:-1], lit[scene], units[scene], labels, strict=True):
            panel.imshow(_lit(images[scene], mask, readout[scene, unit]))
            panel.set_title(label, fontsize=9)
    panels[0, 0].set_title("scene", fontsize=9)
    panels[0, 1].set_title("phases", fontsize=9)
    wheel(figure, panels[0, -1])
    return figure


def _lit(image: Tensor, mask: Tensor, phase: Tensor) -> np.ndarray:
    """Colours ``(H, W, 3)``: a scene ``(C, H, W)`` in grey, and the colour of a phase where the mask ``(H, W)`` is 1."""
    grey = image.clamp(0, 1).mean(0).unsqueeze(-1).numpy(force=True)
    opacity = 0.75 * mask.unsqueeze(-1).numpy(force=True)
    return (1 - opacity) * grey + opacity * phase_image(phase.expand(mask.shape), torch.ones_like(mask))


def alignment(image: Tensor, snapshots: Sequence[tuple[int, Tensor, Tensor]], order: pd.DataFrame) -> Figure:
    """Phases of the first layer falling into step on one scene.

    Args:
        image: ``(C, H, W)`` in [0, 1].
        snapshots: iteration, phases and gates ``(H, W)``.
        order: columns ``iteration``, ``order_within``, ``separation``.
    """
    columns = len(snapshots) + 1
    figure = new_figure((8, 4.4))
    grid = figure.add_gridspec(2, columns + 1, height_ratios=[1, 1.5])
    panels = [figure.add_subplot(grid[0, column]) for column in range(columns + 1)]
    for panel in panels:
        panel.axis("off")
    show_scene(panels[0], image)
    panels[0].set_title("scene", fontsize=9)
    for panel, (iteration, phases, gates) in zip(panels[1:-1], snapshots, strict=True):
        panel.imshow(phase_image(phases, gates))
        panel.set_title(f"iteration {iteration}", fontsize=9)
    wheel(figure, panels[-1])
    curve = figure.add_subplot(grid[1, :])
    for (metric, label), marker in zip(SEPARATION.items(), "os", strict=True):
        curve.plot(order["iteration"], order[metric], marker=marker, label=label)
    curve.set(xlabel="Kuramoto iteration", ylim=(0, 1.03))
    curve.legend(frameon=False, loc="lower right")
    return figure


def animation(image: Tensor, maps: Tensor, gates: Tensor, milliseconds: int = 150) -> Image:
    """Phases of the first layer falling into step, a frame an iteration: an animated PNG, repeated for ever.

    Args:
        image: ``(C, H, W)`` in [0, 1].
        maps: phases ``(iterations, H', W')``, radians.
        gates: ``(H', W')``.
        milliseconds: of one frame; the last stands ten times as long.
    """
    figure = new_figure((6, 2.3))
    figure.set_dpi(100)
    scene, panel, legend = figure.subplots(1, 3, width_ratios=[1, 1, 0.7])
    show_scene(scene, image)
    wheel(figure, legend)
    for axes in (scene, panel, legend):
        axes.axis("off")
    shown = panel.imshow(phase_image(maps[0], gates))
    frames = []
    for iteration, phases in enumerate(maps):
        shown.set_data(phase_image(phases, gates))
        panel.set_title(f"iteration {iteration}", fontsize=9)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        frames.append(PIL.Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()))
    durations = [milliseconds] * (len(frames) - 1) + [10 * milliseconds]
    buffer = io.BytesIO()
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return Image(data=buffer.getvalue(), format="png")


def architecture(model: GASPnet) -> Figure:
    """The layers of a model and what they exchange, drawn from the model's own sizes."""
    figure = new_figure((9.4, 4.3))
    panel = figure.subplots()
    panel.axis("off")
    panel.set(xlim=(-0.6, len(model.layout.shapes) + 0.75), ylim=(-0.3, 3))
    names = [f"conv {i + 1}" for i in range(len(model.grids))] + ["dense", "read-out"]
    colours = sns.color_palette("pastel")
    _box(panel, 0, 1.6, f"image\n{model.channels}×{model.size}×{model.size}", "0.92")
    _box(
        panel,
        (len(model.layout.shapes) + 1) / 2,
        0.15,
        "pooled keys  Z = Σ N g k exp(iφ)\nglobal agreement: queries q against Z",
        colours[3],
        width=len(model.layout.shapes),
    )
    for index, (name, shape) in enumerate(zip(names, model.layout.shapes, strict=True), start=1):
        linear = model.stages[index - 1].linear
        is_map = len(shape) == 2
        channels = f"{linear.out_channels} × " if is_map else ""
        _box(panel, index, 1.6, f"{name}\n{channels}{'×'.join(map(str, shape))}", colours[0 if is_map else 2])
        _arrow(panel, (index - 0.62, 1.6), (index - 0.38, 1.6), "0.2")
        _box(panel, index, 2.65, f"{math.prod(shape)} phases φ", colours[4], height=0.4)
        _arrow(panel, (index - 0.13, 1.2), (index - 0.13, 0.52), "tab:red")
        _arrow(panel, (index + 0.13, 0.52), (index + 0.13, 1.2), "tab:red")
        if index > 1:  # the image has no phases: nothing modulates the first layer
            _arrow(panel, (index - 0.62, 2.65), (index - 0.38, 2.65), "tab:purple")
            _arrow(panel, (index, 2.42), (index, 2.0), "tab:purple")
    panel.text(0, 2.65, "phases", ha="center", va="center")
    panel.text(0.02, 0.86, "keys, gates ↓\nalignment ↑", ha="center", va="center", color="tab:red", fontsize=8)
    panel.text(0.02, 2.2, "1 + a$_F$ cos(φ$_i$ − φ$_j$)", ha="center", va="center", color="tab:purple", fontsize=8)
    return figure


def _box(panel: Axes, x: float, y: float, text: str, colour: object, width: float = 0.72, height: float = 0.72) -> None:
    corner = (x - width / 2, y - height / 2)
    panel.add_patch(FancyBboxPatch(corner, width, height, boxstyle="round,pad=0.02", facecolor=colour, edgecolor="0.3"))
    panel.text(x, y, text, ha="center", va="center", fontsize=8)


def _arrow(panel: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    panel.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, color=colour))
