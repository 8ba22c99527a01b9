"""What a run is: its key, its conditions, the variants of the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from gasp.data.reasoning import Problem
from gasp.experiments import specification as module
from gasp.experiments.profile import load_profile
from gasp.experiments.specification import Dataset, Experiment
from gasp.experiments.variants import VARIANTS
from gasp.models import CNN, GASPnet, Model

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("project")


# specifications


@pytest.fixture
def one(project) -> Experiment:  # noqa: ARG001
    """A run of the tiny profile, of a variant that changes no setting of its model."""
    return load_profile("tiny").experiment("multi_mnist", "paper_gaspnet", 0)


CHANGES: dict[str, Any] = {
    "seed": 3,
    "data.items": "mnist",
    "data.background": "embedded_photos",
    "data.scenes.objects": 3,
    "data.scenes.overlap": 0.5,
    "data.scenes.scale": 0.4,
    "data.scenes.size": 24,
    "data.scenes.cropped": False,
    "data.scenes.colours": "familiar",
    "data.reports_background": False,
    "model.widths": [4, 5],
    "model.kernels": [3, 5],
    "model.strides": [2, 1],
    "model.hidden": 9,
    "model.steps": 4,
    "model.readout": "mean",
    "model.iterations": 1,
    "model.step_size": 0.5,
    "model.modulation": 0.5,
    "model.learned_modulation": True,
    "model.key_size": 3,
    "model.key_source": "network",
    "model.key_channels": 5,
    "model.key_separable": True,
    "model.key_dilations": [2],
    "model.learned_gate": True,
    "model.neighbourhood": 0.2,
    "model.drive": "channel",
    "model.phase_init": "random",
    "evaluation.draw": 1,
    "training.epochs": 2,
    "training.scenes": 65,
    "training.examples": 16,
    "training.batch_size": 8,
    "training.learning_rate": 0.004,
    "training.synchrony_weight": 0.0,
    "training.synchrony_layers": "all",
    "training.key_weight": 1.0,
    "training.gate_weight": 1.0,
    "training.reconstruction_weight": 1.0,
    "training.told_objects": "reported",
    "training.loss_steps": "last",
    "training.gradient_norm": 2.0,
    "evaluation.split": "validation",
    "evaluation.scenes": 41,
    "evaluation.sweep_scenes": 17,
    "evaluation.validation_scenes": 21,
    "evaluation.corruptions.gaussian": [0.2, 0.3],
    "evaluation.scales": [0.5],
    "evaluation.objects": [3],
    "evaluation.overlaps": [0.5],
    "evaluation.longer": 4,
    "evaluation.longer_noise": [0.3],
    "evaluation.attributions": ["saliency"],
}


NAMES = {"dataset": "other", "variant": "mine"}


def changed(experiment: Experiment, key: str, value: Any) -> Experiment:
    values = place = experiment.model_dump(mode="json")
    *parents, last = key.split(".")
    for parent in parents:
        place = place[parent]
    place[last] = value
    return Experiment.model_validate_json(json.dumps(values))


def test_the_changes_above_are_of_every_field(one, flat):
    assert {*CHANGES, *NAMES, "model.kind", "data.problem"} == set(flat(one))


@pytest.mark.parametrize("key", CHANGES)
def test_whatever_changes_the_results_changes_the_key(key, one):
    other = changed(one, key, CHANGES[key])
    assert other.key != one.key
    assert (other.weights_name == one.weights_name) == (key.startswith("evaluation.") and key != "evaluation.validation_scenes")


@pytest.mark.parametrize("name", NAMES)
def test_what_a_run_is_called_does_not_change_its_key(name, one):
    other = changed(one, name, NAMES[name])
    assert (other.key, other.weights_name) == (one.key, one.weights_name)


def test_a_model_of_another_kind_has_another_key(one):
    plain = one.model_copy(update={"model": CNN.Settings()})
    assert plain.key != one.model_copy(update={"model": GASPnet.Settings()}).key


def test_each_problem_has_another_key(one):
    problems = [one.model_copy(update={"data": Dataset(problem=problem)}) for problem in get_args(Problem)]
    assert len({run.key for run in (one, *problems)}) == 1 + len(problems)


def test_a_setting_that_is_added_later_and_off_changes_no_key(one):
    class Later(GASPnet.Settings):
        mechanism: float = 0.0

    later = one.model_copy(update={"model": Later.of(one.model.model_dump())})
    assert later.key == one.key
    assert later.model_copy(update={"model": later.model.changed({"mechanism": 1.0})}).key != one.key


def test_equal_specifications_have_equal_keys(one, write):
    write(description="another", judges=True, workers=3, seeds=[0, 5, 6])
    again = load_profile("tiny").experiment("multi_mnist", "paper_gaspnet", 0)
    assert (again.key, again.weights_name) == (one.key, one.weights_name)


def test_another_revision_has_another_key(one, monkeypatch):
    before = one.key, one.weights_name
    monkeypatch.setattr(module, "REVISION", -1)
    assert one.key != before[0]
    assert one.weights_name != before[1]


@pytest.mark.parametrize("path", sorted((ROOT / "runs").glob("*/results/*.json")), ids=lambda path: path.stem)
def test_committed_results_are_found_by_their_specification(path, flat):
    """Fails when a default is changed: committed results would be found under another key, or as those of another run."""
    record = json.loads(path.read_text())
    run = Experiment.model_validate_json(json.dumps(record["specification"]))
    assert (run.key, run.weights_name) == (path.stem, record["weights"])
    assert flat(record["specification"]).items() <= flat(run).items()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_specification_is_read_as_it_was_written(variant):
    run = load_profile("tiny").experiment("multi_mnist", variant, 0)
    again = Experiment.model_validate_json(json.dumps(run.model_dump(mode="json")))
    assert again == run
    assert (again.key, type(again.model)) == (run.key, type(run.model))


@pytest.mark.parametrize("variant", [name for name, variant in VARIANTS.items() if variant.wider == 1])
def test_the_variants_of_a_seed_start_from_the_weights_that_they_share(variant):
    cnn, same, other = (
        load_profile("tiny").experiment("multi_mnist", name, seed).build().state_dict()
        for name, seed in (("cnn", 0), (variant, 0), (variant, 1))
    )
    assert all(torch.equal(same[name], tensor) for name, tensor in cnn.items())
    assert not torch.equal(other["stages.0.linear.weight"], cnn["stages.0.linear.weight"])


def test_building_a_model_leaves_the_seed_alone(one):
    torch.manual_seed(1)
    drawn = torch.rand(3)
    torch.manual_seed(1)
    one.build()
    assert torch.equal(torch.rand(3), drawn)


def test_a_model_on_a_background_has_two_heads_and_three_channels(one):
    model = changed(changed(one, "data.background", "embedded_photos"), "data.scenes.size", 32).build()
    assert (model.heads, model.channels, model.size) == (2, 3, 32)


# conditions


def test_a_model_is_tested_under_every_condition_that_is_asked_for():
    levels = {"corruptions": {"blur": [1], "gaussian": [0.1, 0.2]}, "scales": [0.8], "objects": [1, 3], "overlaps": [0.5]}
    profile = load_profile("tiny", longer=4, longer_noise=[0, 0.3], **levels)
    conditions = list(profile.experiment("multi_mnist", "paper_gaspnet", 0).conditions())
    assert [(condition.evaluation, condition.level) for condition in conditions] == [
        *(("blur", 1), ("gaussian", 0.1), ("gaussian", 0.2)),
        *(("longer", 0), ("longer", 0.3)),
        *(("scale", 0.8), ("objects", 1), ("objects", 3), ("overlap", 0.5)),
    ]
    assert {condition.evaluation for condition in conditions if condition.steps} == {"longer"}
    assert {condition.steps for condition in conditions if condition.steps} == {4}
    assert [condition.corruption for condition in conditions] == [
        *(("blur", 1), ("gaussian", 0.1), ("gaussian", 0.2), ("gaussian", 0), ("gaussian", 0.3)),
        *[None] * 4,
    ]


def test_other_scenes_are_those_of_training_but_for_what_is_asked(one):
    other = changed(one, "evaluation", one.evaluation.model_dump() | {"scales": [0.8], "objects": [3], "overlaps": [0.5]})
    kinds = {kind.evaluation: one.data.with_scenes(kind.scenes).scenes for kind in other.conditions() if kind.scenes}
    trained = one.data.scenes
    assert kinds["scale"] == trained.model_copy(update={"scale": 0.8 * trained.scale})
    assert kinds["overlap"] == trained.model_copy(update={"overlap": 0.5})
    assert kinds["objects"].objects == 3
    assert 3 * kinds["objects"].scale ** 2 == pytest.approx(2 * trained.scale**2), "objects cover as much as in training"


# the sizes of what is compared

ONE_HEAD = {"channels": 1, "size": 32, "classes": 10, "heads": 1}
TWO_HEADS = {"channels": 3, "size": 32, "classes": 10, "heads": 2}


def sized(variant: str, sizes: dict[str, int], monkeypatch) -> Model:
    """The model of a variant as the book compares it."""
    monkeypatch.chdir(ROOT)
    run = load_profile("cpu").experiment("multi_mnist", variant, 0)
    return run.build(sizes)


@pytest.mark.parametrize("sizes", [ONE_HEAD, TWO_HEADS], ids=["one head", "two heads"])
@pytest.mark.parametrize(
    ("variant", "gaspnet", "within"),
    [
        ("cnn_parameters", "gaspnet", 0.06),
        ("gate", "gaspnet", 0.01),
        ("paper_cnn_parameters", "paper_gaspnet", 0.03),
        ("paper_gattanet", "paper_gaspnet", 0.05),
        ("paper_komplexnet", "paper_gaspnet", 0.05),
        ("komplexnet_feedback", "paper_gaspnet", 0.05),
    ],
)
def test_rivals_have_as_many_parameters_as_gaspnet(variant, gaspnet, within, sizes, monkeypatch):
    rival, own = (
        sum(parameter.numel() for parameter in sized(name, sizes, monkeypatch).parameters()) for name in (variant, gaspnet)
    )
    assert rival == pytest.approx(own, rel=within)


def operations(model: Model, images: int = 2) -> int:
    """Floating point operations of one run, in products of matrices and convolutions."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.run(torch.rand(images, model.channels, model.size, model.size), torch.Generator())
    return counter.get_total_flops()


@pytest.mark.parametrize(("name", "wider"), [("gaspnet", "cnn_compute"), ("paper_gaspnet", "paper_cnn_compute")])
def test_the_wider_cnn_multiplies_as_much_as_gaspnet_with_its_coupling(name, wider, monkeypatch):
    ratios = []
    for sizes in (ONE_HEAD, TWO_HEADS):
        gaspnet, without, rival = (sized(each, sizes, monkeypatch) for each in (name, name, wider))
        without.settings = gaspnet.settings.changed({"iterations": 0})
        assert (gaspnet.settings.steps, gaspnet.settings.iterations) == (3, 5)
        assert operations(without) < 0.95 * operations(gaspnet), "the coupling is counted"
        assert operations(gaspnet, 4) == 2 * operations(gaspnet)
        ratios.append(operations(rival) / operations(gaspnet))
    assert ratios == pytest.approx([1, 1], abs=0.1)
    assert sum(ratios) / 2 == pytest.approx(1, abs=0.06)


# the meaning of a specification
