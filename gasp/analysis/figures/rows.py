"""Figures with a row for each network, condition or effect: from tables of results."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from gasp.analysis.claims import CLAIMS
from gasp.analysis.figures.style import COLOURS, COLUMNS, INK, LABELS, MARKERS, PALETTE, Drawing, bars, variants_of
from gasp.analysis.statistics import decomposition, mean_interval, paired_differences, summary
from gasp.analysis.tables import DATASETS, dataset_label

VERDICTS = {"holds": "#029e73", "unclear": "#7a7a7a", "does not hold": "#d55e00", "not judged": INK}
LOOKS = list(zip([PALETTE[index] for index in (7, 1, 2, 3, 8, 4, 5, 6, 9)], "Dso^vP*X<", strict=True))
PARTS = {"first step − CNN": PALETTE[2], "last step − first": PALETTE[1]}


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


def measures(table: pd.DataFrame, xlabel: str, limits: tuple[float, float] | None = (-0.04, 1.04)) -> Drawing:
    """Measures under several conditions: a mark for each, the mean over seeds, with its interval.

    Args:
        table: a ``value`` for each ``panel``, ``condition``, ``measure`` and seed, drawn in this order. A panel may lack
            a measure. What would be right by chance is the measure ``chance``.
        limits: of the axis. None is for differences: the axis is as long as they need, and a line marks zero.
    """
    drawing = Drawing(table)
    names = [name for name in table["measure"].unique() if name != "chance"]
    line = 0.18  # inches: a row has one for the name of its condition and one for each measure
    top = 1 / (len(names) + 1)
    for title, rows in table.groupby("panel", sort=False):
        conditions = rows["condition"].unique().tolist()
        panel = drawing.panel(height=line / top * len(conditions) + 0.75)
        if limits is None:
            starts = np.arange(len(conditions)) + top
            panel.vlines(np.zeros(len(conditions)), starts, starts + 0.95 - top, color=INK, linewidth=0.8)
        for place, name in enumerate(names):
            if not (rows["measure"] == name).any():
                continue
            means = summary(rows[rows["measure"] == name], ["condition"])
            heights = [conditions.index(condition) + top * (place + 1.4) for condition in means["condition"]]
            colour, marker = LOOKS[place % len(LOOKS)]
            style: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": "none"}
            panel.errorbar(means["mean"], heights, xerr=bars(means), capsize=3, label=name, **style)
        chance = rows[rows["measure"] == "chance"]
        heights = [conditions.index(condition) + (1 + top) / 2 for condition in chance["condition"]]
        style = {"color": PALETTE[0], "marker": "|", "markersize": 14, "linestyle": "none"}
        panel.plot(chance["value"], heights, label="chance" if heights else None, **style)
        _rows(panel, conditions, top / 2)
        drawing.figures[-1].suptitle(str(title))  # wider than the panel
        panel.set(xlabel=xlabel, xlim=limits)
        panel.xaxis.set_major_locator(MaxNLocator(5))
    drawing.legend()
    return drawing


def differences(
    results: Mapping[str, Mapping[str, pd.DataFrame]], variants: Sequence[str], gaspnet: str = "gaspnet"
) -> Drawing:
    """GASPnet minus each variant that was run, paired by seed: a row for each variant and a mark for each condition.

    Args:
        results: by the titles of panels, and then by conditions, one value for each variant and seed.
        gaspnet: the variant from which the others are subtracted.
    """
    rows = [
        [title, LABELS[variant], condition, seed, difference]
        for title, conditions in results.items()
        for variant in variants
        for condition, values in conditions.items()
        if (values["variant"] == variant).any()
        for seed, difference in paired_differences(values, gaspnet, variant).items()
    ]
    table = pd.DataFrame(rows, columns=["panel", "condition", "measure", "seed", "value"])
    return measures(table, f"{LABELS[gaspnet]} − this network", limits=None)


def parts_of_gain(conditions: Mapping[str, pd.DataFrame], gaspnet: str = "gaspnet", cnn: str = "cnn") -> Drawing:
    """GASPnet's gain over the CNN at its first step, and what later steps add, for each condition.

    See :func:`~gasp.analysis.statistics.decomposition`.

    Args:
        conditions: by their labels, one value for each variant, seed and time step.
        gaspnet, cnn: the variants; the CNN is that of the same layers.
    """
    parts = {label: list(decomposition(rows, gaspnet, cnn).values())[1:] for label, rows in conditions.items()}
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
    panel.set(xlabel=f"share of scenes, {LABELS[gaspnet]} − CNN of the same layers")
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
        table: a row for each trained network, with its ``panel``, ``variant`` and ``dataset``. Panels are drawn in this
            order, variants and data sets in that of their declarations, and data sets without one last.
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
