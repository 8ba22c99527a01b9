"""The claims as effects, the rule that judges them, and its tables, on results whose answer is known."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from scipy import stats

from gasp.analysis import verdicts
from gasp.analysis.claims import CLAIMS, GROUPS, datasets_of, effects
from gasp.analysis.comparisons import CNN_WIDTHS, FLOOR, MARGIN, STRICTER
from gasp.analysis.designs import OURS, PAPER
from gasp.analysis.effects import Effect, Term
from gasp.analysis.statistics import certainty, formatted
from gasp.analysis.tables import DATASETS as NAMES
from gasp.analysis.tables import dataset_label
from gasp.analysis.verdicts import ALPHA, claims_box, claims_table, effects_table, judge
from gasp.experiments.profile import Profile, load_profile
from gasp.experiments.specification import Dataset, Experiment
from gasp.experiments.store import COLUMNS, Store
from gasp.settings import GaspError

ROOT = Path(__file__).parents[2]
SCENES = 200
RIVALS = [*CNN_WIDTHS, "cnn_parameters", "gattanet", "no_modulation", "no_synchrony_loss", "no_neighbourhood"]
PAPERS = ["paper_gaspnet", "paper_cnn_parameters", "paper_cnn_compute", *PAPER.ablations, "paper_gattanet"]
LEVELS = (0.1, 0.2, 0.5)
CONDITIONS = ["clean/0", *(f"gaussian/{level:g}" for level in LEVELS), "blur/1", "scale/0.8", "scale/0.5", "overlap/0.5"]
PARTS = ["scene", "head_0", "head_1", "pointing", "cued_accuracy"]
PHOTOGRAPHS = {"items": "embedded_digits", "background": "embedded_photos", "scenes": {"objects": 1}}
DATASETS = {
    "multi_mnist": {"items": "embedded_digits", "claims": ["C1", "C3", "C4", "C6", "C7", "C8", "O1", "O2", "O3"]},
    "cifar_mnist": PHOTOGRAPHS | {"claims": ["C2", "C3", "C4", "C5", "C6", "C7", "C8", "O1", "O3"]},
    "cifar_fashion": PHOTOGRAPHS | {"claims": ["C2", "C5"]},
}

STORE = Profile.store  # that of results on disk

# the chance that a scene is right, of a run under a condition, at the first and the last step
Chances = Callable[[Experiment, str], tuple[float, float]]
# what a chance must exceed for a scene to be right, ``(n)``
Hardness = Callable[[Experiment, str], np.ndarray]


def as_claimed(run: Experiment, condition: str) -> tuple[float, float]:
    """GASPnet is better, at its last step, by the more the higher the noise; but not on the background."""
    kind, level, what = condition.split("/")
    if what == "head_1":
        return 0.6, 0.6
    if what in ("pointing", "cued_accuracy"):
        return 0.7, 0.9
    gain = 0.1 + 0.4 * float(level) * (kind == "gaussian")
    return (0.52, 0.52 + gain) if run.variant == "gaspnet" else (0.5, 0.5)


def mirrored(run: Experiment, condition: str) -> tuple[float, float]:
    first, last = as_claimed(run, condition)
    return 1 - first, 1 - last


def alike(_run: Experiment, _condition: str) -> tuple[float, float]:
    return 0.6, 0.6


def paired(run: Experiment, _: str) -> np.ndarray:
    """The same for all variants and conditions, so that where chances are equal nothing differs."""
    return np.random.default_rng([run.seed, len(run.dataset)]).permutation(SCENES) / SCENES


def independent(run: Experiment, condition: str) -> np.ndarray:
    return np.random.default_rng([*run.key.encode(), *condition.encode()]).random(SCENES)


class Simulated(Store):
    """Results of the grid that nobody ran. Phases come to ``lowest`` in layer 2, and to more in layer 1."""

    def __init__(self, profile: Profile, chances: Chances, hardness: Hardness, lowest: float) -> None:
        super().__init__(STORE.func(profile).directory)
        self.runs = {run.key: run for run in profile.experiments()}
        self.chances, self.hardness, self.lowest = chances, hardness, lowest

    def __contains__(self, key: str) -> bool:
        return key in self.runs

    def correct(self, key: str) -> dict[str, np.ndarray]:
        run, names = self.runs[key], [f"{condition}/{part}" for condition in CONDITIONS for part in PARTS]
        return {name: np.stack([self.hardness(run, name) < c for c in self.chances(run, name)]) for name in names}

    def table(self, experiments: Iterable[Experiment]) -> pd.DataFrame:
        rows = [
            [run.key, run.dataset, run.variant, run.seed, "test", "phases", layer, t, metric, value + 0.001 * run.seed]
            for run in experiments
            for metric in ("order_within", "separation", "nearness")
            for layer, t, value in ((1, 0, 0.5), (2, 0, 0.5), (1, 1, self.lowest + 0.1), (2, 1, self.lowest))
        ]
        return pd.DataFrame(rows, columns=COLUMNS)


@pytest.fixture
def profile(write) -> Profile:
    """A profile that asks for all that claims compare. Its CNNs and GASPnet were timed."""
    write(
        judges=True,
        seeds=[0, 1, 2],
        datasets=DATASETS,
        grid=[{"datasets": list(DATASETS), "variants": ["gaspnet", *RIVALS]}],
        **{
            "evaluation.corruptions": {"gaussian": list(LEVELS), "blur": [1.0]},
            "evaluation.scales": [0.8, 0.5],
            "evaluation.overlaps": [0.5],
        },
    )
    profile = load_profile("tiny")
    clock(profile, dict(zip(CNN_WIDTHS, (0.1, 0.2, 0.4, 0.8), strict=True)) | {"gaspnet": 0.2 * math.sqrt(2)})
    return profile


def clock(profile: Profile, seconds: dict[str, float]) -> None:
    """Say how long a training step of each variant takes."""
    profile.store.directory.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame([("variant", name, value) for name, value in seconds.items()], columns=["group", "case", "seconds"])
    table.to_csv(profile.store.directory / "bench.csv", index=False)


@pytest.fixture
def simulate(monkeypatch) -> Callable[..., Store]:
    """Give a profile results, which are as claimed unless told otherwise."""

    def give(profile, chances=as_claimed, hardness=paired, lowest=0.85) -> Store:
        store = Simulated(profile, chances, hardness, lowest)
        monkeypatch.setattr(Profile, "store", property(lambda _: store))
        return store

    return give


@pytest.fixture
def judged(simulate) -> Callable[..., pd.DataFrame]:
    def judge_results(profile, **results) -> pd.DataFrame:
        simulate(profile, **results)
        return judge(profile)

    return judge_results


def of_claim(profile: Profile, claim: str, text: str = "", dataset: str = "") -> list[Effect]:
    return [e for e in effects(profile) if e.claim == claim and text in e.text and dataset in e.dataset]


# effects


def test_a_claim_is_judged_where_the_profile_says_so(profile, judged):
    asked = {(claim, name) for name, task in DATASETS.items() for claim in task["claims"]}
    assert {(effect.claim, effect.dataset) for effect in effects(profile)} == {cell for cell in asked if cell[0] != "C6"}
    table = judged(profile)
    assert set(zip(table["claim"], table["dataset"], strict=True)) == asked
    assert table["claim"].is_monotonic_increasing
    order = {name: index for index, name in enumerate(DATASETS)}
    assert all(rows["dataset"].map(order).is_monotonic_increasing for _, rows in table.groupby("claim"))


def test_no_name_of_a_data_set_is_assumed(profile, write):
    before = [(effect.claim, effect.text, effect.terms) for effect in effects(profile)]
    write(
        datasets={name[::-1]: task for name, task in DATASETS.items()},
        grid=[{"datasets": [name[::-1] for name in DATASETS], "variants": ["gaspnet", *RIVALS]}],
    )
    renamed = load_profile("tiny")
    assert [(effect.claim, effect.text, effect.terms) for effect in effects(renamed)] == before
    assert datasets_of(renamed, "C2") == ["tsinm_rafic", "noihsaf_rafic"]


def test_the_heads_of_item_and_background_are_those_of_the_data_set(profile, monkeypatch):
    def heads() -> dict[str, set[str]]:
        found = {effect.text: {term.condition[-6:] for term in effect.terms} for effect in of_claim(profile, "C5")}
        return {text.partition(": ")[2]: parts for text, parts in found.items()}

    assert heads() == {"smaller items": {"head_0"}, "the photograph behind smaller items (margin 0.01 added)": {"head_1"}}
    monkeypatch.setattr(Dataset, "heads", ("background", "objects"))
    assert heads() == {"smaller items": {"head_1"}, "the photograph behind smaller items (margin 0.01 added)": {"head_0"}}


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"datasets.multi_mnist.claims": ["C1", "C9"]},
            r"profile tiny: datasets\.multi_mnist\.claims .* 'C9': there are C1, C2",
        ),
        (
            {"datasets.multi_mnist.claims": ["C5"]},
            r"claim C5 is about items on a background: take it from datasets\.multi_mnist",
        ),
        (
            {"datasets.cifar_mnist.claims": ["O2"]},
            r"claim O2 needs overlap that training does not show: take it from datasets\.cifar_mnist",
        ),
        (
            {"datasets.multi_mnist.scenes": {"objects": 1}, "datasets.multi_mnist.claims": ["O1"]},
            r"claim O1 needs several objects to be named: take it from datasets\.multi_mnist",
        ),
        ({"evaluation.scales": []}, r"claim C5 has no conditions to compare \(smaller items\): add levels"),
        ({"evaluation.corruptions": {"blur": [1.0]}}, "claim C3 needs two levels of Gaussian noise"),
        ({"evaluation.corruptions": {"gaussian": [0.1]}}, "claim C3 needs two levels of Gaussian noise"),
    ],
    ids=["unknown", "no background", "no overlap", "one object", "no scales", "no noise", "one level"],
)
def test_a_claim_that_cannot_be_judged_is_explained(change, complaint, write):
    write(**change)
    with pytest.raises(GaspError, match=complaint):
        list(effects(load_profile("tiny")))


def test_an_effect_is_a_weighted_sum_paired_by_seed_and_scene(profile, simulate):
    store = simulate(profile, hardness=independent)
    terms = (
        Term(1.0, "gaspnet", "gaussian/0.1/scene"),
        Term(-1.0, "gaspnet", "gaussian/0.1/scene", step=0),
        Term(-0.25, "gattanet", "blur/1/head_0"),
    )
    found = Effect("C0", "some", "cifar_mnist", terms, offset=0.5).values(profile)
    assert found.shape == (3, SCENES)
    for seed, values in enumerate(found):
        keys = [profile.experiment("cifar_mnist", variant, seed).key for variant in ("gaspnet", "gattanet")]
        first, last = store.correct(keys[0])["gaussian/0.1/scene"].astype(float)
        other = store.correct(keys[1])["blur/1/head_0"][1]
        np.testing.assert_allclose(values, last - first - 0.25 * other + 0.5)


@pytest.mark.parametrize("claim", ["C1", "C2", "C4", "C5", "C7", "C8", "O3"])
def test_a_difference_is_a_mean_over_its_conditions(claim, profile):
    for effect in of_claim(profile, claim):
        weights = pd.Series([term.weight for term in effect.terms])
        own = np.array([term.variant == "gaspnet" for term in effect.terms])
        assert weights[own].sum() == pytest.approx(1)
        assert weights[~own].sum() == pytest.approx(-1)
        assert {term.step for term in effect.terms} == {1}


def test_the_paper_s_comparison_decides_and_the_stricter_one_is_a_part_of_its_own(profile):
    found = {(e.claim, e.part, v) for e in effects(profile) for v in {term.variant for term in e.terms} - {"gaspnet"}}
    for claim in ("C1", "C2", "C4", "C5"):
        assert {row[1:] for row in found if row[0] == claim} == {("", "cnn_parameters"), (STRICTER, "cnn_compute")}
    assert {row[0] for row in found if row[1] == STRICTER} == {"C1", "C2", "C4", "C5"}


def test_noise_is_every_level_and_corruptions_are_all_of_them(profile):
    gaussian, every = (
        {term.condition for effect in of_claim(profile, "C4", text) for term in effect.terms}
        for text in ("Gaussian noise", "all corruptions")
    )
    assert gaussian == {f"gaussian/{level:g}/scene" for level in LEVELS}
    assert every == gaussian | {"blur/1/scene"}


@pytest.mark.parametrize(("lost", "verdict"), [(0.0, "holds"), (0.02, "does not hold")])
def test_on_the_background_a_loss_below_the_margin_counts_as_none(lost, verdict, profile, judged):
    def chances(run: Experiment, condition: str) -> tuple[float, float]:
        chance = 0.8 - lost * (run.variant == "gaspnet") if condition.endswith("head_1") else 0.5
        return chance, chance

    def hardness(run: Experiment, _: str) -> np.ndarray:  # with more scenes, or no test could tell a loss of 0.02
        return np.random.default_rng(run.seed).permutation(4000) / 4000

    table = judged(profile, chances=chances, hardness=hardness)
    of_photographs = table[table["effect"].str.contains("photograph behind")]
    assert of_photographs["mean"].to_numpy() == pytest.approx(MARGIN - lost)
    assert set(of_photographs["verdict"]) == {verdict}


def test_half_way_from_chance_to_certainty_must_be_exceeded_in_pointing_and_in_answering_a_cue(profile, simulate):
    simulate(profile)  # pointing and cued accuracy are 0.9 at the last step
    found = {(effect.dataset, effect.text): effect.values(profile).mean() for effect in of_claim(profile, "O1")}
    assert found == {
        ("multi_mnist", "GASPnet points to its object − 0.75 (chance 0.50)"): pytest.approx(0.15),
        ("multi_mnist", "GASPnet names the object at a cued place − 0.75 (chance 0.50)"): pytest.approx(0.15),
        ("cifar_mnist", "GASPnet points to its object − 0.75 (chance 0.50)"): pytest.approx(0.15),
    }


def test_on_unseen_overlap_phases_are_told_from_weights(profile, simulate):
    simulate(profile)
    phases, beyond = (effect.values(profile).mean() for effect in of_claim(profile, "O2"))
    assert phases == pytest.approx(0.62 - 0.52)
    assert beyond == pytest.approx((0.62 - 0.52) - (0.52 - 0.5))


def beyond(run: Experiment, condition: str) -> tuple[float, float]:
    """At their last steps, feedback brings 0.1, prediction 0.2 σ, and both together, on phases, 0.05 more than either."""
    kind, level, _ = condition.split("/")
    prediction = 0.2 * float(level) * (kind == "gaussian")
    last = {
        "komplexnet_feedback": 0.6,
        "predictive_cnn": 0.5 + prediction,
        "gaspnet": 0.7,
        "predictive_gaspnet": 0.75,
        "gattanet": 0.55,
    }
    return 0.5, last.get(run.variant, 0.5)


def test_feedback_prediction_and_attention_are_compared_with_the_network_that_lacks_them(write, simulate):
    variants = ["cnn", "cnn_parameters", "gaspnet", "gattanet", "komplexnet", "komplexnet_feedback"]
    variants += ["predictive_cnn", "predictive_gaspnet", "gate"]
    write(
        judges=True,
        datasets={
            "multi_mnist": {"items": "embedded_digits", "claims": ["O4", "O5", "O6"]},
            "same_different": {"problem": "same", "claims": ["O7"]},
        },
        grid=[{"datasets": ["multi_mnist", "same_different"], "variants": variants}],
        **{"evaluation.corruptions": {"gaussian": list(LEVELS)}},
    )
    profile = load_profile("tiny")
    simulate(profile, chances=beyond)
    found = {(effect.claim, effect.text): float(effect.values(profile).mean()) for effect in effects(profile)}
    for effect in effects(profile):  # there are more scenes without noise than with it
        assert len({term.condition.startswith("clean") for term in effect.terms}) == 1
    noise, cnn = "over noise, σ = 0.1, 0.2, 0.5", "CNN with prediction − CNN, same layers"
    both = "GASPnet with prediction"
    assert found == pytest.approx(
        {
            ("O4", "KomplexNet with feedback − KomplexNet: no noise"): 0.1,
            ("O4", "KomplexNet with feedback − KomplexNet: Gaussian noise"): 0.1,
            ("O5", f"{cnn}: mean {noise}"): 0.2 * (0.8 / 3),
            ("O5", f"{cnn}: slope {noise}"): 0.2,
            ("O6", f"{both} − GASPnet: no noise"): 0.05,
            ("O6", f"{both} − GASPnet: Gaussian noise"): 0.05,
            ("O6", f"{both} − CNN with prediction: no noise"): 0.25,
            ("O6", f"{both} − CNN with prediction: Gaussian noise"): 0.25 - 0.2 * (0.8 / 3),
            ("O7", "GASPnet − CNN, as many parameters: right answers"): 0.2,
            ("O7", "GAttANet − CNN, as many parameters: right answers"): 0.05,
            ("O7", "GASPnet − gate without phases: right answers"): 0.2,
        },
        abs=0.006,  # one scene in 200
    )


@pytest.mark.parametrize(
    ("seconds", "shares"),
    [
        (0.2 * math.sqrt(2), {"cnn_wide": 0.5, "cnn_wider": 0.5}),
        (0.4 * 2**0.25, {"cnn_wider": 0.75, "cnn_compute": 0.25}),
        (0.2, {"cnn_wide": 1.0}),
        (0.01, {"cnn": 1.0}),
        (5.0, {"cnn_compute": 1.0}),
    ],
)
def test_as_much_training_time_is_found_between_two_widths(seconds, shares, profile):
    clock(profile, dict(zip(CNN_WIDTHS, (0.1, 0.2, 0.4, 0.8), strict=True)) | {"gaspnet": seconds})
    effect, _ = of_claim(profile, "O3")
    assert {term.variant: -term.weight for term in effect.terms[1:]} == pytest.approx(shares)
    assert effect.terms[0] == Term(1.0, "gaspnet", "clean/0/scene")
    assert effect.refutes_only == (seconds > 0.8)


@pytest.mark.parametrize(
    ("mean", "refutes_only", "verdict"),
    [(0.3, False, "holds"), (0.3, True, "unclear"), (-0.3, False, "does not hold"), (-0.3, True, "does not hold")],
)
def test_a_rival_with_less_training_can_refute_a_claim_but_not_show_it(mean, refutes_only, verdict, monkeypatch):
    drawn = Drawn(claim="O3", text="a", dataset="x", draw=lambda: np.full((5, 40), mean), refutes_only=refutes_only)
    monkeypatch.setattr(verdicts, "effects", lambda *_: [drawn])
    table = judge(JUDGING)
    assert table["verdict"].tolist() == [verdict]
    assert "refutes_only" not in table


def test_a_wider_cnn_that_is_as_fast_takes_the_place_of_a_narrower_one(profile):
    clock(profile, dict(zip(CNN_WIDTHS, (0.3, 0.2, 0.2, 0.8), strict=True)) | {"gaspnet": 0.2})
    effect, _ = of_claim(profile, "O3")
    assert {term.variant: -term.weight for term in effect.terms[1:]} == {"cnn_wider": 1.0}


@pytest.mark.parametrize("timed", [None, {"gaspnet": 0.2, "cnn": 0.1}], ids=["nothing", "some"])
def test_without_times_accuracy_per_cost_is_not_tested(timed, profile, judged):
    (profile.store.directory / "bench.csv").unlink()
    if timed:
        clock(profile, timed)
    table = judged(profile)
    assert set(table[table["claim"] == "O3"]["verdict"]) == {"not tested"}
    assert "not tested" not in set(table[table["claim"] != "O3"]["verdict"])


# growth over time, and its floor


@pytest.mark.parametrize("dataset", ["multi_mnist", "cifar_mnist"])
def test_growth_over_noise_is_the_mean_and_the_slope_of_a_fitted_line(dataset, profile, simulate):
    store = simulate(profile, hardness=independent)
    mean, slope = (of_claim(profile, "C3", text, dataset)[0].values(profile) for text in ("mean", "slope"))
    for seed in range(3):
        names = [f"gaussian/{level:g}/scene" for level in LEVELS]
        right = store.correct(profile.experiment(dataset, "gaspnet", seed).key)
        gains = [right[name][1].mean() - right[name][0].mean() for name in names]
        assert mean[seed].mean() == pytest.approx(np.mean(gains))
        assert slope[seed].mean() == pytest.approx(np.polyfit(LEVELS, gains, 1)[0])


def levels_of(profile: Profile, text: str) -> set[str]:
    (effect,) = of_claim(profile, "C3", text, "multi_mnist")
    return {term.condition.split("/")[1] for term in effect.terms}


@pytest.mark.parametrize(
    ("variant", "chance", "kept"),
    [
        ("cnn_parameters", (FLOOR - 0.02, FLOOR - 0.02), False),
        ("gaspnet", (FLOOR - 0.02, 0.9), False),
        ("gaspnet", (FLOOR + 0.02, 0.0), True),  # the last step has no say
        ("cnn_parameters", (FLOOR, FLOOR), True),
        ("cnn_compute", (0.0, 0.0), True),
    ],
)
def test_a_level_counts_at_which_both_networks_are_above_the_floor(variant, chance, kept, profile, simulate):
    def chances(run: Experiment, condition: str) -> tuple[float, float]:
        return chance if run.variant == variant and condition.startswith("gaussian/0.5") else (0.5, 0.6)

    simulate(profile, chances=chances)
    expected = {"0.1", "0.2", "0.5"} if kept else {"0.1", "0.2"}
    assert levels_of(profile, "mean") == levels_of(profile, "slope") == expected


@pytest.mark.parametrize(
    ("above", "of_mean", "of_slope"),
    [(("0.1",), "holds", "not tested"), ((), "not tested", "not tested")],
    ids=["one level", "none"],
)
def test_where_accuracy_is_at_chance_growth_is_not_tested(above, of_mean, of_slope, profile, judged):
    def chances(_: Experiment, condition: str) -> tuple[float, float]:
        kind, level, _ = condition.split("/")
        return (0.02, 0.02) if kind == "gaussian" and level not in above else (0.5, 0.7)

    found = verdicts.verdicts(judged(profile, chances=chances))
    assert found["C3", "on average over noise", "multi_mnist"] == of_mean
    assert found["C3", "more at higher noise", "multi_mnist"] == of_slope


def test_growth_that_is_the_same_at_every_level_of_noise_is_growth(profile, judged):
    def chances(run: Experiment, _: str) -> tuple[float, float]:
        return (0.3, 0.8) if run.variant == "gaspnet" else (0.5, 0.5)

    found = verdicts.verdicts(judged(profile, chances=chances, hardness=independent))
    assert found["C3", "on average over noise", "multi_mnist"] == "holds"
    assert found["C3", "more at higher noise", "multi_mnist"] == "unclear"


def test_each_ablation_has_a_verdict_of_its_own(profile, judged):
    def chances(run: Experiment, _: str) -> tuple[float, float]:
        chance = {"gaspnet": 0.6, "no_neighbourhood": 0.7}.get(run.variant, 0.5)
        return chance, chance

    found = verdicts.verdicts(judged(profile, chances=chances))
    parts = ("phase modulation", "synchrony loss", "neighbourhood")
    assert [found["C7", part, "multi_mnist"] for part in parts] == ["holds", "holds", "does not hold"]


# the paper's mechanisms alone


def test_both_designs_are_judged_by_the_same_comparisons_each_with_its_own_networks(profile):
    def named(design) -> list[tuple]:
        roles = {getattr(design, role): role for role in ("gaspnet", "parameters", "multiplications", "attention")}
        roles |= {name: f"ablation {index}" for index, name in enumerate(design.ablations)}
        return [
            (e.claim, e.part, e.dataset, [(t.weight, roles[t.variant], t.condition, t.step) for t in e.terms])
            for e in effects(profile, design)
            if e.claim.startswith("C")
        ]

    assert named(PAPER) == named(OURS)
    assert {effect.claim[0] for effect in effects(profile, PAPER)} == {"C"}  # what is ours is claimed of our design


def test_the_paper_s_mechanisms_have_verdicts_of_their_own(profile, write, judged):
    def chances(run: Experiment, condition: str) -> tuple[float, float]:
        return (0.4, 0.4) if run.variant == "paper_gaspnet" else as_claimed(run, condition)

    grid = [{"datasets": list(DATASETS), "variants": ["gaspnet", *RIVALS]}]
    write(grid=[*grid, {"datasets": list(DATASETS), "variants": PAPERS}])
    profile = load_profile("tiny")
    ours, paper = judged(profile, chances=chances), judge(profile, PAPER)
    assert set(ours["verdict"]) == {"holds"}
    assert verdicts.verdicts(paper)["C1", "", "multi_mnist"] == "does not hold"
    assert "GASPnet (paper) − CNN" in paper["effect"].iloc[0]


def test_networks_that_met_different_scenes_are_not_compared(write, profile, simulate):
    blocks = [{"datasets": ["multi_mnist"], "variants": [name], "draw": draw} for draw, name in enumerate(PAPERS[:2])]
    write(grid=blocks)
    profile = load_profile("tiny")
    simulate(profile)
    effect = next(iter(effects(profile, PAPER)))
    assert effect.values(profile).size == 0
    write(grid=[block | {"draw": 1} for block in blocks])
    together = load_profile("tiny")
    simulate(together)
    assert effect.values(together).shape == (3, SCENES)


# what is missing


def test_effects_are_listed_before_anything_was_run(profile):
    assert profile.experiments()[0].key not in profile.store
    assert levels_of(profile, "mean") == levels_of(profile, "slope") == {"0.1", "0.2", "0.5"}
    with pytest.raises(GaspError, match="run it again"):
        judge(profile)


@pytest.fixture
def stored(profile, write, simulate, monkeypatch) -> tuple[Profile, pd.DataFrame]:
    """Results on disk, of the two networks that claims C1 and C6 need, and how they were judged before they were written."""
    write(
        datasets={"multi_mnist": DATASETS["multi_mnist"] | {"claims": ["C1", "C6"]}},
        grid=[{"datasets": ["multi_mnist"], "variants": ["gaspnet", "cnn_parameters"]}],
    )
    profile = load_profile("tiny")
    results = simulate(profile, hardness=independent)
    before = judge(profile)
    monkeypatch.setattr(Profile, "store", STORE)
    for run in profile.experiments():
        profile.store.save(run.key, results.table([run]), {}, results.correct(run.key))
    return profile, before


def test_results_are_judged_from_their_files(stored):
    profile, before = stored
    assert set(before["verdict"]) == {"holds", "not tested"}  # the stricter comparison was not run
    pd.testing.assert_frame_equal(judge(profile), before)


@pytest.mark.parametrize("kind", ["csv", "json", "npz"])
def test_a_missing_run_is_explained(kind, stored):
    profile, _ = stored
    missing = profile.experiment("multi_mnist", "cnn_parameters", 1).key
    (profile.store.directory / "results" / f"{missing}.{kind}").unlink()
    with pytest.raises(GaspError, match=f"run {missing} .*run it again"):
        judge(profile)


def test_a_run_that_was_not_measured_under_a_condition_does_not_count(stored):
    profile, before = stored
    key = profile.experiment("multi_mnist", "gaspnet", 1).key
    profile.store.save(key, profile.store.table([profile.experiment("multi_mnist", "gaspnet", 1)]), {}, {"blur/1/scene": []})
    assert before.loc[0, ["effect", "seeds"]].tolist() == ["GASPnet − CNN, as many parameters: no noise", 3]
    assert judge(profile).loc[0, "seeds"] == 2


def test_seeds_are_those_that_all_variants_have(write, profile, simulate):
    cells = {"datasets": ["multi_mnist"], "variants": ["cnn_parameters"], "seeds": [1, 2, 3]}
    write(grid=[cells, cells | {"variants": ["gaspnet"], "seeds": [0, 2, 1]}])
    profile = load_profile("tiny")
    store = simulate(profile, hardness=independent)
    effect, *_ = of_claim(profile, "C1", "parameters")
    right = {
        (variant, seed): store.correct(profile.experiment("multi_mnist", variant, seed).key)["clean/0/scene"][1]
        for variant, seed in itertools.product(("gaspnet", "cnn_parameters"), (1, 2))
    }
    expected = [right["gaspnet", seed].astype(int) - right["cnn_parameters", seed] for seed in (1, 2)]
    np.testing.assert_allclose(effect.values(profile), expected)


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize(
    "change",
    [
        {"grid.0.variants": ["gaspnet", *(name for name in RIVALS if name != "cnn_parameters")]},
        {"grid.0.datasets": ["cifar_mnist", "cifar_fashion"]},
        {"grid.0.variants": ["gaspnet"]},
        {"grid.0.variants": ["gattanet"]},
    ],
    ids=["a rival less", "a data set less", "no rival", "no GASPnet"],
)
def test_what_the_grid_leaves_out_is_not_tested_and_all_else_is_judged(change, write, judged):
    write(**change)
    profile = load_profile("tiny")
    table = judged(profile)
    run = {(run.dataset, run.variant) for run in profile.experiments()}
    needed = {
        (effect.claim, effect.text, effect.dataset): {(effect.dataset, term.variant) for term in effect.terms}
        for effect in effects(profile)
    }
    for row in table.itertuples():
        cells = needed.get((row.claim, row.effect, row.dataset), {(row.dataset, "gaspnet")})  # of C6
        assert row.verdict == ("holds" if cells <= run else "not tested")
        assert (row.seeds, math.isnan(row.mean)) == ((3, False) if cells <= run else (0, True))


# the rule


def test_results_as_claimed_make_every_claim_hold(profile, judged):
    table = judged(profile)
    assert set(table["verdict"]) == {"holds"}
    assert (table["low"] > 0).all()
    assert (table["seeds"] == 3).all()
    assert (table["p"] < ALPHA).all()
    found = verdicts.verdicts(table)
    assert set(found) == {"holds"}
    of_claims = found.reset_index().groupby("claim")["part"].agg(set)
    assert of_claims["C6"] == {"layer 1", "layer 2"}
    assert of_claims["C3"] == {"on average over noise", "more at higher noise"}
    assert of_claims["C7"] == {"phase modulation", "synchrony loss", "neighbourhood"}
    assert set.union(*of_claims.drop(["C3", "C6", "C7"])) == {"", STRICTER}


def test_results_against_the_claims_make_none_hold(profile, judged):
    table = judged(profile, chances=mirrored, lowest=0.6)
    assert set(table[~table["effect"].str.contains("photograph behind")]["verdict"]) == {"does not hold"}
    assert set(verdicts.verdicts(table)) == {"does not hold"}


def test_noise_is_unclear(profile, judged):
    table = judged(profile, chances=alike, hardness=independent, lowest=0.799)
    accuracy = table[~table["claim"].isin(["C6", "O1"]) & ~table["effect"].str.contains("photograph behind")]
    assert set(accuracy["verdict"]) == {"unclear"}


def test_the_stricter_comparison_does_not_overrule_the_paper_s(profile, judged):
    def chances(run: Experiment, _: str) -> tuple[float, float]:
        chance = {"gaspnet": 0.6, "cnn_compute": 0.7}.get(run.variant, 0.5)
        return chance, chance

    found = verdicts.verdicts(judged(profile, chances=chances))
    for claim, dataset in (("C1", "multi_mnist"), ("C2", "cifar_fashion"), ("C4", "multi_mnist"), ("C4", "cifar_mnist")):
        assert (found[claim, "", dataset], found[claim, STRICTER, dataset]) == ("holds", "does not hold")


@pytest.mark.parametrize(
    ("lowest", "of_layers"),
    [
        (0.85, ["holds", "holds"]),
        (0.75, ["holds", "does not hold"]),
        (0.65, ["does not hold"] * 2),
        (0.799, ["holds", "unclear"]),
    ],
)
def test_phases_separate_the_objects_in_each_layer_at_the_last_step(lowest, of_layers, profile, judged):
    table = judged(profile, lowest=lowest)
    rows = table[table["claim"] == "C6"]
    assert rows["effect"].str.contains("order|separation").all()
    assert rows["scenes"].isna().all()
    for layer, verdict in enumerate(of_layers, start=1):
        own = rows[rows["part"] == f"layer {layer}"]
        assert own["mean"].to_numpy() == pytest.approx(lowest + 0.1 * (2 - layer) + 0.001 - 0.8)
        assert own["dataset"].tolist() == ["multi_mnist"] * 2 + ["cifar_mnist"] * 2
        found = verdicts.verdicts(table)
        assert {found["C6", f"layer {layer}", dataset] for dataset in ("multi_mnist", "cifar_mnist")} == {verdict}


@pytest.mark.usefixtures("profile")
def test_the_largest_separation_of_three_objects_is_three_quarters(write, judged):
    write(**{"datasets.multi_mnist.scenes": {"objects": 3}, "datasets.multi_mnist.claims": ["C6"]})
    table = judged(load_profile("tiny"), lowest=0.65)
    rows = table[(table["claim"] == "C6") & (table["dataset"] == "multi_mnist") & (table["part"] == "layer 2")]
    assert rows["effect"].tolist() == ["layer 2: order within objects − 0.8", "layer 2: separation − 0.6"]
    assert rows["verdict"].tolist() == ["does not hold", "holds"]


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize("data", [{"items": "embedded_digits", "scenes": {"objects": 1}}, {"problem": "inside"}])
def test_one_object_cannot_be_separated(data, write, judged):
    write(**{"datasets.multi_mnist": data | {"claims": ["C6"]}})
    with pytest.raises(GaspError, match="claim C6 needs several objects"):
        judged(load_profile("tiny"))


def holm(raw: list[float]) -> list[float]:
    """Corrected by hand: the smallest p times their number, the next times one less, never below the one before."""
    corrected, largest = [0.0] * len(raw), 0.0
    for rank, index in enumerate(np.argsort(raw, kind="stable")):
        largest = max(largest, min(1.0, raw[index] * (len(raw) - rank)))
        corrected[index] = largest
    return corrected


def test_p_is_corrected_by_the_method_of_holm_apart_for_the_paper_s_claims_and_ours(profile, write, judged):
    def chances(run: Experiment, _: str) -> tuple[float, float]:
        return 0.5, 0.5 + 0.02 * (run.variant == "gaspnet") * len(run.dataset) / 11

    write(datasets={name: task | {"claims": [c for c in task["claims"] if c != "C6"]} for name, task in DATASETS.items()})
    profile = load_profile("tiny")
    table = judged(profile, chances=chances, hardness=independent).set_index(["claim", "effect", "dataset"])
    for ours in (False, True):
        family = [e for e in effects(profile) if (e.part == STRICTER or e.claim.startswith("O")) == ours]
        raw = [certainty(effect.values(profile))["p"] for effect in family]
        found = table.loc[[(effect.claim, effect.text, effect.dataset) for effect in family]]
        assert found["p"].tolist() == pytest.approx(holm(raw))
        assert set(found["family"]) == {"ours" if ours else "paper"}
        assert len(set(raw)) > 10


class Drawn(SimpleNamespace):
    """An effect with values drawn anew."""

    part, refutes_only = "", False

    def values(self, _profile) -> np.ndarray:
        return self.draw()


JUDGING = SimpleNamespace(judges=True, datasets={})


def test_without_effects_a_wrong_verdict_in_a_family_is_as_rare_as_it_should_be(monkeypatch):
    """Ten effects of the paper's and six of ours, all zero: seeds differ by chance, and so do scenes."""
    rng, raw = np.random.default_rng(0), []

    def null() -> np.ndarray:
        return rng.normal(0, 0.1, (5, 1)) + rng.choice([-1, 0, 0, 0, 1], (5, 40)) / 2

    def spied(values: np.ndarray) -> dict[str, float]:
        found = certainty(values.round(1))
        raw.append(found["p"])
        return found

    drawn = [Drawn(claim=c, text=str(i), dataset="x", draw=null) for i, c in enumerate(["C1"] * 5 + ["C8"] * 5 + ["O1"] * 6)]
    monkeypatch.setattr("gc.collect", lambda: 0)  # which the library calls, slowly, at every correction
    monkeypatch.setattr(verdicts, "certainty", spied)
    monkeypatch.setattr(verdicts, "effects", lambda *_: drawn)
    trials = 100
    wrong = {"C": 0, "O": 0}
    for _ in range(trials):
        table = judge(JUDGING)
        for family in wrong:
            wrong[family] += bool((table[table["claim"].str.startswith(family)]["verdict"] != "unclear").any())
    bound = ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / trials)
    assert max(wrong.values()) / trials <= bound
    uncorrected = (np.reshape(raw, (trials, -1))[:, :10] < ALPHA).any(1)
    assert uncorrected.mean() > bound  # so without correction the bound would be broken


