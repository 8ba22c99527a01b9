"""Profiles: what they say, what is refused in them, the grid of runs that they ask for, and single settings replaced."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from gasp.experiments.profile import Profile, load_profile
from gasp.experiments.store import STORED_COLUMNS
from gasp.experiments.variants import VARIANTS
from gasp.models import CNN, GASPnet
from gasp.settings import GaspError

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "book" / "profiles").glob("*.yaml"))
pytestmark = pytest.mark.usefixtures("project")


# profiles

STUDY = {"question": "?", "datasets": ["multi_mnist"], "epochs": 2, "runs": [{"variant": "gaspnet"}]}
TWO_CONVOLUTIONS = {"widths": [4, 4], "kernels": [3, 3], "strides": [1, 1]}


@pytest.mark.parametrize("name", NAMES)
def test_the_profiles_of_the_book_load(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    profile = load_profile(name)
    assert profile.name == name
    assert profile.description
    assert profile.judges == (name != "smoke")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"training.epochs": "five"}, "training.epochs: .*valid integer, not 'five'"),
        ({"training.epochs": 0}, "training.epochs: .*greater than or equal to 1, not 0"),
        ({"training.learning_rate": 0}, "training.learning_rate: .*greater than 0, not 0"),
        ({"models.gaspnet.steps": 0}, "models.gaspnet.steps: .*greater than or equal to 1, not 0"),
        ({"models.gaspnet.phase_init": "zero"}, "models.gaspnet.phase_init: .*'bottom_up', .* or 'told', not 'zero'"),
        ({"datasets.multi_mnist.scenes.scale": 0}, "datasets.multi_mnist.scenes.scale: .*greater than 0, not 0"),
        ({"datasets.multi_mnist.scenes.overlap": -0.1}, "datasets.multi_mnist.scenes.overlap: .*equal to 0, not -0.1"),
        ({"evaluation.scales": 0.1}, r"evaluation.scales: .*a list, such as \[0, 1\], not 0.1"),
        ({"evaluation.overlaps": [0.5, 1.5]}, "evaluation.overlaps.1: .*equal to 1, not 1.5"),
        ({"evaluation.objects": [0]}, "evaluation.objects.0: .*equal to 1, not 0"),
        ({"evaluation.corruptions": [0.1]}, r"evaluation.corruptions: .*object, not \[0.1\]"),
        ({"evaluation.corruptions.gaussian": [0]}, "evaluation.corruptions.gaussian.0: .*greater than 0, not 0"),
        ({"evaluation.corruptions.snow": [0.1]}, "evaluation.corruptions.snow.*: .*'gaussian', .*'contrast', not 'snow'"),
        ({"evaluation.corruptions.contrast": [2.0]}, "evaluation: contrast has no level 2.0: .* at most 1"),
        (
            {"evaluation.corruptions.blur": [5.1]},
            "in datasets.multi_mnist, blur of level 5.1 reaches across .* of 16 pixels: .* 5.0",
        ),
        ({"evaluation.noise": [0.1]}, "unknown key evaluation.noise: "),
        ({"seeds": []}, "seeds: .*at least 1 item"),
        ({"grid": ...}, "missing key grid"),
        ({"grid.0.seeds": []}, "grid.0.seeds: .*at least 1 item"),
        ({"grid.0.seeds": [-1]}, "grid.0.seeds.0: .*equal to 0, not -1"),
        ({"grid.0.draw": -1}, "grid.0.draw: .*equal to 0, not -1"),
        ({"grid.0.variants": []}, "grid.0.variants: .*at least 1 item"),
        ({"grid.0.datasets": []}, "grid.0.datasets: .*at least 1 item"),
        ({"grid.0.dataset": ["multi_mnist"]}, "unknown key grid.0.dataset: did you mean datasets?"),
        ({"grid.0.datasets": ["mnist"]}, "profile tiny has no data set 'mnist', but multi_mnist"),
        ({"grid.0.variants": ["cnn", "transformer"]}, "unknown variant 'transformer': there are cnn, .*gaspnet"),
        ({"datasets.multi_mnist.training": {"epoch": 3}}, "in datasets.multi_mnist, unknown key epoch: .* epochs"),
        ({"datasets.multi_mnist.models": {"gaspnet": {"steps": 0}}}, "datasets.multi_mnist.models.gaspnet.steps: .*1, not 0"),
        ({"datasets.multi_mnist.models": {"resnet": {}}}, "unknown key datasets.multi_mnist.models.resnet: .* gaspnet"),
        ({"datasets.multi_mnist.network": {"hidden": "x"}}, "datasets.multi_mnist.network.hidden: .*integer, not 'x'"),
        ({"datasets.multi_mnist.network": {"widths": [4]}}, "multi_mnist.network: .*one entry for each convolution"),
        (
            {"network": TWO_CONVOLUTIONS, "datasets.multi_mnist.models": {"gaspnet": {"widths": [4, 4, 4]}}},
            "in datasets.multi_mnist, widths, kernels and strides must have one entry for each",
        ),
        ({"studies.one": STUDY | {"datasets": ["mnist"]}}, "profile tiny has no data set 'mnist', but multi_mnist"),
        ({"studies.one": STUDY | {"runs": [{"variant": "gasp_net"}]}}, r"unknown variant 'gasp_net': did you mean gaspnet\?$"),
        ({"studies.one": STUDY | {"runs": []}}, "studies.one.runs: .*at least 1 item"),
        ({"studies.one": STUDY | {"runs": [{"variant": "cnn", "model": {"steps": 3}}]}}, "in studies.one, unknown key steps"),
        ({"studies.one": STUDY | {"noise": [0]}}, "studies.one.noise.0: .*greater than 0, not 0"),
        ({"datasets.multi_mnist.network": 3}, "datasets.multi_mnist.network: .*object, not 3"),
        ({"workers": -1}, "workers: .*greater than or equal to 0, not -1"),
        ({"training": [1]}, "training: .*object, not"),
        ({"training.epoch": 3}, "unknown key training.epoch: did you mean epochs?"),
        ({"datasets.multi_mnist.scenes.scales": 1}, "unknown key datasets.multi_mnist.scenes.scales: did you mean scale?"),
        ({"training.epochs": ...}, "missing key training.epochs"),
        ({"evaluation": ...}, "missing key evaluation"),
        ({"datasets.multi_mnist.items": ...}, "datasets.multi_mnist: .*either items or a problem"),
    ],
    ids=str,
)
def test_a_wrong_key_of_a_profile_is_named(change, complaint, write):
    path = write(**change)
    with pytest.raises(GaspError, match=complaint) as error:
        load_profile("tiny")
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"training: {epochs: 1}\ntraining: {epochs: 2}\n", 'duplicate key "training"'),
        (b"training: {epochs: 1, epochs: 2}\n", 'duplicate key "epochs"'),
        (b"training: [1\n", "line 2"),
        (b"a: b: c\n", "line 1"),
        (b"\tdescription: x\n", "line 1"),
        (b"\x00\x01", "not a profile"),
        (b"\xff\xfe\xfa", "not a profile"),
        (b"- smoke\n", "must be a mapping"),
        (b"smoke\n", "must be a mapping"),
        (b"", "must be a mapping"),
    ],
)
def test_what_is_no_profile_is_refused(content, complaint, project):
    path = project / "book" / "profiles" / "tiny.yaml"
    path.write_bytes(content)
    with pytest.raises(GaspError, match=complaint) as error:
        load_profile("tiny")
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_date_is_refused_with_the_name_of_its_key(write):
    path = write()
    path.write_text(path.read_text().replace("workers: 1", "workers: 2026-01-01"))
    with pytest.raises(GaspError, match="workers: "):
        load_profile("tiny")


def test_a_profile_is_called_as_its_file(write):
    write(name="cpu")
    with pytest.raises(GaspError, match="name"):
        load_profile("tiny")


def test_an_unknown_profile_is_answered_with_the_known_ones(project):
    shutil.copy(project / "book" / "profiles" / "tiny.yaml", project / "book" / "profiles" / "other.yaml")
    with pytest.raises(GaspError, match="unknown profile 'tine': there are other, tiny"):
        load_profile("tine")


@pytest.mark.parametrize("text", ["1e-3", "1.0e-3", "0.001"])
def test_a_number_in_scientific_notation_is_a_number(text, write):
    path = write()
    path.write_text(path.read_text().replace("learning_rate: 0.005", f"learning_rate: {text}"))
    assert load_profile("tiny").training.learning_rate == 0.001


# the grid


@pytest.fixture
def kinds(monkeypatch):
    """The data sets and variants that the grid of a profile of the book has."""
    monkeypatch.chdir(ROOT)
    return lambda name: {(run.dataset, run.variant) for run in load_profile(name).experiments()}


# what has only been tried, in studies
VALIDATED = {"gaspnet_two_steps", "told_phases"}
# what is tested on two digits in front of a photograph
ADDITIONS = {"no_gate", "no_alignment", "no_key_loss", "layer_keys", "fixed_modulation", "gate_labels", "gaspnet_labels"}
# what is tested on two digits alone, with and without a photograph
BEYOND = {"cnn_wide", "cnn_wider", "komplexnet", "komplexnet_feedback", "predictive_cnn", "predictive_gaspnet"}
BEYOND |= {"no_modulation", "no_synchrony_loss", "no_neighbourhood"}


@pytest.mark.parametrize("name", ["smoke", "paper"])
def test_the_grid_of_the_book_has_what_its_claims_compare(name, kinds):
    variants = VARIANTS.keys() - VALIDATED - ADDITIONS
    assert kinds(name) >= {("multi_mnist_cifar", variant) for variant in ADDITIONS}
    assert kinds(name) >= {("multi_mnist", variant) for variant in variants}
    assert kinds(name) >= {("cifar_mnist", variant) for variant in variants - BEYOND}
    assert ("cifar_fashion", "paper_gaspnet") in kinds(name)


def test_what_has_been_run_so_far_is_of_the_grid(kinds):
    assert {("multi_mnist", "gaspnet"), ("multi_mnist", "cnn_parameters")} <= kinds("cpu") <= kinds("paper")


def cells(runs) -> list[tuple[int, str, str]]:
    return [(run.seed, run.dataset, run.variant) for run in runs]


@pytest.fixture
def two(write) -> Profile:
    """A profile of two data sets and three blocks, that overlap."""
    write(
        **{"datasets.other": {"items": "embedded_digits", "models": {"gaspnet": {"steps": 3, "modulation": 0.5}}}},
        grid=[
            {"datasets": ["multi_mnist", "other"], "variants": ["gaspnet", "no_modulation"]},
            {"datasets": ["multi_mnist"], "variants": ["cnn", "gaspnet"], "seeds": [4, 1]},
            {"datasets": ["other"], "variants": ["gaspnet"], "seeds": [0]},
        ],
    )
    return load_profile("tiny")


def test_the_grid_is_run_seed_by_seed_and_nothing_twice(two):
    every = [(dataset, variant) for dataset in ("multi_mnist", "other") for variant in ("gaspnet", "no_modulation")]
    expected = [(0, *cell) for cell in every] + [(1, *cell) for cell in every]
    expected += [(1, "multi_mnist", "cnn"), (4, "multi_mnist", "cnn"), (4, "multi_mnist", "gaspnet")]
    assert cells(two.experiments()) == expected


def test_a_block_may_be_tested_on_scenes_of_its_own_without_another_training(write):
    cell = {"datasets": ["multi_mnist"], "seeds": [0]}
    write(**{"evaluation.draw": 2}, grid=[cell | {"variants": ["gaspnet"]}, cell | {"variants": ["cnn"], "draw": 0}])
    profile = load_profile("tiny")
    gaspnet, cnn = profile.experiments()
    assert (gaspnet.evaluation.draw, cnn.evaluation.draw) == (2, 0)
    assert profile.experiment("multi_mnist", "cnn", 0) == cnn
    other = load_profile("tiny", draw=2).experiment("multi_mnist", "cnn", 0)
    assert other.evaluation.draw == profile.experiment("multi_mnist", "cnn", 1).evaluation.draw == 2
    assert other.weights_name == cnn.weights_name
    assert other.key != cnn.key


def test_a_run_that_two_blocks_test_on_different_scenes_is_refused(write):
    cell = {"datasets": ["multi_mnist"], "variants": ["cnn"]}
    write(grid=[cell | {"seeds": [0, 1]}, cell | {"seeds": [1], "draw": 3}])
    with pytest.raises(GaspError, match="in grid, two blocks test cnn on multi_mnist on different draws of scenes"):
        load_profile("tiny")


@pytest.mark.parametrize("datasets", [None, ["other"], ["other", "multi_mnist"], []], ids=str)
@pytest.mark.parametrize("variants", [None, ["cnn"], ["no_modulation", "cnn"], ["komplexnet"]], ids=str)
def test_a_part_of_the_grid_is_chosen_by_data_set_and_variant(datasets, variants, two):
    chosen = cells(two.experiments(datasets, variants))
    assert chosen == [
        (seed, dataset, variant)
        for seed, dataset, variant in cells(two.experiments())
        if (datasets is None or dataset in datasets) and (variants is None or variant in variants)
    ]


@pytest.mark.parametrize(("datasets", "variants", "known"), [(["nowhere"], None, "multi_mnist"), (None, ["gasp"], "gaspnet")])
def test_an_unknown_data_set_or_variant_is_answered_with_the_known_ones(datasets, variants, known):
    with pytest.raises(GaspError, match=known):
        load_profile("tiny").experiments(datasets, variants)


# studies


def test_a_study_is_runs_that_are_only_validated(write):
    runs = [{"variant": "gaspnet"}, {"variant": "gaspnet", "model": {"iterations": 3}, "training": {"synchrony_weight": 2.0}}]
    write(**{"studies.one": STUDY | {"seeds": [0, 3], "noise": [0.2], "runs": runs}})
    profile = load_profile("tiny")
    study = profile.study("one")
    label = "gaspnet, iterations = 3, synchrony_weight = 2.0"
    assert cells(study) == [(seed, "multi_mnist", name) for seed in (0, 3) for name in ("gaspnet", label)]
    for run in study:
        assert (run.evaluation.split, run.training.epochs) == ("validation", 2)
        assert [(condition.evaluation, condition.level) for condition in run.conditions()] == [("gaussian", 0.2)]
    assert (study[1].model.iterations, study[1].training.synchrony_weight) == (3, 2.0)
    assert study[0].model == profile.experiment("multi_mnist", "gaspnet", 0).model


def test_a_study_measures_its_runs_under_the_changes_and_by_the_attributions_that_it_names(write):
    asked = {"objects": [3], "overlaps": [0.5], "attributions": ["occlusion"]}
    write(**{"studies.one": STUDY | asked})
    (one,) = load_profile("tiny").study("one")
    assert [(condition.evaluation, condition.level) for condition in one.conditions()] == [("objects", 3), ("overlap", 0.5)]
    assert one.evaluation.attributions == ("occlusion",)
    write(**{"studies.one": STUDY | {"attributions": ["guess"]}})
    with pytest.raises(GaspError, match="attributions"):
        load_profile("tiny")


def test_a_study_of_the_grid_s_own_runs_needs_no_training(write):
    write(**{"studies.one": STUDY | {"epochs": 1}})
    profile = load_profile("tiny")
    (validated,), tested = profile.study("one"), profile.experiment("multi_mnist", "gaspnet", 0)
    assert validated.weights_name == tested.weights_name
    assert validated.key != tested.key


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["cnn", "gaspnet", "cnn", "gaspnet", "gaspnet"]),
        ({"variants": ["cnn"]}, ["cnn", "cnn"]),
        ({"studies": ["one"]}, ["gaspnet"]),
        ({"variants": ["cnn"], "studies": ["one"]}, []),
        ({"variants": ["gaspnet"], "studies": ["one", "two"]}, ["gaspnet", "gaspnet, iterations = 3"]),
        ({"variants": ["cnn"], "studies": ["two"]}, ["cnn"]),
        ({"datasets": ["multi_mnist"], "studies": ["one", "two"]}, ["gaspnet", "cnn", "gaspnet, iterations = 3"]),
        ({"seeds": [1]}, ["cnn", "gaspnet"]),
    ],
    ids=str,
)
def test_what_is_asked_for_together_narrows_the_choice(asked, expected, write):
    two = STUDY | {"runs": [{"variant": "cnn"}, {"variant": "gaspnet", "model": {"iterations": 3}}]}
    write(**{"studies.one": STUDY} | ({"studies.two": two} if "two" in asked.get("studies", ()) else {}))
    assert [run.variant for run in load_profile("tiny").all_runs(**asked)] == expected


def test_of_studies_only_what_is_stored_is_shown(write):
    write(**{"studies.one": STUDY | {"seeds": [0, 3]}, "studies.two": STUDY | {"seeds": [1]}})
    profile = load_profile("tiny")
    (_, measured), (other,) = profile.study("one"), profile.study("two")
    for run in (measured, other):
        rows = pd.DataFrame([["validation", "clean", 0.0, 0, "scene_accuracy", 0.5]], columns=STORED_COLUMNS)
        profile.store.save(run.key, rows, {}, {})
    assert profile.studied("one")["seed"].tolist() == [3]
    assert profile.studied("one", "two")["seed"].tolist() == [3, 1]


def test_networks_to_look_at_are_those_of_the_cpu_profile_where_runs_are_too_short(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert load_profile("smoke").examples == load_profile("cpu")
    assert load_profile("paper").examples == load_profile("paper")


def test_an_unknown_study_is_answered_with_the_known_ones(write):
    write(**{"studies.one": STUDY})
    with pytest.raises(GaspError, match="no study 'two', but one"):
        load_profile("tiny").study("two")


# what data sets change


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        ("network", {"hidden": 9}),
        ("models.gaspnet", {"steps": 5, "neighbourhood": 0.3}),
        ("training", {"epochs": 3, "batch_size": 8}),
    ],
)
def test_a_data_set_changes_its_own_runs_and_no_others(section, changes, write):
    write(**{"datasets.other": {"items": "embedded_digits", "scenes": {"scale": 0.5, "size": 16}}})
    first = load_profile("tiny").experiment("multi_mnist", "gaspnet", 0)
    nested = {"models": {"gaspnet": changes}} if section == "models.gaspnet" else {section: changes}
    write(**{"datasets.other": {"items": "embedded_digits", "scenes": {"scale": 0.5, "size": 16}} | nested})
    profile = load_profile("tiny")
    part = "training" if section == "training" else "model"
    expected = first.model_copy(update={"dataset": "other", part: getattr(first, part).changed(changes)})
    assert profile.experiment("other", "gaspnet", 0) == expected
    assert profile.experiment("multi_mnist", "gaspnet", 0) == first


def test_a_variant_is_what_it_is_on_every_data_set(two):
    changed, without = (two.experiment("other", variant, 0).model for variant in ("gaspnet", "no_modulation"))
    assert (changed.steps, changed.modulation) == (3, 0.5)
    assert (without.steps, without.modulation) == (3, 0)


def test_a_setting_of_one_model_is_none_of_another(two):
    steps = {variant: getattr(two.experiment("other", variant, 0).model, "steps", None) for variant in VARIANTS}
    without = {variant for variant, number in steps.items() if number is None}
    assert without == {name for name, variant in VARIANTS.items() if variant.model is CNN}
    assert steps["gaspnet"] == 3
    assert steps["komplexnet"] == 2, "that of the profile"


# overrides

RECURRENT = ("gaspnet", "gattanet", "komplexnet", "predictive_cnn", "predictive_gaspnet")


@pytest.mark.parametrize(
    ("key", "full", "value"),
    [
        ("epochs", "training.epochs", 7),
        ("training.epochs", "training.epochs", 7),
        ("key_size", " ".join(f"models.{kind}.key_size" for kind in ("gaspnet", "gattanet", "predictive_gaspnet")), 7),
        ("steps", " ".join(f"models.{kind}.steps" for kind in RECURRENT), 7),
        ("gaspnet.steps", "models.gaspnet.steps", 7),
        ("models.gaspnet.modulation", "models.gaspnet.modulation", 0.5),
        ("hidden", "network.hidden", 7),
        ("scales", "evaluation.scales", [0.5]),
        ("training.scenes", "training.scenes", 7),
        ("evaluation.scenes", "evaluation.scenes", 7),
        ("seeds", "seeds", [7]),
        ("device", "device", "auto"),
    ],
)
def test_one_setting_is_replaced_by_its_name(key, full, value, flat):
    before, after = (flat(load_profile("tiny", **changes)) for changes in ({}, {key: value}))
    assert all(before[name] != value for name in full.split())
    assert after == before | dict.fromkeys(full.split(), value)


def test_a_section_that_the_profile_leaves_out_can_be_overridden(write):
    write(models=...)
    assert load_profile("tiny", **{"gaspnet.steps": 7}).models.gaspnet == GASPnet.Settings(steps=7)


def test_an_ambiguous_name_is_answered_with_the_full_ones():
    with pytest.raises(GaspError, match=r"'scenes' could be training.scenes or evaluation.scenes: write it in full"):
        load_profile("tiny", scenes=3)


@pytest.mark.parametrize(("key", "near"), [("epoch", "epochs"), ("training.step", "steps"), ("networks", "workers")])
def test_an_unknown_name_is_answered_with_the_nearest_known_one(key, near):
    with pytest.raises(GaspError, match=rf"unknown parameter '{key}': did you mean {near}\?$"):
        load_profile("tiny", **{key: 3})


@pytest.mark.parametrize("key", ["", "qqq"])
def test_an_unknown_name_that_resembles_none_is_answered_with_all(key):
    with pytest.raises(GaspError, match=rf"unknown parameter '{key}': there are .*epochs.*steps"):
        load_profile("tiny", **{key: 3})


@pytest.mark.parametrize("key", ["training.steps", "network", "training", "name"])
def test_what_is_no_setting_of_its_own_is_refused(key):
    with pytest.raises(GaspError, match=f"unknown parameter '{key}'"):
        load_profile("tiny", **{key: 3})


@pytest.mark.parametrize(("key", "value"), [("epochs", "five"), ("steps", 0), ("seeds", 3), ("scales", "loud")])
def test_an_override_is_as_strict_as_the_profile(key, value):
    with pytest.raises(GaspError, match=rf"tiny.yaml with {key}={value}: .*{key}: .*not {value!r}"):
        load_profile("tiny", **{key: value})


def test_an_override_wins_over_what_a_data_set_says(write):
    write(**{"datasets.multi_mnist.training": {"epochs": 5, "batch_size": 8}})
    training = load_profile("tiny", epochs=2).experiment("multi_mnist", "gaspnet", 0).training
    assert (training.epochs, training.batch_size) == (2, 8)


def test_an_override_wins_over_the_seeds_of_a_block(two):
    assert {run.seed for run in two.experiments()} == {0, 1, 4}
    assert {run.seed for run in load_profile("tiny", seeds=[7]).experiments()} == {7}


def test_an_override_wins_over_the_draw_of_a_block(write):
    cell = {"datasets": ["multi_mnist"], "seeds": [0]}
    write(grid=[cell | {"variants": ["gaspnet"]}, cell | {"variants": ["cnn"], "draw": 2}])
    assert [run.evaluation.draw for run in load_profile("tiny").experiments()] == [0, 2]
    assert [run.evaluation.draw for run in load_profile("tiny", draw=3).experiments()] == [3, 3]


@pytest.mark.parametrize(
    "changes",
    [{"key_weight": 0.0}, {"training.key_weight": 0.5}, {"readout": "last"}, {"epochs": 2, "gaspnet.readout": "mean"}],
)
def test_an_override_that_all_variants_contradict_is_refused(changes, write):
    write(grid=[{"datasets": ["multi_mnist"], "variants": ["gaspnet"]}])
    key = [*changes][-1]
    with pytest.raises(GaspError, match=rf"parameter '{key}' changes no run of profile tiny: .*\(gaspnet\)"):
        load_profile("tiny", **changes)


@pytest.mark.parametrize(
    "changes", [{"key_weight": 0.5}, {"epochs": 1}, {"workers": 3, "device": "cuda"}, {"longer": 9}, {"komplexnet.steps": 5}]
)
def test_an_override_that_no_variant_or_not_all_contradict_is_taken(changes):
    assert load_profile("tiny", **changes)


@pytest.mark.parametrize("section", [None, [1], 3])
def test_an_override_in_a_section_that_is_none_is_refused(section, write):
    write(training=section)
    with pytest.raises(GaspError, match="training"):
        load_profile("tiny", epochs=3)
