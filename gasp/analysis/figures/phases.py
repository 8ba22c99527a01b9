"""Figures of scenes, of their phases, and of the network itself."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import PIL.Image
import torch
from IPython.display import Image
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from torch import Tensor
from torch.nn import functional as F

from gasp.analysis.figures.style import INK, PALETTE, Drawing, phase_image, show_image, show_scene
from gasp.data.corruptions import Corruption, corrupt
from gasp.data.scenes import Scenes
from gasp.learning.binding import phase_masks
from gasp.models import GASPnet, Trajectory

SEPARATION = {"order_within": "order within objects", "separation": "separation between objects"}


def scenes(examples: Scenes) -> Drawing:
    """Scenes, and below each the masks of its objects."""
    images, masks, _ = examples.batch(slice(None))
    colours = torch.tensor([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in PALETTE[1:]])
    drawing = Drawing()
    for image, objects in zip(images, masks, strict=True):
        scene, below = drawing.tiles(2, 1, width=1.35)
        show_scene(scene, image)
        show_image(below, torch.einsum("ghw,gc->hwc", objects, colours[: len(objects)]).clamp(0, 1).numpy(force=True))
    return drawing


def gallery(examples: Mapping[str, Scenes]) -> Drawing:
    """Scenes of several data sets, an image for each data set."""
    drawing = Drawing()
    for name, some in examples.items():
        tiles = drawing.tiles(len(some), 4)
        # as a title of the first picture, a long name would widen the gap to the next
        drawing.figures[-1].suptitle(name, x=0.01, ha="left", fontsize=mpl.rcParams["axes.titlesize"])
        for tile, image in zip(tiles, some.batch(slice(None))[0], strict=True):
            show_scene(tile, image)
    return drawing


def corruptions(example: Scenes, levels: Mapping[Corruption, Sequence[float]]) -> Drawing:
    """One scene, undisturbed and at each level of every corruption, an image for each corruption."""
    image = example.batch(slice(0, 1))[0]
    drawing = Drawing()
    for kind, steps in levels.items():
        tiles = drawing.tiles(len(steps) + 1, 4)
        tiles[0].set_title(kind.replace("_", " "), loc="left")
        for tile, level in zip(tiles, (0.0, *steps), strict=True):
            show_scene(tile, corrupt(image, kind, level, torch.Generator().manual_seed(0))[0])
            if level:
                tile.set_title(f"{level:g}")
    return drawing


def phase_maps(images: Tensor, trajectory: Trajectory, captions: Sequence[str]) -> Drawing:
    """Scenes; the phases of the first layer at every time step, and of the deeper convolutions at the last.

    Args:
        images: ``(B, C, H, W)`` in [0, 1].
        captions: one for each scene.
    """
    steps = len(trajectory.logits)
    deeper = [index for index, phases in enumerate(trajectory.phases) if phases.ndim == 4][1:]
    moments = [(0, t) for t in range(steps)] + [(layer, steps - 1) for layer in deeper]
    drawing = Drawing()
    for scene, (image, caption) in enumerate(zip(images, captions, strict=True)):
        first, *maps = drawing.tiles(len(moments) + 1, 3)
        show_scene(first, image)
        first.set_title(caption)
        for tile, (layer, t) in zip(maps, moments, strict=True):
            show_image(tile, phase_image(trajectory.phases[layer][t, scene], trajectory.gates[layer][t, scene]))
            tile.set_title(f"layer {layer + 1}, t = {t}")
    drawing.wheel()
    return drawing


def gates(images: Sequence[Tensor], participation: Sequence[Tensor], captions: Sequence[str]) -> Drawing:
    """Scenes, each beside its learned gate: where it is white, locations take part, and where it is black, they are silent.

    Args:
        images: ``(C, H, W)`` each, in [0, 1].
        participation: p, ``(H', W')`` each, in [0, 1].
        captions: one for each scene.
    """
    drawing = Drawing()
    for image, gate, caption in zip(images, participation, captions, strict=True):
        scene, beside = drawing.tiles(2, 2, width=2.15)
        show_scene(scene, image)
        scene.set_title(caption, loc="left")
        show_image(beside, gate.numpy(force=True))
    return drawing


def what_is_where(images: Tensor, trajectory: Trajectory, units: Tensor, names: Sequence[Sequence[str]]) -> Drawing:
    """Scenes; the phases of the first layer at the last step; and for each object the locations in phase with its unit.

    These locations have the colour of the unit's phase, over the scene in grey.

    Args:
        images: ``(B, C, H, W)`` in [0, 1].
        units: the read-out's units for R objects of each scene, ``(B, R)``.
        names: names of the objects, R for each scene.
    """
    lit = phase_masks(trajectory, units)[-1].float()  # (B, R, H', W')
    lit = F.interpolate(lit, images.shape[-2:])
    readout = trajectory.phases[-1][-1]
    drawing = Drawing()
    for scene, labels in enumerate(names):
        first, second, *places = drawing.tiles(2 + len(labels), 4)
        show_scene(first, images[scene])
        first.set_title("scene")
        show_image(second, phase_image(trajectory.phases[0][-1, scene], trajectory.gates[0][-1, scene]))
        second.set_title("phases")
        for tile, mask, unit, label in zip(places, lit[scene], units[scene], labels, strict=True):
            show_image(tile, _lit(images[scene], mask, readout[scene, unit]))
            tile.set_title(label)
    drawing.wheel()
    return drawing


def _lit(image: Tensor, mask: Tensor, phase: Tensor) -> np.ndarray:
    """Colours ``(H, W, 3)``: a scene ``(C, H, W)`` in grey, and the colour of a phase where the mask ``(H, W)`` is 1."""
    grey = image.clamp(0, 1).mean(0).unsqueeze(-1).numpy(force=True)
    opacity = 0.75 * mask.unsqueeze(-1).numpy(force=True)
    return (1 - opacity) * grey + opacity * phase_image(phase.expand(mask.shape), torch.ones_like(mask))


def alignment(image: Tensor, snapshots: Sequence[tuple[int, Tensor, Tensor]], order: pd.DataFrame) -> Drawing:
    """How the phases of the first layer synchronize on one scene.

    Args:
        image: ``(C, H, W)`` in [0, 1].
        snapshots: iteration, phases and gates ``(H, W)``.
        order: columns ``iteration``, ``order_within``, ``separation``.
    """
    drawing = Drawing(order)
    first, *maps = drawing.tiles(len(snapshots) + 1, 3)
    show_scene(first, image)
    first.set_title("scene")
    for tile, (iteration, phases, gates) in zip(maps, snapshots, strict=True):
        show_image(tile, phase_image(phases, gates))
        tile.set_title(f"iteration {iteration}")
    curve = drawing.panel(height=3)
    for (metric, label), marker, colour in zip(SEPARATION.items(), "os", PALETTE[1:3], strict=True):
        curve.plot(order["iteration"], order[metric], marker=marker, color=colour, label=label)
    curve.set(xlabel="Kuramoto iteration", ylim=(0, 1.03))
    curve.legend(frameon=False, loc="lower right")
    drawing.wheel()
    return drawing


def animation(image: Tensor, maps: Tensor, gates: Tensor, milliseconds: int = 150) -> Image:
    """How the phases of the first layer synchronize: an animated PNG with a frame for each iteration, in a loop.

    Its background is black and it fits a phone, so it needs no variant for dark mode or for small screens.

    Args:
        image: ``(C, H, W)`` in [0, 1].
        maps: phases ``(iterations, H', W')``, radians.
        gates: ``(H', W')``.
        milliseconds: duration of one frame; the last is shown ten times as long.
    """
    figure = Figure((3.5, 2.1), layout="constrained", dpi=96, facecolor="black")
    panels = figure.subplots(1, 2)
    for panel in panels:
        panel.axis("off")
    show_scene(panels[0], image)
    panels[0].set_title("scene", fontsize=9, color="white")
    shown = panels[1].imshow(phase_image(maps[0], gates))
    frames = []
    for iteration, phases in enumerate(maps):
        shown.set_data(phase_image(phases, gates))
        panels[1].set_title(f"iteration {iteration}", fontsize=9, color="white")
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        frames.append(PIL.Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()))
    durations = [milliseconds] * (len(frames) - 1) + [10 * milliseconds]
    buffer = io.BytesIO()
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return Image(data=buffer.getvalue(), format="png")


def architecture(model: GASPnet) -> Drawing:
    """The layers of a model and what they exchange, from the image at the top to the read-out, drawn from its own sizes."""
    plain, dense, purple, red = PALETTE[1], PALETTE[3], PALETTE[8], PALETTE[4]
    shapes = model.layout.shapes
    drawing = Drawing()
    panel = drawing.panel(height=0.92 * (len(shapes) + 1))
    panel.axis("off")
    panel.set(xlim=(0, 4.4), ylim=(len(shapes) + 0.55, -0.55))
    _box(panel, 0.8, 0, f"image\n{model.channels}×{model.size}×{model.size}", INK)
    _box(panel, 4.05, len(shapes) / 2 + 0.5, "pooled keys  Z = Σ N g k exp(iφ)", red, 0.5, len(shapes) - 0.2, rotation=90)
    panel.text(2.35, 0.05, "phases", ha="center")
    panel.text(2.35, 0.3, "1 + a cos(φᵢ − φⱼ)", ha="center")
    names = [f"conv {i + 1}" for i in range(len(model.grids))] + ["dense", "read-out"]
    for index, (name, shape) in enumerate(zip(names, shapes, strict=True), start=1):
        is_map = len(shape) == 2
        channels = f"{model.stages[index - 1].linear.out_channels}×" if is_map else ""
        _box(panel, 0.8, index, f"{name}\n{channels}{'×'.join(map(str, shape))}", plain if is_map else dense)
        _arrow(panel, (0.8, index - 0.68), (0.8, index - 0.32), INK)
        _box(panel, 2.35, index - 0.12, f"{math.prod(shape)} phases", purple, 1.15, 0.34)
        _arrow(panel, (1.52, index + 0.24), (3.78, index + 0.24), red)  # keys, with gates
        _arrow(panel, (3.78, index - 0.12), (2.97, index - 0.12), red)  # alignment
        if index > 1:  # the image has no phases: nothing modulates the first layer
            _arrow(panel, (2.35, index - 0.93), (2.35, index - 0.31), purple)
            _arrow(panel, (1.75, index - 0.12), (1.52, index - 0.12), purple)
    panel.text(2.6, len(shapes) + 0.47, "keys, gates →   ← alignment", ha="center")
    return drawing


def _box(
    panel: Axes, x: float, y: float, text: str, colour: str, width: float = 1.4, height: float = 0.6, rotation: float = 0
) -> None:
    corner = (x - width / 2, y - height / 2)
    panel.add_patch(FancyBboxPatch(corner, width, height, boxstyle="round,pad=0.02", fill=False, edgecolor=colour))
    panel.text(x, y, text, ha="center", va="center", rotation=rotation)


def _arrow(panel: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    panel.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, color=colour, shrinkA=0, shrinkB=0))
