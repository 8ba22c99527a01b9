"""Execute runs: train, evaluate and store them, one at a time or many at once."""

from __future__ import annotations

import itertools
import math
import os
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from gasp.data.scenes import Scenes
from gasp.experiments.profile import Profile
from gasp.experiments.specification import REVISION, SEEDS, Condition, Experiment
from gasp.experiments.store import STORED_COLUMNS, Store
from gasp.experiments.trained import restore
from gasp.files import locked, read_tensors, write_tensors
from gasp.learning.attribution import Method, attribution_pointing
from gasp.learning.checkpoint import steps_done
from gasp.learning.devices import choose_device, device_name, use_threads
from gasp.learning.evaluation import accuracy, answers, phase_statistics
from gasp.learning.training import fit, no_progress, terminable
from gasp.models import Model
from gasp.settings import GaspError, RunError

__all__ = ["run", "run_all", "status"]

FEW = 64  # scenes that are composed to see whether they can be
ATTRIBUTED = 500  # scenes of each condition that have attributions, each of which takes up to a hundred forward runs


def run(experiment: Experiment, store: Store, device: str = "auto", progress: Callable[[int], object] = no_progress) -> None:
    """Train and evaluate one model, unless its results are in the store.

    If two processes are given the same run, the second waits and then finds the results of the first.

    Args:
        progress: called with the number of new steps, of training or of testing: ``experiment.steps_with_tests`` in all.

    Raises:
        GaspError: for missing data, and as raised by :func:`gasp.learning.training.fit`.
    """
    with locked(store.checkpoint(experiment.weights_name).with_suffix(".lock")):
        store.sweep(experiment.key, experiment.weights_name)
        if experiment.key in store:
            progress(experiment.steps_with_tests)
        else:
            _measure(experiment, store, device, progress)


def _measure(experiment: Experiment, store: Store, device: str, progress: Callable[[int], object]) -> None:
    """Train and evaluate one model, and store the results."""
    started = time.monotonic()
    model = experiment.build().to(choose_device(device))
    _try_tests(experiment)
    rows = _Rows()
    history = _train(model, experiment, store, progress)
    for epoch in history:
        for split in ("train", "validation"):
            rows.add(split, "training", epoch["epoch"], epoch[split])
    correct = _evaluate(model, experiment, rows, progress)
    record = {
        "key": experiment.key,
        "specification": experiment.model_dump(mode="json"),
        "revision": REVISION,
        "weights": experiment.weights_name,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "device": device_name(next(model.parameters()).device),
        "threads": torch.get_num_threads(),
        "seconds": round(time.monotonic() - started, 1),
    }
    store.save(experiment.key, rows.table(), record, correct)


def _try_tests(experiment: Experiment) -> None:
    """Compose a few scenes of every change, so that impossible ones are refused before training and not after it."""
    asked = experiment.evaluation
    for condition in experiment.conditions():
        if condition.scenes:
            try:
                changed = experiment.data.with_scenes(condition.scenes)
                changed.compose(asked.split, min(FEW, asked.sweep_scenes), SEEDS[asked.split] + asked.draw)
            except GaspError as error:
                test = f"{condition.evaluation}, level {condition.level:g}"
                raise GaspError(f"{experiment.title}, cannot be tested ({test}): {error}") from None


def _evaluate(model: Model, experiment: Experiment, rows: _Rows, progress: Callable[[int], object]) -> dict[str, Tensor]:
    """Evaluate a trained model under every condition.

    Returns:
        for each condition, the share of each scene that was right at the first and the last step, ``(2, n)``; see
        :meth:`gasp.experiments.store.Store.correct`.
    """
    asked, data, correct = experiment.evaluation, experiment.data, {}

    def add(condition: Condition, shown: Scenes) -> None:
        place = (asked.split, condition.evaluation, condition.level)
        found = answers(model, shown, condition.corruption, condition.steps)
        rows.add(*place, found.metrics())
        of_scenes = found.correct()
        if found.binding:
            rows.add(*place, found.binding.metrics())
            if condition.evaluation == "clean":  # for disturbed scenes the table has the means
                of_scenes |= found.binding.of_scenes()
        prefix = f"{condition.evaluation}/{condition.level:g}"
        correct.update({f"{prefix}/{what}": values[[0, -1]] for what, values in of_scenes.items()})
        attributed = _attributed(model, shown[:ATTRIBUTED], asked.attributions, condition)
        rows.add(*place, attributed, start=len(found.loss) - 1)

    seed = SEEDS[asked.split] + asked.draw
    scenes = data.compose(asked.split, asked.scenes, seed)
    some = scenes[: asked.sweep_scenes]
    add(Condition("clean", 0.0), scenes)
    for layer, statistics in enumerate(phase_statistics(model, some), start=1):
        rows.add(asked.split, "phases", layer, statistics)
    progress(1)
    for condition in experiment.conditions():
        shown = some
        if condition.scenes:
            shown = data.with_scenes(condition.scenes).compose(asked.split, asked.sweep_scenes, seed)
        add(condition, shown)
        progress(1)
    return correct


def _attributed(model: Model, scenes: Scenes, methods: Sequence[Method], condition: Condition) -> dict[str, list[float]]:
    """The share of objects to which each attribution points at the last time step, without and with contrast."""
    shares = {}
    for method, contrast in itertools.product(methods, (False, True)):
        pointed = attribution_pointing(model, scenes, method, contrast, condition.corruption, steps=condition.steps)
        shares[f"pointing_by_{method}{'_in_contrast' if contrast else ''}"] = [pointed.float().mean().item()]
    return shares


