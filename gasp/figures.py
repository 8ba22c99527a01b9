"""One function a figure: from a tidy table, or from tensors, to a matplotlib Figure.

Phases have one cyclic colour map everywhere, with a wheel for a legend; what does not pull (gate 0) is black.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import colorcet
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from torch import Tensor

from gasp.data.scenes import Scenes
from gasp.models import GASPnet, Trajectory
from gasp.statistics import last_step, paired_difference, scene_accuracy, summary

__all__ = [
    "LABELS",
    "accuracy_over_noise",
    "accuracy_over_time",
    "alignment",
    "architecture",
    "costs_of_coupling",
    "costs_of_parts",
    "costs_over_time",
    "learning_curves",
    "order_over_time",
    "phase_maps",
    "scenes",
]

LABELS = {"cnn": "CNN", "gaspnet": "GASPnet"}
COLOURS = dict(zip(LABELS, sns.color_palette("colorblind"), strict=False))
MARKERS = dict(zip(LABELS, "so", strict=False))
SEPARATION = {"order_within": "order within objects", "separation": "separation between objects"}
# of seaborn's lines: medians with quartiles
MEDIAN = {"estimator": "median", "errorbar": ("pi", 50), "err_style": "bars", "markers": True, "dashes": False}
# cyclic, and lightness goes from 35 to 75 of 100: it reads without colour vision, and black stays free for silence
PHASE_COLOURS = colorcet.cm.cyclic_mygbm_30_95_c78


def accuracy_over_time(table: pd.DataFrame, levels: Sequence[float]) -> Figure:
    """Scene accuracy at every time step, a panel a noise level: means and 95 % intervals over seeds."""
    rows = scene_accuracy(table)
    steps = int(rows["t"].max())
    size = (3.1 * len(levels), 3.2)
    figure = _figure(size)
    panels = figure.subplots(1, len(levels), sharex=True, squeeze=False)
    for panel, level in zip(panels[0], levels, strict=True):
        at_level = rows[np.isclose(rows["level"], level)]
        _lines(panel, at_level, "t")
        for variant in _variants(at_level):
            values = at_level[at_level["variant"] == variant]
            if values["t"].max() == 0:  # a model without time: its level, for comparison
                panel.axhline(values["value"].mean(), color=COLOURS[variant], linestyle=":", linewidth=1)
        panel.set(title=f"noise σ = {level:g}", xlabel="time step", xticks=range(steps + 1), xlim=(-0.3, steps + 0.3))
        panel.set_ylim(bottom=max(panel.get_ylim()[0], 0))
    panels[0, 0].set_ylabel("both objects right")
    panels[0, -1].legend(frameon=False)
    return figure


def accuracy_over_noise(table: pd.DataFrame) -> Figure:
    """Scene accuracy against noise at every variant's last step, and the paired differences."""
    rows = scene_accuracy(table)
    last = last_step(rows)
    figure = _figure((9, 3.6))
    left, right = figure.subplots(1, 2)
    _lines(left, last, "level")
    first = summary(rows[(rows["variant"] == "gaspnet") & (rows["t"] == 0)], ["level"])
    left.plot(first["level"], first["mean"], "--", color=COLOURS["gaspnet"], linewidth=1, label="GASPnet at t = 0")
    levels = sorted(rows["level"].unique())
    left.set(xlabel="noise σ", ylabel="both objects right", ylim=(0, 1), xticks=levels)
    left.legend(frameon=False)
    gains = [{"level": level} | paired_difference(last[last["level"] == level], "gaspnet", "cnn") for level in levels]
    _line(right, pd.DataFrame(gains), "level", "gaspnet")
    right.axhline(0, color="0.4", linewidth=1)
    right.set(xlabel="noise σ", ylabel="GASPnet − CNN, paired by seed", xticks=levels)
    return figure


def learning_curves(table: pd.DataFrame) -> Figure:
    """Validation accuracy after each epoch, at every variant's last time step."""
    rows = table[(table["evaluation"] == "training") & (table["split"] == "validation") & (table["metric"] == "scene_accuracy")]
    figure = _figure((5, 3.2))
    panel = figure.subplots()
    _lines(panel, last_step(rows), "level")
    epochs = sorted(rows["level"].unique())
    panel.set(xlabel="epoch", ylabel="both objects right (validation)", ylim=(0, 1), xticks=epochs)
    panel.legend(frameon=False)
    return figure


def order_over_time(table: pd.DataFrame) -> Figure:
    """Order within objects and separation between them over time steps, for each convolutional layer."""
    rows = table[table["evaluation"] == "phases"]
    layers = sorted(rows["level"].unique())
    figure = _figure((8, 3.2))
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for panel, (metric, title) in zip(panels, SEPARATION.items(), strict=True):
        for layer, shade in zip(layers, sns.color_palette("crest", len(layers)), strict=True):
            means = summary(rows[(rows["metric"] == metric) & (rows["level"] == layer)], ["t"])
            style = {"color": shade, "marker": "o", "capsize": 3, "label": f"layer {layer:g}"}
            panel.errorbar(means["t"], means["mean"], _bars(means), **style)
        panel.set(title=title, xlabel="time step", xticks=sorted(rows["t"].unique()), ylim=(0, 1.03))
    panels[1].legend(frameon=False)
    return figure


