"""What a variant costs: times as they were measured, and multiplications as they are counted by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from gasp.analysis.costs import multiplications, step_seconds
from gasp.experiments.profile import load_profile
from gasp.settings import GaspError


def test_a_step_takes_the_median_time_of_its_variant(tmp_path):
    rows = [("variant", "cnn", second) for second in (0.1, 0.9, 0.2)]
    rows += [("variant", "gaspnet", 1.0), ("variant", "gaspnet", 2.0), ("training", "cnn", 50.0)]
    pd.DataFrame(rows, columns=["group", "case", "seconds"]).to_csv(tmp_path / "bench.csv", index=False)
    assert step_seconds(tmp_path) == {"cnn": 0.2, "gaspnet": 1.5}


def test_a_table_without_variants_has_no_times(tmp_path):
    (tmp_path / "bench.csv").write_text("group,case,seconds\ntraining,cnn,0.1\n")
    assert step_seconds(tmp_path) == {}


def test_without_a_table_nothing_was_timed(tmp_path):
    assert step_seconds(tmp_path) == step_seconds(tmp_path / "nowhere") == {}


def test_a_damaged_table_is_explained(tmp_path):
    (tmp_path / "bench.csv").write_text("")
    with pytest.raises(GaspError, match=r"bench\.csv cannot be read .*run gasp bench"):
        step_seconds(tmp_path)


@pytest.mark.usefixtures("project")
def test_the_multiplications_of_a_cnn_are_those_of_its_shapes():
    run = load_profile("tiny").experiment("multi_mnist", "cnn", 0)
    convolutions = 9 * 1 * 4 * 8 * 8 + 9 * 4 * 4 * 4 * 4
    assert multiplications(run) == convolutions + 4 * 4 * 4 * 8 + 8 * 10


@pytest.mark.usefixtures("project")
def test_time_steps_and_iterations_are_multiplied_too(write):
    def of(variant: str, **settings: int) -> float:
        write(**{f"models.gaspnet.{name}": value for name, value in settings.items()})
        return multiplications(load_profile("tiny").experiment("multi_mnist", variant, 0))

    cnn, two, three = of("cnn"), of("gaspnet", steps=2), of("gaspnet", steps=3)
    assert cnn < two < three
    assert of("gaspnet", steps=3, iterations=4) > three
