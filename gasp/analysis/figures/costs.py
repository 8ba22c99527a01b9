"""What training, inference and coupling cost: from the table of :func:`gasp.tools.bench.measure`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import LogLocator

from gasp.analysis.figures.style import COLOURS, INK, LABELS, PALETTE, Drawing, line, variants_of
from gasp.analysis.statistics import summary

# the style of seaborn's lines: medians with quartiles
MEDIAN = {"estimator": "median", "errorbar": ("pi", 50), "err_style": "bars", "markers": True, "dashes": False}


def accuracy_over_cost(table: pd.DataFrame, costs: pd.DataFrame, rising: Sequence[Sequence[str]]) -> Drawing:
    """Accuracy over what a network costs, a panel for each cost: means over seeds with 95 % intervals.

    A network whose cost was not measured is left out of that panel.

    Args:
        table: one ``value`` for each variant and seed.
        costs: a row for each variant, a column for each cost, named as its axis.
        rising: series of variants that a line joins, from the cheapest to the most expensive, such as CNNs of several widths.
    """
    accuracy = summary(table, ["variant"]).set_index("variant")
    drawing = Drawing(accuracy.join(costs).reset_index())
    for axis, cost in costs.items():
        panel = drawing.panel(height=3)
        means = accuracy.join(cost.rename("cost")).dropna(subset="cost")
        for variant in (name for name in variants_of(table) if name in means.index):
            line(panel, means.loc[[variant]], "cost", variant)
        for names in rising:
            joined = means.reindex([name for name in names if name in means.index])
            panel.plot(joined["cost"], joined["mean"], color=PALETTE[0], linewidth=1, zorder=0)
        panel.set(xscale="log", xlabel=axis, ylabel="scenes right")
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_major_formatter("{x:g}")  # exponents would be too small to read
        panel.minorticks_off()
    drawing.legend()
    return drawing


def costs_over_time(table: pd.DataFrame) -> Drawing:
    """Duration of a training step and of an inference over the number of time steps, with floors.

    Args:
        table: the table of :func:`gasp.tools.bench.measure`.
    """
    timed = {"cnn": "cnn", "gaspnet": "paper_gaspnet"}  # the variant of each case
    timings = table[table["group"].isin(["training", "inference"]) & table["case"].isin(timed)]
    drawing = Drawing(timings)
    for group in ("training", "inference"):
        panel = drawing.panel(height=3)
        rows = timings[timings["group"] == group]
        rows = rows.assign(seconds=1e3 * rows["seconds"], case=rows["case"].map(timed).map(LABELS))
        colours = {LABELS[name]: COLOURS[name] for name in timed.values()}
        sns.lineplot(rows, x="size", y="seconds", hue="case", palette=colours, style="case", ax=panel, **MEDIAN)
        floors = rows.groupby("size")["floor"].median() * 1e3
        panel.plot(floors.index, floors, ":", color=INK, label="floor: multiplications alone")
        panel.set(title=group, xlabel="time steps T", ylabel="milliseconds", ylim=(0, None), xticks=floors.index)
    drawing.legend()
    return drawing


def costs_of_parts(table: pd.DataFrame) -> Drawing:
    """The parts of the duration of a training step and of an inference at T = 3, stacked."""
    at_three = table[table["group"].isin(["training", "inference"]) & table["size"].isin([1, 3])]
    medians = at_three.groupby(["group", "case"])["seconds"].median().unstack() * 1e3
    parts = {
        "one plain sweep: the CNN": medians["cnn"],
        "two modulated sweeps, keys, gates": medians["gaspnet without alignment"] - medians["cnn"],
        "Kuramoto iterations": medians["gaspnet"] - medians["gaspnet without alignment"],
    }
    drawing = Drawing(pd.DataFrame(parts).rename_axis("milliseconds").reset_index())
    panel = drawing.panel(height=1.7)
    start = np.zeros(len(medians))
    for (label, part), colour in zip(parts.items(), PALETTE[1:], strict=False):
        panel.barh(medians.index, part, left=start, color=colour, label=label)
        start += part.to_numpy()
    panel.set(xlabel="milliseconds")
    drawing.legend()
    return drawing


def costs_of_coupling(table: pd.DataFrame) -> Drawing:
    """Duration of one coupling over the number of oscillators, with floors; both axes logarithmic."""
    rows = table[table["group"] == "coupling"]
    drawing = Drawing(rows)
    panel = drawing.panel(height=3)
    colours = dict(zip(rows["case"].unique(), PALETTE[1:], strict=False))
    sns.lineplot(rows, x="size", y="seconds", hue="case", palette=colours, style="case", ax=panel, **MEDIAN)
    for case, timings in rows.groupby("case", sort=False):
        floors = timings.groupby("size")["floor"].median()
        panel.plot(floors.index, floors, ":", color=colours[case], label=f"floor of {case}")
    panel.set(xscale="log", yscale="log", xlabel="oscillators", ylabel="milliseconds")
    panel.set_xticks(sorted(rows["size"].unique()), [f"{size:,}" for size in sorted(rows["size"].unique())])
    panel.minorticks_off()
    panel.yaxis.set_major_formatter(lambda seconds, _: f"{1e3 * seconds:g}")  # exponents would be too small to read
    drawing.legend()
    return drawing
