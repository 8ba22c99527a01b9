"""Trained models: found by the run that trained them, and ready for use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from gasp.experiments.profile import Profile, load_profile
from gasp.experiments.specification import Experiment
from gasp.experiments.store import Store
from gasp.files import read_tensors
from gasp.learning.devices import choose_device
from gasp.models import Model
from gasp.settings import GaspError, RunError

__all__ = ["load", "load_example", "load_run", "restore"]


def load(
    variant: str = "gaspnet",
    dataset: str = "multi_mnist",
    seed: int = 0,
    profile: str | Profile = "cpu",
    device: str = "auto",
    **overrides: Any,
) -> Model:
    """A trained model, ready for images ``(B, channels, size, size)`` in [0, 1].

    Args:
        profile: a profile or its name.
        overrides: replacements of single settings, if the profile is given by name; see
            :func:`gasp.experiments.profile.load_profile`.

    Raises:
        GaspError: if the run has no stored weights, if a name or the device is unknown or unavailable, and for overrides of a
            profile that is already loaded.
    """
    if isinstance(profile, Profile) and overrides:
        raise GaspError(f"a loaded profile cannot be overridden: give {', '.join(overrides)} to load_profile")
    settings = load_profile(profile, **overrides) if isinstance(profile, str) else profile
    experiment = settings.experiment(dataset, variant, seed)
    seeds = [run.seed for run in settings.experiments([dataset], [variant])]
    if seed not in seeds and not settings.store.weights(experiment.weights_name).exists():
        has = f"seeds {', '.join(map(str, seeds))}" if seeds else "none"
        raise GaspError(f"profile {settings.name} has no run of {experiment.title}; of {variant} on {dataset} it has {has}")
    return load_run(experiment, settings.store).to(choose_device(device))


def load_run(experiment: Experiment, store: Store) -> Model:
    """The trained model of a run, on the CPU.

    Raises:
        GaspError: if the run has no stored weights.
    """
    path = store.weights(experiment.weights_name)
    if not path.exists():
        which = f"--profile {store.directory.name} --dataset {experiment.dataset} --seed {experiment.seed}"
        results = store.directory / "results" / f"{experiment.key}.*"
        raise GaspError(
            f"no trained weights at {path}: the project stores some only. To train it, remove {results} if there are any, "
            f"then gasp experiments run {which} --variant {experiment.variant}"
        )
    tensors, record = read_tensors(path)
    model = experiment.build(record.get("sizes"))  # so that no data are needed
    restore(model, tensors, path)
    return model


def load_example(profile: Profile, variant: str = "gaspnet", dataset: str = "multi_mnist") -> Model:
    """A trained network for demonstrations, on the CPU: see :attr:`Profile.examples`.

    Raises:
        GaspError: as raised by :func:`load`.
    """
    return load(variant, dataset, profile=profile.examples, device="cpu")


def restore(model: Model, tensors: dict[str, Tensor], weights: Path) -> None:
    """Give a model its trained weights.

    Raises:
        GaspError: if they are those of another model.
    """
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise RunError(f"{weights} does not hold the weights of this model: remove it and train again") from error
    model.eval()