def scenes(examples: Scenes) -> Figure:
    """Scenes in a row, and below each the masks of its objects."""
    images, masks, _ = examples.batch(slice(None))
    figure = _figure((1.4 * len(examples), 2.9))
    panels = figure.subplots(2, len(examples), squeeze=False)
    colours = torch.tensor(sns.color_palette("colorblind", masks.shape[1]))
    for column, (image, objects) in enumerate(zip(images, masks, strict=True)):
        _show_scene(panels[0, column], image)
        panels[1, column].imshow(torch.einsum("ghw,gc->hwc", objects, colours).clamp(0, 1))
    for panel in panels.flat:
        panel.axis("off")
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
    figure = _figure((8, 8 / columns * len(images) * 1.25 + 0.3))
    panels = figure.subplots(len(images), columns, squeeze=False)
    for panel in panels.flat:
        panel.axis("off")
    for row, caption in enumerate(captions):
        _show_scene(panels[row, 0], images[row])
        panels[row, 0].set_title(caption, fontsize=9)
        for panel, (layer, t) in zip(panels[row, 1:-1], moments, strict=True):
            panel.imshow(phase_image(trajectory.phases[layer][t, row], trajectory.gates[layer][t, row]))
            if row == 0:
                panel.set_title(f"layer {layer + 1}, t = {t}", fontsize=9)
    _wheel(figure, panels[0, -1])
    return figure


def alignment(image: Tensor, snapshots: Sequence[tuple[int, Tensor, Tensor]], order: pd.DataFrame) -> Figure:
    """Phases of the first layer falling into step on one scene.

    Args:
        image: ``(C, H, W)`` in [0, 1].
        snapshots: iteration, phases and gates ``(H, W)``.
        order: columns ``iteration``, ``order_within``, ``separation``.
    """
    columns = len(snapshots) + 1
    figure = _figure((8, 4.4))
    grid = figure.add_gridspec(2, columns + 1, height_ratios=[1, 1.5])
    panels = [figure.add_subplot(grid[0, column]) for column in range(columns + 1)]
    for panel in panels:
        panel.axis("off")
    _show_scene(panels[0], image)
    panels[0].set_title("scene", fontsize=9)
    for panel, (iteration, phases, gates) in zip(panels[1:-1], snapshots, strict=True):
        panel.imshow(phase_image(phases, gates))
        panel.set_title(f"iteration {iteration}", fontsize=9)
    _wheel(figure, panels[-1])
    curve = figure.add_subplot(grid[1, :])
    for (metric, label), marker in zip(SEPARATION.items(), "os", strict=True):
        curve.plot(order["iteration"], order[metric], marker=marker, label=label)
    curve.set(xlabel="Kuramoto iteration", ylim=(0, 1.03))
    curve.legend(frameon=False, loc="lower right")
    return figure


def costs_over_time(table: pd.DataFrame) -> Figure:
    """Duration of a training step and of an inference over the number of time steps, with floors.

    Args:
        table: of :func:`gasp.bench.measure`.
    """
    figure = _figure((8, 3.4))
    panels = figure.subplots(1, 2)
    for panel, group in zip(panels, ("training", "inference"), strict=True):
        rows = table[(table["group"] == group) & table["case"].isin(list(LABELS))]
        rows = rows.assign(seconds=1e3 * rows["seconds"], case=rows["case"].map(LABELS))
        colours = {LABELS[name]: colour for name, colour in COLOURS.items()}
        sns.lineplot(rows, x="size", y="seconds", hue="case", palette=colours, style="case", ax=panel, **MEDIAN)
        floors = rows.groupby("size")["floor"].median() * 1e3
        panel.plot(floors.index, floors, "k:", label="floor: multiplications alone")
        panel.legend(frameon=False)
        panel.set(title=group, xlabel="time steps T", ylabel="milliseconds", ylim=(0, None), xticks=floors.index)
    return figure


def costs_of_parts(table: pd.DataFrame) -> Figure:
    """What a training step and an inference at T = 3 are made of, stacked."""
    at_three = table[table["group"].isin(["training", "inference"]) & table["size"].isin([1, 3])]
    medians = at_three.groupby(["group", "case"])["seconds"].median().unstack() * 1e3
    parts = {
        "one plain sweep: the CNN": medians["cnn"],
        "two modulated sweeps, keys, gates": medians["gaspnet without alignment"] - medians["cnn"],
        "Kuramoto iterations": medians["gaspnet"] - medians["gaspnet without alignment"],
    }
    figure = _figure((7, 2.4))
    panel = figure.subplots()
    start = np.zeros(len(medians))
    for (label, part), colour in zip(parts.items(), sns.color_palette("colorblind"), strict=False):
        panel.barh(medians.index, part, left=start, color=colour, label=label)
        start += part.to_numpy()
    panel.set(xlabel="milliseconds")
    figure.legend(*panel.get_legend_handles_labels(), frameon=False, loc="outside upper center", ncols=3, fontsize=8)
    return figure


