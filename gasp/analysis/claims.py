"""The claims of the paper, and our own. Each consists of a text and the effects that would show it.

A profile says which claims are judged on which of its data sets. :mod:`gasp.analysis.comparisons` defines the effects, and
:mod:`gasp.analysis.verdicts` the rule that judges them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gasp.analysis.comparisons import (
    Comparison,
    ablations,
    accuracy,
    growth,
    per_cost,
    phase_feedback,
    prediction,
    prediction_with_phases,
    reasoning,
    robustness,
    smaller_items,
    unseen_overlap,
    what_is_where,
    without_noise,
)
from gasp.analysis.designs import OURS, Design
from gasp.analysis.effects import Effect
from gasp.experiments.profile import Profile
from gasp.settings import GaspError

__all__ = ["CLAIMS", "GROUPS", "Claim", "datasets_of", "effects"]


class Claim(NamedTuple):
    """A claim of the paper, or one of our own.

    Attributes:
        text: the claim.
        page: the label of the page with the evidence.
        effects: the effects on accuracy that would show it; ``None`` for C6, the claim about phases.
        group: a key of ``GROUPS``; claims that are not the paper's are in ``ours``.
    """

    text: str
    page: str
    effects: Comparison | None = None
    group: str = "ours"


def effects(profile: Profile, design: Design = OURS) -> Iterator[Effect]:
    """Every effect on accuracy, claim by claim, on the data sets on which the profile judges the claim.

    Args:
        design: the design of GASPnet. Our own claims are about ``OURS`` alone.

    Raises:
        GaspError: for an unknown claim in the profile, and for one that its data set or evaluation cannot test.
    """
    for name, claim in CLAIMS.items():
        if claim.effects is not None and (design is OURS or claim.group != "ours"):
            for dataset in datasets_of(profile, name):
                yield from claim.effects(name, dataset, profile, design)


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


GROUPS = {
    "accuracy": "Is GASPnet more accurate than other networks?",
    "time": "Does its accuracy grow over time?",
    "phases": "Do its phases separate objects?",
    "ours": "Our own claims",
}
"""The groups of claims. Those about accuracy compare the same GASPnets with other networks, so they are one finding."""

CLAIMS = {
    "C1": Claim("GASPnet is more accurate than a CNN on two digits (both right).", "two-digits", accuracy, "accuracy"),
    "C2": Claim("The same on CIFAR-MNIST and CIFAR-Fashion (both labels right).", "the-photographs", accuracy, "accuracy"),
    "C3": Claim("Its accuracy grows over time steps, and more so at higher noise.", "two-digits", growth, "time"),
    "C4": Claim(
        "It is more robust than the CNN: more accurate over a range of levels of noise.", "the-noise", robustness, "accuracy"
    ),
    "C5": Claim(
        "It names items that are smaller than in training more often than a CNN, and the photograph no less often.",
        "the-generalisation",
        smaller_items,
        "accuracy",
    ),
    "C6": Claim("Phases separate the objects, in every layer.", "the-phases", group="phases"),
    "C7": Claim(
        "Removing phase modulation, synchrony loss or neighbourhood lowers accuracy.",
        "the-ablations",
        ablations,
        "accuracy",
    ),
    "C8": Claim(
        "Global attention alone (GAttANet) is not enough for several objects.",
        "the-predecessors",
        without_noise(lambda design: [design.attention]),
        "accuracy",
    ),
    "O1": Claim("The phase of an output unit says where its object is.", "the-phases", what_is_where),
    "O2": Claim(
        "On overlap not seen in training, later steps add accuracy, and more than the first step gains over a CNN.",
        "the-generalisation",
        unseen_overlap,
    ),
    "O3": Claim("GASPnet is more accurate than a CNN whose training takes as long.", "accuracy-per-cost", per_cost),
    "O4": Claim("Feedback from the layers above makes KomplexNet more accurate.", "beyond-the-paper", phase_feedback),
    "O5": Claim("Predictive feedback helps a CNN under noise, and more so at higher noise.", "beyond-the-paper", prediction),
    "O6": Claim("Phases and predictive feedback together help more than either.", "beyond-the-paper", prediction_with_phases),
    "O7": Claim("Masks and phases, or attention, help networks to reason.", "beyond-the-paper", reasoning),
}
