"""Means with intervals, differences paired by seed, slopes, tests over seeds and scenes."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests

from gasp.analysis.statistics import (
    at_level,
    certainty,
    decomposition,
    formatted,
    head_metrics,
    last_step,
    levels_of,
    mean_interval,
    mean_over_levels,
    min_f_p,
    over_noise,
    paired_difference,
    paired_differences,
    student_p,
    summary,
    undisturbed,
)
from gasp.settings import GaspError

VALUES = {"cnn": [0.90, 0.92, 0.87, 0.91], "gaspnet": [0.93, 0.94, 0.91, 0.92]}


def table(values=VALUES) -> pd.DataFrame:
    rows = [(variant, seed, value) for variant, column in values.items() for seed, value in enumerate(column)]
    return pd.DataFrame(rows, columns=["variant", "seed", "value"])


def by_hand(values) -> dict[str, float]:
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))
    return {"mean": np.mean(values), "low": np.mean(values) - half, "high": np.mean(values) + half, "seeds": len(values)}


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12).filter(lambda values: np.ptp(values) > 1e-3))
def test_the_interval_is_student_s(values):
    assert mean_interval(values) == pytest.approx(by_hand(values), abs=1e-9)


def test_the_interval_of_three_values_by_a_table_of_t():
    half = 4.302653 * 1 / math.sqrt(3)
    assert mean_interval([1, 2, 3]) == pytest.approx({"mean": 2, "low": 2 - half, "high": 2 + half, "seeds": 3})


@pytest.mark.parametrize(("values", "mean"), [([0.5], 0.5), ([], math.nan)])
def test_fewer_than_two_values_have_no_interval(values, mean):
    expected = {"mean": mean, "low": math.nan, "high": math.nan, "seeds": len(values)}
    assert mean_interval(values) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_equal_values_have_an_interval_of_no_width(value, count):
    assert mean_interval([value] * count) == pytest.approx({"mean": value, "low": value, "high": value, "seeds": count})


def test_a_difference_is_paired_by_seed():
    differences = [0.03, 0.02, 0.04, 0.01]
    assert paired_difference(table(), "gaspnet", "cnn") == pytest.approx(by_hand(differences))


def test_a_difference_has_a_direction():
    there, back = paired_difference(table(), "gaspnet", "cnn"), paired_difference(table(), "cnn", "gaspnet")
    assert (there["mean"], there["low"], there["high"]) == pytest.approx((-back["mean"], -back["high"], -back["low"]))


@pytest.mark.parametrize("order", range(5))
def test_the_order_of_rows_and_other_variants_change_nothing(order):
    more = pd.concat([table(), table({"other": [0.1, 0.2]})]).sample(frac=1, random_state=order)
    assert paired_difference(more, "gaspnet", "cnn") == pytest.approx(paired_difference(table(), "gaspnet", "cnn"))


@pytest.mark.parametrize(
    "rows",
    [
        table({"cnn": [0.9, 0.8]}),
        table({"gaspnet": [0.9, 0.8]}),
        table({}),
        table({"cnn": [0.9, math.nan], "gaspnet": [math.nan, 0.8]}),
    ],
    ids=["no first", "no second", "nothing", "nan"],
)
def test_no_seed_in_common_is_refused(rows):
    with pytest.raises(GaspError, match="gaspnet and cnn have no seed in common"):
        paired_difference(rows, "gaspnet", "cnn")


def test_only_seeds_of_both_count():
    both = table({"cnn": [0.5, 0.6], "gaspnet": [0.7, 0.9]})
    more = table({"cnn": [0.5, 0.6], "gaspnet": [0.7, 0.9, 0.1]})
    assert paired_difference(more, "gaspnet", "cnn") == paired_difference(both, "gaspnet", "cnn")
    assert paired_differences(more, "gaspnet", "cnn").to_dict() == pytest.approx({0: 0.2, 1: 0.3})


def test_two_values_of_a_seed_are_refused():
    with pytest.raises(GaspError, match="more than one value"):
        paired_difference(pd.concat([table(), table().iloc[:1]]), "gaspnet", "cnn")


@pytest.mark.parametrize(
    ("interval", "sign", "text"),
    [
        ({"mean": 0.945, "low": 0.941, "high": 0.949, "seeds": 5}, False, "0.945 [0.941,\N{NO-BREAK SPACE}0.949]"),
        ({"mean": 0.0211, "low": 0.015, "high": 0.027, "seeds": 5}, True, "+0.021 [+0.015,\N{NO-BREAK SPACE}+0.027]"),
        ({"mean": -0.5, "low": -0.6, "high": -0.4, "seeds": 2}, True, "−0.500 [−0.600,\N{NO-BREAK SPACE}−0.400]"),
        ({"mean": 0.5, "low": math.nan, "high": math.nan, "seeds": 1}, False, "0.500 (one seed: no interval)"),
    ],
)
def test_an_interval_is_written_with_three_digits(interval, sign, text):
    assert formatted(interval, sign) == text


def test_a_summary_has_an_interval_for_each_combination():
    found = summary(
        pd.concat([table().assign(t=0), table().assign(t=1, value=lambda rows: rows["value"] / 2)]), ["variant", "t"]
    )
    assert found[["variant", "t"]].values.tolist() == [["cnn", 0], ["gaspnet", 0], ["cnn", 1], ["gaspnet", 1]]
    expected = by_hand([value / 2 for value in VALUES["gaspnet"]])
    assert found.iloc[3][["mean", "low", "high", "seeds"]].to_dict() == pytest.approx(expected)


def test_the_last_step_is_that_of_each_variant():
    rows = pd.DataFrame({"variant": ["a", "b", "b", "b"], "t": [0, 0, 1, 2]})
    assert last_step(rows).values.tolist() == [["a", 0], ["b", 2]]


RESULTS = pd.DataFrame(
    [
        ("test", "clean", "scene_accuracy", 0.0, 0, 1),
        ("test", "clean", "scene_accuracy", 0.0, 1, 2),
        ("test", "clean", "loss", 0.0, 1, 3),
        ("test", "scale", "scene_accuracy", 0.5, 1, 4),
        ("test", "scale", "scene_accuracy", 0.25, 0, 5),
        ("test", "scale", "loss", 0.5, 1, 6),
        ("test", "blur", "scene_accuracy", 0.5, 1, 7),
        ("validation", "training", "scene_accuracy", 1.0, 1, 8),
    ],
    columns=["split", "evaluation", "metric", "level", "t", "value"],
)


def test_the_heads_of_a_data_set_have_the_metrics_of_their_places():
    assert head_metrics(("objects", "background")) == {"objects": "head_0_accuracy", "background": "head_1_accuracy"}


def test_undisturbed_results_are_those_of_clean_scenes_at_every_step():
    assert undisturbed(RESULTS)[["level", "t", "value"]].values.tolist() == [[0, 0, 1], [0, 1, 2]]
    assert undisturbed(RESULTS, "loss")["value"].tolist() == [3]


def test_the_levels_of_an_evaluation_are_its_own():
    assert levels_of(RESULTS, "scale")[["level", "value"]].values.tolist() == [[0.5, 4], [0.25, 5]]
    assert levels_of(RESULTS, "scale", "loss")["value"].tolist() == [6]
    assert levels_of(RESULTS, "contrast").empty


@pytest.mark.parametrize(("evaluation", "level", "own"), [("scale", 1.0, [4, 5]), ("blur", 0.0, [7]), ("objects", 2.0, [])])
def test_undisturbed_scenes_are_included_at_the_level_that_is_given(evaluation, level, own):
    before = RESULTS.copy()
    found = levels_of(RESULTS, evaluation, undisturbed_at=level)
    assert found["value"].tolist() == [1, 2, *own]
    assert found["level"].tolist()[:2] == [level, level]
    assert found.index.is_unique
    pd.testing.assert_frame_equal(RESULTS, before)


def test_the_rows_of_a_level_are_found_in_spite_of_rounding():
    rows = pd.DataFrame({"level": [0.1 + 0.2, 0.3, 0.31], "value": [1, 2, 3]})
    assert at_level(rows, 0.3)["value"].tolist() == [1, 2]


def test_conditions_of_noise_are_the_last_steps_without_and_at_each_level():
    rows = [
        ("clean", 0.0, 0, 1),
        ("clean", 0.0, 1, 2),
        ("gaussian", 0.1, 0, 3),
        ("gaussian", 0.1, 1, 4),
        ("gaussian", 0.5, 1, 5),
    ]
    table = pd.DataFrame(rows, columns=["evaluation", "level", "t", "value"]).assign(variant="gaspnet", metric="scene_accuracy")
    found = {label: rows["value"].tolist() for label, rows in over_noise(table, [0.5, 0.1]).items()}
    assert found == {"no noise": [2], "σ = 0.5": [5], "σ = 0.1": [4]}


def test_levels_are_averaged_at_the_last_step():
    rows = [(x, t, "gaspnet", s, s + t * x) for x in (1, 2) for t in (0, 3) for s in (0, 1)]
    table = pd.DataFrame([*rows, (1, 0, "cnn", 1, 50.0)], columns=["level", "t", "variant", "seed", "value"])
    assert mean_over_levels(table).values.tolist() == [["cnn", 1, 50.0], ["gaspnet", 0, 4.5], ["gaspnet", 1, 5.5]]


def gains(seeds=(0, 1)) -> pd.DataFrame:
    """The CNN at 2.5; GASPnet's weights add 0.25 + seed to it, and its phases 0.125 + seed in each of two steps."""
    rows = [("cnn", seed, 0, 2.5) for seed in seeds]
    rows += [("gaspnet", seed, t, 2.5 + 0.25 + seed + t * (0.125 + seed)) for seed in seeds for t in (0, 1, 2)]
    return pd.DataFrame(rows, columns=["variant", "seed", "t", "value"])