@pytest.mark.parametrize(("mean", "verdict"), [(0.3, "holds"), (-0.3, "does not hold")])
def test_a_known_effect_among_many_that_are_none_is_found_in_its_direction(mean, verdict, monkeypatch):
    rng = np.random.default_rng(1)

    def draw(shift: float) -> np.ndarray:
        return (shift + rng.normal(0, 0.02, (5, 1)) + rng.choice([-1, 0, 0, 0, 1], (5, 200))).round(1)

    drawn = [Drawn(claim="C1", text=str(i), dataset="x", draw=lambda i=i: draw(mean if i == 3 else 0.0)) for i in range(10)]
    monkeypatch.setattr(verdicts, "effects", lambda *_: drawn)
    table = judge(JUDGING)
    assert table["verdict"].tolist() == [verdict if index == 3 else "unclear" for index in range(10)]


def test_seeds_that_agree_prove_nothing_where_few_scenes_differ(profile, judged):
    def chances(run: Experiment, _: str) -> tuple[float, float]:
        return 0.5, 0.5 + 2 / SCENES * (run.variant == "gaspnet")

    table = judged(profile, chances=chances, hardness=lambda *_: np.arange(SCENES) / SCENES)
    first = table[table["claim"] == "C1"]
    assert (first["low"] > 0).all()
    assert (first["p"] >= ALPHA).all()
    assert set(first["verdict"]) == {"unclear"}


