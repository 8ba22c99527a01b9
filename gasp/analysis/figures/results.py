"""Accuracy and order of phases over time, epochs and each other: from tables of results."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from gasp.analysis.figures.phases import SEPARATION
from gasp.analysis.figures.style import COLOURS, LABELS, MARKERS, PALETTE, Drawing, bars, line, lines, variants_of
from gasp.analysis.statistics import at_level, last_step, levels_of, mean_interval, summary, undisturbed


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
