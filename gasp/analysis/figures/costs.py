"""What training, inference and coupling cost: from the table of :func:`gasp.tools.bench.measure`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from gasp.analysis.figures.style import COLOURS, LABELS, MARKERS, bars, new_figure, variants_of
from gasp.analysis.statistics import summary

# of seaborn's lines: medians with quartiles
MEDIAN = {"estimator": "median", "errorbar": ("pi", 50), "err_style": "bars", "markers": True, "dashes": False}


def accuracy_over_cost(table: pd.DataFrame, costs: pd.DataFrame, rising: Sequence[Sequence[str]]) -> Figure:
    """Accuracy over what a network costs, a panel for each cost: means over seeds with 95 % intervals.

    A network whose cost was not measured is left out of that panel.

    Args:
        table: one ``value`` for each variant and seed.
        costs: a row for each variant, a column for each cost, named as its axis.
        rising: variants that a line joins, from the cheapest to the dearest, such as CNNs of several widths.
    """
    figure = new_figure((4.2 * len(costs.columns), 3.8))
    panels = figure.subplots(1, len(costs.columns), sharey=True, squeeze=False)[0]
    for panel, (axis, cost) in zip(panels, costs.items(), strict=True):
        means = summary(table, ["variant"]).set_index("variant").join(cost.rename("cost")).dropna(subset="cost")
        for variant in (name for name in variants_of(table) if name in means.index):
            row = means.loc[[variant]]
            style = {"color": COLOURS[variant], "marker": MARKERS[variant], "capsize": 3, "linestyle": "none"}
            panel.errorbar(row["cost"], row["mean"], bars(row), label=LABELS[variant], **style)
        for names in rising:
            joined = means.reindex([name for name in names if name in means.index])
            panel.plot(joined["cost"], joined["mean"], color="0.6", linewidth=1, zorder=0)
        panel.set(xscale="log", xlabel=axis)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("every object right")
    figure.legend(*panels[0].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=2)
    return figure


def costs_over_time(table: pd.DataFrame) -> Figure:
    """Duration of a training step and of an inference over the number of time steps, with floors.

    Args:
        table: of :func:`gasp.tools.bench.measure`.
    """
    figure = new_figure((8, 3.4))
    panels = figure.subplots(1, 2)
    for panel, group in zip(panels, ("training", "inference"), strict=True):
        rows = table[(table["group"] == group) & table["case"].isin(["cnn", "gaspnet"])]
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
    figure = new_figure((7, 2.4))
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
    figure = new_figure((6, 3.8))
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
