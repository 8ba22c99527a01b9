"""Trained models: loaded as they were, and refused where there are none."""

from __future__ import annotations

import shutil

import pytest
import torch

from gasp.data import datasets
from gasp.experiments import execution
from gasp.experiments.execution import run
from gasp.experiments.profile import load_profile
from gasp.experiments.trained import load, load_example
from gasp.files import write_tensors
from gasp.learning.training import fit
from gasp.settings import GaspError

pytestmark = pytest.mark.usefixtures("project")


def refuse(*_, **__):
    raise AssertionError("this was to be found, not made")


@pytest.mark.parametrize("variant", ["cnn", "gaspnet"])
def test_a_trained_model_is_loaded_as_it_was_and_without_data(variant, monkeypatch):
    profile, trained = load_profile("tiny"), []
    one = profile.experiment("multi_mnist", variant, 1)

    def watched(model, *arguments):
        trained.append(model)
        return fit(model, *arguments)

    monkeypatch.setattr(execution, "fit", watched)
    run(one, profile.store)
    images = one.data.compose("test", 5, 0).batch(slice(None))[0]
    monkeypatch.setattr(datasets, "load_source", refuse)
    model = load(variant, dataset="multi_mnist", seed=1, profile="tiny", device="cpu")
    assert model.classes == 10
    results = [each.run(images, torch.Generator().manual_seed(0)) for each in (model, *trained)]
    assert not model.training
    assert torch.equal(*(result.logits for result in results))
    assert all(torch.equal(*pair) for pair in zip(*(result.phases for result in results), strict=True))


def test_a_model_trained_with_other_settings_is_loaded_by_them():
    profile = load_profile("tiny", hidden=6)
    run(profile.experiment("multi_mnist", "gaspnet", 0), profile.store)
    assert load("gaspnet", profile="tiny", hidden=6).stages[-1].linear.in_features == 6
    assert load("gaspnet", profile=load_profile("tiny", hidden=6)).stages[-1].linear.in_features == 6


@pytest.mark.parametrize("judges", [True, False])
def test_an_example_is_of_the_real_runs_where_a_profile_judges_nothing(judges, write):
    tiny = write(judges=True)
    shutil.copy(tiny, tiny.with_name("cpu.yaml"))
    write(judges=judges, **{"network.hidden": 6})
    trained = load_profile("tiny" if judges else "cpu")
    run(trained.experiment("multi_mnist", "cnn", 0), trained.store)
    example = load_example(load_profile("tiny"), "cnn")
    assert example.settings.hidden == trained.network.hidden
    assert next(example.parameters()).device.type == "cpu"


def test_overrides_of_a_profile_that_was_read_already_are_refused():
    with pytest.raises(GaspError, match=r"hidden.*load_profile"):
        load("gaspnet", profile=load_profile("tiny"), hidden=6)


def test_a_model_that_was_not_trained_is_not_loaded():
    with pytest.raises(GaspError, match=r"no trained weights at .*gaspnet-0-"):
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


def test_a_seed_that_no_run_has_is_answered_with_those_that_have():
    with pytest.raises(GaspError, match=r"no run of gaspnet on multi_mnist, seed 99; .* it has seeds 0, 1$"):
        load("gaspnet", seed=99, profile="tiny")


def test_a_seed_whose_weights_are_not_stored_is_answered_with_those_that_are(one):
    run(one, load_profile("tiny").store)
    with pytest.raises(GaspError, match=rf"of {one.variant} on {one.dataset} it has seeds 0\. .* --seed 1$"):
        load(one.variant, one.dataset, seed=1, profile="tiny")
