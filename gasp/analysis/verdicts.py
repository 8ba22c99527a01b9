"""The rule that judges effects and claims, and the tables of its verdicts.

An effect is **reproduced** if the 95 % interval of its mean over seeds lies above zero and the permutation test over
scenes, corrected by Holm's method for all effects tested, has p < 0.05; **contradicted** if the interval lies below
zero; **untested** with fewer than two seeds; **inconclusive** otherwise. A claim is **reproduced** if all its effects are,
**not reproduced** if one of them is contradicted, and **inconclusive** otherwise. Where the runs of a profile are too short
to judge anything, what was tested is **not judged**.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from IPython.display import Markdown
from statsmodels.stats.multitest import multipletests
from tqdm import tqdm

from gasp.analysis.claims import CLAIMS, datasets_of, effects
from gasp.analysis.statistics import formatted, mean_interval, resample_scenes
from gasp.analysis.tables import table
from gasp.experiments.profile import Profile

__all__ = ["claims_table", "datasets_table", "effects_table", "judge", "verdicts"]

ALPHA = 0.05
SEPARATED = 0.8  # order within objects and separation between them, of at most 1, above which phases tell objects apart
COLUMNS = ["claim", "effect", "dataset", "mean", "low", "high", "seeds", "scenes_low", "scenes_high", "scenes", "p"]
KINDS = ["reproduced", "inconclusive", "contradicted", "not judged", "untested"]


def judge(profile: Profile) -> pd.DataFrame:
    """Every effect of the claims, tested: one row each, claim by claim.

    Returns:
        columns ``claim``, ``effect``, ``dataset``, ``mean``, ``low``, ``high`` (Student's 95 % interval over seeds),
        ``scenes_low``, ``scenes_high`` (bootstrap over scenes), ``seeds``, ``scenes``, ``p`` (corrected; NaN where
        nothing is permuted), ``verdict``. Effects that were not run have no values; those of one seed have no interval and
        no p.

    Raises:
        GaspError: for claims in the profile that cannot be judged, and if the results of a run of the grid are missing.
    """
    rows = []
    for effect in tqdm(list(effects(profile)), desc="testing", unit="effect"):
        values = effect.values(profile)
        row: dict[str, Any] = {"claim": effect.claim, "effect": effect.text, "dataset": effect.dataset, "seeds": len(values)}
        if len(values):
            row |= mean_interval(values.mean(1))
        if len(values) > 1:  # one seed judges nothing, so it is no test to correct for
            row |= resample_scenes(values.mean(0))
        rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS)
    tested = table["p"].notna()
    table.loc[tested, "p"] = multipletests(table.loc[tested, "p"], method="holm")[1]
    table = pd.concat([table, _phases(profile)], ignore_index=True).sort_values("claim", kind="stable", ignore_index=True)
    table["verdict"] = [_verdict(*row) for row in zip(table["low"], table["high"], table["p"], strict=True)]
    if not profile.judges:
        table["verdict"] = table["verdict"].where(table["verdict"] == "untested", "not judged")
    return table


def _phases(profile: Profile) -> pd.DataFrame:
    """C6: by how much order and separation, in the layer where they are lowest, exceed the threshold."""
    rows = []
    for dataset in datasets_of(profile, "C6"):
        results = profile.store.table(profile.experiments([dataset], ["gaspnet"]))
        phases = results[results["evaluation"] == "phases"]
        last = phases[phases["t"] == phases["t"].max()]
        for metric, text in {"order_within": "order within objects", "separation": "separation between objects"}.items():
            lowest = last[last["metric"] == metric].groupby("seed")["value"].min()
            effect = f"{text} in the lowest layer − {SEPARATED:g}"
            rows.append({"claim": "C6", "effect": effect, "dataset": dataset, **mean_interval(lowest - SEPARATED)})
    return pd.DataFrame(rows, columns=COLUMNS)


def _verdict(low: float, high: float, p: float) -> str:
    if low > 0 and not p >= ALPHA:  # without a permutation test p is NaN
        return "reproduced"
    if math.isnan(low):  # not run, or with one seed
        return "untested"
    return "contradicted" if high < 0 else "inconclusive"


def verdicts(effects: pd.DataFrame) -> dict[str, str]:
    """The verdict on each claim, from the table of :func:`judge`."""
    found = {}
    for claim, rows in effects.groupby("claim"):
        kinds = set(rows["verdict"])
        if kinds == {"reproduced"}:
            found[str(claim)] = "reproduced"
        elif "contradicted" in kinds:
            found[str(claim)] = "not reproduced"
        else:
            found[str(claim)] = "not judged" if "not judged" in kinds else "inconclusive"
    return found


def claims_table(effects: pd.DataFrame) -> Markdown:
    """Every claim with its verdict, the number of effects of each verdict, and a link to the evidence."""
    found = verdicts(effects)
    rows = []
    for name, claim in CLAIMS.items():
        counts = [
            f"{dataset}: {', '.join(f'{number} {kind}' for kind, number in of_dataset.value_counts().items())}"
            for dataset, of_dataset in effects[effects["claim"] == name].groupby("dataset", sort=False)["verdict"]
        ]
        cell = "<br>".join([f"**{found.get(name, 'untested')}**", *counts])
        rows.append([name, claim.text, cell, f"{{ref}}`{claim.page}`"])
    return table(["claim", "", "verdict, and on how many effects", "evidence"], rows, cards=True)


def effects_table(effects: pd.DataFrame) -> Markdown:
    """Every effect as it was tested, folded."""
    rows = []
    for _, row in effects.iterrows():
        value = formatted(row, sign=True) if row["seeds"] else "not run"
        scenes = "" if math.isnan(row["scenes"]) else f"{row['scenes']:,.0f}"
        p = "" if math.isnan(row["p"]) else f"{max(row['p'], 0.0001):.2g}"
        dataset, seeds = f"`{row['dataset']}`", str(row["seeds"])
        rows.append([row["claim"], value, row["verdict"], row["effect"], dataset, seeds, scenes, p])
    header = ["claim", "mean [95 % interval]", "verdict", "effect", "data set", "seeds", "scenes", "p (Holm)"]
    return table(header, rows, folded="Every effect as a table")


def datasets_table(effects: pd.DataFrame) -> Markdown:
    """For each data set and verdict, the claims and how many of their effects have it."""
    counts = effects.value_counts(["dataset", "claim", "verdict"]).unstack(fill_value=0)
    kinds = [kind for kind in KINDS if kind in counts]
    rows = []
    for dataset in effects["dataset"].unique():
        claims = counts.loc[dataset]
        cells = [[f"{claim} ({row[kind]} of {row.sum()})" for claim, row in claims.iterrows() if row[kind]] for kind in kinds]
        rows.append([f"`{dataset}`", *map("<br>".join, cells)])
    return table(["data set", *kinds], rows)
