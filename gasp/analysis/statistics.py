"""Rows selected from tables of results; means over seeds with intervals; differences paired by seed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from gasp.settings import GaspError

__all__ = [
    "at_level",
    "certainty",
    "decomposition",
    "formatted",
    "head_metrics",
    "last_step",
    "levels_of",
    "mean_interval",
    "mean_over_levels",
    "min_f_p",
    "over_noise",
    "paired_difference",
    "paired_differences",
    "student_p",
    "summary",
    "undisturbed",
]

CONFIDENCE = 0.95


def head_metrics(heads: Sequence[str]) -> dict[str, str]:
    """The accuracy metric of each head of a data set, by the names in :attr:`gasp.data.datasets.Dataset.heads`.

    Only models with several heads have these metrics; with one head, ``scene_accuracy`` is its accuracy.
    """
    return {head: f"head_{index}_accuracy" for index, head in enumerate(heads)}


def undisturbed(table: pd.DataFrame, metric: str = "scene_accuracy") -> pd.DataFrame:
    """A metric on undisturbed scenes: the rows of a table of results, at every time step."""
    return levels_of(table, "clean", metric)


def levels_of(
    table: pd.DataFrame, evaluation: str, metric: str = "scene_accuracy", undisturbed_at: float | None = None
) -> pd.DataFrame:
    """A metric on the scenes of an evaluation, such as ``gaussian``: the rows of all levels and time steps.

    Args:
        table: of results, see :meth:`gasp.experiments.store.Store.table`.
        undisturbed_at: the level under which the results on undisturbed scenes are included, as
            :meth:`gasp.data.datasets.Dataset.undisturbed` gives it; they are left out when it is omitted.
    """
    rows = table[(table["evaluation"] == evaluation) & (table["metric"] == metric)]
    if undisturbed_at is None:
        return rows
    return pd.concat([undisturbed(table, metric).assign(level=undisturbed_at), rows], ignore_index=True)


def at_level(rows: pd.DataFrame, level: float) -> pd.DataFrame:
    """The rows of one level."""
    return rows[np.isclose(rows["level"], level)]


def last_step(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of every variant's last time step."""
    return rows[rows["t"] == rows.groupby("variant")["t"].transform("max")]


def over_noise(table: pd.DataFrame, levels: Iterable[float]) -> dict[str, pd.DataFrame]:
    """Scenes right at every variant's last time step: under ``no noise``, and under ``σ = …`` for levels of Gaussian noise."""
    noise = levels_of(table, "gaussian")
    noisy = {f"σ = {level:g}": last_step(at_level(noise, level)) for level in levels}
    return {"no noise": last_step(undisturbed(table)), **noisy}


def mean_over_levels(rows: pd.DataFrame) -> pd.DataFrame:
    """The mean of ``value`` over levels at every variant's last time step: one row for each variant and seed."""
    return last_step(rows).groupby(["variant", "seed"])["value"].mean().reset_index()


def mean_interval(values: Iterable[float]) -> dict[str, float]:
    """Mean, and Student's 95 % interval of the mean (``low``, ``high``); NaN for fewer than two values."""
    sample = pd.Series(list(values), dtype=float)
    half = float(sample.sem() * stats.t.ppf((1 + CONFIDENCE) / 2, len(sample) - 1))
    mean = float(sample.mean())
    return {"mean": mean, "low": mean - half, "high": mean + half, "seeds": len(sample)}


def certainty(values: np.ndarray) -> dict[str, float]:
    """How certain the mean of an effect is, given the trained networks and the scenes on which it was measured.

    Both would differ if the experiment were repeated, and chance in either can mimic an effect. So p is the larger of two: that
    of Student's t test over seeds, and that of the test over seeds and scenes together, :func:`min_f_p`. Both are two-sided.

    Args:
        values: the effect of each seed on each scene, ``(seeds, n)``, or of each seed, ``(seeds,)``, if scenes have no values.

    Returns:
        ``mean``, ``low``, ``high`` and ``seeds`` of :func:`mean_interval`, which is over seeds alone; ``scenes``, their number
        n (NaN if they have no values); ``p``, NaN for fewer than two seeds.
    """
    of_seeds, scenes = (values, math.nan) if values.ndim == 1 else (values.mean(1), values.shape[1])
    found = mean_interval(of_seeds) | {"scenes": scenes, "p": math.nan}
    if len(values) > 1:
        found["p"] = max(student_p(of_seeds), min_f_p(values) if scenes > 1 else 0.0)
    return found