@pytest.mark.usefixtures("profile")
def test_one_seed_tests_nothing(write, judged):
    write(seeds=[0])
    table = judged(load_profile("tiny"))
    assert table["low"].isna().all()
    assert table["p"].isna().all()
    assert table["mean"].notna().all()
    assert set(table["verdict"]) == set(verdicts.verdicts(table)) == {"not tested"}


@pytest.mark.usefixtures("profile")
def test_runs_that_are_too_short_judge_nothing(write, judged):
    write(judges=False, **{"grid.0.datasets": ["multi_mnist"]})
    table = judged(load_profile("tiny"))
    for found in (table.set_index("dataset")["verdict"], verdicts.verdicts(table).droplevel(["claim", "part"])):
        assert set(found["multi_mnist"]) == {"not judged"}
        assert set(found.drop("multi_mnist")) == {"not tested"}
    assert table["mean"].notna().sum() == (table["dataset"] == "multi_mnist").sum()


def test_an_effect_of_one_seed_is_no_test_to_correct_for(profile, write, judged):
    def chances(run: Experiment, _: str) -> tuple[float, float]:
        return 0.5, 0.52 if run.variant == "gaspnet" else 0.5

    alone = judged(profile, chances=chances, hardness=independent)
    rest = {"datasets": ["cifar_mnist", "cifar_fashion"], "variants": ["gaspnet", *RIVALS], "seeds": [0]}
    write(grid=[{"datasets": ["multi_mnist"], "variants": ["gaspnet", *RIVALS]}, rest])
    table = judge(load_profile("tiny"))
    tested = table.dropna(subset="p")
    assert set(tested["dataset"]) == {"multi_mnist"}
    before = alone.merge(tested, on=["claim", "effect", "dataset"])
    assert (before["p_y"] <= before["p_x"]).all()
    assert (before["p_y"] < before["p_x"]).any()


