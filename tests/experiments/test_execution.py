"""Runs: what a run writes, that it runs once and goes on when stopped, several at once."""

from __future__ import annotations

import json
import re
import shutil

import pandas as pd
import pytest
import torch

from gasp.experiments import cluster, execution
from gasp.experiments.execution import run, run_all, status
from gasp.experiments.profile import load_profile
from gasp.experiments.specification import SEEDS, Dataset, Experiment
from gasp.experiments.store import COLUMNS
from gasp.files import write_tensors
from gasp.learning.attribution import attribution_pointing
from gasp.learning.devices import use_threads
from gasp.learning.training import fit
from gasp.settings import GaspError

pytestmark = pytest.mark.usefixtures("project")


def refuse(*_, **__):
    raise AssertionError("this was to be found, not made")


# running


@pytest.mark.parametrize("variant", ["cnn", "gaspnet"])
def test_a_run_writes_everything_and_runs_once(variant, monkeypatch):
    profile, told = load_profile("tiny"), []
    one = profile.experiment("multi_mnist", variant, 0)
    run(one, profile.store, "cpu", told.append)
    table = profile.store.table([one])
    assert list(table.columns) == COLUMNS
    assert not table.isna().any(axis=None)
    assert table[["key", "dataset", "variant", "seed"]].drop_duplicates().values.tolist() == [
        [one.key, "multi_mnist", variant, 0]
    ]
    found = set(table[["split", "evaluation"]].drop_duplicates().itertuples(index=False, name=None))
    phases = {("test", "phases")} if variant == "gaspnet" else set()
    tests = {("test", "clean"), ("test", "gaussian"), ("test", "longer")}
    assert found == {("train", "training"), ("validation", "training")} | tests | phases
    last = table.groupby("evaluation")["t"].max()
    for evaluation, steps in {"clean": 2, "gaussian": 2, "training": 2, "longer": 3}.items():
        assert last[evaluation] == (steps - 1 if variant == "gaspnet" else 0)
    record = profile.store.record(one.key)
    assert Experiment.model_validate_json(json.dumps(record["specification"])) == one
    assert record["parameters"] == sum(parameter.numel() for parameter in one.build().parameters())
    assert sum(told) == one.steps_with_tests == 4 + 4
    assert profile.store.weights(one.weights_name).exists()
    assert not profile.store.checkpoint(one.weights_name).exists()
    assert {path.suffix for path in (profile.store.directory / "results").iterdir()} == {".csv", ".npz", ".json"}
    for name in ("fit", "accuracy", "answers", "phase_statistics"):
        monkeypatch.setattr(execution, name, refuse)
    run(one, profile.store, "cpu", told.append)
    pd.testing.assert_frame_equal(run_all([one], profile), table)
    assert sum(told) == 16


SWEEPS = {"scales": [0.8], "objects": [3], "overlaps": [0.5], "corruptions": {"gaussian": [0.2], "blur": [1.0]}}
BACKGROUND = {"items": "embedded_digits", "background": "embedded_photos", "scenes": {"objects": 1}}
CONDITIONS = {"clean/0", "gaussian/0.2", "blur/1", "longer/0", "longer/0.1", "scale/0.8"}