def test_the_difference_is_what_training_does_to_the_weights_and_phases_to_the_sweeps():
    whole, weights, phases = decomposition(gains()).values()
    assert weights == pytest.approx(by_hand([0.25, 1.25]))
    assert phases == pytest.approx(by_hand([0.25, 2.25]))
    assert whole == pytest.approx(by_hand([0.5, 3.5]))
    assert whole["mean"] == pytest.approx(weights["mean"] + phases["mean"])


def test_the_parts_add_up_when_gaspnet_has_more_seeds_than_the_cnn():
    more = gains((0, 1, 2)).query("variant == 'gaspnet' or seed < 2")
    assert decomposition(more) == decomposition(gains())


def test_the_difference_to_a_cnn_that_was_not_run_has_no_parts():
    with pytest.raises(GaspError, match="gaspnet and cnn have no seed in common"):
        decomposition(gains().query("variant == 'gaspnet'"))


def test_several_levels_at_once_have_no_parts():
    with pytest.raises(GaspError, match="more than one value"):
        decomposition(pd.concat([gains(), gains()]))


def test_a_tie_is_rounded_alike_from_every_kind_of_row():
    """0.0195 as a number of Python and of numpy, which round ties differently."""
    rows = pd.DataFrame({"name": ["effect"], "mean": [0.0195], "low": [0.0105], "high": [0.0285], "seeds": [3]})
    (_, by_iteration), by_position = next(rows.iterrows()), rows.iloc[0]
    assert formatted(by_iteration) == formatted(by_position) == formatted(rows[["mean", "low", "high", "seeds"]].iloc[0])


