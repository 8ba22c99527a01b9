"""The claims as effects, the rule that judges them, and its tables, on results whose answer is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from gasp.analysis.claims import CLAIMS, MARGIN, Effect, Term, datasets_of, effects
from gasp.analysis.statistics import resample_scenes
from gasp.analysis.verdicts import ALPHA, claims_table, datasets_table, effects_table, judge, verdicts
from gasp.experiments.profile import Profile, load_profile
from gasp.experiments.specification import Dataset, Experiment
from gasp.experiments.store import COLUMNS
from gasp.settings import GaspError

SCENES = 200
RIVALS = ["cnn_parameters", "cnn_compute", "gattanet", "no_modulation", "no_synchrony_loss", "no_neighbourhood"]
LEVELS = (0.1, 0.2, 0.5)
CONDITIONS = ["clean/0", *(f"gaussian/{level:g}" for level in LEVELS), "blur/1", "scale/0.8", "scale/0.5"]
PARTS = ["scene", "head_0", "head_1"]
PHOTOGRAPHS = {"items": "embedded_digits", "background": "embedded_photos", "scenes": {"objects": 1}}
DATASETS = {
    "multi_mnist": {"items": "embedded_digits", "claims": ["C1", "C3", "C4", "C6", "C7", "C8"]},
    "cifar_mnist": PHOTOGRAPHS | {"claims": ["C2", "C3", "C4", "C5", "C6", "C7", "C8"]},
    "cifar_fashion": PHOTOGRAPHS | {"claims": ["C2", "C5"]},
}

# the chance that a scene is right, of a run under a condition, at the first and the last step
Chances = Callable[[Experiment, str], tuple[float, float]]


@pytest.fixture
def profile(write) -> Profile:
    """A profile that asks for all that claims compare."""
    write(
        judges=True,
        seeds=[0, 1, 2],
        datasets=DATASETS,
        grid=[{"datasets": list(DATASETS), "variants": ["gaspnet", *RIVALS]}],
        **{"evaluation.corruptions": {"gaussian": list(LEVELS), "blur": [1.0]}, "evaluation.scales": [0.8, 0.5]},
    )
    return load_profile("tiny")


def as_claimed(run: Experiment, condition: str) -> tuple[float, float]:
    """GASPnet is better, at its last step, by the more the higher the noise; but not on the background."""
    if condition.endswith("head_1"):
        return 0.6, 0.6
    kind, level, _ = condition.split("/")
    gain = 0.1 + 0.4 * float(level) * (kind == "gaussian")
    return (0.6, 0.6 + gain) if run.variant == "gaspnet" else (0.5, 0.5)


def mirrored(run: Experiment, condition: str) -> tuple[float, float]:
    return tuple(1 - chance for chance in as_claimed(run, condition))


def phases(run: Experiment, lowest: float) -> pd.DataFrame:
    """Order and separation in two layers at two time steps, of which the last one counts."""
    values = {(layer, t): 0.5 if t == 0 else lowest + 0.1 * (2 - layer) for layer in (1, 2) for t in (0, 1)}
    rows = [
        [run.key, run.dataset, run.variant, run.seed, "test", "phases", layer, t, metric, value + 0.001 * run.seed]
        for metric in ("order_within", "separation", "nearness")
        for (layer, t), value in values.items()
    ]
    rows.append([run.key, run.dataset, run.variant, run.seed, "test", "longer", 0.0, 7, "scene_accuracy", 0.5])
    return pd.DataFrame(rows, columns=COLUMNS)


def paired(run: Experiment, _: str) -> np.ndarray:
    """How hard each scene is: alike for all variants and conditions, so that where chances are equal nothing differs."""
    return np.random.default_rng([run.seed, len(run.dataset)]).permutation(SCENES) / SCENES


def independent(run: Experiment, condition: str) -> np.ndarray:
    return np.random.default_rng([*run.key.encode(), *condition.encode()]).random(SCENES)


def keep(profile: Profile, chances: Chances = as_claimed, hardness=paired, lowest: float = 0.85) -> dict[tuple, np.ndarray]:
    """Keep results of the whole grid; whether each scene was right, by data set, variant, seed and condition."""
    kept = {}
    for run in profile.experiments():
        conditions = [f"{condition}/{part}" for condition in CONDITIONS for part in PARTS]
        right = {name: np.stack([hardness(run, name) < chance for chance in chances(run, name)]) for name in conditions}
        profile.store.save(run.key, phases(run, lowest), {}, right)
        kept |= {(run.dataset, run.variant, run.seed, name): values for name, values in right.items()}
    return kept


def judged(profile: Profile, **results) -> pd.DataFrame:
    keep(profile, **results)
    return judge(profile)


def of_claim(profile: Profile, claim: str, text: str = "") -> list[Effect]:
    return [effect for effect in effects(profile) if effect.claim == claim and text in effect.text]


# effects


def test_a_claim_is_judged_where_the_profile_says_so(profile):
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

    assert heads() == {"smaller items": {"head_0"}, "photographs behind them (margin 0.01)": {"head_1"}}
    monkeypatch.setattr(Dataset, "heads", ("background", "objects"))
    assert heads() == {"smaller items": {"head_1"}, "photographs behind them (margin 0.01)": {"head_0"}}


def test_a_profile_that_names_no_claim_judges_nothing(profile, write):
    write(datasets={name: task | {"claims": []} for name, task in DATASETS.items()})
    table = judge(load_profile("tiny"))
    assert table.empty
    assert table.columns.tolist() == judged(profile).columns.tolist()
    assert verdicts(table) == {}
    assert claims_table(table).data.count("**untested**") == len(CLAIMS)


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
        ({"evaluation.scales": []}, r"claim C5 has no conditions to compare \(smaller items\): add levels"),
        ({"evaluation.corruptions": {"blur": [1.0]}}, "claim C3 needs two levels of Gaussian noise"),
        ({"evaluation.corruptions": {"gaussian": [0.1]}}, "claim C3 needs two levels of Gaussian noise"),
    ],
    ids=["unknown", "no background", "no scales", "no noise", "one level"],
)
def test_a_claim_that_cannot_be_judged_is_explained(change, complaint, write):
    write(**change)
    with pytest.raises(GaspError, match=complaint):
        list(effects(load_profile("tiny")))


def test_an_effect_is_a_weighted_sum_paired_by_seed_and_scene(profile):
    kept = keep(profile, hardness=independent)
    terms = (
        Term(1.0, "gaspnet", "gaussian/0.1/scene"),
        Term(-1.0, "gaspnet", "gaussian/0.1/scene", step=0),
        Term(-0.25, "gattanet", "blur/1/head_0"),
    )
    found = Effect("C0", "some", "cifar_mnist", terms, margin=0.5).values(profile)
    assert found.shape == (3, SCENES)
    for seed, values in enumerate(found):
        first, last = kept["cifar_mnist", "gaspnet", seed, "gaussian/0.1/scene"].astype(float)
        other = kept["cifar_mnist", "gattanet", seed, "blur/1/head_0"][1]
        np.testing.assert_allclose(values, last - first - 0.25 * other + 0.5)


@pytest.mark.parametrize("claim", ["C1", "C2", "C4", "C5", "C7", "C8"])
def test_a_difference_is_a_mean_over_its_conditions(claim, profile):
    for effect in of_claim(profile, claim):
        by_variant: dict[str, list[float]] = {}
        for term in effect.terms:
            by_variant.setdefault(term.variant, []).append(term.weight)
        rival = by_variant.keys() - {"gaspnet"}
        assert len(rival) == 1
        assert sum(by_variant["gaspnet"]) == pytest.approx(1)
        assert sum(by_variant[rival.pop()]) == pytest.approx(-1)
        assert {term.step for term in effect.terms} == {1}


def test_noise_is_every_level_and_corruptions_are_all_of_them(profile):
    gaussian, every = (
        {term.condition for effect in of_claim(profile, "C4", text) for term in effect.terms}
        for text in ("Gaussian noise", "all corruptions")
    )
    assert gaussian == {f"gaussian/{level:g}/scene" for level in LEVELS}
    assert every == gaussian | {"blur/1/scene"}


@pytest.mark.parametrize("dataset", ["multi_mnist", "cifar_mnist"])
def test_growth_over_noise_is_the_mean_and_the_slope_of_a_fitted_line(dataset, profile):
    kept = keep(profile, hardness=independent)
    mean, slope = (
        next(effect for effect in of_claim(profile, "C3", text) if effect.dataset == dataset) for text in ("mean", "slope")
    )
    for seed in range(3):
        runs = [kept[dataset, "gaspnet", seed, f"gaussian/{level:g}/scene"].mean(1) for level in LEVELS]
        gains = [last - first for first, last in runs]
        assert mean.values(profile)[seed].mean() == pytest.approx(np.mean(gains))
        assert slope.values(profile)[seed].mean() == pytest.approx(np.polyfit(LEVELS, gains, 1)[0])


@pytest.mark.parametrize(("lost", "verdict"), [(0.0, "reproduced"), (0.02, "contradicted")])
def test_on_the_background_a_loss_below_the_margin_counts_as_none(lost, verdict, profile):
    def chances(run: Experiment, condition: str) -> tuple[float, float]:
        chance = 0.8 - lost * (run.variant == "gaspnet") if condition.endswith("head_1") else 0.5
        return chance, chance

    keep(profile, chances)
    for effect in of_claim(profile, "C5", "photographs"):
        assert effect.margin == MARGIN
        assert effect.values(profile).mean() == pytest.approx(MARGIN - lost)
    table = judge(profile)
    assert set(table[table["effect"].str.contains("photographs")]["verdict"]) == {verdict}


def test_seeds_are_those_that_all_variants_have(write, profile):
    cells = {"datasets": ["multi_mnist"], "variants": ["cnn_parameters"], "seeds": [1, 2, 3]}
    write(grid=[cells, cells | {"variants": ["gaspnet"], "seeds": [0, 2, 1]}])
    profile = load_profile("tiny")
    kept = keep(profile, hardness=independent)
    effect, *_ = of_claim(profile, "C1", "parameters")
    expected = [
        kept["multi_mnist", "gaspnet", seed, "clean/0/scene"][1].astype(int)
        - kept["multi_mnist", "cnn_parameters", seed, "clean/0/scene"][1]
        for seed in (1, 2)
    ]
    np.testing.assert_allclose(effect.values(profile), expected)


# what is missing


def test_a_missing_run_is_explained(profile):
    keep(profile)
    missing = profile.experiment("cifar_mnist", "gattanet", 1).key
    (profile.store.directory / "results" / f"{missing}.npz").unlink()
    with pytest.raises(GaspError, match=f"run {missing} .*run it again"):
        judge(profile)


def test_a_condition_that_was_not_tested_is_explained(profile, write):
    write(**{"evaluation.scales": [0.7]})
    profile = load_profile("tiny")
    keep(profile)
    with pytest.raises(GaspError, match=r"run .* was not tested so: .*\.npz has no scale/0\.7/head_0: there are"):
        judge(profile)


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize(
    "change",
    [
        {"grid.0.variants": ["gaspnet", *RIVALS[1:]]},
        {"grid.0.datasets": ["cifar_mnist", "cifar_fashion"]},
        {"grid.0.variants": ["gaspnet"]},
        {"grid.0.variants": ["gattanet"]},
    ],
    ids=["a rival less", "a data set less", "no rival", "no GASPnet"],
)
def test_what_the_grid_leaves_out_is_untested_and_all_else_is_judged(change, write):
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
        assert row.verdict == ("reproduced" if cells <= run else "untested")
        assert (row.seeds, math.isnan(row.mean)) == ((3, False) if cells <= run else (0, True))
    assert verdicts(table) == {
        claim: "reproduced" if set(rows["verdict"]) == {"reproduced"} else "inconclusive"
        for claim, rows in table.groupby("claim")
    }


# the rule


def test_results_as_claimed_reproduce_every_claim(profile):
    table = judged(profile)
    assert set(table["verdict"]) == {"reproduced"}
    assert (table["low"] > 0).all()
    assert (table["seeds"] == 3).all()
    assert (table["p"].dropna() < ALPHA).all()
    assert verdicts(table) == dict.fromkeys(CLAIMS, "reproduced")


def test_results_against_the_claims_contradict_them(profile):
    table = judged(profile, chances=mirrored, lowest=0.6)
    assert set(table[~table["effect"].str.contains("photographs")]["verdict"]) == {"contradicted"}
    assert verdicts(table) == dict.fromkeys(CLAIMS, "not reproduced")


def test_noise_is_inconclusive(profile):
    table = judged(profile, chances=lambda *_: (0.6, 0.6), hardness=independent, lowest=0.799)
    assert "reproduced" not in set(table["verdict"])
    assert (table["verdict"] == "inconclusive").mean() > 0.8  # 1 of 40 intervals lies below zero by chance


def test_p_is_corrected_for_all_effects_by_the_method_of_holm(profile):
    def chances(run: Experiment, _: str) -> tuple[float, float]:
        return 0.5, 0.5 + 0.02 * (run.variant == "gaspnet") * len(run.dataset) / 11

    keep(profile, chances, hardness=independent)
    raw = [resample_scenes(effect.values(profile).mean(0))["p"] for effect in effects(profile)]
    corrected, largest = {}, 0.0
    for rank, index in enumerate(np.argsort(raw, kind="stable")):
        largest = max(largest, min(1.0, raw[index] * (len(raw) - rank)))
        corrected[index] = largest
    expected = {(effect.claim, effect.text, effect.dataset): corrected[index] for index, effect in enumerate(effects(profile))}
    tested = judge(profile).dropna(subset="p")
    found = {(row.claim, row.effect, row.dataset): row.p for row in tested.itertuples()}
    assert found == pytest.approx(expected)
    assert len(set(raw)) > 10


def test_seeds_that_agree_prove_nothing_where_few_scenes_differ(profile):
    def chances(run: Experiment, _: str) -> tuple[float, float]:
        return 0.5, 0.5 + 2 / SCENES * (run.variant == "gaspnet")

    def alike(_run: Experiment, _condition: str) -> np.ndarray:
        return np.arange(SCENES) / SCENES

    table = judged(profile, chances=chances, hardness=alike)
    first = table[table["claim"] == "C1"]
    assert (first["low"] > 0).all()
    assert (first["p"] >= ALPHA).all()
    assert set(first["verdict"]) == {"inconclusive"}


@pytest.mark.parametrize(("lowest", "verdict"), [(0.85, "reproduced"), (0.75, "contradicted"), (0.799, "inconclusive")])
def test_phases_separate_the_objects_if_they_do_in_the_lowest_layer_at_the_last_step(lowest, verdict, profile):
    table = judged(profile, lowest=lowest)
    found = table[table["claim"] == "C6"]
    assert found["mean"].to_numpy() == pytest.approx(lowest + 0.001 - 0.8)
    assert found["dataset"].tolist() == ["multi_mnist", "multi_mnist", "cifar_mnist", "cifar_mnist"]
    assert found["effect"].str.startswith(("order", "separation")).all()
    assert found["p"].isna().all()
    assert set(found["verdict"]) == {verdict}


@pytest.mark.usefixtures("profile")
def test_one_seed_judges_nothing(write):
    write(seeds=[0])
    table = judged(load_profile("tiny"))
    assert table["low"].isna().all()
    assert set(table["verdict"]) == {"untested"}
    assert set(verdicts(table).values()) == {"inconclusive"}
    assert math.isfinite(table["mean"].sum())
    assert table["p"].isna().all()


@pytest.mark.usefixtures("profile")
def test_runs_that_are_too_short_judge_nothing(write):
    write(judges=False, **{"grid.0.datasets": ["multi_mnist"]})
    table = judged(load_profile("tiny"))
    assert dict(table.groupby("dataset")["verdict"].unique().map(list)) == {
        "cifar_fashion": ["untested"],
        "cifar_mnist": ["untested"],
        "multi_mnist": ["not judged"],
    }
    assert verdicts(table) == {claim: "inconclusive" if claim in ("C2", "C5") else "not judged" for claim in CLAIMS}
    assert table["mean"].notna().sum() == (table["dataset"] == "multi_mnist").sum()


def test_an_effect_of_one_seed_is_no_test_to_correct_for(profile, write):
    alone = judged(profile, chances=lambda run, _: (0.5, 0.52 if run.variant == "gaspnet" else 0.5), hardness=independent)
    rest = {"datasets": ["cifar_mnist", "cifar_fashion"], "variants": ["gaspnet", *RIVALS], "seeds": [0]}
    write(grid=[{"datasets": ["multi_mnist"], "variants": ["gaspnet", *RIVALS]}, rest])
    table = judge(load_profile("tiny"))
    tested = table.dropna(subset="p")
    assert set(tested["dataset"]) == {"multi_mnist"}
    before = alone.merge(tested, on=["claim", "effect", "dataset"])
    assert (before["p_y"] <= before["p_x"]).all()
    assert (before["p_y"] < before["p_x"]).any()


@pytest.mark.parametrize(
    ("effects", "verdict"),
    [
        (["reproduced"], "reproduced"),
        (["reproduced", "reproduced"], "reproduced"),
        (["reproduced", "inconclusive"], "inconclusive"),
        (["inconclusive"], "inconclusive"),
        (["reproduced", "untested"], "inconclusive"),
        (["contradicted", "reproduced"], "not reproduced"),
        (["inconclusive", "contradicted"], "not reproduced"),
        (["not judged", "untested"], "not judged"),
    ],
    ids=", ".join,
)
def test_a_claim_needs_all_of_its_effects(effects, verdict):
    table = pd.DataFrame({"claim": ["C1", *["C2"] * len(effects)], "verdict": ["reproduced", *effects]})
    assert verdicts(table) == {"C1": "reproduced", "C2": verdict}


# the tables


@pytest.fixture
def judged_effects() -> pd.DataFrame:
    """Four effects on two data sets, as :func:`judge` returns them."""
    nan = math.nan
    rows = [
        ("C1", "more", "digits", 0.1, 0.05, 0.15, 5, 1000, 0.00001, "reproduced"),
        ("C1", "less", "digits", -0.1, -0.15, -0.05, 5, 1000, 1.0, "contradicted"),
        ("C1", "alike", "photographs", 0.0, nan, nan, 1, nan, nan, "untested"),
        ("C6", "order", "photographs", nan, nan, nan, 0, nan, nan, "untested"),
    ]
    columns = ["claim", "effect", "dataset", "mean", "low", "high", "seeds", "scenes", "p", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def cells(markdown) -> list[list[str]]:
    """The rows of a table, without its header."""
    lines = [line for line in markdown.data.splitlines() if line.startswith("| ")]
    return [line[2:-2].split(" | ") for line in lines[2:]]


def test_every_effect_is_a_row(judged_effects):
    assert cells(effects_table(judged_effects)) == [
        ["C1", "+0.100 [+0.050,\N{NO-BREAK SPACE}+0.150]", "reproduced", "more", "`digits`", "5", "1,000", "0.0001"],
        ["C1", "−0.100 [−0.150,\N{NO-BREAK SPACE}−0.050]", "contradicted", "less", "`digits`", "5", "1,000", "1"],
        ["C1", "+0.000 (one seed: no interval)", "untested", "alike", "`photographs`", "1", "", ""],
        ["C6", "not run", "untested", "order", "`photographs`", "0", "", ""],
    ]


def test_every_claim_is_a_row_with_its_verdict_and_counts(judged_effects):
    rows = {row[0]: row[1:] for row in cells(claims_table(judged_effects))}
    assert list(rows) == list(CLAIMS)
    verdict = "**not reproduced**<br>digits: 1 reproduced, 1 contradicted<br>photographs: 1 untested"
    assert rows["C1"] == [CLAIMS["C1"].text, verdict, "{ref}`two-digits`"]
    assert rows["C2"][1] == "**untested**"
    assert rows["C6"][1] == "**inconclusive**<br>photographs: 1 untested"


def test_every_data_set_is_a_row_of_counts(judged_effects):
    markdown = datasets_table(judged_effects)
    assert markdown.data.startswith("| data set | reproduced | contradicted | untested |")
    assert cells(markdown) == [
        ["`digits`", "C1 (1 of 2)", "C1 (1 of 2)", ""],
        ["`photographs`", "", "", "C1 (1 of 1)<br>C6 (1 of 1)"],
    ]