@pytest.mark.parametrize(
    ("dataset", "conditions", "parts"),
    [
        ("multi_mnist", CONDITIONS | {"objects/3", "overlap/0.5"}, {"scene"}),
        ("pair", CONDITIONS, {"scene", "head_0", "head_1"}),
    ],
    ids=["canvas", "background"],
)
def test_a_run_keeps_which_scenes_were_right_and_of_undisturbed_ones_shares_of_objects(dataset, conditions, parts, write):
    write(**{"datasets.pair": BACKGROUND})
    profile = load_profile("tiny", **SWEEPS)
    one = profile.experiment(dataset, "gaspnet", 0)
    run(one, profile.store)
    table = profile.store.table([one])
    tested = table[(table["split"] == "test") & (table["evaluation"] != "phases")]
    cells = tested.groupby(["evaluation", "level"])
    assert {f"{evaluation}/{level:g}" for evaluation, level in cells.groups} == conditions
    heads = [""] if dataset == "multi_mnist" else ["", "head_0_", "head_1_"]
    for (evaluation, level), rows in cells:
        measures = ("pointing", "mask_iou", "told_mask_iou", "cued_accuracy", "name_to_place")
        assert {head + measure for head in heads for measure in measures} <= set(rows["metric"])
        for part in parts:
            name = f"{evaluation}/{level:g}/{part}"
            right = profile.store.correct(one.key)[name]
            assert right.dtype == bool
            assert right.shape == (2, 40 if evaluation == "clean" else 16)
            accuracy = rows[rows["metric"] == f"{part}_accuracy"].sort_values("t")["value"]
            assert right.mean(1) == pytest.approx(accuracy.iloc[[0, -1]].to_numpy(), abs=1e-6)
        shares = {head + measure for head in heads for measure in ("pointing", "cued_accuracy", "name_to_place")}
        kept = {name for name in profile.store.correct(one.key) if name.startswith(f"{evaluation}/{level:g}/")}
        undisturbed = evaluation == "clean"
        assert kept == {f"{evaluation}/{level:g}/{what}" for what in parts | (shares if undisturbed else set())}
        for metric in shares if undisturbed else ():
            of_scenes = profile.store.correct(one.key)[f"clean/0/{metric}"]
            assert of_scenes.shape == (2, 40)
            values = rows[rows["metric"] == metric].sort_values("t")["value"]
            assert of_scenes.mean(1) == pytest.approx(values.iloc[[0, -1]].to_numpy(), abs=1e-6)


@pytest.mark.parametrize("variant", ["cnn", "gaspnet"])
def test_attributions_are_asked_for_under_every_condition_on_scenes_that_are_few(variant, monkeypatch):
    monkeypatch.setattr(execution, "ATTRIBUTED", 6)
    profile = load_profile("tiny", attributions=["input_x_gradient"], overlaps=[0.5])
    one, asked = profile.experiment("multi_mnist", variant, 0), []

    def watched(model, scenes, method, contrast, corruption, steps):
        asked.append((len(scenes), method, contrast, steps, corruption))
        return attribution_pointing(model, scenes, method, contrast, corruption, steps=steps)

    monkeypatch.setattr(execution, "attribution_pointing", watched)
    run(one, profile.store)
    noise = [corruption for *_, corruption in asked]
    assert {count for count, *_ in asked} == {6}
    assert noise.count(("gaussian", 0.2)) == 2
    assert [steps for *_, steps, corruption in asked if corruption == ("gaussian", 0.1)] == [3, 3], "runs are longer"
    rows = profile.store.table([one])
    for contrast in ("", "_in_contrast"):
        found = rows[rows["metric"] == f"pointing_by_input_x_gradient{contrast}"]
        assert set(found["evaluation"]) == {"clean", "gaussian", "longer", "overlap"}
        assert found["value"].between(0, 1).all()
        last = rows[rows["metric"] == "scene_accuracy"].query("split == 'test'").groupby(["evaluation", "level"])["t"].max()
        assert found.set_index(["evaluation", "level"])["t"].equals(
            last.reindex(found.set_index(["evaluation", "level"]).index)
        )


def test_another_draw_tests_the_same_weights_on_other_scenes(one, monkeypatch):
    store, compose, composed = load_profile("tiny").store, Dataset.compose, []
    run(one, store)

    def watched(data: Dataset, split, count, seed):
        composed.append((split, seed))
        return compose(data, split, count, seed)

    monkeypatch.setattr(Dataset, "compose", watched)
    other = load_profile("tiny", draw=1).experiment("multi_mnist", "gaspnet", 0)
    run(other, store)
    assert set(composed) == {("test", SEEDS["test"] + 1)}
    assert not store.table([other])["value"].equals(store.table([one])["value"])


@pytest.mark.parametrize("examples", [None, 5, 16, 100])
def test_few_examples_are_repeated_in_every_epoch_and_otherwise_every_scene_is_new(examples, one, monkeypatch):
    asked = {}

    def watched(model, scenes_of, *rest):
        asked["scenes_of"] = scenes_of
        return fit(model, scenes_of, *rest)

    monkeypatch.setattr(execution, "fit", watched)
    few = one.model_copy(update={"training": one.training.changed({"examples": examples, "scenes": 32})})
    run(few, load_profile("tiny").store)
    epochs = [asked["scenes_of"](epoch) for epoch in (0, 1)]
    assert [len(scenes) for scenes in epochs] == [32, 32]
    different = torch.cat([scenes.images for scenes in epochs]).flatten(1).unique(dim=0)
    assert len(different) == (64 if examples is None else min(examples, 32))


