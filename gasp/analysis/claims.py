"""The claims of the paper, as effects that runs can show.

An **effect** is a weighted sum of accuracies, each of one variant under one condition. Its sign is chosen so that the claim
says that it is above zero. All terms have the same seeds and meet the same test scenes, so an effect has one value for each
seed and scene, paired by both. :mod:`gasp.analysis.verdicts` holds the rule that judges effects.

A profile says which claims are judged on which of its data sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gasp.experiments.profile import Profile
from gasp.experiments.variants import VARIANTS
from gasp.settings import GaspError

__all__ = ["CLAIMS", "MARGIN", "Claim", "Effect", "Term", "datasets_of", "effects"]

MARGIN = 0.01  # a loss of accuracy below this counts as none
FIRST, LAST = 0, 1
CNNS = ("cnn_parameters", "cnn_compute")


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
        claim: its name, a key of ``CLAIMS``.
        text: what is compared.
        dataset: its name in the profile.
        terms: the summands.
        margin: added to the effect, so that a smaller loss counts as none.
    """

    claim: str
    text: str
    dataset: str
    terms: tuple[Term, ...]
    margin: float = 0.0

    def values(self, profile: Profile) -> np.ndarray:
        """The effect of each seed on each scene, ``(seeds, n)``.

        Seeds are those that the grid has for all variants. Without any, the effect was not run.

        Raises:
            GaspError: if the results of a run of the grid are missing.
        """
        variants = sorted({term.variant for term in self.terms})
        runs = profile.experiments([self.dataset], variants)
        keys = {(run.variant, run.seed): run.key for run in runs}
        seeds = sorted({run.seed for run in runs if all((variant, run.seed) in keys for variant in variants)})
        if not seeds:
            return np.empty((0, 0))
        return np.stack([self._sum({variant: keys[variant, seed] for variant in variants}, profile) for seed in seeds])

    def _sum(self, keys: dict[str, str], profile: Profile) -> np.ndarray:
        """The effect of one seed on each scene, ``(n)``, from the runs with these keys, one for each variant."""
        correct = {}
        for variant, key in keys.items():
            conditions = {term.condition for term in self.terms if term.variant == variant}
            correct[variant] = profile.store.correct(key, conditions)
        weighted = [term.weight * correct[term.variant][term.condition][term.step] for term in self.terms]
        return np.sum(weighted, axis=0) + self.margin


Comparison = Callable[[str, str, Profile], Iterator[Effect]]
"""The effects of a claim, from its name, the name of a data set, and the profile."""


class Claim(NamedTuple):
    """What the paper says.

    Attributes:
        text: the claim.
        page: the label of the page with the evidence.
        effects: that would show it; a claim about phases, C6, has none on accuracy.
    """

    text: str
    page: str
    effects: Comparison | None = None


def effects(profile: Profile) -> Iterator[Effect]:
    """Every effect on accuracy: claim by claim, on the data sets on which the profile judges it.

    Raises:
        GaspError: for an unknown claim in the profile, and for one that its data set or evaluation cannot show.
    """
    for name, claim in CLAIMS.items():
        if claim.effects is not None:
            for dataset in datasets_of(profile, name):
                yield from claim.effects(name, dataset, profile)


def datasets_of(profile: Profile, claim: str) -> list[str]:
    """The data sets on which a profile judges a claim.

    Raises:
        GaspError: for an unknown claim in the profile.
    """
    for dataset, task in profile.datasets.items():
        if unknown := set(task.claims) - set(CLAIMS):
            complaint = f"profile {profile.name}: datasets.{dataset}.claims has the unknown claim {min(unknown)!r}"
            raise GaspError(f"{complaint}: there are {', '.join(CLAIMS)}")
    return [dataset for dataset, task in profile.datasets.items() if claim in task.claims]


def without_noise(*others: str) -> Comparison:
    """GASPnet − each of the other variants, on undisturbed scenes."""

    def compare(claim: str, dataset: str, _: Profile) -> Iterator[Effect]:
        for other in others:
            yield _difference(claim, "no noise", dataset, other, ["clean/0/scene"])

    return compare


def growth(claim: str, dataset: str, profile: Profile) -> Iterator[Effect]:
    """The gain from the first to the last time step: its mean over noise, and its slope over noise."""
    levels = np.array(profile.evaluation.corruptions.get("gaussian", ()))
    if len(levels) < 2:
        raise GaspError(f"claim {claim} needs two levels of Gaussian noise: add them to evaluation.corruptions.gaussian")
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
        yield Effect(claim, text, dataset, tuple(terms))


def robustness(claim: str, dataset: str, profile: Profile) -> Iterator[Effect]:
    """GASPnet − the CNNs, over the levels of Gaussian noise and over those of all corruptions."""
    levels = profile.evaluation.corruptions
    corrupted = [f"{kind}/{level:g}/scene" for kind in levels for level in levels[kind]]
    gaussian = [condition for condition in corrupted if condition.startswith("gaussian")]
    for text, conditions in {"Gaussian noise": gaussian, "all corruptions": corrupted}.items():
        for other in CNNS:
            yield _difference(claim, text, dataset, other, conditions)


def smaller_items(claim: str, dataset: str, profile: Profile) -> Iterator[Effect]:
    """GASPnet − the CNN of as many parameters, for the item and for the background, over the scales of the item."""
    heads = profile.datasets[dataset].heads
    if "background" not in heads:
        raise GaspError(f"claim {claim} is about items on a background: take it from datasets.{dataset}.claims")
    for head, text, margin in (("objects", "smaller items", 0.0), ("background", "photographs behind them", MARGIN)):
        conditions = [f"scale/{scale:g}/head_{heads.index(head)}" for scale in profile.evaluation.scales]
        yield _difference(claim, text, dataset, "cnn_parameters", conditions, margin)


def _difference(claim: str, text: str, dataset: str, other: str, conditions: Sequence[str], margin: float = 0.0) -> Effect:
    """GASPnet − another variant, averaged over conditions."""
    if not conditions:
        raise GaspError(f"claim {claim} has no conditions to compare ({text}): add levels to the profile's evaluation")
    share = 1 / len(conditions)
    terms = [
        Term(sign * share, variant, condition) for condition in conditions for sign, variant in ((1, "gaspnet"), (-1, other))
    ]
    within = f" (margin {MARGIN:g})" if margin else ""
    return Effect(claim, f"GASPnet − {VARIANTS[other].label}: {text}{within}", dataset, tuple(terms), margin)


CLAIMS = {
    "C1": Claim("GASPnet is more accurate than a CNN on multi-MNIST.", "two-digits", without_noise(*CNNS)),
    "C2": Claim("… and on CIFAR-MNIST and CIFAR-Fashion (both labels right).", "the-photographs", without_noise(*CNNS)),
    "C3": Claim("Its accuracy grows over time steps, and more so at higher noise.", "two-digits", growth),
    "C4": Claim("It is more robust to noise than the CNN, over a range of levels.", "the-noise", robustness),
    "C5": Claim(
        "It generalises to smaller items than in training, with no loss on the background.",
        "the-generalisation",
        smaller_items,
    ),
    "C6": Claim("Phases separate the objects, in every layer.", "the-phases"),
    "C7": Claim(
        "Removing phase modulation, synchrony loss or neighbourhood lowers accuracy.",
        "the-ablations",
        without_noise("no_modulation", "no_synchrony_loss", "no_neighbourhood"),
    ),
    "C8": Claim(
        "Global attention alone (GAttANet) is not enough for several objects.",
        "the-predecessors",
        without_noise("gattanet"),
    ),
}