def test_a_profile_that_names_no_claim_judges_nothing(profile, write, judged):
    columns = judged(profile).columns.tolist()
    write(datasets={name: task | {"claims": []} for name, task in DATASETS.items()})
    table = judge(load_profile("tiny"))
    assert table.empty
    assert table.columns.tolist() == columns
    assert verdicts.verdicts(table).empty


@pytest.mark.parametrize(
    ("effects", "verdict"),
    [
        (["holds"], "holds"),
        (["holds", "holds"], "holds"),
        (["holds", "unclear"], "unclear"),
        (["unclear"], "unclear"),
        (["holds", "not tested"], "unclear"),
        (["not tested", "not tested"], "not tested"),
        (["does not hold", "holds"], "does not hold"),
        (["unclear", "does not hold"], "does not hold"),
        (["not judged", "not tested"], "not judged"),
    ],
    ids=", ".join,
)
def test_a_claim_needs_all_of_its_effects(effects, verdict):
    table = pd.DataFrame({"claim": "C2", "part": ["other", *[""] * len(effects)], "verdict": ["holds", *effects]})
    assert verdicts.verdicts(table.assign(dataset="x")).to_dict() == {("C2", "other", "x"): "holds", ("C2", "", "x"): verdict}


# two effects of the published results, by hand


