"""Accuracy, order of phases and effects: from tables of results."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gasp.analysis.figures.phases import SEPARATION
from gasp.analysis.figures.style import COLOURS, LABELS, MARKERS, bars, line, lines, new_figure, variants_of
from gasp.analysis.statistics import at_level, last_step, levels_of, mean_interval, paired_difference, summary, undisturbed

ACCURACY: Mapping[str, str] = {"scene_accuracy": "every object"}
AXES = {
    "gaussian": "Gaussian noise σ",
    "salt_and_pepper": "salt and pepper, share",
    "speckle": "speckle σ",
    "blur": "blur σ, pixels",
    "contrast": "contrast taken away",
    "scale": "scale of the items",
    "objects": "objects",
    "overlap": "allowed overlap",
    "longer": "Gaussian noise σ",
}
VERDICTS = {"holds": "#029e73", "unclear": "#949494", "does not hold": "#d55e00", "not judged": "#444444"}


def learning_curves(table: pd.DataFrame) -> Figure:
    """Validation accuracy after each epoch, at every variant's last time step."""
    rows = table[(table["evaluation"] == "training") & (table["split"] == "validation") & (table["metric"] == "scene_accuracy")]
    figure = new_figure((5.4, 3.4))
    panel = figure.subplots()
    lines(panel, last_step(rows), "level")
    epochs = sorted(rows["level"].unique())
    panel.set(xlabel="epoch", ylabel="every object right (validation)", ylim=(0, 1), xticks=epochs)
    panel.legend(frameon=False)
    return figure


def accuracy_over_time(table: pd.DataFrame, levels: Sequence[float], evaluation: str = "gaussian") -> Figure:
    """Scene accuracy at every time step, a panel for each level of noise; a model without time is a dotted line.

    Args:
        evaluation: ``gaussian``, or ``longer`` for more steps than in training.
    """
    rows = levels_of(table, evaluation, undisturbed_at=0.0 if evaluation == "gaussian" else None)
    steps = int(rows["t"].max())
    figure = new_figure((3.1 * len(levels), 3.4))
    panels = figure.subplots(1, len(levels), sharex=True, squeeze=False)
    for panel, level in zip(panels[0], levels, strict=True):
        of_level = at_level(rows, level)
        for variant in variants_of(of_level):
            values = of_level[of_level["variant"] == variant]
            if values["t"].max() == 0:
                style = {"color": COLOURS[variant], "label": LABELS[variant]}
                panel.axhline(values["value"].mean(), linestyle=":", linewidth=1.5, **style)
            else:
                line(panel, summary(values, ["t"]), "t", variant)
        panel.set(title=f"noise σ = {level:g}", xlabel="time step", xticks=range(steps + 1), xlim=(-0.3, steps + 0.3))
        panel.set_ylim(bottom=max(panel.get_ylim()[0], 0))
    panels[0, 0].set_ylabel("every object right")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=3)
    return figure


def accuracy_over(table: pd.DataFrame, undisturbed_at: Mapping[str, float], accuracies: Mapping[str, str] = ACCURACY) -> Figure:
    """Accuracy at every variant's last time step over the levels of evaluations.

    There is a panel for each metric and evaluation.

    Args:
        undisturbed_at: the evaluations, each with the level at which its scenes are undisturbed.
        accuracies: metrics, each with what it asks to be right.
    """
    figure, panels = _panels(len(undisturbed_at) * len(accuracies))
    contents = itertools.product(accuracies.items(), undisturbed_at.items())
    for panel, ((metric, what), (evaluation, start)) in zip(panels, contents, strict=True):
        lines(panel, last_step(levels_of(table, evaluation, metric, start)), "level")
        panel.set(xlabel=AXES[evaluation], ylabel=f"{what} right", ylim=(0, 1.02))
    figure.legend(*panels[0].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=2)
    return figure


def gain_over(table: pd.DataFrame, undisturbed_at: Mapping[str, float], others: Sequence[str]) -> Figure:
    """GASPnet's scene accuracy minus that of other variants over the levels of evaluations, paired by seed.

    It is that of the last time step; there is a panel for each evaluation.

    Args:
        undisturbed_at: the evaluations, each with the level at which its scenes are undisturbed.
    """
    figure, panels = _panels(len(undisturbed_at))
    for panel, (evaluation, start) in zip(panels, undisturbed_at.items(), strict=True):
        last = last_step(levels_of(table, evaluation, undisturbed_at=start))
        levels = sorted(last["level"].unique())
        for other in others:
            gains = [{"level": level} | paired_difference(at_level(last, level), "gaspnet", other) for level in levels]
            line(panel, pd.DataFrame(gains), "level", other)
        panel.axhline(0, color="0.4", linewidth=1)
        panel.set(xlabel=AXES[evaluation], ylabel="GASPnet − other")
    figure.legend(*panels[0].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=2)
    return figure


