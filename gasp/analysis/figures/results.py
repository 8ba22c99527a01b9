"""What was measured of trained models: from tables of results."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gasp.analysis.figures.phases import SEPARATION
from gasp.analysis.figures.style import COLOURS, LABELS, MARKERS, bars, line, lines, new_figure, variants_of
from gasp.analysis.statistics import last_step, mean_interval, over, paired_difference, summary

ACCURACY = {"scene_accuracy": "every object right", "head_0_accuracy": "item right", "head_1_accuracy": "background right"}
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
VERDICTS = {"reproduced": "#029e73", "inconclusive": "#949494", "contradicted": "#d55e00", "not judged": "#444444"}


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
    """Scene accuracy at every time step, a panel a noise level; a model without time is a dotted line.

    Args:
        evaluation: ``gaussian``, or ``longer`` for more steps than in training.
    """
    rows = over(table, evaluation) if evaluation == "gaussian" else _of(table, evaluation, "scene_accuracy")
    steps = int(rows["t"].max())
    figure = new_figure((3.1 * len(levels), 3.4))
    panels = figure.subplots(1, len(levels), sharex=True, squeeze=False)
    for panel, level in zip(panels[0], levels, strict=True):
        at_level = rows[np.isclose(rows["level"], level)]
        for variant in variants_of(at_level):
            values = at_level[at_level["variant"] == variant]
            if values["t"].max() == 0:
                style = {"color": COLOURS[variant], "label": LABELS[variant]}
                panel.axhline(values["value"].mean(), linestyle=":", linewidth=1.5, **style)
            else:
                line(panel, summary(values, ["t"]), "t", variant)
        panel.set(title=f"noise σ = {level:g}", xlabel="time step", xticks=range(steps + 1), xlim=(-0.3, steps + 0.3))
        panel.set_ylim(bottom=max(panel.get_ylim()[0], 0))
    panels[0, 0].set_ylabel(ACCURACY["scene_accuracy"])
    figure.legend(*panels[0, 0].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=3)
    return figure


def accuracy_over(table: pd.DataFrame, evaluations: Sequence[str], metrics: Sequence[str] = ("scene_accuracy",)) -> Figure:
    """Accuracy at every variant's last step over the levels of evaluations, a panel each, for each metric."""
    figure, panels = _panels(len(evaluations) * len(metrics))
    for panel, (metric, evaluation) in zip(panels, itertools.product(metrics, evaluations), strict=True):
        lines(panel, last_step(over(table, evaluation, metric)), "level")
        panel.set(xlabel=AXES[evaluation], ylabel=ACCURACY[metric], ylim=(0, 1.02))
    figure.legend(*panels[0].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=2)
    return figure


def gain_over(table: pd.DataFrame, evaluations: Sequence[str], rivals: Sequence[str], metric: str = "scene_accuracy") -> Figure:
    """GASPnet minus other variants over the levels of evaluations, at the last step, paired by seed."""
    figure, panels = _panels(len(evaluations))
    for panel, evaluation in zip(panels, evaluations, strict=True):
        last = last_step(over(table, evaluation, metric))
        levels = sorted(last["level"].unique())
        for rival in rivals:
            gains = [{"level": x} | paired_difference(last[last["level"] == x], "gaspnet", rival) for x in levels]
            line(panel, pd.DataFrame(gains), "level", rival)
        panel.axhline(0, color="0.4", linewidth=1)
        panel.set(xlabel=AXES[evaluation], ylabel="GASPnet − other")
    figure.legend(*panels[0].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=2)
    return figure


def comparison(table: pd.DataFrame, metrics: Sequence[str] = ("scene_accuracy",), level: float = 0.0) -> Figure:
    """Every variant at its last step: seeds as dots, mean and interval beside them."""
    variants = variants_of(table)[::-1]
    figure = new_figure((3.2 + 2.6 * len(metrics), 0.34 * len(variants) + 1.1))
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)
    for panel, metric in zip(panels[0], metrics, strict=True):
        last = last_step(over(table, "gaussian", metric))
        last = last[np.isclose(last["level"], level)]
        for height, variant in enumerate(variants):
            values = last[last["variant"] == variant]["value"]
            interval = mean_interval(values)
            panel.plot(values, np.full(len(values), height - 0.18), ".", color=COLOURS[variant], alpha=0.5)
            span = [[interval["mean"] - interval["low"]], [interval["high"] - interval["mean"]]]
            style = {"color": COLOURS[variant], "marker": MARKERS[variant], "capsize": 3}
            panel.errorbar(interval["mean"], height, xerr=np.nan_to_num(span), **style)
        panel.set(xlabel=ACCURACY[metric], yticks=range(len(variants)))
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
        table: of :func:`gasp.analysis.claims.judge`.
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
    for height, (effect, dataset) in zip(heights, table[["effect", "dataset"]].to_numpy(), strict=True):
        place = (0.01, height + 0.42)
        style: dict[str, Any] = {
            "fontsize": 7.5,
            "va": "center",
            "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        }
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
    """A figure of so many panels, in rows."""
    columns = min(count, columns)
    rows = math.ceil(count / columns)
    figure = new_figure((max(3 * columns, 5), 2.6 * rows + 0.8))
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel in panels[count:]:
        panel.remove()
    return figure, panels[:count]


def _of(table: pd.DataFrame, evaluation: str, metric: str) -> pd.DataFrame:
    return table[(table["evaluation"] == evaluation) & (table["metric"] == metric)]
