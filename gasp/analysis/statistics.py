"""Means over seeds, with intervals; differences paired by seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from gasp.settings import GaspError

__all__ = [
    "at_level",
    "formatted",
    "last_step",
    "mean_interval",
    "over",
    "over_levels",
    "over_scenes",
    "paired_difference",
    "parts_of_gain",
    "slope",
    "summary",
]

CONFIDENCE = 0.95
RESAMPLES = 1999
# the level of undisturbed scenes, where it is not 0
START = {"scale": 1.0, "objects": 2.0}


def over(table: pd.DataFrame, evaluation: str, metric: str = "scene_accuracy") -> pd.DataFrame:
    """Of a table of results: a metric of test scenes over the levels of an evaluation, undisturbed scenes as its start."""
    rows = table[(table["metric"] == metric) & (table["split"] == "test")]
    start = rows[rows["evaluation"] == "clean"].assign(level=START.get(evaluation, 0.0))
    return pd.concat([start, rows[rows["evaluation"] == evaluation]], ignore_index=True)


def last_step(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of every variant's last time step."""
    return table[table["t"] == table.groupby("variant")["t"].transform("max")]


def mean_interval(values: Iterable[float]) -> dict[str, float]:
    """Mean, and Student's 95 % interval of the mean (``low``, ``high``); NaN for fewer than two values."""
    sample = pd.Series(list(values), dtype=float)
    half = float(sample.sem() * stats.t.ppf((1 + CONFIDENCE) / 2, len(sample) - 1))
    mean = float(sample.mean())
    return {"mean": mean, "low": mean - half, "high": mean + half, "seeds": len(sample)}


def over_scenes(effect: np.ndarray) -> dict[str, float]:
    """Of an effect on each of n scenes, ``(n)``: the bootstrapped 95 % interval of its mean (``scenes_low``,
    ``scenes_high``), and the ``p`` of a permutation test, with random signs, of its mean being above zero.
    """
    generator = np.random.default_rng(0)
    options: dict[str, Any] = {"vectorized": True, "n_resamples": RESAMPLES, "batch": 100}
    bootstrap = stats.bootstrap((effect,), np.mean, confidence_level=CONFIDENCE, method="percentile", rng=generator, **options)

    def permuted(size: tuple[int, ...]) -> np.ndarray:
        return effect * generator.choice((-1.0, 1.0), size)

    # the same test as stats.permutation_test of paired samples, which takes ten times as long
    test = stats.monte_carlo_test(effect, permuted, np.mean, alternative="greater", **options)
    low, high = bootstrap.confidence_interval
    return {"scenes_low": float(low), "scenes_high": float(high), "scenes": len(effect), "p": float(test.pvalue)}


def summary(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean and interval over seeds of the column ``value``, for each combination of the columns ``by``."""
    groups = table.groupby(list(by), sort=False)["value"]
    return pd.DataFrame([dict(zip(by, names, strict=True)) | mean_interval(values) for names, values in groups])


def paired_difference(table: pd.DataFrame, first: str, second: str) -> dict[str, float]:
    """Mean difference ``first`` − ``second`` between two variants, paired by seed, with its interval.

    Seeds are the unit: a variant's run and its partner share scenes, their order, and the weights they have in common.

    Args:
        table: one value for each variant and seed.

    Raises:
        GaspError: for more than one value a variant and seed, or without a seed that both variants have.
    """
    pairs = table[table["variant"].isin([first, second])]
    if pairs.duplicated(["variant", "seed"]).any():
        raise GaspError("more than one value for a variant and seed: choose one metric, level and time step")
    wide = pairs.pivot(index="seed", columns="variant", values="value").reindex(columns=[first, second]).dropna()
    if wide.empty:
        raise GaspError(f"{first} and {second} have no seed in common: run the missing ones")
    return mean_interval((wide[first] - wide[second]).tolist())


def slope(table: pd.DataFrame) -> dict[float, dict[str, float]]:
    """The gain in ``value`` per time step at each ``level``: a line fitted to every seed, mean and interval over seeds.

    Raises:
        GaspError: for fewer than two time steps.
    """
    if table["t"].nunique() < 2:
        raise GaspError("accuracy over time needs at least two time steps: set steps to 2 or more")
    slopes = {}
    for level in table["level"].unique().tolist():
        seeds = table[table["level"] == level].groupby("seed")
        slopes[level] = mean_interval(stats.linregress(rows["t"], rows["value"]).slope for _, rows in seeds)
    return slopes


def at_level(table: pd.DataFrame, evaluation: str, level: float = 0.0, metric: str = "scene_accuracy") -> pd.DataFrame:
    """One metric at one level of an evaluation, at every variant's last step: one value a variant and seed."""
    rows = over(table, evaluation, metric)
    return last_step(rows[np.isclose(rows["level"], level)])


def over_levels(table: pd.DataFrame, evaluation: str, metric: str = "scene_accuracy") -> pd.DataFrame:
    """One metric averaged over the levels of an evaluation, at every variant's last step: one value a variant and seed."""
    rows = last_step(over(table, evaluation, metric))
    of_levels = rows[rows["evaluation"] == evaluation].groupby(["variant", "seed"])
    return of_levels["value"].mean().reset_index()


def parts_of_gain(
    table: pd.DataFrame, evaluation: str, level: float = 0.0, metric: str = "scene_accuracy"
) -> dict[str, dict[str, float]]:
    """GASPnet minus the CNN of the same layers, and its two parts, each paired by seed.

    At t = 0 GASPnet is that CNN, with weights that were trained together with phases: what such training brings to the
    weights is one part, what phases then bring to the sweeps the other.

    Raises:
        GaspError: without a seed that both have.
    """
    rows = over(table, evaluation, metric)
    start = rows[(rows["variant"] == "gaspnet") & (rows["t"] == 0) & np.isclose(rows["level"], level)].assign(variant="start")
    values = pd.concat([at_level(table, evaluation, level, metric), start])
    pairs = {
        "GASPnet at the last step − CNN, same layers": ("gaspnet", "cnn"),
        "GASPnet at t = 0 − CNN: the weights": ("start", "cnn"),
        "GASPnet, last step − t = 0: the phases": ("gaspnet", "start"),
    }
    return {label: paired_difference(values, *pair) for label, pair in pairs.items()}


def formatted(interval: dict[str, float], sign: bool = False) -> str:
    """``0.945 [0.941, 0.949]``; with ``sign``, ``+0.021 [+0.015, +0.027]``."""
    form = "+.3f" if sign else ".3f"
    # adding 0 turns the −0 that rounding may leave into 0
    mean, low, high = (format(round(interval[name], 3) + 0.0, form).replace("-", "−") for name in ("mean", "low", "high"))
    return f"{mean} (one seed: no interval)" if interval["seeds"] < 2 else f"{mean} [{low}, {high}]"