def student_p(sample: np.ndarray) -> float:
    """The two-sided p of Student's t test that a sample ``(n)`` has mean 0. Without spread, p is 1 for a mean of 0, else 0."""
    return _t_test(float(sample.mean()), float(stats.sem(sample)), len(sample) - 1)


def min_f_p(values: np.ndarray) -> float:
    """The two-sided p that the mean of an effect ``(seeds, scenes)`` is 0, if seeds and scenes are both drawn at random.

    All seeds meet the same scenes, so the variance of the mean is the sum of a part for seeds and a part for scenes. This is
    the min F' test of Clark (1973), with Satterthwaite's degrees of freedom: 1 / min F' = 1 / F over seeds + 1 / F over scenes.
    """
    of_seeds, of_scenes = stats.sem(values.mean(1)) ** 2, stats.sem(values.mean(0)) ** 2
    variance, (seeds, scenes) = float(of_seeds + of_scenes), values.shape
    freedom = variance**2 / (of_seeds**2 / (seeds - 1) + of_scenes**2 / (scenes - 1)) if variance > 0 else 1.0
    return _t_test(float(values.mean()), math.sqrt(variance), freedom)


def _t_test(mean: float, error: float, freedom: float) -> float:
    return float(2 * stats.t.sf(abs(mean) / error, freedom)) if error > 0 else float(mean == 0)


def summary(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean and interval over seeds of the column ``value``, for each combination of the columns ``by``."""
    groups = table.groupby(list(by), sort=False)["value"]
    return pd.DataFrame([dict(zip(by, names, strict=True)) | mean_interval(values) for names, values in groups])


def paired_differences(table: pd.DataFrame, first: str, second: str) -> pd.Series[float]:
    """The difference ``first`` − ``second`` between two variants, for each seed that both have.

    Runs of one seed share scenes, their order, and the weights that both variants have.

    Args:
        table: one value for each variant and seed.

    Returns:
        indexed by seed.

    Raises:
        GaspError: for more than one value per variant and seed, or if the variants have no seed in common.
    """
    pairs = table[table["variant"].isin([first, second])]
    if pairs.duplicated(["variant", "seed"]).any():
        raise GaspError("more than one value for a variant and seed: select one metric, level and time step")
    wide = pairs.pivot(index="seed", columns="variant", values="value").reindex(columns=[first, second]).dropna()
    if wide.empty:
        raise GaspError(f"{first} and {second} have no seed in common: run the missing ones")
    return wide[first] - wide[second]


def paired_difference(table: pd.DataFrame, first: str, second: str) -> dict[str, float]:
    """The mean of :func:`paired_differences`, with its interval."""
    return mean_interval(paired_differences(table, first, second))


def decomposition(rows: pd.DataFrame, gaspnet: str = "gaspnet", cnn: str = "cnn") -> dict[str, dict[str, float]]:
    """GASPnet minus the CNN of the same layers, and the two parts of this difference, over the seeds that both have.

    At t = 0 GASPnet uses no phases. One part is its gain over the CNN at that step, from weights that were trained together
    with phases and, if it has one, from its gate. The other is the gain of the later sweeps, which phases modulate.

    Args:
        rows: a value for each variant, seed and time step.
        gaspnet, cnn: the variants.

    Raises:
        GaspError: if the variants have no seed in common, and for more than one metric or level.
    """
    first = rows[(rows["variant"] == gaspnet) & (rows["t"] == 0)].assign(variant="first step")
    values = pd.concat([last_step(rows), first])
    values = values[values["seed"].isin(rows.loc[rows["variant"] == cnn, "seed"])]  # so that the parts add up
    pairs = {
        "last step − CNN, same layers": (gaspnet, cnn),
        "first step − CNN, same layers": ("first step", cnn),
        "last step − first step": (gaspnet, "first step"),
    }
    return {label: paired_difference(values, *pair) for label, pair in pairs.items()}


def formatted(interval: Mapping[str, float] | pd.Series[Any], sign: bool = False) -> str:
    """``0.945 [0.941, 0.949]``; with ``sign``, ``+0.021 [+0.015, +0.027]``. A line does not break inside the brackets."""
    form = "+.3f" if sign else ".3f"
    # numbers of Python and of numpy round ties differently; adding 0 turns a −0 left by rounding into 0
    rounded = (round(float(interval[name]), 3) + 0.0 for name in ("mean", "low", "high"))
    mean, low, high = (format(value, form).replace("-", "−") for value in rounded)
    return f"{mean} (one seed: no interval)" if interval["seeds"] < 2 else f"{mean} [{low},\N{NO-BREAK SPACE}{high}]"
