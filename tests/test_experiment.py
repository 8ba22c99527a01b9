"""What a run is: profiles, keys, running once, running at once, and the numbers that a specification means.

The reference numbers are made anew by ``python tests/test_experiment.py``, after gasp.experiment.REVISION was raised.
"""

from __future__ import annotations

import inspect
import json
import shutil
import tempfile
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml

from gasp import execution
from gasp import experiment as module
from gasp.data.images import load_source
from gasp.data.scenes import SceneSettings, compose
from gasp.evaluation import accuracy
from gasp.execution import load, run, run_all
from gasp.experiment import Dynamics, Experiment, Network
from gasp.models import CNN, GASPnet
from gasp.profile import load_profile
from gasp.settings import GaspError, Settings
from gasp.store import COLUMNS
from gasp.training import TrainingSettings, fit, write_tensors

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.usefixtures("project")
REFERENCE = Path(__file__).with_name("reference.json")


@pytest.fixture
def write(project):
    """Change the profile: dotted keys and their new values; a value of ... takes the key out."""

    def change(**changes: Any) -> Path:
        path = project / "book" / "profiles" / "tiny.yaml"
        values = yaml.safe_load(path.read_text())
        for key, value in changes.items():
            *parents, last = key.split(".")
            place = values
            for parent in parents:
                place = place[parent]
            if value is ...:
                del place[last]
            else:
                place[last] = value
        path.write_text(yaml.safe_dump(values))
        return path

    return change


def flat(settings: Settings) -> dict[str, Any]:
    """The values of settings by their dotted keys."""

    def leaves(values: dict, prefix: str = ""):
        for name, value in values.items():
            yield from leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, value)]

    return dict(leaves(settings.model_dump(mode="json")))


def refuse(*_, **__):
    raise AssertionError("this was to be found, not made")