@pytest.fixture
def published(monkeypatch) -> Profile:
    monkeypatch.chdir(ROOT)
    return load_profile("cpu")


def raw_table(profile: Profile, variant: str) -> pd.DataFrame:
    """The files of a variant's runs on two digits: share of scenes with both digits right, a column for each time step."""
    folder = ROOT / "runs" / "cpu" / "results"
    runs = profile.experiments(["multi_mnist"], [variant])
    rows = pd.concat([pd.read_csv(folder / f"{run.key}.csv").assign(seed=run.seed) for run in runs])
    return rows[(rows["metric"] == "scene_accuracy") & (rows["split"] == "test")].set_index("seed")


def assert_tested_over_seeds(values: np.ndarray, by_seed: pd.Series) -> None:
    """Mean, interval and p of an effect are those that scipy finds in its value for each seed."""
    found, expected = certainty(values), stats.ttest_1samp(by_seed, 0)
    assert values.mean(1) == pytest.approx(by_seed.to_numpy(), abs=1e-6)
    assert found["seeds"] == len(by_seed) >= 4
    assert (found["low"], found["high"]) == pytest.approx(tuple(expected.confidence_interval(0.95)), abs=1e-6)
    assert found["p"] >= expected.pvalue * (1 - 1e-4)


def test_the_gain_on_two_digits_is_that_of_the_raw_tables(published):
    clean = {name: raw_table(published, name).query("evaluation == 'clean'") for name in ("gaspnet", "cnn_parameters")}
    last = {"gaspnet": clean["gaspnet"]["2"], "cnn_parameters": clean["cnn_parameters"]["0"]}
    effect = next(iter(CLAIMS["C1"].effects("C1", "multi_mnist", published, OURS)))
    values = effect.values(published)
    assert_tested_over_seeds(values, last["gaspnet"] - last["cnn_parameters"])
    mean = last["gaspnet"].mean() - last["cnn_parameters"].mean()
    errors = [stats.sem(values.mean(axis)) for axis in (0, 1)]
    freedom = [values.shape[1] - 1, values.shape[0] - 1]
    joint = sum(error**2 for error in errors) ** 2 / sum(error**4 / n for error, n in zip(errors, freedom, strict=True))
    of_both = 2 * stats.t.sf(abs(mean) / math.hypot(*errors), joint)
    expected = max(of_both, stats.ttest_1samp(last["gaspnet"] - last["cnn_parameters"], 0).pvalue)
    assert certainty(values)["p"] == pytest.approx(expected, rel=1e-3)


