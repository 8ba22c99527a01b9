"""Accuracy, order of phases and effects: from tables of results."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from gasp.analysis.claims import CLAIMS
from gasp.analysis.figures.phases import SEPARATION
from gasp.analysis.figures.style import (
    COLOURS,
    COLUMNS,
    INK,
    LABELS,
    MARKERS,
    PALETTE,
    Drawing,
    bars,
    line,
    lines,
    variants_of,
)
from gasp.analysis.statistics import (
    at_level,
    decomposition,
    last_step,
    levels_of,
    mean_interval,
    summary,
    undisturbed,
)
from gasp.analysis.tables import DATASETS, dataset_label

VERDICTS = {"holds": "#029e73", "unclear": "#7a7a7a", "does not hold": "#d55e00", "not judged": INK}
PARTS = {"first step − CNN": PALETTE[2], "last step − first": PALETTE[1]}


def learning_curves(table: pd.DataFrame, what: str = "scenes") -> Drawing:
    """Validation accuracy after each epoch, at every variant's last time step.

    Args:
        what: what must be right.
    """
    rows = table[(table["evaluation"] == "training") & (table["split"] == "validation") & (table["metric"] == "scene_accuracy")]
    rows = last_step(rows)
    drawing = Drawing(rows)
    panel = drawing.panel(height=3)
    lines(panel, rows, "level")
    panel.set(xlabel="epoch", ylabel=f"{what} right (validation)", xticks=sorted(rows["level"].unique()))
    drawing.legend()
    return drawing


def accuracy_over_time(table: pd.DataFrame, levels: Sequence[float], evaluation: str = "gaussian") -> Drawing:
    """Scene accuracy at every time step, a panel for each level of noise; a model with one step is a dashed line with a band.

    Args:
        evaluation: ``gaussian``, or ``longer`` for more steps than in training.
    """
    rows = levels_of(table, evaluation, undisturbed_at=0.0 if evaluation == "gaussian" else None)
    steps = int(rows["t"].max())
    drawing = Drawing(pd.concat([at_level(rows, level) for level in levels]))
    for level in levels:
        panel = drawing.panel(height=3)
        of_level = at_level(rows, level)
        shown = variants_of(of_level)
        for place, variant in enumerate(shown):
            values = of_level[of_level["variant"] == variant]
            if values["t"].max() == 0:
                interval = mean_interval(values["value"])
                style: dict[str, Any] = {"color": COLOURS[variant], "label": LABELS[variant]}
                panel.axhline(interval["mean"], linestyle=(0, (2, 1.2)), linewidth=2, **style)
                if interval["seeds"] > 1:
                    panel.axhspan(interval["low"], interval["high"], color=COLOURS[variant], alpha=0.2, linewidth=0)
            else:
                means = summary(values, ["t"])
                means["t"] += 0.05 * (place - (len(shown) - 1) / 2)  # side by side, so that no interval hides another
                line(panel, means, "t", variant)
        panel.set(title=f"noise σ = {level:g}", xlabel="time step", xticks=range(steps + 1), xlim=(-0.3, steps + 0.3))
        panel.set(ylabel="scenes right")
        panel.set_ylim(bottom=max(panel.get_ylim()[0], 0))
    drawing.legend()
    return drawing


def comparison(conditions: Mapping[str, pd.DataFrame]) -> Drawing:
    """Every variant under each condition: below its name, a dot for each seed, then mean and interval.

    Args:
        conditions: by what their axes say, one value for each variant and seed. There is a panel for each.
    """
    drawing = Drawing(pd.concat(conditions, names=["condition"]).reset_index("condition"))
    for label, rows in conditions.items():
        variants = variants_of(rows)
        panel = drawing.panel(height=0.52 * len(variants) + 0.6)
        for row, variant in enumerate(variants):
            values = rows[rows["variant"] == variant]["value"]
            means = pd.DataFrame([mean_interval(values)])
            panel.plot(values, np.full(len(values), row + 0.42), ".", color=COLOURS[variant])
            style: dict[str, Any] = {"color": COLOURS[variant], "marker": MARKERS[variant], "capsize": 3}
            panel.errorbar(means["mean"], [row + 0.68], xerr=bars(means), **style)
        _rows(panel, [LABELS[variant] for variant in variants])
        panel.set(xlabel=label)
    return drawing


def order_over_time(table: pd.DataFrame) -> Drawing:
    """Order within objects and separation between them over time steps, for each convolutional layer."""
    rows = table[(table["evaluation"] == "phases") & table["metric"].isin(list(SEPARATION))]
    layers = sorted(rows["level"].unique())
    drawing = Drawing(rows)
    for metric, title in SEPARATION.items():
        panel = drawing.panel()
        for layer, colour, marker, dashes in zip(layers, PALETTE[1:], "os^Dv", ["-", "--", ":", "-.", "-"], strict=False):
            means = summary(rows[(rows["metric"] == metric) & (rows["level"] == layer)], ["t"])
            style: dict[str, Any] = {
                "color": colour,
                "marker": marker,
                "linestyle": dashes,
                "capsize": 3,
                "label": f"layer {layer:g}",
            }
            panel.errorbar(means["t"], means["mean"], bars(means), **style)
        panel.set(title=title, xlabel="time step", xticks=sorted(rows["t"].unique()), ylim=(0, 1.03))
    drawing.legend()
    return drawing


def accuracy_over_separation(results: Mapping[str, pd.DataFrame]) -> Drawing:
    """Scene accuracy against the separation of the first layer's phases: a point for each run, at its last time step.

    Both are measured on undisturbed scenes. A model without phases is a dotted line at its mean.

    Args:
        results: by their titles, tables of results. There is a panel for each.
    """
    tables = {
        title: (last_step(undisturbed(table)), last_step(at_level(levels_of(table, "phases", "separation"), 1)))
        for title, table in results.items()
    }
    drawing = Drawing(pd.concat(itertools.chain.from_iterable(tables.values())))
    for title, measured in tables.items():
        accuracy, separation = (rows.set_index(["variant", "seed"])["value"] for rows in measured)
        panel = drawing.panel(height=3.4)
        for variant in variants_of(measured[0]):
            style: dict[str, Any] = {"color": COLOURS[variant], "label": LABELS[variant]}
            if variant in separation.index.get_level_values("variant"):
                runs = pd.concat([separation[variant], accuracy[variant]], axis=1, join="inner")
                panel.plot(*runs.to_numpy().T, linestyle="", marker=MARKERS[variant], **style)
            else:
                panel.axhline(accuracy[variant].mean(), linestyle=":", linewidth=1.5, **style)
        panel.set(title=title, xlabel="separation between objects, layer 1", ylabel="scenes right", xlim=(-0.03, 1.03))
    drawing.legend()
    return drawing


def parts_of_gain(conditions: Mapping[str, pd.DataFrame]) -> Drawing:
    """GASPnet's gain over the CNN at its first step, and what later steps add, for each condition.

    See :func:`~gasp.analysis.statistics.decomposition`.

    Args:
        conditions: by their labels, one value for each variant, seed and time step.
    """
    parts = {label: list(decomposition(rows).values())[1:] for label, rows in conditions.items()}
    shown = {label: pd.DataFrame(gains, list(PARTS)) for label, gains in parts.items()}
    drawing = Drawing(pd.concat(shown, names=["condition", "part"]).reset_index())
    panel = drawing.panel(height=0.62 * len(parts) + 0.6)
    for part, (name, colour) in enumerate(PARTS.items()):
        means = pd.DataFrame([gains[part] for gains in parts.values()])
        heights = np.arange(len(parts)) + 0.45 + 0.3 * part
        style: dict[str, Any] = {"color": colour, "ecolor": INK, "capsize": 2, "label": name}
        panel.barh(heights, means["mean"], 0.28, xerr=bars(means), **style)
    panel.vlines(np.zeros(len(parts)), np.arange(len(parts)) + 0.3, np.arange(len(parts)) + 0.92, color=INK, linewidth=0.8)
    _rows(panel, list(parts))
    panel.set(xlabel="share of scenes, GASPnet − CNN of the same layers")
    drawing.legend()
    return drawing


def effects(table: pd.DataFrame) -> Drawing:
    """Every effect of the claims that was tested, with its interval over seeds, coloured by its verdict.

    There is a panel for each claim, and one more for its slopes, which have a unit of their own.

    Args:
        table: the table of :func:`gasp.analysis.verdicts.judge`.
    """
    table = table[table["verdict"].isin(list(VERDICTS))]
    slopes = table["effect"].str.contains("slope")
    drawing = Drawing(table, COLUMNS)
    if table.empty:
        panel = drawing.panel(height=0.5)
        panel.axis("off")
        panel.text(0.5, 0.5, "no effect was tested: that takes two seeds", horizontalalignment="center")
        return drawing
    for (claim, slope), rows in table.groupby(["claim", slopes], sort=False):
        title = textwrap.wrap(f"{claim}{', slope' if slope else ''}: {CLAIMS[str(claim)].text}", 46)
        panel = drawing.panel(height=0.72 * len(rows) + 0.78 + 0.17 * len(title))
        for row, index in enumerate(rows.index):
            effect, verdict = rows.loc[[index]], rows.loc[index, "verdict"]
            style: dict[str, Any] = {"fmt": "o", "capsize": 3, "color": VERDICTS[verdict], "label": verdict}
            panel.errorbar(effect["mean"], [row + 0.83], xerr=bars(effect), **style)
            panel.plot([0, 0], [row + 0.72, row + 0.94], color=INK, linewidth=1)  # a longer line would cross out names
        names = [f"{dataset_label(dataset)}: {effect}" for effect, dataset in rows[["effect", "dataset"]].to_numpy()]
        _rows(panel, [name.replace(": ", "\n") for name in names], 0.37)
        panel.set(title="\n".join(title), xlabel="change per unit of σ" if slope else "difference")
        panel.xaxis.set_major_locator(MaxNLocator(4))
    drawing.legend()
    drawing.figures.insert(0, drawing.figures.pop())  # above the many panels
    return drawing


def seeds(table: pd.DataFrame) -> Drawing:
    """How many seeds of each variant were trained on each data set: a number in each cell, the more the stronger its colour.

    Args:
        table: a row for each trained network, with its ``panel``, ``variant`` and ``dataset``, drawn in this order.
    """
    counts = table.groupby(["panel", "variant", "dataset"], sort=False).size().rename("seeds").reset_index()
    drawing = Drawing(counts)
    for title, cells in counts.groupby("panel", sort=False):
        known = [name for name in DATASETS if (cells["dataset"] == name).any()]
        datasets = list(dict.fromkeys([*known, *cells["dataset"]]))
        variants = variants_of(cells)
        panel = drawing.panel(height=0.34 * len(variants) + 3.2)
        for variant, dataset, number in cells[["variant", "dataset", "seeds"]].to_numpy():
            row, column = variants.index(variant), datasets.index(dataset)
            share = number / counts["seeds"].max()
            panel.axhspan(row, row + 1, column / len(datasets), (column + 1) / len(datasets), alpha=share / 2, linewidth=0)
            panel.text(column + 0.5, row + 0.5, str(number), ha="center", va="center")
        drawing.figures[-1].suptitle(str(title))
        panel.set(xlim=(0, len(datasets)), ylim=(len(variants), 0))
        panel.set_xticks(np.arange(len(datasets)) + 0.5, [dataset_label(name) for name in datasets], rotation=90)
        panel.set_yticks(np.arange(len(variants)) + 0.5, [textwrap.fill(LABELS[name], 33) for name in variants])
        panel.tick_params(length=0, labelbottom=False, labeltop=True)
    return drawing


def _rows(panel: Axes, names: Sequence[str], height: float = 0.18) -> None:
    """Lay out rows from top to bottom, each one unit high with its name at this height; every other row is shaded."""
    for row, name in enumerate(names):
        if row % 2 == 0:
            panel.axhspan(row, row + 1, color="0.5", alpha=0.1, linewidth=0)
        text = panel.annotate(name, (0.01, row + height), xycoords=("axes fraction", "data"), va="center")
        text.set_in_layout(False)
    panel.set(ylim=(len(names), 0), yticks=[])
