"""Accuracy over the levels of corruptions, of changes of scenes, or of the number of examples."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from gasp.analysis.figures.style import INK, Drawing, line, lines
from gasp.analysis.statistics import at_level, last_step, levels_of, paired_difference

ACCURACY: Mapping[str, str] = {"scene_accuracy": "scenes"}
AXES = {
    "gaussian": "Gaussian noise σ",
    "salt_and_pepper": "salt and pepper, share",
    "speckle": "speckle σ",
    "blur": "blur σ, pixels",
    "contrast": "contrast removed",
    "scale": "scale of the items",
    "objects": "number of objects",
    "overlap": "allowed overlap",
    "longer": "Gaussian noise σ",
    "examples": "training examples",
}


def accuracy_over(
    table: pd.DataFrame, undisturbed_at: Mapping[str, float], accuracies: Mapping[str, str] = ACCURACY
) -> Drawing:
    """Accuracy at every variant's last time step over the levels of evaluations.

    There is a panel for each metric and evaluation.

    Args:
        undisturbed_at: the evaluations, each with the level at which its scenes are undisturbed.
        accuracies: metrics, each with what must be right.
    """
    shown = list(itertools.product(accuracies.items(), undisturbed_at.items()))
    tables = [last_step(levels_of(table, evaluation, metric, start)) for (metric, _), (evaluation, start) in shown]
    drawing = Drawing(pd.concat(tables))
    for ((_, what), (evaluation, _)), rows in zip(shown, tables, strict=True):
        _curves(drawing.panel(), rows, evaluation, what)
    drawing.legend()
    return drawing


def accuracy_over_noise(results: Mapping[str, pd.DataFrame]) -> Drawing:
    """Scene accuracy at every variant's last time step over levels of Gaussian noise: a panel for each task, with its title.

    Args:
        results: by task, its rows of any evaluation.
    """
    noise = {task: last_step(levels_of(table, "gaussian", undisturbed_at=0.0)) for task, table in results.items()}
    drawing = Drawing(pd.concat(noise, names=["task"]).reset_index("task"))
    for task, rows in noise.items():
        panel = drawing.panel(height=3)
        _curves(panel, rows, "gaussian", "scenes")
        panel.set(title=task, ylim=(0, 1.02))
    drawing.legend()
    return drawing


def gain_over(
    table: pd.DataFrame, undisturbed_at: Mapping[str, float], others: Sequence[str], variant: str = "gaspnet"
) -> Drawing:
    """A variant's scene accuracy minus that of others over the levels of evaluations, paired by seed.

    Accuracy is that of the last time step. There is a panel for each evaluation.

    Args:
        undisturbed_at: the evaluations, each with the level at which its scenes are undisturbed.
    """
    drawing, shown = Drawing(), []
    for evaluation, start in undisturbed_at.items():
        panel = drawing.panel()
        last = last_step(levels_of(table, evaluation, undisturbed_at=start))
        levels = sorted(last["level"].unique())
        for other in others:
            gains = [{"level": level} | paired_difference(at_level(last, level), variant, other) for level in levels]
            line(panel, pd.DataFrame(gains), "level", other)
            shown += [{"evaluation": evaluation, "variant": variant, "other": other} | gain for gain in gains]
        panel.axhline(0, color=INK, linewidth=0.8)
        _levels_below(panel, evaluation)
        panel.set_ylabel("difference")
    drawing.data = pd.DataFrame(shown)
    drawing.legend()
    return drawing


def _curves(panel: Axes, rows: pd.DataFrame, evaluation: str, what: str) -> None:
    """Draw the accuracy of every variant over the levels of an evaluation."""
    lines(panel, rows, "level")
    _levels_below(panel, evaluation)
    panel.set(ylabel=f"{what} right", ylim=(max(panel.get_ylim()[0], 0), None))


def _levels_below(panel: Axes, evaluation: str) -> None:
    """Label the axis of an evaluation's levels, and choose its ticks."""
    panel.set_xlabel(AXES[evaluation])
    if evaluation == "examples":
        panel.set_xscale("log", base=2)
        panel.xaxis.set_major_formatter("{x:g}")
    else:
        panel.xaxis.set_major_locator(MaxNLocator(6, integer=evaluation == "objects"))