def comparison(table: pd.DataFrame, accuracies: Mapping[str, str] = ACCURACY) -> Figure:
    """Every variant at its last time step on undisturbed scenes: seeds as dots, mean and interval beside them.

    There is a panel for each metric.

    Args:
        accuracies: metrics, each with what it asks to be right.
    """
    variants = variants_of(table)[::-1]
    figure = new_figure((3.2 + 2.6 * len(accuracies), 0.34 * len(variants) + 1.1))
    panels = figure.subplots(1, len(accuracies), sharey=True, squeeze=False)
    for panel, (metric, what) in zip(panels[0], accuracies.items(), strict=True):
        last = last_step(undisturbed(table, metric))
        for height, variant in enumerate(variants):
            values = last[last["variant"] == variant]["value"]
            interval = mean_interval(values)
            panel.plot(values, np.full(len(values), height - 0.18), ".", color=COLOURS[variant], alpha=0.5)
            span = [[interval["mean"] - interval["low"]], [interval["high"] - interval["mean"]]]
            style = {"color": COLOURS[variant], "marker": MARKERS[variant], "capsize": 3}
            panel.errorbar(interval["mean"], height, xerr=np.nan_to_num(span), **style)
        panel.set(xlabel=f"{what} right", yticks=range(len(variants)))
        panel.set_yticklabels([LABELS[variant] for variant in variants])
        panel.grid(axis="x", alpha=0.3)
    return figure


def order_over_time(table: pd.DataFrame) -> Figure:
    """Order within objects and separation between them over time steps, for each convolutional layer."""
    rows = table[(table["evaluation"] == "phases") & table["metric"].isin(list(SEPARATION))]
    layers = sorted(rows["level"].unique())
    figure = new_figure((8, 3.2))
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for panel, (metric, title) in zip(panels, SEPARATION.items(), strict=True):
        for layer, shade in zip(layers, sns.color_palette("crest", len(layers)), strict=True):
            means = summary(rows[(rows["metric"] == metric) & (rows["level"] == layer)], ["t"])
            style = {"color": shade, "marker": "o", "capsize": 3, "label": f"layer {layer:g}"}
            panel.errorbar(means["t"], means["mean"], bars(means), **style)
        panel.set(title=title, xlabel="time step", xticks=sorted(rows["t"].unique()), ylim=(0, 1.03))
    panels[1].legend(frameon=False)
    return figure


def effects(table: pd.DataFrame) -> Figure:
    """Every effect of the claims that was tested, with its interval over seeds, coloured by its verdict.

    Args:
        table: of :func:`gasp.analysis.verdicts.judge`.
    """
    table = table[table["verdict"].isin(list(VERDICTS))].reset_index(drop=True)
    figure = new_figure((6, 0.4 * len(table) + 1.2))
    panel = figure.subplots()
    heights = np.arange(len(table))[::-1]
    for verdict, colour in VERDICTS.items():
        of_kind = (table["verdict"] == verdict).to_numpy()
        if of_kind.any():
            rows = table[of_kind]
            panel.errorbar(rows["mean"], heights[of_kind], xerr=bars(rows), fmt="o", capsize=3, color=colour, label=verdict)
    panel.axvline(0, color="0.4", linewidth=1)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    style: dict[str, Any] = {"fontsize": 7.5, "va": "center", "bbox": box}
    for height, (effect, dataset) in zip(heights, table[["effect", "dataset"]].to_numpy(), strict=True):
        place = (0.01, height + 0.42)
        panel.annotate(f"{effect} ({dataset})", place, xycoords=("axes fraction", "data"), **style)
    panel.set_yticks(heights, table["claim"].where(~table["claim"].duplicated(), "").tolist())
    panel.tick_params(axis="y", length=0)
    panel.set_ylim(-0.6, len(table) - 0.2)
    panel.set_xscale("symlog", linthresh=0.05)
    ticks = [-1, -0.3, -0.1, 0, 0.1, 0.3, 1]
    panel.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    panel.minorticks_off()
    panel.set_xlabel("effect, share of scenes (slope: per unit of σ)")
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    return figure


def _panels(count: int, columns: int = 3) -> tuple[Figure, list[Axes]]:
    """A figure with this many panels, in rows."""
    columns = min(count, columns)
    rows = math.ceil(count / columns)
    figure = new_figure((max(3 * columns, 5), 2.6 * rows + 0.8))
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel in panels[count:]:
        panel.remove()
    return figure, panels[:count]