def costs_of_coupling(table: pd.DataFrame) -> Figure:
    """Duration of one coupling over the number of oscillators, with floors; both axes logarithmic."""
    rows = table[table["group"] == "coupling"]
    figure = _figure((6, 3.8))
    panel = figure.subplots()
    colours = dict(zip(rows["case"].unique(), sns.color_palette("colorblind"), strict=False))
    sns.lineplot(rows, x="size", y="seconds", hue="case", palette=colours, style="case", ax=panel, **MEDIAN)
    for case, timings in rows.groupby("case", sort=False):
        floors = timings.groupby("size")["floor"].median()
        panel.plot(floors.index, floors, ":", color=colours[case], label=f"floor of {case}")
    panel.set(xscale="log", yscale="log", xlabel="oscillators", ylabel="seconds")
    panel.set_xticks(sorted(rows["size"].unique()), [f"{size:,}" for size in sorted(rows["size"].unique())])
    panel.minorticks_off()
    panel.legend(frameon=False)
    return figure


def phase_image(phases: Tensor, gates: Tensor) -> np.ndarray:
    """Colours ``(H, W, 3)`` of phases in radians, dimmed by the gates in [0, 1]."""
    turns = (phases.detach().cpu().numpy() / (2 * math.pi)) % 1
    return np.asarray(PHASE_COLOURS(turns)[..., :3] * np.sqrt(gates.detach().cpu().numpy())[..., None])


def architecture(model: GASPnet) -> Figure:
    """The layers of a model and what they exchange, drawn from the model's own sizes."""
    figure = _figure((9.4, 4.3))
    panel = figure.subplots()
    panel.axis("off")
    panel.set(xlim=(-0.6, len(model.shapes) + 0.75), ylim=(-0.3, 3))
    names = [f"conv {i + 1}" for i in range(len(model.grids))] + ["dense", "read-out"]
    colours = sns.color_palette("pastel")
    _box(panel, 0, 1.6, f"image\n{model.channels}×{model.size}×{model.size}", "0.92")
    _box(
        panel,
        (len(model.shapes) + 1) / 2,
        0.15,
        "pooled keys  Z = Σ N g k exp(iφ)\nglobal agreement: queries q against Z",
        colours[3],
        width=len(model.shapes),
    )
    for index, (name, shape) in enumerate(zip(names, model.shapes, strict=True), start=1):
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


def _figure(size: tuple[float, float]) -> Figure:
    figure = plt.figure(figsize=size, layout="constrained", dpi=144)
    plt.close(figure)  # a notebook shows it once, as the value of its cell
    return figure


def _variants(table: pd.DataFrame) -> list[str]:
    return [str(variant) for variant in table["variant"].unique()]


def _lines(panel: Axes, table: pd.DataFrame, x: str) -> None:
    """Means over seeds with 95 % intervals against the column ``x``, one line a variant."""
    for variant in _variants(table):
        _line(panel, summary(table[table["variant"] == variant], [x]), x, variant)


def _line(panel: Axes, means: pd.DataFrame, x: str, variant: str) -> None:
    style = {"color": COLOURS[variant], "marker": MARKERS[variant], "capsize": 3, "label": LABELS[variant]}
    panel.errorbar(means[x], means["mean"], _bars(means), **style)


def _bars(means: pd.DataFrame) -> np.ndarray:
    """Lengths of the error bars; none where one seed gives no interval."""
    return np.nan_to_num(np.stack([means["mean"] - means["low"], means["high"] - means["mean"]]))


def _show_scene(panel: Axes, image: Tensor) -> None:
    panel.imshow(image.clamp(0, 1).permute(1, 2, 0).squeeze(-1).cpu(), cmap="gray", vmin=0, vmax=1)


def _wheel(figure: Figure, panel: Axes) -> None:
    """The legend of the phase colours, in the place of a panel."""
    place = panel.get_subplotspec()
    assert place is not None
    wheel = figure.add_subplot(place, projection="polar")
    angles = np.linspace(0, 2 * math.pi, 181)
    wheel.pcolormesh(angles, [0.6, 1], (angles[:-1] / (2 * math.pi))[None], cmap=PHASE_COLOURS, vmin=0, vmax=1)
    wheel.set(yticks=[], ylim=(0, 1))
    wheel.set_xticks([0, math.pi / 2, math.pi, 3 * math.pi / 2], ["0", "π/2", "π", "3π/2"], fontsize=8)
    wheel.tick_params(pad=-3)
    wheel.spines[:].set_visible(False)
    wheel.grid(False)


def _box(panel: Axes, x: float, y: float, text: str, colour: object, width: float = 0.72, height: float = 0.72) -> None:
    corner = (x - width / 2, y - height / 2)
    panel.add_patch(FancyBboxPatch(corner, width, height, boxstyle="round,pad=0.02", facecolor=colour, edgecolor="0.3"))
    panel.text(x, y, text, ha="center", va="center", fontsize=8)


def _arrow(panel: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    panel.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, color=colour))
