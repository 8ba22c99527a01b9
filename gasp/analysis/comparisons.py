"""Comparisons: which effects would show a claim, given a data set, a profile and a design."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from gasp.analysis.costs import step_seconds
from gasp.analysis.designs import Design
from gasp.analysis.effects import FIRST, LAST, Effect, Term
from gasp.data.corruptions import Corruption
from gasp.experiments.profile import Profile
from gasp.experiments.variants import VARIANTS
from gasp.settings import GaspError

__all__ = [
    "CNN_WIDTHS",
    "FLOOR",
    "GASPNET_STEPS",
    "MARGIN",
    "STRICTER",
    "Comparison",
    "ablations",
    "accuracy",
    "growth",
    "objects_of",
    "per_cost",
    "phase_feedback",
    "prediction",
    "prediction_with_phases",
    "reasoning",
    "robustness",
    "smaller_items",
    "unseen_overlap",
    "what_is_where",
    "without_noise",
]

CNN_WIDTHS = ("cnn", "cnn_wide", "cnn_wider", "cnn_compute")  # from the narrowest to the widest
GASPNET_STEPS = ("gate", "gaspnet_two_steps", "gaspnet")  # T = 1, 2, 3

# A loss of accuracy below this counts as none. It is about two standard errors of the mean difference over ten seeds on
# photographs: on validation scenes, the first GASPnet minus the CNN had a standard deviation of 0.014 over seeds.
MARGIN = 0.01
# The least accuracy at which a noise level counts in judging growth. Guessing is right for 1 scene in 45 (two digits) or in
# 100 (item and photograph). Near that, accuracy cannot fall, and growth is masked by lucky guesses.
FLOOR = 0.1
STRICTER = "stricter comparison, ours"

Comparison = Callable[[str, str, Profile, Design], Iterator[Effect]]
"""The effects of a claim, from its name, the name of a data set, the profile, and the design that the claim is about."""


def without_noise(others: Callable[[Design], Iterable[str]]) -> Comparison:
    """GASPnet − each of the other variants, on undisturbed scenes.

    Args:
        others: gives the other variants, from the design.
    """

    def compare(claim: str, dataset: str, _: Profile, design: Design) -> Iterator[Effect]:
        for other in others(design):
            yield _difference(claim, "no noise", dataset, design.gaspnet, other, ["clean/0/scene"])

    return compare


def accuracy(claim: str, dataset: str, _: Profile, design: Design) -> Iterator[Effect]:
    """GASPnet − the CNNs, on undisturbed scenes."""
    yield from _against_cnns(claim, "no noise", dataset, design, ["clean/0/scene"])


def ablations(claim: str, dataset: str, _: Profile, design: Design) -> Iterator[Effect]:
    """GASPnet − GASPnet without one of its parts, on undisturbed scenes. Each part has a verdict of its own."""
    for part, other in zip(("phase modulation", "synchrony loss", "neighbourhood"), design.ablations, strict=True):
        yield _difference(claim, "no noise", dataset, design.gaspnet, other, ["clean/0/scene"], part=part)


def growth(claim: str, dataset: str, profile: Profile, design: Design) -> Iterator[Effect]:
    """The gain from the first to the last time step: its mean over levels of noise, and its slope over them.

    A level counts if the CNN, and GASPnet at its first step, have an accuracy of at least ``FLOOR`` there. The last step, which
    the effect is about, plays no part in that choice.
    """
    parts = [(1, design.gaspnet, LAST), (-1, design.gaspnet, FIRST)]
    yield from _over_noise(
        claim, f"{design.label}, last step − first", dataset, profile, parts, [design.gaspnet, design.parameters]
    )


def prediction(claim: str, dataset: str, profile: Profile, design: Design) -> Iterator[Effect]:
    """The CNN with predictive feedback − the CNN of the same layers: mean and slope over levels of noise.

    Levels count as in :func:`growth`: those at which the CNN has an accuracy of at least ``FLOOR``.
    """
    parts = [(1, "predictive_cnn", LAST), (-1, design.layers, LAST)]
    text = f"{VARIANTS['predictive_cnn'].label} − {VARIANTS[design.layers].label}"
    yield from _over_noise(claim, text, dataset, profile, parts, [design.layers])


def prediction_with_phases(claim: str, dataset: str, profile: Profile, design: Design) -> Iterator[Effect]:
    """GASPnet with predictive feedback − each of the networks that it combines, without noise and over the levels of noise."""
    for other in (design.gaspnet, "predictive_cnn"):
        yield from _without_and_under_noise(claim, dataset, profile, "predictive_gaspnet", other)


def phase_feedback(claim: str, dataset: str, profile: Profile, _: Design) -> Iterator[Effect]:
    """KomplexNet with feedback − KomplexNet without, on undisturbed scenes and over the levels of Gaussian noise."""
    yield from _without_and_under_noise(claim, dataset, profile, "komplexnet_feedback", "komplexnet")


def reasoning(claim: str, dataset: str, _: Profile, design: Design) -> Iterator[Effect]:
    """Right answers on a problem of visual reasoning: three effects, each a part of the claim with a verdict of its own.

    Phases and masks: GASPnet − the CNN of as many parameters. Attention: the network with global attention − that CNN. And
    phases beyond masks: GASPnet − the gate without phases, because both saw masks in training, and the CNN did not.
    """
    for part, variant, other in (
        ("phases and masks", design.gaspnet, design.parameters),
        ("attention", design.attention, design.parameters),
        ("phases beyond masks", design.gaspnet, "gate"),
    ):
        yield _difference(claim, "right answers", dataset, variant, other, ["clean/0/scene"], part=part)


def robustness(claim: str, dataset: str, profile: Profile, design: Design) -> Iterator[Effect]:
    """GASPnet − the CNNs, over the levels of Gaussian noise and over those of all corruptions."""
    kinds = profile.evaluation.corruptions
    corrupted = [condition for kind in kinds for condition in _levels(profile, kind)]
    for text, conditions in {"Gaussian noise": _levels(profile, "gaussian"), "all corruptions": corrupted}.items():
        yield from _against_cnns(claim, text, dataset, design, conditions)


def smaller_items(claim: str, dataset: str, profile: Profile, design: Design) -> Iterator[Effect]:
    """GASPnet − the CNNs, for the item and for the background, over the scales of the item."""
    heads = profile.datasets[dataset].heads
    if "background" not in heads:
        raise GaspError(f"claim {claim} is about items on a background: take it from datasets.{dataset}.claims")
    for head, text, margin in (
        ("objects", "smaller items", 0.0),
        ("background", "the photograph behind smaller items", MARGIN),
    ):
        conditions = [f"scale/{scale:g}/head_{heads.index(head)}" for scale in profile.evaluation.scales]
        yield from _against_cnns(claim, text, dataset, design, conditions, margin)


def what_is_where(claim: str, dataset: str, profile: Profile, design: Design) -> Iterator[Effect]:
    """How far GASPnet's read-out exceeds the midpoint between chance and certainty, in pointing and in answering a cue.

    By chance, a unit points at any of the objects. A network that names every object and ignores the cue is right for one of
    the objects in a head; a head with a single object has nothing to select.
    """
    objects, background = objects_of(claim, dataset, profile)
    chances = {"pointing": ("points to its object", 1 / (objects + background))}
    if objects > 1:
        cued = "cued_accuracy" if len(profile.datasets[dataset].heads) == 1 else "head_0_cued_accuracy"
        chances[cued] = ("names the object at a cued place", 1 / objects)
    for measure, (text, chance) in chances.items():
        bar = (1 + chance) / 2
        terms = (Term(1.0, design.gaspnet, f"clean/0/{measure}"),)
        yield Effect(claim, f"{design.label} {text} − {bar:.2f} (chance {chance:.2f})", dataset, terms, -bar)


def unseen_overlap(claim: str, dataset: str, profile: Profile, design: Design) -> Iterator[Effect]:
    """On overlap beyond that of training: the gain of later steps, and by how much it exceeds the gain of the first step.

    The first step's gain is that over the CNN of the same layers; it comes from weights trained with phases, and from the gate.
    """
    task = profile.datasets[dataset]
    changes = task.changes((), (), profile.evaluation.overlaps)
    conditions = [f"{evaluation}/{level:g}/scene" for evaluation, level, _ in changes if level > task.scenes.overlap]
    if not conditions:
        raise GaspError(f"claim {claim} needs overlap that training does not show: take it from datasets.{dataset}.claims")
    phases = [(1.0, design.gaspnet, LAST), (-1.0, design.gaspnet, FIRST)]
    weights = [(1.0, design.gaspnet, FIRST), (-1.0, design.layers, LAST)]
    beyond = [*phases, *((-sign, variant, step) for sign, variant, step in weights)]
    for text, parts in {
        f"{design.label}, last step − first": phases,
        f"({design.label}, last step − first) − (first step − {VARIANTS[design.layers].label})": beyond,
    }.items():
        terms = [Term(sign / len(conditions), name, condition, step) for condition in conditions for sign, name, step in parts]
        yield Effect(claim, text, dataset, tuple(terms))


def per_cost(claim: str, dataset: str, profile: Profile, design: Design) -> Iterator[Effect]:
    """GASPnet − a CNN whose training step takes as long, interpolated between CNNs of several widths.

    Accuracy is taken to be linear in the logarithm of time between two widths. A GASPnet that takes longer than the widest CNN
    is compared with the widest, which can refute the claim but not show it, and one that takes less time than the narrowest
    with the narrowest. A CNN that takes longer than a wider one counts as taking as long as the wider one.
    """
    seconds = step_seconds(profile.store.directory)
    terms: list[Term] = []
    rival, slower = "CNN of as much training time", False
    if {design.gaspnet, *CNN_WIDTHS} <= seconds.keys():
        widths = range(len(CNN_WIDTHS))
        times = np.minimum.accumulate([seconds[name] for name in reversed(CNN_WIDTHS)])[::-1]
        if slower := seconds[design.gaspnet] > times[-1]:
            rival = "the widest CNN, which trains faster"
        position = np.interp(np.log(seconds[design.gaspnet]), np.log(times), widths)
        shares = [float(max(0.0, 1 - abs(width - position))) for width in widths]
        terms = [Term(1.0, design.gaspnet, "clean/0/scene")]
        terms += [Term(-share, name, "clean/0/scene") for name, share in zip(CNN_WIDTHS, shares, strict=True) if share]
    yield Effect(claim, f"{design.label} − {rival}: no noise", dataset, tuple(terms), refutes_only=slower)


def objects_of(claim: str, dataset: str, profile: Profile) -> tuple[int, bool]:
    """The number of a data set's objects, and whether a background is behind them: what phases must tell apart.

    Raises:
        GaspError: if there are fewer than two things to tell apart, or the data set is a problem of visual reasoning.
    """
    task = profile.datasets[dataset]
    objects, background = task.scenes.objects, task.background is not None
    if task.problem or objects + background < 2:
        raise GaspError(f"claim {claim} needs several objects to be named: take it from datasets.{dataset}.claims")
    return objects, background


def _levels(profile: Profile, kind: Corruption) -> list[str]:
    """The conditions of scene accuracy under one kind of corruption: one for each level."""
    return [f"{kind}/{level:g}/scene" for level in profile.evaluation.corruptions.get(kind, ())]


def _without_and_under_noise(claim: str, dataset: str, profile: Profile, variant: str, other: str) -> Iterator[Effect]:
    """One variant − another, on undisturbed scenes and over the levels of Gaussian noise."""
    for text, conditions in {"no noise": ["clean/0/scene"], "Gaussian noise": _levels(profile, "gaussian")}.items():
        yield _difference(claim, text, dataset, variant, other, conditions)


def _against_cnns(
    claim: str, text: str, dataset: str, design: Design, conditions: Sequence[str], margin: float = 0.0
) -> Iterator[Effect]:
    """GASPnet − the CNN of the paper's comparison, and of the stricter one, averaged over conditions."""
    for other, part in ((design.parameters, ""), (design.multiplications, STRICTER)):
        yield _difference(claim, text, dataset, design.gaspnet, other, conditions, margin, part)


