"""The claims of the paper as effects that runs can show, and the rule that judges them.

An **effect** is a weighted sum of accuracies, each of one variant under one condition; its sign is chosen so that the claim
says that it is above zero. All terms have the same seeds and meet the same test scenes, so an effect has one value for each
seed and scene, and pairs both.

An effect is **reproduced** if the 95 % interval of its mean over seeds lies above zero and the permutation test over
scenes, corrected by Holm's method for all effects tested, has p < 0.05; **contradicted** if the interval lies below
zero; **untested** with fewer than two seeds; **inconclusive** otherwise. A claim is reproduced if all its effects are,
not reproduced if one of them is contradicted, and inconclusive otherwise. Where the runs of a profile are too short to judge
anything, what was tested is **not judged**.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests
from tqdm import tqdm

from gasp.analysis.statistics import mean_interval, over_scenes
from gasp.experiments.profile import Profile
from gasp.experiments.specification import Evaluation
from gasp.experiments.variants import VARIANTS

__all__ = ["CLAIMS", "Claim", "Effect", "effects", "judge", "verdicts"]

ALPHA = 0.05
MARGIN = 0.01  # a loss of accuracy below this counts as none
SEPARATED = 0.8  # order within objects and separation between them, of at most 1, from which on phases tell objects apart
FIRST, LAST = 0, 1
COLUMNS = ["claim", "effect", "dataset", "mean", "low", "high", "seeds", "scenes_low", "scenes_high", "scenes", "p"]


class Claim(NamedTuple):
    """What is said, and the label of the page with the evidence."""

    text: str
    page: str


CLAIMS = {
    "C1": Claim("GASPnet is more accurate than a CNN on multi-MNIST.", "two-digits"),
    "C2": Claim("… and on CIFAR-MNIST and CIFAR-Fashion (both labels right).", "the-photographs"),
    "C3": Claim("Its accuracy grows over time steps, and more so at higher noise.", "two-digits"),
    "C4": Claim("It is more robust to noise than the CNN, over a range of levels.", "the-noise"),
    "C5": Claim("It generalises to smaller items than in training, with no loss on the background.", "the-generalisation"),
    "C6": Claim("Phases separate the objects, in every layer.", "the-phases"),
    "C7": Claim("Removing phase modulation, synchrony loss or neighbourhood lowers accuracy.", "the-ablations"),
    "C8": Claim("Global attention alone (GAttANet) is not enough for several objects.", "the-predecessors"),
}


@dataclass(frozen=True)
class Term:
    """The accuracy of one variant under one condition, at its first or last step, with its weight in an effect."""

    weight: float
    variant: str
    condition: str
    step: int = LAST


@dataclass(frozen=True)
class Effect:
    """What a claim says of one data set.

    Attributes:
        claim: its number, a key of ``CLAIMS``.
        text: what is compared.
        dataset: by its name in the profile.
        terms: what is added up.
        margin: added to the effect, so that a loss smaller than it counts as none.
    """

    claim: str
    text: str
    dataset: str
    terms: tuple[Term, ...]
    margin: float = 0.0

    def values(self, profile: Profile) -> np.ndarray:
        """The effect of each seed on each scene, ``(seeds, n)``.

        Seeds are those that the grid has for all variants; where there are none, the effect was not run.

        Raises:
            GaspError: if the results of a run of the grid are missing.
        """
        variants = {term.variant for term in self.terms}
        runs = profile.experiments([self.dataset], list(variants))
        keys = {(run.variant, run.seed): run.key for run in runs}
        seeds = sorted({run.seed for run in runs if all((variant, run.seed) in keys for variant in variants)})

        def added(seed: int) -> np.ndarray:
            right = {
                variant: profile.store.right(keys[variant, seed], {t.condition for t in self.terms if t.variant == variant})
                for variant in variants
            }
            return np.sum([term.weight * right[term.variant][term.condition][term.step] for term in self.terms], 0)

        return np.stack([added(seed) for seed in seeds]) + self.margin if seeds else np.empty((0, 0))


def effects(profile: Profile) -> Iterator[Effect]:
    """Every effect that is tested on accuracy; C6 is about phases, see :func:`judge`."""
    asked = profile.evaluation
    for dataset, claim in {"multi_mnist": "C1", "cifar_mnist": "C2", "cifar_fashion": "C2"}.items():
        for rival in ("cnn_parameters", "cnn_compute"):
            yield _difference(claim, "no noise", dataset, rival, ["clean/0/scene"])
    for dataset in ("multi_mnist", "cifar_mnist"):
        yield from _growth(dataset, asked)
    for dataset in ("multi_mnist", "cifar_mnist"):
        corrupted = [f"{kind}/{level:g}/scene" for kind, levels in asked.corruptions.items() for level in levels]
        gaussian = [condition for condition in corrupted if condition.startswith("gaussian")]
        for text, conditions in {"Gaussian noise": gaussian, "all corruptions": corrupted}.items():
            for rival in ("cnn_parameters", "cnn_compute"):
                yield _difference("C4", text, dataset, rival, conditions)
    for dataset in ("cifar_mnist", "cifar_fashion"):
        sizes = [f"scale/{scale:g}" for scale in asked.scales]
        yield _difference("C5", "smaller items", dataset, "cnn_parameters", [f"{size}/head_0" for size in sizes])
        background = [f"{size}/head_1" for size in sizes]
        yield _difference("C5", "photographs behind them", dataset, "cnn_parameters", background, MARGIN)
    for dataset in ("multi_mnist", "cifar_mnist"):
        for removed in ("no_modulation", "no_synchrony_loss", "no_neighbourhood"):
            yield _difference("C7", "no noise", dataset, removed, ["clean/0/scene"])
    for dataset in ("multi_mnist", "cifar_mnist"):
        yield _difference("C8", "no noise", dataset, "gattanet", ["clean/0/scene"])


def _difference(claim: str, text: str, dataset: str, rival: str, conditions: Sequence[str], margin: float = 0.0) -> Effect:
    """GASPnet − another variant, averaged over conditions."""
    share = 1 / len(conditions)
    terms = [
        Term(sign * share, variant, condition) for condition in conditions for sign, variant in ((1, "gaspnet"), (-1, rival))
    ]
    within = f" (margin {MARGIN:g})" if margin else ""
    return Effect(claim, f"GASPnet − {VARIANTS[rival].label}: {text}{within}", dataset, tuple(terms), margin)


def _growth(dataset: str, asked: Evaluation) -> Iterator[Effect]:
    """The gain from the first to the last step: its mean over noise, and its slope over noise."""
    levels = np.array(asked.corruptions["gaussian"])
    centred = levels - levels.mean()
    for text, weights in {
        "GASPnet, last step − first: mean over Gaussian noise": np.full(len(levels), 1 / len(levels)),
        "GASPnet, last step − first: slope over Gaussian noise": centred / (centred**2).sum(),
    }.items():
        terms = [
            Term(sign * weight, "gaspnet", f"gaussian/{level:g}/scene", step)
            for level, weight in zip(levels, weights.tolist(), strict=True)
            for sign, step in ((1, LAST), (-1, FIRST))
        ]
        yield Effect("C3", text, dataset, tuple(terms))


def judge(profile: Profile) -> pd.DataFrame:
    """Every effect of the claims, tested: one row each.

    Returns:
        columns ``claim``, ``effect``, ``dataset``, ``mean``, ``low``, ``high`` (Student's 95 % interval over seeds),
        ``scenes_low``, ``scenes_high`` (bootstrap over scenes), ``seeds``, ``scenes``, ``p`` (corrected; NaN where
        nothing is permuted), ``verdict``. Effects that were not run have no
        values, those of one seed no interval and no p.
    """
    rows = []
    for effect in tqdm(list(effects(profile)), desc="testing", unit="effect"):
        values = effect.values(profile)
        named = {"claim": effect.claim, "effect": effect.text, "dataset": effect.dataset, "seeds": len(values)}
        if len(values):
            named |= mean_interval(values.mean(1))
        if len(values) > 1:  # one seed judges nothing, so it is no test to correct for
            named |= over_scenes(values.mean(0))
        rows.append(named)
    table = pd.DataFrame(rows, columns=COLUMNS)
    tested = table["p"].notna()
    table.loc[tested, "p"] = multipletests(table.loc[tested, "p"], method="holm")[1]
    table = pd.concat([table, _phases(profile)], ignore_index=True).sort_values("claim", kind="stable", ignore_index=True)
    table["verdict"] = [_verdict(*row) for row in zip(table["low"], table["high"], table["p"], strict=True)]
    if not profile.judges:
        table["verdict"] = table["verdict"].where(table["verdict"] == "untested", "not judged")
    return table


def _phases(profile: Profile) -> pd.DataFrame:
    """C6: how far order and separation, in the layer where they are lowest, exceed what counts as separated."""
    rows = []
    for dataset in ("multi_mnist", "cifar_mnist"):
        table = profile.store.table(profile.experiments([dataset], ["gaspnet"]))
        measured = table[table["evaluation"] == "phases"]
        last = measured[measured["t"] == measured["t"].max()]
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


def verdicts(table: pd.DataFrame) -> dict[str, str]:
    """The verdict on each claim, from the table of :func:`judge`."""
    found = {}
    for claim, rows in table.groupby("claim"):
        kinds = set(rows["verdict"])
        if kinds == {"reproduced"}:
            found[str(claim)] = "reproduced"
        elif "contradicted" in kinds:
            found[str(claim)] = "not reproduced"
        else:
            found[str(claim)] = "not judged" if "not judged" in kinds else "inconclusive"
    return found