# profiles


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "book" / "profiles").glob("*.yaml")))
def test_the_profiles_of_the_book_load(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    profile = load_profile(name)
    assert profile.name == name
    assert profile.description
    assert profile.judges == (name != "smoke")
    keys = [experiment.key for experiment in profile.experiments(["multi_mnist"], list(module.VARIANTS))]
    assert len(set(keys)) == len(keys) == 2 * len(profile.seeds)


def test_the_book_has_three_profiles():
    assert {path.stem for path in (ROOT / "book" / "profiles").glob("*.yaml")} == {"smoke", "cpu", "paper"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"training.epochs": "five"}, "training.epochs: .*valid integer, not 'five'"),
        ({"training.epochs": 2.5}, "training.epochs: .*integer.*, not 2.5"),
        ({"training.epochs": True}, "training.epochs: .*integer, not True"),
        ({"training.epochs": None}, "training.epochs: .*integer, not None"),
        ({"training.epochs": 0}, "training.epochs: .*greater than or equal to 1, not 0"),
        ({"training.learning_rate": "fast"}, "training.learning_rate: .*number, not 'fast'"),
        ({"training.learning_rate": 0}, "training.learning_rate: .*greater than 0, not 0"),
        ({"dynamics.steps": 0}, "dynamics.steps: .*greater than or equal to 1, not 0"),
        ({"dynamics.phase_init": "zero"}, "dynamics.phase_init: .*'bottom_up' or 'random', not 'zero'"),
        ({"datasets.multi_mnist.scenes.scale": 0}, "datasets.multi_mnist.scenes.scale: .*greater than 0, not 0"),
        ({"datasets.multi_mnist.scenes.overlap": -0.1}, "datasets.multi_mnist.scenes.overlap: .*equal to 0, not -0.1"),
        ({"evaluation.noise": []}, "evaluation.noise: .*at least 1 item"),
        ({"evaluation.noise": 0.1}, "evaluation.noise: .*array, not 0.1"),
        ({"seeds": []}, "seeds: .*at least 1 item"),
        ({"judges": "perhaps"}, "judges: .*boolean, not 'perhaps'"),
        ({"workers": -1}, "workers: .*greater than or equal to 0, not -1"),
        ({"training": [1]}, "training: .*object, not"),
        ({"training": None}, "training: .*object, not None"),
        ({"training.epoch": 3}, "unknown key training.epoch: did you mean epochs?"),
        ({"seed": 3}, "unknown key seed: did you mean seeds?"),
        ({"dynamics.stepz": 3}, "unknown key dynamics.stepz: did you mean steps?"),
        ({"datasets.multi_mnist.scenes.scales": 1}, "unknown key datasets.multi_mnist.scenes.scales: did you mean scale?"),
        ({"training.epochs": ...}, "missing key training.epochs"),
        ({"evaluation": ...}, "missing key evaluation"),
        ({"datasets.multi_mnist.items": ...}, "missing key datasets.multi_mnist.items"),
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
    "change",
    [
        {"seeds": [-1]},
        {"network.widths": [4]},
        {"network.widths": [4, 0]},
        {"evaluation.noise": [-0.1]},
        {"dynamics.modulation": float("nan")},
        {"device": "abacus"},
        {"datasets.multi_mnist.items": "imagenet"},
    ],
    ids=str,
)
def test_what_no_run_can_have_is_refused_before_it_trains(change, write, monkeypatch):
    write(**change)
    monkeypatch.setattr(execution, "fit", refuse)
    with pytest.raises(GaspError):
        run_all(load_profile("tiny").experiments(["multi_mnist"], ["gaspnet"]), load_profile("tiny"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("training: {epochs: 1}\ntraining: {epochs: 2}\n", 'duplicate key "training"'),
        ("training: {epochs: 1, epochs: 2}\n", 'duplicate key "epochs"'),
        ("training: [1\n", "line 2"),
        ("a: b: c\n", "line 1"),
        ("\tdescription: x\n", "line 1"),
        ("\x00\x01", "not a profile"),
        ("- smoke\n", "must be a mapping"),
        ("smoke\n", "must be a mapping"),
        ("", "must be a mapping"),
    ],
)
def test_what_is_no_profile_is_refused(text, complaint, project):
    path = project / "book" / "profiles" / "tiny.yaml"
    path.write_text(text)
    with pytest.raises(GaspError, match=complaint) as error:
        load_profile("tiny")
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_bytes_that_are_no_text_are_no_profile(project):
    (project / "book" / "profiles" / "tiny.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(GaspError, match=r"tiny.yaml is not a profile"):
        load_profile("tiny")


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


# overrides


@pytest.mark.parametrize(
    ("key", "full", "value"),
    [
        ("epochs", "training.epochs", 7),
        ("training.epochs", "training.epochs", 7),
        ("steps", "dynamics.steps", 7),
        ("hidden", "network.hidden", 7),
        ("noise", "evaluation.noise", [0.5]),
        ("training.scenes", "training.scenes", 7),
        ("evaluation.scenes", "evaluation.scenes", 7),
        ("seeds", "seeds", [7]),
        ("device", "device", "auto"),
    ],
)
def test_one_setting_is_replaced_by_its_name(key, full, value):
    before, after = (flat(load_profile("tiny", **changes)) for changes in ({}, {key: value}))
    assert before[full] != value
    assert after == before | {full: value}


def test_a_section_that_the_profile_leaves_out_can_be_overridden(write):
    write(dynamics=...)
    assert load_profile("tiny", steps=7).dynamics == Dynamics(steps=7)


def test_an_ambiguous_name_is_answered_with_the_full_ones():
    with pytest.raises(GaspError, match=r"'scenes' could be training.scenes or evaluation.scenes: write it in full"):
        load_profile("tiny", scenes=3)


@pytest.mark.parametrize("key", ["epoch", "training.steps", "network", "training", "", "name", "colour"])
def test_an_unknown_name_is_answered_with_the_known_ones(key):
    with pytest.raises(GaspError, match=r"unknown parameter .*training.epochs"):
        load_profile("tiny", **{key: 3})


@pytest.mark.parametrize(("key", "value"), [("epochs", "five"), ("steps", 0), ("seeds", 3), ("noise", "loud")])
def test_an_override_is_as_strict_as_the_profile(key, value):
    with pytest.raises(GaspError, match=rf"{key}: .*not {value!r}"):
        load_profile("tiny", **{key: value})


@pytest.mark.parametrize("section", [None, [1], 3])
def test_an_override_in_a_section_that_is_none_is_refused(section, write):
    write(training=section)
    with pytest.raises(GaspError, match="training"):
        load_profile("tiny", epochs=3)


# specifications

CHANGES: dict[str, Any] = {
    "dataset": "other",
    "variant": "cnn",
    "seed": 3,
    "data.items": "mnist",
    "data.background": "embedded_photos",
    "data.scenes.objects": 3,
    "data.scenes.overlap": 0.5,
    "data.scenes.scale": 0.4,
    "data.scenes.size": 24,
    "network.widths": [4, 5],
    "network.kernels": [3, 5],
    "network.strides": [2, 1],
    "network.hidden": 9,
    "dynamics.steps": 4,
    "dynamics.iterations": 1,
    "dynamics.step_size": 0.5,
    "dynamics.modulation": 0.5,
    "dynamics.key_size": 3,
    "dynamics.neighbourhood": 0.2,
    "dynamics.phase_init": "random",
    "training.epochs": 2,
    "training.scenes": 65,
    "training.batch_size": 8,
    "training.learning_rate": 0.004,
    "training.synchrony_weight": 0.0,
    "training.gradient_norm": 2.0,
    "evaluation.scenes": 41,
    "evaluation.validation_scenes": 21,
    "evaluation.noise": [0, 0.3],
}


def changed(experiment: Experiment, key: str, value: Any) -> Experiment:
    values = place = experiment.model_dump(mode="json")
    *parents, last = key.split(".")
    for parent in parents:
        place = place[parent]
    place[last] = value
    return Experiment.model_validate_json(json.dumps(values))


@pytest.fixture
def one() -> Experiment:
    return load_profile("tiny").experiment("multi_mnist", "gaspnet", 0)


def test_the_changes_below_are_of_every_field(one):
    assert set(CHANGES) == set(flat(one))


@pytest.mark.parametrize("key", CHANGES)
def test_whatever_changes_the_results_changes_the_key(key, one):
    other = changed(one, key, CHANGES[key])
    assert other.key != one.key
    assert (other.weights_name == one.weights_name) == (key in ("evaluation.noise", "evaluation.scenes"))


def test_equal_specifications_have_equal_keys(one, write):
    write(description="another", judges=True, workers=3, seeds=[0, 5, 6])
    again = load_profile("tiny").experiment("multi_mnist", "gaspnet", 0)
    assert (again.key, again.weights_name) == (one.key, one.weights_name)


def test_another_revision_has_another_key(one, monkeypatch):
    before = one.key, one.weights_name
    monkeypatch.setattr(module, "REVISION", -1)
    assert one.key != before[0]
    assert one.weights_name != before[1]


def test_the_variants_of_a_seed_start_from_the_weights_that_they_share():
    profile = load_profile("tiny")
    cnn, gaspnet, other = (
        profile.experiment("multi_mnist", variant, seed).model().state_dict()
        for variant, seed in (("cnn", 0), ("gaspnet", 0), ("cnn", 1))
    )
    assert all(torch.equal(gaspnet[name], tensor) for name, tensor in cnn.items())
    assert not torch.equal(other["stages.0.linear.weight"], cnn["stages.0.linear.weight"])


def test_building_a_model_leaves_the_seed_alone(one):
    torch.manual_seed(1)
    drawn = torch.rand(3)
    torch.manual_seed(1)
    one.model()
    assert torch.equal(torch.rand(3), drawn)


@pytest.mark.parametrize(("settings", "model"), [(Network, CNN), (Dynamics, GASPnet)])
def test_the_defaults_of_a_model_are_those_of_its_settings(settings, model):
    defaults = {name: parameter.default for name, parameter in inspect.signature(model).parameters.items()}
    assert settings().model_dump() == {name: defaults[name] for name in settings.model_fields}


def test_a_model_on_a_background_has_two_heads_and_three_channels(one):
    model = changed(changed(one, "data.background", "embedded_photos"), "data.scenes.size", 32).model()
    assert (model.heads, model.channels, model.size) == (2, 3, 32)


def test_training_validation_and_test_images_have_nothing_in_common(one):
    def pictures(split):
        return {image.numpy().tobytes() for image in one.data.source(split)[0].images}

    parts = [pictures(split) for split in ("train", "validation", "test")]
    assert len(set.union(*parts)) == sum(map(len, parts))


@pytest.mark.parametrize(
    ("dataset", "variant", "known"), [("nowhere", "cnn", "multi_mnist"), ("multi_mnist", "rnn", "gaspnet")]
)
def test_an_unknown_data_set_or_variant_is_answered_with_the_known_ones(dataset, variant, known):
    with pytest.raises(GaspError, match=known):
        load_profile("tiny").experiments(dataset, [variant])


# running


@pytest.mark.parametrize("variant", ["cnn", "gaspnet"])
def test_a_run_writes_everything_and_runs_once(variant, monkeypatch):
    profile, told = load_profile("tiny"), []
    one = profile.experiment("multi_mnist", variant, 0)
    run(one, profile.store, "cpu", told.append)
    table = profile.store.table([one.key])
    assert list(table.columns) == COLUMNS
    assert not table.isna().any(axis=None)
    assert table[["key", "dataset", "variant", "seed"]].drop_duplicates().values.tolist() == [
        [one.key, "multi_mnist", variant, 0]
    ]
    found = set(table[["split", "evaluation"]].drop_duplicates().itertuples(index=False, name=None))
    phases = {("test", "phases")} if variant == "gaspnet" else set()
    assert found == {("train", "training"), ("validation", "training"), ("test", "noise")} | phases
    noise = table[table["evaluation"] == "noise"]
    assert noise["level"].unique().tolist() == [0, 0.2]
    assert noise["t"].max() == table[table["split"] == "validation"]["t"].max() == (1 if variant == "gaspnet" else 0)
    record = profile.store.record(one.key)
    assert Experiment.model_validate_json(json.dumps(record["specification"])) == one
    assert record["parameters"] == sum(parameter.numel() for parameter in one.model().parameters())
    assert sum(told) == one.steps == 4
    assert profile.store.weights(one.weights_name).exists()
    assert not profile.store.checkpoint(one.weights_name).exists()
    for name in ("fit", "accuracy", "phase_statistics"):
        monkeypatch.setattr(execution, name, refuse)
    run(one, profile.store, "cpu", told.append)
    pd.testing.assert_frame_equal(run_all([one], profile), table)
    assert sum(told) == 8


def test_a_trained_model_is_loaded_without_data(one, monkeypatch):
    run(one, load_profile("tiny").store)
    monkeypatch.setattr(module, "load_source", refuse)
    assert load(one.variant, one.dataset, one.seed, "tiny", "cpu").classes == 10


def test_other_evaluation_settings_need_no_training(one, monkeypatch):
    store = load_profile("tiny").store
    run(one, store)
    monkeypatch.setattr(execution, "fit", refuse)
    other, told = changed(one, "evaluation.noise", [0, 0.3]), []
    run(other, store, progress=told.append)
    before, after = store.table([one.key]), store.table([other.key])
    assert sum(told) == other.steps
    assert after[after["evaluation"] == "noise"]["level"].unique().tolist() == [0, 0.3]
    columns = ["split", "evaluation", "level", "t", "metric", "value"]
    for table in (before, after):
        table.drop(table[table["level"].isin([0.2, 0.3])].index, inplace=True)
    pd.testing.assert_frame_equal(before[columns].reset_index(drop=True), after[columns].reset_index(drop=True))


def test_a_run_that_was_stopped_goes_on(one, monkeypatch):
    store = load_profile("tiny").store
    monkeypatch.setattr("gasp.training.CHECKPOINT_SECONDS", 0)

    def stop(_):
        told.append(_)
        if sum(told) == 3:
            raise KeyboardInterrupt

    told: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        run(one, store, progress=stop)
    assert one.key not in store
    told = []
    run(one, store, progress=lambda steps: told.append(steps))
    assert told == [2, 1, 1]
    assert one.key in store


@pytest.mark.parametrize("folder", ["checkpoints", "weights", "results"])
def test_a_folder_that_cannot_be_written_is_named(folder, one):
    store = load_profile("tiny").store
    store.directory.mkdir(parents=True)
    (store.directory / folder).write_text("in the way")
    with pytest.raises(GaspError, match=folder):
        run(one, store)


@pytest.mark.usefixtures("one_thread")
def test_two_workers_give_the_table_of_one(project, tmp_path_factory, monkeypatch):
    tables = []
    for workers in (1, 2):
        monkeypatch.chdir(shutil.copytree(project, tmp_path_factory.mktemp("copy") / "project"))
        profile = load_profile("tiny", workers=workers, seeds=[0])
        tables.append(run_all(profile.experiments(["multi_mnist"], ["cnn", "gaspnet"]), profile))
    assert len(tables[0]["key"].unique()) == 2
    pd.testing.assert_frame_equal(*tables)


def test_a_run_that_fails_in_the_pool_is_reported_as_itself():
    profile = load_profile("tiny", workers=2)
    experiments = profile.experiments(["multi_mnist"], ["gaspnet"])
    damaged = profile.store.checkpoint(experiments[1].weights_name)
    write_tensors(damaged, {"x": torch.zeros(1)}, {"identity": "another"})
    with pytest.raises(GaspError, match="another run") as error:
        run_all(experiments, profile)
    assert str(damaged) in str(error.value)


class Prompt:
    """Stands for a pool of processes that are done as soon as they are asked."""

    def __init__(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def submit(self, function, *arguments) -> Future:
        future: Future = Future()
        try:
            future.set_result(function(*arguments))
        except GaspError as error:
            future.set_exception(error)
        return future


def test_a_run_that_fails_last_is_reported_as_itself(monkeypatch):
    profile = load_profile("tiny", workers=2)
    experiments = profile.experiments(["multi_mnist"], ["cnn"])
    write_tensors(profile.store.checkpoint(experiments[1].weights_name), {"x": torch.zeros(1)}, {"identity": "another"})
    monkeypatch.setattr(execution, "ProcessPoolExecutor", Prompt)
    with pytest.raises(GaspError, match="another run"):
        run_all(experiments, profile)


# trained models


@pytest.mark.parametrize("variant", ["cnn", "gaspnet"])
def test_a_trained_model_is_loaded_as_it_was(variant, monkeypatch):
    profile, trained = load_profile("tiny"), []
    one = profile.experiment("multi_mnist", variant, 1)

    def watched(model, *arguments):
        trained.append(model)
        return fit(model, *arguments)

    monkeypatch.setattr(execution, "fit", watched)
    run(one, profile.store)
    model = load(variant, dataset="multi_mnist", seed=1, profile="tiny", device="cpu")
    images = one.data.compose("test", 5, 0).batch(slice(None))[0]
    results = [each.run(images, torch.Generator().manual_seed(0)) for each in (model, *trained)]
    assert not model.training
    assert torch.equal(*(result.logits for result in results))
    assert all(torch.equal(*pair) for pair in zip(*(result.phases for result in results), strict=True))


def test_a_model_trained_with_other_settings_is_loaded_by_them():
    profile = load_profile("tiny", hidden=6)
    run(profile.experiment("multi_mnist", "gaspnet", 0), profile.store)
    assert load("gaspnet", profile="tiny", hidden=6).stages[-1].linear.in_features == 6


def test_a_model_that_was_not_trained_is_not_loaded():
    with pytest.raises(GaspError, match=r"no trained weights at .*multi_mnist-gaspnet-0-"):
        load("gaspnet", profile="tiny")


@pytest.mark.parametrize("settings", [{"variant": "rnn"}, {"dataset": "nowhere"}, {"profile": "none"}, {"seed": -1}], ids=str)
def test_a_model_that_cannot_be_is_not_loaded(settings):
    with pytest.raises(GaspError):
        load(**{"profile": "tiny"} | settings)


def test_weights_of_another_model_are_not_loaded(one):
    path = load_profile("tiny").store.weights(one.weights_name)
    write_tensors(path, {"x": torch.zeros(1)}, {})
    with pytest.raises(GaspError, match="remove it and train again") as error:
        load("gaspnet", profile="tiny")
    assert str(path) in str(error.value)


# the meaning of a specification


def measured() -> dict[str, Any]:
    """What seeds and settings, all of them explicit, come to."""
    digits = load_source("embedded_digits")
    settings = SceneSettings(objects=2, overlap=0.1, scale=0.9, size=32)
    scenes = compose(digits.test, settings, 6, 11)
    torch.manual_seed(3)
    model = GASPnet(
        **{"channels": 1, "size": 32, "classes": 10, "heads": 1},
        **{"widths": (6, 8, 8), "kernels": (5, 3, 3), "strides": (2, 2, 1), "hidden": 12},
        **{
            "steps": 3,
            "iterations": 4,
            "step_size": 1.0,
            "modulation": 1.0,
            "key_size": 5,
            "neighbourhood": 0.15,
            "phase_init": "bottom_up",
        },
    )
    images, masks, _ = scenes.batch(slice(None))
    with torch.no_grad():
        logits = model.run(images, torch.Generator().manual_seed(5)).logits
    training = TrainingSettings(
        epochs=2, scenes=48, batch_size=16, learning_rate=0.005, synchrony_weight=0.5, gradient_norm=1.0
    )
    with tempfile.TemporaryDirectory() as folder:
        history = fit(
            model,
            lambda epoch: compose(digits.train.split(0.1)[0], settings, 48, 100 + epoch),
            partial(accuracy, scenes=scenes),
            training,
            7,
            Path(folder) / "checkpoint.safetensors",
            "reference",
        )
    return {
        "pixels": images.sum().item(),
        "masks": masks.sum().item(),
        "logits": logits[:, 0, 0].tolist(),
        "classification_loss": [epoch["train"]["classification_loss"][0] for epoch in history],
        "synchrony_loss": [epoch["train"]["synchrony_loss"][0] for epoch in history],
        "validation_loss": history[-1]["validation"]["loss"],
    }


REMEDY = (
    "the same specification now means other numbers. If that is intended, raise gasp.experiment.REVISION, so that results of "
    "before are no longer found, and make the reference anew: python tests/test_experiment.py"
)


def test_a_specification_means_what_it_meant():
    reference = json.loads(REFERENCE.read_text())
    assert reference.pop("revision") == module.REVISION, REMEDY
    found = measured()
    assert found.keys() == reference.keys(), REMEDY
    for name, expected in reference.items():
        values, wanted = (torch.tensor(numbers, dtype=torch.float64) for numbers in (found[name], expected))
        scale = wanted.abs().max()
        assert (values - wanted).abs().max() <= 1e-3 * scale, f"{name}: {REMEDY}"


if __name__ == "__main__":
    REFERENCE.write_text(json.dumps({"revision": module.REVISION} | measured(), indent=1) + "\n")