def test_all_models_are_tested_on_the_same_scenes():
    profile, composed = load_profile("tiny", scales=[0.8]), []

    class Watched(Dataset):
        def compose(self, split, count, seed):
            scenes = super().compose(split, count, seed)
            composed.append((split, scenes.images.sum().item()))
            return scenes

    for one in profile.experiments():
        run(one.model_copy(update={"data": Watched(**dict(one.data))}), profile.store)
    tests = [pixels for split, pixels in composed if split == "test"]
    assert len(tests) == 12  # the smaller items are first tried
    assert tests == tests[:3] * 4


def test_a_run_that_was_stopped_goes_on_and_status_tells_how_far_each_run_is(one, monkeypatch):
    profile = load_profile("tiny")
    runs = profile.experiments()
    monkeypatch.setattr("gasp.learning.training.CHECKPOINT_SECONDS", 0)

    def done() -> list[tuple[float, bool]]:
        table = status(runs, profile.store)
        assert list(table.columns) == ["dataset", "variant", "seed", "key", "trained", "tested"]
        assert table["key"].tolist() == [run.key for run in runs]
        return list(zip(table["trained"], table["tested"], strict=True))

    def stop(steps):
        told.append(steps)
        if sum(told) == 3:
            raise KeyboardInterrupt

    told: list[int] = []
    resumed: list[int] = []
    which = runs.index(one)
    stages = [done()]
    with pytest.raises(KeyboardInterrupt):
        run(one, profile.store, progress=stop)
    stages.append(done())
    with monkeypatch.context() as patch:
        patch.setattr(execution, "answers", refuse)
        with pytest.raises(AssertionError):
            run(one, profile.store, progress=resumed.append)
    assert resumed == [3, 1]
    stages.append(done())
    run(one, profile.store)
    stages.append(done())
    assert [stage.pop(which) for stage in stages] == [(0, False), (0.75, False), (1, False), (1, True)]
    assert stages == [[(0, False)] * 3] * 4


def test_progress_goes_on_while_a_run_is_tested(one):
    """Tests of a large profile take about a minute; the bar must not stand still, nor ever pass its end."""
    store, told = load_profile("tiny").store, []
    run(one, store, progress=told.append)
    tests = 1 + len(list(one.conditions()))
    assert told[-tests:] == [1] * tests
    assert sum(told) == one.steps + tests
    told.clear()
    run(one, store, progress=told.append)
    assert told == [one.steps_with_tests]


def test_other_evaluation_settings_need_no_training(one, monkeypatch):
    store = load_profile("tiny").store
    run(one, store)
    monkeypatch.setattr(execution, "fit", refuse)
    other, told = load_profile("tiny", corruptions={"gaussian": [0.2, 0.3]}).experiment("multi_mnist", "gaspnet", 0), []
    run(other, store, progress=told.append)
    before, after = store.table([one]), store.table([other])
    assert sum(told) == other.steps_with_tests
    assert after[after["evaluation"] == "gaussian"]["level"].unique().tolist() == [0.2, 0.3]
    shared = after[after["level"] != 0.3].assign(key=one.key)
    pd.testing.assert_frame_equal(shared.reset_index(drop=True), before)


def write_and_refuse(*arguments):
    write_tensors(*arguments)
    refuse()


@pytest.mark.parametrize(("place", "stop"), [("write_tensors", write_and_refuse), ("answers", refuse)])
def test_a_run_that_is_killed_when_its_weights_are_kept_leaves_no_checkpoint(place, stop, one, monkeypatch):
    store = load_profile("tiny").store
    with monkeypatch.context() as patch:
        patch.setattr(execution, place, stop)
        with pytest.raises(AssertionError):
            run(one, store)
    assert store.weights(one.weights_name).exists()
    monkeypatch.setattr(execution, "fit", refuse)
    run(one, store)
    assert one.key in store
    assert not store.checkpoint(one.weights_name).exists()


@pytest.mark.parametrize("folder", ["checkpoints", "weights", "results"])
def test_a_folder_that_cannot_be_written_is_named(folder, one):
    store = load_profile("tiny").store
    store.directory.mkdir(parents=True)
    (store.directory / folder).write_text("in the way")
    with pytest.raises(GaspError, match=folder):
        run(one, store)


