"""What training, inference and coupling cost: from the table of :func:`gasp.tools.bench.measure`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from gasp.analysis.figures.style import COLOURS, LABELS, new_figure

# of seaborn's lines: medians with quartiles
MEDIAN = {"estimator": "median", "errorbar": ("pi", 50), "err_style": "bars", "markers": True, "dashes": False}


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