# certainty over seeds and scenes


def drawn(rng: np.random.Generator, seeds: int = 5, scenes: int = 100, mean: float = 0.0, of_seeds: float = 0.0) -> np.ndarray:
    """What two models differ by, ``(seeds, scenes)``, in {-1, 0, 1}; ``of_seeds`` is how much seeds differ in their mean."""
    chance = np.clip(0.5 + mean + of_seeds * rng.standard_normal((seeds, 1)), 0, 1)
    return (rng.random((seeds, scenes)) < chance).astype(float) - (rng.random((seeds, scenes)) < 0.5)


def crossed(rng: np.random.Generator, seeds: int, scenes: int, *parts: float) -> np.ndarray:
    """Normal values of mean 0, ``(seeds, scenes)``; the parts are standard deviations over seeds, over scenes, and the rest."""
    shapes = [(seeds, 1), (1, scenes), (seeds, scenes)]
    return sum(part * rng.standard_normal(shape) for part, shape in zip(parts, shapes, strict=True))


def test_both_tests_are_those_of_the_library():
    """F of seeds and of scenes: mean squares of the mean, over those of the interaction with seeds and with scenes."""
    values = crossed(np.random.default_rng(3), 4, 30, 0.3, 1.0, 0.5) + 0.2
    seed, scene = np.indices(values.shape)
    table = pd.DataFrame({"value": values.ravel(), "seed": seed.ravel(), "scene": scene.ravel()})
    squares = anova_lm(ols("value ~ C(seed) + C(scene)", table).fit())["mean_sq"]
    over_seeds, over_scenes = (values.size * values.mean() ** 2 / squares[name] for name in ("C(seed)", "C(scene)"))
    smallest = over_seeds * over_scenes / (over_seeds + over_scenes)
    freedom = (over_seeds + over_scenes) ** 2 / (over_seeds**2 / 29 + over_scenes**2 / 3)
    assert min_f_p(values) == pytest.approx(stats.f.sf(smallest, 1, freedom))
    assert student_p(values.mean(1)) == pytest.approx(stats.ttest_1samp(values.mean(1), 0).pvalue)
    assert certainty(values)["p"] == max(min_f_p(values), student_p(values.mean(1)))