def test_neither_workers_nor_threads_nor_the_order_of_runs_change_a_number(write, project, tmp_path_factory, monkeypatch):
    """Sizes and batches are those of a real run, whose sums are divided among threads."""
    write(**{"network": ..., "training.batch_size": 64, "datasets.multi_mnist.scenes.size": 32})
    tables = []
    for workers, threads, order in ((1, 1, 1), (1, 2, -1), (2, 2, -1)):
        monkeypatch.chdir(shutil.copytree(project, tmp_path_factory.mktemp("copy") / "project"))
        profile = load_profile("tiny", workers=workers, seeds=[0])
        runs = profile.experiments(["multi_mnist"], ["cnn", "gaspnet"])
        with use_threads(threads):
            run_all(runs[::order], profile)
            assert torch.get_num_threads() == threads
        tables.append(profile.store.table(runs))
    assert len(tables[0]["key"].unique()) == 2
    for table in tables[1:]:
        pd.testing.assert_frame_equal(tables[0], table, check_exact=True)


def test_a_run_that_fails_in_the_pool_is_reported_as_itself():
    profile = load_profile("tiny", workers=2)
    experiments = profile.experiments(["multi_mnist"], ["gaspnet"])
    damaged = profile.store.checkpoint(experiments[1].weights_name)
    record = {"identity": "another", "groups": [], "schedule": {}, "done": 3, "running": {}, "history": []}
    write_tensors(damaged, {"x": torch.zeros(1)}, record)
    with pytest.raises(GaspError, match="of another, not of") as error:
        run_all(experiments, profile)
    assert str(damaged) in str(error.value)


@pytest.mark.parametrize("workers", [1, 2])
def test_runs_that_fail_for_a_reason_of_their_own_do_not_stop_the_others(workers, write):
    write(**{"datasets.diverging": {"items": "embedded_digits", "training": {"learning_rate": 1e30}}})
    profile = load_profile("tiny", workers=workers, grid=[{"datasets": ["diverging", "multi_mnist"], "variants": ["cnn"]}])
    runs = profile.experiments()
    write_tensors(profile.store.weights(runs[-1].weights_name), {}, {})
    with pytest.raises(GaspError, match=r"^3 of 4 runs failed\. ") as error:
        run_all(runs, profile)
    assert [one.key in profile.store for one in runs] == [False, True, False, False]
    for one, reason in zip(runs, ("Lower learning_rate", "", "Lower learning_rate", "remove it"), strict=True):
        named = re.search(rf"cnn on {one.dataset}, seed {one.seed} \({one.key}\): .*{reason}", str(error.value))
        assert bool(named) == bool(reason)


@pytest.mark.parametrize(("device", "on_gpu"), [("cuda", True), ("auto", False), ("cpu", False)])
def test_with_a_scheduler_the_setting_says_whether_runs_ask_for_a_gpu(device, on_gpu, monkeypatch):
    asked = []
    monkeypatch.setattr(execution, "choose_device", refuse)
    monkeypatch.setattr(cluster, "distribute", lambda *arguments: asked.append(arguments[-2:]) or {})
    with pytest.raises(GaspError, match="run it again"):
        run_all(load_profile("tiny").experiments(), load_profile("tiny", device=device), "tcp://10.0.0.1:8786")
    assert asked == [(on_gpu, "tcp://10.0.0.1:8786")]


def test_what_concerns_all_runs_stops_them_at_once(monkeypatch):
    begun = []
    monkeypatch.setattr(execution, "_measure", lambda experiment, *_: begun.append(experiment) or full())
    with pytest.raises(GaspError, match="no room"):
        run_all(load_profile("tiny").experiments(), load_profile("tiny", workers=1))
    assert len(begun) == 1


def full():
    raise GaspError("no room is left")


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": [-1]},
        {"network.widths": [4]},
        {"network.widths": [4, 0]},
        {"evaluation.corruptions": {"gaussian": [-0.1]}},
        {"gaspnet.modulation": float("nan")},
        {"device": "abacus"},
        {"datasets.multi_mnist.items": "imagenet"},
        {"seeds": [2**40]},
        {"evaluation.objects": [11]},
        {"evaluation.scales": [3.0]},
        {"evaluation.scales": [9.0]},
    ],
    ids=str,
)
def test_what_no_run_can_have_is_refused_before_it_trains(change, write, monkeypatch):
    write(**change)
    monkeypatch.setattr(execution, "fit", refuse)
    with pytest.raises(GaspError):
        run_all(load_profile("tiny").experiments(["multi_mnist"], ["gaspnet"]), load_profile("tiny"))