def _train(model: Model, experiment: Experiment, store: Store, progress: Callable[[int], object]) -> list[dict[str, Any]]:
    """Load the model's trained weights or train it; return the history of its epochs."""
    weights, checkpoint = store.weights(experiment.weights_name), store.checkpoint(experiment.weights_name)
    if weights.exists():
        tensors, record = read_tensors(weights)
        restore(model, tensors, weights)
        checkpoint.unlink(missing_ok=True)  # left over if a process was killed after it had written the weights
        progress(experiment.steps)
        return list(record["history"])
    validation = experiment.data.compose("validation", experiment.evaluation.validation_scenes, SEEDS["validation"])
    history = fit(
        model,
        partial(_training_scenes, experiment),
        partial(accuracy, scenes=validation),
        experiment.training,
        experiment.seed,
        checkpoint,
        experiment.weights_name,
        progress,
    )
    record = {"specification": experiment.model_dump(mode="json"), "sizes": experiment.data.sizes(), "history": history}
    write_tensors(weights, model.state_dict(), record)
    checkpoint.unlink()
    return history


def _training_scenes(experiment: Experiment, epoch: int) -> Scenes:
    """The scenes of an epoch: new ones, or the few examples of the run, repeated."""
    count, examples = experiment.training.scenes, experiment.training.examples
    if examples is None:
        return experiment.data.compose("train", count, experiment.seed * 10_000 + epoch)
    few = experiment.data.compose("train", min(examples, count), experiment.seed * 10_000)
    return Scenes.joined([few] * math.ceil(count / len(few)))[:count]


class _Rows:
    """The rows of a table of results."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []

    def add(self, split: str, evaluation: str, level: float, metrics: dict[str, list[float]], start: int = 0) -> None:
        """Add metrics, a list over time steps each, from step ``start`` on."""
        for metric, values in metrics.items():
            for t, value in enumerate(values, start):
                self.rows.append([split, evaluation, level, t, metric, value])

    def table(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows, columns=STORED_COLUMNS)


def run_all(experiments: Iterable[Experiment], profile: Profile, scheduler: str = "") -> pd.DataFrame:
    """The results of runs as one table. Runs without stored results are executed first, several at once.

    If a run fails for a reason of its own, as when it diverges, the others go on; what concerns them all ends them at once.

    Args:
        scheduler: address of a Dask scheduler whose workers share the store's folder; when empty, only this machine is used.

    Raises:
        GaspError: for runs that failed, with the reason of each; and as raised by :func:`run` and
            :func:`gasp.experiments.cluster.distribute`.
    """
    experiments = list(experiments)
    store = profile.store
    missing = {experiment.key: experiment for experiment in experiments if experiment.key not in store}
    if missing:
        cores, on_gpu = os.cpu_count() or 1, profile.device.startswith("cuda")
        if not scheduler:  # its workers choose the device, and this machine may have another
            on_gpu = choose_device(profile.device).type != "cpu"
        workers = min(profile.workers or (max(torch.accelerator.device_count(), 1) if on_gpu else cores), len(missing))
        # rounding depends on the number of threads, so a run on a CPU always has one
        threads = max(cores // workers, 1) if on_gpu else 1
        steps = sum(experiment.steps_with_tests for experiment in missing.values())
        tasks = {key: (experiment, store, profile.device) for key, experiment in missing.items()}
        with (
            terminable(),
            tqdm(
                total=steps, desc=f"training and testing, {len(missing)} to do", unit="step", smoothing=0.02, mininterval=1
            ) as bar,
        ):
            if workers == 1 and not scheduler:
                with use_threads(threads):
                    reasons = {key: _attempt(*task, bar.update) for key, task in tasks.items()}
            else:
                from gasp.experiments.cluster import distribute  # slow to import, and not needed where all runs are done

                reasons = dict(distribute(_attempt, tasks, bar.update, workers, threads, on_gpu, scheduler))
        failed = [f"{missing[key].title} ({key}): {reason}" for key, reason in reasons.items() if reason]
        if failed:
            raise GaspError(f"{len(failed)} of {len(missing)} runs failed. {'; '.join(failed)}")
    return store.table(experiments)


def _attempt(experiment: Experiment, store: Store, device: str, progress: Callable[[int], object]) -> str:
    """Execute a run. Returns why it failed, if the reason is its own, or nothing."""
    try:
        run(experiment, store, device, progress)
    except RunError as error:
        return str(error)
    return ""


def status(experiments: Iterable[Experiment], store: Store) -> pd.DataFrame:
    """One row per run: ``dataset``, ``variant``, ``seed``, ``key``, ``trained`` (the share of its steps; NaN if its checkpoint
    is damaged), ``tested``.
    """
    rows = []
    for run in experiments:
        tested = run.key in store
        trained = float(tested or store.weights(run.weights_name).exists())
        try:
            trained = trained or steps_done(store.checkpoint(run.weights_name)) / run.steps
        except RunError:
            trained = math.nan
        rows.append([run.dataset, run.variant, run.seed, run.key, trained, tested])
    return pd.DataFrame(rows, columns=["dataset", "variant", "seed", "key", "trained", "tested"])
