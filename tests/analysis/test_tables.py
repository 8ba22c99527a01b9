"""Tables of the pages: every cell is the mean or the paired difference that its row and column name."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from gasp.analysis import tables
from gasp.analysis.statistics import formatted, mean_interval, paired_difference
from gasp.analysis.tables import by_condition, by_seed, by_training, by_variant, parts_of_difference, table, table_of
from gasp.settings import GaspError

CLEAN = {"cnn": [0.90, 0.92, 0.87], "gaspnet": [0.93, 0.94, 0.91], "gattanet": [0.5, 0.6, 0.8]}
NOISY = {"cnn": [0.30, 0.32, 0.27], "gaspnet": [0.63, 0.54, 0.61], "gattanet": [0.2, 0.1, 0.3]}


def values(of: dict[str, list[float]]) -> pd.DataFrame:
    rows = [(variant, seed, value) for variant, column in of.items() for seed, value in enumerate(column)]
    return pd.DataFrame(rows, columns=["variant", "seed", "value"])


CONDITIONS = {"no noise": values(CLEAN), "noise": values(NOISY)}


def mean(label: str, variant: str) -> str:
    rows = CONDITIONS[label]
    return formatted(mean_interval(rows[rows["variant"] == variant]["value"]))


def gain(label: str, *pair: str) -> str:
    return formatted(paired_difference(CONDITIONS[label], *pair), sign=True)


def test_a_table_is_a_header_a_rule_and_rows():
    assert table(["a", "b"], [["1", ""], ["x", "y"]]).data == "| a | b |\n| --- | --- |\n| 1 |  |\n| x | y |"
    assert table(["a"], [["1"]], folded="All of it").data == "````{dropdown} All of it\n| a |\n| --- |\n| 1 |\n````"


def test_conditions_are_rows_and_variants_and_differences_columns():
    found = by_condition(CONDITIONS, "gaspnet", ("gaspnet", "cnn"), ("gattanet", "gaspnet"))
    assert found.columns.tolist() == ["GASPnet", "GASPnet − CNN, same layers", "GAttANet − GASPnet"]
    assert found.index.tolist() == list(CONDITIONS)
    for label in CONDITIONS:
        expected = [mean(label, "gaspnet"), gain(label, "gaspnet", "cnn"), gain(label, "gattanet", "gaspnet")]
        assert found.loc[label].tolist() == expected


def test_lengths_of_training_are_columns_beside_each_other():
    def trained(gain: float) -> pd.DataFrame:
        rows = []
        for (evaluation, level), of in {("clean", 0.0): CLEAN, ("gaussian", 0.1): NOISY, ("gaussian", 0.2): CLEAN}.items():
            table = values(of).assign(split="test", evaluation=evaluation, level=level, t=0, metric="scene_accuracy")
            rows.append(table.assign(value=table["value"] + gain * (table["variant"] == "gaspnet")))
        return pd.concat(rows, ignore_index=True)

    found = by_training({"short": trained(0.0), "long": trained(0.1)}, [0.1], "gaspnet", ("gaspnet", "cnn"))
    assert found.columns.tolist() == ["short", "long"]
    assert found.index.unique(0).tolist() == ["no noise", "σ = 0.1", "mean over noise"]
    assert found.loc[("no noise", "GASPnet"), "short"] == mean("no noise", "gaspnet")
    assert found.loc[("σ = 0.1", "GASPnet − CNN, same layers"), "short"] == gain("noise", "gaspnet", "cnn")
    for length, expected in {"short": "+0.163", "long": "+0.263"}.items():
        assert found.loc[("mean over noise", "GASPnet − CNN, same layers"), length].startswith(expected)


def test_results_are_found_for_both_lengths_of_training_even_if_an_override_makes_them_equal(monkeypatch):
    def runs(names: list[str], variants: list[str]) -> list[SimpleNamespace]:
        settings = {"training": SimpleNamespace(epochs=2), "evaluation": SimpleNamespace(draw=1)}
        found = [SimpleNamespace(dataset=name, **settings) for name in names if name != "a_longer"]
        return found if variants == ["cnn"] else []

    monkeypatch.setattr(tables, "run_all", lambda found, _: [run.dataset for run in found])
    profile = SimpleNamespace(experiments=runs)
    both = tables.lengths_of_training(profile, "b", ["cnn"])
    assert both == {"2 epochs (draw 1)": ["b"], "longer: 2 epochs (draw 1)": ["b_longer"]}
    assert tables.lengths_of_training(profile, "a", ["cnn"]) == {"2 epochs (draw 1)": ["a"]}


def test_a_difference_is_paired_by_seed_and_has_a_sign():
    found = by_condition({"": values({"cnn": [0.1, 0.5], "gaspnet": [0.2, 0.6]})}, ("gaspnet", "cnn"), ("cnn", "gaspnet"))
    assert found.iloc[0].tolist() == ["+0.100 [+0.100,\N{NO-BREAK SPACE}+0.100]", "−0.100 [−0.100,\N{NO-BREAK SPACE}−0.100]"]


def test_variants_are_rows_with_mean_and_difference_under_each_condition():
    found = by_variant(CONDITIONS, ["cnn", "gattanet", "gaspnet"])
    assert found.columns.tolist() == ["no noise", "GASPnet − this one, no noise", "noise", "GASPnet − this one, noise"]
    assert found.index.tolist() == ["CNN, same layers", "GAttANet", "GASPnet"]
    for row, variant in zip(found.to_numpy().tolist(), ["cnn", "gattanet", "gaspnet"], strict=True):
        gains = ["" if variant == "gaspnet" else gain(label, "gaspnet", variant) for label in CONDITIONS]
        assert row == [mean("no noise", variant), gains[0], mean("noise", variant), gains[1]]


def test_means_may_be_left_out():
    found = by_variant(CONDITIONS, ["gattanet", "cnn"], means=False)
    assert found.columns.tolist() == list(CONDITIONS)
    assert found.loc["CNN, same layers"].tolist() == [gain(label, "gaspnet", "cnn") for label in CONDITIONS]


@pytest.mark.parametrize("rows", [values({}), values({"cnn": [0.1]})], ids=["nothing", "one variant"])
def test_what_was_not_run_is_said(rows):
    assert by_condition({"": rows}, "gaspnet", ("gaspnet", "cnn")).iloc[0].tolist() == ["not run", "not run"]
    assert by_variant({"": rows}, ["gattanet"]).iloc[0].tolist() == ["not run", "not run"]


def test_several_values_of_a_seed_are_refused():
    with pytest.raises(GaspError, match="more than one value"):
        by_condition({"": pd.concat([values(CLEAN), values(NOISY)])}, ("gaspnet", "cnn"))


def test_the_parts_of_a_difference_are_rows():
    steps = pd.concat([values({"cnn": [0.5, 0.6]}).assign(t=0), values({"gaspnet": [0.6, 0.7]}).assign(t=0)])
    steps = pd.concat([steps, values({"gaspnet": [0.9, 1.0]}).assign(t=1)])
    found = parts_of_difference({"a": steps, "b": steps.assign(value=1.0)})
    assert found.columns.tolist() == ["a", "b"]
    assert [text[:6] for text in found["a"]] == ["+0.400", "+0.100", "+0.300"]
    assert [text[:6] for text in found["b"]] == ["+0.000"] * 3
    assert found.index.tolist() == ["last step − CNN, same layers", "first step − CNN, same layers", "last step − first step"]


@pytest.mark.parametrize(
    ("conditions", "index", "first"),
    [
        ({"x": CONDITIONS["noise"]}, ["noise"], "| noise | GASPnet |"),
        ({("x", "y"): CONDITIONS["noise"]}, ["a", "b"], "| a | b |"),
    ],
)
def test_the_index_makes_the_first_columns(conditions, index, first):
    lines = table_of(by_condition(conditions, "gaspnet"), *index).data.splitlines()
    labels = next(iter(conditions))
    assert lines[0].startswith(first)
    assert lines[2] == f"| {' | '.join([labels] if isinstance(labels, str) else labels)} | {mean('noise', 'gaspnet')} |"


def test_tables_of_several_data_sets_are_stacked():
    both = pd.concat({"`one`": by_variant(CONDITIONS, ["cnn"]), "`two`": by_variant(CONDITIONS, ["gaspnet"])})
    lines = table_of(both, "data set", "model").data.splitlines()
    assert lines[0] == "| data set | model | no noise | GASPnet − this one, no noise | noise | GASPnet − this one, noise |"
    assert [line.split(" | ")[:2] for line in lines[2:]] == [["| `one`", "CNN, same layers"], ["| `two`", "GASPnet"]]


def test_runs_and_seeds_are_rows_in_whatever_order_columns_have_them():
    last = pd.DataFrame(
        {"variant": ["cnn, examples = 64", "cnn, examples = 64", "gate"], "seed": [0, 1, 0], "value": [0.1, 0.2, 0.3]}
    )
    found = by_seed({"last": last, "first": last[::-1].assign(value=[0.6, 0.5, 0.4])})
    assert found.to_dict("list") == {"last": ["0.100", "0.200", "0.300"], "first": ["0.400", "0.500", "0.600"]}
    assert found.index.tolist() == [
        ("CNN, same layers, examples = 64", "0"),
        ("CNN, same layers, examples = 64", "1"),
        ("gate without phases", "0"),
    ]