def _over_noise(
    claim: str,
    text: str,
    dataset: str,
    profile: Profile,
    parts: Sequence[tuple[float, str, int]],
    rivals: Sequence[str],
) -> Iterator[Effect]:
    """A difference in accuracy over the levels of Gaussian noise: its mean, and its slope. Each has a verdict of its own.

    Args:
        parts: the difference, as sign, variant and step of its terms.
        rivals: variants that must have an accuracy of at least ``FLOOR`` at their first step for a level to count. As long as
            their runs are not stored, every level counts.
    """
    levels = profile.evaluation.corruptions.get("gaussian", ())
    if len(levels) < 2:
        raise GaspError(f"claim {claim} needs two levels of Gaussian noise: add them to evaluation.corruptions.gaussian")

    def tells(level: float) -> bool:
        terms = [Term(1.0, variant, f"gaussian/{level:g}/scene", FIRST) for variant in rivals]
        measured = [Effect(claim, "accuracy", dataset, (term,)).values(profile) for term in terms]
        return all(values.mean() >= FLOOR for values in measured if values.size)

    stored = all(run.key in profile.store for run in profile.experiments([dataset], rivals))
    kept = np.array([level for level in levels if not stored or tells(level)])
    centred = kept - kept.mean() if len(kept) > 1 else np.empty(0)  # one level has no slope
    over = f"over noise, σ = {', '.join(f'{level:g}' for level in kept) or f'none above {FLOOR:g}'}"
    for what, weights in {"mean": np.full(len(kept), 1 / max(len(kept), 1)), "slope": centred / (centred**2).sum()}.items():
        terms = [
            Term(sign * weight, variant, f"gaussian/{level:g}/scene", step)
            for level, weight in zip(kept, weights.tolist(), strict=False)
            for sign, variant, step in parts
        ]
        part = {"mean": "on average over noise", "slope": "more at higher noise"}[what]
        yield Effect(claim, f"{text}: {what} {over}", dataset, tuple(terms), part=part)


def _difference(
    claim: str,
    text: str,
    dataset: str,
    variant: str,
    other: str,
    conditions: Sequence[str],
    margin: float = 0.0,
    part: str = "",
) -> Effect:
    """One variant − another, averaged over conditions."""
    if not conditions:
        raise GaspError(f"claim {claim} has no conditions to compare ({text}): add levels to the profile's evaluation")
    share = 1 / len(conditions)
    terms = [Term(sign * share, name, condition) for condition in conditions for sign, name in ((1, variant), (-1, other))]
    within = f" (margin {margin:g} added)" if margin else ""
    return Effect(
        claim, f"{VARIANTS[variant].label} − {VARIANTS[other].label}: {text}{within}", dataset, tuple(terms), margin, part
    )