@pytest.mark.parametrize(("parts", "axis"), [((1.0, 0.0, 0.0), 1), ((0.0, 1.0, 0.0), 0)])
def test_where_only_seeds_or_only_scenes_differ_the_test_is_theirs(parts, axis):
    values = crossed(np.random.default_rng(1), 5, 40, *parts) + 0.1
    assert min_f_p(values) == pytest.approx(stats.ttest_1samp(values.mean(axis), 0).pvalue)


def test_with_a_single_scene_seeds_are_tested():
    values = np.array([[0.1], [0.2], [0.4]])
    assert certainty(values)["p"] == pytest.approx(stats.ttest_1samp(values[:, 0], 0).pvalue)


@pytest.mark.parametrize("seeds", [3, 10])
@pytest.mark.parametrize("parts", [(0.1, 1.0, 1.0), (0.2, 0.0, 1.0), (0.0, 1.0, 1.0)], ids=["both", "seeds", "scenes"])
def test_a_wrong_verdict_is_as_rare_as_it_should_be_wherever_chance_lies(parts, seeds):
    """The larger p of two tests, one over seeds and one over scenes, would be wrong too often with ten seeds, where both give
    the mean like parts of its error."""
    rng, trials = np.random.default_rng(0), 1000
    drawn = [crossed(rng, seeds, 500, *parts) for _ in range(trials)]
    bound = 0.05 + 2 * math.sqrt(0.05 * 0.95 / trials)
    assert np.mean([certainty(values)["p"] < 0.05 for values in drawn]) <= bound
    if parts == (0.1, 1.0, 1.0) and seeds == 10:
        larger = [max(stats.ttest_1samp(values.mean(axis), 0).pvalue for axis in (0, 1)) for values in drawn]
        assert np.mean(np.array(larger) < 0.05) > bound


@pytest.mark.parametrize("sign", [1, -1])
def test_an_effect_without_spread_is_certain_in_its_direction(sign):
    found = certainty(sign * np.ones((5, 100)))
    assert found == {"mean": sign, "low": sign, "high": sign, "seeds": 5, "scenes": 100, "p": 0.0}


@pytest.mark.parametrize(("sample", "p"), [([0.0, 0.0], 1.0), ([0.5, 0.5], 0.0), ([-0.1, 0.1], 1.0)])
def test_a_sample_without_spread_is_certain(sample, p):
    assert student_p(np.array(sample)) == pytest.approx(p)


def test_an_effect_without_scenes_is_tested_over_seeds_alone():
    found = certainty(np.array([0.1, 0.2, 0.3]))
    assert math.isnan(found["scenes"])
    assert found["p"] == pytest.approx(stats.ttest_1samp([0.1, 0.2, 0.3], 0).pvalue)


@pytest.mark.parametrize("seeds", [0, 1])
def test_fewer_than_two_seeds_are_not_tested(seeds):
    found = certainty(np.ones((seeds, 10)))
    assert math.isnan(found["p"])
    assert found["seeds"] == seeds


def test_what_differs_between_seeds_or_between_scenes_alone_proves_nothing():
    seeds = np.repeat([[0.5], [0.4], [-0.4], [0.6], [-0.3]], 100, axis=1)  # every scene agrees with its seed
    scenes = np.tile(np.r_[1.0, 1.0, np.zeros(98)], (5, 1))  # every seed agrees, on two scenes
    assert student_p(seeds.mean(0)) < 0.05 < certainty(seeds)["p"]
    assert student_p(scenes.mean(1)) < 0.05 < certainty(scenes)["p"]


@pytest.mark.parametrize("of_seeds", [0.0, 0.1])
def test_without_effects_any_verdict_is_as_rare_as_it_should_be(of_seeds):
    """The family-wise error of Holm's correction over 15 effects, in both directions, where seeds differ and where not."""
    rng = np.random.default_rng(0)
    families = [[certainty(drawn(rng, of_seeds=of_seeds))["p"] for _ in range(15)] for _ in range(100)]
    wrong = np.mean([(multipletests(p, method="holm")[1] < 0.05).any() for p in families])
    assert wrong <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 100)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_known_effect_is_found_in_its_direction(sign):
    found = [certainty(drawn(np.random.default_rng(seed), mean=0.3 * sign, of_seeds=0.02)) for seed in range(20)]
    assert np.mean([row["p"] < 0.01 and sign * row["mean"] > 0 for row in found]) >= 0.9