def test_the_slope_of_growth_over_noise_is_that_of_the_raw_tables(published):
    noise = {name: raw_table(published, name).query("evaluation == 'gaussian'") for name in ("gaspnet", "cnn_parameters")}
    first = pd.DataFrame({name: rows.groupby("level")["0"].mean() for name, rows in noise.items()})
    levels = first.index[(first >= FLOOR).all(axis=1)]
    assert 2 <= len(levels) <= len(first)
    by_level = noise["gaspnet"].set_index("level", append=True)
    gains = (by_level["2"] - by_level["0"]).unstack("level")[levels]
    slopes = gains.apply(lambda gain: stats.linregress(levels, gain).slope, axis=1)
    _, effect = CLAIMS["C3"].effects("C3", "multi_mnist", published, OURS)
    assert "slope" in effect.text
    assert_tested_over_seeds(effect.values(published), slopes)


# the tables


@pytest.fixture
def judged_effects() -> pd.DataFrame:
    """Effects on two data sets, as :func:`judge` returns them."""
    nan = math.nan
    rows = [
        ("C1", "", "more", "multi_mnist", 0.1, 0.05, 0.15, 5, 1000, 0.0003, "holds"),
        ("C1", STRICTER, "less", "multi_mnist", -0.1, -0.15, -0.05, 5, 1000, 0.01234, "does not hold"),
        ("C1", "", "alike", "a<b", 0.0, nan, nan, 1, 1000, nan, "not tested"),
        ("C6", "layer 1", "order", "a<b", 0.1, 0.05, 0.15, 5, nan, 0.00002, "holds"),
        ("C6", "layer 2", "order", "a<b", nan, nan, nan, 0, nan, nan, "not tested"),
    ]
    columns = ["claim", "part", "effect", "dataset", "mean", "low", "high", "seeds", "scenes", "p", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def cells(markdown) -> list[list[str]]:
    """The rows of a table in Markdown, without its header."""
    lines = [line for line in markdown.data.splitlines() if line.startswith("| ")]
    return [line[2:-2].split(" | ") for line in lines[2:]]


def test_every_effect_is_a_row_and_a_tiny_p_a_bound(judged_effects):
    assert cells(effects_table(judged_effects)) == [
        ["C1", "+0.100 [+0.050,\N{NO-BREAK SPACE}+0.150]", "holds", "more", "two digits", "5", "1,000", "0.0003"],
        ["C1", "−0.100 [−0.150,\N{NO-BREAK SPACE}−0.050]", "does not hold", "less", "two digits", "5", "1,000", "0.012"],
        ["C1", "+0.000 (one seed: no interval)", "not tested", "alike", "a<b", "1", "1,000", ""],
        ["C6", "+0.100 [+0.050,\N{NO-BREAK SPACE}+0.150]", "holds", "order", "a<b", "5", "", "< 0.0001"],
        ["C6", "not run", "not tested", "order", "a<b", "0", "", ""],
    ]


def test_a_box_opens_a_chapter_with_verdicts_a_number_and_the_reason(stored):
    profile, table = stored
    box = claims_box(profile, ["C1", "C6"], "Because.").data
    accuracy, order = (table[(table["claim"] == claim) & (table["verdict"] == "holds")].iloc[0] for claim in ("C1", "C6"))
    layers = ", ".join(table[table["claim"] == "C6"]["part"].unique())
    title, _, _, why, *lines, note, _ = box.splitlines()
    assert title.endswith("In short")
    assert why == "Because."
    assert [line.strip() for line in lines if line.startswith(("- ", "  "))] == [
        "- ✓ **holds** · two digits, GASPnet\\",
        f"<small>{accuracy['effect']}: {formatted(accuracy, sign=True)}</small>",
        f"- ✓ **holds** ({layers}) · two digits, GASPnet\\",
        f"<small>{order['effect']}: {formatted(order, sign=True)}</small>",
    ]
    assert "Verdicts are corrected for the number of effects, intervals are not." in note
    assert "two digits" not in claims_box(profile, ["C1"], "Because.", ["cifar_mnist"]).data.replace(CLAIMS["C1"].text, "")


def test_a_box_shows_an_effect_that_decides():
    rows = pd.DataFrame({"claim": "O2", "part": "", "dataset": "x", "effect": ["one", "<two"], "mean": [0.1, -0.2], "seeds": 4})
    rows = rows.assign(low=rows["mean"] - 0.05, high=rows["mean"] + 0.05, p=0.07)
    verdict, effect = found(rows, "holds", "does not hold")
    assert verdict == "- ✗ **does not hold** · x\\"
    assert effect.startswith("  <small>&lt;two: −0.200")
    assert found(rows, "holds", "unclear")[1].endswith("], corrected p = 0.07</small>")
    verdict, effect = found(rows, "holds", "not tested")
    assert verdict == "- ? **unclear** · x\\"
    assert effect.startswith("  <small>one: ")


def test_a_box_lists_what_was_not_tested_in_one_last_line(monkeypatch, stored):
    profile, table = stored
    first = table["part"] == "layer 1"
    partly = table.assign(seeds=table["seeds"].where(first, 0), verdict=np.where(first, "holds", "not tested"))
    both = pd.concat([partly, partly.assign(dataset="a<b", verdict="not tested", seeds=0)])
    monkeypatch.setattr(verdicts, "judge", lambda *_: both)
    lines = claims_box(profile, ["C6"], "Because.").data.splitlines()
    items = [line for line in lines if line.startswith("- ")]
    assert items == [
        "- ✓ **holds** (layer 1) · two digits, GASPnet\\",
        "- ✓ **holds** (layer 1) · two digits, GASPnet (paper)\\",
        "- ○ **not tested** · two digits, GASPnet (layer 2); a<b, GASPnet (layer 1, layer 2); "
        "two digits, GASPnet (paper) (layer 2)",
    ]
    monkeypatch.setattr(verdicts, "judge", lambda *_: partly[first])
    assert "not tested" not in claims_box(profile, ["C6"], "Because.").data


def found(rows: pd.DataFrame, *kinds: str) -> list[str]:
    """The lines of the only item on effects with these verdicts."""
    (item,) = verdicts._found(rows.assign(verdict=list(kinds)), "x")
    return item.splitlines()


def test_a_box_does_not_judge_before_all_runs_are_done(stored):
    profile, _ = stored
    key = profile.experiment("multi_mnist", "cnn_parameters", 1).key
    (profile.store.directory / "results" / f"{key}.json").unlink()
    box = claims_box(profile, ["C1"], "Because.").data
    assert f"1 of {len(profile.experiments())} runs are missing (`gasp experiments run --profile tiny`)" in box
    assert "holds" not in box
    assert "Because" not in box


@pytest.fixture
def matrix(judged_effects) -> BeautifulSoup:
    alone = judged_effects.iloc[[0, 1, 3, 4]].assign(
        dataset=["multi_mnist", "multi_mnist", "a<b", "a<b"], verdict=["unclear", "holds", "not tested", "holds"]
    )
    return html(claims_table(judged_effects, alone)).table


def html(markdown) -> BeautifulSoup:
    """As Markdown is read, apart from its roles: a reference is a piece of code."""
    return BeautifulSoup(MarkdownIt("commonmark").render(markdown.data), "html.parser")


def test_the_matrix_has_a_heading_for_each_group_and_a_row_for_each_claim_and_layer(matrix):
    assert matrix["class"] == ["gasp-claims"]
    assert [cell.text for cell in matrix.thead.find_all("th")] == ["In our implementation", "two digits", "a<b"]
    bodies = matrix.find_all("tbody")
    assert [body.tr.text for body in bodies] == list(GROUPS.values())
    for body, group in zip(bodies, GROUPS, strict=True):
        heading, *rows = body.find_all("tr")
        assert (heading.th["scope"], heading.th["colspan"]) == ("rowgroup", "3")
        names = [row.th.code.text.split()[0] for row in rows]
        expected = [name for name, claim in CLAIMS.items() if claim.group == group]
        assert names == [name for name in expected for _ in range(2 if name == "C6" else 1)]
        assert all(len(row.find_all("td")) == 2 for row in rows)


def row_of(matrix: BeautifulSoup, claim: str) -> tuple[str, list]:
    (row,) = (row for row in matrix.find_all("tr") if row.th.text.strip().startswith(f"{{ref}}{claim} "))
    return row.th.text.strip(), row.find_all("td")


def test_a_cell_of_the_matrix_has_a_colour_a_sign_and_a_word_and_other_verdicts_below(matrix):
    text, (digits, other) = row_of(matrix, "C1")
    assert text == f"{{ref}}C1 <two-digits> {CLAIMS['C1'].text}"
    assert (digits["class"], digits["data-dataset"]) == (["holds"], "two digits")
    smalls = [small.extract() for small in digits.find_all("small")]
    assert [small.text.replace("\N{NO-BREAK SPACE}", " ") for small in smalls] == [
        "✗ stricter",
        "? paper alone",
        "✓ paper alone, stricter",
    ]
    assert [small.span["aria-label"] for small in smalls] == ["does not hold", "unclear", "holds"]
    assert digits.text == "✓\N{NO-BREAK SPACE}holds"
    assert digits.span["aria-hidden"] == "true"
    assert (other["class"], other["data-dataset"], other.text) == (["not-tested"], "a<b", "○\N{NO-BREAK SPACE}not tested")


def test_verdicts_after_longer_training_stand_in_the_cell_of_the_same_scenes(judged_effects):
    longer = judged_effects.iloc[[0, 0, 0]].assign(
        dataset=["multi_mnist_longer", "multi_mnist_longer", "a<b_longer"],
        part=["", STRICTER, ""],
        verdict=["unclear", "does not hold", "not tested"],
    )
    matrix = html(claims_table(pd.concat([judged_effects, longer]), judged_effects.iloc[:0])).table
    assert len(matrix.thead.find_all("th")) == 3
    _, (digits, other) = row_of(matrix, "C1")
    found = [small.text.replace("\N{NO-BREAK SPACE}", " ") for small in digits.find_all("small")]
    assert found == ["✗ stricter", "? longer", "✗ longer, stricter"]
    assert not other.find_all("small")
    alone = pd.concat([judged_effects, longer.assign(claim="C2"), longer.assign(dataset="new_longer")])
    headings = html(claims_table(alone, judged_effects.iloc[:0])).table.thead.find_all("th")
    assert [cell.text for cell in headings[3:]] == [dataset_label("multi_mnist_longer"), "a<b_longer", "new_longer"]


def test_a_cell_is_empty_where_a_claim_is_not_judged(matrix):
    _, found = row_of(matrix, "C2")
    assert [str(cell) for cell in found] == ["<td></td>", "<td></td>"]


def test_layers_have_rows_of_their_own(matrix):
    first, second = (row for row in matrix.find_all("tr") if "C6" in row.th.text)
    assert first.th.text.strip() == f"{{ref}}C6 <the-phases> {CLAIMS['C6'].text} layer 1"
    assert second.th.text.strip() == f"{{ref}}C6 <the-phases> {CLAIMS['C6'].text} layer 2"
    assert [row.th.em.text for row in (first, second)] == ["layer 1", "layer 2"]
    cells = [row.find_all("td")[1] for row in (first, second)]
    assert [cell["class"] for cell in cells] == [["holds"], ["not-tested"]]
    assert [[small.text for small in cell.find_all("small")] for cell in cells] == [
        [],
        ["✓\N{NO-BREAK SPACE}paper alone"],
    ]


def test_every_verdict_has_a_sign_and_a_colour_of_its_own():
    style = (ROOT / "book" / "static" / "style.css").read_text()
    assert len(set(verdicts.VERDICTS.values())) == len(verdicts.VERDICTS)
    for verdict in verdicts.VERDICTS:
        assert f".{verdict.replace(' ', '-')}" in style


def test_without_effects_the_matrix_has_no_data_sets(judged_effects):
    matrix = html(claims_table(judged_effects.iloc[:0], judged_effects.iloc[:0]))
    assert not matrix.find_all("td")
    assert len(matrix.find_all("th", scope="row")) == len(CLAIMS)


def test_the_data_sets_of_the_book_have_names_for_readers(published):
    assert set(published.datasets) <= set(NAMES)
    assert dataset_label("multi_mnist") == "two digits"
    assert dataset_label("of_my_own") == "of_my_own"
