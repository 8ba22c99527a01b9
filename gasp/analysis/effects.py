"""Effects: what claims compare.

An **effect** is a weighted sum of accuracies, each of one variant under one condition. Its sign is chosen so that the claim
predicts a value above zero. All terms have the same seeds and the same test scenes, so an effect has one value for each seed
and scene, paired by both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gasp.experiments.profile import Profile

__all__ = ["FIRST", "LAST", "Effect", "Term"]

FIRST, LAST = 0, 1  # the first time step, and the last


@dataclass(frozen=True)
class Term:
    """The accuracy of one variant under one condition, at its first or last step, with its weight in an effect."""

    weight: float
    variant: str
    condition: str
    step: int = LAST


@dataclass(frozen=True)
class Effect:
    """What a claim says about one data set.

    Attributes:
        claim: its name, a key of ``CLAIMS``.
        text: what is compared.
        dataset: its name in the profile.
        terms: the summands; none if the results leave nothing to compare.
        offset: added to the sum: a margin within which a loss counts as none, or minus the accuracy that must be exceeded.
        part: the part of the claim that has a verdict of its own, such as ``STRICTER``; empty for the claim itself.
        refutes_only: whether GASPnet has an advantage that the claim rules out. Then a value below zero counts against the
            claim, but one above zero does not count for it.
    """

    claim: str
    text: str
    dataset: str
    terms: tuple[Term, ...]
    offset: float = 0.0
    part: str = ""
    refutes_only: bool = False

    def values(self, profile: Profile) -> np.ndarray:
        """The effect of each seed on each scene, ``(seeds, n)``.

        The seeds are those that the grid has for all variants, with runs measured under all conditions. If there are none, or
        the grid tests the variants on different draws of scenes, the effect was not run and the result is empty, ``(0,)``.

        Raises:
            GaspError: if the results of a run of the grid are missing.
        """
        asked: dict[str, set[str]] = {}
        for term in self.terms:
            asked.setdefault(term.variant, set()).add(term.condition)
        runs = profile.experiments([self.dataset], list(asked))
        if len({run.evaluation.draw for run in runs}) > 1:  # they met different scenes
            return np.empty(0)
        correct: dict[int, dict[str, Mapping[str, np.ndarray]]] = {}  # by seed and variant
        for run in runs:
            measured = profile.store.correct(run.key)
            if asked[run.variant] <= measured.keys():
                correct.setdefault(run.seed, {})[run.variant] = measured
        effects = [self._sum(correct[seed]) for seed in sorted(correct) if correct[seed].keys() == asked.keys()]
        return np.stack(effects) if effects else np.empty(0)

    def _sum(self, correct: Mapping[str, Mapping[str, np.ndarray]]) -> np.ndarray:
        """The effect of one seed on each scene, ``(n)``, from what each variant got right."""
        weighted = [term.weight * correct[term.variant][term.condition][term.step] for term in self.terms]
        return np.sum(weighted, axis=0) + self.offset
